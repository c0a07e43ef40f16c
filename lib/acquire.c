/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Acquiring: what the guest holds already is settled (acquire-settle.c), then there are four steps of which only the first and the
 * last take the ledger's lock:
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
#include "acquire.h"
#include "holder.h"
#include "inuse.h"
#include "mac.h"
#include "prepare.h"
#include "reconcile.h"
#include "work.h"

#include <string.h>

/* Makes *@array anew, with no lease for each choice. */
static void
begin_array (const VfpoolAcquire *a, GPtrArray **array) {
  g_clear_pointer (array, g_ptr_array_unref);
  *array = vfpool_acquire_lease_array (a->choices->len);
}

static void
acquire_clear (VfpoolAcquire *a) {
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

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VfpoolAcquire, acquire_clear)

/* ---- MACs ---- */

/* Two guests of one host with one MAC may be meant so, in two networks. */
static void
warn_shared_mac (VfpoolAcquire *a, const VfpoolSituation *situation, const VfpoolSlot *slot) {
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
choose_macs (VfpoolAcquire *a, const VfpoolSituation *situation, gboolean *again) {
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
load_macs (VfpoolAcquire *a) {
  a->used_macs = vfpool_mac_used (a->self->root);
  vfpool_mac_add_of_vfs (a->used_macs, a->snapshot.host, a->self->config);
}

/* ---- Reserve ---- */

static void
fill_lease (VfpoolAcquire *a, guint i, VfpoolLease *lease) {
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
make_lease (VfpoolAcquire *a, guint i) {
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
reserve_slot (VfpoolAcquire *a, VfpoolLedger *ledger, guint i, GPtrArray *leases, GError **error) {
  const VfpoolChoice *choice = &g_array_index (a->choices, VfpoolChoice, i);
  VfpoolLease *own = vfpool_acquire_find_own (a, leases, choice->slot->name);

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

/* Whether what vfpool_acquire_settle() found still stands now that the lock is held. */
static gboolean
is_settled (const VfpoolAcquire *a, GPtrArray *leases) {
  for (guint i = 0; i < a->choices->len; i++) {
    const VfpoolChoice *choice = &g_array_index (a->choices, VfpoolChoice, i);
    const VfpoolLease *own = vfpool_acquire_find_own (a, leases, choice->slot->name), *held = a->held->pdata[i];

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
choose (VfpoolAcquire *a, VfpoolLedger *ledger, GPtrArray *leases, GError **error) {
  g_autoptr (GPtrArray) assignments = vfpool_ledger_assignments (ledger, error);
  g_autoptr (GPtrArray) cordons = assignments ? vfpool_ledger_cordons (ledger, error) : NULL;
  VfpoolSituation situation = { a->request, leases, assignments, cordons, a->snapshot.places };

  if (!cordons || !vfpool_choose (&situation, a->choices, error))
    return FALSE;
  vfpool_acquire_add_others (a, leases);
  g_ptr_array_set_size (a->held, (int)a->choices->len);
  begin_array (a, &a->before);
  begin_array (a, &a->leases);
  choose_macs (a, &situation, &a->is_stale);
  return TRUE;
}

/* Chooses and writes, under the lock; unless a->is_stale: the guest's leases changed since they were settled, or more has to be known. */
static gboolean
reserve (VfpoolLedger *ledger, gpointer data, GError **error) {
  VfpoolAcquire *a = data;
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
  const VfpoolAcquire *a;
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
write_leases (const VfpoolAcquire *a, void (*step) (VfpoolLease *), const char *event, GError **error) {
  return vfpool_handle_change (a->self, write_now, &(Writing){ a, step, event }, error);
}

static void
set_active (VfpoolLease *lease) {
  lease->state = VFPOOL_LEASE_ACTIVE;
  vfpool_work_end (lease);
}

/* Whether nobody has @f open, now that this call has leased it; notes in it who has. */
static gboolean
is_closed (const VfpoolAcquire *a, VfpoolFunction *f) {
  if (!vfpool_holder_group_is_open (a->self->root, f->iommu_group))
    return TRUE;
  g_free (f->held_by);
  f->held_by = vfpool_holder_find (a->self->root, f->iommu_group);
  return FALSE;
}

/* For what the guest's own old process, or its container, may still have in use. */
static gboolean
wait_until_let_go (const VfpoolAcquire *a, const VfpoolLease *lease, VfpoolFunction *f, GError **error) {
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
save (VfpoolAcquire *a, gboolean *again, GError **error) {
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
prepare (VfpoolAcquire *a, GError **error) {
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
leave_as_before (VfpoolAcquire *a, guint i) {
  VfpoolLease *before = a->before->pdata[i];

  before->serial = ((const VfpoolLease *)a->leases->pdata[i])->serial;
  vfpool_work_leave (a->self, before);
}

/* Whether the VF of lease @i, that was there before, is still in use: then it is not put back, as by release. */
static gboolean
is_still_in_use (const VfpoolAcquire *a, guint i) {
  const VfpoolFunction *f = g_array_index (a->choices, VfpoolChoice, i).chosen;
  const VfpoolLease *before = a->before->pdata[i];
  g_autofree char *use = before ? vfpool_in_use_wait (a->self->root, before, f->iommu_group, 0) : NULL;

  return use != NULL;
}

/* Gives back what this call reserved. What was not saved was not touched. */
static void
undo (VfpoolAcquire *a, const char *reason) {
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
finish (VfpoolAcquire *a, gboolean *again, GError **error) {
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
take_snapshot (VfpoolAcquire *a, GError **error) {
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
  const VfpoolAcquire *a = data;
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
take_back (VfpoolAcquire *a, const GError *failure) {
  if (a->has_taken_back
      || !(g_error_matches (failure, VFPOOL_ERROR, VFPOOL_ERROR_NO_FREE_VF)
           || g_error_matches (failure, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE)))
    return FALSE;
  a->has_taken_back = TRUE;
  return vfpool_take_back (a->self, may_help, a) > 0;
}

/* @again: (out): nothing is reserved, look anew. */
static gboolean
reserve_or_take_back (VfpoolAcquire *a, gboolean *again, GError **error) {
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
  g_auto (VfpoolAcquire) a = { .self = self, .request = request };
  gboolean again = TRUE;

  if (!take_snapshot (&a, error))
    return NULL;
  if (a.n_slots == 0)
    return vfpool_acquire_lease_array (0);
  a.mac_seed = vfpool_mac_seed (self->root, self->config, request->kind);
  while (again) {
    if (a.is_stale && !a.used_macs)
      load_macs (&a);
    a.is_stale = FALSE;
    if (!vfpool_acquire_settle (&a, &again, error))
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
