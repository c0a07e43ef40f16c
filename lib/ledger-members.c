/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The members of the pools as they were last seen: read and replaced as a whole. What they are for is told in members.c. */
#include "ledger-private.h"

static int
read_members (sqlite3_stmt *stmt, GHashTable *members) {
  int rc;

  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW)
    g_hash_table_add (members, g_utf8_make_valid ((const char *)sqlite3_column_text (stmt, 0), -1));
  return rc;
}

GHashTable *
vfpool_ledger_members (VfpoolLedger *self, const char *boot_id, GError **error) {
  sqlite3_stmt *stmt =
      vfpool_ledger_prepare (self, "SELECT name FROM member WHERE boot_id = ?", "read the members", error);
  GHashTable *members;
  int rc;

  if (!stmt)
    return NULL;
  members = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  sqlite3_bind_text (stmt, 1, boot_id, -1, SQLITE_TRANSIENT);
  rc = read_members (stmt, members);
  if (rc != SQLITE_DONE) {
    vfpool_ledger_fail (self, rc, "read the members", error);
    g_clear_pointer (&members, g_hash_table_unref);
  }
  sqlite3_finalize (stmt);
  return members;
}

static int
add_member (sqlite3_stmt *stmt, const char *boot_id, const char *name) {
  sqlite3_bind_text (stmt, 1, boot_id, -1, SQLITE_TRANSIENT);
  sqlite3_bind_text (stmt, 2, name, -1, SQLITE_TRANSIENT);
  sqlite3_step (stmt);
  return sqlite3_reset (stmt);
}

gboolean
vfpool_ledger_set_members (VfpoolLedger *self, const char *boot_id, GHashTable *members, GError **error) {
  sqlite3_stmt *stmt;
  GHashTableIter iter;
  gpointer name;
  int rc = SQLITE_OK;

  if (!vfpool_ledger_is_in_transaction (self, error)
      || !vfpool_ledger_run (self, "DELETE FROM member", "write the members", error))
    return FALSE;
  stmt = vfpool_ledger_prepare (self, "INSERT INTO member (boot_id, name) VALUES (?, ?)", "write the members", error);
  if (!stmt)
    return FALSE;
  g_hash_table_iter_init (&iter, members);
  while (rc == SQLITE_OK && g_hash_table_iter_next (&iter, &name, NULL))
    rc = add_member (stmt, boot_id, name);
  if (rc != SQLITE_OK)
    vfpool_ledger_fail (self, rc, "write the members", error);
  sqlite3_finalize (stmt);
  return rc == SQLITE_OK;
}
