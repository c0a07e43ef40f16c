/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the ledger share: the handle, and how SQLite's answers become errors. Used by the ledger
 * only. */
#pragma once

#include "ledger.h"

#include <sqlite3.h>
#include <sys/types.h>

struct _VfpoolLedger {
  sqlite3 *db;
  char *path; /* of ledger.db */
  dev_t dev;  /* which file that was when it was opened */
  ino_t ino;
  gboolean in_transaction;
  gboolean met_damage;    /* what is not in order was met: whoever opens it next must be told */
  char *replaced_because; /* what was wrong with the one that it stands in for, when this process replaced it */
  int policy;             /* how the thread was scheduled before it took the lock; -1: that was left as it was */
  int wait;               /* longest wait for another process, in ms */
  gint64 wait_until;      /* when the wait that is going on ends, by the monotonic clock */
};

/* Longest wait for another process, in ms. Nothing slow happens under the lock, so only a stuck process gets there. */
#define VFPOOL_LEDGER_WAIT 5000

/* What becomes of damage, for messages. */
#define VFPOOL_LEDGER_WHAT_NEXT                                                                                        \
  "the next vfpool command that changes something (`vfpool reconcile`) keeps it aside and makes a new one from what "  \
  "can still be read of it and what the kernel shows"

/* Whether SQLite's answer @rc says that the file itself is bad. */
gboolean vfpool_ledger_rc_is_damage (int rc);
/* The error that the failed system call's @err stands for; 0: none failed. */
VfpoolError vfpool_ledger_errno_code (int err);
/* What SQLite said last, in a form that fits into a message; for g_free(). */
char *vfpool_ledger_said (const VfpoolLedger *self);
/* Sets the error for @rc: "cannot @doing: ...". Returns FALSE, to be returned in turn. */
gboolean vfpool_ledger_fail (VfpoolLedger *self, int rc, const char *doing, GError **error);
/* Runs statements that give no rows; @doing as above. */
gboolean vfpool_ledger_run (VfpoolLedger *self, const char *sql, const char *doing, GError **error);
/* Makes a statement; NULL with an error. For sqlite3_finalize(). */
sqlite3_stmt *vfpool_ledger_prepare (VfpoolLedger *self, const char *sql, const char *doing, GError **error);

/* Whether a transaction was begun; what changes something without one is a mistake of its caller. */
gboolean vfpool_ledger_is_in_transaction (const VfpoolLedger *self, GError **error);

/* The columns of a lease that are new since version 1, and what a lease of that version is taken to say: nothing, so that these
 * attributes of its VF are left alone. */
#define VFPOOL_LEDGER_NEW_COLUMNS(COLUMN)                                                                              \
  COLUMN (saved_vlan_proto, 33024)                                                                                     \
  COLUMN (saved_trust, -1)                                                                                             \
  COLUMN (saved_spoof_check, -1)                                                                                       \
  COLUMN (saved_min_rate, 0)                                                                                           \
  COLUMN (saved_max_rate, -1)                                                                                          \
  COLUMN (saved_link_state, -1)

/* Makes the tables in an empty database, all or nothing. @needs_rebuild: it stands in for one that was lost. */
gboolean vfpool_ledger_create_tables (VfpoolLedger *self, gboolean needs_rebuild, GError **error);

typedef enum {
  VFPOOL_LEDGER_GOOD,
  VFPOOL_LEDGER_OLDER,   /* a whole one of an earlier version, for vfpool_ledger_upgrade() */
  VFPOOL_LEDGER_DAMAGED, /* it is no ledger, or one that cannot be trusted */
  VFPOOL_LEDGER_FAILED,  /* not the file's fault; the error is set */
} VfpoolLedgerHealth;

/* Looks whether the open database is a whole ledger of this version. @damage: (out): what is wrong with it, for
 * g_free(). */
VfpoolLedgerHealth vfpool_ledger_examine (VfpoolLedger *self, char **damage, GError **error);
/* Gives an older ledger what it lacks, all or nothing. Its leases stay. Then examines it, as above. */
VfpoolLedgerHealth vfpool_ledger_upgrade (VfpoolLedger *self, char **damage, GError **error);

/* ---- Rows, for salvage (ledger-rows.c) ---- */

/* A statement that gives whole leases, of a ledger of any version; @rest: what follows the table in it ("ORDER BY ..."). For
 * sqlite3_finalize(). */
sqlite3_stmt *vfpool_ledger_select_leases (VfpoolLedger *self, const char *rest, GError **error);
/* The lease in the row that @stmt is at, or NULL: @wrong says what makes no sense in it, for g_free(). */
VfpoolLease *vfpool_ledger_read_row (sqlite3_stmt *stmt, char **wrong);
/* As vfpool_ledger_add(), but the lease keeps its serial. */
gboolean vfpool_ledger_add_as_is (VfpoolLedger *self, const VfpoolLease *lease, GError **error);
/* Whether every lease can be read and makes sense; as vfpool_ledger_examine(). */
VfpoolLedgerHealth vfpool_ledger_examine_rows (VfpoolLedger *self, char **damage, GError **error);

/* ---- Damage (ledger-salvage.c) ---- */

/* Leaves a mark that the file is not in order though its leases can be read, best effort. */
void vfpool_ledger_mark_damaged (VfpoolLedger *self);
gboolean vfpool_ledger_is_marked_damaged (VfpoolLedger *self);
/* Copies the leases and the history that can still be read of @from, which may be damaged in any way, into @to, a new
 * ledger. FALSE: @to could not be written. */
gboolean vfpool_ledger_salvage (VfpoolLedger *from, VfpoolLedger *to, GError **error);
