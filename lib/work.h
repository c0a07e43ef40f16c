/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is at work on a lease. Preparing and restoring a VF is slow and happens outside the ledger's lock, so the lease
 * says which thread does it; another one waits for it, or takes over when it has died.
 */
#pragma once

#include "handle.h"

/* Makes the calling thread the worker of @lease (in memory; the caller writes it to the ledger). */
void vfpool_work_claim (Vfpool *self, VfpoolLease *lease);
/* Notes that @lease begins now, by both clocks (in memory). */
void vfpool_work_stamp (VfpoolLease *lease);
/* How long ago that was, in microseconds, by the clock that nobody sets. */
gint64 vfpool_work_age (const VfpoolLease *lease);
/* Nobody works on it any more. */
void vfpool_work_end (VfpoolLease *lease);
/* Whether another thread that lives works on it. */
gboolean vfpool_work_is_busy (Vfpool *self, const VfpoolLease *lease);

/**
 * vfpool_work_wait: sleeps a little for another worker to finish.
 * @waited: (inout): microseconds waited so far, 0 at first
 *
 * Returns: FALSE with VFPOOL_ERROR_BUSY when that took ten seconds longer than a release may wait.
 */
gboolean vfpool_work_wait (Vfpool *self, const VfpoolLease *lease, gint64 *waited, GError **error);

/* A lease that somebody wants to work on. */
typedef struct _VfpoolWanted VfpoolWanted;
struct _VfpoolWanted {
  const char *address;
  gboolean (*is_wanted) (const VfpoolWanted *self, const VfpoolLease *now); /* decides under the lock */
  const VfpoolLease *read; /* for is_wanted(): the lease as it was when its caller decided */
  gboolean to_release;     /* an active one becomes `releasing`, so that a guest that starts again meanwhile waits */
};

/* An is_wanted(): only the lease as it was read, that nobody has begun to work on since. For who decided by how far it was: a
 * serial stands for a lease from `reserved` to its end, and the worker that has died since may have finished before. */
gboolean vfpool_work_is_as_read (const VfpoolWanted *self, const VfpoolLease *now);

/**
 * vfpool_work_take: makes the calling thread the worker of a lease, waiting for another one that is at work.
 *
 * Returns: (transfer full): the lease as it is now; NULL without an error when there is none that is wanted.
 */
VfpoolLease *vfpool_work_take (Vfpool *self, const VfpoolWanted *wanted, GError **error);
/* Ends that: the VF was not touched, its guest keeps it. */
void vfpool_work_leave (Vfpool *self, VfpoolLease *lease);

/* Writes @lease to the ledger in a transaction of its own. */
gboolean vfpool_work_update (Vfpool *self, VfpoolLease *lease, GError **error);
/* Ends @lease in a transaction of its own; @event and @detail go into the history. */
gboolean vfpool_work_remove (Vfpool *self, VfpoolLease *lease, const char *event, const char *detail, GError **error);

/* Keeps the VF of a lease that the caller has claimed from everybody, and says why in the ledger. A failure is told: the lease
 * then still says that this process works on it, and the next reconcile comes by. */
void vfpool_work_quarantine (Vfpool *self, VfpoolLease *lease, const char *reason);

/**
 * vfpool_work_put_back: restores the VF of a lease that the caller has claimed, and ends the lease; quarantines it when
 * that fails. A VF that is not there any more just ends its lease; so does one that was only held (nothing is saved), where the
 * host uses it or it lies in no pool.
 * @event, @detail: for the history
 *
 * Returns: FALSE with the reason when the VF is quarantined, or the ledger failed.
 */
gboolean vfpool_work_put_back (Vfpool *self, VfpoolLease *lease, const char *event, const char *detail, GError **error);
