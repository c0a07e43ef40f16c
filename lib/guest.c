/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest is alive when its QEMU is. Both hypervisors keep a file with the PID, and both name the guest on QEMU's
 * command line, which tells a PID that was given to another process since:
 *  - libvirt: /run/libvirt/qemu/NAME.pid, and `-uuid UUID`;
 *  - Proxmox VE: /run/qemu-server/VMID.pid, and `-pidfile .../qemu-server/VMID.pid`.
 *
 * A container is alive when the process that LXC watches it by is: this listens on the abstract socket
 * /var/lib/lxc/VMID/command from before it takes the container's interfaces until it has given them back, and closes it before
 * it runs the hooks for the container's end. When it is killed, the kernel kills the container's first process too. The kernel
 * says who listens (Documentation/networking, /proc/net/unix: __SO_ACCEPTCON among the flags); a connection that somebody left
 * open has the same name and not that flag.
 */
#include "guest.h"
#include "request.h"
#include "sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the kernel calls __SO_ACCEPTCON, and tells to no program by name. */
#define SO_ACCEPTCON_FLAG 0x10000u

/* What can be read of the file, up to @max bytes, with a zero byte behind it. */
static GString *
read_start (const char *path, gsize max) {
  GString *text = g_string_new (NULL);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  char step[4096];
  ssize_t n;

  while (fd >= 0 && text->len < max
         && ((n = read (fd, step, MIN (sizeof step, max - text->len))) > 0 || (n < 0 && errno == EINTR)))
    g_string_append_len (text, step, MAX (n, 0));
  if (fd >= 0)
    close (fd);
  return text;
}

/* The arguments of @pid, NULL-terminated, for g_strfreev(); empty when there is no such process (or it is a zombie). */
static char **
read_arguments (const char *root, gint64 pid) {
  g_autofree char *path = g_strdup_printf ("%s/proc/%" G_GINT64_FORMAT "/cmdline", root, pid);
  g_autoptr (GString) text = read_start (path, VFPOOL_COMMAND_LINE_MAX);
  GPtrArray *arguments = g_ptr_array_new ();

  for (const char *c = text->str; c < text->str + text->len; c += strlen (c) + 1)
    g_ptr_array_add (arguments, g_strdup (c));
  g_ptr_array_add (arguments, NULL);
  return (char **)g_ptr_array_free (arguments, FALSE);
}

/* What follows the option @name, or NULL. */
static const char *
find_option (char **arguments, const char *name) {
  for (char **a = arguments; a[0] && a[1]; a++)
    if (strcmp (a[0], name) == 0)
      return a[1];
  return NULL;
}

static gboolean
is_libvirt_guest (const char *root, gint64 pid, const char *uuid) {
  g_auto (GStrv) arguments = pid > 0 ? read_arguments (root, pid) : NULL;
  const char *found = arguments ? find_option (arguments, "-uuid") : NULL;

  return found && g_ascii_strcasecmp (found, uuid) == 0;
}

static gboolean
libvirt_is_alive (const char *root, const char *uuid) {
  g_auto (GStrv) names = vfpool_sysfs_list (root, "/run/libvirt/qemu");

  for (char **name = names; *name; name++)
    if (g_str_has_suffix (*name, ".pid")
        && is_libvirt_guest (root, vfpool_sysfs_read_int (root, 0, "/run/libvirt/qemu/%s", *name), uuid))
      return TRUE;
  return FALSE;
}

static gboolean
pve_qemu_is_alive (const char *root, const char *vmid) {
  gint64 pid = vfpool_sysfs_read_int (root, 0, "/run/qemu-server/%s.pid", vmid);
  g_auto (GStrv) arguments = pid > 0 ? read_arguments (root, pid) : NULL;
  const char *pidfile = arguments ? find_option (arguments, "-pidfile") : NULL;
  g_autofree char *suffix = g_strdup_printf ("/qemu-server/%s.pid", vmid);

  return pidfile && g_str_has_suffix (pidfile, suffix);
}

/* Whether @line of /proc/net/unix (Num RefCount Protocol Flags Type St Inode Path) is of a socket called @name that listens. */
static gboolean
is_listening (const char *line, const char *name) {
  unsigned int flags;
  int end = 0;

  return sscanf (line, "%*s %*s %*s %x %*s %*s %*s %n", &flags, &end) == 1 && end > 0 && (flags & SO_ACCEPTCON_FLAG)
         && strcmp (line + end, name) == 0;
}

static VfpoolGuestLife
find_container (const char *root, const char *vmid) {
  g_autofree char *path = g_strconcat (root, "/proc/net/unix", NULL);
  g_autofree char *name = g_strdup_printf ("@/var/lib/lxc/%s/command", vmid), *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return VFPOOL_GUEST_UNKNOWN;
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line; line++)
    if (is_listening (*line, name))
      return VFPOOL_GUEST_ALIVE;
  return VFPOOL_GUEST_GONE;
}

