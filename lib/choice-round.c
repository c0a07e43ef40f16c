/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The choice over several slots, as a network: each slot sends one unit to the sink.
 *
 *   slot -> kind of slot -> class of VFs -> PF -> port -> card -> link -> pool -> sink
 *     \------ the VF it had ------^
 *
 * Slots of one kind want the same; VFs of one class are alike in all that rules look at but the address. What is minded of a
 * VF itself is the cost of the edges before the PF; that few (or many) VFs of a PF, port or link are handed out, and that a
 * guest's own lie apart, is the cost of the edges behind it, which grows with each unit; what must not be is a capacity. So a
 * slot that can be served in two ways gives way to one that can be served in one only, and the VF that one slot had is not
 * given to another.
 */
#include "choice-table.h"
#include "flow.h"

#include <string.h>

#define MANY 65536 /* more than any PF has VFs: no limit; and what pack counts down from */
#define NONE G_MAXUINT

/* VFs that are alike, for all slots of this round. */
typedef struct {
  guint64 kinds; /* of slots that they would do for: a bit each */
  const VfpoolPool *pool;
  int pf; /* number of its PF */
  int node;
  gboolean is_reserved, is_remembered;
  const VfpoolEntry *sole; /* one that a slot had is a class of its own */
} Class;

typedef struct {
  Class what;
  GPtrArray *units; /* of VfpoolUnit, by address */
  GArray *ranks;    /* of gint32: theirs */
  guint node, edge; /* in the network, and to its PF */
  guint given;      /* how many were given to slots */
} ClassNode;

/* What several slots want alike. */
typedef struct {
  const VfpoolChoice *like;
  guint node;
  GArray *edges;  /* of guint: to each class, or NONE */
  GPtrArray *won; /* of VfpoolUnit: what slots of this kind get, by address */
  guint given;
} Kind;

/* A slot to be served. */
typedef struct {
  VfpoolChoice *choice;
  Kind *kind;
  guint kind_bit;
  const VfpoolEntry *had; /* what the guest had in it, or NULL */
  ClassNode *had_class;   /* which is that, when it can be given again */
  guint had_edge;         /* to it */
  guint node;
} SlotNode;

/* How many VFs of @pool may be handed out that are not kept for this guest by address: those are not for others anyway. */
typedef struct {
  const VfpoolPool *pool;
  guint n;
} Limit;

typedef struct {
  VfpoolTable *table;
  GPtrArray *slots;    /* of SlotNode: those of this round */
  GPtrArray *kinds;    /* of Kind */
  GPtrArray *units;    /* of VfpoolUnit */
  GPtrArray *classes;  /* of ClassNode */
  GHashTable *by_what; /* Class -> ClassNode */
  GHashTable *gates;   /* "LEVEL NUMBER POOL" -> its node + 1 */
  VfpoolFlow *flow;
  guint sink;
  GArray *limits; /* of Limit: of pools of which some are kept for others */
} Round;

static void
unit_free (gpointer data) {
  vfpool_unit_clear (data);
  g_free (data);
}

static void
class_free (gpointer data) {
  ClassNode *class = data;

  g_ptr_array_unref (class->units);
  g_array_unref (class->ranks);
  g_free (class);
}

static void
kind_free (gpointer data) {
  Kind *kind = data;

  g_array_unref (kind->edges);
  g_ptr_array_unref (kind->won);
  g_free (kind);
}

static guint
class_hash (gconstpointer data) {
  const Class *class = data;

  return g_direct_hash (class->sole) ^ g_direct_hash (class->pool) ^ (guint) class->kinds * 31u
         ^ (guint) class->pf * 127u ^ (guint) class->node * 8191u ^ (guint) class->is_reserved << 1
         ^ (guint) class->is_remembered;
}

static gboolean
class_equal (gconstpointer left, gconstpointer right) {
  const Class *a = left, *b = right;

  return a->kinds == b->kinds && a->pool == b->pool && a->pf == b->pf && a->node == b->node
         && a->is_reserved == b->is_reserved && a->is_remembered == b->is_remembered && a->sole == b->sole;
}

