/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that are no good: that such a ledger is kept aside once and never lost, that the leases and the history that can still
 * be read of it are in the new one, and that whatever is done to the files ends in an answer or an error.
 */
#include "ledger-fixture.h"
#include "ledger-private.h"
#include "tree.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Bad files ---- */

/* Opens what was damaged: it must be kept aside, and a ledger be there that wants to be rebuilt and has @leases leases. Returns
 * where the old one went, for g_free(). */
static char *
assert_replaced (const LedgerDir *f, guint leases) {
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
  assert_non_null (vfpool_ledger_replaced_because (ledger));
  assert_int_equal (count (ledger), leases);
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

static const struct {
  const char *what;
  const char *before; /* SQL that is run first, or NULL */
  const char *file;   /* after ledger.db; "" for itself */
  off_t truncate;     /* -1: not */
  off_t offset;
  size_t length; /* of bytes overwritten */
  int byte;
  guint leases; /* that can be saved */
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
  { "another's application id", "PRAGMA application_id = 7;" FOLD, "", -1, 0, 0, 0, 2 },
  { "no version", "PRAGMA user_version = 0;" FOLD, "", -1, 0, 0, 0, 2 },
  { "negative version", "PRAGMA user_version = -1;" FOLD, "", -1, 0, 0, 0, 2 },
  { "no leases", "DROP TABLE lease;" FOLD, "", -1, 0, 0, 0 },
  { "no rule for slots", "DROP INDEX lease_slot;" FOLD, "", -1, 0, 0, 0, 2 },
  { "no history", "DROP TABLE history;" FOLD, "", -1, 0, 0, 0, 2 },
  { "no assignments", "DROP TABLE assignment;" FOLD, "", -1, 0, 0, 0, 2 },
  { "no cordons", "DROP TABLE cordon;" FOLD, "", -1, 0, 0, 0, 2 },
  { "no counter", "DELETE FROM meta WHERE name = 'serial';" FOLD, "", -1, 0, 0, 0, 2 },
  { "a lease in no state", "PRAGMA ignore_check_constraints = 1; UPDATE lease SET state = 'lost';" FOLD, "", -1, 0, 0,
    0 },
};

static void
damaged_ledger_is_kept_aside (void **state) {
  const LedgerDir *f = *state;

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
    replaced = assert_replaced (f, damages[i].leases);
  }
}

