/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger: that rows come back as they were written, that the two rules (one lease a VF, one VF a slot) hold against
 * any number of processes, that a bad file is kept aside once and never lost, and that kill -9 at any moment leaves
 * each acknowledged lease there and none by half.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger-private.h"
#include "tree.h"

#define ONE "0000:01:10.0"
#define TWO "0000:01:10.2"
#define UUID "2b2f4d1e-0000-4000-8000-000000000001"

typedef struct {
  char *root;
  char *folder;
  char *path;
} Fixture;

static int
setup (void **state) {
  Fixture *f = g_new0 (Fixture, 1);

  f->root = g_dir_make_tmp ("vfpool-ledger-XXXXXX", NULL);
  f->folder = g_strconcat (f->root, "/var/lib/vfpool", NULL);
  f->path = g_strconcat (f->folder, "/ledger.db", NULL);
  assert_int_equal (chmod (f->root, 0755), 0);
  *state = f;
  return 0;
}

static int
teardown (void **state) {
  Fixture *f = *state;

  remove_tree (f->root);
  g_free (f->root);
  g_free (f->folder);
  g_free (f->path);
  g_free (f);
  return 0;
}

static void
put (const char *path, const void *data, size_t length) {
  FILE *file = fopen (path, "w");

  assert_non_null (file);
  assert_int_equal (fwrite (data, 1, length, file), length);
  assert_int_equal (fclose (file), 0);
}

static void
assert_error (const GError *error, VfpoolError code, const char *part) {
  if (!error)
    fail_msg ("no error, expected \"%s\"", part);
  if (!g_error_matches (error, VFPOOL_ERROR, code) || !strstr (error->message, part))
    fail_msg ("expected code %d and \"%s\", not %d: %s", code, part, error->code, error->message);
}

static void
assert_ok (gboolean ok, const GError *error) {
  if (!ok)
    fail_msg ("%s", error ? error->message : "no error set");
}

static VfpoolLedger *
opened (const Fixture *f) {
  g_autoptr (GError) error = NULL;
  g_autofree char *replaced = NULL;
  VfpoolLedger *ledger = vfpool_ledger_open (f->root, &replaced, &error);

  assert_ok (ledger != NULL, error);
  assert_null (replaced);
  return ledger;
}

static VfpoolLease *
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

static gboolean
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

static void
added (VfpoolLedger *ledger, const char *address, const char *guest, const char *slot) {
  g_autoptr (GError) error = NULL;
  assert_ok (add (ledger, address, guest, slot, &error), error);
}

static VfpoolLease *
found (VfpoolLedger *ledger, const char *address) {
  g_autoptr (GError) error = NULL;
  VfpoolLease *lease = NULL;

  assert_ok (vfpool_ledger_find (ledger, address, &lease, &error), error);
  return lease;
}

static guint
count (VfpoolLedger *ledger) {
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) leases = vfpool_ledger_leases (ledger, &error);

  assert_ok (leases != NULL, error);
  return leases->len;
}

/* Runs SQL on the file behind the ledger's back; the first column of the last row as text, for g_free(). */
static char *
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

static void
assert_sql (const char *path, const char *statement, const char *expected) {
  g_autofree char *answer = sql (path, statement);
  assert_string_equal (answer, expected);
}

/* ---- Rows ---- */

static void
makes_folder_and_file (void **state) {
  const Fixture *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f);
  gboolean needs = TRUE;
  struct stat st;

  assert_int_equal (stat (f->folder, &st), 0);
  assert_int_equal (st.st_mode & 07777, 0700);
  assert_int_equal (stat (f->path, &st), 0);
  assert_int_equal (st.st_mode & 07777, 0600);
  assert_true (vfpool_ledger_needs_rebuild (ledger, &needs, NULL));
  assert_false (needs); /* nothing was lost */
  assert_int_equal (count (ledger), 0);
  assert_sql (f->path, "PRAGMA journal_mode", "wal");
  assert_sql (f->path, "PRAGMA user_version", "2");
}

static void
lease_comes_back_whole (void **state) {
  const Fixture *f = *state;
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLedger) ledger = opened (f);
  g_autoptr (VfpoolLease) lease = make_lease (ONE, UUID, "net0");
  g_autoptr (VfpoolLease) back = NULL;
  const VfpoolVfnet saved = { "00:00:00:00:00:00", 7, 3, 0x88a8, 1, 0, 10, 1000, 2 };

  lease->guest_kind = VFPOOL_GUEST_LIBVIRT;
  lease->guest_name = g_strdup ("web'; DROP TABLE lease; -- \xc3\xa4");
  lease->state = VFPOOL_LEASE_QUARANTINED;
  lease->by_pool = TRUE;
  lease->mac = g_strdup ("52:54:00:00:00:01");
  lease->vlan = 4094;
  lease->has_saved = TRUE;
  lease->saved = saved;
  lease->worker_pid = 4194304;
  lease->worker_start = G_GINT64_CONSTANT (9876543210);
  lease->since = G_GINT64_CONSTANT (1700000000000000);
  lease->reason = g_strdup ("the driver\nsaid \xff no");
  assert_ok (vfpool_ledger_begin (ledger, &error) && vfpool_ledger_add (ledger, lease, &error)
                 && vfpool_ledger_commit (ledger, &error),
             error);
  assert_true (lease->serial > 0);
  assert_sql (f->path, "SELECT instr (hex (reason), 'FF') FROM lease", "0"); /* no byte that is not UTF-8 */
  g_clear_pointer (&ledger, vfpool_ledger_close);
  ledger = opened (f);
  back = found (ledger, ONE);
  assert_non_null (back);
  assert_int_equal (back->serial, lease->serial);
  assert_int_equal (back->guest_kind, VFPOOL_GUEST_LIBVIRT);
  assert_string_equal (back->guest_id, UUID);
  assert_string_equal (back->guest_name, lease->guest_name);
  assert_string_equal (back->slot, "net0");
  assert_string_equal (back->pool, "lan");
  assert_int_equal (back->state, VFPOOL_LEASE_QUARANTINED);
  assert_true (back->by_pool && back->has_saved);
  assert_string_equal (back->mac, lease->mac);
  assert_int_equal (back->vlan, 4094);
  assert_string_equal (back->saved.mac, saved.mac);
  assert_int_equal (back->saved.vlan, 7);
  assert_int_equal (back->saved.vlan_qos, 3);
  assert_int_equal (back->saved.vlan_proto, 0x88a8);
  assert_int_equal (back->saved.trust, 1);
  assert_int_equal (back->saved.spoof_check, 0);
  assert_int_equal (back->saved.min_rate, 10);
  assert_int_equal (back->saved.max_rate, 1000);
  assert_int_equal (back->saved.link_state, 2);
  assert_string_equal (back->boot_id, "boot");
  assert_true (back->worker_pid == lease->worker_pid && back->worker_start == lease->worker_start);
  assert_true (back->since == lease->since);
  assert_non_null (strstr (back->reason, "said \xef\xbf\xbd no"));
  assert_null (found (ledger, TWO));
}

