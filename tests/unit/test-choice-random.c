/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The choice over random hosts: what must hold whatever the host is like, up to 64 PFs with 64 VFs each; and, on small hosts,
 * brute force over all ways to serve the slots, written from what choice.h and policy.h promise.
 *
 * What the brute force takes as given, as the choice does: what goes together in one IOMMU group counts as one VF for load and
 * anti-affinity; packing looks at what was handed out before the request; whether a VF may be given in view of its group is decided
 * before the other slots of the request are served.
 */
#include "choice-fixture.h"
#include "choice-table.h"
#include "fixture.h"
#include "flow.h"
#include "seeds.h"

#include <string.h>

#define PACK_FULL 65536

typedef struct {
  int max_pfs, max_vfs, max_slots; /* VFs of each PF */
  gboolean with_addresses, with_whole, with_san;
  int spread; /* ports of each card */
} Size;

static gboolean
one_in (GRand *random, int n) {
  return g_rand_int_range (random, 0, n) == 0;
}

/* ---- Random hosts ---- */

static const char *const guests[] = { "me", "other", "third", "fourth" };

/* Where a VF of @pf hangs, in words of the fixture: PFs share ports, those share cards, and those links. */
static char *
place_of (const Size *size, int pf) {
  int port = (2 * pf + 1) / 3, card = port / size->spread + 1;

  return g_strdup_printf ("P%d R%d C%d L%d", pf, port, card, card / 2);
}

/* Nodes 0 to 3, or none that is known. */
static void
add_pf (GRand *random, World *w, const Size *size, int pf, int *group) {
  int n = g_rand_int_range (random, 1, size->max_vfs + 1), node = g_rand_int_range (random, -1, 4);
  g_autofree char *place = place_of (size, pf);
  gboolean is_san = size->with_san && one_in (random, 4), shares = one_in (random, 4);

  for (int i = 0; i < n; i++) {
    g_autofree char *address = g_strdup_printf ("0000:%02x:%02x.%d", (guint)pf, (guint)(16 + i / 8), i % 8);
    g_autoptr (GString) words = g_string_new (NULL);

    g_string_append (words, place);
    if (node >= 0)
      g_string_append_printf (words, " n%d", node);
    g_string_append (words, is_san ? " san" : one_in (random, 30) ? " x" : "");
    g_string_append (words, one_in (random, 30) ? " open" : one_in (random, 30) ? " host" : "");
    *group += !(i > 0 && shares && one_in (random, 2));
    world_add_function (w, address, one_in (random, 40) ? -1 : *group, one_in (random, 3) ? "igbvf" : "vfio-pci",
                        words->str);
  }
}

/* A device with up to three functions that are no VFs, each in a group of its own. */
static void
add_whole (GRand *random, World *w, int bus, int *group) {
  for (int i = g_rand_int_range (random, 1, 4); i > 0; i--) {
    g_autofree char *address = g_strdup_printf ("0000:%02x:00.%d", (guint)bus, i);
    g_autofree char *words =
        g_strdup_printf ("whole R%d C%d L%d n1%s", bus, bus, bus, one_in (random, 9) ? " host" : "");
    world_add_function (w, address, ++*group, "-", words);
  }
}

static void
add_facts (GRand *random, World *w) {
  static const char *const states[] = { "reserved", "active", "releasing", "quarantined" };
  guint mine = (guint)g_rand_int_range (random, 0, 3);
  int full = g_rand_int_range (random, 0, 11), known = g_rand_int_range (random, 0, 11);
  int cordoned = one_in (random, 2) ? 20 : 1000;

  for (guint i = 0; i < w->functions->len; i++) {
    const VfpoolFunction *f = w->functions->pdata[i];
    int guest = g_rand_int_range (random, 0, G_N_ELEMENTS (guests));
    const char *pool = g_ptr_array_find (w->san, f, NULL) ? "san" : "lan";
    guint slot = guest == 0 ? mine++ : i; /* one guest had one VF in one slot */
    g_autofree char *lease = g_strdup_printf ("lease %s %s x%u %s %s", f->address, guests[guest], i,
                                              states[g_rand_int_range (random, 0, 4)], pool);
    g_autofree char *had = g_strdup_printf ("had %s %s s%u %u", f->address, guests[guest], slot, i);
    g_autofree char *cordon = g_strdup_printf ("cordon %s why", one_in (random, 9) && f->pf ? f->pf : f->address);

    if (g_rand_int_range (random, 0, 10) < full && (guest != 0 || one_in (random, 3)))
      world_add_fact (w, lease);
    if (g_rand_int_range (random, 0, 10) < known)
      world_add_fact (w, had);
    if (one_in (random, cordoned))
      world_add_fact (w, cordon);
  }
}

