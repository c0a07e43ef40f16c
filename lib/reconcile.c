/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bringing ledger and kernel together again. What is done, per state of a lease:
 *
 *   of another boot          void: removed when the ledger is opened (handle.c)
 *   device not there         removed, told
 *   reserved, worker lives   left alone: somebody is acquiring
 *   reserved, worker died    undone: the VF is put back, the lease ends
 *   releasing, worker lives  left alone
 *   releasing, worker died   finished
 *   active, guest lives      left alone
 *   active, guest gone       released; within the start grace it is left alone, because between the hook that
 *                            acquires and the hypervisor that starts there is nothing to see of the guest
 *   active, cannot be told   left alone (manual guests; containers)
 *   quarantined              left alone: an operator has to look (vfpool_release_quarantined())
 *
 * In every case that puts back, a VF that somebody still has open is not touched (release.c).
 */
#include "guest.h"
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

static gboolean
is_in_grace (const Vfpool *self, const VfpoolLease *lease) {
  return vfpool_work_age (lease) < (gint64)self->config->start_grace * G_USEC_PER_SEC;
}

static gboolean
guest_is_gone (Vfpool *self, const VfpoolLease *lease) {
  return !is_in_grace (self, lease)
         && vfpool_guest_life (self->root, lease->guest_kind, lease->guest_id) == VFPOOL_GUEST_GONE;
}

/* What is to be done with @lease. FALSE: nothing. */
static gboolean
judge (Vfpool *self, const VfpoolLease *lease, Verdict *verdict) {
  if (lease->state == VFPOOL_LEASE_QUARANTINED || vfpool_work_is_busy (self, lease))
    return FALSE;
  if (!device_is_there (self, lease))
    *verdict = (Verdict){ "released", "the device was gone" };
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

static gboolean
settle_lease (Vfpool *self, const VfpoolLease *lease, GError **error) {
  g_autofree char *guest = NULL;
  Verdict verdict;

  if (!judge (self, lease, &verdict))
    return TRUE;
  if (!vfpool_release_as (self, lease, verdict.event, verdict.detail, error))
    return FALSE;
  vfpool_handle_say (self, VFPOOL_MESSAGE_INFO, "%s of %s/%s, slot %s: %s: %s", lease->address,
                     vfpool_guest_kind_to_string (lease->guest_kind), lease->guest_id, lease->slot, verdict.event,
                     verdict.detail);
  return TRUE;
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
  if (first)
    g_propagate_error (error, first);
  return leases && !first;
}