static void
leases_are_sorted (void **state) {
  static const char *const order[] = { "0000:01:10.0", "0000:0a:00.0", "fffe:00:00.0", "10000:00:00.0" };
  const Fixture *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f);
  g_autoptr (GPtrArray) leases = NULL;

  for (int i = G_N_ELEMENTS (order) - 1; i >= 0; i--)
    added (ledger, order[i], "a", order[i]);
  leases = vfpool_ledger_leases (ledger, NULL);
  assert_int_equal (leases->len, G_N_ELEMENTS (order));
  for (guint i = 0; i < leases->len; i++)
    assert_string_equal (vfpool_lease_get_address (leases->pdata[i]), order[i]);
}

static void
nothing_is_held_twice (void **state) {
  const Fixture *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f);
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLease) lease = NULL;

  added (ledger, ONE, "a", "net0");
  assert_false (add (ledger, ONE, "b", "net0", &error));
  assert_error (error, VFPOOL_ERROR_IN_USE, ONE " is already leased to manual/a");
  g_clear_error (&error);
  assert_false (add (ledger, TWO, "a", "net0", &error));
  assert_error (error, VFPOOL_ERROR_IN_USE, "manual/a already holds " ONE);
  g_clear_error (&error);
  added (ledger, TWO, "a", "net1");
  assert_int_equal (count (ledger), 2);

  /* A quarantined VF blocks itself, but not its guest's slot. */
  lease = found (ledger, ONE);
  lease->state = VFPOOL_LEASE_QUARANTINED;
  assert_ok (vfpool_ledger_begin (ledger, &error) && vfpool_ledger_update (ledger, lease, FALSE, &error)
                 && vfpool_ledger_commit (ledger, &error),
             error);
  assert_false (add (ledger, ONE, "b", "net0", &error));
  assert_error (error, VFPOOL_ERROR_IN_USE, ONE);
  added (ledger, "0000:01:10.4", "a", "net0");
}

static void
only_the_lease_that_was_read_is_changed (void **state) {
  const Fixture *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f);
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLease) old = NULL;
  g_autoptr (VfpoolLease) now = NULL;
  gint64 serial;

  added (ledger, ONE, "a", "net0");
  old = found (ledger, ONE);
  now = found (ledger, ONE);
  serial = now->serial;
  now->state = VFPOOL_LEASE_ACTIVE;
  assert_ok (vfpool_ledger_begin (ledger, &error) && vfpool_ledger_update (ledger, now, TRUE, &error), error);
  assert_true (now->serial > serial);
  assert_false (vfpool_ledger_update (ledger, old, FALSE, &error));
  assert_error (error, VFPOOL_ERROR_BUSY, ONE);
  g_clear_error (&error);
  assert_false (vfpool_ledger_remove (ledger, old, &error));
  assert_error (error, VFPOOL_ERROR_BUSY, "another process");
  g_clear_error (&error);
  assert_ok (vfpool_ledger_remove (ledger, now, &error) && vfpool_ledger_commit (ledger, &error), error);
  assert_int_equal (count (ledger), 0);
  added (ledger, ONE, "a", "net0");
  g_clear_pointer (&old, vfpool_lease_unref);
  old = found (ledger, ONE);
  assert_true (old->serial > now->serial); /* never given twice */
}

static void
rollback_undoes_all (void **state) {
  const Fixture *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f);
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLease) lease = make_lease (ONE, "a", "net0");

  vfpool_ledger_rollback (ledger); /* outside a transaction: nothing */
  assert_true (vfpool_ledger_commit (ledger, NULL));
  assert_ok (vfpool_ledger_begin (ledger, &error) && vfpool_ledger_add (ledger, lease, &error), error);
  assert_int_equal (count (ledger), 1);
  vfpool_ledger_rollback (ledger);
  assert_int_equal (count (ledger), 0);
  assert_false (vfpool_ledger_add (ledger, lease, &error));
  assert_error (error, VFPOOL_ERROR_CORRUPT, "outside a transaction");
}

