/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network of edges with capacities and costs, in which units are sent to a sink by ways that are, all together, the cheapest:
 * what the choice over several slots comes down to. Costs are compared tier by tier, the first tier first, so that no number of
 * small reasons outweighs one great reason. An edge may cost more with each unit (never less: then there would be no such
 * simple way to the best).
 */
#pragma once

#include <glib.h>

#define VFPOOL_COST_TIERS 9

typedef struct {
  gint32 tier[VFPOOL_COST_TIERS];
} VfpoolCost;

/* Negative, zero or positive, as strcmp(). @tier: (out) (nullable): the first tier in which they differ, or -1. */
int vfpool_cost_compare (const VfpoolCost *a, const VfpoolCost *b, int *tier);

typedef struct _VfpoolFlow VfpoolFlow;

VfpoolFlow *vfpool_flow_new (void);
void vfpool_flow_free (VfpoolFlow *self);

/* A new node; nodes are numbered from 0. */
guint vfpool_flow_add_node (VfpoolFlow *self);

/**
 * vfpool_flow_add_edge:
 * @capacity: how many units it takes
 * @cost: what the first unit costs
 * @step: how much more each further unit costs, none of it negative; zero: all cost the same
 * @last: (nullable): for each of @capacity units what it costs besides in the last tier, ascending; not copied
 *
 * Returns: the edge's number, for vfpool_flow_units().
 */
guint vfpool_flow_add_edge (VfpoolFlow *self, guint from, guint to, guint capacity, const VfpoolCost *cost,
                            const VfpoolCost *step, const gint32 *last);

/**
 * vfpool_flow_send: sends one more unit from @from to @to, by changing the ways of earlier ones if that serves all of them best.
 *
 * Costs of n calls: O(n V E) at the worst, for V nodes and E edges; in practice a few E each.
 *
 * Returns: FALSE when there is no way for it, whatever way the others go; nothing is changed then.
 */
gboolean vfpool_flow_send (VfpoolFlow *self, guint from, guint to);

/* How many units @edge takes now. */
guint vfpool_flow_units (const VfpoolFlow *self, guint edge);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VfpoolFlow, vfpool_flow_free)
