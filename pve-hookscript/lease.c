/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vfpool chooses the VFs, but PVE which of a VM's hostpciN gets which of them: the first, by the order in the mapping. A slot has its
 * MAC and VLAN, so it must get the VF that is prepared for it. So PVE's walk is done over what was leased, and slots whose VFs PVE would
 * exchange are leased once more as PVE will have it, by address. With sticky VFs that happens once, if at all.
 *
 * A failure half-way is undone, because PVE calls nothing more for a VM whose pre-start failed.
 */
#include "lease.h"

#include <stdio.h>
#include <string.h>

#include "leases.h"
#include "parking.h"
#include "pools.h"
#include "qemu.h"
#include "report.h"

/* How often a choice is made anew because another VM came in between. */
#define TRIES 5

static VfpoolLease *
find_slot_lease (GPtrArray *leases, const char *slot) {
  for (guint i = 0; i < leases->len; i++)
    if (!strcmp (vfpool_lease_get_slot (g_ptr_array_index (leases, i)), slot))
      return g_ptr_array_index (leases, i);
  return NULL;
}

static GPtrArray *
addresses_of (GPtrArray *leases) {
  GPtrArray *addresses = g_ptr_array_new ();

  for (guint i = 0; i < leases->len; i++)
    g_ptr_array_add (addresses, (gpointer)vfpool_lease_get_address (g_ptr_array_index (leases, i)));
  return addresses;
}

/* A line per slot; for a pool, the VF that PVE will take for it, which need not be the one leased in this slot's name. */
static void
print_slots (GPtrArray *plan, GPtrArray *chosen, GPtrArray *leases) {
  for (guint i = 0; i < plan->len; i++) {
    const PveSlot *slot = g_ptr_array_index (plan, i);
    g_autofree char *name = g_strdup_printf ("hostpci%d", slot->index);

    GPtrArray *functions = g_ptr_array_index (chosen, i);

    for (guint j = 0; functions && j < functions->len; j++)
      pve_print_lease (name, pve_find_lease (leases, g_ptr_array_index (functions, j)), NULL);
    for (guint j = 0; slot->devices && j < slot->devices->len; j++) {
      const VfpoolLease *lease = pve_find_lease (leases, g_ptr_array_index (slot->devices, j));

      if (lease)
        pve_print_lease (vfpool_lease_get_slot (lease), lease, NULL);
    }
  }
}

/* What the VM does not hold any more, PVE shall not keep for it. Where this fails, the hand-over failed for the same reason, and that is
 * told already. */
static void
park_rest (const PvePaths *paths, Vfpool *vfpool, const char *vmid) {
  g_autoptr (GPtrArray) leases = vfpool_guest_leases (vfpool, VFPOOL_GUEST_PVE_QEMU, vmid, NULL);
  g_autoptr (GPtrArray) vfs = leases ? pve_pool_vfs (vfpool, NULL) : NULL;

  for (guint i = vfs ? vfs->len : 0; i > 0; i--)
    if (pve_find_lease (leases, g_ptr_array_index (vfs, i - 1)))
      g_ptr_array_remove_index_fast (vfs, i - 1);
  if (vfs)
    pve_parking_update (paths, vfs, NULL, g_ascii_strtoull (vmid, NULL, 10), NULL);
}

/* Leads PVE to the leased VFs: the last step of pre-start, and all that has to be undone with it. Of all other VFs none is left to
 * the VM: one that it was to have at an earlier start could be leased to another by now. */
static gboolean
hand_over (const PvePaths *paths, const PveVm *vm, GPtrArray *chosen, GPtrArray *leases, GError **error) {
  g_autoptr (GPtrArray) leased = addresses_of (leases);
  g_autoptr (GPtrArray) vfs = pve_pool_vfs (vm->vfpool, error);

  if (!vfs || !pve_parking_update (paths, vfs, leased, g_ascii_strtoull (vm->vmid, NULL, 10), error)) {
    g_prefix_error (error, "VM %s: ", vm->vmid);
    return FALSE;
  }
  print_slots (vm->plan, chosen, leases);
  return TRUE;
}

/* The names of the slots, and the VF that each has. */
static GHashTable *
own_of_leases (GPtrArray *leases) {
  GHashTable *own = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);

    g_hash_table_insert (own, (gpointer)vfpool_lease_get_slot (lease), (gpointer)vfpool_lease_get_address (lease));
  }
  return own;
}

