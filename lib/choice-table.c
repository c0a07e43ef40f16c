/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All of this is made anew for each choice, under the ledger's lock: each candidate, lease and assignment is looked at once, and
 * found again by its address as a number, which is much cheaper than by text.
 */
#include "choice-table.h"
#include "address.h"

#include <string.h>

#define BLOCK 256    /* entries that are allocated at once */
#define FIRST_BITS 8 /* of the first index of entries */

/* ---- Where things hang ---- */

/* The number that stands for @what at @level. */
static int
number_of (VfpoolTable *self, VfpoolLevel level, const char *what) {
  gpointer number = g_hash_table_lookup (self->numbers[level], what);
  const guint none = 0;

  if (!number) {
    g_array_append_val (self->weights[level], none);
    number = GUINT_TO_POINTER (self->weights[level]->len);
    g_hash_table_insert (self->numbers[level], (gpointer)what, number);
  }
  return GPOINTER_TO_INT (number) - 1;
}

static void
set_place (VfpoolTable *self, VfpoolEntry *entry, const VfpoolPlace *place, GHashTable *levels) {
  int *known = place ? g_hash_table_lookup (levels, place) : NULL;

  if (place && !known) {
    known = g_new (int, VFPOOL_N_LEVELS);
    known[VFPOOL_LEVEL_PF] = number_of (self, VFPOOL_LEVEL_PF, place->pf);
    known[VFPOOL_LEVEL_PORT] = number_of (self, VFPOOL_LEVEL_PORT, place->port);
    known[VFPOOL_LEVEL_CARD] = number_of (self, VFPOOL_LEVEL_CARD, place->card);
    known[VFPOOL_LEVEL_LINK] = number_of (self, VFPOOL_LEVEL_LINK, place->link);
    g_hash_table_insert (levels, (gpointer)place, known);
  }
  for (int i = 0; i < VFPOOL_N_LEVELS; i++)
    entry->level[i] = known ? known[i] : -1;
}

/* ---- Entries ---- */

static VfpoolEntry *
entry_at (const VfpoolTable *self, guint i) {
  return (VfpoolEntry *)g_ptr_array_index (self->blocks, i / BLOCK) + i % BLOCK;
}

/* Where @key is, or would be. Addresses differ in few bits, so these are spread over all by a multiplication. */
static VfpoolBucket *
find_bucket (const VfpoolTable *self, guint64 key) {
  guint64 mask = ((guint64)1 << self->bits) - 1, i = key * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) >> (64 - self->bits);

  while (self->buckets[i].entry && self->buckets[i].key != key)
    i = (i + 1) & mask;
  return &self->buckets[i];
}

VfpoolEntry *
vfpool_table_find (const VfpoolTable *self, const char *address) {
  return find_bucket (self, vfpool_address_key (address))->entry;
}

static void
grow (VfpoolTable *self) {
  g_free (self->buckets);
  self->bits++;
  self->buckets = g_new0 (VfpoolBucket, (gsize)1 << self->bits);
  for (guint i = 0; i < self->n_entries; i++) {
    VfpoolEntry *entry = entry_at (self, i);
    *find_bucket (self, entry->key) = (VfpoolBucket){ entry->key, entry };
  }
}

static VfpoolEntry *
add_entry (VfpoolTable *self, const char *address) {
  guint64 key = vfpool_address_key (address);
  VfpoolEntry *entry = find_bucket (self, key)->entry;

  if (entry)
    return entry;
  if (self->n_entries % BLOCK == 0)
    g_ptr_array_add (self->blocks, g_new0 (VfpoolEntry, BLOCK));
  entry = entry_at (self, self->n_entries++);
  entry->key = key;
  memset (entry->level, -1, sizeof entry->level);
  if (self->n_entries >> (self->bits - 1))
    grow (self);
  else
    *find_bucket (self, key) = (VfpoolBucket){ key, entry };
  return entry;
}

static VfpoolEntry *
add_function (VfpoolTable *self, VfpoolFunction *function, GHashTable *levels) {
  VfpoolEntry *entry = add_entry (self, function->address);

  if (entry->function)
    return entry;
  entry->function = function;
  set_place (self, entry, function->place, levels);
  return entry;
}

static void
add_members (VfpoolTable *self, const VfpoolPool *pool, const GPtrArray *members, GHashTable *levels) {
  for (guint i = 0; i < members->len; i++) {
    VfpoolFunction *function = g_ptr_array_index (members, i);
    VfpoolEntry *entry = add_function (self, function, levels);

    if (!entry->pool)
      entry->pool = pool;
    for (guint k = 0; k < function->mates->len; k++)
      add_function (self, g_ptr_array_index (function->mates, k), levels);
  }
}

static int
compare_entries (gconstpointer a, gconstpointer b) {
  guint64 left = (*(VfpoolEntry *const *)a)->key, right = (*(VfpoolEntry *const *)b)->key;

  return (left > right) - (left < right);
}

