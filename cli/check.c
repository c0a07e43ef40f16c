/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vfpool check`: asked by a person, so it also answers when all is well. */
#include "cli.h"

gboolean
cli_check (Vfpool *vfpool, const CliCall *call G_GNUC_UNUSED, GError **error) {
  return vfpool_check (vfpool, error) && cli_print ("the configuration fits this host\n", error);
}
