/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vfpool release`: takes back all that a guest holds, or one VF that had to be quarantined. */
#include "cli.h"

const CliOption cli_release_options[] = {
  { "guest", "KIND/ID", "who gives back: libvirt/UUID, pve-qemu/VMID, pve-lxc/VMID or manual/NAME", FALSE },
  { "quarantined", "ADDRESS", "a quarantined VF, after you have looked at why", FALSE },
  {},
};

gboolean
cli_release (Vfpool *vfpool, const CliCall *call, GError **error) {
  const char *guest = cli_call_value (call, "guest"), *quarantined = cli_call_value (call, "quarantined");
  VfpoolGuestKind kind;
  g_autofree char *id = NULL;

  if (quarantined)
    return vfpool_release_quarantined (vfpool, quarantined, error);
  return vfpool_guest_parse (guest, &kind, &id, error) && vfpool_release (vfpool, kind, id, error);
}
