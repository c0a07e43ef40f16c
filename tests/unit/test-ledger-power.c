/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kill -9, power cuts, full and read-only disks, processes that hang: what is not the file's own fault. A power cut is
 * played by a layer under SQLite that keeps, for each file, what was synced and what was written since; at any write the
 * power may fail, and of what was not synced any part is lost, in any order, the last of it cut at a sector. What then lies on
 * the disk must open, and hold the first so many transactions, and no others. A disk that is full or read-only is a
 * real one: a small tmpfs or a bind mount in a mount namespace of its own, which needs root.
 */
#include "ledger-fixture.h"
#include "ledger-private.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- A disk that remembers what was synced ---- */

#define SECTOR 512

typedef struct {
  gint64 offset; /* -1: cut to the length of it */
  gint64 length;
  guint8 *bytes;
} Write;

typedef struct {
  GByteArray *synced;
  GArray *pending; /* of Write */
} Disk;

static struct {
  gboolean is_on;
  Disk file, log;
  GRand *rand;
  int commits; /* that were reported as done */
  int safe;    /* of them, those that were synced */
  int cuts;
  void (*at_write) (void);
  sqlite3_int64 bad; /* the page at this offset of the file cannot be read; 0: all can */
} power;

typedef struct {
  sqlite3_file base;
  Disk *disk;          /* NULL: of no interest */
  sqlite3_file real[]; /* of the layer below */
} CutFile;

static sqlite3_vfs *below;

static void
write_to (GByteArray *image, const Write *w, gint64 length) {
  if (w->offset < 0) {
    g_byte_array_set_size (image, (guint)w->length);
    return;
  }
  if (image->len < w->offset + length) {
    guint old = image->len;
    g_byte_array_set_size (image, (guint)(w->offset + length));
    memset (image->data + old, 0, image->len - old);
  }
  memcpy (image->data + w->offset, w->bytes, length);
}

static void
remember (Disk *disk, gint64 offset, gint64 length, const void *bytes) {
  Write w = { offset, length, bytes ? g_memdup2 (bytes, length) : NULL };

  g_array_append_val (disk->pending, w);
  power.at_write ();
}

static int
cut_write (sqlite3_file *file, const void *bytes, int length, sqlite3_int64 offset) {
  CutFile *self = (CutFile *)file;
  int rc = self->real->pMethods->xWrite (self->real, bytes, length, offset);

  if (rc == SQLITE_OK && self->disk && power.is_on)
    remember (self->disk, offset, length, bytes);
  return rc;
}

static int
cut_read (sqlite3_file *file, void *to, int length, sqlite3_int64 offset) {
  CutFile *self = (CutFile *)file;

  if (power.bad && self->disk == &power.file && offset == power.bad)
    return SQLITE_IOERR_READ;
  return self->real->pMethods->xRead (self->real, to, length, offset);
}

static int
cut_truncate (sqlite3_file *file, sqlite3_int64 size) {
  CutFile *self = (CutFile *)file;
  int rc = self->real->pMethods->xTruncate (self->real, size);

  if (rc == SQLITE_OK && self->disk && power.is_on)
    remember (self->disk, -1, size, NULL);
  return rc;
}

static void
free_write (gpointer data) {
  g_free (((Write *)data)->bytes);
}

static void
settle_writes (Disk *disk) {
  for (guint i = 0; i < disk->pending->len; i++) {
    const Write *w = &g_array_index (disk->pending, Write, i);
    write_to (disk->synced, w, w->length);
  }
  g_array_set_size (disk->pending, 0);
}

static int
cut_sync (sqlite3_file *file, int flags) {
  CutFile *self = (CutFile *)file;

  if (self->disk && power.is_on)
    settle_writes (self->disk);
  if (self->disk == &power.log && power.is_on)
    power.safe = power.commits;
  return self->real->pMethods->xSync (self->real, flags);
}

#define PASS(name, parameters, ...)                                                                                    \
  static int cut_##name parameters {                                                                                   \
    CutFile *self = (CutFile *)file;                                                                                   \
    return self->real->pMethods->name (self->real, ##__VA_ARGS__);                                                     \
  }
