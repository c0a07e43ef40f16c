/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VF is refused for a reason that can be told, and the first reason that an operator would want to hear comes first: who has
 * it, then what the operator decided about it, then what the host does with it, then what is wrong with its place in the
 * machine, then that it does not suit the guest.
 *
 * The IOMMU group is the unit of isolation: a device that the guest does not control but that shares the group can
 * reach, and be reached by, the guest's memory accesses. So all of a group must be bridges, on vfio, or the same
 * guest's.
 *
 * Choosing is done under the ledger's lock, so reasons are put into words only when they are asked for: on a host with many VFs
 * most of them are somebody's.
 */
#include "choice-table.h"

#include <string.h>

static gboolean
contains (GPtrArray *functions, const VfpoolFunction *function) {
  return functions && g_ptr_array_find (functions, function, NULL);
}

/* ---- What goes together ---- */

/* Whether both are functions of one device. VFs are devices of their own, whatever numbers they have. */
static gboolean
is_same_device (const VfpoolFunction *a, const VfpoolFunction *b) {
  const char *dot = strchr (a->address, '.');

  return !a->pf && !b->pf && dot && strncmp (a->address, b->address, (size_t)(dot - a->address) + 1) == 0;
}

gboolean
vfpool_choice_is_together (const VfpoolChoice *choice, const VfpoolFunction *function, const VfpoolFunction *other) {
  return function != other
         && ((choice->pool->groups_together && function->iommu_group >= 0
              && function->iommu_group == other->iommu_group)
             || (choice->slot->all_functions && is_same_device (function, other)));
}

/* Adds @other, unless it is the guest's already: then it stays as it is. */
static void
add_companion (const VfpoolTable *table, const VfpoolChoice *choice, VfpoolFunction *other, GPtrArray **with) {
  const VfpoolEntry *known = vfpool_table_find (table, other->address);

  if (known->pool != choice->pool
      || (known->lease && known->lease->state != VFPOOL_LEASE_QUARANTINED
          && vfpool_table_is_mine (table, known->lease->guest_kind, known->lease->guest_id)))
    return;
  if (!*with)
    *with = g_ptr_array_new ();
  if (!contains (*with, other))
    g_ptr_array_add (*with, other);
}

/* What has to be leased together with @entry, or NULL: nothing. */
static GPtrArray *
find_companions (const VfpoolTable *table, const VfpoolChoice *choice, const VfpoolEntry *entry) {
  VfpoolFunction *f = entry->function;
  GPtrArray *with = NULL;

  for (guint i = 0; choice->pool->groups_together && i < f->mates->len; i++)
    add_companion (table, choice, g_ptr_array_index (f->mates, i), &with);
  for (guint i = 0; choice->slot->all_functions && !f->pf && i < choice->candidates->len; i++) {
    VfpoolFunction *other = g_ptr_array_index (choice->candidates, i);
    if (vfpool_choice_is_together (choice, f, other))
      add_companion (table, choice, other, &with);
  }
  return with;
}

static const VfpoolEntry *
entry_of (const VfpoolTable *table, gconstpointer function) {
  return vfpool_table_find (table, ((const VfpoolFunction *)function)->address);
}

static int
compare_ranks (gconstpointer a, gconstpointer b, gpointer table) {
  return entry_of (table, *(void *const *)a)->rank - entry_of (table, *(void *const *)b)->rank;
}

void
vfpool_unit_init (VfpoolUnit *self, const VfpoolTable *table, const VfpoolChoice *choice, VfpoolEntry *entry) {
  self->first = entry;
  self->with = find_companions (table, choice, entry);
  if (self->with)
    g_ptr_array_sort_with_data (self->with, compare_ranks, (gpointer)table);
}

void
vfpool_unit_order (VfpoolUnit *self, const VfpoolTable *table) {
  VfpoolEntry *entry = self->first;

  if (!self->with || entry_of (table, self->with->pdata[0])->rank > entry->rank)
    return;
  self->first = vfpool_table_find (table, ((VfpoolFunction *)self->with->pdata[0])->address);
  self->with->pdata[0] = entry->function;
  g_ptr_array_sort_with_data (self->with, compare_ranks, (gpointer)table);
}

void
vfpool_unit_clear (VfpoolUnit *self) {
  g_clear_pointer (&self->with, g_ptr_array_unref);
}

gboolean
vfpool_unit_contains (const VfpoolUnit *self, const VfpoolEntry *entry) {
  return entry && (self->first == entry || contains (self->with, entry->function));
}