static char *
make_pool (GRand *random) {
  static const char *const words[][2] = {
    { "", "numa=required" }, { "numa=socket", "numa=ignore" }, { "", "placement=pack" }, { "", "nodes=0-1" },
    { "", "sticky=no" },     { "", "together=yes" },
  };
  static const char *const apart[] = { "none", "pf", "card", "pf-preferred", "card-preferred", "none", "none", "none" };
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "anti-affinity=%s", apart[g_rand_int_range (random, 0, G_N_ELEMENTS (apart))]);
  for (guint i = 0; i < G_N_ELEMENTS (words); i++) {
    const char *word = one_in (random, 3) ? words[i][g_rand_int_range (random, 0, 2)] : "";
    g_string_append_printf (text, "%s%s", *word ? " " : "", word);
  }
  if (one_in (random, 6))
    g_string_append_printf (text, " quota=%d", g_rand_int_range (random, 1, 6));
  for (int i = 0; i < 2 && one_in (random, 3); i++)
    g_string_append_printf (text, " keep=%s:%d", guests[g_rand_int_range (random, 0, 3)],
                            g_rand_int_range (random, 1, 4));
  return g_string_free (text, FALSE);
}

/* Reservations by address of VFs of "lan". */
static void
add_reservations (GRand *random, World *w) {
  for (guint i = 0; i < w->lan->len; i++) {
    VfpoolReservation *reservation;

    if (!one_in (random, 12))
      continue;
    reservation = g_new0 (VfpoolReservation, 1);
    reservation->guest_kind = VFPOOL_GUEST_MANUAL;
    reservation->guest_id = g_strdup (guests[g_rand_int_range (random, 0, 2)]);
    reservation->address = g_strdup (((VfpoolFunction *)w->lan->pdata[i])->address);
    g_ptr_array_add (w->pools[0].reservations, reservation);
  }
}

static void
add_slots (GRand *random, World *w, const Size *size) {
  for (int i = g_rand_int_range (random, 1, size->max_slots + 1); i > 0; i--) {
    const char *what = size->with_san && one_in (random, 5)     ? "san"
                       : size->with_whole && one_in (random, 4) ? "all"
                                                                : "pool";
    g_autofree char *slot = NULL;

    if (size->with_addresses && w->choices->len == 0 && w->lan->len > 0 && one_in (random, 3))
      what = ((VfpoolFunction *)w->lan->pdata[g_rand_int_range (random, 0, (gint32)w->lan->len)])->address;
    slot = one_in (random, 2) ? g_strdup (what) : g_strdup_printf ("%s@%d", what, g_rand_int_range (random, 0, 4));
    world_add_slot (w, slot);
  }
}

/* The same host for the same seed. */
static World *
make_world (guint32 seed, const Size *size) {
  GRand *random = g_rand_new_with_seed (seed);
  g_autofree char *pool = make_pool (random);
  World *w = world_new ("", "", pool, "");
  int group = 0, pfs = g_rand_int_range (random, 1, size->max_pfs + 1);

  for (int pf = 1; pf <= pfs; pf++)
    add_pf (random, w, size, pf, &group);
  for (int i = 0; size->with_whole && i < 3; i++)
    add_whole (random, w, 200 + i, &group);
  add_facts (random, w);
  add_reservations (random, w);
  add_slots (random, w, size);
  world_finish (w);
  g_rand_free (random);
  return w;
}

/* ---- What is known of a VF ---- */

static const VfpoolLease *
lease_of (const World *w, const VfpoolFunction *f) {
  for (guint i = 0; i < w->leases->len; i++)
    if (strcmp (((VfpoolLease *)w->leases->pdata[i])->address, f->address) == 0)
      return w->leases->pdata[i];
  return NULL;
}

static gboolean
is_mine (const char *guest) {
  return strcmp (guest, "me") == 0;
}

static gboolean
is_cordoned (const World *w, const VfpoolFunction *f) {
  for (guint i = 0; i < w->cordons->len; i++) {
    const VfpoolCordon *cordon = w->cordons->pdata[i];
    if (strcmp (cordon->address, f->address) == 0 || g_strcmp0 (cordon->address, f->pf) == 0)
      return TRUE;
  }
  return FALSE;
}