/* What PVE will take once @leases are all that it may, and the slots whose VFs it would exchange. */
static gboolean
foresee (const PvePaths *paths, const PveVm *vm, GPtrArray *leases, GPtrArray **chosen, GPtrArray **pins,
         GError **error) {
  g_autoptr (GPtrArray) leased = addresses_of (leases);
  g_autoptr (GHashTable) own = own_of_leases (leases);

  *chosen = pve_plan_walk (vm->plan, paths, vm->mappings, leased, error);
  return *chosen && pve_plan_pins (vm->plan, *chosen, own, vm->config->notes, pins, error);
}

/* Leases the VFs of the slots that PVE would exchange as PVE will have it. @leases are those of all slots, and no good afterwards. */
static GPtrArray *
exchange (const PveVm *vm, GPtrArray *leases, GPtrArray *pins, GError **error) {
  g_autoptr (VfpoolRequest) pinned = pve_plan_request (vm->plan, vm->vfpool, vm->vmid, vm->config, pins, error);

  for (guint i = 0; pinned && i < pins->len; i++) {
    g_autofree char *name = g_strdup_printf ("hostpci%d", ((const PveSlot *)g_ptr_array_index (vm->plan, i))->index);
    VfpoolLease *lease = g_ptr_array_index (pins, i) ? find_slot_lease (leases, name) : NULL;

    if (lease && !vfpool_release_lease (vm->vfpool, lease, error))
      return NULL;
  }
  return pinned ? vfpool_acquire (vm->vfpool, pinned, error) : NULL;
}

/* Leases what the VM asks for, each slot the VF that PVE will give it. @leases: (out): also when it fails; @again: (out): because another
 * VM came in between */
static gboolean
acquire (const PvePaths *paths, const PveVm *vm, GPtrArray **leases, GPtrArray **chosen, gboolean *again,
         GError **error) {
  g_autoptr (GPtrArray) pins = NULL, rest = NULL, before_exchange = NULL;
  GPtrArray *exchanged;

  *again = FALSE;
  *leases = vfpool_acquire (vm->vfpool, vm->request, error);
  if (!*leases || !foresee (paths, vm, *leases, chosen, &pins, error))
    return FALSE;
  if (!pins)
    return TRUE;
  g_clear_pointer (chosen, g_ptr_array_unref);
  exchanged = exchange (vm, *leases, pins, error);
  *again = !exchanged;
  if (!exchanged)
    return FALSE;
  before_exchange = *leases;
  *leases = exchanged;
  if (!foresee (paths, vm, *leases, chosen, &rest, error))
    return FALSE;
  *again = rest != NULL;
  if (rest)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY,
                 "other VMs that start took the VFs that VM %s was to have, again and again: try again", vm->vmid);
  return !rest;
}

/* Whether @slot is one of an entry: "hostpciN" itself, or "hostpciN-1" and so on for what goes with it. */
static gboolean
is_in_plan (GPtrArray *plan, const char *slot) {
  for (guint i = 0; i < plan->len; i++) {
    g_autofree char *name = g_strdup_printf ("hostpci%d", ((const PveSlot *)g_ptr_array_index (plan, i))->index);

    if (g_str_has_prefix (slot, name) && (!slot[strlen (name)] || slot[strlen (name)] == '-'))
      return TRUE;
  }
  return FALSE;
}

/* What the VM has from an earlier start, in slots that it no longer asks for, would be missing for this one. */
static gboolean
give_back_leftovers (const PvePaths *paths, const PveVm *vm, GError **error) {
  g_autoptr (GPtrArray) leases = vfpool_guest_leases (vm->vfpool, VFPOOL_GUEST_PVE_QEMU, vm->vmid, error);

  if (!leases || pve_qemu_pid (paths, g_ascii_strtoull (vm->vmid, NULL, 10)))
    return leases != NULL;
  for (guint i = 0; i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);
    g_autoptr (GError) failure = NULL;

    if (!is_in_plan (vm->plan, vfpool_lease_get_slot (lease)) && !vfpool_release_lease (vm->vfpool, lease, &failure))
      report_error (failure);
  }
  return TRUE;
}

