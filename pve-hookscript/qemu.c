/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM runs when the process that its PID file names has that file on its command line: a PID may have been given to
 * another process since. The file is looked for in the folder that this program was given; QEMU's command line names it as
 * PVE spells it, which is /var/run/qemu-server, so only the end of it is compared.
 */
#include "qemu.h"

#include <string.h>

/* The word that follows "-pidfile", or NULL. A process that has ended but was not waited for has an empty command line. */
static const char *
find_pidfile (const char *command, gsize length) {
  const char *end = command + length;

  for (const char *word = command; word < end; word += strlen (word) + 1) {
    const char *next = word + strlen (word) + 1;

    if (!strcmp (word, "-pidfile"))
      return next < end ? next : NULL;
  }
  return NULL;
}

gboolean
pve_qemu_is (const PvePaths *paths, gint64 pid, guint64 vmid) {
  g_autofree char *file = g_strdup_printf ("%s/proc/%" G_GINT64_FORMAT "/cmdline", paths->root ? paths->root : "", pid);
  g_autofree char *suffix = g_strdup_printf ("/qemu-server/%" G_GUINT64_FORMAT ".pid", vmid);
  g_autofree char *command = NULL;
  const char *pidfile;
  gsize length;

  if (!pve_read_file (file, &command, &length, NULL))
    return FALSE;
  pidfile = find_pidfile (command, length);
  return pidfile && g_str_has_suffix (pidfile, suffix);
}

gint64
pve_qemu_pid (const PvePaths *paths, guint64 vmid) {
  g_autofree char *file = g_strdup_printf ("%s/%" G_GUINT64_FORMAT ".pid", paths->run_dir, vmid);
  g_autofree char *contents = NULL;
  gint64 pid;
  gsize length;

  if (!pve_read_file (file, &contents, &length, NULL))
    return 0;
  g_strchomp (contents);
  if (!*contents || contents[strspn (contents, "0123456789")])
    return 0;
  pid = g_ascii_strtoll (contents, NULL, 10);
  return pid > 0 && pve_qemu_is (paths, pid, vmid) ? pid : 0;
}