static void
nothing_kept_aside_is_overwritten (void **state) {
  const LedgerDir *f = *state;
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer name;

  g_mkdir_with_parents (f->folder, 0700);
  for (int i = 0; i < 5; i++) { /* within one second, by one process */
    char text[] = { (char)('0' + i), 0 };
    put (f->path, text, 1);
    g_hash_table_insert (names, assert_replaced (f, 0), GINT_TO_POINTER (i));
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
assert_refused (const LedgerDir *f, const char *file, const char *part) {
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
  static const char *const files[] = { "ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db-journal",
                                       "ledger.lock" };
  const LedgerDir *f = *state;
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
  const LedgerDir *f = *state;
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
  const LedgerDir *f = *state;
  g_autofree char *replaced = NULL;

  make_ledger (f);
  assert_int_equal (g_remove (f->path), 0);
  replaced = assert_replaced (f, 0);
  assert_true (g_str_has_suffix (replaced, "-wal"));
}

/* As a process leaves it that died after it had kept the old one aside. */
static void
unfinished_replacement_is_finished (void **state) {
  const LedgerDir *f = *state;
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
  const LedgerDir *f = *state;
  g_autoptr (GError) error = NULL;
  g_autofree char *replaced = NULL;

  make_ledger (f);
  g_free (sql (f->path, "DROP TABLE history; PRAGMA user_version = 6;"));
  assert_null (vfpool_ledger_open (f->root, &replaced, &error));
  assert_error (error, VFPOOL_ERROR_CORRUPT, "newer vfpool");
  assert_null (replaced);
  assert_sql (f->path, "SELECT count (*) FROM lease", "2");
}

/* A process that runs on while vfpool is upgraded. */
static void
newer_ledger_is_noticed_when_it_becomes_one (void **state) {
  const LedgerDir *f = *state;
  g_autoptr (VfpoolLedger) ledger = NULL;
  g_autoptr (GError) error = NULL;

  make_ledger (f);
  ledger = opened (f);
  assert_true (vfpool_ledger_begin (ledger, NULL));
  assert_true (vfpool_ledger_commit (ledger, NULL));
  g_free (sql (f->path, "PRAGMA user_version = 6;"));
  assert_false (vfpool_ledger_begin (ledger, &error));
  assert_error (error, VFPOOL_ERROR_CORRUPT, "restart the service");
  g_free (sql (f->path, "PRAGMA user_version = 5;")); /* no lock is left */
  assert_true (vfpool_ledger_begin (ledger, NULL));
  vfpool_ledger_rollback (ledger);
}

/* Makes of a ledger one of version 4. */
static void
make_version_4 (const LedgerDir *f) {
  g_free (sql (f->path, "ALTER TABLE lease DROP COLUMN driver; PRAGMA user_version = 4;" FOLD));
}

/* Makes of a ledger one of version 3. */
static void
make_version_3 (const LedgerDir *f) {
  make_version_4 (f);
  g_free (sql (f->path, "ALTER TABLE lease DROP COLUMN attached; PRAGMA user_version = 3;" FOLD));
}

/* Makes of a ledger one of version 2. */
static void
make_version_2 (const LedgerDir *f) {
  make_version_3 (f);
  g_free (sql (f->path, "DROP TABLE assignment; DROP TABLE cordon; PRAGMA user_version = 2;" FOLD));
}

/* Makes of a ledger one of version 1. */
static void
make_version_1 (const LedgerDir *f) {
  static const char *const new_columns[] = {
    "vlan_proto", "trust", "spoof_check", "min_rate", "max_rate", "link_state"
  };

  make_version_2 (f);
  for (size_t i = 0; i < G_N_ELEMENTS (new_columns); i++) {
    g_autofree char *drop = g_strdup_printf ("ALTER TABLE lease DROP COLUMN saved_%s", new_columns[i]);
    g_free (sql (f->path, drop));
  }
  g_free (sql (f->path, "DROP TABLE member; PRAGMA user_version = 1;" FOLD));
}

/* What the ledger of version 1 did not know is left alone; the lease can be written. */
static void
assert_upgraded (const LedgerDir *f, VfpoolLedger *ledger) {
  g_autoptr (VfpoolLease) lease = found (ledger, ONE);

  assert_sql (f->path, "PRAGMA user_version", "5");
  assert_sql (f->path, "SELECT count (*) FROM lease", "2");
  assert_false (lease->is_attached);
  assert_int_equal (lease->saved.vlan_proto, 0x8100);
  assert_int_equal (lease->saved.trust, -1);
  assert_int_equal (lease->saved.spoof_check, -1);
  assert_int_equal (lease->saved.min_rate, 0);
  assert_int_equal (lease->saved.max_rate, -1);
  assert_int_equal (lease->saved.link_state, -1);
  assert_int_equal (lease->driver, VFPOOL_DRIVER_VFIO);
  assert_true (vfpool_ledger_begin (ledger, NULL) && vfpool_ledger_update (ledger, lease, FALSE, NULL)
               && vfpool_ledger_remember (ledger, lease, NULL) && vfpool_ledger_commit (ledger, NULL));
}

/* A ledger of an earlier version keeps its leases and gains what is new. */
static void
older_ledger_is_upgraded (void **state) {
  static void (*const make_older[]) (const LedgerDir *f) = { make_version_1, make_version_2, make_version_3,
                                                             make_version_4 };
  const LedgerDir *f = *state;

  for (size_t i = 0; i < G_N_ELEMENTS (make_older); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VfpoolLedger) ledger = NULL;

    remove_tree (f->folder);
    make_ledger (f);
    g_free (sql (f->path, "UPDATE lease SET saved_vlan_proto = 33024"));
    make_older[i](f);
    assert_null (vfpool_ledger_open_readonly (f->root, &error));
    assert_error (error, VFPOOL_ERROR_CORRUPT, "an older vfpool: run `vfpool reconcile` once");
    ledger = opened (f);
    assert_upgraded (f, ledger);
  }
}

/* One that cannot be brought up to date is damaged, and its leases are saved like those of any other. */
static void
damaged_older_ledger_is_saved (void **state) {
  static const struct {
    void (*make_older) (const LedgerDir *f);
    const char *sql;
  } damages_of_older[] = {
    { make_version_1, "PRAGMA user_version = 0" },
    { make_version_1, "CREATE TABLE member (x)" },
    { make_version_1, "CREATE TABLE cordon (x)" }, /* met in the second step */
    { make_version_1, "ALTER TABLE lease ADD COLUMN saved_trust INTEGER" },
    { make_version_1, "DROP TABLE history" },
    { make_version_3, "DROP TABLE history" },
    { make_version_4, "DROP TABLE history" },
  };
  const LedgerDir *f = *state;

  for (size_t i = 0; i < G_N_ELEMENTS (damages_of_older); i++) {
    g_autofree char *replaced = NULL;
    g_autoptr (VfpoolLedger) ledger = NULL;

    remove_tree (f->folder);
    make_ledger (f);
    g_free (sql (f->path, "UPDATE lease SET saved_vlan_proto = 33024"));
    damages_of_older[i].make_older (f);
    g_free (sql (f->path, damages_of_older[i].sql));
    replaced = assert_replaced (f, 2);
    ledger = opened (f);
    assert_upgraded (f, ledger);
  }
}

/* Rows that SQLite finds in order, but that make no sense. Who only looks is told which; who writes has the other one. */
static void
nonsense_in_a_row_is_left_out (void **state) {
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
    "boot_id = ''",
    "worker_pid = -1",
    "saved_mac = '00:00:00:00:00:00:00'",
    "saved_trust = 2",
    "saved_link_state = 3",
    "saved_max_rate = -2",
  };
  const LedgerDir *f = *state;

  for (size_t i = 0; i < G_N_ELEMENTS (columns); i++) {
    g_autofree char *update = g_strdup_printf ("UPDATE lease SET %s WHERE address = '" ONE "'", columns[i]);
    g_autofree char *replaced = NULL;
    g_autoptr (GError) error = NULL;
    g_autoptr (VfpoolLedger) reader = NULL, ledger = NULL;
    g_autoptr (VfpoolLease) other = NULL;

    remove_tree (f->folder);
    make_ledger (f);
    g_free (sql (f->path, update));
    reader = vfpool_ledger_open_readonly (f->root, &error);
    assert_ok (reader != NULL, error);
    assert_null (vfpool_ledger_leases (reader, &error));
    assert_error (error, VFPOOL_ERROR_CORRUPT, i == 0 ? "row of zz" : "row of " ONE);
    replaced = assert_replaced (f, 1);
    ledger = opened (f);
    other = found (ledger, TWO);
    assert_non_null (other);
  }
}

