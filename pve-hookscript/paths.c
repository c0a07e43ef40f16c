/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paths and bounded reading. Everything can be redirected by an argument, so that the very code that runs on a node
 * also runs on a tree of fixtures and on a test host without Proxmox VE. The node's name is what PVE takes it to be:
 * the host name up to the first dot.
 */
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "vfpool.h"

static char *
node_name (void) {
  struct utsname host;

  if (uname (&host) < 0)
    return g_strdup ("localhost");
  return g_strndup (host.nodename, strcspn (host.nodename, "."));
}

PvePaths *
pve_paths_new (const char *root, const char *pve_dir, const char *run_dir) {
  PvePaths *self = g_new0 (PvePaths, 1);
  const char *base = root ? root : "";

  self->root = g_strdup (root);
  self->pve_dir = pve_dir ? g_strdup (pve_dir) : g_strconcat (base, "/etc/pve", NULL);
  self->run_dir = run_dir ? g_strdup (run_dir) : g_strconcat (base, "/run/qemu-server", NULL);
  self->lxc_dir = g_strconcat (base, "/var/lib/lxc", NULL);
  self->node = node_name ();
  return self;
}

void
pve_paths_free (PvePaths *self) {
  if (!self)
    return;
  g_free (self->root);
  g_free (self->pve_dir);
  g_free (self->run_dir);
  g_free (self->lxc_dir);
  g_free (self->node);
  g_free (self);
}

char *
pve_paths_device (const PvePaths *self, const char *bdf, const char *name) {
  return g_strconcat (self->root ? self->root : "", "/sys/bus/pci/devices/", bdf, name ? "/" : NULL, name, NULL);
}

void
pve_paths_add_functions (const PvePaths *self, const char *address, GPtrArray *functions) {
  if (strchr (address, '.')) {
    g_ptr_array_add (functions, g_strdup (address));
    return;
  }
  for (int function = 0; function < 8; function++) {
    g_autofree char *bdf = g_strdup_printf ("%s.%d", address, function);
    g_autofree char *folder = pve_paths_device (self, bdf, NULL);

    if (g_file_test (folder, G_FILE_TEST_EXISTS))
      g_ptr_array_add (functions, g_steal_pointer (&bdf));
  }
}

/* ---- Files ---- */

static VfpoolError
code_for (int saved_errno) {
  if (saved_errno == ENOENT || saved_errno == ENOTDIR)
    return VFPOOL_ERROR_NOT_FOUND;
  if (saved_errno == EACCES || saved_errno == EPERM)
    return VFPOOL_ERROR_DENIED;
  return saved_errno == EISDIR ? VFPOOL_ERROR_BAD_INPUT : VFPOOL_ERROR_KERNEL;
}

static gboolean
fail (GError **error, const char *path, int saved_errno) {
  g_set_error (error, VFPOOL_ERROR, code_for (saved_errno), "cannot read %s: %s", path, g_strerror (saved_errno));
  return FALSE;
}

gboolean
pve_read_file (const char *path, char **contents, gsize *length, GError **error) {
  g_autofree char *buffer = NULL;
  gsize filled = 0;
  ssize_t got;
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

  if (fd < 0)
    return fail (error, path, errno);
  buffer = g_malloc (PVE_FILE_MAX + 1);
  do {
    got = read (fd, buffer + filled, PVE_FILE_MAX + 1 - filled);
    filled += got > 0 ? (gsize)got : 0;
  } while ((got > 0 && filled <= PVE_FILE_MAX) || (got < 0 && errno == EINTR));
  if (got < 0) {
    int saved_errno = errno;
    close (fd);
    return fail (error, path, saved_errno);
  }
  close (fd);
  if (filled > PVE_FILE_MAX) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
                 "%s is larger than %d KiB, which no such file of Proxmox VE is: look what was written to it", path,
                 PVE_FILE_MAX / 1024);
    return FALSE;
  }
  buffer[filled] = '\0';
  *contents = g_steal_pointer (&buffer);
  *length = filled;
  return TRUE;
}

gboolean
pve_fail_errno (GError **error, const char *doing, const char *path, int saved_errno) {
  VfpoolError code = saved_errno == EACCES || saved_errno == EPERM ? VFPOOL_ERROR_DENIED : VFPOOL_ERROR_KERNEL;

  g_set_error (error, VFPOOL_ERROR, code, "cannot %s %s: %s", doing, path, g_strerror (saved_errno));
  return FALSE;
}

static gboolean
write_file (const char *path, const GString *contents, GError **error) {
  gsize written = 0;
  int fd;

  g_unlink (path); /* a leftover of a process that died */
  fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0)
    return pve_fail_errno (error, "make", path, errno);
  while (written < contents->len) {
    ssize_t count = write (fd, contents->str + written, contents->len - written);

    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0) {
      int saved_errno = errno;
      close (fd);
      return pve_fail_errno (error, "write", path, saved_errno);
    }
    written += (gsize)count;
  }
  if (close (fd) < 0)
    return pve_fail_errno (error, "write", path, errno);
  return TRUE;
}

gboolean
pve_replace_file (const char *path, const GString *contents, GError **error) {
  g_autofree char *temporary = g_strconcat (path, ".vfpool", NULL);
  g_autofree char *found = NULL;
  gsize length;

  if (!write_file (temporary, contents, error)
      || (g_rename (temporary, path) < 0 && !pve_fail_errno (error, "replace", path, errno))) {
    g_unlink (temporary);
    return FALSE;
  }
  if (!pve_read_file (path, &found, &length, error))
    return FALSE;
  if (length == contents->len && !memcmp (found, contents->str, length))
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL,
               "%s does not hold what was just written to it: somebody writes to it without its lock", path);
  return FALSE;
}
