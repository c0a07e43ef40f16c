/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vfpool reconcile`: what it did is told by the library's messages, so that silence means that nothing was to do. */
#include "cli.h"

gboolean
cli_reconcile (Vfpool *vfpool, const CliCall *call G_GNUC_UNUSED, GError **error) {
  return vfpool_reconcile (vfpool, error);
}
