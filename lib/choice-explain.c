/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why this VF: each candidate is looked at as if it stood in the chosen one's place, with all other slots as they are. The first
 * rule by which it is the worse is why it was not chosen; the first rule by which the next best is worse is what decided.
 */
#include "choice-table.h"
#include "flow.h"

#include <string.h>

#define PACK_FULL 65536

typedef struct {
  VfpoolEntry *entry;
  VfpoolUnit unit;     /* that it would be given in */
  gboolean goes_with;  /* the chosen one */
  gboolean is_refused; /* by @obstacle, or because it goes with the chosen one */
  VfpoolObstacle obstacle;
  VfpoolCost cost;
} Candidate;

typedef struct {
  VfpoolTable *table;
  const VfpoolChoice *choice;
  const VfpoolEntry *had;
  GPtrArray *candidates; /* of Candidate */
  const Candidate *chosen;
} Explain;

void
vfpool_verdict_free (gpointer verdict) {
  VfpoolVerdict *self = verdict;

  g_free (self->reason);
  g_free (self);
}

static void
candidate_clear (gpointer data) {
  vfpool_unit_clear (&((Candidate *)data)->unit);
}

static guint
weight (const Explain *e, const VfpoolEntry *entry, VfpoolLevel level) {
  return vfpool_table_weight (e->table, e->choice, entry, level);
}

/* What is minded of @unit in this slot. */
static VfpoolCost
price (const Explain *e, const VfpoolUnit *unit) {
  static const struct {
    VfpoolRule rule;
    VfpoolLevel level;
  } loads[] = { { VFPOOL_RULE_PF_LOAD, VFPOOL_LEVEL_PF },
                { VFPOOL_RULE_PORT_LOAD, VFPOOL_LEVEL_PORT },
                { VFPOOL_RULE_LINK_LOAD, VFPOOL_LEVEL_LINK } };
  gboolean is_required, is_pack = e->choice->policy.placement == VFPOOL_PLACEMENT_PACK;
  VfpoolLevel apart = vfpool_choice_apart (e->choice, &is_required);
  const VfpoolEntry *entry = unit->first;
  VfpoolCost cost = { 0 };

  cost.tier[VFPOOL_RULE_RESERVED] = !vfpool_unit_is_reserved (unit, e->table);
  cost.tier[VFPOOL_RULE_STICKY] = e->had && !vfpool_unit_contains (unit, e->had);
  cost.tier[VFPOOL_RULE_NUMA] = vfpool_choice_numa_rank (e->choice, entry->function->numa_node);
  if (apart != VFPOOL_N_LEVELS && !is_required)
    cost.tier[VFPOOL_RULE_ANTI_AFFINITY] = (gint32)vfpool_table_mine_at (e->table, e->choice, entry, apart, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (loads); i++) {
    gint32 n = (gint32)weight (e, entry, loads[i].level);
    cost.tier[loads[i].rule] = is_pack ? PACK_FULL - n : n;
  }
  cost.tier[VFPOOL_RULE_REMEMBERED] = vfpool_unit_is_remembered (unit, e->table, NULL);
  cost.tier[VFPOOL_RULE_ADDRESS] = entry->rank;
  return cost;
}

static void
candidate_init (Candidate *c, const Explain *e, const VfpoolFunction *function) {
  gboolean is_chosen = function == e->choice->chosen;

  *c = (Candidate){ .entry = vfpool_table_find (e->table, function->address) };
  vfpool_unit_init (&c->unit, e->table, e->choice, c->entry);
  c->goes_with = !is_chosen && e->choice->with && g_ptr_array_find (e->choice->with, function, NULL);
  c->is_refused =
      !is_chosen && (c->goes_with || vfpool_obstacle_find (e->table, e->choice, c->entry, c->unit.with, &c->obstacle));
  vfpool_unit_order (&c->unit, e->table);
  if (!c->is_refused)
    c->cost = price (e, &c->unit);
}

/* All candidates but refused ones that come behind @at_most others: a refusal of a full pool is made under the ledger's lock. */
static GArray *
list_candidates (const Explain *e, guint at_most) {
  GArray *all = g_array_new (FALSE, FALSE, sizeof (Candidate));
  guint refused = 0;
  gint32 last = -1;

  g_array_set_clear_func (all, candidate_clear);
  for (guint i = 0; i < e->choice->candidates->len; i++) {
    Candidate c;

    candidate_init (&c, e, g_ptr_array_index (e->choice->candidates, i));
    if (c.is_refused && refused >= at_most && c.entry->rank > last) {
      candidate_clear (&c);
      continue;
    }
    refused += c.is_refused;
    last = c.is_refused ? MAX (last, c.entry->rank) : last;
    g_array_append_val (all, c);
  }
  return all;
}