static void
round_init (Round *r, VfpoolTable *table) {
  *r = (Round){ .table = table,
                .slots = g_ptr_array_new_with_free_func (g_free),
                .kinds = g_ptr_array_new_with_free_func (kind_free),
                .units = g_ptr_array_new_with_free_func (unit_free),
                .classes = g_ptr_array_new_with_free_func (class_free),
                .by_what = g_hash_table_new (class_hash, class_equal),
                .gates = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL),
                .flow = vfpool_flow_new (),
                .limits = g_array_new (FALSE, FALSE, sizeof (Limit)) };
  r->sink = vfpool_flow_add_node (r->flow);
}

static void
round_clear (Round *r) {
  g_ptr_array_unref (r->slots);
  g_ptr_array_unref (r->kinds);
  g_ptr_array_unref (r->units);
  g_ptr_array_unref (r->classes);
  g_hash_table_unref (r->by_what);
  g_hash_table_unref (r->gates);
  vfpool_flow_free (r->flow);
  g_array_unref (r->limits);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Round, round_clear)

static const VfpoolCost nothing;

/* ---- Kinds of slots ---- */

static gboolean
is_of_kind (const VfpoolChoice *a, const VfpoolChoice *b) {
  return a->pool == b->pool && a->nodes == b->nodes && a->policy.numa == b->policy.numa;
}

static guint
find_kind (Round *r, const VfpoolChoice *choice) {
  Kind *kind;

  for (guint i = 0; i < r->kinds->len; i++)
    if (is_of_kind (((Kind *)g_ptr_array_index (r->kinds, i))->like, choice))
      return i;
  kind = g_new0 (Kind, 1);
  kind->like = choice;
  kind->node = vfpool_flow_add_node (r->flow);
  kind->edges = g_array_new (FALSE, FALSE, sizeof (guint));
  kind->won = g_ptr_array_new ();
  g_ptr_array_add (r->kinds, kind);
  return r->kinds->len - 1;
}

/* What @choice's guest had in its slot. */
static const VfpoolEntry *
had_by (const VfpoolTable *table, const VfpoolChoice *choice) {
  guint i = (guint)(choice - &g_array_index (table->choices, VfpoolChoice, 0));

  return i < table->sticky->len ? g_ptr_array_index (table->sticky, i) : NULL;
}

static void
add_slot (Round *r, VfpoolChoice *choice) {
  SlotNode *slot = g_new0 (SlotNode, 1);

  slot->choice = choice;
  slot->kind_bit = find_kind (r, choice);
  slot->kind = g_ptr_array_index (r->kinds, slot->kind_bit);
  slot->had = had_by (r->table, choice);
  g_ptr_array_add (r->slots, slot);
}

/* ---- Behind the PF ---- */

static const VfpoolRule load_rules[] = { VFPOOL_RULE_PF_LOAD, VFPOOL_RULE_PORT_LOAD, VFPOOL_RULE_ADDRESS /* none */,
                                         VFPOOL_RULE_LINK_LOAD };

/* What it costs to go on from @entry's PF, port, card or link; and how many may. */
static guint
price_gate (const VfpoolTable *table, const VfpoolChoice *choice, const VfpoolEntry *entry, VfpoolLevel level,
            VfpoolCost *cost, VfpoolCost *step) {
  guint weight = vfpool_table_weight (table, choice, entry, level);
  gboolean is_required;
  VfpoolLevel apart = vfpool_choice_apart (choice, &is_required);
  guint mine;

  if (level != VFPOOL_LEVEL_CARD) {
    gboolean is_pack = choice->policy.placement == VFPOOL_PLACEMENT_PACK;
    cost->tier[load_rules[level]] = (gint32)(is_pack ? MANY - MIN (weight, MANY) : weight);
    step->tier[load_rules[level]] = !is_pack;
  }
  if (apart != level)
    return MANY;
  mine = vfpool_table_mine_at (table, choice, entry, apart, NULL);
  if (is_required)
    return mine ? 0 : 1;
  cost->tier[VFPOOL_RULE_ANTI_AFFINITY] = (gint32)mine;
  step->tier[VFPOOL_RULE_ANTI_AFFINITY] = 1;
  return MANY;
}

