/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bringing ledger and kernel together again. What is done, per state of a lease:
 *
 *   of another boot          void: removed when the ledger is opened (handle.c)
 *   any, worker lives        left alone: somebody acquires or releases it, or is `up` (up.c)
 *   device not there         removed, told; a quarantined one too: if it comes back, it is made anew
 *   reserved, worker died    undone: the VF is put back as far as it was changed, the lease ends
 *   releasing, worker died   finished; the guest's other leases are judged by themselves
 *   active, guest lives or   left alone; but when nobody has the VF in use and it is not as the lease says (another driver,
 *     cannot be told         MAC or VLAN: it was made anew, or somebody moved it), it is prepared again, else quarantined;
 *                            what the host uses now is told, and left alone
 *   active, guest gone       released; within the start grace it is left alone, because between the hook that
 *                            acquires and the hypervisor that starts there is nothing to see of the guest
 *   quarantined              left alone: an operator has to look (vfpool_release_quarantined())
 *
 * It cannot be told of manual guests whether they live. Leases are read once and judged one after the other, so
 * a verdict may be old: it is carried out only on a lease that is still as it was read. In every case that puts back, a VF
 * that is still in use is not touched: it is quarantined after a while (release.c). So is one that cannot be put
 * back, or that the host uses now (work.c). A failure over one lease does not keep the others from being settled.
 *
 * What has no lease is left alone: a free VF on the wrong driver is parked by `up`, and a VF that somebody holds without a
 * lease shows as foreign. A ledger that was lost is filled from the kernel's view when it is opened (rebuild.c). At the end
 * the operator hears which VFs appeared in the pools and which vanished.
 *
 * Who acquires, and finds no VF free, has the same done to leases of the VFs that he could have (vfpool_take_back()): nobody may
 * have reconciled since their guests died, or never started after their hook had leased. What is still in use would not help.
 *
 * Reconcile may die anywhere too. It writes that it works on a lease before it touches the VF, and ends the lease after;
 * what it leaves is `releasing, worker died`, or what it found. Putting back begins with looking, so it can be done twice.
 */
#include "guest.h"
#include "inuse.h"
#include "members.h"
#include "prepare.h"
#include "reconcile.h"
#include "release.h"
#include "work.h"

typedef struct {
  const char *event;
  const char *detail;
} Verdict;

static gboolean
device_is_there (Vfpool *self, const VfpoolLease *lease) {
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);

  return vfpool_host_function (host, lease->address) != NULL;
}

gint64
vfpool_lease_grace (Vfpool *self, const VfpoolLease *lease) {
  return MAX (0, (gint64)self->config->start_grace * G_USEC_PER_SEC - vfpool_work_age (lease));
}

static gboolean
guest_is_gone (Vfpool *self, const VfpoolLease *lease) {
  return vfpool_lease_grace (self, lease) == 0
         && vfpool_guest_life (self->root, lease->guest_kind, lease->guest_id) == VFPOOL_GUEST_GONE;
}

/* Whether @lease has to end, and why. */
static gboolean
judge (Vfpool *self, const VfpoolLease *lease, Verdict *verdict) {
  if (!device_is_there (self, lease))
    *verdict = (Verdict){ "released", "the device was gone" };
  else if (lease->state == VFPOOL_LEASE_QUARANTINED)
    return FALSE;
  else if (lease->state == VFPOOL_LEASE_RESERVED)
    *verdict = (Verdict){ "undone", "the process that acquired it died" };
  else if (lease->state == VFPOOL_LEASE_RELEASING)
    *verdict = (Verdict){ "released", "the process that released it died" };
  else if (guest_is_gone (self, lease))
    *verdict = (Verdict){ "released", "its guest was gone" };
  else
    return FALSE;
  return TRUE;
}

/* ---- An active lease whose VF is not as it says ---- */

/* Within its grace a guest that is not seen may be about to start or be about to be released; its hypervisor may be moving the
 * VF just now. */
static gboolean
needs_mending (Vfpool *self, VfpoolHost *host, VfpoolFunction *function, const VfpoolLease *lease) {
  if (!function || lease->state != VFPOOL_LEASE_ACTIVE
      || vfpool_guest_life (self->root, lease->guest_kind, lease->guest_id) == VFPOOL_GUEST_GONE
      || vfpool_prepare_is_done (self->root, function, lease) || vfpool_in_use_is_seen (self->root, lease, function))
    return FALSE;
  vfpool_host_load_use (host, function);
  if (function->host_use) {
    vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING,
                       "%s is leased to %s/%s, but used by the host: %s; it is left alone", lease->address,
                       vfpool_guest_kind_to_string (lease->guest_kind), lease->guest_id, function->host_use);
    return FALSE;
  }
  return TRUE;
}

