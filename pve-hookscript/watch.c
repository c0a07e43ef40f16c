/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Somebody has to see what no hookscript is called for. It is a mode of the hookscript's program, run by systemd, rather than a
 * program of its own: it does what post-stop does, with the same code, from outside of PVE's tasks, and a node that has one has the
 * other, of the same version. It is not vfpool-agent either, which is a client of libvirt; a node need not have that.
 *
 * Nothing is asked for again and again. The kernel tells of
 *   - PID files and PVE's reservation file, which change with each start and stop (inotify on /run/qemu-server);
 *   - the end of a QEMU that holds VFs (pidfd), whoever else hears of it;
 *   - leases that are written (inotify on the ledger's folder): a hookscript may be killed before it writes anything else;
 * and one timer is set to when something ends by itself: a start-grace, or the time of a line. Whatever it was, all VMs and leases
 * are looked at anew (ends.c), so it does not matter which events were missed or came together. Looking at what has not
 * changed writes nothing, so it causes no further event. After each look the other nodes are told, if there is something to tell
 * (publisher.c): at the start of the service that this node is up, and later what no hookscript has published.
 *
 * It owns nothing: killed at any point, the next one finds all it needs in ledger, /run and /proc. While it works on one VM the
 * events of others wait; what a look may take is bounded by the library's release-wait.
 */
#include "watch.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ends.h"
#include "publisher.h"
#include "qemu.h"
#include "report.h"
#include "vfpool.h"

/* A file is made, written, replaced or removed. */
#define CHANGES (IN_CREATE | IN_MODIFY | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)

typedef struct {
  const PvePaths *paths;
  PveEnds *ends;
  PvePublisher *publisher;
  GMainLoop *loop;
  int inotify;
  int run_watch, ledger_watch; /* watch descriptors */
  char *ledger_dir;
  GHashTable *qemus; /* PID -> number of the source that waits for its end */
  guint look;        /* source; 0: none is due */
  GSource *timer;
} Watch;

static void request_look (Watch *self);

/* ---- QEMUs ---- */

static gboolean
on_qemu_end (int fd, GIOCondition condition G_GNUC_UNUSED, gpointer data) {
  close (fd);
  request_look (data);
  return G_SOURCE_REMOVE;
}

/* A PID that is given to another process between the look and here is none of the VM's, which therefore has ended. */
static void
watch_qemu (Watch *self, gint64 pid, guint64 vmid) {
  int fd = (int)syscall (SYS_pidfd_open, (pid_t)pid, 0);

  if (fd < 0 || !pve_qemu_is (self->paths, pid, vmid)) {
    if (fd < 0 && errno != ESRCH)
      report_message (VFPOOL_MESSAGE_WARNING, "the end of a QEMU cannot be waited for: no pidfd is to be had", NULL);
    else
      request_look (self);
    if (fd >= 0)
      close (fd);
    return;
  }
  g_hash_table_insert (self->qemus, g_memdup2 (&pid, sizeof pid),
                       GUINT_TO_POINTER (g_unix_fd_add (fd, G_IO_IN, on_qemu_end, self)));
}

/* One that is not of interest any more keeps its descriptor until it ends: most often it is about to. */
static void
watch_qemus (Watch *self) {
  GHashTable *wanted = pve_ends_qemus (self->ends);
  GHashTableIter iter;
  gint64 *pid;
  guint64 *vmid;
  gpointer source;

  g_hash_table_iter_init (&iter, self->qemus);
  while (g_hash_table_iter_next (&iter, (gpointer *)&pid, &source))
    if (!g_main_context_find_source_by_id (NULL, GPOINTER_TO_UINT (source)))
      g_hash_table_iter_remove (&iter);
  g_hash_table_iter_init (&iter, wanted);
  while (g_hash_table_iter_next (&iter, (gpointer *)&pid, (gpointer *)&vmid))
    if (!g_hash_table_contains (self->qemus, pid))
      watch_qemu (self, *pid, *vmid);
}

/* ---- Folders ---- */

/* Of the many files there only those count that say something of VMs; not our own temporary ones, nor PVE's lock. SQLite makes
 * its files anew for who only reads; what counts is what is written to the ledger itself and to its log. */
static gboolean
is_of_interest (const Watch *self, const struct inotify_event *event) {
  if (event->mask & (IN_Q_OVERFLOW | IN_IGNORED))
    return TRUE;
  if (event->len == 0)
    return FALSE;
  if (event->wd == self->ledger_watch)
    return (event->mask & IN_MODIFY) && (!strcmp (event->name, "ledger.db") || !strcmp (event->name, "ledger.db-wal"));
  return g_str_has_suffix (event->name, ".pid") || !strcmp (event->name, "pci-id-reservations");
}

static gboolean
on_inotify (int fd, GIOCondition condition G_GNUC_UNUSED, gpointer data) {
  char buffer[16 * 1024] __attribute__ ((aligned (__alignof__(struct inotify_event))));
  Watch *self = data;
  ssize_t n;

  while ((n = read (fd, buffer, sizeof buffer)) > 0)
    for (char *place = buffer; place < buffer + n;) {
      const struct inotify_event *event = (const struct inotify_event *)place;

      if (is_of_interest (self, event))
        request_look (self);
      place += sizeof *event + event->len;
    }
  return G_SOURCE_CONTINUE;
}

/* Watching a folder that is watched already changes nothing. One that was removed is made anew, as PVE does; the ledger's comes
 * with the ledger. @is_new: (inout): what happened before may have been missed. */
static int
watch_folder (const Watch *self, const char *folder, int before, gboolean *is_new) {
  int watch = inotify_add_watch (self->inotify, folder, CHANGES | IN_ONLYDIR);

  *is_new |= watch >= 0 && watch != before;
  return watch;
}

static gboolean
watch_folders (Watch *self, gboolean *is_new, GError **error) {
  int saved_errno;

  *is_new = FALSE;
  self->ledger_watch = watch_folder (self, self->ledger_dir, self->ledger_watch, is_new);
  g_mkdir (self->paths->run_dir, 0755);
  self->run_watch = watch_folder (self, self->paths->run_dir, self->run_watch, is_new);
  saved_errno = errno;
  if (self->run_watch >= 0)
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "cannot watch %s: %s", self->paths->run_dir,
               g_strerror (saved_errno));
  return FALSE;
}