static const VfpoolReservation *
reservation_of (const VfpoolPool *pool, const VfpoolFunction *f) {
  const VfpoolReservation *found = NULL;

  for (guint i = 0; i < pool->reservations->len; i++)
    if (g_strcmp0 (((VfpoolReservation *)pool->reservations->pdata[i])->address, f->address) == 0)
      found = pool->reservations->pdata[i];
  return found;
}

/* Why it must not be given to anybody but who has it, and not to this guest; NULL: nothing. */
static const char *
find_fault (const World *w, const VfpoolPool *pool, const VfpoolFunction *f) {
  const VfpoolReservation *reservation = reservation_of (pool, f);
  const VfpoolLease *lease = lease_of (w, f);

  if (lease)
    return lease->state == VFPOOL_LEASE_QUARANTINED ? "is quarantined" : "is leased";
  if (reservation && !is_mine (reservation->guest_id))
    return "is reserved for another guest";
  if (is_cordoned (w, f))
    return "is cordoned";
  return f->held_by ? "is open" : f->host_use ? "is the host's" : f->iommu_group < 0 ? "has no group" : NULL;
}

static int
rank_of (const VfpoolChoice *choice, const VfpoolFunction *f) {
  if (!choice->nodes || choice->policy.numa == VFPOOL_NUMA_IGNORE)
    return 0;
  if (f->numa_node < 0)
    return 2;
  if (vfpool_numbers_contain (choice->nodes, (guint)f->numa_node))
    return 0;
  return vfpool_numbers_contain (choice->sockets, (guint)f->numa_node) ? 1 : 3;
}

static gboolean
suits_nodes (const VfpoolChoice *choice, const VfpoolFunction *f) {
  int rank = rank_of (choice, f);

  return choice->policy.numa == VFPOOL_NUMA_REQUIRED ? rank == 0
                                                     : choice->policy.numa != VFPOOL_NUMA_SOCKET || rank <= 1;
}

static gboolean
is_apart (const VfpoolPolicy *policy, const VfpoolFunction *a, const VfpoolFunction *b) {
  if (policy->anti_affinity == VFPOOL_ANTI_AFFINITY_PF)
    return strcmp (a->place->pf, b->place->pf) != 0;
  return policy->anti_affinity != VFPOOL_ANTI_AFFINITY_CARD || strcmp (a->place->card, b->place->card) != 0;
}

/* ---- What must hold of an answer ---- */

static VfpoolChoice *
choice_at (const World *w, guint i) {
  return &g_array_index (w->choices, VfpoolChoice, i);
}

static VfpoolFunction *
find_function (const World *w, const char *address) {
  for (guint i = 0; i < w->functions->len; i++)
    if (strcmp (((VfpoolFunction *)w->functions->pdata[i])->address, address) == 0)
      return w->functions->pdata[i];
  return NULL;
}

static char *
check_function (const World *w, const VfpoolChoice *choice, const VfpoolFunction *f, GHashTable *given) {
  const char *fault = find_fault (w, choice->pool, f);

  if (!g_hash_table_add (given, (gpointer)f))
    return g_strdup_printf ("%s is given twice", f->address);
  if (!g_ptr_array_find (choice->pool == &w->pools[1] ? w->san : w->lan, f, NULL))
    return g_strdup_printf ("%s lies outside the pool", f->address);
  return fault ? g_strdup_printf ("%s is given, but %s", f->address, fault) : NULL;
}

static char *
check_policy (const World *w, const VfpoolChoice *choice) {
  const VfpoolFunction *f = choice->chosen;

  if (choice->slot->address)
    return NULL;
  if (!suits_nodes (choice, f))
    return g_strdup_printf ("%s is on the wrong node", f->address);
  for (guint i = 0; i < w->choices->len; i++) {
    const VfpoolChoice *other = choice_at (w, i);
    if (other != choice && other->pool == choice->pool && !is_apart (&choice->policy, f, other->chosen))
      return g_strdup_printf ("%s and %s are not apart", f->address, other->chosen->address);
  }
  for (guint i = 0; i < w->leases->len; i++) {
    const VfpoolLease *lease = w->leases->pdata[i];
    if (is_mine (lease->guest_id) && lease->state != VFPOOL_LEASE_QUARANTINED
        && strcmp (lease->pool, choice->pool->name) == 0
        && !is_apart (&choice->policy, f, find_function (w, lease->address)))
      return g_strdup_printf ("%s and %s, which it has, are not apart", f->address, lease->address);
  }
  return NULL;
}

static guint
count_of (const World *w, const VfpoolPool *pool, const char *guest) {
  guint n = 0;

  for (guint i = 0; i < w->leases->len; i++) {
    const VfpoolLease *lease = w->leases->pdata[i];
    n += strcmp (lease->guest_id, guest) == 0 && lease->state != VFPOOL_LEASE_QUARANTINED
         && strcmp (lease->pool, pool->name) == 0;
  }
  return n;
}

