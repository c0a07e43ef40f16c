/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a VM's hostpci entries mean on this host: which are vfpool's, what to lease, and what PVE will make of the
 * leases. */
#pragma once

#include "mapping.h"
#include "vfpool.h"
#include "vm-config.h"

/* One hostpciN entry. Exactly one of mapping and devices is set. */
typedef struct {
  int index;
  char *mapping;    /* a mapping's ID */
  gboolean is_pool; /* the mapping is a pool's: vfpool chooses */
  GPtrArray
      *devices; /* of char*: BDFs in the order in which the VM gets them, all that exist of a slot without function */
} PveSlot;

/**
 * pve_plan_new:
 *
 * Returns: (transfer full) (element-type PveSlot): all entries of @config by index, for g_ptr_array_unref(); those that
 * are not vfpool's too, because PVE chooses for all of them in one go.
 */
GPtrArray *pve_plan_new (const PvePaths *paths, const PveVmConfig *config, Vfpool *vfpool);
void pve_slot_free (PveSlot *self);

/**
 * pve_plan_request: what to acquire: a slot "hostpciN" for each pool and each device that lies in one; a further device
 * of one entry is "hostpciN-J", as PVE calls it hostpciN.J. With it goes what the notes say, and where the VM lives.
 * @pins: (nullable) (element-type utf8): for each slot of @plan the BDF that a pool's slot has to get, or NULL; see pve_plan_pins()
 *
 * Returns: (transfer full): the request, empty when nothing is vfpool's; or NULL: VFPOOL_ERROR_BAD_INPUT.
 */
VfpoolRequest *pve_plan_request (GPtrArray *plan, Vfpool *vfpool, const char *vmid, const PveVmConfig *config,
                                 GPtrArray *pins, GError **error);

/**
 * pve_plan_check: whether PVE can use the mappings of the pools that are asked for: see pve_mapping_problems().
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_CONFIG and a message that names the mapping, the line, and what to write there.
 */
gboolean pve_plan_check (GPtrArray *plan, const PvePaths *paths, const PveMappings *mappings, Vfpool *vfpool,
                         GError **error);

/**
 * pve_plan_walk: walks the entries as PVE will, once the leased VFs are the only ones of their pools it may take.
 * @leased: (element-type utf8): the BDFs leased to the VM, in the order of the slots they were leased for
 *
 * Returns: (transfer full) (element-type GPtrArray): for each slot of @plan the BDFs that PVE takes for a pool (several for a whole
 * device), NULL for another entry; for g_ptr_array_unref(). NULL with VFPOOL_ERROR_BAD_CONFIG when PVE would not get along with them.
 */
GPtrArray *pve_plan_walk (GPtrArray *plan, const PvePaths *paths, const PveMappings *mappings, GPtrArray *leased,
                          GError **error);

/**
 * pve_plan_pins: which slots PVE would give another VF of their pool than vfpool has chosen for them.
 * @chosen: of pve_plan_walk()
 * @own: (element-type utf8 utf8): the names of the slots, and the BDFs that were chosen for them
 * @pins: (out) (nullable) (element-type utf8): for each slot of @plan the BDF that PVE gives it when it is another, else NULL; for
 * g_ptr_array_unref(). NULL: PVE gives each slot its own.
 *
 * A slot has its MAC and its VLAN, so it has to get the VF that is prepared for it: what PVE would exchange is asked for as it will be.
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT when a slot's own wish would be overruled.
 */
gboolean pve_plan_pins (GPtrArray *plan, GPtrArray *chosen, GHashTable *own, const PveNotes *notes, GPtrArray **pins,
                        GError **error);
