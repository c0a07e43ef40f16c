/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the ledger lies: folder and file are made, opened, and kept aside when they are no use.
 *
 * The good path is a plain open, because a VM start waits for it. Only when there is no ledger, or a damaged one, a
 * lock file is taken and everything is looked at again under it, since another process may have mended it meanwhile. A
 * new ledger is made whole under another name and renamed into place last: at no moment is there a half-made one, and a
 * process that dies before that leaves its unfinished file, from which the next one knows that something may have been
 * lost.
 *
 * The write-ahead log is not folded into the file when the last process closes it, as SQLite would by default: that
 * costs two fsync() for each short-lived process. It is folded in when it has grown, by the commit that made it so. It keeps
 * its size then, and is written from its start again: once it has grown, a full disk does not keep a VF from being
 * given back.
 */
#include "ledger-private.h"
#include "lock-holder.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FOLDER "/var/lib/vfpool"
#define FILE_NAME "ledger.db"
#define NEW_SUFFIX ".new"

/* Pages in the log (4 KiB each; a change takes about five) at which it is folded into the file. */
#define MAX_LOG_PAGES 128

/* A reader is only ever held up by another process that reads the log for the first time, for less than a ms. */
#define READER_WAIT 1000

/* Between two tries to take the lock. */
#define MIN_PAUSE_US 1000
#define MAX_PAUSE_US (25 * 1000)

/* It is exchanged once in its life, if ever. */
#define MAX_EXCHANGES 10

/* A rollback journal is made only by those who change the ledger's mode by hand, but SQLite would play one into any file of
 * that name. */
static const char *const companions[] = { "", "-wal", "-shm", "-journal" };

/* ---- The folder ---- */

static gboolean
fail_errno (const char *doing, const char *path, int err, GError **error) {
  VfpoolError code = vfpool_ledger_errno_code (err);

  g_set_error (error, VFPOOL_ERROR, code, "cannot %s %s: %s%s", doing, path, g_strerror (err),
               code == VFPOOL_ERROR_DENIED && geteuid () != 0 ? "; try again as root" : "");
  return FALSE;
}

/* What others could write would be no evidence of who holds what. */
static gboolean
folder_is_ours (const char *folder, const struct stat *st, GError **error) {
  const char *wrong = NULL;

  if (S_ISLNK (st->st_mode))
    wrong = "it is a symbolic link, expected a folder";
  else if (!S_ISDIR (st->st_mode))
    wrong = "it is no folder";
  else if (st->st_uid != geteuid ())
    wrong = geteuid () != 0 ? "it belongs to another user; try again as root" : "it does not belong to root";
  else if (st->st_mode & (S_IWGRP | S_IWOTH))
    wrong = "others than its owner may write into it; look it through, then chmod it to 0700";
  if (!wrong)
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_DENIED, "cannot keep the ledger in %s: %s", folder, wrong);
  return FALSE;
}

static gboolean
make_folder (const char *folder, GError **error) {
  g_autofree char *parent = g_path_get_dirname (folder);

  if (g_mkdir_with_parents (parent, 0755) == 0 && (mkdir (folder, 0700) == 0 || errno == EEXIST))
    return TRUE;
  return fail_errno ("make the ledger's folder", folder, errno, error);
}

static gboolean
deny (char *fault, GError **error) {
  g_autofree char *owned = fault;

  if (owned)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_DENIED, "the ledger cannot be believed: %s", owned);
  return !owned;
}

static gboolean
ensure_folder (const char *root, const char *folder, GError **error) {
  struct stat st;

  if (!deny (vfpool_trust_folders_fault (root, folder), error))
    return FALSE;
  if (lstat (folder, &st) == 0)
    return folder_is_ours (folder, &st, error);
  if (errno != ENOENT)
    return fail_errno ("look at the ledger's folder", folder, errno, error);
  if (!make_folder (folder, error))
    return FALSE;
  if (lstat (folder, &st) < 0)
    return fail_errno ("look at the ledger's folder", folder, errno, error);
  return folder_is_ours (folder, &st, error);
}

/* A file that somebody else had a hand in, from a time when he could write to the folder, is neither followed nor kept
 * aside: as a log, SQLite would write to it, and a descriptor that he still has would let him change what is believed. */
static gboolean
files_are_ours (const char *path, GError **error) {
  for (size_t i = 0; i < G_N_ELEMENTS (companions); i++) {
    g_autofree char *file = g_strconcat (path, companions[i], NULL);

    if (!deny (vfpool_trust_own_file_fault (file), error))
      return FALSE;
  }
  return TRUE;
}

/* ---- Opening ---- */