static void
rank_entries (VfpoolTable *self) {
  g_autoptr (GPtrArray) all = g_ptr_array_sized_new (self->n_entries);
  gboolean is_sorted = TRUE;

  for (guint i = 0; i < self->n_entries; i++) {
    VfpoolEntry *entry = entry_at (self, i);

    if (!entry->pool)
      continue;
    is_sorted = is_sorted && (all->len == 0 || entry->key > ((VfpoolEntry *)all->pdata[all->len - 1])->key);
    g_ptr_array_add (all, entry);
  }
  /* Members mostly come PF by PF as the configuration has them, and so by address. */
  if (!is_sorted)
    g_ptr_array_sort (all, compare_entries);
  for (guint i = 0; i < all->len; i++)
    ((VfpoolEntry *)g_ptr_array_index (all, i))->rank = (gint32)i;
}

static void
add_candidates (VfpoolTable *self, const VfpoolChoice *choice, GHashTable *levels) {
  add_members (self, choice->pool, choice->candidates, levels);
  if (choice->members)
    add_members (self, choice->pool, choice->members, levels);
}

/* Every candidate once; a pool's are the same for all slots that are served from it. */
static void
add_all (VfpoolTable *self) {
  g_autoptr (GHashTable) levels = g_hash_table_new_full (g_direct_hash, g_direct_equal, NULL, g_free);
  g_autoptr (GHashTable) pools = g_hash_table_new (g_direct_hash, g_direct_equal);
  GHashTableIter iter;
  gpointer address, place;

  for (guint i = 0; i < self->choices->len; i++) {
    const VfpoolChoice *choice = &g_array_index (self->choices, VfpoolChoice, i);
    if (choice->slot->address || g_hash_table_add (pools, (gpointer)choice->pool))
      add_candidates (self, choice, levels);
  }
  rank_entries (self);
  if (!self->situation->places)
    return;
  g_hash_table_iter_init (&iter, self->situation->places);
  while (g_hash_table_iter_next (&iter, &address, &place)) {
    VfpoolEntry *entry = add_entry (self, address);
    if (!entry->function)
      set_place (self, entry, place, levels);
  }
}

/* ---- What is said of them ---- */

gboolean
vfpool_table_is_mine (const VfpoolTable *self, VfpoolGuestKind kind, const char *id) {
  return kind == self->situation->request->kind && strcmp (id, self->situation->request->id) == 0;
}

static void
note_leases (VfpoolTable *self) {
  for (guint i = 0; i < self->situation->leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (self->situation->leases, i);
    VfpoolEntry *entry = vfpool_table_find (self, lease->address);

    if (entry)
      entry->lease = lease;
    if (lease->state == VFPOOL_LEASE_QUARANTINED)
      continue;
    for (int level = 0; entry && level < VFPOOL_N_LEVELS; level++)
      if (entry->level[level] >= 0)
        g_array_index (self->weights[level], guint, entry->level[level])++;
    if (vfpool_table_is_mine (self, lease->guest_kind, lease->guest_id))
      g_ptr_array_add (self->mine, (gpointer)lease);
  }
}

static int
find_choice (const VfpoolTable *self, const char *slot) {
  for (guint i = 0; i < self->choices->len; i++)
    if (strcmp (g_array_index (self->choices, VfpoolChoice, i).slot->name, slot) == 0)
      return (int)i;
  return -1;
}

/* What the guest had in a slot that it asks for is that slot's; anything else is somebody's that may come back for it. */
static void
note_assignments (VfpoolTable *self) {
  g_ptr_array_set_size (self->sticky, (int)self->choices->len);
  for (guint i = 0; i < self->situation->assignments->len; i++) {
    const VfpoolAssignment *assignment = g_ptr_array_index (self->situation->assignments, i);
    VfpoolEntry *entry = vfpool_table_find (self, assignment->address);
    gboolean is_mine;
    int own;

    if (!entry || !entry->pool || !entry->pool->is_sticky)
      continue;
    is_mine = vfpool_table_is_mine (self, assignment->guest_kind, assignment->guest_id);
    own = is_mine ? find_choice (self, assignment->slot) : -1;
    if (own >= 0)
      self->sticky->pdata[own] = entry;
    else if (!entry->remembered || entry->remembered->seen < assignment->seen)
      entry->remembered = assignment;
  }
}