/* Cut to 32 bits it is 0. */
static void
large_number_does_no_harm (void **state) {
  const LedgerDir *f = *state;
  g_autoptr (VfpoolLedger) ledger = NULL;

  make_ledger (f);
  g_free (sql (f->path, "UPDATE lease SET vlan = 4294967296000000"));
  ledger = opened (f);
  assert_int_equal (count (ledger), 2);
}

/* ---- What is saved ---- */

#define MANY 60
#define LINES 400

static char *
nth_address (int i) {
  return g_strdup_printf ("0000:%02x:%02x.0", i / 32 + 1, i % 32);
}

static VfpoolLease *
nth_lease (int i) {
  g_autofree char *address = nth_address (i);
  g_autofree char *guest = g_strdup_printf ("guest-%d", i);
  VfpoolLease *lease = make_lease (address, guest, "net0");

  lease->guest_name = g_strnfill (120, 'n');
  lease->mac = g_strdup_printf ("52:54:00:00:00:%02x", i);
  lease->vlan = i + 1;
  lease->state = VFPOOL_LEASE_ACTIVE;
  lease->has_saved = TRUE;
  return lease;
}

/* A ledger whose leases and history take several pages each, all in the file. */
static void
make_large_ledger (const LedgerDir *f) {
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLedger) ledger = opened (f);

  assert_ok (vfpool_ledger_begin (ledger, &error), error);
  for (int i = 0; i < MAX (MANY, LINES); i++) {
    g_autoptr (VfpoolLease) lease = nth_lease (i % MANY);
    g_autofree char *detail = g_strdup_printf ("line %d", i);

    if (i < MANY)
      assert_ok (vfpool_ledger_add (ledger, lease, &error), error);
    assert_ok (vfpool_ledger_note (ledger, lease, "acquired", detail, &error), error);
  }
  assert_ok (vfpool_ledger_commit (ledger, &error), error);
  g_clear_pointer (&ledger, vfpool_ledger_close);
  g_free (sql (f->path, FOLD));
}

