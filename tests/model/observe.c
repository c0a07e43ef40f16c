/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger's rows as the model writes leases, so that both can be compared field by field. */
#include "model.h"

#include <stdio.h>
#include <string.h>

#define NO_GUEST (-2)

static int
guest_of (const VfpoolLease *row) {
  if (row->guest_kind == VFPOOL_GUEST_MANUAL && strcmp (row->guest_id, UP_NAME) == 0)
    return GUEST_UP;
  for (int g = 0; g < N_GUESTS; g++)
    if (guest_places[g].kind == row->guest_kind && strcmp (guest_places[g].id, row->guest_id) == 0)
      return g;
  return NO_GUEST;
}

static gboolean
read_lease (const Model *seen, const VfpoolLease *row, Lease *lease) {
  *lease = (Lease){ .guest = guest_of (row),
                    .state = row->state,
                    .by_pool = row->by_pool,
                    .vlan = row->vlan,
                    .has_saved = row->has_saved,
                    .has_saved_net = *row->saved.mac != '\0',
                    .saved = row->saved,
                    .serial = row->serial,
                    .since = row->since_boot,
                    .worker = seen->hanging && row->worker_pid == seen->hanging ? seen->hanging : 0 };
  g_strlcpy (lease->slot, row->slot, NAME_SIZE);
  g_strlcpy (lease->pool, row->pool, NAME_SIZE);
  g_strlcpy (lease->mac, row->mac ? row->mac : "", sizeof lease->mac);
  return lease->guest != NO_GUEST && sscanf (row->boot_id, "boot-%d", &lease->boot) == 1
         && (row->state == VFPOOL_LEASE_QUARANTINED) == (row->reason && *row->reason);
}

static gboolean
observe_leases (Model *seen, GString *problems) {
  g_autoptr (GPtrArray) rows = read_leases ();
  gboolean is_good = rows != NULL;

  memset (seen->is_leased, 0, sizeof seen->is_leased);
  for (guint i = 0; rows && i < rows->len; i++) {
    const VfpoolLease *row = rows->pdata[i];
    int f = find_function (row->address);

    if (f < 0 || seen->is_leased[f] || !read_lease (seen, row, &seen->leases[f])) {
      g_string_append_printf (problems, "the lease of %s for %s makes no sense\n", row->address, row->guest_id);
      is_good = FALSE;
      continue;
    }
    seen->is_leased[f] = TRUE;
  }
  return is_good;
}

static int
find_pool (const char *name) {
  for (int pool = 0; pool < N_POOLS; pool++)
    if (strcmp (pool_names[pool], name) == 0)
      return pool;
  return NO_POOL;
}

/* @name: "POOL ADDRESS", or "POOL ". */
static gboolean
read_member (Members *members, const char *name) {
  g_auto (GStrv) parts = g_strsplit (name, " ", 2);
  int pool = find_pool (parts[0]), f = parts[1] ? find_function (parts[1]) : -1;

  if (pool == NO_POOL || !parts[1] || (*parts[1] && f < 0))
    return FALSE;
  if (f < 0)
    members->is_known[pool] = TRUE;
  else
    members->has[pool][f] = TRUE;
  return TRUE;
}

static gboolean
observe_members (Model *seen, GString *problems) {
  g_autoptr (GHashTable) names = read_members ();
  GHashTableIter iter;
  gpointer name;

  seen->members = (Members){ 0 };
  if (!names)
    return FALSE;
  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &name, NULL)) {
    if (read_member (&seen->members, name))
      continue;
    g_string_append_printf (problems, "the ledger has a member '%s', which makes no sense\n", (const char *)name);
    return FALSE;
  }
  return TRUE;
}

gboolean
observe_ledger (Model *seen, GString *problems) {
  return observe_leases (seen, problems) && observe_members (seen, problems);
}

gboolean
same_lease (const Lease *a, const Lease *b) {
  return a->guest == b->guest && strcmp (a->slot, b->slot) == 0 && strcmp (a->pool, b->pool) == 0
         && a->state == b->state && a->by_pool == b->by_pool && strcmp (a->mac, b->mac) == 0 && a->vlan == b->vlan
         && a->has_saved == b->has_saved && a->has_saved_net == b->has_saved_net && same_net (&a->saved, &b->saved)
         && a->worker == b->worker && a->boot == b->boot;
}

char *
describe_lease (const Lease *lease) {
  g_autofree char *saved = lease->has_saved_net ? describe_net (&lease->saved) : g_strdup ("no attributes");

  return g_strdup_printf (
      "%s for %s, slot %s, pool %s, %s, asked for MAC %s, VLAN %d; saved: %s%s; serial %" G_GINT64_FORMAT
      ", worker %d, boot %d",
      vfpool_lease_state_to_string (lease->state), lease->guest < 0 ? UP_NAME : guest_places[lease->guest].id,
      lease->slot, lease->pool, lease->by_pool ? "by pool" : "by address", *lease->mac ? lease->mac : "any",
      lease->vlan, lease->has_saved ? "" : "not yet, ", saved, lease->serial, lease->worker, lease->boot);
}
