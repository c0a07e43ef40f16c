/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network against brute force: on small random networks, each unit that is sent must be sent whenever any assignment of units
 * to edges would do, and what all of them cost must be the least of all assignments.
 */
#include "fixture.h"
#include "flow.h"
#include "seeds.h"

#include <string.h>

#define MAX_NODES 6
#define MAX_EDGES 8
#define MAX_CAPACITY 3
#define LAST (VFPOOL_COST_TIERS - 1)

typedef struct {
  guint from, to, capacity;
  VfpoolCost cost, step;
  gint32 last[MAX_CAPACITY];
  gboolean has_last;
} Edge;

/* Node 0 is the sink. */
typedef struct {
  guint n_nodes, n_edges;
  Edge edges[MAX_EDGES];
  int sent[MAX_NODES]; /* units that were sent from each node */
} Network;

static void
add_cost (VfpoolCost *sum, const VfpoolCost *cost, int factor) {
  for (int i = 0; i < VFPOOL_COST_TIERS; i++)
    sum->tier[i] += factor * cost->tier[i];
}

/* What @units cost on @edge. */
static void
add_edge_cost (VfpoolCost *sum, const Edge *edge, guint units) {
  for (guint i = 0; i < units; i++) {
    add_cost (sum, &edge->cost, 1);
    add_cost (sum, &edge->step, (int)i);
    sum->tier[LAST] += edge->has_last ? edge->last[i] : 0;
  }
}

/* ---- Brute force ---- */

typedef struct {
  const Network *network;
  gboolean is_possible;
  VfpoolCost best;
} Search;

/* @left: by node, units that still have to leave it. */
static void
search (Search *s, guint i, const int *left, const VfpoolCost *cost) {
  const Edge *edge = &s->network->edges[i];

  if (i == s->network->n_edges) {
    for (guint node = 1; node < s->network->n_nodes; node++)
      if (left[node] != 0)
        return;
    if (!s->is_possible || vfpool_cost_compare (cost, &s->best, NULL) < 0)
      s->best = *cost;
    s->is_possible = TRUE;
    return;
  }
  for (guint units = 0; units <= edge->capacity; units++) {
    VfpoolCost sum = *cost;
    int then[MAX_NODES];

    memcpy (then, left, sizeof then);
    then[edge->from] -= (int)units;
    then[edge->to] += (int)units;
    add_edge_cost (&sum, edge, units);
    search (s, i + 1, then, &sum);
  }
}

static gboolean
brute_force (const Network *network, VfpoolCost *best) {
  const VfpoolCost nothing = { 0 };
  Search s = { .network = network };

  search (&s, 0, network->sent, &nothing);
  *best = s.best;
  return s.is_possible;
}

/* ---- Random networks ---- */

/* A few small numbers in a few tiers, so that ways often cost the same in some. */
static void
make_cost (GRand *random, VfpoolCost *cost) {
  for (int n = g_rand_int_range (random, 0, 4); n > 0; n--)
    cost->tier[g_rand_int_range (random, 0, VFPOOL_COST_TIERS)] = g_rand_int_range (random, 0, 4);
}

static void
make_edge (GRand *random, const Network *network, Edge *edge) {
  gint32 at = 0;

  edge->from = (guint)g_rand_int_range (random, 1, (gint32)network->n_nodes);
  do
    edge->to = (guint)g_rand_int_range (random, 0, (gint32)network->n_nodes);
  while (edge->to == edge->from);
  edge->capacity = (guint)g_rand_int_range (random, 0, MAX_CAPACITY);
  make_cost (random, &edge->cost);
  if (g_rand_boolean (random))
    make_cost (random, &edge->step);
  edge->has_last = g_rand_boolean (random);
  for (int i = 0; i < MAX_CAPACITY; i++)
    edge->last[i] = at += g_rand_int_range (random, 0, 4);
}

static VfpoolFlow *
build (const Network *network) {
  VfpoolFlow *flow = vfpool_flow_new ();

  for (guint i = 0; i < network->n_nodes; i++)
    vfpool_flow_add_node (flow);
  for (guint i = 0; i < network->n_edges; i++) {
    const Edge *e = &network->edges[i];
    vfpool_flow_add_edge (flow, e->from, e->to, e->capacity, &e->cost, &e->step, e->has_last ? e->last : NULL);
  }
  return flow;
}

/* ---- Both ---- */

/* Whether the units on the edges are ways of what was sent, and what they cost. */
static gboolean
add_up (const Network *network, const VfpoolFlow *flow, VfpoolCost *cost) {
  int left[MAX_NODES];

  *cost = (VfpoolCost){ 0 };
  memcpy (left, network->sent, sizeof left);
  for (guint i = 0; i < network->n_edges; i++) {
    const Edge *edge = &network->edges[i];
    guint units = vfpool_flow_units (flow, i);

    if (units > edge->capacity)
      return FALSE;
    add_edge_cost (cost, edge, units);
    left[edge->from] -= (int)units;
    left[edge->to] += (int)units;
  }
  for (guint node = 1; node < network->n_nodes; node++)
    if (left[node] != 0)
      return FALSE;
  return TRUE;
}

