/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Claims are by thread (a Linux thread has an entry in /proc like a process), with its start time against reused
 * numbers. */
#include "holder.h"
#include "prepare.h"
#include "work.h"

#include <time.h>
#include <unistd.h>

#define WAIT_STEP_US (20 * 1000)
#define RESTORE_TRIES 3
#define RESTORE_PAUSE_US (200 * 1000)
#define WAIT_MAX_US (10 * G_USEC_PER_SEC) /* preparing a VF takes well under a second on any driver known ... */

void
vfpool_work_claim (Vfpool *self, VfpoolLease *lease) {
  lease->worker_pid = gettid ();
  lease->worker_start = vfpool_process_start_time (self->root, lease->worker_pid);
}

static gint64
now_since_boot (void) {
  struct timespec t;

  clock_gettime (CLOCK_BOOTTIME, &t);
  return (gint64)t.tv_sec * G_USEC_PER_SEC + t.tv_nsec / 1000;
}

void
vfpool_work_stamp (VfpoolLease *lease) {
  lease->since = g_get_real_time ();
  lease->since_boot = now_since_boot ();
}

gint64
vfpool_work_age (const VfpoolLease *lease) {
  return now_since_boot () - lease->since_boot;
}

void
vfpool_work_end (VfpoolLease *lease) {
  lease->worker_pid = 0;
  lease->worker_start = 0;
}

gboolean
vfpool_work_is_busy (Vfpool *self, const VfpoolLease *lease) {
  gint64 start;

  if (lease->worker_pid == 0 || lease->worker_pid == gettid ())
    return FALSE;
  start = vfpool_process_start_time (self->root, lease->worker_pid);
  return start != 0 && start == lease->worker_start;
}

gboolean
vfpool_work_wait (Vfpool *self, const VfpoolLease *lease, gint64 *waited, GError **error) {
  /* ... but one who releases may be waiting himself. */
  if (*waited >= WAIT_MAX_US + self->config->release_wait * G_USEC_PER_SEC) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY,
                 "%s is being worked on by process %" G_GINT64_FORMAT
                 " (lease of %s/%s is %s): try again when it has ended",
                 lease->address, lease->worker_pid, vfpool_guest_kind_to_string (lease->guest_kind), lease->guest_id,
                 vfpool_lease_state_to_string (lease->state));
    return FALSE;
  }
  g_usleep (WAIT_STEP_US);
  *waited += WAIT_STEP_US;
  return TRUE;
}

/* ---- Taking over a lease ---- */

gboolean
vfpool_work_is_as_read (const VfpoolWanted *self, const VfpoolLease *now) {
  const VfpoolLease *read = self->read;

  return now->serial == read->serial && now->state == read->state && now->worker_pid == read->worker_pid
         && now->worker_start == read->worker_start;
}

typedef struct {
  Vfpool *self;
  const VfpoolWanted *wanted;
  VfpoolLease *lease; /* as it is now; NULL: there is none such */
  gboolean is_busy;   /* another one works on it, nothing was done */
} Take;

/* One try: all that decides is read in the transaction that claims. */
static gboolean
take_now (VfpoolLedger *ledger, gpointer data, GError **error) {
  Take *t = data;

  g_clear_pointer (&t->lease, vfpool_lease_unref);
  if (!vfpool_ledger_find (ledger, t->wanted->address, &t->lease, error))
    return FALSE;
  if (t->lease && !t->wanted->is_wanted (t->wanted, t->lease))
    g_clear_pointer (&t->lease, vfpool_lease_unref);
  t->is_busy = t->lease && vfpool_work_is_busy (t->self, t->lease);
  if (!t->lease || t->is_busy)
    return TRUE;
  /* What is quarantined stays so until it is put back, its guest may have another VF for the slot by now; and what was only
   * reserved never becomes active, so that the next reconcile tries again when it cannot be put back now. */
  if (t->wanted->to_release && t->lease->state == VFPOOL_LEASE_ACTIVE)
    t->lease->state = VFPOOL_LEASE_RELEASING;
  vfpool_work_claim (t->self, t->lease);
  return vfpool_ledger_update (ledger, t->lease, FALSE, error);
}

VfpoolLease *
vfpool_work_take (Vfpool *self, const VfpoolWanted *wanted, GError **error) {
  gint64 waited = 0;

  for (;;) {
    Take t = { self, wanted, NULL, FALSE };
    gboolean ok = vfpool_handle_change (self, take_now, &t, error);
    g_autoptr (VfpoolLease) lease = t.lease;

    if (!ok)
      return NULL;
    if (!t.is_busy)
      return g_steal_pointer (&lease);
    if (!vfpool_work_wait (self, lease, &waited, error))
      return NULL;
  }
}