/* The chosen one, what could be chosen by preference, then what could not by address. */
static int
compare_candidates (gconstpointer a, gconstpointer b, gpointer data) {
  const Explain *e = data;
  const Candidate *left = *(Candidate *const *)a, *right = *(Candidate *const *)b;
  int by_cost;

  if ((left == e->chosen) != (right == e->chosen))
    return left == e->chosen ? -1 : 1;
  if (left->is_refused != right->is_refused)
    return left->is_refused ? 1 : -1;
  by_cost = left->is_refused ? 0 : vfpool_cost_compare (&left->cost, &right->cost, NULL);
  return by_cost ? by_cost : left->entry->rank - right->entry->rank;
}

/* ---- In words ---- */

static const char *
place_of (const VfpoolEntry *entry, VfpoolRule rule) {
  const VfpoolPlace *place = entry->function->place;

  if (!place)
    return entry->function->address;
  return rule == VFPOOL_RULE_PF_LOAD ? place->pf : rule == VFPOOL_RULE_PORT_LOAD ? place->port : place->link;
}

static char *
describe_load (const Explain *e, const Candidate *c, VfpoolRule rule) {
  VfpoolLevel level = rule == VFPOOL_RULE_PF_LOAD     ? VFPOOL_LEVEL_PF
                      : rule == VFPOOL_RULE_PORT_LOAD ? VFPOOL_LEVEL_PORT
                                                      : VFPOOL_LEVEL_LINK;
  const char *what = rule == VFPOOL_RULE_PF_LOAD ? "PF" : rule == VFPOOL_RULE_PORT_LOAD ? "port" : "link";

  return g_strdup_printf ("is of the %s %s, of which %u VFs are handed out, of %s %u (placement=%s)", what,
                          place_of (c->entry, rule), weight (e, c->entry, level), place_of (e->chosen->entry, rule),
                          weight (e, e->chosen->entry, level), vfpool_policy_get (&e->choice->policy, "placement"));
}

static char *
describe_numa (const Explain *e, const Candidate *c) {
  g_autofree char *nodes = vfpool_numbers_to_string (e->choice->nodes);
  int node = c->entry->function->numa_node;

  if (node < 0)
    return g_strdup_printf ("is on no known NUMA node; the guest is on node %s", nodes);
  return g_strdup_printf ("is on NUMA node %d; the guest is on node %s", node, nodes);
}

static char *
describe_remembered (const Explain *e, const Candidate *c) {
  const VfpoolAssignment *assignment;
  g_autofree char *guest = NULL;

  vfpool_unit_is_remembered (&c->unit, e->table, &assignment);
  guest = vfpool_guest_describe (assignment->guest_kind, assignment->guest_id, assignment->guest_name);
  return g_strdup_printf ("is what %s had in its slot %s", guest, assignment->slot);
}

/* Why @c, which could have been chosen, is worse by @rule. */
static char *
describe_rule (const Explain *e, const Candidate *c, VfpoolRule rule) {
  const char *chosen = e->chosen->entry->function->address;

  switch (rule) {
  case VFPOOL_RULE_RESERVED:
    return g_strdup_printf ("is not reserved for this guest, as %s is", chosen);
  case VFPOOL_RULE_STICKY:
    return g_strdup_printf ("is not what this guest had in this slot, as %s is", chosen);
  case VFPOOL_RULE_NUMA:
    return describe_numa (e, c);
  case VFPOOL_RULE_ANTI_AFFINITY:
    return g_strdup_printf ("is nearer to this guest's other VFs than %s (anti-affinity=%s)", chosen,
                            vfpool_policy_get (&e->choice->policy, "anti-affinity"));
  case VFPOOL_RULE_PF_LOAD:
  case VFPOOL_RULE_PORT_LOAD:
  case VFPOOL_RULE_LINK_LOAD:
    return describe_load (e, c, rule);
  case VFPOOL_RULE_REMEMBERED:
    return describe_remembered (e, c);
  default:
    return g_strdup_printf ("is as good as %s, and comes after it by address", chosen);
  }
}

