/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Successive shortest paths: each unit takes the cheapest way in what is left of the network, where taking a unit back from an
 * edge gains what it cost. The network stays without a cycle that would gain anything, so the way can be found by
 * relaxing edges from a queue of nodes (Bellman and Ford), and all units together are always the cheapest so many.
 */
#include "flow.h"

#include <string.h>

#define NONE G_MAXUINT

typedef struct {
  guint from, to;
  guint capacity, units;
  VfpoolCost cost, step;
  const gint32 *last;
  guint next_out, next_in; /* the next edge that leaves `from`, that enters `to` */
} Edge;

typedef struct {
  guint first_out, first_in;
  VfpoolCost distance; /* while a way is looked for */
  guint by;            /* the edge by which it was reached */
  gboolean is_reached, is_backwards, is_queued;
} Node;

struct _VfpoolFlow {
  GArray *nodes; /* of Node */
  GArray *edges; /* of Edge */
};

int
vfpool_cost_compare (const VfpoolCost *a, const VfpoolCost *b, int *tier) {
  for (int i = 0; i < VFPOOL_COST_TIERS; i++) {
    if (a->tier[i] == b->tier[i])
      continue;
    if (tier)
      *tier = i;
    return a->tier[i] < b->tier[i] ? -1 : 1;
  }
  if (tier)
    *tier = -1;
  return 0;
}

VfpoolFlow *
vfpool_flow_new (void) {
  VfpoolFlow *self = g_new0 (VfpoolFlow, 1);

  self->nodes = g_array_new (FALSE, TRUE, sizeof (Node));
  self->edges = g_array_new (FALSE, TRUE, sizeof (Edge));
  return self;
}

void
vfpool_flow_free (VfpoolFlow *self) {
  if (!self)
    return;
  g_array_unref (self->nodes);
  g_array_unref (self->edges);
  g_free (self);
}

static Node *
node_at (const VfpoolFlow *self, guint i) {
  return &g_array_index (self->nodes, Node, i);
}

static Edge *
edge_at (const VfpoolFlow *self, guint i) {
  return &g_array_index (self->edges, Edge, i);
}

guint
vfpool_flow_add_node (VfpoolFlow *self) {
  Node node = { .first_out = NONE, .first_in = NONE };

  g_array_append_val (self->nodes, node);
  return self->nodes->len - 1;
}

guint
vfpool_flow_add_edge (VfpoolFlow *self, guint from, guint to, guint capacity, const VfpoolCost *cost,
                      const VfpoolCost *step, const gint32 *last) {
  Node *a = node_at (self, from), *b = node_at (self, to);
  Edge edge = { from, to, capacity, 0, *cost, *step, last, a->first_out, b->first_in };

  a->first_out = b->first_in = self->edges->len;
  g_array_append_val (self->edges, edge);
  return self->edges->len - 1;
}

guint
vfpool_flow_units (const VfpoolFlow *self, guint edge) {
  return edge_at (self, edge)->units;
}

/* @node's distance, and what one unit more by @edge, or one back, adds. */
static VfpoolCost
distance_by (const Node *node, const Edge *edge, gboolean is_backwards) {
  VfpoolCost sum;
  int sign = is_backwards ? -1 : 1, unit = (int)edge->units - is_backwards;

  for (int i = 0; i < VFPOOL_COST_TIERS; i++)
    sum.tier[i] = node->distance.tier[i] + sign * (edge->cost.tier[i] + unit * edge->step.tier[i]);
  if (edge->last)
    sum.tier[VFPOOL_COST_TIERS - 1] += sign * edge->last[unit];
  return sum;
}

static void
relax (VfpoolFlow *self, guint from, guint by, gboolean is_backwards, GQueue *queue) {
  const Edge *edge = edge_at (self, by);
  guint to = is_backwards ? edge->from : edge->to;
  Node *node = node_at (self, to);
  VfpoolCost distance;

  if (is_backwards ? edge->units == 0 : edge->units == edge->capacity)
    return;
  distance = distance_by (node_at (self, from), edge, is_backwards);
  if (node->is_reached && vfpool_cost_compare (&distance, &node->distance, NULL) >= 0)
    return;
  node->distance = distance;
  node->by = by;
  node->is_backwards = is_backwards;
  node->is_reached = TRUE;
  if (!node->is_queued)
    g_queue_push_tail (queue, GUINT_TO_POINTER (to));
  node->is_queued = TRUE;
}

static void
find_ways (VfpoolFlow *self, guint from) {
  g_autoptr (GQueue) queue = g_queue_new ();

  for (guint i = 0; i < self->nodes->len; i++) {
    Node *node = node_at (self, i);
    node->is_reached = node->is_queued = FALSE;
    memset (&node->distance, 0, sizeof node->distance);
  }
  node_at (self, from)->is_reached = TRUE;
  node_at (self, from)->by = NONE;
  g_queue_push_tail (queue, GUINT_TO_POINTER (from));
  while (!g_queue_is_empty (queue)) {
    guint at = GPOINTER_TO_UINT (g_queue_pop_head (queue));
    Node *node = node_at (self, at);

    node->is_queued = FALSE;
    for (guint e = node->first_out; e != NONE; e = edge_at (self, e)->next_out)
      relax (self, at, e, FALSE, queue);
    for (guint e = node->first_in; e != NONE; e = edge_at (self, e)->next_in)
      relax (self, at, e, TRUE, queue);
  }
}

gboolean
vfpool_flow_send (VfpoolFlow *self, guint from, guint to) {
  find_ways (self, from);
  if (!node_at (self, to)->is_reached)
    return FALSE;
  while (to != from) {
    const Node *node = node_at (self, to);
    Edge *edge = edge_at (self, node->by);

    edge->units += node->is_backwards ? -1 : 1;
    to = node->is_backwards ? edge->to : edge->from;
  }
  return TRUE;
}