void
vfpool_work_leave (Vfpool *self, VfpoolLease *lease) {
  g_autoptr (GError) local = NULL;

  if (lease->state == VFPOOL_LEASE_RELEASING)
    lease->state = VFPOOL_LEASE_ACTIVE;
  vfpool_work_end (lease);
  if (!vfpool_work_update (self, lease, &local))
    vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING, "the lease of %s could not be set back to %s: %s", lease->address,
                       vfpool_lease_state_to_string (lease->state), local->message);
}

/* ---- Writing ---- */

/* A lease, and what of it goes into the history. */
typedef struct {
  VfpoolLease *lease;
  const char *event, *detail;
} Noted;

static gboolean
write_lease (VfpoolLedger *ledger, gpointer lease, GError **error) {
  return vfpool_ledger_update (ledger, lease, FALSE, error);
}

static gboolean
write_and_note (VfpoolLedger *ledger, gpointer data, GError **error) {
  const Noted *n = data;

  return vfpool_ledger_update (ledger, n->lease, FALSE, error)
         && vfpool_ledger_note (ledger, n->lease, n->event, n->detail, error);
}

static gboolean
remove_and_note (VfpoolLedger *ledger, gpointer data, GError **error) {
  const Noted *n = data;

  return vfpool_ledger_remove (ledger, n->lease, error)
         && vfpool_ledger_note (ledger, n->lease, n->event, n->detail, error);
}

gboolean
vfpool_work_update (Vfpool *self, VfpoolLease *lease, GError **error) {
  return vfpool_handle_change (self, write_lease, lease, error);
}

gboolean
vfpool_work_remove (Vfpool *self, VfpoolLease *lease, const char *event, const char *detail, GError **error) {
  return vfpool_handle_change (self, remove_and_note, &(Noted){ lease, event, detail }, error);
}

void
vfpool_work_quarantine (Vfpool *self, VfpoolLease *lease, const char *reason) {
  g_autoptr (GError) local = NULL;

  lease->state = VFPOOL_LEASE_QUARANTINED;
  vfpool_work_end (lease);
  g_free (lease->reason);
  lease->reason = g_strdup (reason);
  /* The row then still says `releasing` by a process that will be gone: the next reconcile comes by here again. */
  if (!vfpool_handle_change (self, write_and_note, &(Noted){ lease, "quarantined", reason }, &local))
    vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING, "%s could not be recorded as quarantined: %s", lease->address,
                       local->message);
}

/* A driver that is still busy with the guest's end may refuse at first; each try begins with looking at what is there. */
static gboolean
restore_with_patience (Vfpool *self, const VfpoolFunction *function, const VfpoolLease *lease, VfpoolPark park,
                       GError **error) {
  for (int tries = 1; tries < RESTORE_TRIES; tries++) {
    g_autoptr (GError) local = NULL;
    if (vfpool_restore (self->root, function, lease, park, &local))
      return TRUE;
    vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING, "%s; trying again", local->message);
    g_usleep (RESTORE_PAUSE_US);
  }
  return vfpool_restore (self->root, function, lease, park, error);
}

/* Whether @function was at most held, and must be left as it is: `vfpool up` holds all VFs of a PF before it looks who uses
 * them, and those that lie in no pool too. */
static gboolean
is_none_of_ours (Vfpool *self, VfpoolHost *host, VfpoolFunction *function, const VfpoolLease *lease) {
  vfpool_host_load_use (host, function);
  return !lease->has_saved && (function->host_use || !vfpool_host_pool_of (self->config, function));
}

gboolean
vfpool_work_put_back (Vfpool *self, VfpoolLease *lease, const char *event, const char *detail, GError **error) {
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  VfpoolFunction *function = vfpool_host_function (host, lease->address);
  VfpoolPark park;
  GError *local = NULL;

  if (!function) {
    vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING, "%s, held by %s/%s, is not there any more: its lease ends",
                       lease->address, vfpool_guest_kind_to_string (lease->guest_kind), lease->guest_id);
    return vfpool_work_remove (self, lease, event, "the device was gone", error);
  }
  if (is_none_of_ours (self, host, function, lease))
    return vfpool_work_remove (self, lease, event, detail, error);
  park = vfpool_config_park_of (self->config, function->pf);
  /* Somebody gave a leased VF to the host: it may be what the operator is connected by. */
  if (function->host_use)
    g_set_error (&local, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE, "it is used by the host: %s", function->host_use);
  else if (restore_with_patience (self, function, lease, park, &local))
    return vfpool_work_remove (self, lease, event, detail, error);
  vfpool_work_quarantine (self, lease, local->message);
  g_propagate_prefixed_error (error, local, "%s could not be put back and is quarantined: ", lease->address);
  return FALSE;
}
