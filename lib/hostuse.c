/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is the host itself using this function? A management NIC or a disk with a mounted file system must never be taken
 * away, and a VF with the host's own driver may be just that. A function counts as used when
 *  - a network interface on it carries a default route, is part of a bridge, bond or the like (`master`), has something
 *    stacked on it (`upper_`), or has an address other than an IPv6 link-local one (the kernel gives those by itself);
 *  - its network interface is in another network namespace: a container has it, or somebody put it there;
 *  - a block device on it, or a partition of one, is mounted, swapped to, or held by another block device (LVM, RAID).
 */
#include "host.h"
#include "netdev.h"
#include "sysfs.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether /proc/net/route (columns: Iface Destination Gateway Flags RefCnt Use Metric Mask) has a default route by
 * @name. */
static gboolean
has_default_route4 (const char *root, const char *name) {
  g_autofree char *path = g_strconcat (root, "/proc/net/route", NULL), *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line; line++) {
    char iface[64], destination[16], mask[16];
    if (sscanf (*line, "%63s %15s %*s %*s %*s %*s %*s %15s", iface, destination, mask) == 3 && strcmp (iface, name) == 0
        && strcmp (destination, "00000000") == 0 && strcmp (mask, "00000000") == 0)
      return TRUE;
  }
  return FALSE;
}

/* /proc/net/ipv6_route: destination, prefix length, source, prefix length, next hop, metric, refs, use, flags, iface.
 * The kernel keeps a reject route for ::/0 on lo, which is why the name counts. */
static gboolean
has_default_route6 (const char *root, const char *name) {
  g_autofree char *path = g_strconcat (root, "/proc/net/ipv6_route", NULL), *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line; line++) {
    char destination[33], length[3], iface[64];
    if (sscanf (*line, "%32s %2s %*s %*s %*s %*s %*s %*s %*s %63s", destination, length, iface) == 3
        && strcmp (iface, name) == 0 && strspn (destination, "0") == 32 && strcmp (length, "00") == 0)
      return TRUE;
  }
  return FALSE;
}