/* How many VFs of @pool other guests may still take by number. */
static guint
count_kept (const World *w, const VfpoolPool *pool) {
  guint kept = 0;

  for (guint i = 0; i < pool->reservations->len; i++) {
    const VfpoolReservation *reservation = pool->reservations->pdata[i];
    guint held = count_of (w, pool, reservation->guest_id);
    if (!reservation->address && !is_mine (reservation->guest_id) && held < reservation->count)
      kept += reservation->count - held;
  }
  return kept;
}

/* Whether a slot got a VF that is kept for its guest together with one that is not: that one counts as kept, too. */
static gboolean
is_mixed (const World *w, const VfpoolPool *pool) {
  gboolean is_mixed = FALSE;

  for (guint i = 0; i < w->choices->len; i++) {
    const VfpoolChoice *choice = choice_at (w, i);
    gboolean first = reservation_of (pool, choice->chosen) != NULL;

    for (guint k = 0; choice->pool == pool && choice->with && k < choice->with->len; k++)
      is_mixed |= (reservation_of (pool, choice->with->pdata[k]) != NULL) != first;
  }
  return is_mixed;
}

/* What others may take by number has to be left, where it was there. */
static char *
check_pool (const World *w, const VfpoolPool *pool, GHashTable *given) {
  const GPtrArray *members = pool == &w->pools[1] ? w->san : w->lan;
  guint n = count_of (w, pool, "me"), left = 0, kept = count_kept (w, pool), taken = 0;

  for (guint i = 0; i < members->len; i++) {
    const VfpoolFunction *f = members->pdata[i];
    gboolean is_given = g_hash_table_contains (given, f);
    taken += is_given && !reservation_of (pool, f);
    n += is_given;
    left += !is_given && !find_fault (w, pool, f) && !reservation_of (pool, f);
  }
  if (pool->quota && n > pool->quota && n > count_of (w, pool, "me"))
    return g_strdup_printf ("it has %u VFs of %s, over the quota of %u", n, pool->name, pool->quota);
  if (taken && left < kept && !is_mixed (w, pool))
    return g_strdup_printf ("%u VFs of %s are left, %u are kept for others", left, pool->name, kept);
  return NULL;
}

static char *
check_served (const World *w) {
  g_autoptr (GHashTable) given = g_hash_table_new (g_direct_hash, g_direct_equal);
  char *problem = NULL;

  for (guint i = 0; !problem && i < w->choices->len; i++) {
    const VfpoolChoice *choice = choice_at (w, i);

    if (choice->slot->address && strcmp (choice->slot->address, choice->chosen->address) != 0)
      return g_strdup_printf ("%s in place of %s", choice->chosen->address, choice->slot->address);
    problem = check_function (w, choice, choice->chosen, given);
    for (guint k = 0; !problem && choice->with && k < choice->with->len; k++)
      problem = check_function (w, choice, choice->with->pdata[k], given);
    problem = problem ? problem : check_policy (w, choice);
  }
  for (int i = 0; !problem && i < 2; i++)
    problem = check_pool (w, &w->pools[i], given);
  return problem;
}

/* ---- What must hold of an explanation ---- */

static char *
check_verdict (const VfpoolChoice *choice, const VfpoolVerdict *verdict, GHashTable *told) {
  const char *address = verdict->function->address;

  if (!g_hash_table_add (told, verdict->function) || !g_ptr_array_find (choice->candidates, verdict->function, NULL))
    return g_strdup_printf ("%s is judged twice, or is no candidate", address);
  if (verdict->function == choice->chosen)
    return verdict->reason ? g_strdup_printf ("%s is chosen, but %s", address, verdict->reason) : NULL;
  if (!verdict->reason || !*verdict->reason || strchr (verdict->reason, '\n'))
    return g_strdup_printf ("%s has no reason of one line", address);
  return NULL;
}

static char *
check_explanation (World *w, guint i) {
  const VfpoolChoice *choice = choice_at (w, i);
  g_autoptr (GPtrArray) verdicts = vfpool_choose_explain (&w->situation, w->choices, i);
  g_autoptr (GHashTable) told = g_hash_table_new (g_direct_hash, g_direct_equal);

  if (verdicts->len != choice->candidates->len)
    return g_strdup_printf ("slot s%u: %u verdicts for %u candidates", i, verdicts->len, choice->candidates->len);
  for (guint k = 0; k < verdicts->len; k++) {
    char *problem = check_verdict (choice, verdicts->pdata[k], told);
    if (problem)
      return problem;
  }
  if (choice->chosen && ((VfpoolVerdict *)verdicts->pdata[0])->function != choice->chosen)
    return g_strdup_printf ("slot s%u: the chosen one is not told first", i);
  return NULL;
}