/* The slot that was the first not to be served. */
static const VfpoolChoice *
find_failed (const Explain *e) {
  const VfpoolChoice *failed = NULL;

  for (guint i = 0; i < e->table->choices->len; i++) {
    const VfpoolChoice *choice = &g_array_index (e->table->choices, VfpoolChoice, i);
    if (!choice->chosen && (!failed || choice->stage < failed->stage))
      failed = choice;
  }
  return failed;
}

/* Of a slot that was not served: nothing is wrong with a candidate itself. */
static char *
describe_unserved (const Explain *e) {
  const VfpoolPool *pool = e->choice->pool;
  const VfpoolChoice *failed = find_failed (e);
  const VfpoolReservation *whom = NULL;
  guint kept = vfpool_table_kept (e->table, pool, &whom);
  g_autofree char *guest = NULL;

  if (pool->quota && vfpool_table_count_mine (e->table, pool) > pool->quota)
    return g_strdup_printf ("is free, but this guest may have %u VFs of the pool '%s' at most (quota)", pool->quota,
                            pool->name);
  if (failed != e->choice)
    return g_strdup_printf ("is free, but this guest's slot %s cannot be served", failed->slot->name);
  if (!kept)
    return g_strdup ("cannot be given without taking what another slot of this guest needs");
  guest = vfpool_guest_describe (whom->guest_kind, whom->guest_id, NULL);
  return g_strdup_printf ("is kept: of the pool's free VFs %u are reserved for %s%s", kept, guest,
                          kept > whom->count ? " and others" : "");
}

static VfpoolRule
rule_against (const Explain *e, const Candidate *c) {
  int tier;

  vfpool_cost_compare (&e->chosen->cost, &c->cost, &tier);
  return tier < 0 ? VFPOOL_RULE_ADDRESS : (VfpoolRule)tier;
}

/* What decided for the chosen one: what the next best is the worse by. */
static VfpoolRule
deciding_rule (const Explain *e) {
  const VfpoolEntry *chosen = e->chosen->entry;
  const Candidate *next = e->candidates->len > 1 ? g_ptr_array_index (e->candidates, 1) : NULL;

  if (chosen->lease)
    return VFPOOL_RULE_KEPT;
  if (e->choice->slot->address)
    return VFPOOL_RULE_ASKED;
  return next && !next->is_refused ? rule_against (e, next) : VFPOOL_RULE_ONLY;
}

static VfpoolVerdict *
judge (const Explain *e, const Candidate *c) {
  VfpoolVerdict *verdict = g_new0 (VfpoolVerdict, 1);

  verdict->function = c->entry->function;
  verdict->rule = VFPOOL_RULE_OBSTACLE;
  if (c == e->chosen) {
    verdict->rule = deciding_rule (e);
  } else if (c->goes_with) {
    verdict->reason = g_strdup_printf ("goes to this slot, too, together with %s", e->choice->chosen->address);
  } else if (c->is_refused) {
    verdict->reason = vfpool_obstacle_describe (e->table, e->choice, c->entry, &c->obstacle);
  } else if (!e->chosen) {
    verdict->reason = describe_unserved (e);
  } else {
    verdict->rule = rule_against (e, c);
    verdict->reason = describe_rule (e, c, verdict->rule);
  }
  return verdict;
}

GPtrArray *
vfpool_table_explain (VfpoolTable *table, guint i, guint at_most) {
  g_autoptr (GPtrArray) candidates = g_ptr_array_new ();
  Explain e = { .table = table,
                .choice = &g_array_index (table->choices, VfpoolChoice, i),
                .had = g_ptr_array_index (table->sticky, i),
                .candidates = candidates };
  g_autoptr (GArray) all = list_candidates (&e, at_most);
  GPtrArray *verdicts = g_ptr_array_new_with_free_func (vfpool_verdict_free);

  for (guint k = 0; k < all->len; k++) {
    Candidate *c = &g_array_index (all, Candidate, k);
    if (c->entry->function == e.choice->chosen)
      e.chosen = c;
    g_ptr_array_add (candidates, c);
  }
  g_ptr_array_sort_with_data (candidates, compare_candidates, &e);
  for (guint k = 0; k < MIN (candidates->len, at_most); k++)
    g_ptr_array_add (verdicts, judge (&e, g_ptr_array_index (candidates, k)));
  return verdicts;
}

GPtrArray *
vfpool_choose_explain (const VfpoolSituation *situation, GArray *choices, guint i) {
  g_autoptr (VfpoolTable) table = vfpool_table_new (situation, choices);

  return vfpool_table_explain (table, i, G_MAXUINT);
}