PASS (xClose, (sqlite3_file * file))
PASS (xFileSize, (sqlite3_file * file, sqlite3_int64 *size), size)
PASS (xLock, (sqlite3_file * file, int level), level)
PASS (xUnlock, (sqlite3_file * file, int level), level)
PASS (xCheckReservedLock, (sqlite3_file * file, int *result), result)
PASS (xFileControl, (sqlite3_file * file, int op, void *data), op, data)
PASS (xSectorSize, (sqlite3_file * file))
PASS (xShmMap, (sqlite3_file * file, int page, int size, int extend, void volatile **to), page, size, extend, to)
PASS (xShmLock, (sqlite3_file * file, int offset, int n, int flags), offset, n, flags)
PASS (xShmUnmap, (sqlite3_file * file, int remove_it), remove_it)

static void
cut_barrier (sqlite3_file *file) {
  CutFile *self = (CutFile *)file;
  self->real->pMethods->xShmBarrier (self->real);
}

/* It promises nothing of what real disks may not keep. */
static int
cut_characteristics (sqlite3_file *file) {
  (void)file;
  return 0;
}

static const sqlite3_io_methods methods = {
  2,
  cut_xClose,
  cut_read,
  cut_write,
  cut_truncate,
  cut_sync,
  cut_xFileSize,
  cut_xLock,
  cut_xUnlock,
  cut_xCheckReservedLock,
  cut_xFileControl,
  cut_xSectorSize,
  cut_characteristics,
  cut_xShmMap,
  cut_xShmLock,
  cut_barrier,
  cut_xShmUnmap,
};

static int
cut_open (sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
  CutFile *self = (CutFile *)file;
  int rc = below->xOpen (below, name, self->real, flags, out);

  (void)vfs;
  self->base.pMethods = rc == SQLITE_OK ? &methods : NULL;
  self->disk = !name                                   ? NULL
               : g_str_has_suffix (name, "/ledger.db") ? &power.file
               : g_str_has_suffix (name, "-wal")       ? &power.log
                                                       : NULL;
  return rc;
}

static sqlite3_vfs *
cutting_vfs (void) {
  static sqlite3_vfs vfs;

  below = sqlite3_vfs_find (NULL);
  vfs = *below;
  vfs.zName = "power-cut";
  vfs.pNext = NULL;
  vfs.xOpen = cut_open;
  vfs.szOsFile = (int)sizeof (CutFile) + below->szOsFile;
  return &vfs;
}

/* ---- What lies on the disk after the power failed ---- */

static GByteArray *
image_after_cut (const Disk *disk) {
  GByteArray *image = g_byte_array_new ();

  g_byte_array_append (image, disk->synced->data, disk->synced->len);
  for (guint i = 0; i < disk->pending->len; i++) {
    const Write *w = &g_array_index (disk->pending, Write, i);
    gint64 length = w->length;

    if (g_rand_int_range (power.rand, 0, 4) == 0) /* most of what was written last minute is there */
      continue;
    if (w->offset >= 0 && g_rand_int_range (power.rand, 0, 4) == 0)
      length = MIN (length, g_rand_int_range (power.rand, 0, (gint32)(length / SECTOR + 1)) * SECTOR);
    if (length > 0 || w->offset < 0)
      write_to (image, w, length);
  }
  return image;
}

static LedgerDir cut_dir;

static void
put_image (const char *suffix, const Disk *disk) {
  g_autofree char *path = g_strconcat (cut_dir.path, suffix, NULL);
  GByteArray *image = image_after_cut (disk);

  if (image->len)
    put (path, image->data, image->len);
  else
    g_remove (path);
  g_byte_array_unref (image);
}

/* After @k transactions there are these leases and this history, see write_through(). */
#define HELD 3

static int
assert_is_prefix (VfpoolLedger *ledger) {
  g_autofree char *lines = sql (cut_dir.path, "SELECT count (*) FROM history");
  int k = atoi (lines);

  assert_int_equal (count (ledger), MIN (k, HELD));
  for (int i = MAX (k - HELD, 0); i < k; i++) {
    g_autofree char *address = g_strdup_printf ("0000:%02x:%02x.%d", i / 256, i / 8 % 32, i % 8);
    g_autoptr (VfpoolLease) lease = found (ledger, address);

    assert_non_null (lease);
    assert_int_equal (atoi (lease->guest_id), i);
  }
  assert_sql (cut_dir.path, "SELECT count (*) FROM history h WHERE h.guest_id <> h.id - 1", "0");
  assert_sql (cut_dir.path, "PRAGMA integrity_check", "ok");
  return k;
}