/* Each lease that is there is one of those that were written, in full. Returns how many there are. */
static int
assert_saved_leases_whole (VfpoolLedger *ledger) {
  int n = 0;

  for (int i = 0; i < MANY; i++) {
    g_autoptr (VfpoolLease) wanted = nth_lease (i);
    g_autoptr (VfpoolLease) lease = found (ledger, wanted->address);

    if (!lease)
      continue;
    assert_string_equal (lease->guest_id, wanted->guest_id);
    assert_string_equal (lease->mac, wanted->mac);
    assert_int_equal (lease->vlan, wanted->vlan);
    assert_int_equal (lease->state, wanted->state);
    assert_true (lease->has_saved && lease->serial > 0);
    n++;
  }
  assert_int_equal (count (ledger), n);
  return n;
}

/* What vfpool does with any ledger: opens it, reads it, changes it; when damage is met on the way, once more. Returns how
 * many leases were there. */
static int
assert_usable (const LedgerDir *f) {
  for (int tries = 0;; tries++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *replaced = NULL;
    g_autoptr (VfpoolLedger) ledger = vfpool_ledger_open (f->root, &replaced, &error);
    int n;

    assert_ok (ledger != NULL, error);
    n = assert_saved_leases_whole (ledger);
    if (add (ledger, "0001:00:00.0", "new", "net0", &error))
      return n;
    if (tries > 0 || !vfpool_ledger_has_met_damage (ledger))
      fail_msg ("%s", error->message);
  }
}

static void
assert_history (const LedgerDir *f, int at_least, const char *first, int last) {
  g_autofree char *lines = sql (f->path, "SELECT count (*) FROM history");
  g_autofree char *from = sql (f->path, "SELECT detail FROM history ORDER BY id LIMIT 1");
  g_autofree char *to = sql (f->path, "SELECT detail FROM history WHERE detail IS NOT NULL ORDER BY id DESC LIMIT 1");

  assert_in_range (atoi (lines), at_least, LINES + 1);
  assert_string_equal (from, first);
  assert_in_range (atoi (to + strlen ("line ")), last, LINES - 1);
  assert_sql (f->path, "PRAGMA integrity_check", "ok");
}

/* Each page in turn. One of leases takes no more leases with it than were on it, but for the one at the top; one of anything
 * else takes none. */
