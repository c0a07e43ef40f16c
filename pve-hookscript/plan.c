/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two parties choose here: vfpool leases VFs, then PVE walks its mappings and takes, for hostpci0 first, the first
 * alternative that nobody else has reserved. The parking lines leave it no choice as to which VFs the VM gets, but PVE
 * alone decides which of them becomes which hostpciN. So the outcome is worked out before PVE is let loose, and a
 * configuration with which PVE would end in "could not find a free device" is refused with the reason.
 */
#include "plan.h"

#include <string.h>

#include "mapping-check.h"
#include "printable.h"

/* ---- From the configuration ---- */

void
pve_slot_free (PveSlot *self) {
  g_free (self->mapping);
  g_clear_pointer (&self->devices, g_ptr_array_unref);
  g_free (self);
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
      pve_paths_add_functions (paths, g_ptr_array_index (entry->addresses, j), slot->devices);
    g_ptr_array_add (plan, slot);
  }
  return plan;
}

/* "hostpciN", and for a further device of the entry "hostpciN-J", as PVE calls it hostpciN.J. For g_free(). */
static char *
slot_name (int index, guint j) {
  return j == 0 ? g_strdup_printf ("hostpci%d", index) : g_strdup_printf ("hostpci%d-%u", index, j);
}

static const char *
note_mac (const PveNote *note) {
  return note ? note->mac : NULL;
}

static int
note_vlan (const PveNote *note) {
  return note ? note->vlan : VFPOOL_VLAN_UNSET;
}

/* @error is about a line of the notes. */
static gboolean
blame (const PveNote *note, GError **error) {
  if (note)
    g_prefix_error (error, "line %d of its notes: ", note->line);
  return FALSE;
}

static gboolean
request_devices (VfpoolRequest *request, const PveSlot *slot, const PveNotes *notes, Vfpool *vfpool, GError **error) {
  for (guint j = 0; j < slot->devices->len; j++) {
    const PveNote *note = pve_notes_find (notes, slot->index, (int)j);
    const char *bdf = g_ptr_array_index (slot->devices, j);
    g_autofree char *name = slot_name (slot->index, j);

    if (vfpool_pool_of_address (vfpool, bdf)
        && !vfpool_request_add_address (request, name, bdf, note_mac (note), note_vlan (note), error))
      return blame (note, error);
  }
  return TRUE;
}

/* @pin: (nullable): the VF of the pool that it has to be */
static gboolean
request_pool (VfpoolRequest *request, const PveSlot *slot, const PveNotes *notes, const char *pin, GError **error) {
  const PveNote *note = pve_notes_find (notes, slot->index, 0);
  g_autofree char *name = slot_name (slot->index, 0);

  if (pin)
    return vfpool_request_add_address (request, name, pin, note_mac (note), note_vlan (note), error)
           || blame (note, error);
  if (vfpool_request_add_pool (request, name, slot->mapping, note_mac (note), note_vlan (note), error)
      && (!note || !note->numa || vfpool_request_set_slot_numa (request, name, note->numa, error))
      && (!note || !note->all_functions || vfpool_request_set_all_functions (request, name, error)))
    return TRUE;
  return blame (note, error);
}

/* Whether what a line of the notes asks for can be had: a device that vfpool leases. */
static gboolean
check_note (const PveNote *note, GPtrArray *plan, Vfpool *vfpool, GError **error) {
  g_autofree char *name = NULL;

  for (guint i = 0; i < plan->len; i++) {
    const PveSlot *slot = g_ptr_array_index (plan, i);
    guint function = (guint)note->function;

    if (slot->index != note->index)
      continue;
    if (slot->is_pool && function == 0)
      return TRUE;
    if (slot->devices && function < slot->devices->len && !note->numa && !note->all_functions
        && vfpool_pool_of_address (vfpool, g_ptr_array_index (slot->devices, function)))
      return TRUE;
    if (slot->devices && (note->numa || note->all_functions)) {
      g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
                   "line %d of its notes: hostpci%d names its device by address, so numa= and functions= have nothing "
                   "to choose from",
                   note->line, note->index);
      return FALSE;
    }
  }
  name = note->function ? g_strdup_printf ("hostpci%d.%d", note->index, note->function) : slot_name (note->index, 0);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
               "line %d of its notes: %s is none of its devices that vfpool serves: expected an entry hostpciN with "
               "mapping=POOL, or "
               "with the address of a VF that lies in a pool",
               note->line, name);
  return FALSE;
}

