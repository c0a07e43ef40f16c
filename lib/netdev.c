/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a function's network interface is shows in the folder `net` below the function: the kernel makes the folder with the
 * interface and removes it with it, but what is in it is seen only in the interface's own network namespace. So a folder
 * without anything in it is an interface that is elsewhere. When that namespace ends, the kernel moves the interface back to the
 * first one. Kernel: net_ns_type_operations and class_dir_child_ns_type() in net/core/net-sysfs.c and drivers/base/core.c,
 * default_device_exit_net() in net/core/dev.c.
 *
 * udev renames an interface a little after it has appeared, and who moves it by the name it had first would fail. What udev knows,
 * it notes under /run/udev/data by the interface's number, which is not used again. That note is there before the new name is:
 * it says that udev renames the interface or is not done with it, until udev has heard from the kernel of the new name (systemd,
 * rename_netdev() in src/udev/udev-event.c; the bench's udev leaves some milliseconds between note and name). All that is read
 * here is read piece by piece, while the driver may still be at work and the name may change; so it is waited for all of it
 * together.
 */
#include "netdev.h"
#include "host.h"
#include "sysfs.h"

#include <string.h>

#define STEP_US (20 * 1000)
#define WAIT_MAX_US (10 * G_USEC_PER_SEC)      /* for the driver */
#define UDEV_WAIT_MAX_US (30 * G_USEC_PER_SEC) /* for udev, which has more to do on a host that starts */

gboolean
vfpool_netdev_is_away (const char *root, const char *bdf) {
  g_autofree char *name = NULL;

  if (!vfpool_sysfs_exists (root, "/sys/bus/pci/devices/%s/net", bdf))
    return FALSE;
  name = vfpool_host_netdev (root, bdf);
  /* The folder is looked for again: it may just have gone. */
  return !name && vfpool_sysfs_exists (root, "/sys/bus/pci/devices/%s/net", bdf);
}

gboolean
vfpool_netdev_is_here (const char *root, const char *bdf, const char *mac) {
  g_autofree char *name = vfpool_host_netdev (root, bdf);
  g_autofree char *address =
      name ? vfpool_sysfs_read (root, "/sys/bus/pci/devices/%s/net/%s/address", bdf, name) : NULL;

  return name && (!mac || g_strcmp0 (mac, address) == 0);
}

/* Whether udev is done with the interface of that number. */
static gboolean
udev_is_done (const char *root, gint64 number) {
  g_autofree char *path = g_strdup_printf ("%s/run/udev/data/n%" G_GINT64_FORMAT, root, number);
  g_autofree char *note = NULL;

  return g_file_get_contents (path, &note, NULL, NULL) && !strstr (note, "E:ID_RENAMING=1\n")
         && !strstr (note, "E:ID_PROCESSING=1\n");
}

/* Whether it has the name it will keep: where udev runs, that is udev's word. */
static gboolean
has_final_name (const char *root, const char *bdf) {
  g_autofree char *name = vfpool_host_netdev (root, bdf);
  gint64 number = name ? vfpool_sysfs_read_int (root, 0, "/sys/bus/pci/devices/%s/net/%s/ifindex", bdf, name) : 0;

  return number > 0 && (!vfpool_sysfs_exists (root, "/run/udev/control") || udev_is_done (root, number));
}

static gboolean
fail (const char *root, const char *bdf, const char *mac, GError **error) {
  g_autofree char *name = vfpool_host_netdev (root, bdf);
  g_autofree char *driver = vfpool_sysfs_link_name (root, "/sys/bus/pci/devices/%s/driver", bdf);
  g_autofree char *address =
      name ? vfpool_sysfs_read (root, "/sys/bus/pci/devices/%s/net/%s/address", bdf, name) : NULL;

  if (name)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL,
                 "the interface %s of %s has the address %s and not %s, which its PF was given for it: is the PF's "
                 "interface up?",
                 name, bdf, address ? address : "(none)", mac);
  else
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL,
                 "%s has no network interface on its own driver (%s): the kernel log says why", bdf,
                 driver ? driver : "it found none");
  return FALSE;
}

gboolean
vfpool_netdev_wait (const char *root, const char *bdf, const char *mac, GError **error) {
  for (gint64 waited = 0;; waited += STEP_US) {
    gboolean is_named = has_final_name (root, bdf), is_here = vfpool_netdev_is_here (root, bdf, mac);

    if (is_named && is_here)
      return TRUE;
    if (waited >= (is_here ? UDEV_WAIT_MAX_US : WAIT_MAX_US))
      return is_here || fail (root, bdf, mac, error);
    g_usleep (STEP_US);
  }
}
