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
 * costs two fsync() for each short-lived process. It is folded in when it has grown, by the commit that made it so.
 */
#include "ledger-private.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
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

static const char *const companions[] = { "", "-wal", "-shm" };

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
   * fsync(). What a reader or a newer change keeps from being folded, the next commit folds. */
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

static VfpoolLedger *
connect_file (const char *path, int flags, int wait, int *rc) {
  VfpoolLedger *self = g_new0 (VfpoolLedger, 1);

  self->path = g_strdup (path);
  self->policy = -1;
  *rc = sqlite3_open_v2 (path, &self->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
  sqlite3_extended_result_codes (self->db, 1);
  self->wait = wait;
  sqlite3_busy_handler (self->db, wait_for_lock, self);
  /* A damaged or planted file must not make SQLite do more than read tables. */
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  return self;
}

/* As vfpool_ledger_examine(), once the ledger is of this version. */
static VfpoolLedgerHealth
examine_upgraded (VfpoolLedger *self, gboolean readonly, char **damage, GError **error) {
  VfpoolLedgerHealth health = vfpool_ledger_examine (self, damage, error);

  if (health != VFPOOL_LEDGER_OLDER)
    return health;
  if (!readonly)
    return vfpool_ledger_upgrade (self, error) ? vfpool_ledger_examine (self, damage, error) : VFPOOL_LEDGER_FAILED;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_CORRUPT,
               "the ledger %s was written by an older vfpool: run `vfpool reconcile` once, which brings it up to date",
               self->path);
  return VFPOOL_LEDGER_FAILED;
}

static OpenResult
examine (VfpoolLedger *self, gboolean readonly, char **damage, GError **error) {
  VfpoolLedgerHealth health = examine_upgraded (self, readonly, damage, error);

  if (health != VFPOOL_LEDGER_GOOD)
    return health == VFPOOL_LEDGER_DAMAGED ? OPEN_DAMAGED : OPEN_FAILED;
  if (!readonly && sqlite3_db_readonly (self->db, "main")) {
    fail_errno ("write the ledger", self->path, EACCES, error);
    return OPEN_FAILED;
  }
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
  self = connect_file (path, readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE,
                       readonly ? READER_WAIT : VFPOOL_LEDGER_WAIT, &rc);
  if (rc != SQLITE_OK) {
    vfpool_ledger_fail (self, rc, "open the ledger", error);
    return OPEN_FAILED;
  }
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
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
        g_set_error (
            error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY,
            "cannot make the ledger: another process held %s for more than %d s; try again (fuser -v %s shows who it "
            "is)",
            path, VFPOOL_LEDGER_WAIT / 1000, path);
      else
        fail_errno ("make the ledger: cannot lock", path, errno, error);
      close (fd);
      return -1;
    }
    g_usleep (10 * 1000);
  }
  return fd;
}

static gboolean
exists (const char *path, const char *suffix) {
  g_autofree char *full = g_strconcat (path, suffix, NULL);
  struct stat st;

  return lstat (full, &st) == 0;
}

static char *
free_name (const char *path) {
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *time = g_date_time_format (now, "%Y%m%dT%H%M%SZ");

  for (int n = 0;; n++) {
    g_autofree char *name = n == 0 ? g_strdup_printf ("%s.unusable-%s-%d", path, time, (int)getpid ())
                                   : g_strdup_printf ("%s.unusable-%s-%d.%d", path, time, (int)getpid (), n);

    if (!exists (name, companions[0]) && !exists (name, companions[1]) && !exists (name, companions[2]))
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

static gboolean
make_empty_file (const char *path, GError **error) {
  int fd;

  for (size_t i = 0; i < G_N_ELEMENTS (companions); i++) {
    g_autofree char *left_over = g_strconcat (path, companions[i], NULL);
    unlink (left_over);
  }
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
make_new_file (const char *path, gboolean needs_rebuild, GError **error) {
  g_autoptr (VfpoolLedger) self = NULL;
  int rc;

  if (!make_empty_file (path, error))
    return FALSE;
  self = connect_file (path, SQLITE_OPEN_READWRITE, 0, &rc);
  if (rc != SQLITE_OK)
    return vfpool_ledger_fail (self, rc, "make the ledger", error);
  if (!vfpool_ledger_create_tables (self, needs_rebuild, error))
    return FALSE;
  g_clear_pointer (&self, vfpool_ledger_close);
  return sync_file (path, error);
}

static gboolean
replace (const char *path, gboolean is_damaged, char **replaced, GError **error) {
  g_autofree char *new_path = g_strconcat (path, NEW_SUFFIX, NULL);
  /* A log without its file, or a file that was not finished: a ledger got lost here. */
  gboolean is_lost = is_damaged || exists (path, "-wal") || exists (new_path, "");

  if (!make_new_file (new_path, is_lost, error) || !keep_aside (path, replaced, error))
    return FALSE;
  return rename (new_path, path) == 0 || fail_errno ("put the new ledger into place:", path, errno, error);
}

static VfpoolLedger *
open_locked (const char *path, char **replaced, GError **error) {
  g_autofree char *damage = NULL;
  VfpoolLedger *self = NULL;
  OpenResult result = try_open (path, FALSE, &self, &damage, error);

  if (result == OPEN_GOOD || result == OPEN_FAILED)
    return self;
  if (!replace (path, result == OPEN_DAMAGED, replaced, error))
    return NULL;
  g_clear_pointer (&damage, g_free);
  result = try_open (path, FALSE, &self, &damage, error);
  if (result == OPEN_ABSENT || result == OPEN_DAMAGED)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_CORRUPT,
                 "the new ledger %s cannot be used: %s; is the disk in order?", path, damage ? damage : "it is gone");
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
