/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger: that rows come back as they were written, that the two rules (one lease a VF, one VF a slot) hold against
 * any number of processes. Bad files are in test-ledger-damage.c, kill -9 and power cuts in test-ledger-power.c.
 */
#include "ledger-fixture.h"
#include "ledger-private.h"
#include "tree.h"

#include <glib/gstdio.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Rows ---- */

static void
makes_folder_and_file (void **state) {
  const LedgerDir *f = *state;
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
  assert_sql (f->path, "PRAGMA user_version", "5");
}

static void
lease_comes_back_whole (void **state) {
  const LedgerDir *f = *state;
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
  lease->is_attached = TRUE;
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
  assert_true (back->is_attached);
  assert_string_equal (back->boot_id, "boot");
  assert_true (back->worker_pid == lease->worker_pid && back->worker_start == lease->worker_start);
  assert_true (back->since == lease->since);
  assert_non_null (strstr (back->reason, "said \xef\xbf\xbd no"));
  assert_null (found (ledger, TWO));
}

static void
leases_are_sorted (void **state) {
  static const char *const order[] = { "0000:01:10.0", "0000:0a:00.0", "fffe:00:00.0", "10000:00:00.0" };
  const LedgerDir *f = *state;
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
  const LedgerDir *f = *state;
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
  const LedgerDir *f = *state;
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
  const LedgerDir *f = *state;
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
  const LedgerDir *f = *state;
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
  const LedgerDir *f = *state;
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
  const LedgerDir *f = *state;
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
  const LedgerDir *f = *state;
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
  const LedgerDir *f = *state;
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
  const LedgerDir *f = *state;
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
  const LedgerDir *f = *state;
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
  const LedgerDir *f = *state;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  g_mkdir_with_parents (f->folder, 0700);
  put (f->path, "garbage", 7);
  assert_null (vfpool_ledger_open_readonly (f->root, &error));
  assert_error (error, VFPOOL_ERROR_CORRUPT, "the next vfpool command");
  assert_true (g_file_get_contents (f->path, &text, NULL, NULL));
  assert_string_equal (text, "garbage");
}

/* ---- Folders ---- */

static void
bad_folder_is_refused (void **state) {
  const LedgerDir *f = *state;
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
opening_fails (const LedgerDir *f, int code, const char *part) {
  g_autofree char *replaced = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLedger) ledger = vfpool_ledger_open (f->root, &replaced, &error);

  if (!ledger && g_error_matches (error, VFPOOL_ERROR, code) && strstr (error->message, part))
    return 0;
  fprintf (stderr, "%s\n", error ? error->message : "no error");
  return 1;
}

static int
open_is_denied (const LedgerDir *f, const char *path) {
  if (geteuid () == 0 && setuid (65534) != 0)
    return 2;
  return opening_fails (f, VFPOOL_ERROR_DENIED, path);
}

/* No file may grow: what a full disk is like. */
static int
open_finds_no_room (const LedgerDir *f, const char *part) {
  const struct rlimit none = { 0, 0 };

  signal (SIGXFSZ, SIG_IGN);
  if (setrlimit (RLIMIT_FSIZE, &none) != 0)
    return 2;
  return opening_fails (f, VFPOOL_ERROR_KERNEL, part);
}

/* @child, in a process of its own, finds all as it should be. */
static void
assert_in_child (int (*child) (const LedgerDir *f, const char *part), const LedgerDir *f, const char *part) {
  int status;
  pid_t pid = fork ();

  if (pid == 0)
    _exit (child (f, part));
  assert_int_equal (waitpid (pid, &status, 0), pid);
  assert_int_equal (status, 0);
}

static void
assert_denied_for_others (const LedgerDir *f, const char *path) {
  assert_in_child (open_is_denied, f, path);
}

/* The kernel's answer, not vfpool's own fault, and nothing half made stays in the way. */
static void
write_that_the_kernel_refuses_is_no_internal_error (void **state) {
  const LedgerDir *f = *state;
  g_autofree char *replaced = NULL;
  g_autoptr (GError) error = NULL;

  assert_in_child (open_finds_no_room, f, "make the ledger");
  vfpool_ledger_close (vfpool_ledger_open (f->root, &replaced, &error));
  assert_null (error);
}

static void
unwritable_folder_is_denied (void **state) {
  const LedgerDir *f = *state;

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

static int
add_the_same (const LedgerDir *f, int i) {
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
  const LedgerDir *f = *state;

  for (int round = 0; round < 10; round++) {
    remove_tree (f->folder); /* so that making the ledger is raced for too */
    assert_int_equal (race (f, 8, add_the_same), 1);
    assert_sql (f->path, "SELECT count (*) FROM lease", "1");
  }
}

int
main (void) {
#define CASE(f) cmocka_unit_test_setup_teardown (f, ledger_setup, ledger_teardown)
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
    CASE (bad_folder_is_refused),
    CASE (unwritable_folder_is_denied),
    CASE (write_that_the_kernel_refuses_is_no_internal_error),
    CASE (one_of_many_gets_the_vf),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
