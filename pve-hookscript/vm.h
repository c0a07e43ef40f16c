/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VM of this node as far as vfpool is concerned: its configuration, and what it asks for. */
#pragma once

#include "plan.h"

typedef struct {
  const char *vmid;
  PveVmConfig *config;
  Vfpool *vfpool;  /* these are NULL when it has no device that may be a pool's, or is a template */
  GPtrArray *plan; /* of PveSlot */
  VfpoolRequest *request;
  PveMappings *mappings;
} PveVm;

/* Where the VM's configuration lies, for g_free(); where it should lie when there is none. */
char *pve_vm_find_config (const PvePaths *paths, const char *vmid);

/**
 * pve_vm_read: reads the VM's configuration, and sees that PVE could use what it asks for.
 * @vmid: must outlive the result
 *
 * What is odd, but no error, is told by report.h.
 *
 * Returns: (transfer full): for pve_vm_free(); NULL: any VFPOOL_ERROR.
 */
PveVm *pve_vm_read (const PvePaths *paths, const char *vmid, GError **error);
void pve_vm_free (PveVm *self);

/* Tells of MACs that its notes ask for and those of another VM of this node as well. */
void pve_vm_warn_of_shared_macs (const PvePaths *paths, const PveVm *self);

/* Whether anything that it asks for is vfpool's. */
gboolean pve_vm_asks_for_anything (const PveVm *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PveVm, pve_vm_free)
