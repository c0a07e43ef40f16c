/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transactions of the ledger, and how SQLite's answers become sentences. Opening is in ledger-file.c, the tables are in
 * ledger-schema.c, rows in ledger-rows.c; what can be saved of a damaged one is in ledger-salvage.c.
 */
#include "ledger-private.h"
#include "lock-holder.h"
#include "printable.h"

#include <errno.h>
#include <sched.h>
#include <sys/stat.h>

gboolean
vfpool_ledger_rc_is_damage (int rc) {
  return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

VfpoolError
vfpool_ledger_errno_code (int err) {
  if (err == EACCES || err == EPERM || err == EROFS)
    return VFPOOL_ERROR_DENIED;
  return err ? VFPOOL_ERROR_KERNEL : VFPOOL_ERROR_CORRUPT;
}

/* It may quote what stands in a damaged file. */
char *
vfpool_ledger_said (const VfpoolLedger *self) {
  return printable_copy (sqlite3_errmsg (self->db), 200);
}

/* What SQLite could not do because the kernel refused (@err) says nothing about the file. */
static VfpoolError
code_of (int rc, int err) {
  switch (rc & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
  case SQLITE_PROTOCOL: /* lost the race for the log's index too often */
    return VFPOOL_ERROR_BUSY;
  case SQLITE_READONLY:
  case SQLITE_PERM:
  case SQLITE_AUTH:
    return VFPOOL_ERROR_DENIED;
  case SQLITE_IOERR:
  case SQLITE_FULL:
    return vfpool_ledger_errno_code (err ? err : EIO); /* SQLite does not always keep the number */
  case SQLITE_CANTOPEN:
    return vfpool_ledger_errno_code (err);
  default:
    return VFPOOL_ERROR_CORRUPT;
  }
}

static gboolean
is_out_of_space (int rc, int err) {
  return (rc & 0xff) == SQLITE_FULL || err == ENOSPC || err == EDQUOT;
}

static void
fail_busy (const VfpoolLedger *self, const char *doing, GError **error) {
  g_autofree char *log_index = g_strconcat (self->path, "-shm", NULL); /* where writers lock each other out */
  g_autofree char *holder = vfpool_lock_holder ((const char *[]){ log_index, self->path, NULL });

  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY,
               "cannot %s: %s held %s for more than %d s; nothing was changed, try again; end that process if it hangs "
               "(fuser -v %s shows all that have it open)",
               doing, holder, self->path, VFPOOL_LEDGER_WAIT / 1000, self->path);
}

gboolean
vfpool_ledger_fail (VfpoolLedger *self, int rc, const char *doing, GError **error) {
  int err = sqlite3_system_errno (self->db);
  g_autofree char *said = vfpool_ledger_said (self);
  VfpoolError code = code_of (rc, err);

  if (vfpool_ledger_rc_is_damage (rc)) {
    self->met_damage = TRUE;
    g_set_error (error, VFPOOL_ERROR, code,
                 "cannot %s: %s is damaged (%s); nothing was changed; " VFPOOL_LEDGER_WHAT_NEXT, doing, self->path,
                 said);
  } else if (is_out_of_space (rc, err)) {
    g_set_error (error, VFPOOL_ERROR, code,
                 "cannot %s: no space is left for %s; nothing was changed; make room on its file system and try again",
                 doing, self->path);
  } else if ((rc & 0xff) == SQLITE_IOERR && code == VFPOOL_ERROR_KERNEL) {
    g_set_error (
        error, VFPOOL_ERROR, code,
        "cannot %s: %s: %s; nothing was changed; the disk does not give or take what it should (dmesg tells more): "
        "if that lasts, move the file with its -wal and -shm to a good one, or to another name: then the next "
        "vfpool command makes a new one from what the kernel shows",
        doing, self->path, said);
  } else if (code == VFPOOL_ERROR_BUSY) {
    fail_busy (self, doing, error);
  } else {
    g_set_error (error, VFPOOL_ERROR, code, "cannot %s: %s: %s%s%s%s; nothing was changed", doing, self->path, said,
                 err ? " (" : "", err ? g_strerror (err) : "", err ? ")" : "");
  }
  return FALSE;
}

gboolean
vfpool_ledger_fail_lesser (VfpoolLedger *self, int rc, const char *doing, GError **error) {
  if ((rc & 0xff) == SQLITE_IOERR)
    self->met_damage = TRUE;
  return vfpool_ledger_fail (self, rc, doing, error);
}

