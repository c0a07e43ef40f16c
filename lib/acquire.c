/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Acquiring, in four steps of which only the first and the last take the ledger's lock:
 *
 *   reserve   choose VFs over the leases as they are, and write the new leases (`reserved`, worked on by this thread)
 *   save      ask the kernel whether the VF is really free, and note what has to be put back
 *   prepare   attributes, driver, read back
 *   activate  write `active`
 *
 * When nothing can be chosen, what is left of guests that are gone is taken back (reconcile.c), without the lock, and the choice is
 * made once more.
 *
 * When the kernel says that a chosen VF is in somebody's hands after all, its lease is dropped, the VF is marked so in
 * the snapshot, and the choice is made again. A failure of another kind undoes all of this call's leases.
 */
#include "holder.h"
#include "inuse.h"
#include "mac.h"
#include "release.h"
#include "prepare.h"
#include "reconcile.h"
#include "snapshot.h"
#include "work.h"

#include <string.h>

/* What one call carries from step to step. */
typedef struct {
  Vfpool *self;
  const VfpoolRequest *request;
  VfpoolSnapshot snapshot;
  GArray *choices; /* the snapshot's: the slots that concern vfpool, then one for each VF that goes with a slot's */
  guint n_slots;   /* how many of them are slots of the request */
  GPtrArray *with; /* of VfpoolSlot: those of the VFs that go with others */
  GPtrArray *held; /* of VfpoolLease or NULL, by choice: what the guest holds and has in use: left alone */
  GPtrArray
      *before; /* of VfpoolLease or NULL, by choice: what the guest held, as it was before this call reserved it anew */
  GPtrArray *leases; /* of VfpoolLease, by choice: reserved by this call, or held */
  GPtrArray *macs;   /* of char* or NULL, by choice: what the VF shall have; made for who asks for none */
  char *mac_seed;
  GHashTable *used_macs; /* on this host; NULL: not looked for yet */
  char *warning;         /* of reserve(): nothing is told under the lock */
  gboolean is_stale;     /* reserve() did nothing */
  gboolean has_taken_back;
  gint64 waited;
} Acquire;

static void
unref_lease (gpointer data) {
  g_clear_pointer ((VfpoolLease **)&data, vfpool_lease_unref);
}

/* Makes *@array anew, with no lease for each choice. */
static void
begin_array (const Acquire *a, GPtrArray **array) {
  g_clear_pointer (array, g_ptr_array_unref);
  *array = g_ptr_array_new_with_free_func (unref_lease);
  g_ptr_array_set_size (*array, (int)a->choices->len);
}

static void
acquire_clear (Acquire *a) {
  g_clear_pointer (&a->held, g_ptr_array_unref);
  g_clear_pointer (&a->before, g_ptr_array_unref);
  g_clear_pointer (&a->leases, g_ptr_array_unref);
  g_clear_pointer (&a->with, g_ptr_array_unref);
  g_clear_pointer (&a->macs, g_ptr_array_unref);
  g_clear_pointer (&a->used_macs, g_hash_table_unref);
  g_free (a->mac_seed);
  g_free (a->warning);
  vfpool_snapshot_clear (&a->snapshot);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Acquire, acquire_clear)

/* ---- What the guest holds already ---- */

static VfpoolLease *
find_own (const Acquire *a, GPtrArray *leases, const VfpoolSlot *slot) {
  for (guint i = 0; i < leases->len; i++) {
    VfpoolLease *lease = g_ptr_array_index (leases, i);
    if (lease->state != VFPOOL_LEASE_QUARANTINED && lease->guest_kind == a->request->kind
        && strcmp (lease->guest_id, a->request->id) == 0 && strcmp (lease->slot, slot->name) == 0)
      return lease;
  }
  return NULL;
}

