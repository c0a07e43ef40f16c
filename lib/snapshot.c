/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Only the pools that are asked for are read. */
#include "snapshot.h"

#include <string.h>

void
vfpool_snapshot_clear (VfpoolSnapshot *snapshot) {
  g_clear_pointer (&snapshot->choices, g_array_unref);
  g_clear_pointer (&snapshot->places, g_hash_table_unref);
  g_clear_pointer (&snapshot->sets, g_ptr_array_unref);
  g_clear_pointer (&snapshot->host, vfpool_host_free);
}

static void
clear_choice (gpointer data) {
  g_clear_pointer (&((VfpoolChoice *)data)->candidates, g_ptr_array_unref);
  g_clear_pointer (&((VfpoolChoice *)data)->members, g_ptr_array_unref);
  vfpool_choice_clear (data);
}

VfpoolFunction *
vfpool_snapshot_candidate (const VfpoolChoice *choice, const char *address) {
  for (guint i = 0; i < choice->candidates->len; i++) {
    VfpoolFunction *f = g_ptr_array_index (choice->candidates, i);
    if (strcmp (f->address, address) == 0)
      return f;
  }
  return NULL;
}

/* ---- Candidates ---- */

/* Adds what would be leased together with the only candidate. */
static void
add_group (VfpoolSnapshot *s, const VfpoolPool *pool, GPtrArray *candidates) {
  VfpoolFunction *function = g_ptr_array_index (candidates, 0);

  vfpool_host_load_group (s->host, function);
  for (guint i = 0; i < function->mates->len; i++)
    if (vfpool_host_pool_has (pool, g_ptr_array_index (function->mates, i)))
      g_ptr_array_add (candidates, g_ptr_array_index (function->mates, i));
}

static GPtrArray *
load_all (VfpoolSnapshot *s, GPtrArray *functions) {
  for (guint i = 0; i < functions->len; i++) {
    VfpoolFunction *f = g_ptr_array_index (functions, i);
    vfpool_host_load_group (s->host, f);
    vfpool_host_load_use (s->host, f);
    vfpool_host_load_place (s->host, f);
  }
  return functions;
}

static GPtrArray *
find_candidates (VfpoolSnapshot *s, const VfpoolSlot *slot, const VfpoolPool *pool) {
  GPtrArray *candidates;

  if (slot->pool) {
    candidates = vfpool_host_members (s->host, pool);
  } else {
    candidates = g_ptr_array_new ();
    g_ptr_array_add (candidates, vfpool_host_function (s->host, slot->address));
    if (pool->groups_together)
      add_group (s, pool, candidates);
  }
  return load_all (s, candidates);
}

/* What else is in the pool matters to who asks for an address only where enough must be left for others. */
static GPtrArray *
find_members (VfpoolSnapshot *s, const VfpoolSlot *slot, const VfpoolPool *pool) {
  gboolean keeps_number = FALSE;

  for (guint i = 0; i < pool->reservations->len; i++)
    keeps_number |= ((const VfpoolReservation *)g_ptr_array_index (pool->reservations, i))->address == NULL;
  return slot->address && keeps_number ? load_all (s, vfpool_host_members (s->host, pool)) : NULL;
}

/* The VFs of a candidate's PF that lie in other pools, or in none, weigh on it like the pool's own. */
static void
add_places (VfpoolSnapshot *s, const GPtrArray *candidates, GHashTable *pfs) {
  for (guint i = 0; i < candidates->len; i++) {
    const VfpoolFunction *f = g_ptr_array_index (candidates, i);
    g_auto (GStrv) vfs = NULL;

    if (!f->pf || !g_hash_table_add (pfs, (gpointer)f->place))
      continue;
    vfs = vfpool_host_vf_addresses (s->host, f->pf);
    for (char **vf = vfs; *vf; vf++)
      g_hash_table_insert (s->places, g_strdup (*vf), (gpointer)f->place);
  }
}

/* ---- Pools ---- */

