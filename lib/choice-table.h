/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the choice looks things up in: one entry for each function that is a candidate, a neighbour in its IOMMU group, or weighs
 * on the same PF, with all that leases, assignments, cordons and reservations say of it. Used by the choice only.
 */
#pragma once

#include "choice.h"

/* How far out two functions have something in common. */
typedef enum {
  VFPOOL_LEVEL_PF,
  VFPOOL_LEVEL_PORT,
  VFPOOL_LEVEL_CARD,
  VFPOOL_LEVEL_LINK,
  VFPOOL_N_LEVELS,
} VfpoolLevel;

typedef struct {
  guint64 key;                          /* its address as a number: entries are ordered by it */
  VfpoolFunction *function;             /* NULL: known only because it weighs */
  const VfpoolPool *pool;               /* whose candidate it is, or NULL */
  int level[VFPOOL_N_LEVELS];           /* numbers of what it hangs on; all -1: not known */
  const VfpoolLease *lease;             /* or NULL */
  const VfpoolAssignment *remembered;   /* the last other guest, or other slot, that had it, or NULL */
  const VfpoolCordon *cordon;           /* its own or its PF's, or NULL */
  const VfpoolReservation *reservation; /* or NULL */
  const VfpoolChoice *taken_by;         /* whose slot it goes to in this request, or NULL */
  gint32 rank;                          /* among the candidates, by address */
} VfpoolEntry;

/* Entries by their keys: open addressing, at most half full. */
typedef struct {
  guint64 key;
  VfpoolEntry *entry; /* NULL: nothing is here */
} VfpoolBucket;

typedef struct {
  const VfpoolSituation *situation;
  GArray *choices;
  GPtrArray *blocks; /* of arrays of VfpoolEntry: all entries, where they stay */
  guint n_entries;
  VfpoolBucket *buckets;
  guint bits;                           /* there are 2 to the power of it */
  GPtrArray *mine;                      /* of VfpoolLease: the guest's own, quarantined ones left out */
  GPtrArray *sticky;                    /* by choice: the VfpoolEntry that the guest had in that slot, or NULL */
  GArray *weights[VFPOOL_N_LEVELS];     /* of guint, by number: how many VFs are handed out there */
  GHashTable *numbers[VFPOOL_N_LEVELS]; /* what hangs there -> its number */
} VfpoolTable;

VfpoolTable *vfpool_table_new (const VfpoolSituation *situation, GArray *choices);
void vfpool_table_free (VfpoolTable *self);

/* The entry of the function at @address, or NULL. */
VfpoolEntry *vfpool_table_find (const VfpoolTable *self, const char *address);
/* What @choice serves is @functions, besides what is noted of others. */
void vfpool_table_take (VfpoolTable *self, VfpoolChoice *choice, VfpoolFunction *chosen, GPtrArray *with);

/* How many VFs are handed out where @entry hangs, as @choice's slot sees it: with what slots before it got; and, where VFs are
 * spread, with one for each slot that is served together with it. (That packed VFs draw others of the same request after them
 * would be a cost that falls with each unit.) */
guint vfpool_table_weight (const VfpoolTable *self, const VfpoolChoice *choice, const VfpoolEntry *entry,
                           VfpoolLevel level);
/* How many VFs of @choice's pool the guest has there, in other slots than @choice's; counted likewise, whether VFs are spread or
 * packed. @one: (out) (nullable): one of them. */
guint vfpool_table_mine_at (const VfpoolTable *self, const VfpoolChoice *choice, const VfpoolEntry *entry,
                            VfpoolLevel level, const char **one);

/* How many VFs of @pool the guest would have with all slots served. */
guint vfpool_table_count_mine (const VfpoolTable *self, const VfpoolPool *pool);
/* Whether the guest that asks is the one of @kind and @id. */
gboolean vfpool_table_is_mine (const VfpoolTable *self, VfpoolGuestKind kind, const char *id);
/* How many free VFs of @pool are kept for other guests by number. @whom: (out) (nullable): one of these. */
guint vfpool_table_kept (const VfpoolTable *self, const VfpoolPool *pool, const VfpoolReservation **whom);