static void
note_cordons (VfpoolTable *self) {
  g_autoptr (GHashTable) by_address = g_hash_table_new (g_str_hash, g_str_equal);

  if (self->situation->cordons->len == 0)
    return;
  for (guint i = 0; i < self->situation->cordons->len; i++) {
    VfpoolCordon *cordon = g_ptr_array_index (self->situation->cordons, i);
    g_hash_table_insert (by_address, cordon->address, cordon);
  }
  for (guint i = 0; i < self->n_entries; i++) {
    VfpoolEntry *entry = entry_at (self, i);
    if (!entry->function)
      continue;
    entry->cordon = g_hash_table_lookup (by_address, entry->function->address);
    if (!entry->cordon && entry->function->pf)
      entry->cordon = g_hash_table_lookup (by_address, entry->function->pf);
  }
}

static void
note_reservations (VfpoolTable *self) {
  for (guint i = 0; i < self->choices->len; i++) {
    const VfpoolPool *pool = g_array_index (self->choices, VfpoolChoice, i).pool;

    for (guint k = 0; k < pool->reservations->len; k++) {
      const VfpoolReservation *reservation = g_ptr_array_index (pool->reservations, k);
      VfpoolEntry *entry = reservation->address ? vfpool_table_find (self, reservation->address) : NULL;
      if (entry && entry->pool == pool)
        entry->reservation = reservation;
    }
  }
}

static void
mark_taken (VfpoolTable *self, const VfpoolChoice *choice) {
  VfpoolEntry *entry = vfpool_table_find (self, choice->chosen->address);

  if (entry)
    entry->taken_by = choice;
  for (guint i = 0; choice->with && i < choice->with->len; i++) {
    const VfpoolFunction *function = g_ptr_array_index (choice->with, i);
    vfpool_table_find (self, function->address)->taken_by = choice;
  }
}

VfpoolTable *
vfpool_table_new (const VfpoolSituation *situation, GArray *choices) {
  VfpoolTable *self = g_new0 (VfpoolTable, 1);

  self->situation = situation;
  self->choices = choices;
  self->blocks = g_ptr_array_new_with_free_func (g_free);
  self->bits = FIRST_BITS;
  self->buckets = g_new0 (VfpoolBucket, (gsize)1 << FIRST_BITS);
  self->mine = g_ptr_array_new ();
  self->sticky = g_ptr_array_new ();
  for (int i = 0; i < VFPOOL_N_LEVELS; i++) {
    self->weights[i] = g_array_new (FALSE, FALSE, sizeof (guint));
    self->numbers[i] = g_hash_table_new (g_str_hash, g_str_equal);
  }
  add_all (self);
  note_leases (self);
  note_assignments (self);
  note_cordons (self);
  note_reservations (self);
  for (guint i = 0; i < choices->len; i++) {
    VfpoolChoice *choice = &g_array_index (choices, VfpoolChoice, i);
    if (choice->chosen)
      mark_taken (self, choice);
  }
  return self;
}

void
vfpool_table_free (VfpoolTable *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->blocks);
  g_free (self->buckets);
  g_ptr_array_unref (self->mine);
  g_ptr_array_unref (self->sticky);
  for (int i = 0; i < VFPOOL_N_LEVELS; i++) {
    g_array_unref (self->weights[i]);
    g_hash_table_unref (self->numbers[i]);
  }
  g_free (self);
}

void
vfpool_table_take (VfpoolTable *self, VfpoolChoice *choice, VfpoolFunction *chosen, GPtrArray *with) {
  choice->chosen = chosen;
  choice->with = with ? g_ptr_array_ref (with) : NULL;
  mark_taken (self, choice);
}

/* ---- Counting ---- */

typedef struct {
  int number;
  VfpoolLevel level;
  guint n;
  const char *one;
} Count;

/* Which one is told does not depend on the order of what is looked at. */
static void
count_one (Count *count, const char *address) {
  count->n++;
  if (!count->one || vfpool_address_compare (address, count->one) < 0)
    count->one = address;
}

static void
count_function (const VfpoolTable *self, const VfpoolFunction *function, gboolean only_new, Count *count) {
  const VfpoolEntry *entry = vfpool_table_find (self, function->address);

  if (!entry || entry->level[count->level] != count->number || (only_new && entry->lease))
    return;
  count_one (count, function->address);
}

/* What goes to other slots of this request than @choice's, as far as they are served before or together with it. @pool: (nullable):
 * of that pool only. @only_new: without what the guest holds. @together: whether those of the same stage count. */
static void
count_chosen (const VfpoolTable *self, const VfpoolChoice *choice, const VfpoolPool *pool, gboolean only_new,
              gboolean together, Count *count) {
  guint stage = choice->stage;

  for (guint i = 0; i < self->choices->len; i++) {
    const VfpoolChoice *other = &g_array_index (self->choices, VfpoolChoice, i);
    gboolean is_before = other->stage < stage || other->stage == 0;

    if (other == choice || !other->chosen || (pool && other->pool != pool)
        || (!is_before && !(together && other->stage == stage)))
      continue;
    count_function (self, other->chosen, only_new, count);
    /* One unit costs the network one more, whatever goes with it. */
    for (guint k = 0; is_before && other->with && k < other->with->len; k++)
      count_function (self, g_ptr_array_index (other->with, k), only_new, count);
  }
}