/* Notes how many units of @pool may be handed out, so that what is kept for others by number is left. */
static void
add_limit (Round *r, const VfpoolPool *pool) {
  guint kept = vfpool_table_kept (r->table, pool, NULL), n = 0, largest = 1;
  Limit limit = { pool, 0 };

  if (kept == 0)
    return;
  for (guint i = 0; i < r->units->len; i++) {
    const VfpoolUnit *unit = g_ptr_array_index (r->units, i);
    guint size = 1 + (unit->with ? unit->with->len : 0);

    if (unit->first->pool != pool || vfpool_unit_is_reserved (unit, r->table))
      continue;
    n += size;
    largest = MAX (largest, size);
  }
  limit.n = n > kept ? (n - kept) / largest : 0;
  g_array_append_val (r->limits, limit);
}

/* Whether all limits hold. VFs kept for this guest are taken before all others, so when one does not hold, no other ways of as many
 * units would keep it either. */
static gboolean
is_within_limits (const Round *r) {
  for (guint i = 0; i < r->limits->len; i++) {
    const Limit *limit = &g_array_index (r->limits, Limit, i);
    guint n = 0;

    for (guint k = 0; k < r->classes->len; k++) {
      const ClassNode *class = g_ptr_array_index (r->classes, k);
      if (class->what.pool == limit->pool && !class->what.is_reserved)
        n += vfpool_flow_units (r->flow, class->edge);
    }
    if (n > limit->n)
      return FALSE;
  }
  return TRUE;
}

/* The node that @entry's class leads to at @level, with all that lies behind it. */
static guint
find_gate (Round *r, const VfpoolChoice *choice, const VfpoolEntry *entry, int level) {
  g_autofree char *name =
      g_strdup_printf ("%d %d %s", level, level < VFPOOL_N_LEVELS ? entry->level[level] : 0, choice->pool->name);
  gpointer known = g_hash_table_lookup (r->gates, name);
  VfpoolCost cost = nothing, step = nothing;
  guint node, next, capacity;

  if (known)
    return GPOINTER_TO_UINT (known) - 1;
  node = vfpool_flow_add_node (r->flow);
  g_hash_table_insert (r->gates, g_steal_pointer (&name), GUINT_TO_POINTER (node + 1));
  if (level == VFPOOL_N_LEVELS) {
    vfpool_flow_add_edge (r->flow, node, r->sink, MANY, &nothing, &nothing, NULL);
    add_limit (r, choice->pool);
    return node;
  }
  next = find_gate (r, choice, entry, level + 1);
  capacity = price_gate (r->table, choice, entry, (VfpoolLevel)level, &cost, &step);
  vfpool_flow_add_edge (r->flow, node, next, capacity, &cost, &step, NULL);
  return node;
}

/* ---- VFs ---- */

/* The kinds of slots of @pool that @entry would do for. */
static guint64
find_kinds (const Round *r, const VfpoolEntry *entry) {
  guint64 kinds = 0;

  for (guint i = 0; i < r->kinds->len; i++) {
    const Kind *kind = g_ptr_array_index (r->kinds, i);
    if (kind->like->pool == entry->pool && vfpool_choice_numa_allows (kind->like, entry->function->numa_node))
      kinds |= (guint64)1 << i;
  }
  return kinds;
}

static ClassNode *
find_class (Round *r, const Class *what) {
  ClassNode *class = g_hash_table_lookup (r->by_what, what);

  if (class)
    return class;
  class = g_new0 (ClassNode, 1);
  class->what = *what;
  class->units = g_ptr_array_new ();
  class->ranks = g_array_new (FALSE, FALSE, sizeof (gint32));
  class->node = vfpool_flow_add_node (r->flow);
  g_ptr_array_add (r->classes, class);
  g_hash_table_insert (r->by_what, &class->what, class);
  return class;
}

/* Whether a slot of this round had what is in @unit. */
static gboolean
is_had (const Round *r, const VfpoolUnit *unit) {
  for (guint i = 0; i < r->slots->len; i++)
    if (vfpool_unit_contains (unit, ((const SlotNode *)g_ptr_array_index (r->slots, i))->had))
      return TRUE;
  return FALSE;
}

