/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attributes first, then the driver: some devices take a MAC only when their driver starts. After the driver moved the
 * attributes are looked at once more, because moving it resets the VF. On the way back the VF is reset first of all, so
 * that nothing of a guest is left in it for the next one.
 *
 * A VF for the kernel's own driver is taken off that driver both times, whatever it was on. So its network interface is a new
 * one, with the MAC that was set through the PF; and when it comes back it is once more a new one, with the name, the settings
 * and the addresses (none) that it has after a boot, whatever the container did to it.
 */
#include "device.h"
#include "netdev.h"
#include "prepare.h"
#include "sysfs.h"
#include "vfnet.h"

#include <linux/if_ether.h>
#include <string.h>

#define PCI_CLASS_NETWORK 0x02

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

/* Other devices are left off the kernel's driver: there is nothing of them that a container could be given, and not each
 * driver copes with each VF. */
static gboolean
check_class (const char *root, const VfpoolLease *lease, GError **error) {
  if (lease->driver == VFPOOL_DRIVER_VFIO
      || vfpool_sysfs_read_int (root, 0, "/sys/bus/pci/devices/%s/class", lease->address) >> 16 == PCI_CLASS_NETWORK)
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
               "slot %s asks for a network interface, but %s is no function of a network card", lease->slot,
               lease->address);
  return FALSE;
}

gboolean
vfpool_prepare_save (const char *root, const VfpoolFunction *function, VfpoolLease *lease, GError **error) {
  g_autofree char *netdev = find_pf_netdev (root, function);

  if (!check_class (root, lease, error))
    return FALSE;

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

/* Only for one that was saved: one that was not is still as it was found. */
static gboolean
take_off_host_driver (const char *root, const VfpoolLease *lease, GError **error) {
  return lease->driver == VFPOOL_DRIVER_VFIO || !lease->has_saved
         || vfpool_device_park (root, lease->address, VFPOOL_PARK_NONE, error);
}

static gboolean
bind_driver (const char *root, const VfpoolLease *lease, GError **error) {
  if (lease->driver == VFPOOL_DRIVER_VFIO)
    return vfpool_device_bind_vfio (root, lease->address, error);
  return vfpool_device_park (root, lease->address, VFPOOL_PARK_HOST, error)
         && vfpool_netdev_wait (root, lease->address, lease->mac, error);
}

gboolean
vfpool_prepare (const char *root, const VfpoolFunction *function, const VfpoolLease *lease, GError **error) {
  g_autofree char *netdev = find_pf_netdev (root, function);
  const VfpoolVfnet anew = wanted_anew (lease), wanted = wanted_of (lease);

  return take_off_host_driver (root, lease, error) && set_attributes (netdev, function, &anew, error)
         && bind_driver (root, lease, error)
         && (!asks_for_attributes (lease) || set_attributes (netdev, function, &wanted, error));
}

static gboolean
is_on_driver (const char *root, const VfpoolLease *lease) {
  if (lease->driver == VFPOOL_DRIVER_VFIO)
    return vfpool_device_is_parked (root, lease->address, VFPOOL_PARK_VFIO);
  return vfpool_device_is_parked (root, lease->address, VFPOOL_PARK_HOST)
         && vfpool_netdev_is_here (root, lease->address, lease->mac);
}

gboolean
vfpool_prepare_is_done (const char *root, const VfpoolFunction *function, const VfpoolLease *lease) {
  g_autofree char *netdev = asks_for_attributes (lease) ? find_pf_netdev (root, function) : NULL;
  const VfpoolVfnet wanted = wanted_of (lease);
  VfpoolVfnet now;

  return is_on_driver (root, lease)
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

static gboolean
gets_interface_back (const VfpoolLease *lease, VfpoolPark park) {
  return lease->driver == VFPOOL_DRIVER_HOST && lease->has_saved && park == VFPOOL_PARK_HOST;
}

gboolean
vfpool_restore (const char *root, const VfpoolFunction *function, const VfpoolLease *lease, VfpoolPark park,
                GError **error) {
  g_autofree char *netdev = lease->has_saved ? find_pf_netdev (root, function) : NULL;
  const VfpoolVfnet parked = parked_of (lease, park);

  return check_way_back (root, lease, netdev, error) && take_off_host_driver (root, lease, error)
         && vfpool_device_reset (root, lease->address, error) && set_attributes (netdev, function, &lease->saved, error)
         && vfpool_device_park (root, lease->address, park, error) && set_attributes (netdev, function, &parked, error)
         && (!gets_interface_back (lease, park) || vfpool_netdev_wait (root, lease->address, NULL, error));
}