static gboolean
check_notes (const PveNotes *notes, GPtrArray *plan, Vfpool *vfpool, GError **error) {
  if (notes->problem) {
    g_set_error_literal (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT, notes->problem);
    return FALSE;
  }
  for (guint i = 0; i < notes->devices->len; i++)
    if (!check_note (g_ptr_array_index (notes->devices, i), plan, vfpool, error))
      return FALSE;
  return TRUE;
}

static gboolean
request_policies (VfpoolRequest *request, const PveNotes *notes, GError **error) {
  for (guint i = 0; i < notes->policies->len; i++) {
    const PveNotePolicy *policy = g_ptr_array_index (notes->policies, i);

    if (vfpool_request_set_policy (request, policy->key, policy->word, error))
      continue;
    g_prefix_error (error, "line %d of its notes: ", policy->line);
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

static gboolean
request_all (VfpoolRequest *request, GPtrArray *plan, Vfpool *vfpool, const PveVmConfig *config, GPtrArray *pins,
             GError **error) {
  if (!check_notes (config->notes, plan, vfpool, error) || !request_policies (request, config->notes, error))
    return FALSE;
  for (guint i = 0; i < plan->len; i++) {
    const PveSlot *slot = g_ptr_array_index (plan, i);
    const char *pin = pins ? g_ptr_array_index (pins, i) : NULL;

    if (slot->devices && !request_devices (request, slot, config->notes, vfpool, error))
      return FALSE;
    if (slot->is_pool && !request_pool (request, slot, config->notes, pin, error))
      return FALSE;
  }
  return TRUE;
}

VfpoolRequest *
pve_plan_request (GPtrArray *plan, Vfpool *vfpool, const char *vmid, const PveVmConfig *config, GPtrArray *pins,
                  GError **error) {
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_PVE_QEMU, vmid, config->name, error);

  if (!request)
    return NULL;
  if (!request_all (request, plan, vfpool, config, pins, error)) {
    g_prefix_error (error, "VM %s: ", vmid);
    return NULL;
  }
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
check_mapping (const char *pool, const PvePaths *paths, const PveMappings *mappings, Vfpool *vfpool, GError **error) {
  g_autoptr (GPtrArray) problems = pve_mapping_problems (paths, mappings, vfpool, pool);

  return problems->len == 0 || fail (error, paths, "%s", (char *)g_ptr_array_index (problems, 0));
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

/* Whether PVE can take the @functions of an alternative: all leased to this VM, and not given to an earlier entry. */
static gboolean
can_take (GPtrArray *functions, GPtrArray *leased, GPtrArray *used) {
  for (guint i = 0; i < functions->len; i++) {
    const char *bdf = g_ptr_array_index (functions, i);

    if (!contains (leased, bdf) || contains (used, bdf))
      return FALSE;
  }
  return functions->len > 0;
}

/* The functions of the first alternative that PVE can take, for g_ptr_array_unref(), or NULL. A mapping that is no pool's has others
 * to choose from, but may stumble on a leased VF too, so it is counted as if it did. */
static GPtrArray *
first_alternative (GPtrArray *maps, const PvePaths *paths, GPtrArray *leased, GPtrArray *used) {
  for (guint i = 0; maps && i < maps->len; i++) {
    g_autoptr (GPtrArray) functions = pve_map_functions (g_ptr_array_index (maps, i), paths);

    if (can_take (functions, leased, used))
      return g_steal_pointer (&functions);
  }
  return NULL;
}

/* @leased is in the order of the slots, so the first one that is left over is of this slot's pool. */
static gboolean
fail_unlisted (const PveSlot *slot, const PvePaths *paths, GPtrArray *maps, GPtrArray *leased, GPtrArray *used,
               GError **error) {
  for (guint i = 0; i < leased->len; i++) {
    const char *bdf = g_ptr_array_index (leased, i);
    gboolean listed = contains (used, bdf);

    for (guint j = 0; maps && j < maps->len; j++)
      listed |= contains (((PveMap *)g_ptr_array_index (maps, j))->paths, bdf);
    if (!listed)
      return fail (error, paths,
                   "the mapping %s does not list %s, so Proxmox VE cannot give it to hostpci%d: \"vfpool pve mapping "
                   "%s --apply\" "
                   "adds it",
                   slot->mapping, bdf, slot->index, slot->mapping);
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
    const char *bdf = g_ptr_array_index (slot->devices, i);

    if (contains (used, bdf))
      return fail (
          error, paths,
          "Proxmox VE would give %s to an earlier entry than hostpci%d, which asks for it by its address: give "
          "entries with an address lower numbers than entries with a mapping",
          bdf, slot->index);
    g_ptr_array_add (used, g_strdup (bdf));
  }
  return TRUE;
}

static void
choice_free (gpointer functions) {
  if (functions)
    g_ptr_array_unref (functions);
}

GPtrArray *
pve_plan_walk (GPtrArray *plan, const PvePaths *paths, const PveMappings *mappings, GPtrArray *leased, GError **error) {
  g_autoptr (GPtrArray) chosen = g_ptr_array_new_with_free_func (choice_free);
  g_autoptr (GPtrArray) used = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < plan->len; i++) {
    const PveSlot *slot = g_ptr_array_index (plan, i);
    GPtrArray *maps = slot->mapping ? pve_mappings_find (mappings, slot->mapping) : NULL;
    g_autoptr (GPtrArray) functions = first_alternative (maps, paths, leased, used);

    if (slot->devices && !use_devices (slot, paths, used, error))
      return NULL;
    if (slot->is_pool && !functions) {
      fail_unlisted (slot, paths, maps, leased, used, error);
      return NULL;
    }
    for (guint j = 0; functions && j < functions->len; j++)
      g_ptr_array_add (used, g_strdup (g_ptr_array_index (functions, j)));
    g_ptr_array_add (chosen, slot->is_pool ? g_steal_pointer (&functions) : NULL);
  }
  return g_steal_pointer (&chosen);
}

/* ---- Leading PVE's choice and vfpool's to the same ---- */

static gboolean
can_pin (const PveSlot *slot, const PveNotes *notes, GError **error) {
  const PveNote *note = pve_notes_find (notes, slot->index, 0);

  if (!note || !note->numa)
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
               "line %d of its notes: Proxmox VE gives a VM the VFs of the mapping %s in the order of its lines, so "
               "hostpci%d would not "
               "get the one that suits numa=%s: ask for numa= for the whole VM, or use a pool for each node",
               note->line, slot->mapping, slot->index, note->numa);
  return FALSE;
}

gboolean
pve_plan_pins (GPtrArray *plan, GPtrArray *chosen, GHashTable *own, const PveNotes *notes, GPtrArray **pins,
               GError **error) {
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func (g_free);
  gboolean any = FALSE;

  *pins = NULL;
  for (guint i = 0; i < plan->len; i++) {
    const PveSlot *slot = g_ptr_array_index (plan, i);
    GPtrArray *functions = g_ptr_array_index (chosen, i);
    g_autofree char *name = slot_name (slot->index, 0);
    const char *given = functions && functions->len == 1 ? g_ptr_array_index (functions, 0) : NULL;
    gboolean is_other = given && g_strcmp0 (given, g_hash_table_lookup (own, name)) != 0;

    if (is_other && !can_pin (slot, notes, error))
      return FALSE;
    g_ptr_array_add (all, is_other ? g_strdup (given) : NULL);
    any |= is_other;
  }
  if (any)
    *pins = g_steal_pointer (&all);
  return TRUE;
}
