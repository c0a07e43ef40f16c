/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vfpool uncordon`: ends what `vfpool cordon` began. */
#include "cli.h"

gboolean
cli_uncordon (Vfpool *vfpool, const CliCall *call, GError **error) {
  return vfpool_uncordon (vfpool, call->operand, error);
}
