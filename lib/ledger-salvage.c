/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be saved of a damaged ledger. A lease that can still be read is worth more than what the kernel shows of
 * open IOMMU groups: it knows of VFs whose guests have not opened them yet, and what a VF was like before. So leases are
 * read from both ends of their table, up to the bad page from either side, each is checked as strictly as ever, and
 * those that make sense go to the new ledger with the serials they had, so that a process in the middle of its work finds
 * its own again. What was lost between the ends the kernel's view has to show (rebuild.c), and where that differs
 * from an old lease it is right. The history goes over the same way.
 */
#include "ledger-private.h"

/* SQLite refuses to go on after the first page that is damaged. */
static const char *const ends[] = { "ASC", "DESC" };

/* ---- The mark ---- */

void
vfpool_ledger_mark_damaged (VfpoolLedger *self) {
  sqlite3_exec (self->db, "INSERT OR IGNORE INTO meta VALUES ('damaged', 1)", NULL, NULL, NULL);
}

gboolean
vfpool_ledger_is_marked_damaged (VfpoolLedger *self) {
  sqlite3_stmt *stmt = NULL;
  gboolean is_marked =
      sqlite3_prepare_v2 (self->db, "SELECT 1 FROM meta WHERE name = 'damaged'", -1, &stmt, NULL) == SQLITE_OK
      && sqlite3_step (stmt) == SQLITE_ROW;

  sqlite3_finalize (stmt);
  return is_marked;
}

/* ---- Leases ---- */

/* What the new ledger's own rules refuse (a second lease of one VF, a slot twice) is left out: from the second end, mostly
 * what was copied already. */
static gboolean
copy_lease (VfpoolLedger *to, const VfpoolLease *lease, GError **error) {
  GError *local = NULL;

  if (vfpool_ledger_add_as_is (to, lease, &local))
    return TRUE;
  if (g_error_matches (local, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE)) {
    g_error_free (local);
    return TRUE;
  }
  g_propagate_error (error, local);
  return FALSE;
}

/* @all: (out): the whole table could be read. */
static gboolean
copy_leases (VfpoolLedger *from, VfpoolLedger *to, const char *end, gboolean *all, GError **error) {
  g_autofree char *order = g_strconcat ("ORDER BY address ", end, NULL);
  sqlite3_stmt *stmt = vfpool_ledger_select_leases (from, order, NULL);
  int rc = SQLITE_ERROR;
  gboolean ok = TRUE;

  while (stmt && ok && (rc = sqlite3_step (stmt)) == SQLITE_ROW) {
    g_autofree char *wrong = NULL;
    g_autoptr (VfpoolLease) lease = vfpool_ledger_read_row (stmt, &wrong);

    ok = !lease || copy_lease (to, lease, error);
  }
  sqlite3_finalize (stmt);
  *all = rc == SQLITE_DONE;
  return ok;
}

/* ---- History ---- */

static int
copy_line (sqlite3_stmt *from, sqlite3_stmt *to) {
  for (int i = 0; i < sqlite3_column_count (from); i++)
    sqlite3_bind_value (to, i + 1, sqlite3_column_value (from, i));
  sqlite3_step (to);
  return sqlite3_reset (to); /* the step's own answer, but for a row */
}

static gboolean
copy_history (VfpoolLedger *from, VfpoolLedger *to, const char *end, gboolean *all, GError **error) {
  g_autofree char *select = g_strdup_printf ("SELECT id, time, event, address, guest_kind, guest_id, guest_name, slot, "
                                             "pool, detail FROM history ORDER BY id %s",
                                             end);
  sqlite3_stmt *lines = vfpool_ledger_prepare (from, select, "read the history", NULL);
  sqlite3_stmt *insert = vfpool_ledger_prepare (
      to,
      "INSERT OR IGNORE INTO history (id, time, event, address, guest_kind, guest_id, guest_name, slot, pool, detail) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      "write the history", error);
  int rc = SQLITE_ERROR, written = SQLITE_OK;

  while (lines && insert && written == SQLITE_OK && (rc = sqlite3_step (lines)) == SQLITE_ROW) {
    written = copy_line (lines, insert);
    if ((written & 0xff) == SQLITE_CONSTRAINT || written == SQLITE_MISMATCH)
      written = SQLITE_OK; /* damaged: of another type */
  }
  if (written != SQLITE_OK)
    vfpool_ledger_fail (to, written, "write the history", error);
  sqlite3_finalize (lines);
  sqlite3_finalize (insert);
  *all = rc == SQLITE_DONE;
  return insert && written == SQLITE_OK;
}

/* ---- All ---- */

static gboolean
copy_from_both_ends (VfpoolLedger *from, VfpoolLedger *to,
                     gboolean (*copy) (VfpoolLedger *, VfpoolLedger *, const char *, gboolean *, GError **),
                     GError **error) {
  gboolean all = FALSE;

  for (size_t i = 0; i < G_N_ELEMENTS (ends) && !all; i++)
    if (!copy (from, to, ends[i], &all, error))
      return FALSE;
  return TRUE;
}

gboolean
vfpool_ledger_salvage (VfpoolLedger *from, VfpoolLedger *to, GError **error) {
  return copy_from_both_ends (from, to, copy_leases, error) && copy_from_both_ends (from, to, copy_history, error);
}
