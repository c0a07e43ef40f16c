/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `vfpool status --cluster`: what each node has published when something last changed there. How old that is stands beside it, because a
 * node that is down, or cut off, publishes nothing; a node on which nothing changes does neither.
 */
#include "cluster.h"

#include "json.h"
#include "part.h"
#include "pve.h"
#include "status.h"
#include "table.h"

#include <string.h>

static const CliColumn pool_columns[] = {
  { "NODE" },
  { "STATE" },
  { "AGE", TRUE },
  { "POOL" },
  { "TOTAL", TRUE },
  { "FREE", TRUE },
  { "LEASED", TRUE },
  { "QUARANTINED", TRUE },
  { "FOREIGN", TRUE },
  { "CORDONED", TRUE },
  {},
};
static const CliColumn vf_columns[] = {
  { "NODE" }, { "VF" }, { "POOL" }, { "STATE" }, { "GUEST" }, { "SLOT" }, { "MAC" }, { "VLAN", TRUE }, {},
};

/* ---- For people ---- */

static char *
age_cell (GVariant *node) {
  static const struct {
    gint64 seconds;
    const char *unit;
  } units[] = { { 2 * 24 * 3600, "d" }, { 3600, "h" }, { 60, "min" }, { 0, "s" } };
  static const gint64 lengths[] = { 24 * 3600, 3600, 60, 1 };
  gint64 age, size;

  if (!cli_status_integer (node, "age", &age))
    return NULL;
  size = ABS (age);
  for (guint i = 0;; i++)
    if (size >= units[i].seconds)
      return g_strdup_printf ("%s%" G_GINT64_FORMAT " %s", age < 0 ? "-" : "", size / lengths[i], units[i].unit);
}

static char *
online_cell (GVariant *node) {
  g_autoptr (GVariant) online = cli_status_value (node, "online");

  return online && g_variant_is_of_type (online, G_VARIANT_TYPE_BOOLEAN)
             ? g_strdup (g_variant_get_boolean (online) ? "online" : "offline")
             : NULL;
}

static void
add_pool (CliTable *table, GVariant *node, GVariant *pool) {
  char *cells[] = {
    cli_status_string (node, "name"),
    online_cell (node),
    age_cell (node),
    pool ? cli_status_string (pool, "name") : NULL,
    pool ? cli_status_number (pool, "total") : NULL,
    pool ? cli_status_number (pool, "free") : NULL,
    pool ? cli_status_number (pool, "leased") : NULL,
    pool ? cli_status_number (pool, "quarantined") : NULL,
    pool ? cli_status_number (pool, "foreign") : NULL,
    pool ? cli_status_number (pool, "cordoned") : NULL,
  };

  cli_table_add (table, cells);
}

static void
add_notes (CliTable *table, GVariant *node) {
  g_autofree char *problem = cli_status_string (node, "problem");
  gint64 age;

  if (problem)
    cli_table_note (table, "unknown", problem);
  if (cli_status_integer (node, "age", &age) && age < 0)
    cli_table_note (table, "clock", "it is ahead of this node's, so the age tells nothing");
  if (cli_status_is (node, "truncated"))
    cli_table_note (table, "truncated", "it holds more VFs than it could publish");
}

static void
add_node (CliTable *table, GVariant *node) {
  g_autoptr (GVariant) pools = cli_status_array (node, "pools");

  for (gsize i = 0; i < g_variant_n_children (pools); i++) {
    g_autoptr (GVariant) pool = g_variant_get_child_value (pools, i);

    add_pool (table, node, pool);
  }
  if (g_variant_n_children (pools) == 0)
    add_pool (table, node, NULL);
  add_notes (table, node);
}

/* Returns: how many. */
static gsize
add_vfs (CliTable *table, GVariant *node) {
  g_autoptr (GVariant) vfs = cli_status_array (node, "vfs");

  for (gsize i = 0; i < g_variant_n_children (vfs); i++) {
    g_autoptr (GVariant) vf = g_variant_get_child_value (vfs, i);
    char *cells[] = { cli_status_string (node, "name"), cli_status_string (vf, "address"),
                      cli_status_string (vf, "pool"),   cli_status_string (vf, "state"),
                      cli_status_guest_name (vf),       cli_status_string (vf, "slot"),
                      cli_status_string (vf, "mac"),    cli_status_number (vf, "vlan") };

    cli_table_add (table, cells);
  }
  return g_variant_n_children (vfs);
}

char *
cli_cluster_to_table (GVariant *status) {
  g_autoptr (GString) out = g_string_new (NULL);
  g_autoptr (GVariant) nodes = cli_status_array (status, "nodes");
  g_autoptr (CliTable) pools = cli_table_new (pool_columns), vfs = cli_table_new (vf_columns);
  gsize n = 0;

  for (gsize i = 0; i < g_variant_n_children (nodes); i++) {
    g_autoptr (GVariant) node = g_variant_get_child_value (nodes, i);

    add_node (pools, node);
    n += add_vfs (vfs, node);
  }
  cli_table_print (pools, out);
  if (n > 0) {
    g_string_append_c (out, '\n');
    cli_table_print (vfs, out);
  }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* ---- For programs ---- */

static void
add_members (JsonBuilder *builder, GVariant *dict, gconstpointer keys) {
  cli_json_add_members (builder, dict, keys);
}

static void
add_json_node (JsonBuilder *builder, GVariant *node, gconstpointer data G_GNUC_UNUSED) {
  static const char *const keys[] = { "name", "online", "published", "age", "problem", "truncated", NULL };
  static const char *const pool_keys[] = {
    "name", "total", "free", "leased", "quarantined", "foreign", "cordoned", NULL
  };
  static const char *const vf_keys[] = { "address", "pool", "state", "guest", "slot", "mac", "vlan", NULL };

  cli_json_add_members (builder, node, keys);
  cli_json_add_array (builder, node, "pools", add_members, pool_keys);
  cli_json_add_array (builder, node, "vfs", add_members, vf_keys);
}

char *
cli_cluster_to_json (GVariant *status) {
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  cli_json_add_array (builder, status, "nodes", add_json_node, NULL);
  json_builder_end_object (builder);
  return cli_json_to_text (builder);
}

/* ---- The verb ---- */

gboolean
cli_cluster_status (const CliCall *call, GError **error) {
  g_autofree char *folder = NULL, *text = NULL;
  g_auto (GStrv) command = cli_pve_command (call, "cluster", NULL, &folder, error);
  g_autoptr (GVariant) status = NULL;
  g_autoptr (GError) failure = NULL;

  if (!command)
    return FALSE;
  status = cli_part_run (command, folder, -1, &failure);
  if (failure) {
    g_propagate_error (error, g_steal_pointer (&failure));
    return FALSE;
  }
  text = cli_call_value (call, "json") ? cli_cluster_to_json (status) : cli_cluster_to_table (status);
  return cli_print (text, error);
}