sqlite3_stmt *
vfpool_ledger_prepare (VfpoolLedger *self, const char *sql, const char *doing, GError **error) {
  sqlite3_stmt *stmt = NULL;
  int rc = sqlite3_prepare_v2 (self->db, sql, -1, &stmt, NULL);

  if (rc != SQLITE_OK)
    vfpool_ledger_fail (self, rc, doing, error);
  return stmt;
}

gboolean
vfpool_ledger_run (VfpoolLedger *self, const char *sql, const char *doing, GError **error) {
  int rc = sqlite3_exec (self->db, sql, NULL, NULL, NULL);

  return rc == SQLITE_OK || vfpool_ledger_fail (self, rc, doing, error);
}

void
vfpool_ledger_close (VfpoolLedger *self) {
  if (!self)
    return;
  vfpool_ledger_rollback (self);
  sqlite3_close (self->db);
  g_free (self->path);
  g_free (self->replaced_because);
  g_free (self);
}

const char *
vfpool_ledger_replaced_because (const VfpoolLedger *self) {
  return self->replaced_because;
}

gboolean
vfpool_ledger_has_met_damage (const VfpoolLedger *self) {
  return self->met_damage;
}

/* ---- Transactions ---- */

gboolean
vfpool_ledger_is_at_path (const VfpoolLedger *self) {
  struct stat st;

  return lstat (self->path, &st) == 0 && st.st_dev == self->dev && st.st_ino == self->ino;
}

static gboolean
is_still_at_path (const VfpoolLedger *self, GError **error) {
  if (vfpool_ledger_is_at_path (self))
    return TRUE;
  g_set_error (
      error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY,
      "the ledger %s was replaced by another process while this one had it open; nothing was changed, try again",
      self->path);
  return FALSE;
}

/*
 * Who has the lock must not be put aside for others that want to run: on a host where many guests start at once that takes
 * many times longer than all that is done under the lock, and everybody waits for it. So the thread goes before
 * ordinary ones from just before it takes the lock until it has given it back. Without the permission it is done
 * without.
 */
static void
go_first (VfpoolLedger *self) {
  const struct sched_param first = { .sched_priority = 1 };
  int policy = sched_getscheduler (0);

  self->policy = -1;
  if (policy >= 0 && policy != SCHED_FIFO && policy != SCHED_RR && policy != SCHED_DEADLINE
      && sched_setscheduler (0, SCHED_FIFO, &first) == 0)
    self->policy = policy;
}

static void
go_in_turn (VfpoolLedger *self) {
  const struct sched_param ordinary = { 0 };

  if (self->policy >= 0)
    sched_setscheduler (0, self->policy, &ordinary);
  self->policy = -1;
}

gboolean
vfpool_ledger_begin (VfpoolLedger *self, GError **error) {
  if (sqlite3_db_readonly (self->db, "main")) { /* SQLite would begin, and refuse only the first change */
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_DENIED,
                 "cannot change the ledger %s: it was opened for looking only", self->path);
    return FALSE;
  }
  go_first (self);
  if (!vfpool_ledger_run (self, "BEGIN IMMEDIATE", "change the ledger", error)) {
    go_in_turn (self);
    return FALSE;
  }
  self->in_transaction = TRUE;
  if (is_still_at_path (self, error) && vfpool_ledger_is_known_still (self, error))
    return TRUE;
  vfpool_ledger_rollback (self);
  return FALSE;
}

gboolean
vfpool_ledger_is_in_transaction (const VfpoolLedger *self, GError **error) {
  if (self->in_transaction && !sqlite3_get_autocommit (self->db))
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_CORRUPT,
               "cannot change the ledger %s outside a transaction; nothing was changed", self->path);
  return FALSE;
}

gboolean
vfpool_ledger_commit (VfpoolLedger *self, GError **error) {
  if (!self->in_transaction)
    return TRUE;
  if (sqlite3_get_autocommit (self->db)) {
    vfpool_ledger_rollback (self);
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_CORRUPT,
                 "cannot change the ledger %s: the transaction was undone by an earlier failure; nothing was changed",
                 self->path);
    return FALSE;
  }
  if (!is_still_at_path (self, error) || !vfpool_ledger_run (self, "COMMIT", "change the ledger", error)) {
    vfpool_ledger_rollback (self);
    return FALSE;
  }
  self->in_transaction = FALSE;
  go_in_turn (self);
  return TRUE;
}

void
vfpool_ledger_rollback (VfpoolLedger *self) {
  if (!self->in_transaction)
    return;
  self->in_transaction = FALSE;
  if (!sqlite3_get_autocommit (self->db))
    sqlite3_exec (self->db, "ROLLBACK", NULL, NULL, NULL);
  if (self->met_damage)
    vfpool_ledger_mark_damaged (self);
  go_in_turn (self);
}
