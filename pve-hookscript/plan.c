/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two parties choose here: vfpool leases VFs, then PVE walks its mappings and takes, for hostpci0 first, the first
 * alternative that nobody else has reserved. The parking lines leave it no choice as to which VFs the VM gets, but PVE
 * alone decides which of them becomes which hostpciN. So the outcome is worked out before PVE is let loose, and a
 * configuration with which PVE would end in "could not find a free device" is refused with the reason.
 */
#include "plan.h"

#include <string.h>

#include "printable.h"

/* ---- From the configuration ---- */

void
pve_slot_free (PveSlot *self) {
  g_free (self->mapping);
  g_clear_pointer (&self->devices, g_ptr_array_unref);
  g_free (self);
}

/* The devices that PVE passes through for an address: itself, or without a function all functions that exist. */
static void
add_devices (const PvePaths *paths, const char *address, GPtrArray *devices) {
  if (strchr (address, '.')) {
    g_ptr_array_add (devices, g_strdup (address));
    return;
  }
  for (int function = 0; function < 8; function++) {
    g_autofree char *bdf = g_strdup_printf ("%s.%d", address, function);
    g_autofree char *folder = pve_paths_device (paths, bdf, NULL);

    if (g_file_test (folder, G_FILE_TEST_EXISTS))
      g_ptr_array_add (devices, g_steal_pointer (&bdf));
  }
}

GPtrArray *
pve_plan_new (const PvePaths *paths, const PveVmConfig *config, Vfpool *vfpool) {
  GPtrArray *plan = g_ptr_array_new_with_free_func ((GDestroyNotify)pve_slot_free);

  for (guint i = 0; i < config->hostpci->len; i++) {
    const PveHostpci *entry = g_ptr_array_index (config->hostpci, i);
    PveSlot *slot = g_new0 (PveSlot, 1);

    slot->index = entry->index;
    slot->mapping = g_strdup (entry->mapping);
    slot->is_pool = entry->mapping && vfpool_has_pool (vfpool, entry->mapping);
    if (entry->addresses)
      slot->devices = g_ptr_array_new_with_free_func (g_free);
    for (guint j = 0; entry->addresses && j < entry->addresses->len; j++)
      add_devices (paths, g_ptr_array_index (entry->addresses, j), slot->devices);
    g_ptr_array_add (plan, slot);
  }
  return plan;
}

static gboolean
request_devices (VfpoolRequest *request, const PveSlot *slot, Vfpool *vfpool, GError **error) {
  for (guint j = 0; j < slot->devices->len; j++) {
    const char *bdf = g_ptr_array_index (slot->devices, j);
    g_autofree char *name =
        j == 0 ? g_strdup_printf ("hostpci%d", slot->index) : g_strdup_printf ("hostpci%d-%u", slot->index, j);

    if (vfpool_pool_of_address (vfpool, bdf)
        && !vfpool_request_add_address (request, name, bdf, NULL, VFPOOL_VLAN_UNSET, error))
      return FALSE;
  }
  return TRUE;
}

/* A list that makes no sense is PVE's own affair: nothing but the choice among free VFs hangs on it. */
static void
tell_home (VfpoolRequest *request, const PveVmConfig *config) {
  if (config->nodes)
    vfpool_request_set_nodes (request, config->nodes, NULL);
  if (config->cpus)
    vfpool_request_set_cpus (request, config->cpus, NULL);
}

VfpoolRequest *
pve_plan_request (GPtrArray *plan, Vfpool *vfpool, const char *vmid, const PveVmConfig *config, GError **error) {
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_PVE_QEMU, vmid, config->name, error);

  for (guint i = 0; request && i < plan->len; i++) {
    const PveSlot *slot = g_ptr_array_index (plan, i);
    g_autofree char *slot_name = g_strdup_printf ("hostpci%d", slot->index);

    if (slot->devices && !request_devices (request, slot, vfpool, error))
      return NULL;
    if (slot->is_pool && !vfpool_request_add_pool (request, slot_name, slot->mapping, NULL, VFPOOL_VLAN_UNSET, error))
      return NULL;
  }
  if (request)
    tell_home (request, config);
  return g_steal_pointer (&request);
}

/* ---- The mappings ---- */

G_GNUC_PRINTF (3, 4)
static gboolean
fail (GError **error, const PvePaths *paths, const char *format, ...) {
  g_autofree char *message = NULL;
  g_autofree char *shown = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  shown = printable_copy (message, 1000);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_CONFIG, "%s/mapping/pci.cfg: %s", paths->pve_dir, shown);
  return FALSE;
}

static gboolean
check_map (const PveMap *map, const char *pool, const PvePaths *paths, Vfpool *vfpool, GError **error) {
  const char *bdf = g_ptr_array_index (map->paths, 0);
  g_autofree char *line = NULL;
  g_autofree char *problem = NULL;

  if (map->paths->len > 1 || !strchr (bdf, '.'))
    return fail (
        error, paths,
        "line %d: the mapping %s is a vfpool pool, so each of its map lines must have one VF with its function "
        "in path=, such as 0000:01:10.0",
        map->line, pool);
  problem = pve_map_problem (map, paths);
  line = pve_map_line (paths, bdf);
  if (problem)
    return fail (error, paths, "line %d: Proxmox VE will not start a VM with the mapping %s because of %s, %s: %s%s",
                 map->line, pool, bdf, problem,
                 line ? "write there instead: " : "make the VFs with \"vfpool up\", or remove the line",
                 line ? line : "");
  if (g_strcmp0 (vfpool_pool_of_address (vfpool, bdf), pool))
    return fail (
        error, paths,
        "line %d: %s is in the mapping %s but not in the vfpool pool of that name, so Proxmox VE could give it "
        "out without a lease: remove the line, or add the VF to the pool",
        map->line, bdf, pool);
  return TRUE;
}

