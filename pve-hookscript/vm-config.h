/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vfpool needs of a Proxmox VE virtual machine's configuration: its name, its hostpci entries, what its notes say about them, and
 * where on the host it lives. */
#pragma once

#include "notes.h"

/* PVE's own limit: hostpci0 to hostpci15. */
#define PVE_HOSTPCI_MAX 16
/* And numa0 to numa7. */
#define PVE_NUMA_MAX 8

/* One hostpciN entry that passes through whole functions: by mapping, or by addresses, never both. */
typedef struct {
  int index;     /* N */
  char *mapping; /* a mapping's ID, or NULL */
  GPtrArray
      *addresses; /* of char*, with domain; one without a function means all functions of the slot. NULL: mapping */
} PveHostpci;

typedef struct {
  char *name;         /* nullable */
  char *hookscript;   /* its volume, as in "local:snippets/vfpool", or NULL */
  GPtrArray *hostpci; /* of PveHostpci, by index; entries with mdev= are left out, they pass through no function */
  char *nodes;        /* the host's NUMA nodes that its memory is on, as in "0,2-3", or NULL */
  char *cpus;         /* the host's CPUs that it runs on, likewise */
  gboolean is_template;
  PveNotes *notes;
  GPtrArray *warnings; /* of char*: a sentence for each entry that was passed over because it makes no sense */
} PveVmConfig;

/* Reads what stands before the first section of @data; never fails, PVE's own way: what it does not know it passes
 * over. */
PveVmConfig *pve_vm_config_parse (const char *data, gsize length);

/* The same for a file; NULL with an error as pve_read_file(). */
PveVmConfig *pve_vm_config_load (const char *path, GError **error);

void pve_vm_config_free (PveVmConfig *self);

/* The entry from a property string such as "0000:01:10.0,pcie=1" or "mapping=lan"; NULL and a reason in @problem when
 * PVE could not use it either; NULL and no reason when it has mdev=. */
PveHostpci *pve_hostpci_parse (int index, const char *value, char **problem);
void pve_hostpci_free (PveHostpci *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PveVmConfig, pve_vm_config_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PveHostpci, pve_hostpci_free)