static char *
check_world (World *w, gboolean ok, const char *got) {
  char *problem = ok ? check_served (w) : strchr (got, '\n') ? g_strdup_printf ("not one line: %s", got) : NULL;

  for (guint i = 0; !problem && i < w->choices->len; i++)
    problem = check_explanation (w, i);
  return problem;
}

/* ---- Twice, in another order, and with one more VF ---- */

static void
shuffle (GRand *random, GPtrArray *array) {
  for (guint i = array->len; i > 1; i--) {
    guint k = (guint)g_rand_int_range (random, 0, (gint32)i);
    gpointer other = array->pdata[k];
    array->pdata[k] = array->pdata[i - 1];
    array->pdata[i - 1] = other;
  }
}

static char *
try_shuffled (GRand *random, guint32 seed, const Size *size, const char *expected) {
  g_autoptr (World) w = make_world (seed, size);
  g_autofree char *got = NULL;
  gboolean ok;

  shuffle (random, w->leases);
  shuffle (random, w->assignments);
  shuffle (random, w->cordons);
  shuffle (random, w->lan);
  shuffle (random, w->san);
  got = world_choose (w, &ok);
  return strcmp (got, expected) == 0 ? NULL : g_strdup_printf ("shuffled: '%s', else '%s'", got, expected);
}

/* Where groups go together, a quota is looked at when all is chosen: one more VF may lead to a larger group. */
static char *
try_larger (GRand *random, guint32 seed, const Size *size) {
  g_autoptr (World) w = make_world (seed, size);
  g_autofree char *address = NULL, *place = NULL, *words = NULL, *got = NULL;
  int pf = g_rand_int_range (random, 1, size->max_pfs + 2);
  gboolean ok;

  if (w->pools[0].quota && w->pools[0].groups_together)
    return NULL;
  address = g_strdup_printf ("0000:%02x:1e.%d", (guint)pf, g_rand_int_range (random, 0, 8));
  place = place_of (size, pf);
  words = g_strdup_printf ("%s n%d", place, g_rand_int_range (random, 0, 4));
  world_add_function (w, address, 1000000, "vfio-pci", words);
  world_finish (w);
  got = world_choose (w, &ok);
  return ok ? NULL : g_strdup_printf ("refused with %s (PF %d) besides: %s", address, pf, got);
}

static char *
try_host (GRand *random, const Size *size) {
  guint32 seed = g_rand_int (random);
  g_autoptr (World) w = make_world (seed, size);
  gboolean ok;
  g_autofree char *got = world_choose (w, &ok);
  char *problem = check_world (w, ok, got);

  if (!problem)
    problem = try_shuffled (random, seed, size, got);
  if (!problem && ok)
    problem = try_larger (random, seed, size);
  return problem;
}

static char *
try_small (GRand *random) {
  static const Size size = { 4, 4, 4, TRUE, TRUE, TRUE, 2 };

  return try_host (random, &size);
}

static char *
try_middle (GRand *random) {
  static const Size size = { 12, 16, 8, TRUE, TRUE, TRUE, 3 };

  return try_host (random, &size);
}

/* A host as large as they come. */
static char *
try_large (GRand *random) {
  static const Size size = { 64, 64, 8, FALSE, FALSE, FALSE, 4 };
  g_autoptr (World) w = make_world (g_rand_int (random), &size);
  gboolean ok;
  g_autofree char *got = world_choose (w, &ok);

  return check_world (w, ok, got);
}

/* ---- Brute force ---- */

#define MAX_UNITS 16

/* A VF and what goes with it, as a set of bits over the members of the pool by address. */
typedef struct {
  const VfpoolFunction *first;
  GPtrArray *all;
  gboolean is_reserved, is_remembered;
} Way;

typedef struct {
  const World *w;
  Way ways[MAX_UNITS];
  guint n_ways, limit; /* how many that are not reserved may be given */
  const Way *given[8]; /* by slot */
  gboolean is_possible;
  VfpoolCost best;
} Search;

