/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `vfpool status` for people: what is left in each pool first, because that is what is mostly asked; then the VFs, pool
 * by pool; then the PFs. Times are in the operator's own time zone, as in the log beside it.
 */
#include "printable.h"
#include "status.h"
#include "table.h"

static const CliColumn pool_columns[] = {
  { "POOL" }, { "TOTAL", TRUE }, { "FREE", TRUE }, { "LEASED", TRUE }, { "QUARANTINED", TRUE }, { "FOREIGN", TRUE }, {},
};
static const CliColumn vf_columns[] = {
  { "VF" },    { "STATE" },  { "GUEST" },       { "SLOT" },       { "MAC" },    { "VLAN", TRUE },
  { "SINCE" }, { "DRIVER" }, { "GROUP", TRUE }, { "NODE", TRUE }, { "DEVICE" }, {},
};
static const CliColumn pf_columns[] = {
  { "PF" }, { "DRIVER" }, { "NETDEV" }, { "NODE", TRUE }, { "VFS", TRUE }, { "OF", TRUE }, { "DEVICE" }, {},
};

static char *
number_cell (GVariant *dict, const char *key) {
  gint64 number;

  if (!cli_status_integer (dict, key, &number) || number < 0)
    return NULL;
  return g_strdup_printf ("%" G_GINT64_FORMAT, number);
}

static char *
guest_cell (GVariant *vf) {
  g_autoptr (GVariant) guest = cli_status_guest (vf);
  g_autofree char *kind = guest ? cli_status_string (guest, "kind") : NULL;
  g_autofree char *id = guest ? cli_status_string (guest, "id") : NULL;
  g_autofree char *name = guest ? cli_status_string (guest, "name") : NULL;

  if (!kind || !id)
    return NULL;
  return name && *name ? g_strdup_printf ("%s/%s (%s)", kind, id, name) : g_strdup_printf ("%s/%s", kind, id);
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
      cli_status_string (pool, "name"), number_cell (pool, "total"),       number_cell (pool, "free"),
      number_cell (pool, "leased"),     number_cell (pool, "quarantined"), number_cell (pool, "foreign")
    };

    cli_table_add (table, cells);
  }
  if (g_variant_n_children (pools) == 0)
    g_string_append (out, "no pools are configured\n");
  else
    cli_table_print (table, out);
}

static void
add_vf (CliTable *table, GVariant *vf, CliDeviceNames *names) {
  g_autofree char *reason = cli_status_string (vf, "reason");
  char *cells[] = { cli_status_string (vf, "address"),
                    cli_status_string (vf, "state"),
                    guest_cell (vf),
                    cli_status_string (vf, "slot"),
                    cli_status_string (vf, "mac"),
                    number_cell (vf, "vlan"),
                    time_cell (vf),
                    cli_status_string (vf, "driver"),
                    number_cell (vf, "iommu_group"),
                    number_cell (vf, "numa_node"),
                    cli_status_device_name (vf, names) };

  cli_table_add (table, cells);
  if (reason && *reason)
    cli_table_note (table, "reason", reason);
}

/* The VFs of @pool (NULL: those in none), under a heading; nothing when there are none. */
static void
append_vfs (GString *out, GVariant *vfs, const char *pool, CliDeviceNames *names) {
  g_autoptr (CliTable) table = cli_table_new (vf_columns);
  g_autofree char *title = pool ? printable_copy (pool, G_MAXSIZE) : NULL;
  guint n = 0;

  for (gsize i = 0; i < g_variant_n_children (vfs); i++) {
    g_autoptr (GVariant) vf = g_variant_get_child_value (vfs, i);
    g_autofree char *of = cli_status_string (vf, "pool");

    if (g_strcmp0 (of, pool) != 0)
      continue;
    add_vf (table, vf, names);
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
    char *cells[] = { cli_status_string (pf, "address"), cli_status_string (pf, "driver"),
                      cli_status_string (pf, "netdev"),  number_cell (pf, "numa_node"),
                      number_cell (pf, "numvfs"),        number_cell (pf, "totalvfs"),
                      cli_status_device_name (pf, names) };

    cli_table_add (table, cells);
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
      append_vfs (out, vfs, name, names);
  }
  append_vfs (out, vfs, NULL, names);
  append_pfs (out, pfs, names);
  return g_string_free (g_steal_pointer (&out), FALSE);
}