static void
classify (Round *r, VfpoolUnit *unit) {
  const VfpoolEntry *entry = unit->first;
  Class what = { .kinds = find_kinds (r, entry),
                 .pool = entry->pool,
                 .pf = entry->level[VFPOOL_LEVEL_PF],
                 .node = entry->function->numa_node,
                 .is_reserved = vfpool_unit_is_reserved (unit, r->table),
                 .is_remembered = vfpool_unit_is_remembered (unit, r->table, NULL),
                 .sole = is_had (r, unit) ? entry : NULL };
  ClassNode *class;

  if (!what.kinds)
    return;
  class = find_class (r, &what);
  g_ptr_array_add (class->units, unit);
  g_array_append_val (class->ranks, entry->rank);
}

static void
add_unit (Round *r, VfpoolUnit *unit) {
  VfpoolUnit *copy = g_new (VfpoolUnit, 1);

  *copy = *unit;
  unit->with = NULL;
  g_ptr_array_add (r->units, copy);
}

/* The VFs of @like's pool that may be given to it, each with what goes with it. What suits the guest is not looked at yet. */
static void
add_units (Round *r, const VfpoolChoice *like) {
  g_autoptr (GHashTable) seen = g_hash_table_new (g_direct_hash, g_direct_equal);

  for (guint i = 0; i < like->candidates->len; i++) {
    VfpoolFunction *function = g_ptr_array_index (like->candidates, i);
    VfpoolEntry *entry = vfpool_table_find (r->table, function->address);
    g_auto (VfpoolUnit) unit = { NULL, NULL };
    VfpoolObstacle obstacle;

    if (entry->lease || entry->pool != like->pool
        || (g_hash_table_size (seen) > 0 && g_hash_table_contains (seen, function)))
      continue;
    vfpool_unit_init (&unit, r->table, like, entry);
    vfpool_unit_order (&unit, r->table);
    if (unit.with)
      g_hash_table_add (seen, unit.first->function);
    for (guint k = 0; unit.with && k < unit.with->len; k++)
      g_hash_table_add (seen, g_ptr_array_index (unit.with, k));
    if (!vfpool_obstacle_find_but_policy (r->table, like, unit.first, unit.with, &obstacle))
      add_unit (r, &unit);
  }
}

static int
compare_units (gconstpointer a, gconstpointer b) {
  return (*(VfpoolUnit *const *)a)->first->rank - (*(VfpoolUnit *const *)b)->first->rank;
}

/* The edges that lead to and from @class. */
static void
join_class (Round *r, ClassNode *class) {
  const VfpoolEntry *entry = ((VfpoolUnit *)g_ptr_array_index (class->units, 0))->first;
  const guint none = NONE;
  VfpoolCost cost = nothing;
  const Kind *first = NULL;

  for (guint i = 0; i < r->kinds->len; i++) {
    Kind *kind = g_ptr_array_index (r->kinds, i);
    VfpoolCost numa = nothing;
    guint edge;

    if (!(class->what.kinds >> i & 1)) {
      g_array_append_val (kind->edges, none);
      continue;
    }
    first = first ? first : kind;
    numa.tier[VFPOOL_RULE_NUMA] = vfpool_choice_numa_rank (kind->like, class->what.node);
    edge = vfpool_flow_add_edge (r->flow, kind->node, class->node, MANY, &numa, &nothing, NULL);
    g_array_append_val (kind->edges, edge);
  }
  cost.tier[VFPOOL_RULE_RESERVED] = !class->what.is_reserved;
  cost.tier[VFPOOL_RULE_REMEMBERED] = class->what.is_remembered;
  class->edge = vfpool_flow_add_edge (r->flow, class->node, find_gate (r, first->like, entry, VFPOOL_LEVEL_PF),
                                      class->units->len, &cost, &nothing, (const gint32 *)(void *)class->ranks->data);
}

/* The class of what @slot had, if it would do for it. */
static ClassNode *
find_had (const Round *r, const SlotNode *slot) {
  for (guint i = 0; slot->had && i < r->classes->len; i++) {
    ClassNode *class = g_ptr_array_index (r->classes, i);
    if (class->what.sole && vfpool_unit_contains (g_ptr_array_index (class->units, 0), slot->had)
        && (class->what.kinds >> slot->kind_bit & 1))
      return class;
  }
  return NULL;
}

