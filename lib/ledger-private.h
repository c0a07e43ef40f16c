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
/* The same of what is worth less than that a guest gets a VF or gives it back: the history, and what guests had. SQLite
 * writes no more in a transaction that has met damage there, so the change fails, but it leaves a mark
 * (vfpool_ledger_rollback()), and is made again on a new ledger (handle.c). For that a page that the disk does not give is
 * damage too: writing begins at the commit, so an I/O error before is one of reading. */
gboolean vfpool_ledger_fail_lesser (VfpoolLedger *self, int rc, const char *doing, GError **error);
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

/* The same since version 2: a guest is not known to have been seen with its VF. */
#define VFPOOL_LEDGER_NEWER_COLUMNS(COLUMN) COLUMN (attached, 0)

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
/* Whether a newer vfpool has not upgraded the tables since the ledger was opened: a process that was not restarted would write rows
 * without what is new in them, and undo what it does not know of. What cannot be read shows elsewhere. */
gboolean vfpool_ledger_is_known_still (VfpoolLedger *self, GError **error);

/* Whether every lease and cordon can be read and makes sense; as vfpool_ledger_examine(). */
VfpoolLedgerHealth vfpool_ledger_examine_rows (VfpoolLedger *self, char **damage, GError **error);

/* What a text is read by and must be, wherever it stands. */

/* Text without a NUL in it, or NULL, for g_free(). Names and reasons are only shown, so they are made UTF-8 and not refused. */
char *vfpool_ledger_column_text (sqlite3_stmt *stmt, int column);
/* Binds @text (nullable), made UTF-8, as what stands in @column, counted from 0. */
void vfpool_ledger_bind_text (sqlite3_stmt *stmt, int column, const char *text);
gboolean vfpool_ledger_is_word (const char *text); /* printable ASCII without blanks, not empty, not endless */
gboolean vfpool_ledger_is_mac (const char *text);

/* ---- What is remembered (ledger-memory.c) ---- */

#define VFPOOL_LEDGER_ASSIGNMENT_COLUMNS "guest_kind, guest_id, slot, guest_name, pool, address, mac, seen"
#define VFPOOL_LEDGER_CORDON_COLUMNS "address, reason, since"

/* Notes that the guest of @lease was seen now, if what is remembered of its slot is this VF. */
gboolean vfpool_ledger_see (VfpoolLedger *self, const VfpoolLease *lease, GError **error);
/* A statement that gives whole cordons. For sqlite3_finalize(). */
sqlite3_stmt *vfpool_ledger_select_cordons (VfpoolLedger *self, GError **error);
/* Whether the row of these columns that @stmt is at makes sense. */
gboolean vfpool_ledger_is_cordon (sqlite3_stmt *stmt);
gboolean vfpool_ledger_is_assignment (sqlite3_stmt *stmt);

/* ---- Damage (ledger-salvage.c) ---- */

/* Leaves a mark that the file is not in order though its leases can be read, best effort. */
void vfpool_ledger_mark_damaged (VfpoolLedger *self);
gboolean vfpool_ledger_is_marked_damaged (VfpoolLedger *self);
/* Copies the leases, the cordons, what guests had and the history that can still be read of @from, which may be damaged in any
 * way, into @to, a new ledger. FALSE: @to could not be written. */
gboolean vfpool_ledger_salvage (VfpoolLedger *from, VfpoolLedger *to, GError **error);
