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
 * Returns: FALSE with VFPOOL_ERROR_BUSY when that took longer than ten seconds.
 */
gboolean vfpool_work_wait (const VfpoolLease *lease, gint64 *waited, GError **error);

/* Writes @lease to the ledger in a transaction of its own. */
gboolean vfpool_work_update (Vfpool *self, VfpoolLease *lease, GError **error);
/* Ends @lease in a transaction of its own; @event and @detail go into the history. */
gboolean vfpool_work_remove (Vfpool *self, VfpoolLease *lease, const char *event, const char *detail, GError **error);

/**
 * vfpool_work_put_back: restores the VF of a lease that the caller has claimed, and ends the lease; quarantines it when
 * that fails. A VF that is not there any more just ends its lease.
 * @event, @detail: for the history
 *
 * Returns: FALSE with the reason when the VF is quarantined, or the ledger failed.
 */
gboolean vfpool_work_put_back (Vfpool *self, VfpoolLease *lease, const char *event, const char *detail, GError **error);