/* 0: on one of the guest's nodes, or it does not matter; 1: on their socket; 2: unknown; 3: elsewhere. */
int vfpool_choice_numa_rank (const VfpoolChoice *choice, int node);
/* Whether @choice's policy lets it be on @node. */
gboolean vfpool_choice_numa_allows (const VfpoolChoice *choice, int node);
/* The level that VFs of one guest must (or, preferred, should) not have in common; VFPOOL_N_LEVELS: none. */
VfpoolLevel vfpool_choice_apart (const VfpoolChoice *choice, gboolean *is_required);

/* ---- Obstacles (choice-obstacle.c) ---- */

typedef struct {
  enum {
    VFPOOL_OBSTACLE_LEASED,
    VFPOOL_OBSTACLE_TAKEN,
    VFPOOL_OBSTACLE_OTHER_POOL,
    VFPOOL_OBSTACLE_CORDONED,
    VFPOOL_OBSTACLE_RESERVED,
    VFPOOL_OBSTACLE_OPEN,
    VFPOOL_OBSTACLE_HOST,
    VFPOOL_OBSTACLE_HAS_VFS,
    VFPOOL_OBSTACLE_BRIDGE,
    VFPOOL_OBSTACLE_NO_GROUP,
    VFPOOL_OBSTACLE_MATE,
    VFPOOL_OBSTACLE_NUMA,
    VFPOOL_OBSTACLE_APART,
  } kind;
  const VfpoolFunction *function; /* of which it is one: the candidate or one that goes with it */
  const VfpoolFunction *mate;     /* who stands in the way in its group */
} VfpoolObstacle;

/* What is handed out as one: a VF and what goes with it. */
typedef struct {
  VfpoolEntry *first; /* who is leased for the slot */
  GPtrArray *with;    /* of VfpoolFunction, by address; or NULL */
} VfpoolUnit;

/* The unit that @entry would be given in, first; vfpool_unit_clear(). */
void vfpool_unit_init (VfpoolUnit *self, const VfpoolTable *table, const VfpoolChoice *choice, VfpoolEntry *entry);
void vfpool_unit_clear (VfpoolUnit *self);
/* Makes the one with the lowest address the first: a unit is then the same by whichever of it it was found. */
void vfpool_unit_order (VfpoolUnit *self, const VfpoolTable *table);
gboolean vfpool_unit_contains (const VfpoolUnit *self, const VfpoolEntry *entry);
/* Whether any of it is kept for a guest by address; is what another guest, or another slot, had (@whose: (out) (nullable)). */
gboolean vfpool_unit_is_reserved (const VfpoolUnit *self, const VfpoolTable *table);
gboolean vfpool_unit_is_remembered (const VfpoolUnit *self, const VfpoolTable *table, const VfpoolAssignment **whose);

/* Whether @entry, with @with (nullable), cannot be given to @choice's slot. @obstacle: (out): the first reason. */
gboolean vfpool_obstacle_find (const VfpoolTable *table, const VfpoolChoice *choice, const VfpoolEntry *entry,
                               GPtrArray *with, VfpoolObstacle *obstacle);
/* Likewise, but for what does not suit the guest by its NUMA nodes and anti-affinity. */
gboolean vfpool_obstacle_find_but_policy (const VfpoolTable *table, const VfpoolChoice *choice,
                                          const VfpoolEntry *entry, GPtrArray *with, VfpoolObstacle *obstacle);
/* The reason in words, as the end of a sentence that begins with @entry's address, for g_free(). */
char *vfpool_obstacle_describe (const VfpoolTable *table, const VfpoolChoice *choice, const VfpoolEntry *entry,
                                const VfpoolObstacle *obstacle);

/* ---- Explaining (choice-explain.c) ---- */

/* As vfpool_choose_explain(), of a table that has all that was chosen so far; the first @at_most verdicts. */
GPtrArray *vfpool_table_explain (VfpoolTable *table, guint i, guint at_most);

/* ---- Serving (choice-round.c) ---- */

#define VFPOOL_ROUND_MAX 64 /* slots that can be served in one round: kinds of slots are bits */

/* Serves @choices (of VfpoolChoice, by pool, at most VFPOOL_ROUND_MAX), the first ones first. Returns: how many could be served: these
 * are; with one more, not all could be, whatever the others got. */
int vfpool_choose_round (VfpoolTable *table, GPtrArray *choices);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VfpoolTable, vfpool_table_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VfpoolUnit, vfpool_unit_clear)