/* ---- Looking ---- */

static gboolean
on_timer (gpointer data) {
  Watch *self = data;

  g_source_set_ready_time (self->timer, -1);
  request_look (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_look (gpointer data) {
  Watch *self = data;
  g_autoptr (GError) error = NULL;
  gboolean is_new;
  gint64 next;

  self->look = 0;
  next = pve_ends_look (self->ends);
  g_source_set_ready_time (self->timer, next < 0 ? -1 : g_get_monotonic_time () + next);
  watch_qemus (self);
  if (!watch_folders (self, &is_new, &error))
    report_error (error);
  if (is_new)
    request_look (self);
  pve_publisher_request (self->publisher);
  return G_SOURCE_REMOVE;
}

static void
request_look (Watch *self) {
  if (!self->look)
    self->look = g_idle_add (on_look, self);
}

/* ---- The service ---- */

static gboolean
on_hangup (gpointer data) {
  request_look (data);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_terminate (gpointer data) {
  g_main_loop_quit (((Watch *)data)->loop);
  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch_timer (GSource *source G_GNUC_UNUSED, GSourceFunc callback, gpointer data) {
  return callback (data);
}

static GSource *
new_timer (Watch *self) {
  static GSourceFuncs functions = { .dispatch = dispatch_timer };
  GSource *timer = g_source_new (&functions, sizeof (GSource));

  g_source_set_callback (timer, on_timer, self, NULL);
  g_source_attach (timer, NULL);
  return timer;
}

static gboolean
begin (Watch *self, GError **error) {
  gboolean is_new;

  if (!g_file_test (self->paths->pve_dir, G_FILE_TEST_IS_DIR)) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND, "there is no %s: this host does not run Proxmox VE",
                 self->paths->pve_dir);
    return FALSE;
  }
  self->inotify = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);
  if (self->inotify < 0) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "cannot watch folders: %s", g_strerror (errno));
    return FALSE;
  }
  return watch_folders (self, &is_new, error);
}

static void
run (Watch *self) {
  g_unix_fd_add (self->inotify, G_IO_IN, on_inotify, self);
  g_unix_signal_add (SIGHUP, on_hangup, self);
  g_unix_signal_add (SIGTERM, on_terminate, self);
  g_unix_signal_add (SIGINT, on_terminate, self);
  self->timer = new_timer (self);
  request_look (self);
  g_main_loop_run (self->loop);
  g_source_destroy (self->timer);
  g_source_unref (self->timer);
}

gboolean
pve_watch (const PvePaths *paths, GError **error) {
  Watch self = { .paths = paths, .inotify = -1, .run_watch = -1, .ledger_watch = -1 };
  gboolean began;

  self.loop = g_main_loop_new (NULL, FALSE);
  self.ends = pve_ends_new (paths);
  self.publisher = pve_publisher_new (paths);
  self.qemus = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  self.ledger_dir = g_strconcat (paths->root ? paths->root : "", "/var/lib/vfpool", NULL);
  began = begin (&self, error);
  if (began)
    run (&self);
  if (self.inotify >= 0)
    close (self.inotify);
  g_free (self.ledger_dir);
  g_hash_table_unref (self.qemus);
  pve_publisher_free (self.publisher);
  pve_ends_free (self.ends);
  g_main_loop_unref (self.loop);
  return began;
}
