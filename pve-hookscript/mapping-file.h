/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pci.cfg as the lines it consists of, each byte kept, with what Proxmox VE takes each of them for. */
#pragma once

#include <glib.h>

typedef struct {
  const char *text; /* in the data that was parsed */
  gsize length;     /* with the line feed, if there is one */
  int header; /* the index of the line that begins this line's section, its own for that one; -1: in no section that counts */
  char *id;  /* of a line that begins a section */
  char *map; /* of a line that is a property "map": its value */
} PveMappingLine;

/* Returns: (transfer full) (element-type PveMappingLine): for g_ptr_array_unref(), before @data goes. */
GPtrArray *pve_mapping_lines (const char *data, gsize length);

/* The index of the line that begins the section of the mapping @id which Proxmox VE heeds; -1: there is none. */
int pve_mapping_lines_find (GPtrArray *lines, const char *id);

/* Whether Proxmox VE takes @id as a mapping's. */
gboolean pve_mapping_is_id (const char *id);
