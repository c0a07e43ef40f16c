/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See holder.h for the two ways of asking, and why both are there. */
#include "guest.h"
#include "holder.h"
#include "printable.h"
#include "request.h"
#include "sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

gboolean
vfpool_holder_group_is_open (const char *root, int group) {
  g_autofree char *path = g_strdup_printf ("%s/dev/vfio/%d", root, group);
  int fd;

  if (group < 0)
    return FALSE;
  fd = open (path, O_RDWR | O_CLOEXEC);
  if (fd >= 0) {
    close (fd);
    return FALSE;
  }
  return errno != ENOENT && errno != ENODEV && errno != ENXIO;
}

/* The IOMMU group of the device behind /dev/vfio/devices/@name, or -1. */
static int
group_of_cdev (const char *root, const char *name) {
  g_autofree char *group = vfpool_sysfs_link_name (root, "/sys/class/vfio-dev/%s/device/iommu_group", name);

  return group ? (int)g_ascii_strtoll (group, NULL, 10) : -1;
}

/* The group that an open file @target stands for, or -1. */
static int
group_of_target (const char *root, const char *target) {
  const char *prefix = "/dev/vfio/";
  const char *rest = g_str_has_prefix (target, prefix) ? target + strlen (prefix) : NULL;

  if (rest && g_ascii_isdigit (*rest))
    return (int)g_ascii_strtoll (rest, NULL, 10);
  if (rest && g_str_has_prefix (rest, "devices/"))
    return group_of_cdev (root, rest + strlen ("devices/"));
  return -1;
}

static void
scan_process (const char *root, const char *pid, GHashTable *groups) {
  g_auto (GStrv) fds = vfpool_sysfs_list (root, "/proc/%s/fd", pid);

  for (char **fd = fds; *fd; fd++) {
    g_autofree char *path = g_strdup_printf ("%s/proc/%s/fd/%s", root, pid, *fd);
    char target[256];
    ssize_t n = readlink (path, target, sizeof target - 1);
    int group;

    if (n < 0)
      continue;
    target[n] = '\0';
    group = group_of_target (root, target);
    if (group >= 0)
      g_hash_table_insert (groups, GINT_TO_POINTER (group), GINT_TO_POINTER ((int)g_ascii_strtoll (pid, NULL, 10)));
  }
}

GHashTable *
vfpool_holder_scan (const char *root) {
  GHashTable *groups = g_hash_table_new (g_direct_hash, g_direct_equal);
  g_auto (GStrv) pids = vfpool_sysfs_list (root, "/proc");

  for (char **pid = pids; *pid; pid++)
    if (g_ascii_isdigit (**pid))
      scan_process (root, *pid, groups);
  return groups;
}

GHashTable *
vfpool_holder_scan_process (const char *root, gint64 pid) {
  g_autofree char *name = g_strdup_printf ("%" G_GINT64_FORMAT, pid);
  g_autofree char *folder = g_strdup_printf ("%s/proc/%s/fd", root, name);
  GHashTable *groups;

  if (access (folder, R_OK) < 0)
    return NULL;
  groups = g_hash_table_new (g_direct_hash, g_direct_equal);
  scan_process (root, name, groups);
  return groups;
}

char *
vfpool_holder_describe (const char *root, int pid) {
  g_autofree char *comm = vfpool_sysfs_read (root, "/proc/%d/comm", pid), *id = NULL, *name = NULL, *guest = NULL;
  g_autofree char *shown = printable_copy (comm && *comm ? comm : "unknown", 64);
  VfpoolGuestKind kind;

  if (vfpool_guest_of_process (root, pid, &kind, &id, &name))
    guest = vfpool_guest_describe (kind, id, name);
  return g_strdup_printf ("process %d (%s)%s%s", pid, shown,
                          !guest                         ? ""
                          : kind == VFPOOL_GUEST_PVE_LXC ? " in "
                                                         : ", the QEMU of ",
                          guest ? guest : "");
}

char *
vfpool_holder_find (const char *root, int group) {
  g_autoptr (GHashTable) holders = vfpool_holder_scan (root);
  int pid = GPOINTER_TO_INT (g_hash_table_lookup (holders, GINT_TO_POINTER (group)));

  return pid ? vfpool_holder_describe (root, pid) : g_strdup ("somebody");
}

gint64
vfpool_process_start_time (const char *root, gint64 pid) {
  g_autofree char *stat = vfpool_sysfs_read (root, "/proc/%" G_GINT64_FORMAT "/stat", pid);
  /* The command (field 2) is in parentheses and may itself hold blanks and parentheses: count from the last one. */
  const char *c = stat ? strrchr (stat, ')') : NULL;
  long long start;
  char state;

  if (!c
      || sscanf (c + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lld", &state,
                 &start)
             != 2)
    return 0;
  return state == 'Z' || state == 'X' ? 0 : start; /* dead, and its parent has not asked for its exit status yet */
}
