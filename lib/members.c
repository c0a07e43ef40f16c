/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What became of the VFs of the pools since somebody last looked: the ledger remembers which were there in this boot, and
 * reconcile tells what appeared and what vanished. It changes nothing for anybody who wants a VF: those are always looked for
 * anew; it is for the operator, who should hear of a card that was pulled, or of VFs that somebody else made or destroyed.
 */
#include "address.h"
#include "members.h"

#include <string.h>

/* So many addresses stand in one message. */
#define MAX_NAMED 8

/* As the ledger keeps them, members are "POOL ADDRESS"; "POOL " alone says that the pool was looked at, even when it had none. */
static GHashTable *
find_members (Vfpool *self) {
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  GHashTable *names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < self->config->pools->len; i++) {
    const VfpoolPool *pool = g_ptr_array_index (self->config->pools, i);
    g_autoptr (GPtrArray) functions = vfpool_host_members (host, pool);

    g_hash_table_add (names, g_strdup_printf ("%s ", pool->name));
    for (guint k = 0; k < functions->len; k++)
      g_hash_table_add (
          names, g_strdup_printf ("%s %s", pool->name, ((VfpoolFunction *)g_ptr_array_index (functions, k))->address));
  }
  return names;
}

static int
compare_addresses (gconstpointer a, gconstpointer b) {
  return vfpool_address_compare (*(const char *const *)a, *(const char *const *)b);
}

/* The addresses of @pool that are in @names but not in @others, sorted; empty when the pool is not known in @others at
 * all. */
static GPtrArray *
find_new (const char *pool, GHashTable *names, GHashTable *others) {
  g_autofree char *prefix = g_strdup_printf ("%s ", pool);
  GPtrArray *found = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_contains (others, prefix) && g_hash_table_iter_next (&iter, &name, NULL))
    if (g_str_has_prefix (name, prefix) && !g_hash_table_contains (others, name))
      g_ptr_array_add (found, (char *)name + strlen (prefix));
  g_ptr_array_sort (found, compare_addresses);
  return found;
}

static char *
list_addresses (GPtrArray *addresses) {
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < addresses->len && i < MAX_NAMED; i++)
    g_string_append_printf (text, "%s%s", i ? ", " : "", (const char *)g_ptr_array_index (addresses, i));
  if (addresses->len > MAX_NAMED)
    g_string_append_printf (text, " and %u more", addresses->len - MAX_NAMED);
  return g_string_free (text, FALSE);
}

static void
tell (Vfpool *self, const char *pool, GHashTable *now, GHashTable *before) {
  g_autoptr (GPtrArray) appeared = find_new (pool, now, before), vanished = find_new (pool, before, now);

  if (vanished->len > 0) {
    g_autofree char *list = list_addresses (vanished);
    vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING,
                       "pool %s lost %s: unplugged, the number of VFs was lowered, or the configuration changed", pool,
                       list);
  }
  if (appeared->len > 0) {
    g_autofree char *list = list_addresses (appeared);
    vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING, "pool %s gained %s", pool, list);
  }
}

static gboolean
is_same (GHashTable *a, GHashTable *b) {
  GHashTableIter iter;
  gpointer name;

  if (g_hash_table_size (a) != g_hash_table_size (b))
    return FALSE;
  g_hash_table_iter_init (&iter, a);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (!g_hash_table_contains (b, name))
      return FALSE;
  return TRUE;
}

typedef struct {
  const char *boot_id;
  GHashTable *names;
} Seen;

static gboolean
write_members (VfpoolLedger *ledger, gpointer data, GError **error) {
  const Seen *seen = data;

  return vfpool_ledger_set_members (ledger, seen->boot_id, seen->names, error);
}

gboolean
vfpool_members_compare (Vfpool *self, gboolean quietly, GError **error) {
  VfpoolLedger *ledger = vfpool_handle_ledger (self, error);
  g_autoptr (GHashTable) now = find_members (self);
  g_autoptr (GHashTable) before = ledger ? vfpool_ledger_members (ledger, self->boot_id, error) : NULL;
  Seen seen = { self->boot_id, now };

  if (!before || is_same (now, before))
    return before != NULL;
  if (!vfpool_handle_change (self, write_members, &seen, error))
    return FALSE;
  for (guint i = 0; !quietly && i < self->config->pools->len; i++)
    tell (self, ((const VfpoolPool *)g_ptr_array_index (self->config->pools, i))->name, now, before);
  return TRUE;
}
