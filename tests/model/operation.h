/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One operation of the library, chosen at random: what is called, with what, and which fault it meets. It is data, so that
 * it can be run (operation.c), foretold (foretell.c) and shown.
 */
#pragma once

#include "kernel.h"

#define MAX_SLOTS N_FUNCTIONS

typedef enum {
  OP_ACQUIRE,
  OP_RELEASE,
  OP_RELEASE_LEASE, /* as it was read some time ago */
  OP_RELEASE_QUARANTINED,
  OP_RECONCILE,
  OP_UP,
  OP_STATUS,
} OperationKind;

typedef struct {
  char name[NAME_SIZE];
  int pool;     /* asked for by pool, or NO_POOL */
  int function; /* asked for by address, or -1 */
  char mac[18]; /* "": not asked for */
  int vlan;
} Slot;

typedef struct {
  OperationKind kind;
  int guest;
  int n_slots;
  Slot slots[MAX_SLOTS];
  int function;
  VfpoolLease *lease;
  Fault fault;
} Operation;

/* Calls the library, in a process of its own when the fault kills it. The outcome is in kernel->result. */
void operation_run (const Operation *self);
char *operation_describe (const Operation *self, const Result *result);

/* The leases as the library tells them; a failure is a violation. */
GPtrArray *read_leases (void);
GVariant *read_status (GError **error);
/* The members of the pools as the ledger has them: "POOL ADDRESS". */
GHashTable *read_members (void);
