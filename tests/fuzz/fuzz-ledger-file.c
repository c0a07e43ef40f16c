/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger's files, damaged. Each line of input does one thing to a good ledger, or to its write-ahead log:
 *
 *   db OFFSET BYTES      writes the bytes, in hexadecimal, at that offset (of at most the file's size)
 *   db cut SIZE          cuts it off there
 *   db is                the file is what follows this line, to the end of the input
 *
 * and the same with "wal". Whatever comes of it, opening ends with a ledger that can be used or with an error; a file
 * that was no use is kept, byte for byte; and who only looks changes nothing.
 */
#include "fuzz.h"
#include "ledger-private.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#define FOLDER "/var/lib/vfpool"
#define DB FOLDER "/ledger.db"
#define WAL DB "-wal"

static GByteArray *good_db, *good_wal;

/* ---- A good ledger ---- */

static char *
full_path (const char *path) {
  return g_strconcat (fuzz_root (), path, NULL);
}

static GByteArray *
read_bytes (const char *path) {
  g_autofree char *full = full_path (path);
  char *text;
  gsize size;

  g_assert_true (g_file_get_contents (full, &text, &size, NULL));
  return g_byte_array_new_take ((guint8 *)text, size);
}

static void
add_rows (VfpoolLedger *ledger, const char *address, const char *slot) {
  g_autoptr (VfpoolLease) lease = vfpool_lease_new ();
  const VfpoolCordon cordon = { (char *)address, (char *)"why", 0 };

  lease->address = g_strdup (address);
  lease->guest_kind = VFPOOL_GUEST_PVE_QEMU;
  lease->guest_id = g_strdup ("101");
  lease->slot = g_strdup (slot);
  lease->pool = g_strdup ("lan");
  lease->boot_id = g_strdup ("boot");
  g_assert_true (vfpool_ledger_begin (ledger, NULL));
  g_assert_true (vfpool_ledger_add (ledger, lease, NULL));
  g_assert_true (vfpool_ledger_note (ledger, lease, "acquired", NULL, NULL));
  g_assert_true (vfpool_ledger_remember (ledger, lease, NULL));
  g_assert_true (vfpool_ledger_add_cordon (ledger, &cordon, NULL));
  g_assert_true (vfpool_ledger_commit (ledger, NULL));
}

/* One lease, with what is remembered of it, is in the file, the second still in the log. */
static void
make_good (void) {
  g_autofree char *replaced = NULL;
  VfpoolLedger *ledger = vfpool_ledger_open (fuzz_root (), &replaced, NULL);

  g_assert_nonnull (ledger);
  add_rows (ledger, "0000:03:10.0", "net0");
  g_assert_cmpint (sqlite3_wal_checkpoint_v2 (ledger->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL), ==, SQLITE_OK);
  add_rows (ledger, "0000:03:10.2", "net1");
  vfpool_ledger_close (ledger);
  good_db = read_bytes (DB);
  good_wal = read_bytes (WAL);
}

/* ---- Damage ---- */

static void
damage (GByteArray *file, const char *how) {
  guint64 offset;
  int passed = 0;
  unsigned int byte;

  if (sscanf (how, "cut %" G_GUINT64_FORMAT, &offset) == 1) {
    g_byte_array_set_size (file, (guint)MIN (offset, file->len));
    return;
  }
  if (sscanf (how, "%" G_GUINT64_FORMAT " %n", &offset, &passed) < 1 || passed == 0)
    return;
  for (how += passed; offset < file->len && sscanf (how, "%2x%n", &byte, &passed) == 1; how += passed)
    file->data[offset++] = (guint8)byte;
}

static void
replace (GByteArray *file, FuzzInput *rest) {
  g_byte_array_set_size (file, 0);
  g_byte_array_append (file, rest->data, (guint)rest->size);
  rest->size = 0;
}

static void
apply (FuzzInput rest, GByteArray *db, GByteArray *wal) {
  while (rest.size > 0) {
    g_autofree char *line = fuzz_take_text (&rest, "\n");
    gboolean is_wal = g_str_has_prefix (line, "wal ");

    if (!is_wal && !g_str_has_prefix (line, "db "))
      continue;
    if (g_str_has_suffix (line, " is"))
      replace (is_wal ? wal : db, &rest);
    else
      damage (is_wal ? wal : db, strchr (line, ' ') + 1);
  }
}

/* ---- What must hold ---- */

static void
check_reading (VfpoolLedger *ledger) {
  g_autoptr (GPtrArray) leases = NULL, assignments = NULL, cordons = NULL;
  g_autoptr (GError) error = NULL;
  gboolean needs_rebuild;

  fuzz_assert_answer (vfpool_ledger_needs_rebuild (ledger, &needs_rebuild, &error), &error);
  leases = vfpool_ledger_leases (ledger, &error);
  fuzz_assert_answer (leases != NULL, &error);
  assignments = vfpool_ledger_assignments (ledger, &error);
  fuzz_assert_answer (assignments != NULL, &error);
  cordons = vfpool_ledger_cordons (ledger, &error);
  fuzz_assert_answer (cordons != NULL, &error);
}

static void
assert_bytes (const char *path, const GByteArray *expected) {
  g_autofree char *text = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (path, &text, &size, NULL));
  g_assert_cmpmem (text, size, expected->data, expected->len);
}

static void
check_readonly (const GByteArray *db) {
  g_autofree char *path = full_path (DB);
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLedger) ledger = vfpool_ledger_open_readonly (fuzz_root (), &error);

  fuzz_assert_answer (ledger != NULL, &error);
  if (ledger)
    check_reading (ledger);
  assert_bytes (path, db);
}

static void
check_writing (const GByteArray *db) {
  g_autofree char *replaced = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLedger) ledger = vfpool_ledger_open (fuzz_root (), &replaced, &error);
  gboolean ok;

  fuzz_assert_answer (ledger != NULL, &error);
  if (replaced) {
    g_assert_nonnull (ledger);
    assert_bytes (replaced, db);
  }
  if (!ledger)
    return;
  check_reading (ledger);
  ok = vfpool_ledger_begin (ledger, &error);
  fuzz_assert_answer (ok, &error);
  ok = !ok || vfpool_ledger_commit (ledger, &error);
  fuzz_assert_answer (ok, &error);
}

static void
clear_folder (void) {
  g_autofree char *path = full_path (FOLDER);
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (folder))) {
    g_autofree char *file = g_build_filename (path, name, NULL);

    g_unlink (file);
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  g_autoptr (GByteArray) db = g_byte_array_new (), wal = g_byte_array_new ();

  if (!good_db)
    make_good ();
  clear_folder ();
  g_byte_array_append (db, good_db->data, good_db->len);
  g_byte_array_append (wal, good_wal->data, good_wal->len);
  apply ((FuzzInput){ data, size }, db, wal);
  fuzz_write (DB, db->data, db->len);
  fuzz_write (WAL, wal->data, wal->len);
  check_readonly (db);
  check_writing (db);
  return 0;
}