/* @again: (out): another VM came in between */
static gboolean
lease_once (const PvePaths *paths, const PveVm *vm, gboolean *again, GError **error) {
  g_autoptr (GPtrArray) before = vfpool_guest_leases (vm->vfpool, VFPOOL_GUEST_PVE_QEMU, vm->vmid, error);
  g_autoptr (GPtrArray) leases = NULL, chosen = NULL;

  *again = FALSE;
  if (!before)
    return FALSE;
  if (acquire (paths, vm, &leases, &chosen, again, error) && hand_over (paths, vm, chosen, leases, error))
    return TRUE;
  if (leases)
    pve_give_back (vm->vfpool, before, leases);
  if (leases || before->len > 0)
    park_rest (paths, vm->vfpool, vm->vmid);
  return FALSE;
}

gboolean
pve_lease_for_start (const PvePaths *paths, const PveVm *vm, GError **error) {
  pve_vm_warn_of_shared_macs (paths, vm);
  if (!give_back_leftovers (paths, vm, error))
    return FALSE;
  for (int tries = TRIES;; tries--) {
    GError *failure = NULL;
    gboolean again;

    if (lease_once (paths, vm, &again, &failure))
      return TRUE;
    if (!again || tries == 1) {
      g_propagate_error (error, failure);
      return FALSE;
    }
    g_clear_error (&failure);
  }
}

/* ---- Planning ---- */

/* All BDFs that would be leased by vfpool_plan()'s @result, in the order of the slots; NULL when a slot would not be served. */
static GPtrArray *
planned_addresses (GVariant *result) {
  g_autoptr (GVariant) slots = g_variant_lookup_value (result, "slots", G_VARIANT_TYPE ("aa{sv}"));
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; i < g_variant_n_children (slots); i++) {
    g_autoptr (GVariant) slot = g_variant_get_child_value (slots, i);
    g_auto (GStrv) functions = NULL;

    if (!g_variant_lookup (slot, "functions", "^as", &functions) || !*functions)
      return NULL;
    for (char **bdf = functions; *bdf; bdf++)
      g_ptr_array_add (addresses, g_strdup (*bdf));
  }
  return g_steal_pointer (&addresses);
}

/* The same by slot. */
static GHashTable *
own_of_plan (GVariant *result) {
  g_autoptr (GVariant) slots = g_variant_lookup_value (result, "slots", G_VARIANT_TYPE ("aa{sv}"));
  GHashTable *own = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (gsize i = 0; i < g_variant_n_children (slots); i++) {
    g_autoptr (GVariant) slot = g_variant_get_child_value (slots, i);
    char *name = NULL, *chosen = NULL;

    g_variant_lookup (slot, "slot", "s", &name);
    g_variant_lookup (slot, "chosen", "ms", &chosen);
    if (name)
      g_hash_table_replace (own, name, chosen);
  }
  return own;
}

static void
tell_pins (const PveVm *vm, GPtrArray *pins) {
  for (guint i = 0; pins && i < pins->len; i++) {
    const PveSlot *slot = g_ptr_array_index (vm->plan, i);
    g_autofree char *message = NULL;

    if (!g_ptr_array_index (pins, i))
      continue;
    message = g_strdup_printf (
        "of the VFs that are planned, Proxmox VE gives %s to hostpci%d, because it goes by the order of the mapping %s",
        (char *)g_ptr_array_index (pins, i), slot->index, slot->mapping);
    report_message (VFPOOL_MESSAGE_WARNING, message, NULL);
  }
}

gboolean
pve_lease_plan (const PvePaths *paths, const PveVm *vm, GVariant **result, GError **error) {
  g_autoptr (GPtrArray) planned = NULL, chosen = NULL, pins = NULL;
  g_autoptr (GHashTable) own = NULL;

  *result = vfpool_plan (vm->vfpool, vm->request, error);
  planned = *result ? planned_addresses (*result) : NULL;
  if (!planned) /* that a slot is not served, the plan tells */
    return *result != NULL;
  own = own_of_plan (*result);
  chosen = pve_plan_walk (vm->plan, paths, vm->mappings, planned, error);
  if (!chosen || !pve_plan_pins (vm->plan, chosen, own, vm->config->notes, &pins, error))
    return FALSE;
  tell_pins (vm, pins);
  return TRUE;
}