gboolean
vfpool_unit_is_reserved (const VfpoolUnit *self, const VfpoolTable *table) {
  gboolean is_reserved = self->first->reservation != NULL;

  for (guint i = 0; self->with && i < self->with->len; i++)
    is_reserved |= entry_of (table, self->with->pdata[i])->reservation != NULL;
  return is_reserved;
}

gboolean
vfpool_unit_is_remembered (const VfpoolUnit *self, const VfpoolTable *table, const VfpoolAssignment **whose) {
  const VfpoolAssignment *found = self->first->remembered;

  for (guint i = 0; !found && self->with && i < self->with->len; i++)
    found = entry_of (table, self->with->pdata[i])->remembered;
  if (whose)
    *whose = found;
  return found != NULL;
}

/* ---- Finding ---- */

/* Whether @mate, in the same group, stands in the way. */
static gboolean
mate_forbids (const VfpoolTable *table, const VfpoolChoice *choice, const VfpoolFunction *mate,
              const VfpoolEntry *entry, GPtrArray *with) {
  const VfpoolEntry *known = vfpool_table_find (table, mate->address);

  if (mate->is_bridge || mate == entry->function || contains (with, mate))
    return FALSE;
  if (known->taken_by && known->taken_by->stage < choice->stage)
    return FALSE;
  if (!known->lease)
    return !mate->is_on_vfio;
  return known->lease->state == VFPOOL_LEASE_QUARANTINED
         || !vfpool_table_is_mine (table, known->lease->guest_kind, known->lease->guest_id);
}

static gboolean
is_kept_for_another (const VfpoolTable *table, const VfpoolEntry *entry) {
  return entry->reservation
         && !vfpool_table_is_mine (table, entry->reservation->guest_kind, entry->reservation->guest_id);
}

/* Of one function, whatever goes with it. */
static gboolean
find_own (const VfpoolTable *table, const VfpoolChoice *choice, const VfpoolEntry *entry, VfpoolObstacle *obstacle) {
  const VfpoolFunction *f = entry->function;

  obstacle->function = f;
  if (entry->lease)
    obstacle->kind = VFPOOL_OBSTACLE_LEASED;
  else if (entry->taken_by && entry->taken_by != choice)
    obstacle->kind = VFPOOL_OBSTACLE_TAKEN;
  else if (entry->pool != choice->pool)
    obstacle->kind = VFPOOL_OBSTACLE_OTHER_POOL;
  else if (entry->cordon)
    obstacle->kind = VFPOOL_OBSTACLE_CORDONED;
  else if (is_kept_for_another (table, entry))
    obstacle->kind = VFPOOL_OBSTACLE_RESERVED;
  else if (f->held_by)
    obstacle->kind = VFPOOL_OBSTACLE_OPEN;
  else if (f->host_use)
    obstacle->kind = VFPOOL_OBSTACLE_HOST;
  else if (f->numvfs > 0)
    obstacle->kind = VFPOOL_OBSTACLE_HAS_VFS;
  else if (f->is_bridge)
    obstacle->kind = VFPOOL_OBSTACLE_BRIDGE;
  else if (f->iommu_group < 0)
    obstacle->kind = VFPOOL_OBSTACLE_NO_GROUP;
  else
    return FALSE;
  return TRUE;
}

static gboolean
find_in_group (const VfpoolTable *table, const VfpoolChoice *choice, const VfpoolEntry *entry,
               const VfpoolFunction *function, GPtrArray *with, VfpoolObstacle *obstacle) {
  for (guint i = 0; i < function->mates->len; i++) {
    obstacle->mate = g_ptr_array_index (function->mates, i);
    if (!mate_forbids (table, choice, obstacle->mate, entry, with))
      continue;
    obstacle->kind = VFPOOL_OBSTACLE_MATE;
    obstacle->function = function;
    return TRUE;
  }
  return FALSE;
}

/* Who asks for an address has thought of where it is. */
static gboolean
find_by_policy (const VfpoolTable *table, const VfpoolChoice *choice, const VfpoolEntry *entry,
                VfpoolObstacle *obstacle) {
  gboolean is_required;
  VfpoolLevel apart = vfpool_choice_apart (choice, &is_required);

  obstacle->function = entry->function;
  obstacle->kind = VFPOOL_OBSTACLE_NUMA;
  if (choice->slot->address)
    return FALSE;
  if (!vfpool_choice_numa_allows (choice, entry->function->numa_node))
    return TRUE;
  obstacle->kind = VFPOOL_OBSTACLE_APART;
  return is_required && vfpool_table_mine_at (table, choice, entry, apart, NULL) > 0;
}

