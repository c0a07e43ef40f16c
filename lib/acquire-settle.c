/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Before anything is chosen for a guest, what it holds already is settled, slot by slot, without the ledger's lock: giving a VF back
 * is slow. So it may have changed when the lock is held, and whoever holds it looks once more (acquire.c).
 *
 * A slot may stand for several VFs, that go together: all functions of a device, or all members of an IOMMU group. The others than
 * the slot's own become slots like any, called after it.
 */
#include "acquire.h"
#include "inuse.h"
#include "release.h"
#include "work.h"

#include <string.h>

/* ---- What the guest holds already ---- */

static void
unref_lease (gpointer data) {
  g_clear_pointer ((VfpoolLease **)&data, vfpool_lease_unref);
}

GPtrArray *
vfpool_acquire_lease_array (guint n) {
  GPtrArray *array = g_ptr_array_new_with_free_func (unref_lease);

  g_ptr_array_set_size (array, (int)n);
  return array;
}

VfpoolLease *
vfpool_acquire_find_own (const VfpoolAcquire *a, GPtrArray *leases, const char *name) {
  for (guint i = 0; i < leases->len; i++) {
    VfpoolLease *lease = g_ptr_array_index (leases, i);
    if (lease->state != VFPOOL_LEASE_QUARANTINED && lease->guest_kind == a->request->kind
        && strcmp (lease->guest_id, a->request->id) == 0 && strcmp (lease->slot, name) == 0)
      return lease;
  }
  return NULL;
}

/* Whether the guest of @lease has it in use: then it is left alone, whatever is asked. */
static gboolean
is_in_use (VfpoolAcquire *a, const VfpoolLease *lease, const VfpoolFunction *function) {
  return lease->state == VFPOOL_LEASE_ACTIVE && vfpool_in_use_is_seen (a->self->root, lease, function);
}

/* Settles what the guest holds for slot @i: kept, kept and left alone, or (when it no longer fits the request) given
 * back.
 * @again: (out): something changed, look anew. */
static gboolean
settle_slot (VfpoolAcquire *a, guint i, GPtrArray *leases, gboolean *again, GError **error) {
  VfpoolChoice *choice = &g_array_index (a->choices, VfpoolChoice, i);
  VfpoolLease *own = vfpool_acquire_find_own (a, leases, choice->slot->name);
  VfpoolFunction *function = own ? vfpool_snapshot_candidate (choice, own->address) : NULL;

  if (!own)
    return TRUE;
  if (vfpool_work_is_busy (a->self, own)) {
    *again = TRUE;
    return vfpool_work_wait (a->self, own, &a->waited, error);
  }
  if (!function || strcmp (own->pool, choice->pool->name) != 0) {
    *again = TRUE;
    return vfpool_release_as (a->self, own, "released", "the guest now asks for something else in this slot", error);
  }
  choice->chosen = function;
  if (is_in_use (a, own, function))
    a->held->pdata[i] = vfpool_lease_ref (own);
  return TRUE;
}

/* ---- What goes together ---- */

static void
free_slot (gpointer data) {
  VfpoolSlot *slot = data;

  g_free (slot->name);
  g_free (slot->pool);
  g_free (slot);
}

/* Whether the guest may have several VFs in the slot of @choice. */
static gboolean
has_others (const VfpoolChoice *choice) {
  return choice->chosen && (choice->slot->all_functions || choice->pool->groups_together);
}

/* Whether @name is "SLOT-1", "SLOT-2" ... of @slot, and no slot of the request. */
static gboolean
is_name_of_other (const VfpoolAcquire *a, const VfpoolSlot *slot, const char *name) {
  size_t n = strlen (slot->name);

  for (guint i = 0; i < a->n_slots; i++)
    if (strcmp (g_array_index (a->choices, VfpoolChoice, i).slot->name, name) == 0)
      return FALSE;
  return strncmp (name, slot->name, n) == 0 && name[n] == '-' && g_ascii_isdigit (name[n + 1])
         && strspn (name + n + 1, "0123456789") == strlen (name + n + 1);
}