static void
one_bad_page_takes_its_own_leases_only (void **state) {
  const LedgerDir *f = *state;
  g_autofree char *whole = NULL;
  int some = 0, most = 0, none = 0, sum = 0;
  gsize length;

  make_large_ledger (f);
  assert_true (g_file_get_contents (f->path, &whole, &length, NULL));
  for (gsize page = 0; page < length / 4096; page++) {
    g_autofree char *bytes = g_memdup2 (whole, length);
    int lost;

    remove_tree (f->folder);
    g_mkdir_with_parents (f->folder, 0700);
    memset (bytes + page * 4096, 0x5a, 4096);
    put (f->path, bytes, length);
    lost = MANY - assert_usable (f);
    none += lost == 0;
    some += lost > 0 && lost < MANY;
    most += lost == MANY;
    sum += lost < MANY ? lost : 0;
  }
  print_message ("           pages: %d without leases, %d with some, %d with the key to all\n", none, some, most);
  assert_int_equal (most, 2); /* that of the schema, and the top one of the leases */
  assert_true (some >= 3);
  assert_in_range (sum, MANY * 3 / 4, MANY); /* the rest is on the top page */
  assert_true (none >= 8);
}

static void
file_cut_anywhere_is_usable (void **state) {
  static const int odd[] = { 0, 1, 99, 100, 511, 4095, 4097, 8000, 12289 };
  const LedgerDir *f = *state;
  g_autofree char *whole = NULL;
  gsize length;
  int saved, most = 0;

  make_large_ledger (f);
  assert_true (g_file_get_contents (f->path, &whole, &length, NULL));
  for (gsize i = 0; i < G_N_ELEMENTS (odd) + length / 4096; i++) {
    gsize kept = i < G_N_ELEMENTS (odd) ? (gsize)odd[i] : (i - G_N_ELEMENTS (odd)) * 4096;

    remove_tree (f->folder);
    g_mkdir_with_parents (f->folder, 0700);
    put (f->path, whole, kept);
    saved = assert_usable (f);
    most = MAX (most, saved);
  }
  assert_int_equal (most, MANY); /* where only history was cut off */
}

/* The number of the page that has @text on it. */
static off_t
page_with (const LedgerDir *f, const char *text) {
  g_autofree char *whole = NULL;
  gsize length;
  const char *at;

  assert_true (g_file_get_contents (f->path, &whole, &length, NULL));
  at = memmem (whole, length, text, strlen (text));
  assert_non_null (at);
  return (at - whole) / 4096 + 1;
}

static void
history_is_saved_from_both_ends (void **state) {
  const LedgerDir *f = *state;
  g_autoptr (VfpoolLedger) ledger = NULL;

  make_large_ledger (f);
  /* A leaf in the middle of it; it is met by who writes there or reads it all. */
  spoil_bytes (f->path, (page_with (f, "line 200") - 1) * 4096, 4096, 0x5a);
  ledger = opened (f);
  vfpool_ledger_mark_damaged (ledger);
  g_clear_pointer (&ledger, vfpool_ledger_close);
  assert_int_equal (assert_usable (f), MANY);
  assert_history (f, LINES * 3 / 4, "line 0", 399);
}

/* The leaf that new lines go to. Nothing is changed by the change that met it; the next one to open the ledger finds the
 * mark, and has all leases and the older lines. */