gboolean
vfpool_obstacle_find_but_policy (const VfpoolTable *table, const VfpoolChoice *choice, const VfpoolEntry *entry,
                                 GPtrArray *with, VfpoolObstacle *obstacle) {
  if (find_own (table, choice, entry, obstacle))
    return TRUE;
  for (guint i = 0; with && i < with->len; i++) {
    const VfpoolFunction *function = g_ptr_array_index (with, i);
    if (find_own (table, choice, vfpool_table_find (table, function->address), obstacle))
      return TRUE;
  }
  if (find_in_group (table, choice, entry, entry->function, with, obstacle))
    return TRUE;
  for (guint i = 0; with && i < with->len; i++)
    if (find_in_group (table, choice, entry, g_ptr_array_index (with, i), with, obstacle))
      return TRUE;
  return FALSE;
}

gboolean
vfpool_obstacle_find (const VfpoolTable *table, const VfpoolChoice *choice, const VfpoolEntry *entry, GPtrArray *with,
                      VfpoolObstacle *obstacle) {
  return vfpool_obstacle_find_but_policy (table, choice, entry, with, obstacle)
         || find_by_policy (table, choice, entry, obstacle);
}

/* ---- In words ---- */

static char *
describe_lease (const VfpoolLease *lease) {
  g_autofree char *guest = vfpool_guest_describe (lease->guest_kind, lease->guest_id, lease->guest_name);

  if (lease->state == VFPOOL_LEASE_QUARANTINED)
    return g_strdup_printf ("is quarantined (%s)", lease->reason ? lease->reason : "no reason was recorded");
  return g_strdup_printf ("is held by %s, slot %s", guest, lease->slot);
}

static char *
describe_mate (const VfpoolTable *table, const VfpoolObstacle *obstacle) {
  const VfpoolFunction *mate = obstacle->mate;
  const VfpoolEntry *known = vfpool_table_find (table, mate->address);
  int group = obstacle->function->iommu_group;
  g_autofree char *held = NULL;

  if (!known->lease)
    return g_strdup_printf ("shares IOMMU group %d with %s (driver %s): its port does not isolate them (no ACS)", group,
                            mate->address, mate->driver ? mate->driver : "none");
  held = describe_lease (known->lease);
  return g_strdup_printf ("shares IOMMU group %d with %s, which %s", group, mate->address, held);
}

static char *
describe_cordon (const VfpoolCordon *cordon, const VfpoolFunction *function) {
  g_autofree char *whose = strcmp (cordon->address, function->address) == 0
                               ? g_strdup ("is cordoned")
                               : g_strdup_printf ("is of the PF %s, which is cordoned", cordon->address);

  return cordon->reason && *cordon->reason ? g_strdup_printf ("%s (%s)", whose, cordon->reason)
                                           : g_steal_pointer (&whose);
}

static char *
describe_numa (const VfpoolChoice *choice, int node) {
  gboolean is_socket = choice->policy.numa == VFPOOL_NUMA_SOCKET;
  g_autofree char *nodes = vfpool_numbers_to_string (choice->nodes);
  g_autofree char *wanted =
      g_strdup_printf ("the guest needs %s%s (numa=%s)", is_socket ? "the socket of node " : "node ", nodes,
                       is_socket ? "socket" : "required");

  if (node < 0)
    return g_strdup_printf ("is on no known NUMA node, and %s", wanted);
  return g_strdup_printf ("is on NUMA node %d, and %s", node, wanted);
}

static char *
describe_apart (const VfpoolTable *table, const VfpoolChoice *choice, const VfpoolEntry *entry) {
  gboolean is_required;
  VfpoolLevel apart = vfpool_choice_apart (choice, &is_required);
  const VfpoolPlace *place = entry->function->place;
  const char *one = "another VF";

  vfpool_table_mine_at (table, choice, entry, apart, &one);
  return g_strdup_printf ("is of the %s %s, of which this guest has %s (anti-affinity=%s)",
                          apart == VFPOOL_LEVEL_PF ? "PF" : "card", apart == VFPOOL_LEVEL_PF ? place->pf : place->card,
                          one, vfpool_policy_get (&choice->policy, "anti-affinity"));
}

