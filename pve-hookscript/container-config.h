/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vfpool needs of a Proxmox VE container's configuration: its name, the requests in its notes. */
#pragma once

#include "vfpool.h"

/* One request line. */
typedef struct {
  int line; /* of the file */
  char *slot;
  char *pool;
  VfpoolDriver driver; /* the kernel's own: the container gets the network interface; vfio: it gets the VFIO group */
  char *name;          /* of the interface in the container; NULL: driver is vfio */
  char *mac;           /* nullable */
  int vlan;            /* or VFPOOL_VLAN_UNSET */
  int mtu;             /* 0: as it comes */
} PveContainerSlot;

typedef struct {
  char *name;       /* nullable */
  GPtrArray *slots; /* of PveContainerSlot, in the order of the lines */
} PveContainerConfig;

/**
 * pve_container_config_parse:
 *
 * Returns: (transfer full): for pve_container_config_free(); or NULL with VFPOOL_ERROR_BAD_INPUT when a request line makes no
 *   sense. The message begins with the line's number: "3: ...".
 */
PveContainerConfig *pve_container_config_parse (const char *data, gsize length, GError **error);

/* The same for a file; the message begins with its path. Also an error as pve_read_file(). */
PveContainerConfig *pve_container_config_load (const char *path, GError **error);

/* The volume of the hookscript that PVE runs for the container with the configuration @path, for g_free(); NULL: it names none. What
 * its notes say does not matter. */
char *pve_container_hookscript (const char *path);

void pve_container_config_free (PveContainerConfig *self);

/* Whether @name can be a network interface's, and stand in any configuration file as it is: 1 to 15 of A-Z a-z 0-9 _ . -, but neither
 * "." nor "..". */
gboolean pve_is_interface_name (const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PveContainerConfig, pve_container_config_free)
