/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vfpool up`: makes the VFs, at boot and by hand. Silent when all is well, as a boot step should be. */
#include "cli.h"

gboolean
cli_up (Vfpool *vfpool, const CliCall *call G_GNUC_UNUSED, GError **error) {
  return vfpool_up (vfpool, error);
}