/* Two that both begin by reading could not both go on to write. */
static void
begin_takes_the_lock (void **state) {
  const Fixture *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f);
  sqlite3 *other = NULL;

  assert_int_equal (sqlite3_open (f->path, &other), SQLITE_OK);
  assert_true (vfpool_ledger_begin (ledger, NULL));
  assert_int_equal (sqlite3_exec (other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_BUSY);
  vfpool_ledger_rollback (ledger);
  assert_int_equal (sqlite3_exec (other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close (other);
}

static void
nonsense_is_not_written (void **state) {
  const Fixture *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f);
  g_autoptr (GError) error = NULL;
  static const struct {
    const char *address, *guest, *slot;
    int vlan;
    const char *mac, *says;
  } rows[] = {
    { "01:10.0", "a", "net0", 0, NULL, "address" },
    { NULL, "a", "net0", 0, NULL, "address" },
    { "0000:01:10.A", "a", "net0", 0, NULL, "address" },
    { ONE, "", "net0", 0, NULL, "guest_id" },
    { ONE, "a", NULL, 0, NULL, "slot" },
    { ONE, "a b", "net0", 0, NULL, "guest_id" },
    { ONE, "a", "net0", 4096, NULL, "vlan" },
    { ONE, "a", "net0", -2, NULL, "vlan" },
    { ONE, "a", "net0", 0, "52:54:00", "mac" },
    { ONE, "a", "net0", 0, "52-54-00-00-00-01", "mac" },
  };

  assert_ok (vfpool_ledger_begin (ledger, &error), error);
  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (VfpoolLease) lease = make_lease (rows[i].address, rows[i].guest, rows[i].slot);

    lease->vlan = rows[i].vlan;
    lease->mac = g_strdup (rows[i].mac);
    assert_false (vfpool_ledger_add (ledger, lease, &error));
    assert_error (error, VFPOOL_ERROR_BAD_INPUT, rows[i].says);
    g_clear_error (&error);
  }
  vfpool_ledger_rollback (ledger);
}

static void
history_is_bounded (void **state) {
  const Fixture *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f);
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLease) lease = make_lease (ONE, "a", "net0");

  assert_ok (vfpool_ledger_begin (ledger, &error), error);
  for (int i = 0; i < 10050; i++)
    assert_ok (vfpool_ledger_note (ledger, lease, "released", "put back", &error), error);
  assert_ok (vfpool_ledger_commit (ledger, &error), error);
  assert_sql (f->path, "SELECT count (*) || ' ' || min (id) FROM history", "10000 51");
}

/* The log is folded into the file now and then, so neither grows with the number of processes that come and go. */
static void
log_stays_small (void **state) {
  const Fixture *f = *state;
  g_autofree char *log = g_strconcat (f->path, "-wal", NULL);
  struct stat st;
  off_t largest = 0;

  for (int i = 0; i < 300; i++) {
    g_autoptr (VfpoolLedger) ledger = opened (f);
    g_autofree char *slot = g_strdup_printf ("s%d", i);
    g_autoptr (VfpoolLease) lease = NULL;

    added (ledger, ONE, "a", slot);
    lease = found (ledger, ONE);
    assert_true (vfpool_ledger_begin (ledger, NULL) && vfpool_ledger_remove (ledger, lease, NULL)
                 && vfpool_ledger_commit (ledger, NULL));
    if (stat (log, &st) == 0)
      largest = MAX (largest, st.st_size);
  }
  assert_true (largest > 0);
  assert_in_range (largest, 1, 200 * 4120);
}

/* ---- The lock ---- */

/* Whether this machine lets us go before ordinary threads. */
static gboolean
may_go_first (void) {
  const struct sched_param first = { .sched_priority = 1 }, ordinary = { 0 };

  return sched_setscheduler (0, SCHED_FIFO, &first) == 0 && sched_setscheduler (0, SCHED_OTHER, &ordinary) == 0;
}

/* Only as long as a thread has the lock it goes before others, however that ends. */
static void
holder_goes_first (void **state) {
  const Fixture *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f);
  const int first = may_go_first () ? SCHED_FIFO : SCHED_OTHER;

  assert_true (vfpool_ledger_begin (ledger, NULL));
  assert_int_equal (sched_getscheduler (0), first);
  assert_true (vfpool_ledger_commit (ledger, NULL));
  assert_int_equal (sched_getscheduler (0), SCHED_OTHER);
  assert_true (vfpool_ledger_begin (ledger, NULL));
  vfpool_ledger_rollback (ledger);
  assert_int_equal (sched_getscheduler (0), SCHED_OTHER);
  assert_true (vfpool_ledger_begin (ledger, NULL));
  g_clear_pointer (&ledger, vfpool_ledger_close);
  assert_int_equal (sched_getscheduler (0), SCHED_OTHER);
}

static void
wait_is_bounded (void **state) {
  const Fixture *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f), other = opened (f);
  g_autoptr (GError) error = NULL;

  assert_true (vfpool_ledger_begin (other, NULL));
  ledger->wait = 50;
  assert_false (vfpool_ledger_begin (ledger, &error));
  assert_error (error, VFPOOL_ERROR_BUSY, "another process held");
  vfpool_ledger_rollback (other);
  assert_int_equal (sched_getscheduler (0), SCHED_OTHER);
  /* The next wait begins anew. */
  assert_true (vfpool_ledger_begin (ledger, NULL));
}

/* ---- Read-only ---- */

static void
reader_makes_nothing (void **state) {
  const Fixture *f = *state;
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLedger) ledger = NULL;
  g_autoptr (VfpoolLedger) reader = NULL;

  assert_null (vfpool_ledger_open_readonly (f->root, &error));
  assert_error (error, VFPOOL_ERROR_NOT_FOUND, f->path);
  assert_false (g_file_test (f->folder, G_FILE_TEST_EXISTS));
  g_clear_error (&error);
  ledger = opened (f);
  added (ledger, ONE, "a", "net0");
  assert_true (vfpool_ledger_begin (ledger, NULL)); /* a writer in the way is none */
  reader = vfpool_ledger_open_readonly (f->root, &error);
  assert_ok (reader != NULL, error);
  assert_int_equal (count (reader), 1);
  assert_false (vfpool_ledger_begin (reader, &error));
  assert_error (error, VFPOOL_ERROR_DENIED, f->path);
}

