/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vfpool release`: takes back all that a guest holds. */
#include "cli.h"

const CliOption cli_release_options[] = {
  { "guest", "KIND/ID", "who gives back: libvirt/UUID, pve-qemu/VMID, pve-lxc/VMID or manual/NAME", TRUE },
  {},
};

gboolean
cli_release (Vfpool *vfpool, const CliCall *call, GError **error) {
  VfpoolGuestKind kind;
  g_autofree char *id = NULL;

  if (!vfpool_guest_parse (cli_call_value (call, "guest"), &kind, &id, error))
    return FALSE;
  return vfpool_release (vfpool, kind, id, error);
}
