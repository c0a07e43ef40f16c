/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `vfpool status --json`: a contract with other people's programs. Every key is always there; what is unknown or does
 * not apply is null. Keys may be added, none goes away or changes its meaning. vfpool(8) documents them.
 */
#include "json.h"
#include "status.h"

static const char *const pf_keys[] = { "address", "driver",   "netdev",        "numa_node", "totalvfs",
                                       "numvfs",  "cordoned", "cordon_reason", NULL };
static const char *const pool_keys[] = {
  "name", "total", "free", "leased", "quarantined", "foreign", "cordoned", NULL
};
static const char *const vf_keys[] = { "address",   "pf",     "index",    "pool",          "driver", "iommu_group",
                                       "numa_node", "state",  "guest",    "slot",          "mac",    "vlan",
                                       "since",     "reason", "cordoned", "cordon_reason", NULL };

/* The ids as lspci -n and pci.ids spell them: four hexadecimal digits. */
static void
add_id (JsonBuilder *builder, GVariant *dict, const char *key, const char *member) {
  gint64 number = 0;
  g_autofree char *text = cli_status_integer (dict, key, &number) ? g_strdup_printf ("%04x", (unsigned)number) : NULL;

  json_builder_set_member_name (builder, member);
  cli_json_add_string (builder, text);
}

static void
add_device (JsonBuilder *builder, GVariant *dict, CliDeviceNames *names) {
  g_autofree char *name = cli_status_device_name (dict, names);

  add_id (builder, dict, "vendor", "vendor_id");
  add_id (builder, dict, "device", "device_id");
  json_builder_set_member_name (builder, "device_name");
  cli_json_add_string (builder, name);
}

/* What an array in the answer consists of. */
typedef struct {
  const char *const *keys;
  CliDeviceNames *names;
  gboolean has_device;
} Kind;

static void
add_one (JsonBuilder *builder, GVariant *dict, gconstpointer data) {
  const Kind *kind = data;

  cli_json_add_members (builder, dict, kind->keys);
  if (kind->has_device)
    add_device (builder, dict, kind->names);
}

char *
cli_status_to_json (GVariant *status, CliDeviceNames *names) {
  const Kind pfs = { pf_keys, names, TRUE }, pools = { pool_keys, NULL, FALSE }, vfs = { vf_keys, names, TRUE };
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  cli_json_add_array (builder, status, "pfs", add_one, &pfs);
  cli_json_add_array (builder, status, "pools", add_one, &pools);
  cli_json_add_array (builder, status, "vfs", add_one, &vfs);
  json_builder_end_object (builder);
  return cli_json_to_text (builder);
}
