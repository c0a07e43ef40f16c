/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proxmox VE's resource mappings for PCI devices (/etc/pve/mapping/pci.cfg), as far as this node is concerned. */
#pragma once

#include "paths.h"

/* One "map" line of this node: an alternative from which PVE chooses. */
typedef struct {
  int line;           /* in the file, from 1 */
  GPtrArray *paths;   /* of char*: the functions (or whole slots) that this alternative passes through together */
  char *id;           /* VVVV:DDDD */
  char *subsystem_id; /* nullable */
  char *iommugroup;   /* nullable */
  char *description;  /* nullable */
} PveMap;

typedef struct _PveMappings PveMappings;

/**
 * pve_mappings_load: reads pci.cfg; a file that does not exist is one without mappings.
 *
 * Returns: (transfer full): for pve_mappings_free(), or NULL with an error as pve_read_file().
 */
PveMappings *pve_mappings_load (const PvePaths *paths, GError **error);
PveMappings *pve_mappings_parse (const char *data, gsize length, const char *node);
void pve_mappings_free (PveMappings *self);

/* The alternatives (of PveMap) that the mapping @id has on this node, in PVE's order; NULL when there are none. */
GPtrArray *pve_mappings_find (const PveMappings *self, const char *id);

/* The alternative in a map line's @value, for pve_map_free(); NULL when it is another node's, or one that PVE drops. */
PveMap *pve_map_parse (const char *value, int line, const char *node);
void pve_map_free (PveMap *self);

/* The functions that @map passes through together: BDFs that exist, for g_ptr_array_unref(). */
GPtrArray *pve_map_functions (const PveMap *map, const PvePaths *paths);

/* Why PVE would refuse to start any VM with this mapping because of @map's first function ("its iommugroup is 7 there,
 * the kernel says 8"), or NULL. */
char *pve_map_problem (const PveMap *map, const PvePaths *paths);

/* The line, without its tab, that lists for this node the function at @path, or all functions of the device at it; NULL when
 * there is no such function. @description: (nullable): of the line */
char *pve_map_line (const PvePaths *paths, const char *path, const char *description);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PveMap, pve_map_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PveMappings, pve_mappings_free)
