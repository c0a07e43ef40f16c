/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See leases.h. */
#include "leases.h"

#include <stdio.h>
#include <string.h>

#include "report.h"

VfpoolLease *
pve_find_lease (GPtrArray *leases, const char *bdf) {
  for (guint i = 0; i < leases->len; i++)
    if (!strcmp (vfpool_lease_get_address (g_ptr_array_index (leases, i)), bdf))
      return g_ptr_array_index (leases, i);
  return NULL;
}

void
pve_print_lease (const char *slot, const VfpoolLease *lease, const char *more) {
  const char *mac = vfpool_lease_get_mac (lease);
  int vlan = vfpool_lease_get_vlan (lease);

  printf ("vfpool: %s: %s of pool %s", slot, vfpool_lease_get_address (lease), vfpool_lease_get_pool (lease));
  if (mac)
    printf (", MAC %s", mac);
  if (vlan != VFPOOL_VLAN_UNSET)
    printf (", VLAN %d", vlan);
  printf ("%s%s\n", more ? ", " : "", more ? more : "");
}

void
pve_give_back (Vfpool *vfpool, GPtrArray *before, GPtrArray *leases) {
  for (guint i = 0; i < leases->len; i++) {
    g_autoptr (GError) failure = NULL;
    VfpoolLease *lease = g_ptr_array_index (leases, i);

    if (!pve_find_lease (before, vfpool_lease_get_address (lease)) && !vfpool_release_lease (vfpool, lease, &failure))
      report_error (failure);
  }
}
