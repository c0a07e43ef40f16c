/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See ledger-fixture.h. */
#include "ledger-fixture.h"
#include "tree.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int
ledger_setup (void **state) {
  LedgerDir *f = g_new0 (LedgerDir, 1);

  f->root = g_dir_make_tmp ("vfpool-ledger-XXXXXX", NULL);
  f->folder = g_strconcat (f->root, "/var/lib/vfpool", NULL);
  f->path = g_strconcat (f->folder, "/ledger.db", NULL);
  assert_int_equal (chmod (f->root, 0755), 0);
  *state = f;
  return 0;
}

int
ledger_teardown (void **state) {
  LedgerDir *f = *state;

  remove_tree (f->root);
  g_free (f->root);
  g_free (f->folder);
  g_free (f->path);
  g_free (f);
  return 0;
}

void
put (const char *path, const void *data, size_t length) {
  FILE *file = fopen (path, "w");

  assert_non_null (file);
  assert_int_equal (fwrite (data, 1, length, file), length);
  assert_int_equal (fclose (file), 0);
}

void
assert_error (const GError *error, VfpoolError code, const char *part) {
  if (!error)
    fail_msg ("no error, expected \"%s\"", part);
  if (!g_error_matches (error, VFPOOL_ERROR, code) || !strstr (error->message, part))
    fail_msg ("expected code %d and \"%s\", not %d: %s", code, part, error->code, error->message);
}

void
assert_ok (gboolean ok, const GError *error) {
  if (!ok)
    fail_msg ("%s", error ? error->message : "no error set");
}

VfpoolLedger *
opened (const LedgerDir *f) {
  g_autoptr (GError) error = NULL;
  g_autofree char *replaced = NULL;
  VfpoolLedger *ledger = vfpool_ledger_open (f->root, &replaced, &error);

  assert_ok (ledger != NULL, error);
  assert_null (replaced);
  return ledger;
}

VfpoolLease *
make_lease (const char *address, const char *guest, const char *slot) {
  VfpoolLease *lease = vfpool_lease_new ();

  lease->address = g_strdup (address);
  lease->guest_kind = VFPOOL_GUEST_MANUAL;
  lease->guest_id = g_strdup (guest);
  lease->slot = g_strdup (slot);
  lease->pool = g_strdup ("lan");
  lease->boot_id = g_strdup ("boot");
  return lease;
}

gboolean
add (VfpoolLedger *ledger, const char *address, const char *guest, const char *slot, GError **error) {
  g_autoptr (VfpoolLease) lease = make_lease (address, guest, slot);

  if (!vfpool_ledger_begin (ledger, error))
    return FALSE;
  if (vfpool_ledger_add (ledger, lease, error) && vfpool_ledger_note (ledger, lease, "acquired", NULL, error)
      && vfpool_ledger_commit (ledger, error))
    return TRUE;
  vfpool_ledger_rollback (ledger);
  return FALSE;
}

void
added (VfpoolLedger *ledger, const char *address, const char *guest, const char *slot) {
  g_autoptr (GError) error = NULL;
  assert_ok (add (ledger, address, guest, slot, &error), error);
}

VfpoolLease *
found (VfpoolLedger *ledger, const char *address) {
  g_autoptr (GError) error = NULL;
  VfpoolLease *lease = NULL;

  assert_ok (vfpool_ledger_find (ledger, address, &lease, &error), error);
  return lease;
}

guint
count (VfpoolLedger *ledger) {
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) leases = vfpool_ledger_leases (ledger, &error);

  assert_ok (leases != NULL, error);
  return leases->len;
}

/* Runs SQL on the file behind the ledger's back; the first column of the last row as text, for g_free(). */
char *
sql (const char *path, const char *statement) {
  sqlite3 *db = NULL;
  sqlite3_stmt *stmt = NULL;
  char *answer = NULL;

  assert_int_equal (sqlite3_open (path, &db), SQLITE_OK);
  for (const char *rest = statement; *rest;) {
    assert_int_equal (sqlite3_prepare_v2 (db, rest, -1, &stmt, &rest), SQLITE_OK);
    while (sqlite3_step (stmt) == SQLITE_ROW) {
      g_free (answer);
      answer = g_strdup ((const char *)sqlite3_column_text (stmt, 0));
    }
    sqlite3_finalize (stmt);
  }
  sqlite3_close (db);
  return answer;
}

void
assert_sql (const char *path, const char *statement, const char *expected) {
  g_autofree char *answer = sql (path, statement);
  assert_string_equal (answer, expected);
}

/* Starts @n children that all wait for one moment, and returns how many ended with 0; more than 1 is a failure of its
 * own. */
int
race (const LedgerDir *f, int n, int (*child) (const LedgerDir *f, int i)) {
  int gate[2], zeros = 0;

  assert_int_equal (pipe (gate), 0);
  for (int i = 0; i < n; i++) {
    pid_t pid = fork ();
    char byte;

    assert_true (pid >= 0);
    if (pid > 0)
      continue;
    close (gate[1]);
    if (read (gate[0], &byte, 1) != 0)
      _exit (3);
    _exit (child (f, i));
  }
  close (gate[0]);
  close (gate[1]);
  for (int i = 0; i < n; i++) {
    int status;
    assert_true (wait (&status) > 0);
    assert_true (WIFEXITED (status));
    assert_in_range (WEXITSTATUS (status), 0, 1);
    zeros += WEXITSTATUS (status) == 0;
  }
  return zeros;
}

void
make_ledger (const LedgerDir *f) {
  g_autoptr (VfpoolLedger) ledger = opened (f);

  added (ledger, ONE, "a", "net0");
  added (ledger, TWO, "a", "net1");
}

void
spoil_bytes (const char *path, off_t offset, size_t length, int byte) {
  g_autofree char *bytes = g_malloc (length);
  int fd = open (path, O_WRONLY);

  memset (bytes, byte, length);
  assert_true (fd >= 0);
  assert_int_equal (pwrite (fd, bytes, length, offset), length);
  close (fd);
}