static char *
describe (const VfpoolTable *table, const VfpoolChoice *choice, const VfpoolEntry *entry,
          const VfpoolObstacle *obstacle) {
  const VfpoolFunction *f = obstacle->function;
  const VfpoolEntry *of = vfpool_table_find (table, f->address);
  g_autofree char *guest = NULL;

  switch (obstacle->kind) {
  case VFPOOL_OBSTACLE_LEASED:
    return describe_lease (of->lease);
  case VFPOOL_OBSTACLE_TAKEN:
    return g_strdup_printf ("goes to another slot of this guest, %s", of->taken_by->slot->name);
  case VFPOOL_OBSTACLE_OTHER_POOL:
    return g_strdup_printf ("lies in the pool '%s', too", of->pool ? of->pool->name : "?");
  case VFPOOL_OBSTACLE_CORDONED:
    return describe_cordon (of->cordon, f);
  case VFPOOL_OBSTACLE_RESERVED:
    guest = vfpool_guest_describe (of->reservation->guest_kind, of->reservation->guest_id, NULL);
    return g_strdup_printf ("is reserved for %s", guest);
  case VFPOOL_OBSTACLE_OPEN:
    return g_strdup_printf ("is in use: IOMMU group %d is held open by %s", f->iommu_group, f->held_by);
  case VFPOOL_OBSTACLE_HOST:
    return g_strdup_printf ("is used by the host: %s", f->host_use);
  case VFPOOL_OBSTACLE_HAS_VFS:
    return g_strdup_printf ("has %d VFs of its own", f->numvfs);
  case VFPOOL_OBSTACLE_BRIDGE:
    return g_strdup ("is a bridge");
  case VFPOOL_OBSTACLE_NO_GROUP:
    return g_strdup ("has no IOMMU group: switch on the IOMMU in the firmware and on the kernel's command line");
  case VFPOOL_OBSTACLE_MATE:
    return describe_mate (table, obstacle);
  case VFPOOL_OBSTACLE_NUMA:
    return describe_numa (choice, f->numa_node);
  case VFPOOL_OBSTACLE_APART:
    return describe_apart (table, choice, entry);
  }
  return NULL;
}

char *
vfpool_obstacle_describe (const VfpoolTable *table, const VfpoolChoice *choice, const VfpoolEntry *entry,
                          const VfpoolObstacle *obstacle) {
  g_autofree char *what = describe (table, choice, entry, obstacle);

  if (obstacle->function == entry->function)
    return g_steal_pointer (&what);
  return g_strdup_printf ("can only be given together with %s, which %s", obstacle->function->address, what);
}

char *
vfpool_why_not_viable (const VfpoolFunction *function, const VfpoolPool *pool) {
  g_autoptr (VfpoolRequest) nobody = vfpool_request_new (VFPOOL_GUEST_MANUAL, "nobody", NULL, NULL);
  g_autoptr (GPtrArray) none = g_ptr_array_new (), candidates = g_ptr_array_new ();
  g_autoptr (GArray) choices = g_array_new (FALSE, TRUE, sizeof (VfpoolChoice));
  const VfpoolSituation situation = { nobody, none, none, none, NULL };
  const VfpoolSlot slot = { .address = function->address };
  VfpoolChoice choice = { .slot = &slot, .pool = pool, .candidates = candidates }, *asker;
  g_autoptr (VfpoolTable) table = NULL;
  g_auto (VfpoolUnit) unit = { NULL, NULL };
  VfpoolEntry *entry;
  VfpoolObstacle obstacle;

  g_ptr_array_add (candidates, (gpointer)function);
  for (guint i = 0; pool->groups_together && i < function->mates->len; i++) {
    VfpoolFunction *mate = g_ptr_array_index (function->mates, i);
    if (mate->mates && vfpool_host_pool_has (pool, mate))
      g_ptr_array_add (candidates, mate);
  }
  g_array_append_val (choices, choice);
  table = vfpool_table_new (&situation, choices);
  entry = vfpool_table_find (table, function->address);
  asker = &g_array_index (choices, VfpoolChoice, 0);
  vfpool_unit_init (&unit, table, asker, entry);
  if (!vfpool_obstacle_find (table, asker, entry, unit.with, &obstacle) || obstacle.kind == VFPOOL_OBSTACLE_RESERVED)
    return NULL;
  return vfpool_obstacle_describe (table, asker, entry, &obstacle);
}
