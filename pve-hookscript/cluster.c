/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pmxcfs has no flock(2) over nodes. A lock is a folder below priv/lock: who makes it has it, and removes it in the end. Whoever
 * waits sets the folder's time to 0, which pmxcfs takes for the request to remove it, and heeds when it is older than two
 * minutes; so a lock must be held for much less than that, and one that was left over needs no other care.
 *
 * Without a quorum all of it is read-only. pmxcfs shows that by taking the owner's permission to write from the link "local",
 * which is also there only while it is mounted; that is how PVE looks, too, and it never waits for other nodes as a write may.
 */
#include "cluster.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "vfpool.h"

#define RETRY_US (200 * 1000)

G_DEFINE_QUARK (pve - quorum - error, pve_quorum_error)

struct _PveClusterLock {
  char *folder;
};

gboolean
pve_cluster_check_quorum (const PvePaths *paths, GError **error) {
  g_autofree char *local = g_build_filename (paths->pve_dir, "local", NULL);
  struct stat st;

  if (lstat (local, &st) < 0) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND,
                 "Proxmox's cluster filesystem is not at %s: does pve-cluster.service run?", paths->pve_dir);
    return FALSE;
  }
  if (st.st_mode & S_IWUSR)
    return TRUE;
  g_set_error (error, PVE_QUORUM_ERROR, 0,
               "%s is read-only because this node has no quorum: try again when \"pvecm status\" says \"Quorate: Yes\"",
               paths->pve_dir);
  return FALSE;
}

/* Takes the lock, or asks for one that is left over to be removed. FALSE without an error: another has it. */
static gboolean
try_lock (const PveClusterLock *self, GError **error) {
  static const struct timeval remove_request[2];

  if (g_mkdir (self->folder, 0755) == 0)
    return TRUE;
  if (errno != EEXIST)
    return pve_fail_errno (error, "make the lock", self->folder, errno);
  utimes (self->folder, remove_request); /* refused while the lock counts */
  return FALSE;
}

static gboolean
wait_for_lock (const PveClusterLock *self, gint64 wait_us, GError **error) {
  gint64 until = g_get_monotonic_time () + wait_us;
  GError *failure = NULL;

  while (!try_lock (self, &failure)) {
    if (failure) {
      g_propagate_error (error, failure);
      return FALSE;
    }
    if (g_get_monotonic_time () >= until) {
      g_set_error (
          error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY,
          "another node or program has held the lock %s for %d seconds: try again; one that was left over is removed "
          "by Proxmox VE within two minutes",
          self->folder, (int)(wait_us / G_USEC_PER_SEC));
      return FALSE;
    }
    g_usleep (RETRY_US);
  }
  return TRUE;
}

PveClusterLock *
pve_cluster_lock (const PvePaths *paths, const char *file, gint64 wait_us, GError **error) {
  g_autofree char *id = g_strdelimit (g_strconcat ("file-", file, NULL), "./", '_');
  g_autofree char *locks = g_build_filename (paths->pve_dir, "priv", "lock", NULL);
  PveClusterLock *self;

  if (!pve_cluster_check_quorum (paths, error))
    return NULL;
  g_mkdir_with_parents (locks, 0700); /* should it fail, so does the lock below it, and that is told */
  self = g_new0 (PveClusterLock, 1);
  self->folder = g_build_filename (locks, id, NULL);
  if (wait_for_lock (self, wait_us, error))
    return self;
  g_clear_pointer (&self->folder, g_free); /* not ours to remove */
  pve_cluster_unlock (self);
  return NULL;
}

void
pve_cluster_unlock (PveClusterLock *self) {
  if (!self)
    return;
  if (self->folder)
    g_rmdir (self->folder);
  g_free (self->folder);
  g_free (self);
}
