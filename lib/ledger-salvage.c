/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be saved of a damaged ledger. A lease that can still be read is worth more than what the kernel shows of
 * open IOMMU groups: it knows of VFs whose guests have not opened them yet, and what a VF was like before. So leases are
 * read from both ends of their table, up to the bad page from either side, each is checked as strictly as ever, and
 * those that make sense go to the new ledger with the serials they had, so that a process in the middle of its work finds
 * its own again. What was lost between the ends the kernel's view has to show (rebuild.c), and where that differs
 * from an old lease it is right. Cordons, what guests had, and the history go over the same way.
 */
#include "ledger-private.h"

/* SQLite refuses to go on after the first page that is damaged. */
static const char *const ends[] = { "ORDER BY address", "ORDER BY address DESC" };

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
  sqlite3_stmt *stmt = vfpool_ledger_select_leases (from, end, NULL);
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

/* ---- What goes over row by row ---- */

typedef struct {
  const char *name;
  const char *columns;
  const char *places;                   /* for as many values */
  const char *order[2];                 /* by its key, from either end */
  gboolean (*is_good) (sqlite3_stmt *); /* NULL: what the new ledger's own rules let in is */
} Table;

static const Table tables[] = {
  { "cordon", VFPOOL_LEDGER_CORDON_COLUMNS, "?, ?, ?", { "address", "address DESC" }, vfpool_ledger_is_cordon },
  { "assignment",
    VFPOOL_LEDGER_ASSIGNMENT_COLUMNS,
    "?, ?, ?, ?, ?, ?, ?, ?",
    { "guest_kind, guest_id, slot", "guest_kind DESC, guest_id DESC, slot DESC" },
    vfpool_ledger_is_assignment },
  { "history",
    "id, time, event, address, guest_kind, guest_id, guest_name, slot, pool, detail",
    "?, ?, ?, ?, ?, ?, ?, ?, ?, ?",
    { "id", "id DESC" },
    NULL },
};

static int
copy_row (sqlite3_stmt *from, sqlite3_stmt *to) {
  int rc;

  for (int i = 0; i < sqlite3_column_count (from); i++)
    sqlite3_bind_value (to, i + 1, sqlite3_column_value (from, i));
  sqlite3_step (to);
  rc = sqlite3_reset (to); /* the step's own answer, but for a row */
  if ((rc & 0xff) == SQLITE_CONSTRAINT || rc == SQLITE_MISMATCH)
    return SQLITE_OK; /* damaged: of another type */
  return rc;
}

/* @rc: (out): how reading ended; a ledger of an older version may not have the table. */
static int
copy_rows (const Table *table, sqlite3_stmt *from, sqlite3_stmt *to, int *rc) {
  int written = SQLITE_OK;

  *rc = SQLITE_ERROR;
  while (from && written == SQLITE_OK && (*rc = sqlite3_step (from)) == SQLITE_ROW)
    if (!table->is_good || table->is_good (from))
      written = copy_row (from, to);
  return written;
}

static gboolean
copy_table (VfpoolLedger *from, VfpoolLedger *to, const Table *table, const char *order, gboolean *all,
            GError **error) {
  g_autofree char *select = g_strdup_printf ("SELECT %s FROM %s ORDER BY %s", table->columns, table->name, order);
  g_autofree char *insert =
      g_strdup_printf ("INSERT OR IGNORE INTO %s (%s) VALUES (%s)", table->name, table->columns, table->places);
  g_autofree char *doing = g_strdup_printf ("write the table %s", table->name);
  sqlite3_stmt *reader = vfpool_ledger_prepare (from, select, doing, NULL);
  sqlite3_stmt *writer = vfpool_ledger_prepare (to, insert, doing, error);
  int rc = SQLITE_ERROR, written = writer ? copy_rows (table, reader, writer, &rc) : SQLITE_OK;
  gboolean ok = writer && written == SQLITE_OK;

  if (written != SQLITE_OK)
    vfpool_ledger_fail (to, written, doing, error);
  sqlite3_finalize (reader);
  sqlite3_finalize (writer);
  *all = rc == SQLITE_DONE;
  return ok;
}

/* ---- All ---- */

static gboolean
copy_all_leases (VfpoolLedger *from, VfpoolLedger *to, GError **error) {
  gboolean all = FALSE;

  for (size_t i = 0; i < G_N_ELEMENTS (ends) && !all; i++)
    if (!copy_leases (from, to, ends[i], &all, error))
      return FALSE;
  return TRUE;
}

static gboolean
copy_whole_table (VfpoolLedger *from, VfpoolLedger *to, const Table *table, GError **error) {
  gboolean all = FALSE;

  for (size_t i = 0; i < G_N_ELEMENTS (table->order) && !all; i++)
    if (!copy_table (from, to, table, table->order[i], &all, error))
      return FALSE;
  return TRUE;
}

gboolean
vfpool_ledger_salvage (VfpoolLedger *from, VfpoolLedger *to, GError **error) {
  gboolean ok = copy_all_leases (from, to, error);

  for (size_t i = 0; ok && i < G_N_ELEMENTS (tables); i++)
    ok = copy_whole_table (from, to, &tables[i], error);
  return ok;
}
