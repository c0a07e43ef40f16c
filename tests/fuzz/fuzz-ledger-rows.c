/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger's rows, whatever their columns hold: temporary tables with the columns of leases, assignments and cordons, and
 * none of their rules, hide the real ones. Each line of input sets one column of a row that would be good:
 *
 *   COLUMN=TEXT      COLUMN:NUMBER      COLUMN~ (no value)
 *
 * of a lease; of an assignment with "had." before it, of a cordon with "off.". An empty line begins the next row of each. A
 * row that was read can be written to the real table and read from it again; what cannot be written was not read.
 */
#include "address.h"
#include "fuzz.h"
#include "ledger-private.h"

#include <string.h>

#define MAX_ROWS 8

typedef struct {
  const char *name;
  const char *value;
} Column;

static const Column lease_columns[] = {
  { "address", "0000:03:10.0" },
  { "serial", "1" },
  { "guest_kind", "libvirt" },
  { "guest_id", "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90" },
  { "guest_name", NULL },
  { "slot", "net0" },
  { "pool", "lan" },
  { "state", "active" },
  { "by_pool", "1" },
  { "mac", NULL },
  { "vlan", "-1" },
  { "has_saved", "0" },
  { "saved_mac", NULL },
  { "saved_vlan", "-1" },
  { "saved_qos", "0" },
  { "saved_vlan_proto", "0" },
  { "saved_trust", "-1" },
  { "saved_spoof_check", "-1" },
  { "saved_min_rate", "0" },
  { "saved_max_rate", "-1" },
  { "saved_link_state", "-1" },
  { "attached", "0" },
  { "boot_id", "boot" },
  { "worker_pid", "0" },
  { "worker_start", "0" },
  { "since", "0" },
  { "since_boot", "0" },
  { "reason", NULL },
};
static const Column assignment_columns[] = {
  { "guest_kind", "libvirt" },
  { "guest_id", "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90" },
  { "slot", "net0" },
  { "guest_name", NULL },
  { "pool", "lan" },
  { "address", "0000:03:10.0" },
  { "mac", NULL },
  { "seen", "0" },
};
static const Column cordon_columns[] = {
  { "address", "0000:03:10.0" },
  { "reason", NULL },
  { "since", "0" },
};

typedef struct {
  const char *name;
  const char *prefix; /* of its columns in the input */
  const Column *columns;
  size_t n;
} Table;

static const Table tables[] = {
  { "lease", "", lease_columns, G_N_ELEMENTS (lease_columns) },
  { "assignment", "had.", assignment_columns, G_N_ELEMENTS (assignment_columns) },
  { "cordon", "off.", cordon_columns, G_N_ELEMENTS (cordon_columns) },
};

static VfpoolLedger *real, *loose;

static VfpoolLedger *
open_ledger (const char *root) {
  g_autofree char *replaced = NULL;
  g_autoptr (GError) error = NULL;
  VfpoolLedger *ledger = vfpool_ledger_open (root, &replaced, &error);

  g_assert_no_error (error);
  return ledger;
}