static void
reader_repairs_nothing (void **state) {
  const Fixture *f = *state;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  g_mkdir_with_parents (f->folder, 0700);
  put (f->path, "garbage", 7);
  assert_null (vfpool_ledger_open_readonly (f->root, &error));
  assert_error (error, VFPOOL_ERROR_CORRUPT, "the next vfpool command");
  assert_true (g_file_get_contents (f->path, &text, NULL, NULL));
  assert_string_equal (text, "garbage");
}

/* ---- Bad files ---- */

/* Opens what was damaged: it must be kept aside, and an empty ledger be there that wants to be rebuilt. Returns where
 * the old one went, for g_free(). */
static char *
assert_replaced (const Fixture *f) {
  g_autoptr (GError) error = NULL;
  g_autofree char *replaced = NULL;
  g_autofree char *prefix = g_strconcat (f->path, ".unusable-", NULL);
  g_autoptr (VfpoolLedger) ledger = vfpool_ledger_open (f->root, &replaced, &error);
  g_autoptr (VfpoolLedger) other = NULL;
  gboolean needs = FALSE;

  assert_ok (ledger != NULL, error);
  if (!replaced || !g_str_has_prefix (replaced, prefix))
    fail_msg ("kept aside as %s", replaced ? replaced : "nothing");
  assert_true (g_file_test (replaced, G_FILE_TEST_EXISTS));
  assert_int_equal (count (ledger), 0);
  other = opened (f);
  assert_ok (vfpool_ledger_needs_rebuild (other, &needs, &error), error);
  assert_true (needs);                                    /* the other one was told nothing, but can see it */
  assert_false (vfpool_ledger_set_rebuilt (other, NULL)); /* not outside a transaction */
  assert_ok (vfpool_ledger_begin (other, &error) && vfpool_ledger_set_rebuilt (other, &error)
                 && vfpool_ledger_commit (other, &error),
             error);
  assert_ok (vfpool_ledger_needs_rebuild (ledger, &needs, &error), error);
  assert_false (needs);
  return g_steal_pointer (&replaced);
}

static void
make_ledger (const Fixture *f) {
  g_autoptr (VfpoolLedger) ledger = opened (f);

  added (ledger, ONE, "a", "net0");
  added (ledger, TWO, "a", "net1");
}

static void
spoil_bytes (const char *path, off_t offset, size_t length, int byte) {
  g_autofree char *bytes = g_malloc (length);
  int fd = open (path, O_WRONLY);

  memset (bytes, byte, length);
  assert_true (fd >= 0);
  assert_int_equal (pwrite (fd, bytes, length, offset), length);
  close (fd);
}

#define FOLD "PRAGMA wal_checkpoint (TRUNCATE);"

static const struct {
  const char *what;
  const char *before; /* SQL that is run first, or NULL */
  const char *file;   /* after ledger.db; "" for itself */
  off_t truncate;     /* -1: not */
  off_t offset;
  size_t length; /* of bytes overwritten */
  int byte;
} damages[] = {
  { "all overwritten", FOLD, "", -1, 0, 40960, 0xa5 },
  { "header overwritten", FOLD, "", -1, 0, 100, 0 },
  { "empty", FOLD, "", 0, 0, 0, 0 },
  { "cut within the header", FOLD, "", 50, 0, 0, 0 },
  { "cut after the first page", FOLD, "", 4096, 0, 0, 0 },
  { "leases' page overwritten", FOLD, "", -1, 4096, 4096, 0x5a },
  { "log overwritten", NULL, "-wal", -1, 0, 8192, 0x33 },
  { "log cut within its header", NULL, "-wal", 10, 0, 0, 0 },
  { "schema page's cells overwritten", FOLD, "", -1, 100, 200, 0xff },
  { "another's application id", "PRAGMA application_id = 7;" FOLD, "", -1, 0, 0, 0 },
  { "no version", "PRAGMA user_version = 0;" FOLD, "", -1, 0, 0, 0 },
  { "negative version", "PRAGMA user_version = -1;" FOLD, "", -1, 0, 0, 0 },
  { "no leases", "DROP TABLE lease;" FOLD, "", -1, 0, 0, 0 },
  { "no rule for slots", "DROP INDEX lease_slot;" FOLD, "", -1, 0, 0, 0 },
  { "no history", "DROP TABLE history;" FOLD, "", -1, 0, 0, 0 },
  { "no counter", "DELETE FROM meta WHERE name = 'serial';" FOLD, "", -1, 0, 0, 0 },
  { "a lease in no state", "PRAGMA ignore_check_constraints = 1; UPDATE lease SET state = 'lost';" FOLD, "", -1, 0, 0,
    0 },
};

static void
damaged_ledger_is_kept_aside (void **state) {
  const Fixture *f = *state;

  for (size_t i = 0; i < G_N_ELEMENTS (damages); i++) {
    g_autofree char *file = g_strconcat (f->path, damages[i].file, NULL);
    g_autofree char *replaced = NULL;

    print_message ("           %s\n", damages[i].what);
    remove_tree (f->folder);
    make_ledger (f);
    if (damages[i].before)
      g_free (sql (f->path, damages[i].before));
    if (damages[i].truncate >= 0)
      assert_int_equal (truncate (file, damages[i].truncate), 0);
    if (damages[i].length)
      spoil_bytes (file, damages[i].offset, damages[i].length, damages[i].byte);
    replaced = assert_replaced (f);
  }
}

static void
nothing_kept_aside_is_overwritten (void **state) {
  const Fixture *f = *state;
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer name;

  g_mkdir_with_parents (f->folder, 0700);
  for (int i = 0; i < 5; i++) { /* within one second, by one process */
    char text[] = { (char)('0' + i), 0 };
    put (f->path, text, 1);
    g_hash_table_insert (names, assert_replaced (f), GINT_TO_POINTER (i));
  }
  assert_int_equal (g_hash_table_size (names), 5);
  g_hash_table_iter_init (&iter, names);
  for (gpointer i; g_hash_table_iter_next (&iter, &name, &i);) {
    g_autofree char *text = NULL;
    assert_true (g_file_get_contents (name, &text, NULL, NULL));
    assert_int_equal (text[0], '0' + GPOINTER_TO_INT (i));
  }
}

