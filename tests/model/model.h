/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model: what the machine, and the leases on it, should be. It knows no file, no database and no process; each
 * operation of the library is a function over plain data here (foretell.c), a few lines long where the library needs
 * locks, retries and read-backs. What the library made of the same operation is then compared (compare.c).
 *
 * An operation that was hit by a fault is not foretold but judged: what is left of it must be one of the states from which
 * the next operations can go on without loss (judge.c). The model then takes that for the truth, so that what follows is
 * foretold again exactly.
 */
#pragma once

#include "config.h"
#include "kernel.h"
#include "operation.h"

#define GUEST_UP (-1) /* `vfpool up`, while it works */
#define UP_NAME "vfpool-up"
#define SERIAL_NEW 0 /* any that was never seen */

typedef struct {
  int guest;
  char slot[NAME_SIZE], pool[NAME_SIZE];
  VfpoolLeaseState state;
  gboolean by_pool;
  char mac[18]; /* "": not asked for */
  int vlan;
  gboolean has_saved, has_saved_net;
  VfpoolVfnet saved;
  gint64 serial;
  gint64 since; /* by the machine's clock */
  int worker;   /* the hanging process that works on it, or 0 */
  int boot;
} Lease;

typedef struct {
  gboolean is_running;
  int pid;
} GuestLife;

typedef enum {
  LEDGER_GOOD,
  LEDGER_ABSENT,  /* and nothing tells that there was one */
  LEDGER_LOST,    /* gone or garbage, and that can be seen */
  LEDGER_DAMAGED, /* garbage, but its leases can be read */
} LedgerFate;

/* Which functions the pools had when somebody last looked. */
typedef struct {
  gboolean is_known[N_POOLS]; /* the pool was looked at, in this boot */
  gboolean has[N_POOLS][N_FUNCTIONS];
} Members;

typedef struct {
  Machine machine;
  PoolConfig config;
  gboolean is_leased[N_FUNCTIONS];
  Lease leases[N_FUNCTIONS];
  Members members;
  int members_boot;
  GuestLife guests[N_GUESTS];
  LedgerFate ledger;
  gboolean is_garbage; /* the lost ledger is there, but unusable */
  int boot;
  int hanging; /* the process that hangs, or 0 */
  gint64 max_serial;
} Model;

/* What the next thing that opens the ledger does: void leases of another boot, and rebuild a lost ledger. */
void foretell_open (Model *self);
/* Changes @self as @op should, and fills @result (messages excepted). */
void foretell (Model *self, const Operation *op, Result *result);

/* Whether a lease is one that reconcile has to end. */
gboolean foretell_has_to_end (Model *self, int function);
/* Whether it is one at the time @now; then acquire may take it back for another guest. */
gboolean foretell_has_to_end_at (const Model *self, int function, gint64 now);
/* What the device of a lease is like once it is prepared for it. */
void foretell_prepared (const Lease *lease, int function, VfpoolVfnet *net);
gboolean foretell_is_parked (Model *self, int function);
/* Whether a lease is one whose VF reconcile has to prepare again. */
gboolean foretell_has_to_be_mended (Model *self, int function);

/* ---- What was seen (observe.c) ---- */

/* The ledger's rows as the model writes leases and members. FALSE: one makes no sense; it is told in @problems. */
gboolean observe_ledger (Model *seen, GString *problems);
char *describe_lease (const Lease *lease);
gboolean same_lease (const Lease *a, const Lease *b);

/* ---- Comparing (compare.c) and judging (judge.c): what is wrong is appended to @problems ---- */

void compare_result (const Operation *op, const Result *expected, GString *problems);
void compare_state (const Model *expected, const Model *seen, GString *problems);
void compare_status (const Model *seen, GString *problems);
/* What must hold after an operation that succeeded, whatever it met on the way. */
void check_success (const Model *before, Model *seen, const Operation *op, GString *problems);
/* What is left of an operation that met a fault. */
void judge (const Model *before, Model *seen, const Operation *op, GString *problems);
