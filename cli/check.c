/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vfpool check`: asked by a person, so it also answers when all is well. On a Proxmox VE node it looks at mappings and guests, too. */
#include "cli.h"
#include "pve.h"

static gboolean
check_pve (const CliCall *call, GError **error) {
  g_autoptr (GError) failure = NULL;

  if (!cli_pve_is_node (call) || cli_pve_run (call, "check", NULL, &failure))
    return TRUE;
  /* The part for Proxmox VE is not installed. */
  if (g_error_matches (failure, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}

/* Both look, whatever the first has found; its error is the one that ends the program. */
gboolean
cli_check (Vfpool *vfpool, const CliCall *call, GError **error) {
  gboolean fits = vfpool_check (vfpool, error);

  if (!check_pve (call, fits ? error : NULL) || !fits)
    return FALSE;
  return cli_print ("the configuration fits this host\n", error);
}