/* The power fails now, in one of the ways that it may. */
static void
cut_here (void) {
  g_autoptr (VfpoolLedger) ledger = NULL;
  int kept;

  if (g_rand_int_range (power.rand, 0, 12) != 0)
    return;
  power.is_on = FALSE;
  sqlite3_vfs_unregister (sqlite3_vfs_find ("power-cut"));
  remove_tree (cut_dir.folder);
  g_mkdir_with_parents (cut_dir.folder, 0700);
  put_image ("", &power.file);
  put_image ("-wal", &power.log);
  ledger = opened (&cut_dir); /* nothing is kept aside */
  kept = assert_is_prefix (ledger);
  assert_in_range (kept, power.safe, power.commits + 1);
  added (ledger, "0001:00:00.0", "next", "net0");
  power.cuts++;
  sqlite3_vfs_register (cutting_vfs (), 1);
  power.is_on = TRUE;
}

/* One transaction takes a lease, gives an older one back, and notes it. */
static void
write_through (VfpoolLedger *ledger, int i) {
  g_autofree char *address = g_strdup_printf ("0000:%02x:%02x.%d", i / 256, i / 8 % 32, i % 8);
  g_autofree char *guest = g_strdup_printf ("%d", i);
  g_autofree char *old =
      i < HELD ? NULL : g_strdup_printf ("0000:%02x:%02x.%d", (i - HELD) / 256, (i - HELD) / 8 % 32, (i - HELD) % 8);
  g_autoptr (VfpoolLease) lease = make_lease (address, guest, "net0"), gone = old ? found (ledger, old) : NULL;
  g_autoptr (GError) error = NULL;

  lease->reason = g_strnfill (700, 'r');
  assert_ok (vfpool_ledger_begin (ledger, &error) && vfpool_ledger_add (ledger, lease, &error)
                 && (!gone || vfpool_ledger_remove (ledger, gone, &error))
                 && vfpool_ledger_note (ledger, lease, "acquired", NULL, &error)
                 && vfpool_ledger_commit (ledger, &error),
             error);
  power.commits = i + 1;
}

static void
start_disk (Disk *disk) {
  disk->synced = g_byte_array_new ();
  disk->pending = g_array_new (FALSE, FALSE, sizeof (Write));
  g_array_set_clear_func (disk->pending, free_write);
}

static void
stop_disk (Disk *disk) {
  g_byte_array_unref (disk->synced);
  g_array_unref (disk->pending);
}

static void
power_cut_leaves_a_prefix (void **state) {
  const LedgerDir *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f);
  g_autofree char *bytes = NULL;
  gsize length;

  g_clear_pointer (&ledger, vfpool_ledger_close);
  cut_dir.root = g_strconcat (f->root, "/after", NULL);
  cut_dir.folder = g_strconcat (cut_dir.root, "/var/lib/vfpool", NULL);
  cut_dir.path = g_strconcat (cut_dir.folder, "/ledger.db", NULL);
  start_disk (&power.file);
  start_disk (&power.log);
  assert_true (g_file_get_contents (f->path, &bytes, &length, NULL));
  g_byte_array_append (power.file.synced, (guint8 *)bytes, (guint)length);
  power.rand = g_rand_new ();
  power.at_write = cut_here;
  sqlite3_vfs_register (cutting_vfs (), 1);
  ledger = opened (f);
  power.is_on = TRUE;
  for (int i = 0; i < 120; i++)
    write_through (ledger, i);
  power.is_on = FALSE;
  g_clear_pointer (&ledger, vfpool_ledger_close);
  sqlite3_vfs_unregister (sqlite3_vfs_find ("power-cut"));
  print_message ("           the power failed %d times\n", power.cuts);
  assert_true (power.cuts > 20 && power.safe > 20);
  stop_disk (&power.file);
  stop_disk (&power.log);
  g_rand_free (power.rand);
  g_free (cut_dir.root);
  g_free (cut_dir.folder);
  g_free (cut_dir.path);
}