static gboolean
is_of (const VfpoolFunction *f, const VfpoolFunction *g, VfpoolLevel level) {
  const VfpoolPlace *a = f->place, *b = g->place;

  switch (level) {
  case VFPOOL_LEVEL_PF:
    return strcmp (a->pf, b->pf) == 0;
  case VFPOOL_LEVEL_PORT:
    return strcmp (a->port, b->port) == 0;
  case VFPOOL_LEVEL_CARD:
    return strcmp (a->card, b->card) == 0;
  default:
    return strcmp (a->link, b->link) == 0;
  }
}

/* How many VFs there are handed out, to @only (nullable: to anybody). */
static gint32
count_leases (const World *w, const VfpoolFunction *f, VfpoolLevel level, const char *only) {
  gint32 n = 0;

  for (guint i = 0; i < w->leases->len; i++) {
    const VfpoolLease *lease = w->leases->pdata[i];
    const VfpoolFunction *held = find_function (w, lease->address);
    n += lease->state != VFPOOL_LEASE_QUARANTINED && (!only || strcmp (only, lease->guest_id) == 0)
         && is_of (held, f, level);
  }
  return n;
}

static gint32
count_given (const Search *s, guint before, const VfpoolFunction *f, VfpoolLevel level) {
  gint32 n = 0;

  for (guint i = 0; i < before; i++)
    n += is_of (s->given[i]->first, f, level);
  return n;
}

static gboolean
has_had (const Search *s, const Way *way, guint slot) {
  g_autofree char *name = g_strdup_printf ("s%u", slot);

  for (guint i = 0; i < s->w->assignments->len; i++) {
    const VfpoolAssignment *a = s->w->assignments->pdata[i];
    if (is_mine (a->guest_id) && strcmp (a->slot, name) == 0)
      for (guint k = 0; k < way->all->len; k++)
        if (strcmp (((VfpoolFunction *)way->all->pdata[k])->address, a->address) == 0)
          return TRUE;
  }
  return FALSE;
}

/* What is minded of the way that slot @i is served, those before it being served. */
static void
add_price (const Search *s, guint i, VfpoolCost *sum) {
  static const VfpoolLevel levels[] = { VFPOOL_LEVEL_PF, VFPOOL_LEVEL_PORT, VFPOOL_LEVEL_LINK };
  const VfpoolChoice *choice = choice_at (s->w, i);
  const Way *way = s->given[i];
  int apart = choice->policy.anti_affinity;
  VfpoolLevel level = apart == VFPOOL_ANTI_AFFINITY_PF_PREFERRED ? VFPOOL_LEVEL_PF : VFPOOL_LEVEL_CARD;

  sum->tier[VFPOOL_RULE_RESERVED] += !way->is_reserved;
  sum->tier[VFPOOL_RULE_STICKY] += choice->pool->is_sticky && !has_had (s, way, i);
  sum->tier[VFPOOL_RULE_NUMA] += rank_of (choice, way->first);
  if (apart == VFPOOL_ANTI_AFFINITY_PF_PREFERRED || apart == VFPOOL_ANTI_AFFINITY_CARD_PREFERRED)
    sum->tier[VFPOOL_RULE_ANTI_AFFINITY] +=
        count_leases (s->w, way->first, level, "me") + count_given (s, i, way->first, level);
  for (guint k = 0; k < G_N_ELEMENTS (levels); k++) {
    gint32 n = count_leases (s->w, way->first, levels[k], NULL);
    sum->tier[VFPOOL_RULE_PF_LOAD + k] += choice->policy.placement == VFPOOL_PLACEMENT_PACK
                                              ? PACK_FULL - n
                                              : n + count_given (s, i, way->first, levels[k]);
  }
  sum->tier[VFPOOL_RULE_REMEMBERED] += way->is_remembered;
  for (guint k = 0; k < s->w->lan->len; k++)
    sum->tier[VFPOOL_RULE_ADDRESS] +=
        strcmp (((VfpoolFunction *)s->w->lan->pdata[k])->address, way->first->address) < 0;
}

static VfpoolCost
price_all (const Search *s) {
  VfpoolCost sum = { 0 };

  for (guint i = 0; i < s->w->choices->len; i++)
    add_price (s, i, &sum);
  return sum;
}

static gboolean
may_take (const Search *s, guint i, const Way *way) {
  const VfpoolChoice *choice = choice_at (s->w, i);
  guint others = !way->is_reserved;
  VfpoolLevel level = choice->policy.anti_affinity == VFPOOL_ANTI_AFFINITY_PF ? VFPOOL_LEVEL_PF : VFPOOL_LEVEL_CARD;
  gboolean is_required = choice->policy.anti_affinity == VFPOOL_ANTI_AFFINITY_PF
                         || choice->policy.anti_affinity == VFPOOL_ANTI_AFFINITY_CARD;

  if (!suits_nodes (choice, way->first))
    return FALSE;
  if (is_required && count_leases (s->w, way->first, level, "me") + count_given (s, i, way->first, level))
    return FALSE;
  for (guint k = 0; k < i; k++) {
    if (s->given[k] == way)
      return FALSE;
    others += !s->given[k]->is_reserved;
  }
  return way->is_reserved || others <= s->limit;
}

