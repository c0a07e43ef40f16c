/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a function hangs, told by its PF: the port comes from the PF's network driver, the card is in its address, and the
 * root port is read off the path of folders in which sysfs lays the PCI tree out:
 *
 *   /sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0       a card on the root port 0000:00:1c.0
 *   /sys/devices/pci0000:00/0000:00:1f.6                    one that is part of the chipset
 *
 * All VFs of a PF have the same place, so it is found once for each PF.
 */
#include "address.h"
#include "host-private.h"
#include "sysfs.h"

#include <stdlib.h>
#include <string.h>

static void
place_free (gpointer data) {
  VfpoolPlace *place = data;

  g_free (place->pf);
  g_free (place->port);
  g_free (place->card);
  g_free (place->link);
  g_free (place);
}

/* Interfaces of VFs (representors) stand among those of a PF that is in switch mode; "p0", "p1" ... are its own ports. */
static gboolean
is_port_name (const char *name) {
  return name && name[0] == 'p' && g_ascii_isdigit (name[1]);
}

/* What @netdev tells of the physical port that it sends through, or NULL; many drivers answer nothing here. */
static char *
read_port (const char *root, const char *pf, const char *netdev) {
  g_autofree char *id = vfpool_sysfs_read (root, "/sys/bus/pci/devices/%s/net/%s/phys_port_id", pf, netdev);
  g_autofree char *name = vfpool_sysfs_read (root, "/sys/bus/pci/devices/%s/net/%s/phys_port_name", pf, netdev);
  g_autofree char *device = vfpool_sysfs_read (root, "/sys/bus/pci/devices/%s/net/%s/phys_switch_id", pf, netdev);

  if (id && *id)
    return g_steal_pointer (&id);
  return device && *device && is_port_name (name) ? g_strconcat (device, "-", name, NULL) : NULL;
}

/* A port is told apart within its card only, so the card stands before it. */
static char *
find_port (const char *root, const char *pf, char **netdevs, const char *card) {
  for (char **netdev = netdevs; *netdev; netdev++) {
    g_autofree char *port = read_port (root, pf, *netdev);
    if (port)
      return g_strconcat (card, "/", port, NULL);
  }
  return g_strdup (pf);
}

/* The first device below the host bridge; a bridge that is a device itself (as Intel's VMD is) has another host bridge, with
 * ports of its own, below it. */
static char *
find_link (const char *root, const char *pf, const char *card) {
  g_autofree char *entry = g_strdup_printf ("%s/sys/bus/pci/devices/%s", root, pf);
  g_autofree char *path = realpath (entry, NULL);
  g_auto (GStrv) names = g_strsplit (path ? path : "", "/", -1);
  const char *topmost = NULL;
  char bdf[VFPOOL_BDF_SIZE];

  for (char **name = names; *name; name++)
    if (name[1] && g_str_has_prefix (*name, "pci") && strchr (*name, ':'))
      topmost = name[1];
  return g_strdup (topmost && strcmp (topmost, pf) != 0 && vfpool_address_normalize (topmost, bdf, NULL) ? topmost
                                                                                                         : card);
}

static VfpoolPlace *
place_new (const char *root, const char *pf) {
  g_auto (GStrv) netdevs = vfpool_sysfs_list (root, "/sys/bus/pci/devices/%s/net", pf);
  VfpoolPlace *place = g_new0 (VfpoolPlace, 1);

  place->pf = g_strdup (pf);
  place->card = g_strndup (pf, strcspn (pf, "."));
  place->port = find_port (root, pf, netdevs, place->card);
  place->link = find_link (root, pf, place->card);
  place->is_network = *netdevs != NULL;
  return place;
}

void
vfpool_host_load_place (VfpoolHost *self, VfpoolFunction *function) {
  const char *pf = function->pf ? function->pf : function->address;
  VfpoolPlace *place;

  if (function->place)
    return;
  if (!self->places)
    self->places = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, place_free);
  place = g_hash_table_lookup (self->places, pf);
  if (!place) {
    place = place_new (self->root, pf);
    g_hash_table_insert (self->places, place->pf, place);
  }
  function->place = place;
}
