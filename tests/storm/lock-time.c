/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long the ledger's lock is waited for and held. The linker puts these functions before the library's own (--wrap), so the
 * library that is measured is the one that is installed.
 */
#include "storm.h"
#include "ledger.h"

#include <sqlite3.h>
#include <stdlib.h>

/* A wait is bounded by five seconds; a busy machine may be late to notice. */
#define WAIT_MAX_US (15 * G_USEC_PER_SEC)

gboolean __real_vfpool_ledger_begin (VfpoolLedger *self, GError **error);
int __real_sqlite3_exec (sqlite3 *db, const char *sql, int (*callback) (void *, int, char **, char **), void *data,
                         char **message);
int __real_sqlite3_wal_checkpoint_v2 (sqlite3 *db, const char *name, int mode, int *log, int *folded);
gboolean __wrap_vfpool_ledger_begin (VfpoolLedger *self, GError **error);
int __wrap_sqlite3_exec (sqlite3 *db, const char *sql, int (*callback) (void *, int, char **, char **), void *data,
                         char **message);
int __wrap_sqlite3_wal_checkpoint_v2 (sqlite3 *db, const char *name, int mode, int *log, int *folded);

static gint64 held_since; /* 0: not held */

void
storm_add_sample (StormSamples *samples, gint64 us) {
  guint i = atomic_fetch_add (&samples->n, 1);

  if (i < STORM_MAX_SAMPLES)
    samples->us[i] = (guint32)MIN (us, G_MAXUINT32);
}

static int
compare_samples (const void *a, const void *b) {
  guint32 first = *(const guint32 *)a, second = *(const guint32 *)b;

  return first < second ? -1 : first > second;
}

guint32
storm_percentile (StormSamples *samples, double percent) {
  guint n = MIN (atomic_load (&samples->n), STORM_MAX_SAMPLES);

  if (n == 0)
    return 0;
  qsort (samples->us, n, sizeof samples->us[0], compare_samples);
  return samples->us[MIN (n - 1, (guint)(n * percent / 100))];
}

static void
note_end (void) {
  if (held_since != 0)
    storm_add_sample (&storm_board->held, g_get_monotonic_time () - held_since);
  held_since = 0;
}

gboolean
__wrap_vfpool_ledger_begin (VfpoolLedger *self, GError **error) {
  gint64 begin = g_get_monotonic_time ();
  gboolean ok = __real_vfpool_ledger_begin (self, error);
  gint64 now = g_get_monotonic_time ();

  storm_add_sample (&storm_board->waited, now - begin);
  if (now - begin > WAIT_MAX_US) {
    atomic_fetch_add (&storm_board->overdue, 1);
    storm_say ("the lock was waited for %" G_GINT64_FORMAT " ms", (now - begin) / 1000);
  }
  held_since = ok ? now : 0;
  return ok;
}

/* The lock is given back in here; after it the thread may be put aside for others at any time. */
int
__wrap_sqlite3_exec (sqlite3 *db, const char *sql, int (*callback) (void *, int, char **, char **), void *data,
                     char **message) {
  int rc = __real_sqlite3_exec (db, sql, callback, data, message);

  if (g_str_equal (sql, "COMMIT") || g_str_equal (sql, "ROLLBACK"))
    note_end ();
  return rc;
}

/* Folding the log begins when the commit has given the lock back (sqlite3_wal_hook()), but it is still the commit that has not
 * returned. A passive one never takes the lock again; any other does, and counts. */
int
__wrap_sqlite3_wal_checkpoint_v2 (sqlite3 *db, const char *name, int mode, int *log, int *folded) {
  if (mode == SQLITE_CHECKPOINT_PASSIVE)
    note_end ();
  return __real_sqlite3_wal_checkpoint_v2 (db, name, mode, log, folded);
}