guint
vfpool_table_weight (const VfpoolTable *self, const VfpoolChoice *choice, const VfpoolEntry *entry, VfpoolLevel level) {
  Count count = { .number = entry->level[level], .level = level };

  if (count.number < 0)
    return 0;
  count_chosen (self, choice, NULL, TRUE, choice->policy.placement != VFPOOL_PLACEMENT_PACK, &count);
  return g_array_index (self->weights[level], guint, count.number) + count.n;
}

guint
vfpool_table_mine_at (const VfpoolTable *self, const VfpoolChoice *choice, const VfpoolEntry *entry, VfpoolLevel level,
                      const char **one) {
  Count count = { .number = entry->level[level], .level = level };

  if (count.number < 0)
    return 0;
  for (guint i = 0; i < self->mine->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (self->mine, i);
    const VfpoolEntry *held = vfpool_table_find (self, lease->address);

    /* What goes to a slot of this request is counted with these. */
    if (!held || held->taken_by || held->level[level] != count.number || strcmp (lease->pool, choice->pool->name) != 0)
      continue;
    count_one (&count, lease->address);
  }
  count_chosen (self, choice, choice->pool, FALSE, TRUE, &count);
  if (one)
    *one = count.one;
  return count.n;
}

guint
vfpool_table_count_mine (const VfpoolTable *self, const VfpoolPool *pool) {
  guint n = 0;

  for (guint i = 0; i < self->mine->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (self->mine, i);
    const VfpoolEntry *entry = vfpool_table_find (self, lease->address);
    n += strcmp (lease->pool, pool->name) == 0 && !(entry && entry->taken_by);
  }
  for (guint i = 0; i < self->choices->len; i++) {
    const VfpoolChoice *choice = &g_array_index (self->choices, VfpoolChoice, i);
    if (choice->pool == pool)
      n += 1 + (choice->with ? choice->with->len : 0);
  }
  return n;
}

static guint
count_held (const VfpoolTable *self, const VfpoolPool *pool, const VfpoolReservation *reservation) {
  guint n = 0;

  for (guint i = 0; i < self->situation->leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (self->situation->leases, i);
    n += lease->state != VFPOOL_LEASE_QUARANTINED && lease->guest_kind == reservation->guest_kind
         && strcmp (lease->guest_id, reservation->guest_id) == 0 && strcmp (lease->pool, pool->name) == 0;
  }
  return n;
}

guint
vfpool_table_kept (const VfpoolTable *self, const VfpoolPool *pool, const VfpoolReservation **whom) {
  guint kept = 0;

  for (guint i = 0; i < pool->reservations->len; i++) {
    const VfpoolReservation *reservation = g_ptr_array_index (pool->reservations, i);
    guint held;

    if (reservation->address || vfpool_table_is_mine (self, reservation->guest_kind, reservation->guest_id))
      continue;
    held = count_held (self, pool, reservation);
    if (held >= reservation->count)
      continue;
    kept += reservation->count - held;
    if (whom)
      *whom = reservation;
  }
  return kept;
}

/* ---- Policies ---- */

int
vfpool_choice_numa_rank (const VfpoolChoice *choice, int node) {
  if (choice->policy.numa == VFPOOL_NUMA_IGNORE || !choice->nodes)
    return 0;
  if (node < 0)
    node = choice->only_node;
  if (node < 0)
    return 2;
  if (vfpool_numbers_contain (choice->nodes, (guint)node))
    return 0;
  return choice->sockets && vfpool_numbers_contain (choice->sockets, (guint)node) ? 1 : 3;
}

gboolean
vfpool_choice_numa_allows (const VfpoolChoice *choice, int node) {
  int rank = vfpool_choice_numa_rank (choice, node);

  if (choice->policy.numa == VFPOOL_NUMA_REQUIRED)
    return rank == 0;
  return choice->policy.numa != VFPOOL_NUMA_SOCKET || rank <= 1;
}

VfpoolLevel
vfpool_choice_apart (const VfpoolChoice *choice, gboolean *is_required) {
  int apart = choice->policy.anti_affinity;

  *is_required = apart == VFPOOL_ANTI_AFFINITY_PF || apart == VFPOOL_ANTI_AFFINITY_CARD;
  if (apart == VFPOOL_ANTI_AFFINITY_PF || apart == VFPOOL_ANTI_AFFINITY_PF_PREFERRED)
    return VFPOOL_LEVEL_PF;
  if (apart == VFPOOL_ANTI_AFFINITY_CARD || apart == VFPOOL_ANTI_AFFINITY_CARD_PREFERRED)
    return VFPOOL_LEVEL_CARD;
  return VFPOOL_N_LEVELS;
}
