/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attributes first, then the driver: some devices take a MAC only when their driver starts. After the driver moved the
 * attributes are looked at once more, because moving it resets the VF. On the way back the VF is reset first of all, so
 * that nothing of a guest is left in it for the next one.
 */
#include "device.h"
#include "prepare.h"
#include "vfnet.h"

#include <linux/if_ether.h>
#include <string.h>

/* The network interface through which the VF's attributes are set; NULL: it has none (it is no VF, or no NIC's). */
static char *
find_pf_netdev (const char *root, const VfpoolFunction *function) {
  if (!vfpool_vfnet_sees (root) || !function->pf || function->index < 0)
    return NULL;
  return vfpool_host_netdev (root, function->pf);
}

static gboolean
asks_for_attributes (const VfpoolLease *lease) {
  return lease->mac || lease->vlan != VFPOOL_VLAN_UNSET;
}

gboolean
vfpool_prepare_save (const char *root, const VfpoolFunction *function, VfpoolLease *lease, GError **error) {
  g_autofree char *netdev = find_pf_netdev (root, function);

  if (!netdev && asks_for_attributes (lease)) {
    g_set_error (
        error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
        "slot %s asks for a MAC or VLAN, but %s is no function of a network card: take them out of the request",
        lease->slot, lease->address);
    return FALSE;
  }
  if (lease->has_saved)
    return TRUE;
  if (netdev && !vfpool_vfnet_read (netdev, function->index, &lease->saved, error)) {
    g_prefix_error (error, "%s: ", lease->address);
    return FALSE;
  }
  lease->has_saved = TRUE;
  return TRUE;
}

/* What @lease asks for. */
static VfpoolVfnet
wanted_of (const VfpoolLease *lease) {
  VfpoolVfnet wanted;

  vfpool_vfnet_unset (&wanted);
  if (lease->mac)
    g_strlcpy (wanted.mac, lease->mac, sizeof wanted.mac);
  wanted.vlan = lease->vlan;
  wanted.vlan_proto = ETH_P_8021Q;
  return wanted;
}

static gboolean
set_attributes (const char *netdev, const VfpoolFunction *function, const VfpoolVfnet *wanted, GError **error) {
  if (!netdev || vfpool_vfnet_set (netdev, function->index, wanted, error))
    return TRUE;
  g_prefix_error (error, "%s: ", function->address);
  return FALSE;
}

/* The same, and what the request leaves open is as it was before the guest had the VF: the guest may have asked for more the
 * last time, and not have given the VF back since. */
static VfpoolVfnet
wanted_anew (const VfpoolLease *lease) {
  VfpoolVfnet wanted = lease->saved;

  if (lease->mac)
    g_strlcpy (wanted.mac, lease->mac, sizeof wanted.mac);
  if (lease->vlan != VFPOOL_VLAN_UNSET) {
    wanted.vlan = lease->vlan;
    wanted.vlan_qos = 0;
    wanted.vlan_proto = ETH_P_8021Q;
  }
  return wanted;
}

gboolean
vfpool_prepare (const char *root, const VfpoolFunction *function, const VfpoolLease *lease, GError **error) {
  g_autofree char *netdev = find_pf_netdev (root, function);
  const VfpoolVfnet anew = wanted_anew (lease), wanted = wanted_of (lease);

  return set_attributes (netdev, function, &anew, error) && vfpool_device_bind_vfio (root, lease->address, error)
         && (!asks_for_attributes (lease) || set_attributes (netdev, function, &wanted, error));
}

gboolean
vfpool_prepare_is_done (const char *root, const VfpoolFunction *function, const VfpoolLease *lease) {
  g_autofree char *netdev = asks_for_attributes (lease) ? find_pf_netdev (root, function) : NULL;
  const VfpoolVfnet wanted = wanted_of (lease);
  VfpoolVfnet now;

  return vfpool_device_is_parked (root, lease->address, VFPOOL_PARK_VFIO)
         && (!netdev
             || (vfpool_vfnet_read (netdev, function->index, &now, NULL) && vfpool_vfnet_is_as (&now, &wanted)));
}

/* What @lease's VF shall be like once its driver is @park's. A host's driver that finds no MAC set by the PF makes one up, and
 * its PF takes it: then there is none to compare. */
static VfpoolVfnet
parked_of (const VfpoolLease *lease, VfpoolPark park) {
  VfpoolVfnet wanted = lease->saved;

  if (park == VFPOOL_PARK_HOST && strcmp (wanted.mac, VFPOOL_MAC_NONE) == 0)
    *wanted.mac = '\0';
  return wanted;
}

/* The way to the attributes that were saved is gone: the PF's interface may have been moved to another network namespace. */
static gboolean
check_way_back (const char *root, const VfpoolLease *lease, const char *netdev, GError **error) {
  if (!vfpool_vfnet_sees (root) || netdev || !*lease->saved.mac)
    return TRUE;
  g_set_error (
      error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL,
      "cannot put back MAC and VLAN of %s: its PF has no network interface any more (in this network namespace)",
      lease->address);
  return FALSE;
}

gboolean
vfpool_restore (const char *root, const VfpoolFunction *function, const VfpoolLease *lease, VfpoolPark park,
                GError **error) {
  g_autofree char *netdev = lease->has_saved ? find_pf_netdev (root, function) : NULL;
  const VfpoolVfnet parked = parked_of (lease, park);

  return check_way_back (root, lease, netdev, error) && vfpool_device_reset (root, lease->address, error)
         && set_attributes (netdev, function, &lease->saved, error)
         && vfpool_device_park (root, lease->address, park, error) && set_attributes (netdev, function, &parked, error);
}