/* ---- Pages that cannot be read ---- */

static sqlite3_int64
offset_of (const LedgerDir *f, const char *table) {
  g_autofree char *select = g_strdup_printf (FOLD "SELECT rootpage FROM sqlite_schema WHERE name = '%s'", table);
  g_autofree char *page = sql (f->path, select);

  return (atoi (page) - 1) * 4096;
}

/* Of leases: it is the disk that is bad, so the file is left as it is, and serves again when the page comes back. Of history:
 * it is made anew elsewhere. */
static void
unreadable_page_loses_no_lease (void **state) {
  const LedgerDir *f = *state;
  g_autoptr (VfpoolLedger) ledger = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *replaced = NULL;
  sqlite3_int64 leases, history;

  make_ledger (f);
  leases = offset_of (f, "lease");
  history = offset_of (f, "history");
  sqlite3_vfs_register (cutting_vfs (), 1);
  power.bad = leases;
  assert_null (vfpool_ledger_open (f->root, &replaced, &error));
  assert_error (error, VFPOOL_ERROR_KERNEL, "disk I/O error");
  assert_null (replaced);
  g_clear_error (&error);
  power.bad = history;
  ledger = opened (f);
  assert_int_equal (count (ledger), 2);
  assert_false (add (ledger, THREE, "b", "net0", &error));
  assert_true (vfpool_ledger_has_met_damage (ledger));
  g_clear_pointer (&ledger, vfpool_ledger_close);
  ledger = vfpool_ledger_open (f->root, &replaced, NULL);
  power.bad = 0; /* the new file has its pages elsewhere on the disk */
  assert_non_null (replaced);
  assert_int_equal (count (ledger), 2);
  added (ledger, THREE, "b", "net0");
  g_clear_pointer (&ledger, vfpool_ledger_close);
  sqlite3_vfs_unregister (sqlite3_vfs_find ("power-cut"));
}

/* ---- Writers killed at random moments ---- */

#define WRITERS 4

/* Two leases in each transaction, so that a half is seen; each is reported after its commit. */
static void
write_until_killed (const LedgerDir *f, int writer, int report) {
  g_autofree char *replaced = NULL;
  g_autoptr (VfpoolLedger) ledger = vfpool_ledger_open (f->root, &replaced, NULL);

  for (int i = 0; ledger && i < 8000; i++) {
    g_autofree char *guest = g_strdup_printf ("%d-%d", writer, i);
    g_autofree char *first = g_strdup_printf ("%04x:%02x:%02x.0", writer, i / 32, i % 32);
    g_autofree char *second = g_strdup_printf ("%04x:%02x:%02x.1", writer, i / 32, i % 32);
    g_autoptr (VfpoolLease) a = make_lease (first, guest, "a"), b = make_lease (second, guest, "b");

    if (!vfpool_ledger_begin (ledger, NULL) || !vfpool_ledger_add (ledger, a, NULL)
        || !vfpool_ledger_note (ledger, a, "acquired", NULL, NULL) || !vfpool_ledger_add (ledger, b, NULL)
        || !vfpool_ledger_note (ledger, b, "acquired", NULL, NULL) || !vfpool_ledger_commit (ledger, NULL)
        || write (report, &i, sizeof i) != sizeof i)
      _exit (1);
  }
  _exit (1);
}

typedef struct {
  pid_t pid;
  int report;
} Writer;

static Writer
start_writer (const LedgerDir *f, int number) {
  int report[2];
  Writer w;

  assert_int_equal (pipe (report), 0);
  w = (Writer){ fork (), report[0] };
  if (w.pid == 0) {
    close (report[0]);
    write_until_killed (f, number, report[1]);
  }
  close (report[1]);
  return w;
}

/* Returns how many transactions the writer has reported. */
static int
kill_writer (const Writer *w) {
  int i, done = 0, status;

  assert_int_equal (kill (w->pid, SIGKILL), 0);
  assert_int_equal (waitpid (w->pid, &status, 0), w->pid);
  assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
  while (read (w->report, &i, sizeof i) == sizeof i)
    done = i + 1;
  close (w->report);
  return done;
}