static char *
try_network (GRand *random) {
  Network network = { 0 };
  g_autoptr (VfpoolFlow) flow = NULL;

  network.n_nodes = (guint)g_rand_int_range (random, 2, MAX_NODES + 1);
  network.n_edges = (guint)g_rand_int_range (random, 1, MAX_EDGES + 1);
  for (guint i = 0; i < network.n_edges; i++)
    make_edge (random, &network, &network.edges[i]);
  flow = build (&network);
  for (int i = 0; i < 6; i++) {
    guint from = (guint)g_rand_int_range (random, 1, (gint32)network.n_nodes);
    VfpoolCost cost, best;
    gboolean sent = vfpool_flow_send (flow, from, 0), is_possible;
    int tier;

    network.sent[from]++;
    is_possible = brute_force (&network, &best);
    if (sent != is_possible)
      return g_strdup_printf ("unit %d from %u was %s, but could%s be", i, from, sent ? "sent" : "not sent",
                              is_possible ? "" : " not");
    if (!sent) {
      network.sent[from]--;
      brute_force (&network, &best);
    }
    if (!add_up (&network, flow, &cost))
      return g_strdup_printf ("after unit %d the edges carry more than they can, or what nobody sent", i);
    if (vfpool_cost_compare (&cost, &best, &tier) != 0)
      return g_strdup_printf ("unit %d: tier %d costs %d, the least is %d", i, tier, cost.tier[tier], best.tier[tier]);
  }
  return NULL;
}

static void
test_random (void **state) {
  (void)state;
  assert_all_seeds (try_network, 4000);
}

/* ---- Edges of the matter ---- */

static void
test_compare (void **state) {
  VfpoolCost a = { 0 }, b = { 0 };
  int tier;
  (void)state;

  assert_int_equal (vfpool_cost_compare (&a, &b, &tier), 0);
  assert_int_equal (tier, -1);
  a.tier[LAST] = G_MAXINT32;
  assert_true (vfpool_cost_compare (&a, &b, &tier) > 0);
  assert_int_equal (tier, LAST);
  b.tier[0] = 1; /* outweighs whatever the last tier says */
  assert_true (vfpool_cost_compare (&a, &b, &tier) < 0);
  assert_int_equal (tier, 0);
  assert_true (vfpool_cost_compare (&b, &a, NULL) > 0);
}

static const VfpoolCost nothing;

/* Nodes without edges, edges that take nothing, and a node that is its own sink. */
static void
test_nowhere (void **state) {
  g_autoptr (VfpoolFlow) flow = vfpool_flow_new ();
  guint sink = vfpool_flow_add_node (flow), from = vfpool_flow_add_node (flow), edge;
  (void)state;

  assert_false (vfpool_flow_send (flow, from, sink));
  edge = vfpool_flow_add_edge (flow, from, sink, 0, &nothing, &nothing, NULL);
  assert_false (vfpool_flow_send (flow, from, sink));
  assert_int_equal (vfpool_flow_units (flow, edge), 0);
  assert_true (vfpool_flow_send (flow, sink, sink));
  assert_int_equal (vfpool_flow_units (flow, edge), 0);
}

/* Of two edges between the same nodes, the dearer one is taken when the cheaper one is full, or has become dearer. */
static void
test_parallel (void **state) {
  g_autoptr (VfpoolFlow) flow = vfpool_flow_new ();
  guint sink = vfpool_flow_add_node (flow), from = vfpool_flow_add_node (flow);
  const VfpoolCost one = { { 1 } }, three = { { 3 } };
  guint growing = vfpool_flow_add_edge (flow, from, sink, 9, &nothing, &one, NULL);
  guint cheap = vfpool_flow_add_edge (flow, from, sink, 1, &one, &nothing, NULL);
  guint dear = vfpool_flow_add_edge (flow, from, sink, 9, &three, &nothing, NULL);
  (void)state;

  for (int i = 0; i < 3; i++) /* 0, then 1 by either, and 1 by the other */
    assert_true (vfpool_flow_send (flow, from, sink));
  assert_int_equal (vfpool_flow_units (flow, growing), 2);
  assert_int_equal (vfpool_flow_units (flow, cheap), 1);
  for (int i = 0; i < 4; i++) /* 2, then 3 by either, then only the dear one at that price */
    assert_true (vfpool_flow_send (flow, from, sink));
  assert_int_equal (vfpool_flow_units (flow, growing) + vfpool_flow_units (flow, dear), 6);
  assert_in_range (vfpool_flow_units (flow, growing), 3, 4);
}

/* One that was served gives its way to one that has no other. */
static void
test_gives_way (void **state) {
  g_autoptr (VfpoolFlow) flow = vfpool_flow_new ();
  guint sink = vfpool_flow_add_node (flow), first = vfpool_flow_add_node (flow), second = vfpool_flow_add_node (flow);
  guint left = vfpool_flow_add_node (flow), right = vfpool_flow_add_node (flow);
  const VfpoolCost dear = { { 5 } };
  guint near = vfpool_flow_add_edge (flow, first, left, 1, &nothing, &nothing, NULL);
  guint far = vfpool_flow_add_edge (flow, first, right, 1, &dear, &nothing, NULL);
  guint only = vfpool_flow_add_edge (flow, second, left, 1, &nothing, &nothing, NULL);
  (void)state;

  vfpool_flow_add_edge (flow, left, sink, 1, &nothing, &nothing, NULL);
  vfpool_flow_add_edge (flow, right, sink, 1, &nothing, &nothing, NULL);
  assert_true (vfpool_flow_send (flow, first, sink));
  assert_int_equal (vfpool_flow_units (flow, near), 1);
  assert_true (vfpool_flow_send (flow, second, sink));
  assert_int_equal (vfpool_flow_units (flow, near), 0);
  assert_int_equal (vfpool_flow_units (flow, far), 1);
  assert_int_equal (vfpool_flow_units (flow, only), 1);
  assert_false (vfpool_flow_send (flow, second, sink));
}

int
main (void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test (test_compare), cmocka_unit_test (test_nowhere),
                                      cmocka_unit_test (test_parallel), cmocka_unit_test (test_gives_way),
                                      cmocka_unit_test (test_random) };

  return cmocka_run_group_tests_name ("flow", tests, NULL, NULL);
}