static void
join_slot (Round *r, SlotNode *slot) {
  VfpoolCost cost = nothing;

  slot->node = vfpool_flow_add_node (r->flow);
  slot->had_class = find_had (r, slot);
  if (slot->had_class) {
    cost.tier[VFPOOL_RULE_NUMA] = vfpool_choice_numa_rank (slot->choice, slot->had_class->what.node);
    slot->had_edge = vfpool_flow_add_edge (r->flow, slot->node, slot->had_class->node, 1, &cost, &nothing, NULL);
    cost = nothing;
    cost.tier[VFPOOL_RULE_STICKY] = 1;
  }
  vfpool_flow_add_edge (r->flow, slot->node, slot->kind->node, 1, &cost, &nothing, NULL);
}

static void
build (Round *r) {
  g_autoptr (GHashTable) pools = g_hash_table_new (g_direct_hash, g_direct_equal);

  for (guint i = 0; i < r->kinds->len; i++) {
    const Kind *kind = g_ptr_array_index (r->kinds, i);
    if (g_hash_table_add (pools, (gpointer)kind->like->pool))
      add_units (r, kind->like);
  }
  g_ptr_array_sort (r->units, compare_units);
  for (guint i = 0; i < r->units->len; i++)
    classify (r, g_ptr_array_index (r->units, i));
  for (guint i = 0; i < r->classes->len; i++)
    join_class (r, g_ptr_array_index (r->classes, i));
  for (guint i = 0; i < r->slots->len; i++)
    join_slot (r, g_ptr_array_index (r->slots, i));
}

/* ---- The answer ---- */

static VfpoolUnit *
next_unit (ClassNode *class) {
  return g_ptr_array_index (class->units, class->given++);
}

static void
give (Round *r, SlotNode *slot, VfpoolUnit *unit) {
  vfpool_table_take (r->table, slot->choice, unit->first->function, unit->with);
}

/* Of each kind of slots, what the ways of their units end at. */
static void
collect (Round *r, Kind *kind) {
  for (guint i = 0; i < r->classes->len; i++) {
    guint edge = g_array_index (kind->edges, guint, i);

    for (guint n = edge == NONE ? 0 : vfpool_flow_units (r->flow, edge); n > 0; n--)
      g_ptr_array_add (kind->won, next_unit (g_ptr_array_index (r->classes, i)));
  }
  g_ptr_array_sort (kind->won, compare_units);
}

/* What came out for the first @n slots is written to them. */
static void
give_all (Round *r, guint n) {
  for (guint i = 0; i < n; i++) {
    SlotNode *slot = g_ptr_array_index (r->slots, i);
    if (slot->had_class && vfpool_flow_units (r->flow, slot->had_edge))
      give (r, slot, next_unit (slot->had_class));
  }
  for (guint i = 0; i < r->kinds->len; i++)
    collect (r, g_ptr_array_index (r->kinds, i));
  for (guint i = 0; i < n; i++) {
    SlotNode *slot = g_ptr_array_index (r->slots, i);
    if (!slot->choice->chosen)
      give (r, slot, g_ptr_array_index (slot->kind->won, slot->kind->given++));
  }
}

/* Serves as many of the first @n of @choices as can be; less than @n: they are not given anything yet. */
static guint
serve (VfpoolTable *table, GPtrArray *choices, guint n) {
  g_auto (Round) r;
  guint served = 0;

  round_init (&r, table);
  for (guint i = 0; i < n; i++)
    add_slot (&r, g_ptr_array_index (choices, i));
  build (&r);
  while (served < n && vfpool_flow_send (r.flow, ((SlotNode *)g_ptr_array_index (r.slots, served))->node, r.sink)
         && is_within_limits (&r))
    served++;
  if (served == n)
    give_all (&r, n);
  return served;
}

int
vfpool_choose_round (VfpoolTable *table, GPtrArray *choices) {
  guint n = serve (table, choices, choices->len);

  return (int)(n == choices->len ? n : serve (table, choices, n));
}