static int
leases_of (GPtrArray *leases, const char *guest) {
  int n = 0;

  for (guint i = 0; i < leases->len; i++)
    n += strcmp (vfpool_lease_get_guest_id (leases->pdata[i]), guest) == 0;
  return n;
}

/* What @writer reported is there, the one after it whole or not at all, and nothing after that. */
static void
assert_all_of_writer (GPtrArray *leases, int writer, int done) {
  g_autofree char *prefix = g_strdup_printf ("%d-", writer), *next = g_strdup_printf ("%d-%d", writer, done);
  int n = 0, last = leases_of (leases, next);

  for (guint i = 0; i < leases->len; i++)
    n += g_str_has_prefix (vfpool_lease_get_guest_id (leases->pdata[i]), prefix);
  assert_true (last == 0 || last == 2);
  assert_int_equal (n, 2 * done + last);
}

/* One round: @n writers, @first and on, killed one after the other. Returns how many transactions were reported. */
static int
kill_writers (const LedgerDir *f, int first, int n, GRand *rand) {
  g_autoptr (VfpoolLedger) ledger = NULL;
  g_autoptr (GPtrArray) leases = NULL;
  Writer writers[WRITERS];
  int done[WRITERS], total = 0;

  for (int i = 0; i < n; i++)
    writers[i] = start_writer (f, first + i);
  for (int i = 0; i < n; i++) {
    g_usleep ((gulong)g_rand_int_range (rand, 0, 40000));
    done[i] = kill_writer (&writers[i]);
    total += done[i];
  }
  ledger = opened (f);
  leases = vfpool_ledger_leases (ledger, NULL);
  assert_non_null (leases);
  for (int i = 0; i < n; i++)
    assert_all_of_writer (leases, first + i, done[i]);
  return total;
}

/* Every fifth round starts with no ledger, so that the making of one is hit too. */
static void
kill_at_any_moment_loses_nothing (void **state) {
  const LedgerDir *f = *state;
  g_autoptr (GRand) rand = g_rand_new ();
  int rounds = g_getenv ("LEDGER_STORM") ? atoi (g_getenv ("LEDGER_STORM")) : 30, total = 0;

  for (int round = 0; round < rounds; round++) {
    if (round % 5 == 0)
      remove_tree (f->folder);
    total += kill_writers (f, round % 5 * WRITERS, round % 2 ? WRITERS : 1, rand);
    assert_sql (f->path, "PRAGMA integrity_check", "ok");
    assert_sql (f->path, "SELECT min (10000, (SELECT count (*) FROM lease)) - count (*) FROM history", "0");
  }
  print_message ("           %d transactions were reported\n", total);
  assert_true (total > rounds);
}

/* ---- Copies of the files, taken at any moment ---- */

/* The file after the log, and the log cut anywhere: as if the file were older and the end of the log had not been written. */
static void
copy_taken_while_writing_opens (void **state) {
  const LedgerDir *f = *state;
  g_autoptr (GRand) rand = g_rand_new ();
  g_autoptr (VfpoolLedger) ledger = opened (f);
  g_autofree char *log_path = g_strconcat (f->path, "-wal", NULL), *index_path = g_strconcat (f->path, "-shm", NULL);
  g_autofree char *file = NULL, *log = NULL, *index = NULL;
  gsize file_length, log_length, index_length;
  int fewest = 1000, most = 0;

  for (int i = 0; i < 14; i++)
    write_through (ledger, i);
  assert_true (g_file_get_contents (f->path, &file, &file_length, NULL));
  assert_true (g_file_get_contents (log_path, &log, &log_length, NULL));
  assert_true (g_file_get_contents (index_path, &index, &index_length, NULL));
  g_clear_pointer (&ledger, vfpool_ledger_close);
  cut_dir = *f;
  for (int round = 0; round < 60; round++) {
    /* At each frame's end, in the first one, and anywhere. */
    gsize cut = round < 25 ? 32 + (gsize)round * 4120 : (gsize)g_rand_int_range (rand, 32, (gint32)log_length);
    int kept;

    remove_tree (f->folder);
    g_mkdir_with_parents (f->folder, 0700);
    put (f->path, file, file_length);
    put (log_path, log, MIN (cut, log_length));
    if (round % 3 > 0)
      put (index_path, index, round % 3 == 1 ? index_length : index_length / 2); /* stale, or half; else none */
    ledger = opened (f);
    kept = assert_is_prefix (ledger);
    fewest = MIN (fewest, kept);
    most = MAX (most, kept);
    g_clear_pointer (&ledger, vfpool_ledger_close);
  }
  print_message ("           %d to %d of 14 transactions were there\n", fewest, most);
  assert_true (fewest == 0 && most > 5);
}

