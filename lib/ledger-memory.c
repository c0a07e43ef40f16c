/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the ledger remembers beyond leases: which VF and which MAC a guest had in a slot (assignments), and what an operator
 * wants nothing handed out of (cordons).
 *
 * Losing an assignment costs a guest another VF and no more, so a row that makes no sense is passed over. There may be
 * thousands, and acquire reads them all while others wait for the lock: one statement, and one block of memory a row. A cordon
 * is an operator's word: a row of it that makes no sense is damage, and looked for whenever the ledger is opened for writing.
 */
#include "ledger-private.h"
#include "address.h"
#include "request.h"

#include <string.h>

/* What is remembered of guests that will never come back must not grow without end: with more slots than this, those not seen for
 * longest are dropped, many at once, because it is a look at all of them. */
#define MAX_ASSIGNMENTS 20000
#define DROPPED_AT_ONCE "1000"

#define READ_ASSIGNMENTS "read what guests had"
#define WRITE_ASSIGNMENTS "record what a guest had"
#define WRITE_CORDONS "record a cordon"

/* ---- Assignments: reading ---- */

/* The columns that are text, in the order of VFPOOL_LEDGER_ASSIGNMENT_COLUMNS; then there is `seen`. */
enum { GUEST_KIND, GUEST_ID, SLOT, GUEST_NAME, POOL, ADDRESS, MAC, N_TEXTS, SEEN = N_TEXTS };

/* Takes the texts of the row that @stmt is at, as long as it is there; FALSE when one has a NUL in it. */
static gboolean
take_texts (sqlite3_stmt *stmt, const char **texts) {
  for (int i = 0; i < N_TEXTS; i++) {
    texts[i] = (const char *)sqlite3_column_text (stmt, i);
    if (texts[i] && strlen (texts[i]) != (size_t)sqlite3_column_bytes (stmt, i))
      return FALSE;
  }
  return TRUE;
}

/* Names are only shown: one that cannot be is left out. */
static gboolean
make_sense (const char **texts, VfpoolGuestKind *kind) {
  if (texts[GUEST_NAME] && !g_utf8_validate (texts[GUEST_NAME], -1, NULL))
    texts[GUEST_NAME] = NULL;
  return texts[GUEST_KIND] && vfpool_guest_kind_from_string (texts[GUEST_KIND], kind)
         && vfpool_ledger_is_word (texts[GUEST_ID]) && vfpool_ledger_is_word (texts[SLOT])
         && vfpool_ledger_is_word (texts[POOL]) && texts[ADDRESS] && vfpool_address_is_normal (texts[ADDRESS])
         && (!texts[MAC] || vfpool_ledger_is_mac (texts[MAC]));
}

/* In one block with its texts. */
static VfpoolAssignment *
make_assignment (VfpoolGuestKind kind, const char *const *texts, gint64 seen) {
  char *copies[N_TEXTS] = {};
  size_t size = sizeof (VfpoolAssignment);
  VfpoolAssignment *self;
  char *end;

  for (int i = GUEST_ID; i < N_TEXTS; i++)
    size += texts[i] ? strlen (texts[i]) + 1 : 0;
  self = g_malloc (size);
  end = (char *)(self + 1);
  for (int i = GUEST_ID; i < N_TEXTS; i++) {
    if (!texts[i])
      continue;
    copies[i] = end;
    end = g_stpcpy (end, texts[i]) + 1;
  }
  *self = (VfpoolAssignment){ kind,         copies[GUEST_ID], copies[GUEST_NAME], copies[SLOT],
                              copies[POOL], copies[ADDRESS],  copies[MAC],        seen };
  return self;
}

/* NULL: the row makes no sense. */
static VfpoolAssignment *
read_assignment (sqlite3_stmt *stmt) {
  const char *texts[N_TEXTS];
  VfpoolGuestKind kind;

  if (!take_texts (stmt, texts) || !make_sense (texts, &kind))
    return NULL;
  return make_assignment (kind, texts, sqlite3_column_int64 (stmt, SEEN));
}

gboolean
vfpool_ledger_is_assignment (sqlite3_stmt *stmt) {
  g_autofree VfpoolAssignment *assignment = read_assignment (stmt);

  return assignment != NULL;
}

GPtrArray *
vfpool_ledger_assignments (VfpoolLedger *self, GError **error) {
  g_autoptr (GPtrArray) assignments = g_ptr_array_new_with_free_func (g_free);
  sqlite3_stmt *stmt = vfpool_ledger_prepare (
      self, "SELECT " VFPOOL_LEDGER_ASSIGNMENT_COLUMNS " FROM assignment ORDER BY guest_kind, guest_id, slot",
      READ_ASSIGNMENTS, error);
  int rc = SQLITE_ERROR;

  while (stmt && (rc = sqlite3_step (stmt)) == SQLITE_ROW) {
    VfpoolAssignment *assignment = read_assignment (stmt);
    if (assignment)
      g_ptr_array_add (assignments, assignment);
  }
  if (stmt && rc != SQLITE_DONE)
    vfpool_ledger_fail_lesser (self, rc, READ_ASSIGNMENTS, error);
  sqlite3_finalize (stmt);
  return rc == SQLITE_DONE ? g_steal_pointer (&assignments) : NULL;
}

