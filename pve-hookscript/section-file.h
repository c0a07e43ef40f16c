/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A section-config file of Proxmox VE (pci.cfg, storage.cfg) as the lines it consists of, each byte kept, with what PVE takes each for. */
#pragma once

#include <glib.h>

/* What begins a section of a file. */
typedef enum {
  PVE_SECTION_ID,      /* pci.cfg: "lan" */
  PVE_SECTION_TYPE_ID, /* storage.cfg: "dir: local" */
} PveSectionForm;

typedef struct {
  const char *text; /* in the data that was parsed */
  gsize length;     /* with the line feed, if there is one */
  int header; /* the index of the line that begins this line's section, its own for that one; -1: in no section that counts */
  char *type, *id;   /* of a line that begins a section; the type in lower case, NULL in a file that has none */
  char *key, *value; /* of a line that is a property; value is NULL when there is none */
} PveSectionLine;

/* Returns: (transfer full) (element-type PveSectionLine): for g_ptr_array_unref(), before @data goes. */
GPtrArray *pve_section_lines (const char *data, gsize length, PveSectionForm form);

/* The index of the line that begins the section @id which Proxmox VE heeds; -1: there is none. */
int pve_section_lines_find (GPtrArray *lines, const char *id);

/* The line's value when it is the property @key; NULL when it is not, or has none. */
const char *pve_section_line_value (const PveSectionLine *line, const char *key);

/* Whether Proxmox VE takes @id as a mapping's. */
gboolean pve_mapping_is_id (const char *id);