/* Opens: it must be refused in words that name @file and hold @part, and nothing may have been moved or written. */
static void
assert_refused (const Fixture *f, const char *file, const char *part) {
  g_autofree char *replaced = NULL;
  g_autoptr (GError) error = NULL;
  struct stat before, after;

  assert_int_equal (lstat (file, &before), 0);
  assert_null (vfpool_ledger_open (f->root, &replaced, &error));
  assert_error (error, VFPOOL_ERROR_DENIED, part);
  assert_error (error, VFPOOL_ERROR_DENIED, file);
  assert_null (replaced);
  assert_int_equal (lstat (file, &after), 0);
  assert_true (before.st_ino == after.st_ino && before.st_size == after.st_size);
}

/* Everything that could have been planted while the folder was open to others, in the place of each file. */
static void
files_of_others_are_refused (void **state) {
  static const char *const files[] = { "ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.lock" };
  const Fixture *f = *state;
  g_autofree char *victim = g_build_filename (f->root, "victim", NULL);

  put (victim, "secret", 6);
  for (size_t i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *file = g_build_filename (f->folder, files[i], NULL);
    g_autofree char *text = NULL;

    remove_tree (f->folder);
    g_mkdir_with_parents (f->folder, 0700);
    assert_int_equal (symlink (victim, file), 0);
    assert_refused (f, file, "symbolic link");
    g_remove (file);
    assert_int_equal (link (victim, file), 0);
    assert_refused (f, file, "hard links");
    g_remove (file);
    assert_int_equal (g_mkdir (file, 0700), 0);
    assert_refused (f, file, "a folder");
    g_rmdir (file);
    put (file, "", 0);
    assert_int_equal (chmod (file, 0620), 0);
    assert_refused (f, file, "chmod go-w");
    assert_int_equal (chmod (file, 0602), 0);
    assert_refused (f, file, "chmod go-w");
    assert_int_equal (chmod (file, 0600), 0);
    if (geteuid () == 0) {
      assert_int_equal (chown (file, 65534, 0), 0);
      assert_refused (f, file, "user 65534");
    }
    assert_true (g_file_get_contents (victim, &text, NULL, NULL));
    assert_string_equal (text, "secret");
  }
}

static void
folders_of_others_are_refused (void **state) {
  const Fixture *f = *state;
  static const char *const folders[] = { "/var", "/var/lib" };

  make_ledger (f);
  for (size_t i = 0; i < G_N_ELEMENTS (folders); i++) {
    g_autofree char *folder = g_strconcat (f->root, folders[i], NULL);

    assert_int_equal (chmod (folder, 0775), 0);
    assert_refused (f, folder, "chmod go-w");
    assert_int_equal (chmod (folder, 0757), 0);
    assert_refused (f, folder, "chmod go-w");
    assert_int_equal (chmod (folder, 0755), 0);
    if (geteuid () != 0)
      continue;
    assert_int_equal (chown (folder, 65534, 0), 0);
    assert_refused (f, folder, "user 65534");
    assert_int_equal (chown (folder, 0, 0), 0);
  }
  vfpool_ledger_close (opened (f));
}

/* The file alone was removed; its log is there. An old log must not be played into a new file. */
static void
log_without_file_is_kept_aside (void **state) {
  const Fixture *f = *state;
  g_autofree char *replaced = NULL;

  make_ledger (f);
  assert_int_equal (g_remove (f->path), 0);
  replaced = assert_replaced (f);
  assert_true (g_str_has_suffix (replaced, "-wal"));
}

/* As a process leaves it that died after it had kept the old one aside. */
static void
unfinished_replacement_is_finished (void **state) {
  const Fixture *f = *state;
  g_autofree char *unfinished = g_strconcat (f->path, ".new", NULL);
  g_autoptr (VfpoolLedger) ledger = NULL;
  gboolean needs = FALSE;

  g_mkdir_with_parents (f->folder, 0700);
  put (unfinished, "half", 4);
  ledger = opened (f);
  assert_true (vfpool_ledger_needs_rebuild (ledger, &needs, NULL));
  assert_true (needs);
  assert_false (g_file_test (unfinished, G_FILE_TEST_EXISTS));
}

static void
newer_ledger_is_left_alone (void **state) {
  const Fixture *f = *state;
  g_autoptr (GError) error = NULL;
  g_autofree char *replaced = NULL;

  make_ledger (f);
  g_free (sql (f->path, "DROP TABLE history; PRAGMA user_version = 3;"));
  assert_null (vfpool_ledger_open (f->root, &replaced, &error));
  assert_error (error, VFPOOL_ERROR_CORRUPT, "newer vfpool");
  assert_null (replaced);
  assert_sql (f->path, "SELECT count (*) FROM lease", "2");
}

/* A ledger of the version before keeps its leases and gains what is new. */
static void
older_ledger_is_upgraded (void **state) {
  static const char *const new_columns[] = {
    "vlan_proto", "trust", "spoof_check", "min_rate", "max_rate", "link_state"
  };
  const Fixture *f = *state;
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLedger) ledger = NULL;
  g_autoptr (VfpoolLease) lease = NULL;

  make_ledger (f);
  for (size_t i = 0; i < G_N_ELEMENTS (new_columns); i++) {
    g_autofree char *drop = g_strdup_printf ("ALTER TABLE lease DROP COLUMN saved_%s", new_columns[i]);
    g_free (sql (f->path, drop));
  }
  g_free (sql (f->path, "DROP TABLE member; PRAGMA user_version = 1;"));
  assert_null (vfpool_ledger_open_readonly (f->root, &error));
  assert_error (error, VFPOOL_ERROR_CORRUPT, "an older vfpool: run `vfpool reconcile` once");
  ledger = opened (f);
  assert_sql (f->path, "PRAGMA user_version", "2");
  assert_sql (f->path, "SELECT count (*) FROM lease", "2");
  lease = found (ledger, ONE);
  assert_int_equal (lease->saved.vlan_proto, 0x8100);
  assert_int_equal (lease->saved.trust, -1);
  assert_int_equal (lease->saved.max_rate, -1);
  assert_int_equal (lease->saved.link_state, -1);
  assert_true (vfpool_ledger_begin (ledger, NULL) && vfpool_ledger_update (ledger, lease, FALSE, NULL)
               && vfpool_ledger_commit (ledger, NULL));
}