VfpoolGuestLife
vfpool_guest_life (const char *root, VfpoolGuestKind kind, const char *id) {
  switch (kind) {
  case VFPOOL_GUEST_LIBVIRT:
    return libvirt_is_alive (root, id) ? VFPOOL_GUEST_ALIVE : VFPOOL_GUEST_GONE;
  case VFPOOL_GUEST_PVE_QEMU:
    return pve_qemu_is_alive (root, id) ? VFPOOL_GUEST_ALIVE : VFPOOL_GUEST_GONE;
  case VFPOOL_GUEST_PVE_LXC:
    return find_container (root, id);
  case VFPOOL_GUEST_MANUAL:
    break;
  }
  return VFPOOL_GUEST_UNKNOWN;
}

/* "guest=NAME,debug-threads=on" or "NAME,..." to NAME. */
static char *
parse_name (const char *option) {
  const char *name = option && g_str_has_prefix (option, "guest=") ? option + strlen ("guest=") : option;

  return name ? g_strndup (name, strcspn (name, ",")) : NULL;
}

/* The VMID of the container whose cgroup is @path, or of which it is a part: Proxmox VE puts them below lxc/VMID, LXC itself
 * into lxc.payload.VMID. Only at the top: further down a user may have a cgroup of his own and call things in it as he likes. For
 * g_free(); NULL: it is none. */
static char *
container_of_cgroup (const char *path) {
  static const char payload[] = "lxc.payload.";
  g_auto (GStrv) parts = g_strsplit (path + 1, "/", 3);
  const char *id = !parts[0]                              ? NULL
                   : g_str_has_prefix (parts[0], payload) ? parts[0] + strlen (payload)
                   : strcmp (parts[0], "lxc") == 0        ? parts[1]
                                                          : NULL;

  return id ? vfpool_guest_normalize_id (VFPOOL_GUEST_PVE_LXC, id, NULL) : NULL;
}

static char *
find_container_of (const char *root, int pid) {
  g_autofree char *path = g_strdup_printf ("%s/proc/%d/cgroup", root, pid);
  g_autoptr (GString) text = read_start (path, VFPOOL_COMMAND_LINE_MAX);
  g_auto (GStrv) lines = g_strsplit (text->str, "\n", -1);
  char *vmid = NULL;

  /* "0::/lxc/101/ns", and with cgroups of version 1 one for each controller. */
  for (char **line = lines; *line && !vmid; line++)
    if (strchr (*line, '/'))
      vmid = container_of_cgroup (strchr (*line, '/'));
  return vmid;
}

gboolean
vfpool_guest_of_process (const char *root, int pid, VfpoolGuestKind *kind, char **id, char **name) {
  g_auto (GStrv) arguments = read_arguments (root, pid);
  const char *uuid = find_option (arguments, "-uuid"), *pidfile = find_option (arguments, "-pidfile");

  *name = NULL;
  *id = find_container_of (root, pid);
  if (*id) {
    *kind = VFPOOL_GUEST_PVE_LXC;
    return TRUE;
  }
  if (pidfile && strstr (pidfile, "/qemu-server/")) {
    g_autofree char *file = g_path_get_basename (pidfile);
    file[strcspn (file, ".")] = '\0';
    *kind = VFPOOL_GUEST_PVE_QEMU;
    *id = vfpool_guest_normalize_id (*kind, file, NULL);
  } else if (uuid) {
    *kind = VFPOOL_GUEST_LIBVIRT;
    *id = vfpool_guest_normalize_id (*kind, uuid, NULL);
  }
  if (*id)
    *name = parse_name (find_option (arguments, "-name"));
  return *id != NULL;
}

gboolean
vfpool_guest_has_process (const char *root, VfpoolGuestKind kind, const char *id, int pid) {
  g_autofree char *found = NULL, *name = NULL;
  VfpoolGuestKind found_kind;

  return vfpool_guest_of_process (root, pid, &found_kind, &found, &name) && found_kind == kind
         && strcmp (found, id) == 0;
}

/* Whether @bdf stands in @text as a whole word. */
static gboolean
names_function (const char *text, const char *bdf) {
  size_t n = strlen (bdf);

  for (const char *c = text; (c = strstr (c, bdf)) != NULL; c += n)
    if (c > text && strchr ("=\"", c[-1]) && strchr (",\"", c[n]))
      return TRUE;
  return FALSE;
}

gboolean
vfpool_guest_started_with (const char *root, int pid, const char *bdf) {
  g_auto (GStrv) arguments = read_arguments (root, pid);

  for (char **a = arguments; a[0] && a[1]; a++)
    if (strcmp (a[0], "-device") == 0 && names_function (a[1], bdf))
      return TRUE;
  return FALSE;
}