static void
search (Search *s, guint i) {
  if (i == s->w->choices->len) {
    VfpoolCost cost = price_all (s);
    if (!s->is_possible || vfpool_cost_compare (&cost, &s->best, NULL) < 0)
      s->best = cost;
    s->is_possible = TRUE;
    return;
  }
  for (guint k = 0; k < s->n_ways; k++) {
    if (!may_take (s, i, &s->ways[k]))
      continue;
    s->given[i] = &s->ways[k];
    search (s, i + 1);
  }
}

static gboolean
holds (const World *w, const VfpoolFunction *f) {
  const VfpoolLease *lease = lease_of (w, f);

  return lease && is_mine (lease->guest_id) && lease->state != VFPOOL_LEASE_QUARANTINED;
}

static gboolean
is_isolated (const World *w, const Way *way, const VfpoolFunction *f) {
  for (guint i = 0; i < f->mates->len; i++) {
    const VfpoolFunction *mate = f->mates->pdata[i];
    if (!g_ptr_array_find (way->all, mate, NULL) && !holds (w, mate) && (lease_of (w, mate) || !mate->is_on_vfio))
      return FALSE;
  }
  return TRUE;
}

static gboolean
is_remembered (const World *w, const VfpoolFunction *f) {
  for (guint i = 0; w->pools[0].is_sticky && i < w->assignments->len; i++) {
    const VfpoolAssignment *a = w->assignments->pdata[i];
    guint slot = a->slot[0] == 's' ? (guint)g_ascii_strtoull (a->slot + 1, NULL, 10) : G_MAXUINT;
    if (strcmp (a->address, f->address) == 0 && !(is_mine (a->guest_id) && slot < w->choices->len))
      return TRUE;
  }
  return FALSE;
}

/* The way that begins with @f, if it is one. */
static void
add_way (Search *s, const VfpoolFunction *f) {
  Way *way = &s->ways[s->n_ways];
  gboolean is_good = TRUE;

  *way = (Way){ .first = f, .all = g_ptr_array_new () };
  g_ptr_array_add (way->all, (gpointer)f);
  for (guint i = 0; s->w->pools[0].groups_together && i < f->mates->len; i++) {
    VfpoolFunction *mate = f->mates->pdata[i];
    if (!g_ptr_array_find (s->w->lan, mate, NULL) || holds (s->w, mate))
      continue;
    is_good &= strcmp (f->address, mate->address) < 0; /* else it is the mate's */
    g_ptr_array_add (way->all, mate);
  }
  for (guint i = 0; i < way->all->len; i++) {
    const VfpoolFunction *one = way->all->pdata[i];
    is_good &= !find_fault (s->w, &s->w->pools[0], one) && is_isolated (s->w, way, one);
    way->is_reserved |= reservation_of (&s->w->pools[0], one) != NULL;
    way->is_remembered |= is_remembered (s->w, one);
  }
  if (is_good)
    s->n_ways++;
  else
    g_ptr_array_unref (way->all);
}

static void
search_init (Search *s, const World *w) {
  guint kept = count_kept (w, &w->pools[0]), n = 0, largest = 1;

  *s = (Search){ .w = w };
  for (guint i = 0; i < w->lan->len && s->n_ways < MAX_UNITS; i++)
    add_way (s, w->lan->pdata[i]);
  for (guint i = 0; i < s->n_ways; i++) {
    n += s->ways[i].is_reserved ? 0 : s->ways[i].all->len;
    largest = s->ways[i].is_reserved ? largest : MAX (largest, s->ways[i].all->len);
  }
  s->limit = kept == 0 ? G_MAXUINT : n > kept ? (n - kept) / largest : 0;
}

static void
search_clear (Search *s) {
  for (guint i = 0; i < s->n_ways; i++)
    g_ptr_array_unref (s->ways[i].all);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Search, search_clear)

static const Way *
way_of (const Search *s, const VfpoolFunction *f) {
  for (guint i = 0; i < s->n_ways; i++)
    if (s->ways[i].first == f)
      return &s->ways[i];
  return NULL;
}