/* Rows that SQLite finds in order, but that make no sense. */
static void
nonsense_in_a_row_is_named (void **state) {
  static const char *const columns[] = {
    "address = 'zz'",
    "guest_id = ''",
    "guest_id = 'a' || char (0) || 'b'",
    "slot = 'a b'",
    "pool = ''",
    "mac = 'no'",
    "vlan = 5000",
    "saved_vlan = -9",
    "saved_qos = 8",
    "saved_mac = '00:00:00:00:00:00:00'",
    "saved_trust = 2",
    "saved_link_state = 3",
    "saved_max_rate = -2",
    "boot_id = ''",
    "vlan = 4294967296000000",
    "worker_pid = -1",
  };
  const Fixture *f = *state;

  for (size_t i = 0; i < G_N_ELEMENTS (columns); i++) {
    g_autofree char *update = g_strdup_printf ("UPDATE lease SET %s WHERE address = '" ONE "'", columns[i]);
    g_autoptr (GError) error = NULL;
    g_autoptr (VfpoolLedger) ledger = NULL;

    remove_tree (f->folder);
    make_ledger (f);
    g_free (sql (f->path, update));
    ledger = opened (f);
    if (strstr (columns[i], "4294967296000000"))
      continue; /* cut to 32 bits it is 0: no harm */
    assert_null (vfpool_ledger_leases (ledger, &error));
    assert_error (error, VFPOOL_ERROR_CORRUPT, i == 0 ? "row of zz" : "row of " ONE);
  }
}

static void
damage_met_later_is_an_error (void **state) {
  const Fixture *f = *state;
  g_autoptr (VfpoolLedger) ledger = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *page = NULL;

  make_ledger (f);
  page = sql (f->path, FOLD "SELECT rootpage FROM sqlite_schema WHERE name = 'history'");
  spoil_bytes (f->path, (atoi (page) - 1) * 4096, 4096, 0x5a);
  ledger = opened (f); /* the history is not looked at */
  assert_int_equal (count (ledger), 2);
  assert_false (add (ledger, "0000:01:10.4", "b", "net0", &error));
  assert_error (error, VFPOOL_ERROR_CORRUPT, "nothing was changed. Move it");
  assert_int_equal (count (ledger), 2);
}

static void
exchanged_file_is_noticed (void **state) {
  const Fixture *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f);
  g_autoptr (GError) error = NULL;
  g_autofree char *aside = g_strconcat (f->path, ".aside", NULL);

  assert_true (vfpool_ledger_begin (ledger, NULL));
  assert_int_equal (rename (f->path, aside), 0);
  assert_false (vfpool_ledger_commit (ledger, &error));
  assert_error (error, VFPOOL_ERROR_BUSY, "replaced by another process");
  g_clear_error (&error);
  assert_false (vfpool_ledger_begin (ledger, &error));
  assert_error (error, VFPOOL_ERROR_BUSY, "replaced by another process");
}

/* Random bytes anywhere: an answer or an error, never a crash; the sanitizers watch. */
static void
survives_noise (void **state) {
  const Fixture *f = *state;
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autofree char *whole = NULL;
  gsize length;

  make_ledger (f);
  g_free (sql (f->path, FOLD));
  assert_true (g_file_get_contents (f->path, &whole, &length, NULL));
  for (int round = 0; round < 150; round++) {
    g_autofree char *bytes = g_memdup2 (whole, length);
    g_autofree char *replaced = NULL;
    g_autoptr (GError) error = NULL;
    g_autoptr (VfpoolLedger) ledger = NULL;
    g_autoptr (GPtrArray) leases = NULL;

    remove_tree (f->folder);
    g_mkdir_with_parents (f->folder, 0700);
    for (int n = g_rand_int_range (rand, 1, 40); n > 0; n--)
      bytes[g_rand_int_range (rand, 0, length)] = (char)g_rand_int (rand);
    put (f->path, bytes, length);
    ledger = vfpool_ledger_open (f->root, &replaced, &error);
    assert_true ((ledger != NULL) != (error != NULL));
    leases = ledger ? vfpool_ledger_leases (ledger, &error) : NULL;
    assert_true ((leases != NULL) != (error != NULL));
    g_clear_error (&error);
    if (ledger && !add (ledger, "0000:01:10.4", "b", "net0", &error))
      assert_non_null (error);
  }
}

/* ---- Folders ---- */