typedef enum { OPEN_GOOD, OPEN_ABSENT, OPEN_DAMAGED, OPEN_FAILED } OpenResult;

static int
fold_log (void *data, sqlite3 *db, const char *name, int pages) {
  (void)data;
  if (pages < MAX_LOG_PAGES)
    return SQLITE_OK;
  /* The commit has given the lock back, and this way of folding does not take it again, so nobody waits for the two
   * fsync(). What a reader or a newer change keeps from being folded, the next commit folds. When all of it is, the next
   * change is written from the start of the log again. */
  sqlite3_wal_checkpoint_v2 (db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  return SQLITE_OK;
}

/* Bounds a wait by the clock. SQLite's own handler adds up the pauses that it asked for, which on a busy host is a fraction
 * of the time that passes. Pauses grow, so that many who wait do not keep those from running who are waited for. */
static int
wait_for_lock (void *data, int tries) {
  VfpoolLedger *self = data;
  gint64 now = g_get_monotonic_time ();

  if (tries == 0)
    self->wait_until = now + self->wait * G_TIME_SPAN_MILLISECOND;
  if (now >= self->wait_until)
    return 0;
  g_usleep ((gulong)MIN (MIN_PAUSE_US * (1 + tries), MAX_PAUSE_US));
  return 1;
}

static gboolean
is_on_readonly_file_system (const char *path) {
  struct statvfs st;

  return statvfs (path, &st) == 0 && st.f_flag & ST_RDONLY;
}

static gboolean
exists (const char *path, const char *suffix) {
  g_autofree char *full = g_strconcat (path, suffix, NULL);
  struct stat st;

  return lstat (full, &st) == 0;
}

static VfpoolLedger *
connect_as (const char *path, const char *name, int flags, const char *vfs, int wait, int *rc) {
  VfpoolLedger *self = g_new0 (VfpoolLedger, 1);

  self->path = g_strdup (path);
  self->policy = -1;
  *rc = sqlite3_open_v2 (name, &self->db, flags | SQLITE_OPEN_NOMUTEX, vfs);
  sqlite3_extended_result_codes (self->db, 1);
  self->wait = wait;
  sqlite3_busy_handler (self->db, wait_for_lock, self);
  /* A damaged or planted file must not make SQLite do more than read tables. */
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  return self;
}

static VfpoolLedger *
connect_file (const char *path, int flags, int wait, int *rc) {
  return connect_as (path, path, flags, NULL, wait, rc);
}

/* On a file system that cannot be written to (an error made the kernel take it so) SQLite cannot make the index of the
 * log. Where there is none, the log is read into memory instead, and where there is no log, the file is taken as it is; both
 * without locks, which is well because nobody can write. */
static VfpoolLedger *
connect_for_reading (const char *path, int *rc) {
  g_autofree char *absolute = NULL, *file = NULL, *uri = NULL;
  VfpoolLedger *self;

  if (!is_on_readonly_file_system (path) || exists (path, "-shm"))
    return connect_file (path, SQLITE_OPEN_READONLY, READER_WAIT, rc);
  if (exists (path, "-wal")) {
    self = connect_as (path, path, SQLITE_OPEN_READONLY, "unix-none", READER_WAIT, rc);
    sqlite3_exec (self->db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
    return self;
  }
  absolute = g_canonicalize_filename (path, NULL);
  file = g_filename_to_uri (absolute, NULL, NULL);
  uri = g_strconcat (file, "?immutable=1", NULL);
  return connect_as (path, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL, READER_WAIT, rc);
}

/* What only who writes has to know: a reader shows what it can, as long as it can. */
static VfpoolLedgerHealth
examine_for_writing (VfpoolLedger *self, char **damage, GError **error) {
  VfpoolLedgerHealth health = vfpool_ledger_examine_rows (self, damage, error);

  if (health != VFPOOL_LEDGER_GOOD || !vfpool_ledger_is_marked_damaged (self))
    return health;
  *damage = g_strdup ("its history, or what is free in it, cannot be read");
  return VFPOOL_LEDGER_DAMAGED;
}

/* As vfpool_ledger_examine(), once the ledger is of this version. */
static VfpoolLedgerHealth
examine_upgraded (VfpoolLedger *self, gboolean readonly, char **damage, GError **error) {
  VfpoolLedgerHealth health = vfpool_ledger_examine (self, damage, error);

  if (health != VFPOOL_LEDGER_OLDER)
    return health;
  if (!readonly)
    return vfpool_ledger_upgrade (self, damage, error);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_CORRUPT,
               "the ledger %s was written by an older vfpool: run `vfpool reconcile` once, which brings it up to date",
               self->path);
  return VFPOOL_LEDGER_FAILED;
}

/* SQLite's own check counts a page that the disk does not give as one that is damaged. But the disk may come to itself again,
 * and then all leases are there: such a file must not be replaced by one that has not got them. */
static gboolean
disk_is_bad (VfpoolLedger *self, GError **error) {
  g_autofree char *damage = NULL;
  GError *local = NULL;

  if (vfpool_ledger_examine_rows (self, &damage, &local) == VFPOOL_LEDGER_FAILED
      && (sqlite3_extended_errcode (self->db) & 0xff) == SQLITE_IOERR) {
    g_propagate_error (error, local);
    return TRUE;
  }
  g_clear_error (&local);
  return FALSE;
}

static OpenResult
examine (VfpoolLedger *self, gboolean readonly, char **damage, GError **error) {
  VfpoolLedgerHealth health = examine_upgraded (self, readonly, damage, error);

  if (health == VFPOOL_LEDGER_GOOD && !readonly)
    health = examine_for_writing (self, damage, error);
  if (health == VFPOOL_LEDGER_DAMAGED)
    return disk_is_bad (self, error) ? OPEN_FAILED : OPEN_DAMAGED;
  if (health != VFPOOL_LEDGER_GOOD)
    return OPEN_FAILED;
  sqlite3_wal_hook (self->db, fold_log, NULL);
  if (!vfpool_ledger_run (self, "PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY", "open the ledger", error))
    return OPEN_FAILED;
  return OPEN_GOOD;
}

static OpenResult
open_once (const char *path, gboolean readonly, VfpoolLedger **ledger, char **damage, GError **error) {
  g_autoptr (VfpoolLedger) self = NULL;
  OpenResult result;
  struct stat st;
  int rc;

  if (!files_are_ours (path, error))
    return OPEN_FAILED;
  if (lstat (path, &st) < 0) {
    if (errno == ENOENT)
      return OPEN_ABSENT;
    fail_errno ("look at the ledger", path, errno, error);
    return OPEN_FAILED;
  }
  /* SQLite would open it for reading only, and say so at the first change. */
  if (!readonly && access (path, W_OK) < 0) {
    fail_errno ("write the ledger", path, errno, error);
    return OPEN_FAILED;
  }
  self =
      readonly ? connect_for_reading (path, &rc) : connect_file (path, SQLITE_OPEN_READWRITE, VFPOOL_LEDGER_WAIT, &rc);
  if (rc != SQLITE_OK) {
    vfpool_ledger_fail (self, rc, "open the ledger", error);
    return OPEN_FAILED;
  }
  self->dev = st.st_dev;
  self->ino = st.st_ino;
  result = examine (self, readonly, damage, error);
  if (result == OPEN_GOOD)
    *ledger = g_steal_pointer (&self);
  return result;
}

/* Another process may exchange the file between the look at its path and the opening, so the path is looked at again.
 * When it is the same file still, its log, which SQLite opens by name, is its own too. */
static OpenResult
try_open (const char *path, gboolean readonly, VfpoolLedger **ledger, char **damage, GError **error) {
  for (int i = 0;; i++) {
    OpenResult result = open_once (path, readonly, ledger, damage, error);

    if (result != OPEN_GOOD || vfpool_ledger_is_at_path (*ledger))
      return result;
    g_clear_pointer (ledger, vfpool_ledger_close);
    if (i < MAX_EXCHANGES)
      continue;
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY, "cannot open the ledger %s: other processes keep replacing it",
                 path);
    return OPEN_FAILED;
  }
}