static void
damage_met_later_leaves_a_mark (void **state) {
  const LedgerDir *f = *state;
  g_autoptr (VfpoolLedger) ledger = NULL, reader = NULL;
  g_autoptr (GError) error = NULL;

  make_large_ledger (f);
  spoil_bytes (f->path, (page_with (f, "line 399") - 1) * 4096, 4096, 0x5a);
  ledger = opened (f); /* the history is not looked at */
  assert_false (vfpool_ledger_has_met_damage (ledger));
  assert_false (add (ledger, "0001:00:00.0", "new", "net0", &error));
  assert_error (error, VFPOOL_ERROR_CORRUPT, "nothing was changed; the next vfpool command");
  assert_true (vfpool_ledger_has_met_damage (ledger));
  assert_int_equal (count (ledger), MANY);
  g_clear_error (&error);
  reader = vfpool_ledger_open_readonly (f->root, &error); /* shows what it can */
  assert_ok (reader != NULL, error);
  assert_int_equal (count (reader), MANY);
  g_free (assert_replaced (f, MANY));
  assert_int_equal (assert_usable (f), MANY);
  assert_history (f, LINES / 2, "line 0", 350);
}

/* ---- Journals that are not its own ---- */

/* A database of somebody else's with a table, in @mode, as kill -9 in a transaction leaves it: with the journal named. */
static void
make_foreign (const LedgerDir *f, const char *mode, const char *journal, char **bytes, gsize *length) {
  g_autofree char *other = g_build_filename (f->root, "other.db", NULL);
  g_autofree char *path = g_strconcat (other, journal, NULL);
  g_autofree char *begin = g_strdup_printf ("PRAGMA journal_mode = %s", mode);
  sqlite3 *db = NULL;

  assert_int_equal (sqlite3_open (other, &db), SQLITE_OK);
  assert_int_equal (sqlite3_exec (db, begin, NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal (sqlite3_exec (db,
                                  "CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob (40000)); PRAGMA cache_size = 1;"
                                  "BEGIN; UPDATE t SET a = zeroblob (50000); PRAGMA cache_spill = 1;"
                                  "CREATE TABLE u AS SELECT zeroblob (90000) AS b;",
                                  NULL, NULL, NULL),
                    SQLITE_OK);
  assert_true (g_file_get_contents (path, bytes, length, NULL));
  assert_true (*length > 512);
  sqlite3_close (db);
}

static void
journal_of_another_database (void **state) {
  static const struct {
    const char *mode, *suffix;
    gboolean is_alone; /* the ledger's file is gone */
  } journals[] = {
    { "wal", "-wal", FALSE },
    { "delete", "-journal", FALSE },
    { "delete", "-journal", TRUE },
  };
  const LedgerDir *f = *state;

  for (size_t i = 0; i < G_N_ELEMENTS (journals); i++) {
    g_autofree char *path = g_strconcat (f->path, journals[i].suffix, NULL);
    g_autofree char *bytes = NULL, *replaced = NULL;
    g_autoptr (VfpoolLedger) ledger = NULL;
    g_autoptr (GError) error = NULL;
    gsize length;

    remove_tree (f->root);
    g_mkdir_with_parents (f->root, 0755);
    make_foreign (f, journals[i].mode, journals[i].suffix, &bytes, &length);
    make_large_ledger (f);
    put (path, bytes, length);
    if (journals[i].is_alone)
      g_remove (f->path);
    ledger = vfpool_ledger_open (f->root, &replaced, &error);
    assert_ok (ledger != NULL, error);
    assert_non_null (replaced);
    added (ledger, "0001:00:00.0", "new", "net0");
    g_clear_pointer (&ledger, vfpool_ledger_close);
    /* The new one is not spoilt by what spoilt the old. */
    ledger = opened (f);
    assert_sql (f->path, "PRAGMA integrity_check", "ok");
  }
}

/* Someone has switched the ledger to a rollback journal, and a change was killed half-way: SQLite undoes it. */
static void
own_hot_journal_is_undone (void **state) {
  const LedgerDir *f = *state;
  g_autofree char *journal = g_strconcat (f->path, "-journal", NULL);
  g_autofree char *file = NULL, *undo = NULL;
  sqlite3 *db = NULL;
  gsize file_length, undo_length;

  make_large_ledger (f);
  g_free (sql (f->path, "PRAGMA journal_mode = DELETE"));
  assert_int_equal (sqlite3_open (f->path, &db), SQLITE_OK);
  assert_int_equal (
      sqlite3_exec (db,
                    "PRAGMA cache_size = 1; BEGIN; UPDATE lease SET vlan = 7, reason = hex (zeroblob (900));"
                    "UPDATE history SET detail = hex (zeroblob (900))",
                    NULL, NULL, NULL),
      SQLITE_OK);
  assert_true (g_file_get_contents (f->path, &file, &file_length, NULL));
  assert_true (g_file_get_contents (journal, &undo, &undo_length, NULL));
  sqlite3_close (db);
  put (f->path, file, file_length);
  put (journal, undo, undo_length);
  assert_int_equal (assert_usable (f), MANY);
  assert_sql (f->path, "PRAGMA integrity_check", "ok");
}

/* ---- A replacement that was cut short ---- */

/* As kill -9 leaves it between the two renames: the old one is aside, the new one, with all that was saved, not yet in
 * place. */
static void
saved_leases_survive_kill_while_replacing (void **state) {
  const LedgerDir *f = *state;
  g_autofree char *unfinished = g_strconcat (f->path, ".new", NULL);
  g_autofree char *log = g_strconcat (f->path, "-wal", NULL);
  g_autofree char *replaced = NULL;
  g_autoptr (VfpoolLedger) ledger = NULL;
  gboolean needs = FALSE;

  make_large_ledger (f);
  g_free (sql (f->path, "DROP TABLE history"));
  g_free (assert_replaced (f, MANY));
  g_free (sql (f->path, "UPDATE meta SET value = 1 WHERE name = 'rebuild';" FOLD));
  assert_int_equal (rename (f->path, unfinished), 0);
  g_remove (log);
  put (log, "the old one's", 13);
  ledger = vfpool_ledger_open (f->root, &replaced, NULL);
  assert_non_null (ledger);
  assert_int_equal (count (ledger), MANY);
  assert_true (vfpool_ledger_needs_rebuild (ledger, &needs, NULL));
  assert_true (needs);
}

/* ---- Noise ---- */

static void
exchanged_file_is_noticed (void **state) {
  const LedgerDir *f = *state;
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
  const LedgerDir *f = *state;
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

static int
open_garbage (const LedgerDir *f, int i) {
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
count_kept_aside (const LedgerDir *f) {
  g_autoptr (GDir) dir = g_dir_open (f->folder, 0, NULL);
  int n = 0;

  for (const char *name; (name = g_dir_read_name (dir));)
    n += strstr (name, "unusable") != NULL;
  return n;
}

static void
garbage_is_replaced_once (void **state) {
  const LedgerDir *f = *state;

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

int
main (void) {
#define CASE(f) cmocka_unit_test_setup_teardown (f, ledger_setup, ledger_teardown)
  const struct CMUnitTest tests[] = {
    CASE (damaged_ledger_is_kept_aside),   CASE (nothing_kept_aside_is_overwritten),
    CASE (files_of_others_are_refused),    CASE (folders_of_others_are_refused),
    CASE (log_without_file_is_kept_aside), CASE (unfinished_replacement_is_finished),
    CASE (newer_ledger_is_left_alone),     CASE (older_ledger_is_upgraded),
    CASE (damaged_older_ledger_is_saved),  CASE (large_number_does_no_harm),
    CASE (nonsense_in_a_row_is_left_out),  CASE (one_bad_page_takes_its_own_leases_only),
    CASE (file_cut_anywhere_is_usable),    CASE (history_is_saved_from_both_ends),
    CASE (damage_met_later_leaves_a_mark), CASE (journal_of_another_database),
    CASE (own_hot_journal_is_undone),      CASE (saved_leases_survive_kill_while_replacing),
    CASE (exchanged_file_is_noticed),      CASE (survives_noise),
    CASE (garbage_is_replaced_once),       CASE (newer_ledger_is_noticed_when_it_becomes_one),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
