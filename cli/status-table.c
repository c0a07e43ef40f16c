/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `vfpool status` for people: what is left in each pool first, because that is what is mostly asked; then the VFs, pool
 * by pool; then the PFs. Times are in the operator's own time zone, as in the log beside it.
 */
#include "printable.h"
#include "status.h"
#include "table.h"

#include <string.h>

static const CliColumn pool_columns[] = {
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
  { "VF" },    { "STATE" },  { "GUEST" },       { "SLOT" },       { "MAC" },    { "VLAN", TRUE },
  { "SINCE" }, { "DRIVER" }, { "GROUP", TRUE }, { "NODE", TRUE }, { "DEVICE" }, {},
};
static const CliColumn pf_columns[] = {
  { "PF" },        { "STATE" },    { "DRIVER" }, { "NETDEV" }, { "NODE", TRUE },
  { "VFS", TRUE }, { "OF", TRUE }, { "DEVICE" }, {},
};

/* Nothing for zero, so that there is no column where nothing is counted. */
static char *
count_cell (GVariant *dict, const char *key) {
  g_autofree char *number = cli_status_number (dict, key);

  return g_strcmp0 (number, "0") == 0 ? NULL : g_steal_pointer (&number);
}

/* What is free, but will not be handed out, must not look as if it would. */
static char *
state_cell (GVariant *dict) {
  g_autofree char *state = cli_status_string (dict, "state");

  if (!cli_status_is (dict, "cordoned"))
    return g_steal_pointer (&state);
  return state && strcmp (state, "free") != 0 ? g_strconcat (state, ", cordoned", NULL) : g_strdup ("cordoned");
}

static char *
time_cell (GVariant *vf) {
  gint64 since;
  g_autoptr (GDateTime) time = NULL;

  if (!cli_status_integer (vf, "since", &since))
    return NULL;
  time = g_date_time_new_from_unix_local (since / G_USEC_PER_SEC);
  return time ? g_date_time_format (time, "%Y-%m-%d %H:%M") : NULL;
}

static void
append_pools (GString *out, GVariant *pools) {
  g_autoptr (CliTable) table = cli_table_new (pool_columns);

  for (gsize i = 0; i < g_variant_n_children (pools); i++) {
    g_autoptr (GVariant) pool = g_variant_get_child_value (pools, i);
    char *cells[] = {
      cli_status_string (pool, "name"),   cli_status_number (pool, "total"),       cli_status_number (pool, "free"),
      cli_status_number (pool, "leased"), cli_status_number (pool, "quarantined"), cli_status_number (pool, "foreign"),
      count_cell (pool, "cordoned")
    };

    cli_table_add (table, cells);
  }
  if (g_variant_n_children (pools) == 0)
    g_string_append (out, "no pools are configured\n");
  else
    cli_table_print (table, out);
}

/* The reason why @vf's PF is cordoned, for g_free(); NULL: it is not, or there is none. */
static char *
find_pf_cordon_reason (GVariant *vf, GVariant *pfs) {
  g_autofree char *pf = cli_status_string (vf, "pf");

  for (gsize i = 0; pf && i < g_variant_n_children (pfs); i++) {
    g_autoptr (GVariant) dict = g_variant_get_child_value (pfs, i);
    g_autofree char *address = cli_status_string (dict, "address");

    if (g_strcmp0 (address, pf) == 0)
      return cli_status_string (dict, "cordon_reason");
  }
  return NULL;
}

/* @shown: (nullable): where it stands already. */
static void
note_cordon (CliTable *table, GVariant *dict, const char *shown) {
  g_autofree char *reason = cli_status_string (dict, "cordon_reason");

  if (reason && *reason && g_strcmp0 (reason, shown) != 0)
    cli_table_note (table, "cordoned", reason);
}

/* A reason that is the PF's stands below the PF, not below each of its VFs. */
static void
add_vf (CliTable *table, GVariant *vf, GVariant *pfs, CliDeviceNames *names) {
  g_autofree char *reason = cli_status_string (vf, "reason");
  g_autofree char *of_pf = find_pf_cordon_reason (vf, pfs);
  char *cells[] = { cli_status_string (vf, "address"),
                    state_cell (vf),
                    cli_status_guest_name (vf),
                    cli_status_string (vf, "slot"),
                    cli_status_string (vf, "mac"),
                    cli_status_number (vf, "vlan"),
                    time_cell (vf),
                    cli_status_string (vf, "driver"),
                    cli_status_number (vf, "iommu_group"),
                    cli_status_number (vf, "numa_node"),
                    cli_status_device_name (vf, names) };

  cli_table_add (table, cells);
  if (reason && *reason)
    cli_table_note (table, "reason", reason);
  note_cordon (table, vf, of_pf);
}

/* The VFs of @pool (NULL: those in none), under a heading; nothing when there are none. */
static void
append_vfs (GString *out, GVariant *vfs, GVariant *pfs, const char *pool, CliDeviceNames *names) {
  g_autoptr (CliTable) table = cli_table_new (vf_columns);
  g_autofree char *title = pool ? printable_copy (pool, G_MAXSIZE) : NULL;
  guint n = 0;

  for (gsize i = 0; i < g_variant_n_children (vfs); i++) {
    g_autoptr (GVariant) vf = g_variant_get_child_value (vfs, i);
    g_autofree char *of = cli_status_string (vf, "pool");

    if (g_strcmp0 (of, pool) != 0)
      continue;
    add_vf (table, vf, pfs, names);
    n++;
  }
  if (n == 0)
    return;
  g_string_append_printf (out, "\n%s%s\n", title ? "pool " : "in no pool, never handed out", title ? title : "");
  cli_table_print (table, out);
}

static void
append_pfs (GString *out, GVariant *pfs, CliDeviceNames *names) {
  g_autoptr (CliTable) table = cli_table_new (pf_columns);

  for (gsize i = 0; i < g_variant_n_children (pfs); i++) {
    g_autoptr (GVariant) pf = g_variant_get_child_value (pfs, i);
    char *cells[] = { cli_status_string (pf, "address"),   state_cell (pf),
                      cli_status_string (pf, "driver"),    cli_status_string (pf, "netdev"),
                      cli_status_number (pf, "numa_node"), cli_status_number (pf, "numvfs"),
                      cli_status_number (pf, "totalvfs"),  cli_status_device_name (pf, names) };

    cli_table_add (table, cells);
    note_cordon (table, pf, NULL);
  }
  if (g_variant_n_children (pfs) == 0)
    return;
  g_string_append_c (out, '\n');
  cli_table_print (table, out);
}

char *
cli_status_to_table (GVariant *status, CliDeviceNames *names) {
  g_autoptr (GString) out = g_string_new (NULL);
  g_autoptr (GVariant) pools = cli_status_array (status, "pools");
  g_autoptr (GVariant) vfs = cli_status_array (status, "vfs");
  g_autoptr (GVariant) pfs = cli_status_array (status, "pfs");

  append_pools (out, pools);
  for (gsize i = 0; i < g_variant_n_children (pools); i++) {
    g_autoptr (GVariant) pool = g_variant_get_child_value (pools, i);
    g_autofree char *name = cli_status_string (pool, "name");

    if (name)
      append_vfs (out, vfs, pfs, name, names);
  }
  append_vfs (out, vfs, pfs, NULL, names);
  append_pfs (out, pfs, names);
  return g_string_free (g_steal_pointer (&out), FALSE);
}