static gboolean
check_mapping (const char *pool, const PvePaths *paths, const PveMappings *mappings, Vfpool *vfpool, GError **error) {
  GPtrArray *maps = pve_mappings_find (mappings, pool);
  g_autoptr (GPtrArray) members = NULL;
  g_autofree char *line = NULL;

  for (guint i = 0; maps && i < maps->len; i++)
    if (!check_map (g_ptr_array_index (maps, i), pool, paths, vfpool, error))
      return FALSE;
  if (maps)
    return TRUE;
  members = vfpool_pool_members (vfpool, pool, error);
  if (!members)
    return FALSE;
  if (members->len > 0)
    line = pve_map_line (paths, g_ptr_array_index (members, 0));
  return fail (error, paths,
               "the mapping %s, which is a vfpool pool, has no line for node %s: add one for each VF of the pool, the "
               "first is \"%s\" (\"pve-hookscript map %s\" prints them all)",
               pool, paths->node, line ? line : "map ...", pool);
}

gboolean
pve_plan_check (GPtrArray *plan, const PvePaths *paths, const PveMappings *mappings, Vfpool *vfpool, GError **error) {
  for (guint i = 0; i < plan->len; i++) {
    const PveSlot *slot = g_ptr_array_index (plan, i);

    if (slot->is_pool && !check_mapping (slot->mapping, paths, mappings, vfpool, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- What PVE will choose ---- */

static gboolean
contains (GPtrArray *addresses, const char *bdf) {
  return g_ptr_array_find_with_equal_func (addresses, bdf, g_str_equal, NULL);
}

/* The first alternative that PVE can take: leased to this VM, and not given to an earlier entry. A mapping that is no
 * pool's has others to choose from, but may stumble on a leased VF too, so it is counted as if it did. */
static const char *
first_alternative (GPtrArray *maps, GPtrArray *leased, GPtrArray *used) {
  for (guint i = 0; maps && i < maps->len; i++) {
    const PveMap *map = g_ptr_array_index (maps, i);
    const char *bdf = g_ptr_array_index (map->paths, 0);

    if (map->paths->len == 1 && contains (leased, bdf) && !contains (used, bdf))
      return bdf;
  }
  return NULL;
}

/* @leased is in the order of the slots, so the first one that is left over is of this slot's pool. */
static gboolean
fail_unlisted (const PveSlot *slot, const PvePaths *paths, GPtrArray *maps, GPtrArray *leased, GPtrArray *used,
               GError **error) {
  for (guint i = 0; i < leased->len; i++) {
    const char *bdf = g_ptr_array_index (leased, i);
    g_autofree char *line = pve_map_line (paths, bdf);
    gboolean listed = contains (used, bdf);

    for (guint j = 0; maps && j < maps->len; j++)
      listed |= contains (((PveMap *)g_ptr_array_index (maps, j))->paths, bdf);
    if (!listed)
      return fail (error, paths,
                   "the mapping %s does not list %s, so Proxmox VE cannot give it to hostpci%d: add \"%s\" to it",
                   slot->mapping, bdf, slot->index, line ? line : "map ...");
  }
  return fail (
      error, paths,
      "Proxmox VE would find no VF of the mapping %s for hostpci%d, because an entry before it takes the one that "
      "is leased for it: list no VF in two mappings of one VM, and give entries with an address lower numbers "
      "than entries with a mapping",
      slot->mapping, slot->index);
}

static gboolean
use_devices (const PveSlot *slot, const PvePaths *paths, GPtrArray *used, GError **error) {
  for (guint i = 0; i < slot->devices->len; i++) {
    char *bdf = g_ptr_array_index (slot->devices, i);

    if (contains (used, bdf))
      return fail (
          error, paths,
          "Proxmox VE would give %s to an earlier entry than hostpci%d, which asks for it by its address: give "
          "entries with an address lower numbers than entries with a mapping",
          bdf, slot->index);
    g_ptr_array_add (used, bdf);
  }
  return TRUE;
}

GPtrArray *
pve_plan_walk (GPtrArray *plan, const PvePaths *paths, const PveMappings *mappings, GPtrArray *leased, GError **error) {
  g_autoptr (GPtrArray) chosen = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) used = g_ptr_array_new ();

  for (guint i = 0; i < plan->len; i++) {
    const PveSlot *slot = g_ptr_array_index (plan, i);
    GPtrArray *maps = slot->mapping ? pve_mappings_find (mappings, slot->mapping) : NULL;
    const char *bdf = first_alternative (maps, leased, used);

    if (slot->devices && !use_devices (slot, paths, used, error))
      return NULL;
    if (slot->is_pool && !bdf) {
      fail_unlisted (slot, paths, maps, leased, used, error);
      return NULL;
    }
    if (bdf)
      g_ptr_array_add (used, (gpointer)bdf);
    g_ptr_array_add (chosen, slot->is_pool ? g_strdup (bdf) : NULL);
  }
  return g_steal_pointer (&chosen);
}
