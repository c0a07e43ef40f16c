/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysfs is plain files, but not plain I/O: an attribute is written in one write() whose errno is the driver's answer,
 * and a missing file is information. No stdio, so that what strace shows is what happens.
 */
#include "sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char *
build_path (const char *root, const char *format, va_list args) {
  g_autofree char *path = g_strdup_vprintf (format, args);

  return g_strconcat (root, path, NULL);
}

static char *
read_line (const char *path) {
  char text[4096];
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  ssize_t n;

  if (fd < 0)
    return NULL;
  n = read (fd, text, sizeof text - 1);
  close (fd);
  if (n < 0)
    return NULL;
  text[n] = '\0';
  text[strcspn (text, "\n")] = '\0';
  return g_strdup (text);
}

char *
vfpool_sysfs_read (const char *root, const char *format, ...) {
  g_autofree char *path = NULL;
  va_list args;

  va_start (args, format);
  path = build_path (root, format, args);
  va_end (args);
  return read_line (path);
}

gint64
vfpool_sysfs_read_int (const char *root, gint64 absent, const char *format, ...) {
  g_autofree char *path = NULL, *text = NULL;
  char *end;
  gint64 value;
  va_list args;

  va_start (args, format);
  path = build_path (root, format, args);
  va_end (args);
  text = read_line (path);
  if (!text)
    return absent;
  value = g_ascii_strtoll (text, &end, g_str_has_prefix (text, "0x") ? 16 : 10);
  return end == text || *end ? absent : value;
}

char *
vfpool_sysfs_link_name (const char *root, const char *format, ...) {
  g_autofree char *path = NULL;
  char target[4096];
  const char *slash;
  ssize_t n;
  va_list args;

  va_start (args, format);
  path = build_path (root, format, args);
  va_end (args);
  n = readlink (path, target, sizeof target - 1);
  if (n < 0)
    return NULL;
  target[n] = '\0';
  slash = strrchr (target, '/');
  return g_strdup (slash ? slash + 1 : target);
}

gboolean
vfpool_sysfs_exists (const char *root, const char *format, ...) {
  g_autofree char *path = NULL;
  va_list args;

  va_start (args, format);
  path = build_path (root, format, args);
  va_end (args);
  return access (path, F_OK) == 0;
}

static int
compare_names (gconstpointer a, gconstpointer b) {
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

char **
vfpool_sysfs_list (const char *root, const char *format, ...) {
  g_autofree char *path = NULL;
  GPtrArray *names = g_ptr_array_new ();
  struct dirent *entry;
  DIR *dir;
  va_list args;

  va_start (args, format);
  path = build_path (root, format, args);
  va_end (args);
  dir = opendir (path);
  while (dir && (entry = readdir (dir)))
    if (entry->d_name[0] != '.')
      g_ptr_array_add (names, g_strdup (entry->d_name));
  if (dir)
    closedir (dir);
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_free (names, FALSE);
}

gboolean
vfpool_sysfs_write (const char *root, const char *value, GError **error, const char *format, ...) {
  g_autofree char *path = NULL, *shown = g_strchomp (g_strdup (value));
  int fd, saved_errno = 0;
  va_list args;

  va_start (args, format);
  path = build_path (root, format, args);
  va_end (args);
  fd = open (path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write (fd, value, strlen (value)) < 0)
    saved_errno = errno;
  if (fd >= 0)
    close (fd);
  if (!saved_errno)
    return TRUE;
  g_set_error (error, VFPOOL_ERROR,
               saved_errno == EACCES || saved_errno == EPERM ? VFPOOL_ERROR_DENIED : VFPOOL_ERROR_KERNEL,
               "cannot write '%s' to %s: %s", shown, path, g_strerror (saved_errno));
  return FALSE;
}
