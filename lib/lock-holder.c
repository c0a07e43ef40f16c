/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel lists all locks in /proc/locks (proc(5)): kind, mode, PID, and the file as MAJOR:MINOR:INODE. */
#include "lock-holder.h"
#include "holder.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static gboolean
is_one_of (const char *const *paths, guint major_number, guint minor_number, gulong inode) {
  for (; *paths; paths++) {
    struct stat st;

    if (stat (*paths, &st) == 0 && st.st_ino == inode && major (st.st_dev) == major_number
        && minor (st.st_dev) == minor_number)
      return TRUE;
  }
  return FALSE;
}

/* The PID in @line when that is a write lock of another process on one of @paths, or 0. A process that waits has "->" in
 * front, which moves its fields on. */
static int
pid_of_line (const char *line, const char *const *paths) {
  guint major_number, minor_number;
  gulong inode;
  char mode[8];
  int pid;

  if (sscanf (line, "%*d: %*s %*s %7s %d %x:%x:%lu", mode, &pid, &major_number, &minor_number, &inode) != 5)
    return 0;
  return strcmp (mode, "WRITE") == 0 && pid > 0 && pid != getpid ()
                 && is_one_of (paths, major_number, minor_number, inode)
             ? pid
             : 0;
}

char *
vfpool_lock_holder (const char *const *paths) {
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents ("/proc/locks", &text, NULL, NULL))
    return g_strdup ("another process");
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line; line++) {
    int pid = pid_of_line (*line, paths);

    if (pid)
      return vfpool_holder_describe ("", pid);
  }
  return g_strdup ("another process");
}