/* @claimed is worked on by this thread. */
static gboolean
prepare_again (Vfpool *self, const VfpoolFunction *function, VfpoolLease *claimed, GError **error) {
  g_autofree char *use = vfpool_in_use_wait (self->root, claimed, function->iommu_group, 0);
  GError *local = NULL;

  if (use) {
    vfpool_work_leave (self, claimed);
    return TRUE;
  }
  if (vfpool_prepare (self->root, function, claimed, &local)) {
    vfpool_work_leave (self, claimed);
    vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING, "%s was not as its lease to %s/%s says: it was prepared again",
                       claimed->address, vfpool_guest_kind_to_string (claimed->guest_kind), claimed->guest_id);
    return TRUE;
  }
  vfpool_work_quarantine (self, claimed, local->message);
  g_propagate_prefixed_error (error, local, "%s was not as its lease says and is quarantined: ", claimed->address);
  return FALSE;
}

static gboolean
mend (Vfpool *self, const VfpoolLease *lease, GError **error) {
  const VfpoolWanted wanted = { lease->address, vfpool_work_is_as_read, lease, FALSE };
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  VfpoolFunction *function = vfpool_host_function (host, lease->address);
  g_autoptr (VfpoolLease) claimed = NULL;
  GError *local = NULL;

  if (!needs_mending (self, host, function, lease))
    return TRUE;
  claimed = vfpool_work_take (self, &wanted, &local);
  if (local) {
    g_propagate_error (error, local);
    return FALSE;
  }
  return !claimed || prepare_again (self, function, claimed, error);
}

/* @is_done: (out): whether it was; not when the lease is another one by now. */
static gboolean
carry_out (Vfpool *self, const VfpoolLease *lease, const Verdict *verdict, gboolean *is_done, GError **error) {
  if (!vfpool_release_as_read (self, lease, verdict->event, verdict->detail, is_done, error))
    return FALSE;
  if (*is_done)
    vfpool_handle_say (self, VFPOOL_MESSAGE_INFO, "%s of %s/%s, slot %s: %s: %s", lease->address,
                       vfpool_guest_kind_to_string (lease->guest_kind), lease->guest_id, lease->slot, verdict->event,
                       verdict->detail);
  return TRUE;
}

static gboolean
settle_lease (Vfpool *self, const VfpoolLease *lease, GError **error) {
  gboolean is_done;
  Verdict verdict;

  if (vfpool_work_is_busy (self, lease))
    return TRUE;
  return judge (self, lease, &verdict) ? carry_out (self, lease, &verdict, &is_done, error) : mend (self, lease, error);
}

gboolean
vfpool_reconcile (Vfpool *self, GError **error) {
  g_autoptr (GPtrArray) leases = vfpool_leases (self, error);
  GError *first = NULL;

  for (guint i = 0; leases && i < leases->len; i++) {
    g_autoptr (GError) local = NULL;
    if (settle_lease (self, g_ptr_array_index (leases, i), &local))
      continue;
    if (!first)
      first = g_steal_pointer (&local);
    else
      vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING, "%s", local->message);
  }
  if (leases)
    vfpool_members_compare (self, FALSE, first ? NULL : &first);
  if (first)
    g_propagate_error (error, first);
  return leases && !first;
}

/* ---- For who finds no VF free ---- */

/* @claimed is as @read again: that somebody looked makes it nothing else. */
static void
hand_back (Vfpool *self, VfpoolLease *claimed, const VfpoolLease *read) {
  g_autoptr (GError) local = NULL;

  claimed->state = read->state;
  claimed->worker_pid = read->worker_pid;
  claimed->worker_start = read->worker_start;
  if (!vfpool_work_update (self, claimed, &local))
    vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING, "%s still shows as being worked on: %s; run `vfpool reconcile`",
                       claimed->address, local->message);
}

/* A group that the kernel is still closing is found only by opening it, which may disturb nobody: this thread is the lease's worker for
 * that moment, so that the guest, should it start, waits. */
static gboolean
is_in_use (Vfpool *self, const VfpoolLease *lease) {
  const VfpoolWanted wanted = { lease->address, vfpool_work_is_as_read, lease, TRUE };
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  const VfpoolFunction *function = vfpool_host_function (host, lease->address);
  g_autoptr (VfpoolLease) claimed = NULL;
  g_autoptr (GError) local = NULL;
  g_autofree char *use = NULL;

  if (!function || vfpool_in_use_is_seen (self->root, lease, function))
    return function != NULL;
  claimed = vfpool_work_take (self, &wanted, &local);
  if (!claimed)
    return local != NULL;
  use = vfpool_in_use_wait (self->root, claimed, function->iommu_group, 0);
  hand_back (self, claimed, lease);
  return use != NULL;
}

guint
vfpool_take_back (Vfpool *self, VfpoolAddressFunc is_wanted, gpointer data) {
  g_autoptr (GPtrArray) leases = vfpool_leases (self, NULL);
  guint n = 0;

  for (guint i = 0; leases && i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);
    g_autoptr (GError) error = NULL;
    gboolean is_done;
    Verdict verdict;

    if (!is_wanted (data, lease->address) || vfpool_work_is_busy (self, lease) || !judge (self, lease, &verdict)
        || is_in_use (self, lease))
      continue;
    /* One that is another by now, somebody else has ended. */
    if (carry_out (self, lease, &verdict, &is_done, &error))
      n++;
    else
      vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING, "%s", error->message);
  }
  return n;
}