static gboolean
is_in_a_way (const Search *s, const VfpoolFunction *f) {
  for (guint i = 0; i < s->n_ways; i++)
    if (g_ptr_array_find (s->ways[i].all, f, NULL))
      return TRUE;
  return FALSE;
}

/* Each verdict that names a rule names the first by which that VF in the chosen one's place makes it worse. */
static char *
check_rules (Search *s, World *w, guint i) {
  g_autoptr (GPtrArray) verdicts = vfpool_choose_explain (&w->situation, w->choices, i);
  const Way *chosen = s->given[i];

  for (guint k = 1; k < verdicts->len; k++) {
    const VfpoolVerdict *verdict = verdicts->pdata[k];
    VfpoolCost cost;
    int tier;

    if (verdict->rule == VFPOOL_RULE_OBSTACLE)
      continue;
    if (!is_in_a_way (s, verdict->function))
      return g_strdup_printf ("slot s%u: %s %s, but it cannot be given", i, verdict->function->address,
                              verdict->reason);
    if (!way_of (s, verdict->function))
      continue;
    s->given[i] = way_of (s, verdict->function);
    cost = price_all (s);
    s->given[i] = chosen;
    if (vfpool_cost_compare (&cost, &s->best, &tier) <= 0 || tier != (int)verdict->rule)
      return g_strdup_printf ("slot s%u: %s %s: said %s, but it is tier %d", i, verdict->function->address,
                              verdict->reason, vfpool_rule_to_string (verdict->rule), tier);
  }
  return NULL;
}

static char *
compare_with_search (Search *s, World *w, const char *got) {
  VfpoolCost cost;
  int tier;

  for (guint i = 0; i < w->choices->len; i++)
    if (!(s->given[i] = way_of (s, choice_at (w, i)->chosen)))
      return g_strdup_printf ("%s is no way: %s", choice_at (w, i)->chosen->address, got);
  cost = price_all (s);
  if (vfpool_cost_compare (&cost, &s->best, &tier) != 0)
    return g_strdup_printf ("%s: %s costs %d, the least is %d", got, vfpool_rule_to_string ((VfpoolRule)tier),
                            cost.tier[tier], s->best.tier[tier]);
  for (guint i = 0; i < w->choices->len; i++) {
    char *problem = check_rules (s, w, i);
    if (problem)
      return problem;
  }
  return NULL;
}

/* Whether slots that would be served together were not: those left over had to wait until neighbours in a group were given. */
static gboolean
is_in_stages (const World *w) {
  guint stage[2] = { 0, 0 };

  for (guint i = 0; i < w->choices->len; i++) {
    const VfpoolChoice *choice = choice_at (w, i);
    guint *known = &stage[choice->slot->all_functions];

    if (choice->slot->address || choice->stage == 0)
      continue;
    if (*known && *known != choice->stage)
      return TRUE;
    *known = choice->stage;
  }
  return FALSE;
}

static char *
try_brute_force (GRand *random) {
  static const Size size = { 4, 2, 3, FALSE, FALSE, FALSE, 2 };
  g_autoptr (World) w = make_world (g_rand_int (random), &size);
  const VfpoolPool *pool = &w->pools[0];
  g_auto (Search) s;
  gboolean ok, fits = !pool->quota || count_of (w, pool, "me") + w->choices->len <= pool->quota;
  g_autofree char *got = world_choose (w, &ok);

  search_init (&s, w);
  search (&s, 0);
  /* What goes together is counted against the quota when it is chosen. */
  if (!ok && s.is_possible && fits && !(pool->quota && pool->groups_together))
    return g_strdup_printf ("refused, but it can be served: %s", got);
  /* The search judges neighbours once, before all. */
  if (ok && is_in_stages (w))
    return NULL;
  if (ok && (!s.is_possible || !fits))
    return g_strdup_printf ("cannot be served, but was: %s", got);
  return ok ? compare_with_search (&s, w, got) : NULL;
}

static void
test_brute_force (void **state) {
  (void)state;
  assert_all_seeds (try_brute_force, 1500);
}

static void
test_small (void **state) {
  (void)state;
  assert_all_seeds (try_small, 600);
}

static void
test_middle (void **state) {
  (void)state;
  assert_all_seeds (try_middle, 20);
}

static void
test_large (void **state) {
  (void)state;
  assert_all_seeds (try_large, 1);
}

int
main (void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test (test_brute_force), cmocka_unit_test (test_small),
                                      cmocka_unit_test (test_middle), cmocka_unit_test (test_large) };

  return cmocka_run_group_tests_name ("choice, random", tests, NULL, NULL);
}
