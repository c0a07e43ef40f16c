/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The choice: which VF for which slot, and why. A pure function over plain data: it reads no file, takes no lock and changes
 * nothing, so it can be tested by tables, run twice, and run inside the ledger's transaction without slowing it.
 *
 * What must not be is an obstacle (somebody has the VF, it is cordoned, it is on a NUMA node that the policy rules out ...); among
 * the VFs that have none, rules decide, each only where those before it leave it open. Several slots are served together: over
 * all of them the sum of what each rule minds is the smallest.
 */
#pragma once

#include "host.h"
#include "request.h"

/* In the order in which they count. */
typedef enum {
  VFPOOL_RULE_RESERVED,      /* kept for this guest by the configuration */
  VFPOOL_RULE_STICKY,        /* the guest had it in this slot */
  VFPOOL_RULE_NUMA,          /* nearer to the guest's nodes */
  VFPOOL_RULE_ANTI_AFFINITY, /* on another PF or card than the guest's other VFs */
  VFPOOL_RULE_PF_LOAD,       /* fewer VFs of its PF are handed out (pack: more) */
  VFPOOL_RULE_PORT_LOAD,     /* of its physical port */
  VFPOOL_RULE_LINK_LOAD,     /* of its link to the processor */
  VFPOOL_RULE_REMEMBERED,    /* no other guest may come back for it */
  VFPOOL_RULE_ADDRESS,       /* the lower address */
  VFPOOL_RULE_ONLY,          /* no other VF was left */
  VFPOOL_RULE_ASKED,         /* the slot asks for this address */
  VFPOOL_RULE_KEPT,          /* the guest holds it in this slot already */
  VFPOOL_RULE_OBSTACLE,      /* not a preference: it cannot be given */
} VfpoolRule;

const char *vfpool_rule_to_string (VfpoolRule rule); /* "reserved", "sticky" ... as in vfpool_plan() */

/* What is known besides the candidates. Nothing in it is owned. */
typedef struct {
  const VfpoolRequest *request; /* who asks; only the guest is read */
  GPtrArray *leases;            /* every VfpoolLease there is */
  GPtrArray *assignments;       /* every VfpoolAssignment */
  GPtrArray *cordons;           /* every VfpoolCordon */
  GHashTable *places; /* (nullable): address -> VfpoolPlace of VFs that are no candidates but weigh on the same PFs */
} VfpoolSituation;

/* One slot to be served. Only @with is owned (vfpool_choice_clear()). */
typedef struct {
  const VfpoolSlot *slot;
  const VfpoolPool *pool; /* that it is served from */
  /* The pool's, or what the request or the slot wants instead; but for numa the same for all slots of a pool. */
  VfpoolPolicy policy;
  const VfpoolNumbers *nodes;   /* the NUMA nodes that count for the guest; NULL: NUMA is not looked at */
  const VfpoolNumbers *sockets; /* all nodes of their sockets; NULL with @nodes */
  int only_node;                /* the node of a device whose node is unknown; -1: the host has several */
  /* Of VfpoolFunction, with mates, host_use and place loaded; of a slot that asks for an address: it, and what may have to go with it. */
  GPtrArray *candidates;
  /* Of VfpoolFunction, loaded likewise: the whole pool, of a slot that asks for an address where some of the pool are kept for guests by
   * number; else NULL. */
  GPtrArray *members;
  VfpoolFunction *chosen; /* the answer; set before the call when the guest keeps what it has */
  GPtrArray *with;        /* of VfpoolFunction: what has to be leased together with it, or NULL */
  /* Set by vfpool_choose(): when it was served. A later stage finds taken what an earlier one got, slots of one stage are served together;
   * 0: the guest has it already; G_MAXUINT: not at all. */
  guint stage;
} VfpoolChoice;

void vfpool_choice_clear (gpointer choice); /* frees @with */

/* Whether @choice wants @other leased together with @function, two members of its pool. */
gboolean vfpool_choice_is_together (const VfpoolChoice *choice, const VfpoolFunction *function,
                                    const VfpoolFunction *other);

/**
 * vfpool_choose: serves all slots, or none.
 * @choices: of VfpoolChoice; `chosen` and `with` are filled in where `chosen` is NULL
 *
 * Takes O(c + l + a) to look at c candidates, l leases and a assignments, and then O(n V E) at the worst for n slots, where V and E
 * grow with the number of PFs and of slots, not of VFs, because VFs that are alike are one node of the network (flow.h).
 *
 * Returns: FALSE when a slot cannot be served; no `chosen` is to be used then. VFPOOL_ERROR_NO_FREE_VF for a pool,
 *   VFPOOL_ERROR_IN_USE for an address; the message gives for each VF the reason why it was not taken.
 */
gboolean vfpool_choose (const VfpoolSituation *situation, GArray *choices, GError **error);

/* What is to be said of one candidate for one slot. */
typedef struct {
  VfpoolFunction *function;
  VfpoolRule rule; /* why it was not chosen; of the one that was: what decided for it */
  char *reason;    /* as the end of a sentence that begins with its address ("is held by ..."); NULL: it was chosen */
} VfpoolVerdict;

void vfpool_verdict_free (gpointer verdict);

/**
 * vfpool_choose_explain: explains slot number @i of @choices after vfpool_choose(), whether that served all or none.
 *
 * Returns: (element-type VfpoolVerdict): one for each candidate: the chosen one first, the others in the order in which they would
 *   have been taken, then those that cannot be. For g_ptr_array_unref().
 */
GPtrArray *vfpool_choose_explain (const VfpoolSituation *situation, GArray *choices, guint i);

/**
 * vfpool_why_not_viable: why @function, a member of @pool, cannot be handed out to anybody, as long as it is as it is.
 *
 * Returns: as `reason` above, for g_free(); NULL: it can.
 */
char *vfpool_why_not_viable (const VfpoolFunction *function, const VfpoolPool *pool);