/* Whether the guest of @lease has it in use: then it is left alone, whatever is asked. */
static gboolean
is_in_use (Acquire *a, const VfpoolLease *lease, const VfpoolFunction *function) {
  return lease->state == VFPOOL_LEASE_ACTIVE && vfpool_in_use_is_seen (a->self->root, lease, function);
}

/* Settles what the guest holds for slot @i: kept, kept and left alone, or (when it no longer fits the request) given
 * back.
 * @again: (out): something changed, look anew. */
static gboolean
settle_slot (Acquire *a, guint i, GPtrArray *leases, gboolean *again, GError **error) {
  VfpoolChoice *choice = &g_array_index (a->choices, VfpoolChoice, i);
  VfpoolLease *own = find_own (a, leases, choice->slot);
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
is_name_of_other (const Acquire *a, const VfpoolSlot *slot, const char *name) {
  size_t n = strlen (slot->name);

  for (guint i = 0; i < a->n_slots; i++)
    if (strcmp (g_array_index (a->choices, VfpoolChoice, i).slot->name, name) == 0)
      return FALSE;
  return strncmp (name, slot->name, n) == 0 && name[n] == '-' && g_ascii_isdigit (name[n + 1])
         && strspn (name + n + 1, "0123456789") == strlen (name + n + 1);
}

static VfpoolLease *
find_slot_lease (const Acquire *a, GPtrArray *leases, const char *name) {
  const VfpoolSlot slot = { .name = (char *)name };

  return find_own (a, leases, &slot);
}

/* A name for one more VF of @slot: the guest has none of that name. */
static char *
name_other (const Acquire *a, const VfpoolSlot *slot, GPtrArray *leases) {
  for (guint n = 1;; n++) {
    g_autofree char *name = g_strdup_printf ("%s-%u", slot->name, n);
    gboolean is_free = is_name_of_other (a, slot, name) && !find_slot_lease (a, leases, name);

    for (guint i = a->n_slots; is_free && i < a->choices->len; i++)
      is_free = strcmp (g_array_index (a->choices, VfpoolChoice, i).slot->name, name) != 0;
    if (is_free)
      return g_steal_pointer (&name);
  }
}

/* Adds a slot of its own for @function, which goes with the slot of choice @i. Takes @name. */
static void
add_other (Acquire *a, guint i, char *name, VfpoolFunction *function) {
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

/* The VFs that were chosen together with others become slots like any. */
static void
add_all_others (Acquire *a, GPtrArray *leases) {
  for (guint i = 0; i < a->n_slots; i++) {
    g_autoptr (GPtrArray) with = g_steal_pointer (&g_array_index (a->choices, VfpoolChoice, i).with);

    for (guint k = 0; with && k < with->len; k++) {
      const VfpoolSlot *slot = g_array_index (a->choices, VfpoolChoice, i).slot;
      add_other (a, i, name_other (a, slot, leases), g_ptr_array_index (with, k));
    }
  }
}

static void
forget_others (Acquire *a) {
  g_array_set_size (a->choices, a->n_slots);
  g_clear_pointer (&a->with, g_ptr_array_unref);
  a->with = g_ptr_array_new_with_free_func (free_slot);
}

/* What was leased together with what the guest has in slot @i is kept with it. A lease that only has such a name, because the
 * guest asked for it by itself, is left alone. */
static gboolean
settle_others (Acquire *a, guint i, GPtrArray *leases, gboolean *again, GError **error) {
  for (guint k = 0; k < leases->len && !*again; k++) {
    VfpoolLease *lease = g_ptr_array_index (leases, k);
    const VfpoolChoice *choice = &g_array_index (a->choices, VfpoolChoice, i);
    VfpoolFunction *function = vfpool_snapshot_candidate (choice, lease->address);

    if (!function || !vfpool_choice_is_together (choice, choice->chosen, function)
        || !is_name_of_other (a, choice->slot, lease->slot) || find_slot_lease (a, leases, lease->slot) != lease)
      continue;
    add_other (a, i, g_strdup (lease->slot), NULL);
    g_ptr_array_set_size (a->held, (int)a->choices->len);
    if (!settle_slot (a, a->choices->len - 1, leases, again, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
settle (Acquire *a, gboolean *again, GError **error) {
  VfpoolLedger *ledger = vfpool_handle_ledger (a->self, error);
  g_autoptr (GPtrArray) leases = ledger ? vfpool_ledger_leases (ledger, error) : NULL;

  *again = FALSE;
  forget_others (a);
  begin_array (a, &a->held);
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

/* ---- MACs ---- */

/* Two guests of one host with one MAC may be meant so, in two networks. */
static void
warn_shared_mac (Acquire *a, const VfpoolSituation *situation, const VfpoolSlot *slot) {
  const VfpoolLease *other = slot->mac ? vfpool_mac_find_other (situation, slot->mac) : NULL;
  g_autofree char *guest = NULL;

  if (!other)
    return;
  guest = vfpool_guest_describe (other->guest_kind, other->guest_id, other->guest_name);
  g_free (a->warning);
  a->warning = g_strdup_printf ("slot %s asks for the MAC %s, which %s has in its slot %s", slot->name, slot->mac,
                                guest, other->slot);
}

/* @again: (out): those of the host have to be looked up first, which is not done under the lock. */
static void
choose_macs (Acquire *a, const VfpoolSituation *situation, gboolean *again) {
  g_clear_pointer (&a->macs, g_ptr_array_unref);
  a->macs = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < a->choices->len && !*again; i++) {
    const VfpoolChoice *choice = &g_array_index (a->choices, VfpoolChoice, i);
    char *mac;

    warn_shared_mac (a, situation, choice->slot);
    if (!vfpool_mac_is_made (a->self->root, choice)) {
      g_ptr_array_add (a->macs, g_strdup (choice->slot->mac));
      continue;
    }
    mac = vfpool_mac_choose (situation, choice->slot->name, a->mac_seed, a->used_macs);
    *again = !mac;
    g_ptr_array_add (a->macs, mac);
  }
}

static void
load_macs (Acquire *a) {
  a->used_macs = vfpool_mac_used (a->self->root);
  vfpool_mac_add_of_vfs (a->used_macs, a->snapshot.host, a->self->config);
}

/* ---- Reserve ---- */

static void
fill_lease (Acquire *a, guint i, VfpoolLease *lease) {
  const VfpoolSlot *slot = g_array_index (a->choices, VfpoolChoice, i).slot;

  g_free (lease->guest_name);
  lease->guest_name = g_strdup (a->request->name);
  g_free (lease->mac);
  lease->mac = g_strdup (g_ptr_array_index (a->macs, i));
  lease->vlan = slot->vlan;
  lease->driver = slot->driver;
  lease->by_pool = slot->pool != NULL;
  lease->state = VFPOOL_LEASE_RESERVED;
  lease->is_attached = FALSE;
  g_clear_pointer (&lease->reason, g_free);
  vfpool_work_stamp (lease);
  vfpool_work_claim (a->self, lease);
}

static VfpoolLease *
make_lease (Acquire *a, guint i) {
  const VfpoolChoice *choice = &g_array_index (a->choices, VfpoolChoice, i);
  VfpoolLease *lease = vfpool_lease_new ();

  lease->address = g_strdup (choice->chosen->address);
  lease->guest_kind = a->request->kind;
  lease->guest_id = g_strdup (a->request->id);
  lease->slot = g_strdup (choice->slot->name);
  lease->pool = g_strdup (choice->pool->name);
  lease->boot_id = g_strdup (a->self->boot_id);
  fill_lease (a, i, lease);
  return lease;
}

/* Writes the lease for slot @i. @leases: as read in this transaction. */
static gboolean
reserve_slot (Acquire *a, VfpoolLedger *ledger, guint i, GPtrArray *leases, GError **error) {
  const VfpoolChoice *choice = &g_array_index (a->choices, VfpoolChoice, i);
  VfpoolLease *own = find_own (a, leases, choice->slot);

  if (a->held->pdata[i]) {
    a->leases->pdata[i] = vfpool_lease_ref (a->held->pdata[i]);
    return TRUE;
  }
  if (!own) {
    a->leases->pdata[i] = make_lease (a, i);
    return vfpool_ledger_add (ledger, a->leases->pdata[i], error);
  }
  if (!vfpool_ledger_find (ledger, own->address, (VfpoolLease **)&a->before->pdata[i], error))
    return FALSE;
  a->leases->pdata[i] = vfpool_lease_ref (own);
  fill_lease (a, i, own);
  return vfpool_ledger_update (ledger, own, TRUE, error);
}

/* Whether what settle() found still stands now that the lock is held. */
static gboolean
is_settled (const Acquire *a, GPtrArray *leases) {
  for (guint i = 0; i < a->choices->len; i++) {
    const VfpoolChoice *choice = &g_array_index (a->choices, VfpoolChoice, i);
    const VfpoolLease *own = find_own (a, leases, choice->slot), *held = a->held->pdata[i];

    if ((own != NULL) != (choice->chosen != NULL))
      return FALSE;
    if (own && (vfpool_work_is_busy (a->self, own) || strcmp (own->address, choice->chosen->address) != 0))
      return FALSE;
    if (held && held->serial != own->serial)
      return FALSE;
  }
  return TRUE;
}

static gboolean
choose (Acquire *a, VfpoolLedger *ledger, GPtrArray *leases, GError **error) {
  g_autoptr (GPtrArray) assignments = vfpool_ledger_assignments (ledger, error);
  g_autoptr (GPtrArray) cordons = assignments ? vfpool_ledger_cordons (ledger, error) : NULL;
  VfpoolSituation situation = { a->request, leases, assignments, cordons, a->snapshot.places };

  if (!cordons || !vfpool_choose (&situation, a->choices, error))
    return FALSE;
  add_all_others (a, leases);
  g_ptr_array_set_size (a->held, (int)a->choices->len);
  begin_array (a, &a->before);
  begin_array (a, &a->leases);
  choose_macs (a, &situation, &a->is_stale);
  return TRUE;
}

/* Chooses and writes, under the lock; unless a->is_stale: the guest's leases changed since settle(), or more has to be known. */
static gboolean
reserve (VfpoolLedger *ledger, gpointer data, GError **error) {
  Acquire *a = data;
  g_autoptr (GPtrArray) leases = vfpool_ledger_leases (ledger, error);

  a->is_stale = leases && !is_settled (a, leases);
  if (!leases || a->is_stale)
    return a->is_stale;
  if (!choose (a, ledger, leases, error))
    return FALSE;
  if (a->is_stale)
    return TRUE;
  for (guint i = 0; i < a->choices->len; i++)
    if (!reserve_slot (a, ledger, i, leases, error))
      return FALSE;
  return TRUE;
}

/* ---- Save, prepare, activate ---- */

typedef struct {
  const Acquire *a;
  void (*step) (VfpoolLease *);
  const char *event;
} Writing;

static gboolean
write_now (VfpoolLedger *ledger, gpointer data, GError **error) {
  const Writing *w = data;

  for (guint i = 0; i < w->a->leases->len; i++) {
    VfpoolLease *lease = g_ptr_array_index (w->a->leases, i);
    if (w->a->held->pdata[i])
      continue;
    if (w->step)
      w->step (lease);
    if (!vfpool_ledger_update (ledger, lease, FALSE, error)
        || (w->event
            && (!vfpool_ledger_note (ledger, lease, w->event, NULL, error)
                || !vfpool_ledger_remember (ledger, lease, error))))
      return FALSE;
  }
  return TRUE;
}

/* Applies @step to the leases that this call reserved, and writes them in one transaction. */
static gboolean
write_leases (const Acquire *a, void (*step) (VfpoolLease *), const char *event, GError **error) {
  return vfpool_handle_change (a->self, write_now, &(Writing){ a, step, event }, error);
}

static void
set_active (VfpoolLease *lease) {
  lease->state = VFPOOL_LEASE_ACTIVE;
  vfpool_work_end (lease);
}

/* Whether nobody has @f open, now that this call has leased it; notes in it who has. */
static gboolean
is_closed (const Acquire *a, VfpoolFunction *f) {
  if (!vfpool_holder_group_is_open (a->self->root, f->iommu_group))
    return TRUE;
  g_free (f->held_by);
  f->held_by = vfpool_holder_find (a->self->root, f->iommu_group);
  return FALSE;
}

/* For what the guest's own old process, or its container, may still have in use. */
static gboolean
wait_until_let_go (const Acquire *a, const VfpoolLease *lease, VfpoolFunction *f, GError **error) {
  const int seconds = a->self->config->release_wait;
  g_autofree char *use = vfpool_in_use_wait (a->self->root, lease, f->iommu_group, seconds);

  if (use) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE, "%s is still in use: %s after %d s; stop it, then try again",
                 f->address, use, seconds);
    return FALSE;
  }
  /* While the snapshot was taken its interface may have been in the container. */
  g_clear_pointer (&f->host_use, g_free);
  vfpool_host_load_use (a->snapshot.host, f);
  return TRUE;
}

/* Asks the kernel whether the VFs are free, and notes what to put back. @again: (out): one is not; it is marked so. */
static gboolean
save (Acquire *a, gboolean *again, GError **error) {
  for (guint i = 0; i < a->choices->len; i++) {
    VfpoolFunction *f = g_array_index (a->choices, VfpoolChoice, i).chosen;
    VfpoolLease *lease = a->leases->pdata[i];

    if (a->held->pdata[i])
      continue;
    /* What was prepared for this guest before is this guest's: it is waited for, not exchanged for another VF. */
    if (lease->has_saved && !wait_until_let_go (a, lease, f, error))
      return FALSE;
    if (!is_closed (a, f)) {
      *again = TRUE;
      return TRUE;
    }
    /* A VF that is chosen is not; one that the guest had before may have been given to the host since. */
    if (f->host_use) {
      g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE, "%s is used by the host: %s", f->address, f->host_use);
      return FALSE;
    }
    if (!vfpool_prepare_save (a->self->root, f, lease, error))
      return FALSE;
  }
  return write_leases (a, NULL, NULL, error);
}

static gboolean
prepare (Acquire *a, GError **error) {
  for (guint i = 0; i < a->choices->len; i++)
    if (!a->held->pdata[i]
        && !vfpool_prepare (a->self->root, g_array_index (a->choices, VfpoolChoice, i).chosen, a->leases->pdata[i],
                            error))
      return FALSE;
  return TRUE;
}

/* Leaves lease @i, that was there before, to its guest: the VF is in use and must not be touched. So the lease has to say what it
 * said before, of what the VF is like and of what has to be put back one day. */
static void
leave_as_before (Acquire *a, guint i) {
  VfpoolLease *before = a->before->pdata[i];

  before->serial = ((const VfpoolLease *)a->leases->pdata[i])->serial;
  vfpool_work_leave (a->self, before);
}

/* Whether the VF of lease @i, that was there before, is still in use: then it is not put back, as by release. */
static gboolean
is_still_in_use (const Acquire *a, guint i) {
  const VfpoolFunction *f = g_array_index (a->choices, VfpoolChoice, i).chosen;
  const VfpoolLease *before = a->before->pdata[i];
  g_autofree char *use = before ? vfpool_in_use_wait (a->self->root, before, f->iommu_group, 0) : NULL;

  return use != NULL;
}

/* Gives back what this call reserved. What was not saved was not touched. */
static void
undo (Acquire *a, const char *reason) {
  for (guint i = 0; i < a->leases->len; i++) {
    VfpoolLease *lease = g_ptr_array_index (a->leases, i);
    g_autoptr (GError) local = NULL;
    gboolean ok = TRUE;

    if (!lease || a->held->pdata[i])
      continue;
    if (lease->has_saved && is_still_in_use (a, i))
      leave_as_before (a, i);
    else if (!lease->has_saved)
      ok = vfpool_work_remove (a->self, lease, "undone", reason, &local);
    else
      ok = vfpool_work_put_back (a->self, lease, "undone", reason, &local);
    if (!ok)
      vfpool_handle_say (a->self, VFPOOL_MESSAGE_WARNING, "%s", local->message);
  }
}

/* Everything after the reservation. @again: (out): choose anew. */
static gboolean
finish (Acquire *a, gboolean *again, GError **error) {
  GError *local = NULL;
  gboolean ok = save (a, again, &local);

  ok = ok && (*again || (prepare (a, &local) && write_leases (a, set_active, "acquired", &local)));
  if (!ok || *again)
    undo (a, local ? local->message : "the VF is in somebody else's hands");
  if (local)
    g_propagate_error (error, local);
  return ok;
}

/* ---- All of it ---- */

static gboolean
take_snapshot (Acquire *a, GError **error) {
  vfpool_snapshot_clear (&a->snapshot);
  if (!vfpool_snapshot_take (&a->snapshot, a->self, a->request, error))
    return FALSE;
  a->choices = a->snapshot.choices;
  a->n_slots = a->choices->len;
  return TRUE;
}

/* Whether the VF at @address would do for a slot; what the guest holds for one, it keeps. */
static gboolean
may_help (gpointer data, const char *address) {
  const Acquire *a = data;
  gboolean is_candidate = FALSE;

  for (guint i = 0; i < a->choices->len; i++) {
    const VfpoolChoice *choice = &g_array_index (a->choices, VfpoolChoice, i);

    if (choice->chosen && strcmp (choice->chosen->address, address) == 0)
      return FALSE;
    is_candidate |= vfpool_snapshot_candidate (choice, address) != NULL;
  }
  return is_candidate;
}

/* Whether VFs have come free that may help against @failure. */
static gboolean
take_back (Acquire *a, const GError *failure) {
  if (a->has_taken_back
      || !(g_error_matches (failure, VFPOOL_ERROR, VFPOOL_ERROR_NO_FREE_VF)
           || g_error_matches (failure, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE)))
    return FALSE;
  a->has_taken_back = TRUE;
  return vfpool_take_back (a->self, may_help, a) > 0;
}

/* @again: (out): nothing is reserved, look anew. */
static gboolean
reserve_or_take_back (Acquire *a, gboolean *again, GError **error) {
  GError *local = NULL;

  if (vfpool_handle_change (a->self, reserve, a, &local)) {
    *again = a->is_stale;
    return TRUE;
  }
  if (!take_back (a, local)) {
    g_propagate_error (error, local);
    return FALSE;
  }
  g_error_free (local);
  *again = TRUE;
  return take_snapshot (a, error);
}

GPtrArray *
vfpool_acquire (Vfpool *self, const VfpoolRequest *request, GError **error) {
  g_auto (Acquire) a = { .self = self, .request = request };
  gboolean again = TRUE;

  if (!take_snapshot (&a, error))
    return NULL;
  if (a.n_slots == 0)
    return g_ptr_array_new_with_free_func (unref_lease);
  a.mac_seed = vfpool_mac_seed (self->root, self->config, request->kind);
  while (again) {
    if (a.is_stale && !a.used_macs)
      load_macs (&a);
    a.is_stale = FALSE;
    if (!settle (&a, &again, error))
      return NULL;
    if (!again && !reserve_or_take_back (&a, &again, error))
      return NULL;
    if (!again && !finish (&a, &again, error))
      return NULL;
  }
  if (a.warning)
    vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING, "%s", a.warning);
  return g_steal_pointer (&a.leases);
}