/* ---- Assignments: writing ---- */

/* Runs @stmt to its end and frees it. @n: (out): rows that it changed. */
static gboolean
change_assignments (VfpoolLedger *self, sqlite3_stmt *stmt, guint *n, GError **error) {
  int rc = sqlite3_step (stmt);

  sqlite3_finalize (stmt);
  *n = (guint)sqlite3_changes (self->db);
  return rc == SQLITE_DONE || vfpool_ledger_fail_lesser (self, rc, WRITE_ASSIGNMENTS, error);
}

/* A statement with ?1 to ?8 bound to what @lease says, seen now. */
static sqlite3_stmt *
prepare_for (VfpoolLedger *self, const char *sql, const VfpoolLease *lease, GError **error) {
  sqlite3_stmt *stmt = vfpool_ledger_prepare (self, sql, WRITE_ASSIGNMENTS, error);

  if (!stmt)
    return NULL;
  vfpool_ledger_bind_text (stmt, GUEST_KIND, vfpool_guest_kind_to_string (lease->guest_kind));
  vfpool_ledger_bind_text (stmt, GUEST_ID, lease->guest_id);
  vfpool_ledger_bind_text (stmt, SLOT, lease->slot);
  vfpool_ledger_bind_text (stmt, GUEST_NAME, lease->guest_name);
  vfpool_ledger_bind_text (stmt, POOL, lease->pool);
  vfpool_ledger_bind_text (stmt, ADDRESS, lease->address);
  vfpool_ledger_bind_text (stmt, MAC, lease->mac);
  sqlite3_bind_int64 (stmt, SEEN + 1, g_get_real_time ());
  return stmt;
}

static gboolean
drop_oldest (VfpoolLedger *self, GError **error) {
  sqlite3_stmt *stmt = vfpool_ledger_prepare (self, "SELECT count (*) FROM assignment", WRITE_ASSIGNMENTS, error);
  int rc = stmt ? sqlite3_step (stmt) : SQLITE_ERROR;
  gboolean is_full = rc == SQLITE_ROW && sqlite3_column_int (stmt, 0) > MAX_ASSIGNMENTS;

  if (stmt && rc != SQLITE_ROW)
    vfpool_ledger_fail_lesser (self, rc, WRITE_ASSIGNMENTS, error);
  sqlite3_finalize (stmt);
  if (!is_full)
    return rc == SQLITE_ROW;
  rc = sqlite3_exec (self->db,
                     "DELETE FROM assignment WHERE (guest_kind, guest_id, slot) IN"
                     " (SELECT guest_kind, guest_id, slot FROM assignment ORDER BY seen LIMIT " DROPPED_AT_ONCE ")",
                     NULL, NULL, NULL);
  return rc == SQLITE_OK || vfpool_ledger_fail_lesser (self, rc, WRITE_ASSIGNMENTS, error);
}

gboolean
vfpool_ledger_remember (VfpoolLedger *self, const VfpoolLease *lease, GError **error) {
  static const char update[] = "UPDATE assignment SET guest_name = ?4, pool = ?5, address = ?6, mac = ?7, seen = ?8"
                               " WHERE guest_kind = ?1 AND guest_id = ?2 AND slot = ?3";
  static const char insert[] =
      "INSERT INTO assignment (" VFPOOL_LEDGER_ASSIGNMENT_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
  sqlite3_stmt *stmt;
  guint n;

  if (!vfpool_ledger_is_in_transaction (self, error) || !(stmt = prepare_for (self, update, lease, error))
      || !change_assignments (self, stmt, &n, error))
    return FALSE;
  if (n > 0)
    return TRUE;
  stmt = prepare_for (self, insert, lease, error);
  return stmt && change_assignments (self, stmt, &n, error) && drop_oldest (self, error);
}

gboolean
vfpool_ledger_see (VfpoolLedger *self, const VfpoolLease *lease, GError **error) {
  sqlite3_stmt *stmt = prepare_for (self,
                                    "UPDATE assignment SET seen = ?8 WHERE guest_kind = ?1 AND guest_id = ?2"
                                    " AND slot = ?3 AND address = ?6",
                                    lease, error);
  guint n;

  return stmt && change_assignments (self, stmt, &n, error);
}

gboolean
vfpool_ledger_forget (VfpoolLedger *self, VfpoolGuestKind kind, const char *id, gint64 before, guint *n,
                      GError **error) {
  sqlite3_stmt *stmt;

  if (!vfpool_ledger_is_in_transaction (self, error))
    return FALSE;
  stmt = vfpool_ledger_prepare (self,
                                "DELETE FROM assignment WHERE seen < ?1"
                                " AND (?3 IS NULL OR (guest_kind = ?2 AND guest_id = ?3))"
                                " AND NOT EXISTS (SELECT 1 FROM lease AS held"
                                " WHERE held.guest_kind = assignment.guest_kind"
                                " AND held.guest_id = assignment.guest_id"
                                " AND held.slot = assignment.slot AND held.state <> 'quarantined')",
                                "forget what guests had", error);
  if (!stmt)
    return FALSE;
  sqlite3_bind_int64 (stmt, 1, before);
  vfpool_ledger_bind_text (stmt, 1, vfpool_guest_kind_to_string (kind));
  vfpool_ledger_bind_text (stmt, 2, id);
  return change_assignments (self, stmt, n, error);
}