/* The pool that serves @slot. NULL without an error: it is an address outside all pools, none of vfpool's business. */
static const VfpoolPool *
find_pool (VfpoolSnapshot *s, const VfpoolConfig *config, const VfpoolSlot *slot, GError **error) {
  const VfpoolFunction *function;
  const char *name;

  if (slot->pool) {
    const VfpoolPool *pool = vfpool_config_find_pool (config, slot->pool);
    if (!pool)
      g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
                   "slot %s asks for pool '%s', which is not configured on this host: see /etc/vfpool/vfpool.conf",
                   slot->name, slot->pool);
    return pool;
  }
  function = vfpool_host_function (s->host, slot->address);
  name = function ? vfpool_host_pool_of (config, function) : NULL;
  return name ? vfpool_config_find_pool (config, name) : NULL;
}

/* ---- Nodes ---- */

static const VfpoolNumbers *
keep_set (VfpoolSnapshot *s, VfpoolNumbers *set) {
  if (set)
    g_ptr_array_add (s->sets, set);
  return set;
}

/* The nodes that the guest itself names, or NULL. */
static const VfpoolNumbers *
find_nodes (VfpoolSnapshot *s, const VfpoolRequest *request) {
  if (request->nodes)
    return request->nodes;
  return request->cpus ? keep_set (s, vfpool_host_nodes_of_cpus (s->host, request->cpus)) : NULL;
}

/* A slot like another one of the same pool: what is the same shall be the same set, too. */
static const VfpoolChoice *
find_like (const VfpoolSnapshot *s, const VfpoolPool *pool) {
  for (guint i = 0; i < s->choices->len; i++) {
    const VfpoolChoice *other = &g_array_index (s->choices, VfpoolChoice, i);
    if (other->pool == pool)
      return other;
  }
  return NULL;
}

static void
set_policy (VfpoolSnapshot *s, VfpoolChoice *choice, const VfpoolRequest *request, const VfpoolNumbers *nodes) {
  const VfpoolChoice *like = find_like (s, choice->pool);

  choice->policy = vfpool_policy_over (&request->policy, &choice->pool->policy);
  choice->policy = vfpool_policy_over (&choice->slot->policy, &choice->policy);
  choice->only_node = vfpool_host_only_node (s->host);
  if (like) {
    choice->nodes = like->nodes;
    choice->sockets = like->sockets;
    return;
  }
  choice->nodes = nodes ? nodes : choice->pool->numa_nodes;
  if (choice->nodes)
    choice->sockets = keep_set (s, vfpool_host_socket_of_nodes (s->host, choice->nodes));
}

gboolean
vfpool_snapshot_take (VfpoolSnapshot *snapshot, Vfpool *self, const VfpoolRequest *request, GError **error) {
  g_autoptr (GHashTable) pfs = g_hash_table_new (g_direct_hash, g_direct_equal);
  const VfpoolNumbers *nodes;

  snapshot->host = vfpool_host_new (self->root);
  snapshot->choices = g_array_new (FALSE, TRUE, sizeof (VfpoolChoice));
  g_array_set_clear_func (snapshot->choices, clear_choice);
  snapshot->places = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  snapshot->sets = g_ptr_array_new_with_free_func ((GDestroyNotify)vfpool_numbers_free);
  nodes = find_nodes (snapshot, request);
  for (guint i = 0; i < request->slots->len; i++) {
    const VfpoolSlot *slot = g_ptr_array_index (request->slots, i);
    GError *local = NULL;
    VfpoolChoice choice = { .slot = slot, .pool = find_pool (snapshot, self->config, slot, &local) };

    if (local) {
      g_propagate_error (error, local);
      return FALSE;
    }
    if (!choice.pool)
      continue;
    choice.candidates = find_candidates (snapshot, slot, choice.pool);
    choice.members = find_members (snapshot, slot, choice.pool);
    add_places (snapshot, choice.candidates, pfs);
    set_policy (snapshot, &choice, request, nodes);
    g_array_append_val (snapshot->choices, choice);
  }
  return TRUE;
}
