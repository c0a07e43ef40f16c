/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Choosing an operation. Names, guests and addresses come from short lists, so that operations meet: the same guest asks
 * again, two want the same VF, a slot changes what it asks for.
 */
#include "choose.h"

#include <string.h>

static const char *const slot_names[] = { "net0", "net1", "net2", "d0" };
static const char *const macs[] = { "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03" };
static const int vlans[] = { 0, 100, 200 };

static gboolean
chance (GRand *random, int percent) {
  return g_rand_int_range (random, 0, 100) < percent;
}

static int
choose_pool (const Model *model, GRand *random) {
  int pool = g_rand_int_range (random, 0, N_POOLS);

  /* One that is not there is asked for now and then only. */
  for (int tries = 0; tries < 4 && !config_has_pool (&model->config, pool); tries++)
    pool = g_rand_int_range (random, 0, N_POOLS);
  return pool;
}

static gboolean
is_asked_for (const Operation *op, int function) {
  for (int i = 0; i < op->n_slots; i++)
    if (op->slots[i].function == function)
      return TRUE;
  return FALSE;
}

static void
choose_slots (Operation *op, const Model *model, GRand *random) {
  int first = g_rand_int_range (random, 0, G_N_ELEMENTS (slot_names)), n = chance (random, 60) ? 1 : 2;
  gboolean has_net = chance (random, 50);

  n += chance (random, 10);
  for (int i = 0; i < n; i++) {
    Slot slot = { .pool = choose_pool (model, random), .function = -1, .vlan = VFPOOL_VLAN_UNSET };
    int function = g_rand_int_range (random, 0, N_FUNCTIONS);

    g_strlcpy (slot.name, slot_names[(first + i) % G_N_ELEMENTS (slot_names)], NAME_SIZE);
    if (chance (random, 20) && !is_asked_for (op, function))
      slot.function = function;
    if (has_net && chance (random, 70))
      g_strlcpy (slot.mac, macs[g_rand_int_range (random, 0, G_N_ELEMENTS (macs))], sizeof slot.mac);
    if (has_net && chance (random, 70))
      slot.vlan = vlans[g_rand_int_range (random, 0, G_N_ELEMENTS (vlans))];
    op->slots[op->n_slots++] = slot;
  }
}

/* Preferably one for which there is something to do. */
static int
choose_quarantined (const Model *model, GRand *random) {
  int function = g_rand_int_range (random, 0, N_FUNCTIONS);

  for (int i = 0; i < N_FUNCTIONS; i++) {
    int f = (function + i) % N_FUNCTIONS;
    if (model->is_leased[f] && model->leases[f].state == VFPOOL_LEASE_QUARANTINED)
      return f;
  }
  return function;
}

static void
choose_fault (Operation *op, const Model *model, GRand *random) {
  static const guint scopes[] = { SCOPE_ALL,  SCOPE_ALL,    SCOPE_SYSFS,
                                  SCOPE_NET,  SCOPE_LEDGER, SCOPE_SYSFS | SCOPE_MODULE,
                                  SCOPE_RESET };
  static const FaultKind kinds[] = { FAULT_CRASH, FAULT_CRASH, FAULT_CRASH, FAULT_ERROR, FAULT_ERROR,
                                     FAULT_ERROR, FAULT_LIE,   FAULT_LIE,   FAULT_HANG };
  FaultKind kind = kinds[g_rand_int_range (random, 0, G_N_ELEMENTS (kinds))];

  if (kind == FAULT_HANG && model->hanging)
    kind = FAULT_CRASH;
  op->fault.kind = kind;
  op->fault.scope = kind == FAULT_LIE ? SCOPE_SYSFS : scopes[g_rand_int_range (random, 0, G_N_ELEMENTS (scopes))];
  if (kind == FAULT_CRASH || kind == FAULT_HANG)
    op->fault.scope = SCOPE_ALL;
  /* Early places are met more often than late ones, which only long operations have. */
  op->fault.at = (guint)g_rand_int_range (random, 1, 2 << g_rand_int_range (random, 0, 6));
  op->fault.lasts = chance (random, 40);
}

static OperationKind
choose_kind (GRand *random) {
  static const struct {
    OperationKind kind;
    int weight;
  } kinds[] = { { OP_ACQUIRE, 45 },   { OP_RELEASE, 14 }, { OP_RELEASE_LEASE, 10 }, { OP_RELEASE_QUARANTINED, 6 },
                { OP_RECONCILE, 16 }, { OP_UP, 7 },       { OP_STATUS, 2 } };
  int choice = g_rand_int_range (random, 0, 100);

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++) {
    choice -= kinds[i].weight;
    if (choice < 0)
      return kinds[i].kind;
  }
  g_assert_not_reached ();
}

void
choose_operation (Operation *op, const Model *model, const Operation *last_acquire, GPtrArray *known_leases,
                  GRand *random) {
  *op = (Operation){ .kind = choose_kind (random), .guest = g_rand_int_range (random, 0, N_GUESTS) };
  if (op->kind == OP_RELEASE_LEASE && known_leases->len == 0)
    op->kind = OP_RECONCILE;
  if (op->kind == OP_RELEASE_LEASE)
    op->lease = known_leases->pdata[g_rand_int_range (random, 0, (gint32)known_leases->len)];
  if (op->kind == OP_ACQUIRE && last_acquire->n_slots > 0 && chance (random, 25))
    *op = *last_acquire;
  else if (op->kind == OP_ACQUIRE)
    choose_slots (op, model, random);
  op->fault = (Fault){ 0 };
  if (op->kind == OP_RELEASE_QUARANTINED)
    op->function = choose_quarantined (model, random);
  if (chance (random, 30))
    choose_fault (op, model, random);
}