/* ---- Making and keeping aside, under the lock file ---- */

static void
fail_locked (const char *path, GError **error) {
  g_autofree char *holder = vfpool_lock_holder ((const char *[]){ path, NULL });

  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY,
               "cannot make the ledger: %s held %s for more than %d s; try again; end that process if it hangs "
               "(fuser -v %s shows all that have it open)",
               holder, path, VFPOOL_LEDGER_WAIT / 1000, path);
}

/* A descriptor that holds the lock until it is closed, or -1. */
static int
take_lock (const char *folder, GError **error) {
  g_autofree char *path = g_build_filename (folder, "ledger.lock", NULL);
  gint64 deadline = g_get_monotonic_time () + VFPOOL_LEDGER_WAIT * G_TIME_SPAN_MILLISECOND;
  int fd;

  if (!deny (vfpool_trust_own_file_fault (path), error))
    return -1;
  fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    fail_errno ("make the ledger: cannot open its lock", path, errno, error);
    return -1;
  }
  while (flock (fd, LOCK_EX | LOCK_NB) < 0) {
    if (errno == EINTR)
      continue;
    if (errno != EWOULDBLOCK || g_get_monotonic_time () > deadline) {
      if (errno == EWOULDBLOCK)
        fail_locked (path, error);
      else
        fail_errno ("make the ledger: cannot lock", path, errno, error);
      close (fd);
      return -1;
    }
    g_usleep (10 * 1000);
  }
  return fd;
}