/* ---- Disks that are full, or may not be written ---- */

/* Runs @child where it may mount what it likes; FALSE: that cannot be done here. It returns 0 when all is well. */
static gboolean
run_with_own_mounts (const LedgerDir *f, int (*child) (const LedgerDir *f)) {
  int status;
  pid_t pid = fork ();

  if (pid == 0)
    _exit (unshare (CLONE_NEWNS) == 0 && mount ("", "/", "", MS_REC | MS_PRIVATE, NULL) == 0 ? child (f) : 77);
  assert_int_equal (waitpid (pid, &status, 0), pid);
  assert_true (WIFEXITED (status));
  if (WEXITSTATUS (status) == 77)
    return FALSE;
  assert_int_equal (WEXITSTATUS (status), 0);
  return TRUE;
}

#define EXPECT(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf (stderr, "line %d: not so: %s\n", __LINE__, #condition);                                                 \
      return 1;                                                                                                        \
    }                                                                                                                  \
  } while (0)

static gboolean
says_full (const GError *error) {
  if (g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL)
      && (strstr (error->message, "no space is left for") || strstr (error->message, "No space left on device")))
    return TRUE;
  fprintf (stderr, "%s\n", error ? error->message : "no error");
  return FALSE;
}

static gboolean
take_and_give_back (VfpoolLedger *ledger, const char *address, GError **error) {
  g_autoptr (VfpoolLease) lease = NULL;

  if (!add (ledger, address, "x", "net0", error) || !vfpool_ledger_find (ledger, address, &lease, error)
      || !vfpool_ledger_begin (ledger, error))
    return FALSE;
  if (vfpool_ledger_remove (ledger, lease, error) && vfpool_ledger_note (ledger, lease, "released", NULL, error)
      && vfpool_ledger_commit (ledger, error))
    return TRUE;
  vfpool_ledger_rollback (ledger);
  return FALSE;
}

/* With room for @pages: it opens or not; what it says is done is done; what fails says why and changes nothing; and with more
 * room all goes on. */
static int
live_on_full_disk (const LedgerDir *f, int pages) {
  g_autofree char *size = g_strdup_printf ("size=%dk,mode=0700", pages * 4), *replaced = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLedger) ledger = NULL;
  int done = 0;

  EXPECT (mount ("full", f->folder, "tmpfs", 0, size) == 0);
  ledger = vfpool_ledger_open (f->root, &replaced, &error);
  for (; ledger && done < 300; done++) {
    g_autofree char *address = g_strdup_printf ("0000:%02x:%02x.0", done / 32, done % 32);
    if (!add (ledger, address, address, "net0", &error))
      break;
  }
  EXPECT (done == 300 || says_full (error));
  EXPECT (!ledger || count (ledger) == (guint)done);
  g_clear_error (&error);
  g_clear_pointer (&ledger, vfpool_ledger_close);
  EXPECT (mount ("full", f->folder, "tmpfs", MS_REMOUNT, "size=4m") == 0);
  ledger = vfpool_ledger_open (f->root, &replaced, &error);
  assert_ok (ledger != NULL, error);
  EXPECT (!replaced);
  EXPECT (count (ledger) == (guint)done);
  EXPECT (take_and_give_back (ledger, "0001:00:00.0", &error));
  g_clear_pointer (&ledger, vfpool_ledger_close);
  EXPECT (umount2 (f->folder, MNT_DETACH) == 0);
  return 0;
}

static int
live_on_full_disks (const LedgerDir *f) {
  g_mkdir_with_parents (f->folder, 0700);
  for (int pages = 1; pages < 200; pages += pages < 40 ? 1 : 30)
    if (live_on_full_disk (f, pages) != 0) {
      fprintf (stderr, "with %d pages\n", pages);
      return 1;
    }
  return 0;
}