static void
bad_folder_is_refused (void **state) {
  const Fixture *f = *state;
  g_autofree char *parent = g_path_get_dirname (f->folder);
  g_autofree char *elsewhere = g_build_filename (f->root, "elsewhere", NULL);
  g_autofree char *replaced = NULL;
  g_autoptr (GError) error = NULL;

  g_mkdir_with_parents (parent, 0755);
  g_mkdir (elsewhere, 0700);
  assert_int_equal (symlink (elsewhere, f->folder), 0);
  assert_null (vfpool_ledger_open (f->root, &replaced, &error));
  assert_error (error, VFPOOL_ERROR_DENIED, "symbolic link");
  assert_non_null (strstr (error->message, f->folder));
  g_clear_error (&error);
  g_remove (f->folder);
  put (f->folder, "", 0);
  assert_null (vfpool_ledger_open (f->root, &replaced, &error));
  assert_error (error, VFPOOL_ERROR_DENIED, "no folder");
  g_clear_error (&error);
  g_remove (f->folder);
  g_mkdir (f->folder, 0700);
  assert_int_equal (chmod (f->folder, 0720), 0);
  assert_null (vfpool_ledger_open (f->root, &replaced, &error));
  assert_error (error, VFPOOL_ERROR_DENIED, "0700");
  g_clear_error (&error);
  if (geteuid () != 0)
    return;
  assert_int_equal (chmod (f->folder, 0700), 0);
  assert_int_equal (chown (f->folder, 65534, 65534), 0);
  assert_null (vfpool_ledger_open (f->root, &replaced, &error));
  assert_error (error, VFPOOL_ERROR_DENIED, "does not belong to root");
}

/* In a process of its own, whose status this is: the opening fails with @code, and the message names @part. */
static int
opening_fails (const Fixture *f, int code, const char *part) {
  g_autofree char *replaced = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLedger) ledger = vfpool_ledger_open (f->root, &replaced, &error);

  if (!ledger && g_error_matches (error, VFPOOL_ERROR, code) && strstr (error->message, part))
    return 0;
  fprintf (stderr, "%s\n", error ? error->message : "no error");
  return 1;
}

static int
open_is_denied (const Fixture *f, const char *path) {
  if (geteuid () == 0 && setuid (65534) != 0)
    return 2;
  return opening_fails (f, VFPOOL_ERROR_DENIED, path);
}

/* No file may grow: what a full disk is like. */
static int
open_finds_no_room (const Fixture *f, const char *part) {
  const struct rlimit none = { 0, 0 };

  signal (SIGXFSZ, SIG_IGN);
  if (setrlimit (RLIMIT_FSIZE, &none) != 0)
    return 2;
  return opening_fails (f, VFPOOL_ERROR_KERNEL, part);
}

/* @child, in a process of its own, finds all as it should be. */
static void
assert_in_child (int (*child) (const Fixture *f, const char *part), const Fixture *f, const char *part) {
  int status;
  pid_t pid = fork ();

  if (pid == 0)
    _exit (child (f, part));
  assert_int_equal (waitpid (pid, &status, 0), pid);
  assert_int_equal (status, 0);
}

static void
assert_denied_for_others (const Fixture *f, const char *path) {
  assert_in_child (open_is_denied, f, path);
}

/* The kernel's answer, not vfpool's own fault, and nothing half made stays in the way. */
static void
write_that_the_kernel_refuses_is_no_internal_error (void **state) {
  const Fixture *f = *state;
  g_autofree char *replaced = NULL;
  g_autoptr (GError) error = NULL;

  assert_in_child (open_finds_no_room, f, "make the ledger");
  vfpool_ledger_close (vfpool_ledger_open (f->root, &replaced, &error));
  assert_null (error);
}

static void
unwritable_folder_is_denied (void **state) {
  const Fixture *f = *state;

  assert_denied_for_others (f, f->folder); /* cannot be made */
  if (geteuid () != 0)
    return;
  g_mkdir_with_parents (f->folder, 0755);
  assert_denied_for_others (f, f->folder); /* is root's */
  assert_int_equal (chmod (f->folder, 0500), 0);
  assert_int_equal (chown (f->folder, 65534, 65534), 0);
  assert_denied_for_others (f, f->folder); /* is one's own, but may not be written */
}

/* ---- Several processes ---- */

/* Starts @n children that all wait for one moment, and returns how many ended with 0; more than 1 is a failure of its
 * own. */
static int
race (const Fixture *f, int n, int (*child) (const Fixture *f, int i)) {
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

static int
add_the_same (const Fixture *f, int i) {
  g_autofree char *replaced = NULL;
  g_autofree char *guest = g_strdup_printf ("g%d", i);
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLedger) ledger = vfpool_ledger_open (f->root, &replaced, &error);

  if (ledger && add (ledger, ONE, guest, "net0", &error))
    return 0;
  if (g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE))
    return 1;
  fprintf (stderr, "%s\n", error->message);
  return 2;
}

static void
one_of_many_gets_the_vf (void **state) {
  const Fixture *f = *state;

  for (int round = 0; round < 10; round++) {
    remove_tree (f->folder); /* so that making the ledger is raced for too */
    assert_int_equal (race (f, 8, add_the_same), 1);
    assert_sql (f->path, "SELECT count (*) FROM lease", "1");
  }
}

static int
open_garbage (const Fixture *f, int i) {
  g_autofree char *replaced = NULL;
  g_autofree char *slot = g_strdup_printf ("s%d", i);
  g_autofree char *address = g_strdup_printf ("0000:01:10.%d", i);
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLedger) ledger = vfpool_ledger_open (f->root, &replaced, &error);
  gboolean needs = FALSE;

  if (!ledger || !vfpool_ledger_needs_rebuild (ledger, &needs, &error) || !needs
      || !add (ledger, address, "a", slot, &error)) {
    fprintf (stderr, "%s\n", error ? error->message : "no rebuild needed");
    return 2;
  }
  return replaced ? 0 : 1;
}

static int
count_kept_aside (const Fixture *f) {
  g_autoptr (GDir) dir = g_dir_open (f->folder, 0, NULL);
  int n = 0;

  for (const char *name; (name = g_dir_read_name (dir));)
    n += strstr (name, "unusable") != NULL;
  return n;
}

static void
garbage_is_replaced_once (void **state) {
  const Fixture *f = *state;

  for (int round = 0; round < 10; round++) {
    int n = round % 2 ? 8 : 2;
    g_autofree char *expected = g_strdup_printf ("%d", n);

    remove_tree (f->folder);
    g_mkdir_with_parents (f->folder, 0700);
    put (f->path, "garbage garbage garbage", 23);
    assert_int_equal (race (f, n, open_garbage), 1);
    assert_int_equal (count_kept_aside (f), 1);
    assert_sql (f->path, "SELECT count (*) FROM lease", expected); /* all of them used the same new one */
  }
}