/* A name for one more VF of @slot: the guest has none of that name. */
static char *
name_other (const VfpoolAcquire *a, const VfpoolSlot *slot, GPtrArray *leases) {
  for (guint n = 1;; n++) {
    g_autofree char *name = g_strdup_printf ("%s-%u", slot->name, n);
    gboolean is_free = is_name_of_other (a, slot, name) && !vfpool_acquire_find_own (a, leases, name);

    for (guint i = a->n_slots; is_free && i < a->choices->len; i++)
      is_free = strcmp (g_array_index (a->choices, VfpoolChoice, i).slot->name, name) != 0;
    if (is_free)
      return g_steal_pointer (&name);
  }
}

/* Adds a slot of its own for @function, which goes with the slot of choice @i. Takes @name. */
static void
add_other (VfpoolAcquire *a, guint i, char *name, VfpoolFunction *function) {
  const VfpoolChoice *main_choice = &g_array_index (a->choices, VfpoolChoice, i);
  VfpoolSlot *slot = g_new0 (VfpoolSlot, 1);
  VfpoolChoice choice = *main_choice;

  slot->name = name;
  slot->pool = g_strdup (main_choice->slot->pool);
  slot->vlan = main_choice->slot->vlan;
  slot->policy = main_choice->slot->policy;
  slot->driver = main_choice->slot->driver;
  g_ptr_array_add (a->with, slot);
  choice.slot = slot;
  choice.candidates = g_ptr_array_ref (main_choice->candidates);
  choice.chosen = function;
  choice.with = NULL;
  g_array_append_val (a->choices, choice);
}

void
vfpool_acquire_add_others (VfpoolAcquire *a, GPtrArray *leases) {
  for (guint i = 0; i < a->n_slots; i++) {
    g_autoptr (GPtrArray) with = g_steal_pointer (&g_array_index (a->choices, VfpoolChoice, i).with);

    for (guint k = 0; with && k < with->len; k++) {
      const VfpoolSlot *slot = g_array_index (a->choices, VfpoolChoice, i).slot;
      add_other (a, i, name_other (a, slot, leases), g_ptr_array_index (with, k));
    }
  }
}

static void
forget_others (VfpoolAcquire *a) {
  g_array_set_size (a->choices, a->n_slots);
  g_clear_pointer (&a->with, g_ptr_array_unref);
  a->with = g_ptr_array_new_with_free_func (free_slot);
}

/* What was leased together with what the guest has in slot @i is kept with it. A lease that only has such a name, because the
 * guest asked for it by itself, is left alone. */
static gboolean
settle_others (VfpoolAcquire *a, guint i, GPtrArray *leases, gboolean *again, GError **error) {
  for (guint k = 0; k < leases->len && !*again; k++) {
    VfpoolLease *lease = g_ptr_array_index (leases, k);
    const VfpoolChoice *choice = &g_array_index (a->choices, VfpoolChoice, i);
    VfpoolFunction *function = vfpool_snapshot_candidate (choice, lease->address);

    if (!function || !vfpool_choice_is_together (choice, choice->chosen, function)
        || !is_name_of_other (a, choice->slot, lease->slot)
        || vfpool_acquire_find_own (a, leases, lease->slot) != lease)
      continue;
    add_other (a, i, g_strdup (lease->slot), NULL);
    g_ptr_array_set_size (a->held, (int)a->choices->len);
    if (!settle_slot (a, a->choices->len - 1, leases, again, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
vfpool_acquire_settle (VfpoolAcquire *a, gboolean *again, GError **error) {
  VfpoolLedger *ledger = vfpool_handle_ledger (a->self, error);
  g_autoptr (GPtrArray) leases = ledger ? vfpool_ledger_leases (ledger, error) : NULL;

  *again = FALSE;
  forget_others (a);
  g_clear_pointer (&a->held, g_ptr_array_unref);
  a->held = vfpool_acquire_lease_array (a->n_slots);
  for (guint i = 0; i < a->n_slots; i++) {
    g_array_index (a->choices, VfpoolChoice, i).chosen = NULL;
    vfpool_choice_clear (&g_array_index (a->choices, VfpoolChoice, i));
  }
  for (guint i = 0; leases && i < a->n_slots && !*again; i++)
    if (!settle_slot (a, i, leases, again, error))
      return FALSE;
  for (guint i = 0; leases && i < a->n_slots && !*again; i++)
    if (has_others (&g_array_index (a->choices, VfpoolChoice, i)) && !settle_others (a, i, leases, again, error))
      return FALSE;
  return leases != NULL;
}