/* Whether there is a database of this name, or a part of one. */
static gboolean
is_taken (const char *path) {
  for (size_t i = 0; i < G_N_ELEMENTS (companions); i++)
    if (exists (path, companions[i]))
      return TRUE;
  return FALSE;
}

static char *
free_name (const char *path) {
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *time = g_date_time_format (now, "%Y%m%dT%H%M%SZ");

  for (int n = 0;; n++) {
    g_autofree char *name = n == 0 ? g_strdup_printf ("%s.unusable-%s-%d", path, time, (int)getpid ())
                                   : g_strdup_printf ("%s.unusable-%s-%d.%d", path, time, (int)getpid (), n);

    if (!is_taken (name))
      return g_steal_pointer (&name);
  }
}

/* @replaced: (out): the new name of the file, or of its log when that was all there was; NULL when there was nothing. */
static gboolean
keep_aside (const char *path, char **replaced, GError **error) {
  g_autofree char *name = free_name (path);

  for (size_t i = 0; i < G_N_ELEMENTS (companions); i++) {
    g_autofree char *from = g_strconcat (path, companions[i], NULL);
    g_autofree char *to = g_strconcat (name, companions[i], NULL);

    if (rename (from, to) < 0 && errno != ENOENT)
      return fail_errno ("keep the unusable ledger aside; please move it away by hand:", from, errno, error);
    if (!*replaced && exists (to, ""))
      *replaced = g_steal_pointer (&to);
  }
  return TRUE;
}

static void
remove_companions (const char *path) {
  for (size_t i = 1; i < G_N_ELEMENTS (companions); i++) {
    g_autofree char *left_over = g_strconcat (path, companions[i], NULL);
    unlink (left_over);
  }
}

static gboolean
make_empty_file (const char *path, GError **error) {
  int fd;

  unlink (path);
  remove_companions (path);
  fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); /* SQLite gives its log the same mode */
  if (fd < 0)
    return fail_errno ("make the ledger", path, errno, error);
  close (fd);
  return TRUE;
}

/* So that no power cut leaves the name with nothing behind it. */
static gboolean
sync_file (const char *path, GError **error) {
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  gboolean is_synced = fd >= 0 && fsync (fd) == 0;
  int err = errno;

  if (fd >= 0)
    close (fd);
  return is_synced || fail_errno ("make the ledger", path, err, error);
}

static gboolean
copy_what_is_left (VfpoolLedger *old, VfpoolLedger *self, GError **error) {
  gboolean ok = vfpool_ledger_run (self, "BEGIN", "make the ledger", error);

  self->in_transaction = ok; /* nobody else knows of the file, so that it is the one at its path needs no proof */
  ok = ok && vfpool_ledger_salvage (old, self, error) && vfpool_ledger_run (self, "COMMIT", "make the ledger", error);
  if (!ok)
    vfpool_ledger_rollback (self);
  self->in_transaction = FALSE;
  return ok;
}

/* Puts all into the file and nothing into its log, which would stay behind when the file is renamed. */
static gboolean
finish_file (VfpoolLedger *self, GError **error) {
  return vfpool_ledger_run (self, "PRAGMA wal_checkpoint (TRUNCATE)", "make the ledger", error)
         && sync_file (self->path, error);
}

/* @old: the one that it stands in for, as far as that can be opened; NULL: there is nothing to read. */
static gboolean
make_new_file (const char *path, gboolean needs_rebuild, VfpoolLedger *old, GError **error) {
  g_autoptr (VfpoolLedger) self = NULL;
  gboolean ok;
  int rc;

  if (!make_empty_file (path, error))
    return FALSE;
  self = connect_file (path, SQLITE_OPEN_READWRITE, 0, &rc);
  if (rc != SQLITE_OK)
    return vfpool_ledger_fail (self, rc, "make the ledger", error);
  ok = vfpool_ledger_create_tables (self, needs_rebuild, error) && (!old || copy_what_is_left (old, self, error))
       && finish_file (self, error);
  g_clear_pointer (&self, vfpool_ledger_close);
  remove_companions (path);
  return ok;
}

/* Opens what is damaged to read what can be read: @old, NULL when it is nothing that could be. Its write lock keeps others
 * from committing to it until it is exchanged; who comes later finds another file at its path. One so damaged that
 * it cannot be locked cannot be committed to either. */