/* Once its log has had its full size, what is taken can be given back though not a byte is free. */
static int
give_back_on_full_disk (const LedgerDir *f) {
  g_autofree char *filler = g_strconcat (f->folder, "/filler", NULL), *zeros = g_malloc0 (4096), *replaced = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLedger) ledger = NULL;
  int fd;

  g_mkdir_with_parents (f->folder, 0700);
  EXPECT (mount ("full", f->folder, "tmpfs", 0, "size=2m,mode=0700") == 0);
  ledger = vfpool_ledger_open (f->root, &replaced, &error);
  for (int i = 0; i < 60; i++)
    EXPECT (take_and_give_back (ledger, ONE, &error));
  fd = open (filler, O_WRONLY | O_CREAT, 0600);
  while (write (fd, zeros, 4096) == 4096)
    ;
  close (fd);
  for (int i = 0; i < 5; i++) {
    g_clear_pointer (&ledger, vfpool_ledger_close);
    ledger = vfpool_ledger_open (f->root, &replaced, &error);
    assert_ok (ledger != NULL, error);
    assert_ok (take_and_give_back (ledger, ONE, &error), error);
  }
  return 0;
}

/* @has_log and @has_index: which files lie there. */
static int
look_on_readonly_disk (const LedgerDir *f, gboolean has_log, gboolean has_index) {
  g_autofree char *log = g_strconcat (f->path, "-wal", NULL), *index = g_strconcat (f->path, "-shm", NULL);
  g_autofree char *replaced = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLedger) ledger = NULL;

  remove_tree (f->folder);
  make_ledger (f);
  if (!has_log)
    g_free (sql (f->path, FOLD));
  if (!has_log)
    g_remove (log);
  if (!has_index)
    g_remove (index);
  EXPECT (mount (f->folder, f->folder, NULL, MS_BIND, NULL) == 0);
  EXPECT (mount (NULL, f->folder, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0);
  ledger = vfpool_ledger_open_readonly (f->root, &error);
  assert_ok (ledger != NULL, error);
  EXPECT (count (ledger) == 2);
  g_clear_pointer (&ledger, vfpool_ledger_close);
  EXPECT (!vfpool_ledger_open (f->root, &replaced, &error));
  assert_error (error, VFPOOL_ERROR_DENIED, "Read-only file system");
  EXPECT (strstr (error->message, f->path));
  g_clear_error (&error);
  EXPECT (umount2 (f->folder, MNT_DETACH) == 0);
  ledger = vfpool_ledger_open (f->root, &replaced, &error);
  EXPECT (ledger && !replaced && count (ledger) == 2);
  return 0;
}

static int
look_on_readonly_disks (const LedgerDir *f) {
  for (int i = 0; i < 4; i++)
    if (look_on_readonly_disk (f, i & 1, (i & 2) != 0) != 0) {
      fprintf (stderr, "%s log, %s index\n", i & 1 ? "with" : "without", i & 2 ? "with" : "without");
      return 1;
    }
  return 0;
}

static int
make_on_readonly_disk (const LedgerDir *f) {
  g_autofree char *replaced = NULL;
  g_autoptr (GError) error = NULL;

  EXPECT (mount (f->root, f->root, NULL, MS_BIND, NULL) == 0);
  EXPECT (mount (NULL, f->root, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0);
  EXPECT (!vfpool_ledger_open (f->root, &replaced, &error));
  assert_error (error, VFPOOL_ERROR_DENIED, "Read-only file system");
  g_clear_error (&error);
  EXPECT (!vfpool_ledger_open_readonly (f->root, &error));
  assert_error (error, VFPOOL_ERROR_NOT_FOUND, "no ledger");
  return 0;
}

#define WITH_OWN_MOUNTS(name, child)                                                                                   \
  static void name (void **state) {                                                                                    \
    if (!run_with_own_mounts (*state, child))                                                                          \
      skip ();                                                                                                         \
  }
WITH_OWN_MOUNTS (full_disk_changes_nothing, live_on_full_disks)
WITH_OWN_MOUNTS (full_disk_takes_back, give_back_on_full_disk)
WITH_OWN_MOUNTS (readonly_disk_is_shown, look_on_readonly_disks)
WITH_OWN_MOUNTS (readonly_disk_without_ledger, make_on_readonly_disk)

/* ---- Processes that hang ---- */

/* A child that does @hold and then nothing; returns once it holds. */
static pid_t
start_hanging (const LedgerDir *f, void (*hold) (const LedgerDir *f)) {
  int ready[2];
  char byte;
  pid_t pid;

  assert_int_equal (pipe (ready), 0);
  pid = fork ();
  if (pid == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL); /* a test that failed leaves nobody behind */
    hold (f);
    (void)!write (ready[1], "", 1);
    pause ();
    _exit (0);
  }
  assert_int_equal (read (ready[0], &byte, 1), 1);
  close (ready[0]);
  close (ready[1]);
  return pid;
}

