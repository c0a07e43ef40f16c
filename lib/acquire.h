/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What acquiring begins with: what the guest holds already (acquire-settle.c), for acquire.c, which has the flow. */
#pragma once

#include "handle.h"
#include "snapshot.h"

/* What one call of vfpool_acquire() carries from step to step. */
typedef struct {
  Vfpool *self;
  const VfpoolRequest *request;
  VfpoolSnapshot snapshot;
  GArray *choices; /* the snapshot's: the slots that concern vfpool, then one for each VF that goes with a slot's */
  guint n_slots;   /* how many of them are slots of the request */
  GPtrArray *with; /* of VfpoolSlot: those of the VFs that go with others */
  GPtrArray *held; /* of VfpoolLease or NULL, by choice: what the guest holds and has in use: left alone */
  /* Of VfpoolLease or NULL, by choice: what the guest held, as it was before this call reserved it anew. */
  GPtrArray *before;
  GPtrArray *leases; /* of VfpoolLease, by choice: reserved by this call, or held */
  GPtrArray *macs;   /* of char* or NULL, by choice: what the VF shall have; made for who asks for none */
  char *mac_seed;
  GHashTable *used_macs; /* on this host; NULL: not looked for yet */
  char *warning;         /* of reserve(): nothing is told under the lock */
  gboolean is_stale;     /* reserve() did nothing */
  gboolean has_taken_back;
  gint64 waited;
} VfpoolAcquire;

/* An array of @n leases or NULL, which it owns. */
GPtrArray *vfpool_acquire_lease_array (guint n);

/* The lease of the guest for the slot called @name among @leases, or NULL. */
VfpoolLease *vfpool_acquire_find_own (const VfpoolAcquire *a, GPtrArray *leases, const char *name);

/**
 * vfpool_acquire_settle: settles what the guest holds for each slot: kept, kept and left alone because it is in use (a->held), or
 * given back because the slot asks for something else now.
 * @again: (out): something changed, look anew
 *
 * Returns: FALSE as vfpool_acquire().
 */
gboolean vfpool_acquire_settle (VfpoolAcquire *a, gboolean *again, GError **error);

/* Makes a slot of its own for each VF that was chosen together with another one. @leases: as read in this transaction. */
void vfpool_acquire_add_others (VfpoolAcquire *a, GPtrArray *leases);
