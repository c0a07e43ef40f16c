/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vfpool cordon`: hands out nothing more of a VF, or of all VFs of a PF. */
#include "cli.h"

const CliOption cli_cordon_options[] = {
  { "reason", "TEXT", "why, for those who read vfpool status" },
  {},
};

gboolean
cli_cordon (Vfpool *vfpool, const CliCall *call, GError **error) {
  return vfpool_cordon (vfpool, call->operand, cli_call_value (call, "reason"), error);
}