/* Two leases in each transaction, so that a half is seen; each is acknowledged only after its commit. */
static void
add_until_killed (const Fixture *f, int round, int report) {
  g_autofree char *replaced = NULL;
  g_autoptr (VfpoolLedger) ledger = vfpool_ledger_open (f->root, &replaced, NULL);

  for (int i = 0; ledger && i < 8000; i++) {
    g_autofree char *guest = g_strdup_printf ("%d-%d", round, i);
    g_autofree char *first = g_strdup_printf ("%04x:%02x:%02x.0", round, i / 32, i % 32);
    g_autofree char *second = g_strdup_printf ("%04x:%02x:%02x.1", round, i / 32, i % 32);
    g_autoptr (VfpoolLease) a = make_lease (first, guest, "a");
    g_autoptr (VfpoolLease) b = make_lease (second, guest, "b");

    if (!vfpool_ledger_begin (ledger, NULL) || !vfpool_ledger_add (ledger, a, NULL)
        || !vfpool_ledger_note (ledger, a, "acquired", NULL, NULL) || !vfpool_ledger_add (ledger, b, NULL)
        || !vfpool_ledger_note (ledger, b, "acquired", NULL, NULL) || !vfpool_ledger_commit (ledger, NULL))
      _exit (1);
    if (write (report, &i, sizeof i) != sizeof i)
      _exit (1);
  }
  pause ();
  _exit (1);
}

/* Kills a child at a random moment; returns how many transactions it said it had done. */
static int
kill_one (const Fixture *f, int round, guint microseconds) {
  int report[2], i, acknowledged = 0, status;
  pid_t pid;

  assert_int_equal (pipe (report), 0);
  pid = fork ();
  if (pid == 0) {
    close (report[0]);
    add_until_killed (f, round, report[1]);
  }
  close (report[1]);
  g_usleep (microseconds);
  assert_int_equal (kill (pid, SIGKILL), 0);
  assert_int_equal (waitpid (pid, &status, 0), pid);
  assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
  while (read (report[0], &i, sizeof i) == sizeof i)
    acknowledged = i + 1;
  close (report[0]);
  return acknowledged;
}

/* Every acknowledged guest has both its leases, at most one more that had no time to say so, and none has one only. */
static void
assert_whole (VfpoolLedger *ledger, int round, int acknowledged) {
  g_autoptr (GPtrArray) leases = vfpool_ledger_leases (ledger, NULL);
  g_autofree char *prefix = g_strdup_printf ("%d-", round);
  g_autofree int *seen = g_new0 (int, acknowledged + 1);

  assert_non_null (leases);
  for (guint n = 0; n < leases->len; n++) {
    const char *guest = vfpool_lease_get_guest_id (leases->pdata[n]);
    if (!g_str_has_prefix (guest, prefix))
      continue;
    assert_in_range (atoi (guest + strlen (prefix)), 0, acknowledged);
    seen[atoi (guest + strlen (prefix))]++;
  }
  for (int i = 0; i < acknowledged; i++)
    assert_int_equal (seen[i], 2);
  assert_true (seen[acknowledged] == 0 || seen[acknowledged] == 2);
}

static void
kill_at_any_moment_loses_nothing (void **state) {
  const Fixture *f = *state;
  g_autoptr (GRand) rand = g_rand_new ();
  int total = 0;

  for (int round = 0; round < 50; round++) {
    /* Every fifth starts with no ledger, so that the making of one is hit too. */
    int acknowledged;
    g_autoptr (VfpoolLedger) ledger = NULL;

    if (round % 5 == 0)
      remove_tree (f->folder);
    acknowledged = kill_one (f, round, (guint)g_rand_int_range (rand, 0, round % 5 == 0 ? 20000 : 60000));
    ledger = opened (f);
    assert_whole (ledger, round, acknowledged);
    assert_sql (f->path, "PRAGMA integrity_check", "ok");
    total += acknowledged;
  }
  print_message ("           %d transactions were acknowledged\n", total);
  assert_true (total > 50);
}

int
main (void) {
#define CASE(f) cmocka_unit_test_setup_teardown (f, setup, teardown)
  const struct CMUnitTest tests[] = {
    CASE (makes_folder_and_file),
    CASE (lease_comes_back_whole),
    CASE (leases_are_sorted),
    CASE (nothing_is_held_twice),
    CASE (only_the_lease_that_was_read_is_changed),
    CASE (rollback_undoes_all),
    CASE (begin_takes_the_lock),
    CASE (nonsense_is_not_written),
    CASE (history_is_bounded),
    CASE (log_stays_small),
    CASE (holder_goes_first),
    CASE (wait_is_bounded),
    CASE (reader_makes_nothing),
    CASE (reader_repairs_nothing),
    CASE (damaged_ledger_is_kept_aside),
    CASE (nothing_kept_aside_is_overwritten),
    CASE (files_of_others_are_refused),
    CASE (folders_of_others_are_refused),
    CASE (log_without_file_is_kept_aside),
    CASE (unfinished_replacement_is_finished),
    CASE (newer_ledger_is_left_alone),
    CASE (older_ledger_is_upgraded),
    CASE (nonsense_in_a_row_is_named),
    CASE (damage_met_later_is_an_error),
    CASE (exchanged_file_is_noticed),
    CASE (survives_noise),
    CASE (bad_folder_is_refused),
    CASE (unwritable_folder_is_denied),
    CASE (write_that_the_kernel_refuses_is_no_internal_error),
    CASE (one_of_many_gets_the_vf),
    CASE (garbage_is_replaced_once),
    CASE (kill_at_any_moment_loses_nothing),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