/* Interface addresses are asked of the running kernel; a fixture tree has none. */
static gboolean
has_address (const char *root, const char *name) {
  struct ifaddrs *all = NULL;
  gboolean found = FALSE;

  if (*root || getifaddrs (&all) != 0)
    return FALSE;
  for (struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
    if (!i->ifa_addr || strcmp (i->ifa_name, name) != 0)
      continue;
    if (i->ifa_addr->sa_family == AF_INET)
      found = TRUE;
    else if (i->ifa_addr->sa_family == AF_INET6)
      found = !IN6_IS_ADDR_LINKLOCAL (&((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr);
  }
  freeifaddrs (all);
  return found;
}

static gboolean
has_upper (const char *root, const char *name) {
  g_auto (GStrv) entries = vfpool_sysfs_list (root, "/sys/class/net/%s", name);

  for (char **entry = entries; *entry; entry++)
    if (g_str_has_prefix (*entry, "upper_"))
      return TRUE;
  return FALSE;
}

static char *
find_network_use (const char *root, const char *bdf) {
  g_auto (GStrv) names = vfpool_sysfs_list (root, "/sys/bus/pci/devices/%s/net", bdf);

  if (vfpool_netdev_is_away (root, bdf))
    return g_strdup ("its network interface is in another network namespace");
  for (char **name = names; *name; name++) {
    g_autofree char *master = vfpool_sysfs_link_name (root, "/sys/class/net/%s/master", *name);
    if (has_default_route4 (root, *name) || has_default_route6 (root, *name))
      return g_strdup_printf ("its interface %s carries the host's default route", *name);
    if (master)
      return g_strdup_printf ("its interface %s belongs to the host's %s", *name, master);
    if (has_upper (root, *name))
      return g_strdup_printf ("the host has interfaces stacked on its interface %s", *name);
    if (has_address (root, *name))
      return g_strdup_printf ("its interface %s has an address of the host", *name);
  }
  return NULL;
}

/* Whether the block device @number ("259:3") named @name is mounted or swapped to. */
static gboolean
is_mounted (const char *root, const char *number, const char *name) {
  g_autofree char *mounts_path = g_strconcat (root, "/proc/self/mountinfo", NULL);
  g_autofree char *swaps_path = g_strconcat (root, "/proc/swaps", NULL);
  g_autofree char *mounts = NULL, *swaps = NULL, *field = g_strdup_printf (" %s ", number);
  g_autofree char *swap = g_strdup_printf ("/dev/%s ", name);

  if (g_file_get_contents (mounts_path, &mounts, NULL, NULL) && strstr (mounts, field))
    return TRUE;
  return g_file_get_contents (swaps_path, &swaps, NULL, NULL) && strstr (swaps, swap);
}

/* What uses the disk or partition @name, whose sysfs folder is @folder; NULL: nothing. */
static char *
find_block_use (const char *root, const char *folder, const char *name) {
  g_autofree char *number = vfpool_sysfs_read ("", "%s/dev", folder);
  g_auto (GStrv) holders = vfpool_sysfs_list ("", "%s/holders", folder);

  if (number && is_mounted (root, number, name))
    return g_strdup_printf ("its block device %s is mounted or used as swap", name);
  if (holders[0])
    return g_strdup_printf ("its block device %s is held by %s", name, holders[0]);
  return NULL;
}

/* What uses the disk whose sysfs folder is @folder, or one of its partitions; NULL: nothing. */
static char *
find_disk_use (const char *root, const char *folder) {
  g_autofree char *disk = g_path_get_basename (folder);
  g_auto (GStrv) parts = vfpool_sysfs_list ("", "%s", folder);
  char *use = find_block_use (root, folder, disk);

  for (char **part = parts; *part && !use; part++) {
    g_autofree char *part_folder = g_strdup_printf ("%s/%s", folder, *part);
    if (g_str_has_prefix (*part, disk))
      use = find_block_use (root, part_folder, *part);
  }
  return use;
}

/* Whether the block device at @folder is a namespace of an NVMe subsystem that the function at @bdf is a controller of:
 * with native multipath the disk hangs below the (virtual) subsystem and not below the PCI function. */
static gboolean
is_namespace_of (const char *root, const char *folder, const char *bdf) {
  g_autofree char *subsystem = g_path_get_dirname (folder);
  g_auto (GStrv) controllers = NULL;

  if (!strstr (folder, "/nvme-subsystem/"))
    return FALSE;
  controllers = vfpool_sysfs_list (root, "/sys/bus/pci/devices/%s/nvme", bdf);
  for (char **controller = controllers; *controller; controller++)
    if (vfpool_sysfs_exists ("", "%s/%s", subsystem, *controller))
      return TRUE;
  return FALSE;
}

static char *
find_storage_use (const char *root, const char *bdf) {
  g_autofree char *device_link = g_strdup_printf ("%s/sys/bus/pci/devices/%s", root, bdf);
  char *device = realpath (device_link, NULL);
  g_autofree char *prefix = g_strconcat (device ? device : device_link, "/", NULL);
  g_auto (GStrv) disks = vfpool_sysfs_list (root, "/sys/block");
  char *use = NULL;

  for (char **disk = disks; *disk && !use; disk++) {
    g_autofree char *link = g_strdup_printf ("%s/sys/block/%s", root, *disk);
    char *folder = realpath (link, NULL);

    if (folder && (g_str_has_prefix (folder, prefix) || is_namespace_of (root, folder, bdf)))
      use = find_disk_use (root, folder);
    free (folder);
  }
  free (device);
  return use;
}

void
vfpool_host_load_use (VfpoolHost *self, VfpoolFunction *function) {
  const char *root = vfpool_host_root (self);

  /* Without a driver, or on vfio-pci, there is nothing of the host on it. */
  if (!function->driver || function->is_on_vfio || function->host_use)
    return;
  function->host_use = find_network_use (root, function->address);
  if (!function->host_use)
    function->host_use = find_storage_use (root, function->address);
}
