/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proxmox VE writes the file anew at each start and runs pre-start then, so that what is added holds for this very start. What
 * vfpool adds stands between two comment lines, and is taken out before it is added again and when the container has stopped:
 * nothing stands there twice, and an old line never names a VF that is somebody else's by now.
 *
 * LXC tells interfaces apart by the number in lxc.net.N; those from the highest one in the file on are free. A device needs
 * two lines: one lets the container's cgroup open it, the other puts its node into the container's /dev. The node is not
 * optional there: a container without it would start and then miss it.
 */
#include "lxc-config.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "container-config.h"
#include "paths.h"
#include "printable.h"

static const char begin_line[] = "# vfpool: begin; what stands up to the end is made anew at each start";
static const char end_line[] = "# vfpool: end";

struct _PveLxcConfig {
  GString *text;     /* without vfpool's lines */
  GString *added;    /* those */
  GHashTable *names; /* of the container's interfaces, a set of char* */
  GHashTable *paths; /* of devices that were added, likewise */
  guint next;        /* the first free number of an interface */
  gboolean had_lines;
  gboolean is_unprivileged;
};

void
pve_lxc_config_free (PveLxcConfig *self) {
  if (!self)
    return;
  g_string_free (self->text, TRUE);
  g_string_free (self->added, TRUE);
  g_hash_table_unref (self->names);
  g_hash_table_unref (self->paths);
  g_free (self);
}

/* ---- Reading ---- */

/* What follows "@key =" in @line, or NULL when it is another key's. */
static const char *
value_of (const char *line, const char *key) {
  line += strspn (line, " \t");
  if (!g_str_has_prefix (line, key))
    return NULL;
  line += strlen (key);
  line += strspn (line, " \t");
  return *line == '=' ? line + 1 + strspn (line + 1, " \t") : NULL;
}

/* A line "lxc.net.N.KEY = VALUE". */
static void
read_interface (PveLxcConfig *self, const char *line) {
  guint number;
  int end = 0;

  if (sscanf (line, " lxc.net.%u%n", &number, &end) != 1)
    return;
  self->next = MAX (self->next, MIN (number, G_MAXINT) + 1);
  if (value_of (line + end, ".name"))
    g_hash_table_add (self->names, g_strchomp (g_strdup (value_of (line + end, ".name"))));
}

static void
read_line (PveLxcConfig *self, const char *line) {
  read_interface (self, line);
  if (value_of (line, "lxc.idmap"))
    self->is_unprivileged = TRUE;
  g_string_append_printf (self->text, "%s\n", line);
}

PveLxcConfig *
pve_lxc_config_parse (const char *text, GError **error) {
  g_autoptr (PveLxcConfig) self = g_new0 (PveLxcConfig, 1);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  gboolean is_ours = FALSE;

  self->text = g_string_new (NULL);
  self->added = g_string_new (NULL);
  self->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->paths = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (char **line = lines; *line; line++) {
    if (!line[1] && !**line)
      break; /* behind the last line feed */
    if (!is_ours && strcmp (*line, begin_line) != 0) {
      read_line (self, *line);
      continue;
    }
    is_ours = strcmp (*line, end_line) != 0;
    self->had_lines = TRUE;
  }
  if (!is_ours)
    return g_steal_pointer (&self);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
               "a line '%s' is not followed by one '%s': start the container by Proxmox VE, which writes the file anew",
               begin_line, end_line);
  return NULL;
}

PveLxcConfig *
pve_lxc_config_load (const char *path, GError **error) {
  g_autofree char *contents = NULL;
  PveLxcConfig *self;
  gsize length;

  if (!pve_read_file (path, &contents, &length, error))
    return NULL;
  /* What is behind a zero byte would be lost when the file is written. */
  if (strlen (contents) != length) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT, "%s holds a zero byte: it is no configuration of LXC",
                 path);
    return NULL;
  }
  self = pve_lxc_config_parse (contents, error);
  if (!self)
    g_prefix_error (error, "%s: ", path);
  return self;
}

gboolean
pve_lxc_config_had_lines (const PveLxcConfig *self) {
  return self->had_lines;
}

gboolean
pve_lxc_config_is_unprivileged (const PveLxcConfig *self) {
  return self->is_unprivileged;
}

/* ---- Adding ---- */

gboolean
pve_lxc_config_reserve_name (PveLxcConfig *self, const char *name, GError **error) {
  if (g_hash_table_add (self->names, g_strdup (name)))
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
               "the container has another interface called %s: give this one another name with name=", name);
  return FALSE;
}

gboolean
pve_lxc_config_add_interface (PveLxcConfig *self, const char *link, const char *name, int mtu, GError **error) {
  const guint n = self->next;

  if (!pve_is_interface_name (link) || !pve_is_interface_name (name)) {
    g_autofree char *shown = printable_copy (pve_is_interface_name (link) ? name : link, 40);
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
                 "'%s' cannot stand in LXC's configuration as the name of an interface: rename it to 1 to 15 of "
                 "A-Z a-z 0-9 _ . -",
                 shown);
    return FALSE;
  }
  g_string_append_printf (self->added, "lxc.net.%u.type = phys\nlxc.net.%u.link = %s\nlxc.net.%u.name = %s\n", n, n,
                          link, n, name);
  g_string_append_printf (self->added, "lxc.net.%u.flags = up\n", n);
  if (mtu)
    g_string_append_printf (self->added, "lxc.net.%u.mtu = %d\n", n, mtu);
  self->next++;
  return TRUE;
}

void
pve_lxc_config_add_device (PveLxcConfig *self, const char *path, guint major, guint minor) {
  if (!g_hash_table_add (self->paths, g_strdup (path)))
    return;
  g_string_append_printf (self->added, "lxc.cgroup2.devices.allow = c %u:%u rwm\n", major, minor);
  g_string_append_printf (self->added, "lxc.mount.entry = /dev/%s dev/%s none bind,create=file\n", path, path);
}

char *
pve_lxc_config_to_string (const PveLxcConfig *self) {
  if (self->added->len == 0)
    return g_strdup (self->text->str);
  return g_strdup_printf ("%s%s\n%s%s\n", self->text->str, begin_line, self->added->str, end_line);
}

gboolean
pve_lxc_config_save (const PveLxcConfig *self, const char *path, GError **error) {
  g_autofree char *text = pve_lxc_config_to_string (self), *before = NULL;
  g_autoptr (GError) local = NULL;
  GStatBuf status;

  if (g_file_get_contents (path, &before, NULL, NULL) && strcmp (before, text) == 0)
    return TRUE;
  if (g_stat (path, &status) == 0
      && g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, (int)status.st_mode & 07777, &local))
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "cannot write %s: %s", path,
               local ? local->message : "it is not there any more");
  return FALSE;
}
