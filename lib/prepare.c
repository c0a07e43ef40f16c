/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attributes first, then the driver: some devices take a MAC only when their driver starts. After the driver moved the
 * attributes are looked at once more, because moving it resets the VF.
 */
#include "device.h"
#include "prepare.h"
#include "vfnet.h"

/* The network interface through which the VF's attributes are set; NULL: it has none (it is no VF, or no NIC's). */
static char *
find_pf_netdev (const char *root, const VfpoolFunction *function) {
  /* Netlink speaks to the running kernel only; a tree that stands in for it has no network. */
  if (*root || !function->pf || function->index < 0)
    return NULL;
  return vfpool_host_netdev (root, function->pf);
}

gboolean
vfpool_prepare_save (const char *root, const VfpoolFunction *function, VfpoolLease *lease, GError **error) {
  g_autofree char *netdev = find_pf_netdev (root, function);
  VfpoolVfnet now;

  if (!netdev && (lease->mac || lease->vlan != VFPOOL_VLAN_UNSET)) {
    g_set_error (
        error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
        "slot %s asks for a MAC or VLAN, but %s is no function of a network card: take them out of the request",
        lease->slot, lease->address);
    return FALSE;
  }
  if (netdev) {
    if (!vfpool_vfnet_read (netdev, function->index, &now, error)) {
      g_prefix_error (error, "%s: ", lease->address);
      return FALSE;
    }
    g_free (lease->saved_mac);
    lease->saved_mac = g_strdup (now.mac);
    lease->saved_vlan = now.vlan;
    lease->saved_qos = now.qos;
  }
  lease->has_saved = TRUE;
  return TRUE;
}

static gboolean
set_attributes (const char *netdev, const VfpoolFunction *function, const VfpoolLease *lease, GError **error) {
  if (!lease->mac && lease->vlan == VFPOOL_VLAN_UNSET)
    return TRUE;
  if (vfpool_vfnet_set (netdev, function->index, lease->mac, lease->vlan, 0, error))
    return TRUE;
  g_prefix_error (error, "%s: ", lease->address);
  return FALSE;
}

gboolean
vfpool_prepare (const char *root, const VfpoolFunction *function, const VfpoolLease *lease, GError **error) {
  g_autofree char *netdev = find_pf_netdev (root, function);

  return set_attributes (netdev, function, lease, error) && vfpool_device_bind_vfio (root, lease->address, error)
         && set_attributes (netdev, function, lease, error);
}

gboolean
vfpool_restore (const char *root, const VfpoolFunction *function, const VfpoolLease *lease, VfpoolPark park,
                GError **error) {
  g_autofree char *netdev = find_pf_netdev (root, function);

  if (netdev && lease->has_saved && lease->saved_mac
      && !vfpool_vfnet_set (netdev, function->index, lease->saved_mac, lease->saved_vlan, lease->saved_qos, error)) {
    g_prefix_error (error, "%s: ", lease->address);
    return FALSE;
  }
  return vfpool_device_park (root, lease->address, park, error);
}