static void
run (const char *sql) {
  g_assert_cmpint (sqlite3_exec (loose->db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
}

static void
make_loose (const Table *table) {
  g_autoptr (GString) sql = g_string_new (NULL);

  g_string_printf (sql, "CREATE TEMP TABLE %s (", table->name);
  for (size_t i = 0; i < table->n; i++)
    g_string_append_printf (sql, "%s%s", i == 0 ? "" : ", ", table->columns[i].name);
  g_string_append_c (sql, ')');
  run (sql->str);
}

static void
open_both (void) {
  real = open_ledger (fuzz_root ());
  loose = open_ledger (fuzz_root ());
  for (size_t i = 0; i < G_N_ELEMENTS (tables); i++)
    make_loose (&tables[i]);
}

static void
bind_line (sqlite3_stmt *insert, int column, char sign, FuzzInput value) {
  if (sign == '=')
    sqlite3_bind_text (insert, column, (const char *)value.data, (int)value.size, SQLITE_TRANSIENT);
  else if (sign == '~')
    sqlite3_bind_null (insert, column);
  else if (sign == ':') {
    g_autofree char *number = g_strndup ((const char *)value.data, value.size);
    sqlite3_bind_int64 (insert, column, g_ascii_strtoll (number, NULL, 0));
  }
}

static void
set_column (const Table *table, sqlite3_stmt *insert, FuzzInput line) {
  for (size_t i = 0; i < table->n; i++) {
    g_autofree char *name = g_strconcat (table->prefix, table->columns[i].name, NULL);
    size_t length = strlen (name);

    if (line.size > length && memcmp (line.data, name, length) == 0)
      bind_line (insert, (int)i + 1, (char)line.data[length],
                 (FuzzInput){ line.data + length + 1, line.size - length - 1 });
  }
}

static sqlite3_stmt *
prepare_insert (const Table *table) {
  g_autoptr (GString) sql = g_string_new (NULL);
  sqlite3_stmt *insert;

  g_string_printf (sql, "INSERT INTO temp.%s VALUES (?", table->name);
  for (size_t i = 1; i < table->n; i++)
    g_string_append (sql, ", ?");
  g_string_append_c (sql, ')');
  g_assert_cmpint (sqlite3_prepare_v2 (loose->db, sql->str, -1, &insert, NULL), ==, SQLITE_OK);
  return insert;
}

static void
fill_table (const Table *table, FuzzInput rest) {
  g_autofree char *empty = g_strconcat ("DELETE FROM temp.", table->name, NULL);
  sqlite3_stmt *insert = prepare_insert (table);

  run (empty);
  for (int n = 0; n < MAX_ROWS && rest.size > 0; n++) {
    FuzzInput row = fuzz_take (&rest, "\n\n");

    for (size_t i = 0; i < table->n; i++)
      sqlite3_bind_text (insert, (int)i + 1, table->columns[i].value, -1, SQLITE_STATIC);
    while (row.size > 0)
      set_column (table, insert, fuzz_take (&row, "\n"));
    g_assert_cmpint (sqlite3_step (insert), ==, SQLITE_DONE);
    sqlite3_reset (insert);
  }
  sqlite3_finalize (insert);
}

static void
assert_same_saved (const VfpoolVfnet *a, const VfpoolVfnet *b) {
  g_assert_cmpstr (a->mac, ==, b->mac);
  g_assert_true (a->vlan == b->vlan && a->vlan_qos == b->vlan_qos && a->vlan_proto == b->vlan_proto);
  g_assert_true (a->trust == b->trust && a->spoof_check == b->spoof_check && a->link_state == b->link_state);
  g_assert_true (a->min_rate == b->min_rate && a->max_rate == b->max_rate);
}

static void
assert_same (const VfpoolLease *a, const VfpoolLease *b) {
  g_assert_cmpstr (a->address, ==, b->address);
  g_assert_cmpstr (a->guest_id, ==, b->guest_id);
  g_assert_cmpstr (a->guest_name, ==, b->guest_name);
  g_assert_cmpstr (a->slot, ==, b->slot);
  g_assert_cmpstr (a->pool, ==, b->pool);
  g_assert_cmpstr (a->mac, ==, b->mac);
  assert_same_saved (&a->saved, &b->saved);
  g_assert_cmpstr (a->boot_id, ==, b->boot_id);
  g_assert_cmpstr (a->reason, ==, b->reason);
  g_assert_true (a->guest_kind == b->guest_kind && a->state == b->state && a->by_pool == b->by_pool);
  g_assert_true (a->vlan == b->vlan && a->has_saved == b->has_saved);
  g_assert_true (a->worker_pid == b->worker_pid && a->since == b->since);
  g_assert_true (a->worker_start == b->worker_start && a->since_boot == b->since_boot);
}

static void
assert_normal (const char *address) {
  char bdf[VFPOOL_BDF_SIZE];

  g_assert_true (vfpool_address_normalize (address, bdf, NULL));
  g_assert_cmpstr (address, ==, bdf);
}

static void
check_columns (const VfpoolLease *lease) {
  assert_normal (lease->address);
  g_assert_true (lease->guest_id && lease->slot && lease->pool && lease->boot_id);
  g_assert_true (!lease->mac || strlen (lease->mac) == strlen ("52:54:00:12:34:56"));
  g_assert_true (lease->vlan >= VFPOOL_VLAN_UNSET && lease->vlan <= 4095);
  g_assert_true (!*lease->saved.mac || strlen (lease->saved.mac) == strlen ("52:54:00:12:34:56"));
  g_assert_true (lease->saved.vlan >= VFPOOL_VLAN_UNSET && lease->saved.vlan <= 4095);
  g_assert_true (lease->saved.vlan_qos >= 0 && lease->saved.vlan_qos <= 7);
  g_assert_true (lease->saved.trust >= -1 && lease->saved.trust <= 1 && lease->saved.link_state <= 2);
  g_assert_true (lease->worker_pid >= 0 && lease->worker_start >= 0);
}

/* Two leases may be in each other's way; each by itself can be kept. */
static void
check_lease (VfpoolLease *lease) {
  g_autoptr (VfpoolLease) again = NULL;
  g_autoptr (GError) error = NULL;

  check_columns (lease);
  vfpool_ledger_begin (real, &error);
  g_assert_no_error (error);
  g_assert_true (vfpool_ledger_add (real, lease, &error));
  g_assert_true (vfpool_ledger_find (real, lease->address, &again, &error));
  g_assert_nonnull (again);
  assert_same (lease, again);
  g_assert_true (vfpool_ledger_update (real, lease, TRUE, &error));
  g_assert_true (vfpool_ledger_note (real, lease, "fuzzed", lease->reason, &error));
  g_assert_false (vfpool_ledger_add (real, lease, &error)); /* says who has it, by name */
  fuzz_assert_answer (FALSE, &error);
  g_assert_true (vfpool_ledger_remove (real, lease, &error));
  vfpool_ledger_rollback (real);
}

/* What is remembered of a lease that says the same. */
static void
check_assignment (const VfpoolAssignment *a) {
  g_autoptr (VfpoolLease) lease = vfpool_lease_new ();
  g_autoptr (GPtrArray) all = NULL;
  g_autoptr (GError) error = NULL;
  const VfpoolAssignment *again;

  assert_normal (a->address);
  g_assert_true (a->guest_id && a->slot && a->pool);
  g_assert_true (!a->mac || strlen (a->mac) == strlen ("52:54:00:12:34:56"));
  g_assert_true (!a->guest_name || g_utf8_validate (a->guest_name, -1, NULL));
  lease->guest_kind = a->guest_kind;
  lease->guest_id = g_strdup (a->guest_id);
  lease->guest_name = g_strdup (a->guest_name);
  lease->slot = g_strdup (a->slot);
  lease->pool = g_strdup (a->pool);
  lease->address = g_strdup (a->address);
  lease->mac = g_strdup (a->mac);
  vfpool_ledger_begin (real, &error);
  g_assert_no_error (error);
  g_assert_true (vfpool_ledger_remember (real, lease, &error));
  all = vfpool_ledger_assignments (real, &error);
  g_assert_cmpuint (all->len, ==, 1);
  again = g_ptr_array_index (all, 0);
  g_assert_cmpint (again->guest_kind, ==, a->guest_kind);
  g_assert_cmpstr (again->guest_id, ==, a->guest_id);
  g_assert_cmpstr (again->guest_name, ==, a->guest_name);
  g_assert_cmpstr (again->slot, ==, a->slot);
  g_assert_cmpstr (again->pool, ==, a->pool);
  g_assert_cmpstr (again->address, ==, a->address);
  g_assert_cmpstr (again->mac, ==, a->mac);
  vfpool_ledger_rollback (real);
}

static void
check_cordon (const VfpoolCordon *cordon) {
  g_autoptr (GPtrArray) all = NULL;
  g_autoptr (GError) error = NULL;
  const VfpoolCordon *again;
  gboolean existed = FALSE;

  assert_normal (cordon->address);
  vfpool_ledger_begin (real, &error);
  g_assert_no_error (error);
  g_assert_true (vfpool_ledger_add_cordon (real, cordon, &error));
  all = vfpool_ledger_cordons (real, &error);
  g_assert_cmpuint (all->len, ==, 1);
  again = g_ptr_array_index (all, 0);
  g_assert_cmpstr (again->address, ==, cordon->address);
  g_assert_cmpstr (again->reason, ==, cordon->reason);
  g_assert_true (again->since == cordon->since);
  g_assert_true (vfpool_ledger_remove_cordon (real, cordon->address, &existed, &error) && existed);
  vfpool_ledger_rollback (real);
}

/* No row of these keeps the others from being read. */
static void
check_memory (size_t size) {
  g_autoptr (GPtrArray) assignments = NULL, cordons = NULL;
  g_autoptr (GError) error = NULL;

  fuzz_memory_begin ();
  assignments = vfpool_ledger_assignments (loose, &error);
  cordons = vfpool_ledger_cordons (loose, &error);
  fuzz_memory_end (256 * 1024 + 64 * size);
  g_assert_no_error (error);
  for (guint i = 0; i < assignments->len; i++)
    check_assignment (g_ptr_array_index (assignments, i));
  for (guint i = 0; i < cordons->len; i++)
    check_cordon (g_ptr_array_index (cordons, i));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  g_autoptr (GPtrArray) leases = NULL;
  g_autoptr (GError) error = NULL;

  if (!real)
    open_both ();
  for (size_t i = 0; i < G_N_ELEMENTS (tables); i++)
    fill_table (&tables[i], (FuzzInput){ data, size });
  fuzz_memory_begin ();
  leases = vfpool_ledger_leases (loose, &error);
  fuzz_memory_end (256 * 1024 + 64 * size);
  fuzz_assert_answer (leases != NULL, &error);
  for (guint i = 0; leases && i < leases->len; i++)
    check_lease (g_ptr_array_index (leases, i));
  check_memory (size);
  return 0;
}