/* ---- Cordons ---- */

enum { CORDON_ADDRESS, CORDON_REASON, CORDON_SINCE };

static void
free_cordon (gpointer data) {
  VfpoolCordon *cordon = data;

  g_free (cordon->address);
  g_free (cordon->reason);
  g_free (cordon);
}

/* For g_free(); NULL: it is none. */
static char *
read_cordon_address (sqlite3_stmt *stmt) {
  g_autofree char *address = vfpool_ledger_column_text (stmt, CORDON_ADDRESS);

  return address && vfpool_address_is_normal (address) ? g_steal_pointer (&address) : NULL;
}

gboolean
vfpool_ledger_is_cordon (sqlite3_stmt *stmt) {
  g_autofree char *address = read_cordon_address (stmt);

  return address != NULL;
}

sqlite3_stmt *
vfpool_ledger_select_cordons (VfpoolLedger *self, GError **error) {
  return vfpool_ledger_prepare (self, "SELECT " VFPOOL_LEDGER_CORDON_COLUMNS " FROM cordon", "read the cordons", error);
}

static int
compare_cordons (gconstpointer a, gconstpointer b) {
  const VfpoolCordon *const *first = a;
  const VfpoolCordon *const *second = b;

  return vfpool_address_compare ((*first)->address, (*second)->address);
}

/* A row that makes no sense cordons nothing. Whoever opens the ledger for writing next keeps it aside. */
static int
read_cordons (sqlite3_stmt *stmt, GPtrArray *cordons) {
  int rc;

  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW) {
    char *address = read_cordon_address (stmt);
    VfpoolCordon *cordon = address ? g_new (VfpoolCordon, 1) : NULL;

    if (!cordon)
      continue;
    *cordon = (VfpoolCordon){ address, vfpool_ledger_column_text (stmt, CORDON_REASON),
                              sqlite3_column_int64 (stmt, CORDON_SINCE) };
    g_ptr_array_add (cordons, cordon);
  }
  return rc;
}

GPtrArray *
vfpool_ledger_cordons (VfpoolLedger *self, GError **error) {
  g_autoptr (GPtrArray) cordons = g_ptr_array_new_with_free_func (free_cordon);
  sqlite3_stmt *stmt = vfpool_ledger_select_cordons (self, error);
  int rc = stmt ? read_cordons (stmt, cordons) : SQLITE_ERROR;

  if (stmt && rc != SQLITE_DONE)
    vfpool_ledger_fail (self, rc, "read the cordons", error);
  sqlite3_finalize (stmt);
  if (rc != SQLITE_DONE)
    return NULL;
  g_ptr_array_sort (cordons, compare_cordons);
  return g_steal_pointer (&cordons);
}

/* Runs @stmt to its end and frees it. */
static gboolean
change_cordon (VfpoolLedger *self, sqlite3_stmt *stmt, GError **error) {
  int rc = sqlite3_step (stmt);

  sqlite3_finalize (stmt);
  return rc == SQLITE_DONE || vfpool_ledger_fail (self, rc, WRITE_CORDONS, error);
}

gboolean
vfpool_ledger_add_cordon (VfpoolLedger *self, const VfpoolCordon *cordon, GError **error) {
  sqlite3_stmt *stmt;

  if (!vfpool_ledger_is_in_transaction (self, error))
    return FALSE;
  stmt = vfpool_ledger_prepare (
      self, "INSERT OR REPLACE INTO cordon (" VFPOOL_LEDGER_CORDON_COLUMNS ") VALUES (?, ?, ?)", WRITE_CORDONS, error);
  if (!stmt)
    return FALSE;
  vfpool_ledger_bind_text (stmt, CORDON_ADDRESS, cordon->address);
  vfpool_ledger_bind_text (stmt, CORDON_REASON, cordon->reason);
  sqlite3_bind_int64 (stmt, CORDON_SINCE + 1, cordon->since);
  return change_cordon (self, stmt, error);
}

gboolean
vfpool_ledger_remove_cordon (VfpoolLedger *self, const char *address, gboolean *existed, GError **error) {
  sqlite3_stmt *stmt;

  if (!vfpool_ledger_is_in_transaction (self, error))
    return FALSE;
  stmt = vfpool_ledger_prepare (self, "DELETE FROM cordon WHERE address = ?", WRITE_CORDONS, error);
  if (!stmt)
    return FALSE;
  vfpool_ledger_bind_text (stmt, 0, address);
  if (!change_cordon (self, stmt, error))
    return FALSE;
  *existed = sqlite3_changes (self->db) > 0;
  return TRUE;
}
