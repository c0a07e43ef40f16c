/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the VF was like before the guest had it cannot be known any more; what a VF is like that nobody configured (no MAC set by
 * the PF, no VLAN) is put back.
 */
#include "adopt.h"
#include "guest.h"
#include "work.h"

/* What a VF is like that nobody configured. */
static void
save_defaults (VfpoolLease *lease, const char *root, const VfpoolFunction *function) {
  g_autofree char *netdev = function->pf && function->index >= 0 ? vfpool_host_netdev (root, function->pf) : NULL;

  lease->has_saved = TRUE;
  if (!netdev)
    return;
  g_strlcpy (lease->saved.mac, VFPOOL_MAC_NONE, sizeof lease->saved.mac);
  lease->saved.vlan = 0;
}

VfpoolLease *
vfpool_adopt (Vfpool *self, const VfpoolFunction *function, const char *pool, int pid, const char *slot) {
  g_autoptr (VfpoolLease) lease = vfpool_lease_new ();

  if (!vfpool_guest_of_process (self->root, pid, &lease->guest_kind, &lease->guest_id, &lease->guest_name))
    return NULL;
  lease->address = g_strdup (function->address);
  lease->slot = slot ? g_strdup (slot) : g_strdup_printf ("recovered-%s", function->address);
  lease->pool = g_strdup (pool);
  lease->state = VFPOOL_LEASE_ACTIVE;
  lease->is_attached = TRUE;
  lease->boot_id = g_strdup (self->boot_id);
  vfpool_work_stamp (lease);
  save_defaults (lease, self->root, function);
  return g_steal_pointer (&lease);
}
