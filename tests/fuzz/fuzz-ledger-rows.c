/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger's rows, whatever their columns hold: a temporary table with the columns of leases and none of their rules
 * hides the real one. Each line of input sets one column of a lease that would be good:
 *
 *   COLUMN=TEXT      COLUMN:NUMBER      COLUMN~ (no value)
 *
 * and an empty line begins the next lease. A lease that was read can be written to the real table and read from it
 * again; what cannot be written was not read.
 */
#include "address.h"
#include "fuzz.h"
#include "ledger-private.h"

#include <string.h>

#define MAX_LEASES 8

static const struct {
  const char *name;
  const char *value;
} columns[] = {
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
  { "boot_id", "boot" },
  { "worker_pid", "0" },
  { "worker_start", "0" },
  { "since", "0" },
  { "since_boot", "0" },
  { "reason", NULL },
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
open_both (void) {
  g_autoptr (GString) sql = g_string_new ("CREATE TEMP TABLE lease (");

  real = open_ledger (fuzz_root ());
  loose = open_ledger (fuzz_root ());
  for (size_t i = 0; i < G_N_ELEMENTS (columns); i++)
    g_string_append_printf (sql, "%s%s", i == 0 ? "" : ", ", columns[i].name);
  g_string_append_c (sql, ')');
  run (sql->str);
}

static void
set_column (sqlite3_stmt *insert, FuzzInput line) {
  for (size_t i = 0; i < G_N_ELEMENTS (columns); i++) {
    size_t length = strlen (columns[i].name);
    const char *value = (const char *)line.data + length + 1;
    int rest = (int)(line.size - length - 1);

    if (line.size <= length || memcmp (line.data, columns[i].name, length) != 0)
      continue;
    if (line.data[length] == '=')
      sqlite3_bind_text (insert, (int)i + 1, value, rest, SQLITE_TRANSIENT);
    else if (line.data[length] == '~')
      sqlite3_bind_null (insert, (int)i + 1);
    else if (line.data[length] == ':') {
      g_autofree char *number = g_strndup (value, (gsize)rest);
      sqlite3_bind_int64 (insert, (int)i + 1, g_ascii_strtoll (number, NULL, 0));
    }
  }
}

static void
fill_table (FuzzInput rest) {
  g_autoptr (GString) sql = g_string_new ("INSERT INTO temp.lease VALUES (?");
  sqlite3_stmt *insert;

  for (size_t i = 1; i < G_N_ELEMENTS (columns); i++)
    g_string_append (sql, ", ?");
  g_string_append_c (sql, ')');
  g_assert_cmpint (sqlite3_prepare_v2 (loose->db, sql->str, -1, &insert, NULL), ==, SQLITE_OK);
  for (int n = 0; n < MAX_LEASES && rest.size > 0; n++) {
    FuzzInput lease = fuzz_take (&rest, "\n\n");

    for (size_t i = 0; i < G_N_ELEMENTS (columns); i++)
      sqlite3_bind_text (insert, (int)i + 1, columns[i].value, -1, SQLITE_STATIC);
    while (lease.size > 0)
      set_column (insert, fuzz_take (&lease, "\n"));
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
check_columns (const VfpoolLease *lease) {
  char bdf[VFPOOL_BDF_SIZE];

  g_assert_true (vfpool_address_normalize (lease->address, bdf, NULL));
  g_assert_cmpstr (lease->address, ==, bdf);
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

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  g_autoptr (GPtrArray) leases = NULL;
  g_autoptr (GError) error = NULL;

  if (!real)
    open_both ();
  run ("DELETE FROM temp.lease");
  fill_table ((FuzzInput){ data, size });
  fuzz_memory_begin ();
  leases = vfpool_ledger_leases (loose, &error);
  fuzz_memory_end (256 * 1024 + 64 * size);
  fuzz_assert_answer (leases != NULL, &error);
  for (guint i = 0; leases && i < leases->len; i++)
    check_lease (g_ptr_array_index (leases, i));
  return 0;
}