static void
stop_hanging (pid_t pid) {
  assert_int_equal (kill (pid, SIGKILL), 0);
  assert_int_equal (waitpid (pid, NULL, 0), pid);
}

static void
hold_transaction (const LedgerDir *f) {
  g_autofree char *replaced = NULL;

  vfpool_ledger_begin (vfpool_ledger_open (f->root, &replaced, NULL), NULL);
}

static void
hold_lock_file (const LedgerDir *f) {
  g_autofree char *path = g_build_filename (f->folder, "ledger.lock", NULL);

  (void)!flock (open (path, O_RDWR | O_CREAT, 0600), LOCK_EX);
}

/* The waits are run at the same time; each is of five seconds. */
static int
wait_for_transaction (const LedgerDir *f) {
  g_autoptr (VfpoolLedger) ledger = opened (f);
  pid_t pid = start_hanging (f, hold_transaction);
  g_autofree char *who = g_strdup_printf ("cannot change the ledger: process %d (", (int)pid);
  g_autoptr (GError) error = NULL;

  EXPECT (!vfpool_ledger_begin (ledger, &error));
  assert_error (error, VFPOOL_ERROR_BUSY, who);
  assert_error (error, VFPOOL_ERROR_BUSY, f->path);
  EXPECT (count (ledger) == 2); /* reading goes on */
  stop_hanging (pid);
  EXPECT (vfpool_ledger_begin (ledger, NULL));
  return 0;
}

static int
wait_for_lock_file (const LedgerDir *f) {
  pid_t pid = start_hanging (f, hold_lock_file);
  g_autofree char *who = g_strdup_printf ("cannot make the ledger: process %d (", (int)pid), *replaced = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLedger) ledger = NULL;

  EXPECT (!vfpool_ledger_open (f->root, &replaced, &error));
  assert_error (error, VFPOOL_ERROR_BUSY, who);
  assert_error (error, VFPOOL_ERROR_BUSY, "/ledger.lock");
  stop_hanging (pid);
  ledger = vfpool_ledger_open (f->root, &replaced, NULL);
  EXPECT (ledger);
  return 0;
}

static int
wait_in_one_of_two (const LedgerDir *f, int i) {
  LedgerDir other = { NULL };

  if (i == 0)
    return wait_for_transaction (f);
  other.root = g_strconcat (f->root, "/other", NULL);
  other.folder = g_strconcat (other.root, "/var/lib/vfpool", NULL);
  other.path = g_strconcat (other.folder, "/ledger.db", NULL);
  g_mkdir_with_parents (other.folder, 0700);
  return wait_for_lock_file (&other);
}

static void
stuck_process_is_named (void **state) {
  const LedgerDir *f = *state;

  make_ledger (f);
  assert_int_equal (race (f, 2, wait_in_one_of_two), 2);
}

int
main (void) {
#define CASE(f) cmocka_unit_test_setup_teardown (f, ledger_setup, ledger_teardown)
  const struct CMUnitTest tests[] = {
    CASE (power_cut_leaves_a_prefix),        CASE (unreadable_page_loses_no_lease),
    CASE (kill_at_any_moment_loses_nothing), CASE (copy_taken_while_writing_opens),
    CASE (full_disk_changes_nothing),        CASE (full_disk_takes_back),
    CASE (readonly_disk_is_shown),           CASE (readonly_disk_without_ledger),
    CASE (stuck_process_is_named),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