static gboolean
open_damaged (const char *path, VfpoolLedger **old, GError **error) {
  g_autoptr (VfpoolLedger) self = NULL;
  struct stat st;
  int rc;

  if (lstat (path, &st) < 0 || !S_ISREG (st.st_mode))
    return TRUE;
  self = connect_file (path, SQLITE_OPEN_READWRITE, VFPOOL_LEDGER_WAIT, &rc);
  if (rc != SQLITE_OK)
    return TRUE;
  /* Takes SQLite from refusing a file that was cut as a whole. */
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
  sqlite3_exec (self->db, "PRAGMA writable_schema = ON", NULL, NULL, NULL);
  rc = sqlite3_exec (self->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
  if ((rc & 0xff) == SQLITE_BUSY)
    return vfpool_ledger_fail (self, rc, "replace the damaged ledger", error);
  *old = g_steal_pointer (&self);
  return TRUE;
}

/* A process that died while it replaced the ledger may have left the new one whole, with all that it had saved: the old one is
 * moved away only after that. */
static gboolean
is_whole (const char *new_path) {
  g_autofree char *damage = NULL;
  g_autoptr (VfpoolLedger) self = NULL;

  return try_open (new_path, FALSE, &self, &damage, NULL) == OPEN_GOOD;
}

static gboolean
replace (const char *path, gboolean is_damaged, char **replaced, GError **error) {
  g_autofree char *new_path = g_strconcat (path, NEW_SUFFIX, NULL);
  g_autoptr (VfpoolLedger) old = NULL;
  /* A log without its file, or a file that was not finished: a ledger got lost here. */
  gboolean is_lost = is_taken (path) || exists (new_path, "");
  gboolean is_ready = !is_damaged && is_whole (new_path);

  if (is_damaged && !open_damaged (path, &old, error))
    return FALSE;
  if ((!is_ready && !make_new_file (new_path, is_lost, old, error)) || !keep_aside (path, replaced, error))
    return FALSE;
  remove_companions (new_path);
  return rename (new_path, path) == 0 || fail_errno ("put the new ledger into place:", path, errno, error);
}

static VfpoolLedger *
open_locked (const char *path, char **replaced, GError **error) {
  g_autofree char *because = NULL, *damage = NULL;
  VfpoolLedger *self = NULL;
  OpenResult result = try_open (path, FALSE, &self, &because, error);

  if (result == OPEN_GOOD || result == OPEN_FAILED)
    return self;
  if (!replace (path, result == OPEN_DAMAGED, replaced, error))
    return NULL;
  result = try_open (path, FALSE, &self, &damage, error);
  if (result == OPEN_ABSENT || result == OPEN_DAMAGED)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_CORRUPT,
                 "the new ledger %s cannot be used: %s; is the disk in order?", path, damage ? damage : "it is gone");
  if (self && *replaced)
    self->replaced_because = g_strdup (because ? because : "the file was gone, but not its log");
  return self;
}

VfpoolLedger *
vfpool_ledger_open (const char *root, char **replaced, GError **error) {
  g_autofree char *folder = g_strconcat (root, FOLDER, NULL);
  g_autofree char *path = g_build_filename (folder, FILE_NAME, NULL);
  g_autofree char *damage = NULL;
  VfpoolLedger *self = NULL;
  OpenResult result;
  int lock;

  *replaced = NULL;
  if (!ensure_folder (root, folder, error))
    return NULL;
  result = try_open (path, FALSE, &self, &damage, error);
  if (result == OPEN_GOOD || result == OPEN_FAILED)
    return self;
  lock = take_lock (folder, error);
  if (lock < 0)
    return NULL;
  self = open_locked (path, replaced, error);
  close (lock);
  return self;
}

VfpoolLedger *
vfpool_ledger_open_readonly (const char *root, GError **error) {
  g_autofree char *path = g_strconcat (root, FOLDER, "/", FILE_NAME, NULL);
  g_autofree char *damage = NULL;
  VfpoolLedger *self = NULL;
  OpenResult result;

  if (!deny (vfpool_trust_folders_fault (root, path), error))
    return NULL;
  result = try_open (path, TRUE, &self, &damage, error);
  if (result == OPEN_ABSENT)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND, "there is no ledger %s yet", path);
  if (result == OPEN_DAMAGED)
    g_set_error (
        error, VFPOOL_ERROR, VFPOOL_ERROR_CORRUPT,
        "the ledger %s cannot be used: %s; the next vfpool command that changes something keeps it aside and makes a "
        "new one",
        path, damage);
  return self;
}
