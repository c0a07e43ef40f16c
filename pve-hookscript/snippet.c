/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PVE::GuestHelpers::check_hookscript asks the storage for the path of the volume, and whether an executable file is there. It asks
 * neither whether the storage is enabled, nor whether it is for this node, nor for its content types, and mounts nothing. So what
 * counts is the file; a storage that is disabled or of other nodes is told of all the same, because a file that happens to be there
 * may be gone after the next boot, when nobody mounts it.
 *
 * As PVE::Storage::Plugin reads storage.cfg: there always is a storage "local", for all nodes, which is /var/lib/vz; what is mounted
 * lies below /mnt/pve when no path says otherwise.
 */
#include "snippet.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "printable.h"
#include "section-file.h"
#include "vfpool.h"

#define LOCAL "local"
#define LOCAL_PATH "/var/lib/vz"

typedef struct {
  const char *id;
  char *path, *folder; /* NULL: it has no files; of the snippets, when it is not the usual one */
  char *nodes;         /* NULL: all */
  char *content;       /* NULL: what its type has by itself, snippets is not among that */
  gboolean is_disabled;
} Storage;

static void
storage_clear (Storage *self) {
  g_free (self->path);
  g_free (self->folder);
  g_free (self->nodes);
  g_free (self->content);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Storage, storage_clear)

/* ---- storage.cfg ---- */

/* The property @key of the section that begins at @header: "" when it has no value, NULL when it is not there. The first counts. */
static const char *
property (GPtrArray *lines, int header, const char *key) {
  for (guint i = (guint)header; i < lines->len; i++) {
    const PveSectionLine *line = g_ptr_array_index (lines, i);

    if (line->header != header)
      break;
    if (!g_strcmp0 (line->key, key))
      return line->value ? line->value : "";
  }
  return NULL;
}

static char **
split_list (const char *list) {
  return g_strsplit_set (list, ",; \t", -1);
}

static gboolean
list_has (const char *list, const char *word) {
  g_auto (GStrv) words = split_list (list);

  return g_strv_contains ((const char *const *)words, word);
}

/* @list, which may be NULL, and @word, as PVE's commands take a list. */
static char *
list_with (const char *list, const char *word) {
  g_auto (GStrv) words = split_list (list ? list : "");
  GString *all = g_string_new (NULL);

  for (char **one = words; *one; one++)
    if (**one)
      g_string_append_printf (all, "%s,", *one);
  return g_string_free (g_string_append (all, word), FALSE);
}

/* "snippets=DIR" in a list of such. */
static char *
snippets_folder (const char *list) {
  g_auto (GStrv) words = split_list (list);

  for (char **word = words; *word; word++)
    if (g_str_has_prefix (*word, "snippets="))
      return g_strdup (strchr (*word, '=') + 1);
  return NULL;
}

/* A storage that PVE mounts itself lies here when it says nothing else. */
static gboolean
is_mounted_by_pve (const char *type) {
  static const char *const types[] = { "nfs", "cifs", "cephfs", "glusterfs", NULL };

  return g_strv_contains (types, type);
}

static gboolean
read_storage (Storage *self, GPtrArray *lines, const char *id) {
  int header = pve_section_lines_find (lines, id);
  gboolean is_local = !strcmp (id, LOCAL);
  const PveSectionLine *line = header < 0 ? NULL : g_ptr_array_index (lines, (guint)header);
  const char *path = line ? property (lines, header, "path") : NULL;
  const char *disable = line ? property (lines, header, "disable") : NULL, *folders;

  self->id = id;
  if (is_local && (!line || strcmp (line->type, "dir") != 0 || (path && *path && strcmp (path, LOCAL_PATH) != 0))) {
    self->path = g_strdup (LOCAL_PATH);
    self->content = g_strdup ("snippets");
    return TRUE;
  }
  if (!line)
    return FALSE;
  folders = property (lines, header, "content-dirs");
  self->path = path && *path                    ? g_strdup (path)
               : is_local                       ? g_strdup (LOCAL_PATH)
               : is_mounted_by_pve (line->type) ? g_strconcat ("/mnt/pve/", id, NULL)
                                                : NULL;
  self->folder = folders ? snippets_folder (folders) : NULL;
  self->nodes = is_local ? NULL : g_strdup (property (lines, header, "nodes"));
  self->content = g_strdup (property (lines, header, "content"));
  self->is_disabled = disable && strcmp (disable, "0") != 0;
  return TRUE;
}

/* A file that cannot be read is one without storages; that it is so is told by what follows. */
static gboolean
load_storage (const PvePaths *paths, Storage *self, const char *id) {
  g_autofree char *file = g_build_filename (paths->pve_dir, "storage.cfg", NULL), *contents = NULL;
  g_autoptr (GPtrArray) lines = NULL;
  gsize length = 0;

  pve_read_file (file, &contents, &length, NULL);
  lines = pve_section_lines (contents ? contents : "", length, PVE_SECTION_TYPE_ID);
  return read_storage (self, lines, id);
}

/* ---- The volume ---- */

G_GNUC_PRINTF (1, 2)
static char *
say (const char *format, ...) {
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  return printable_copy (text, 600);
}

static char *
storage_problem (const PvePaths *paths, const Storage *self) {
  g_autofree char *nodes = NULL;

  if (self->is_disabled)
    return say ("the storage %s is disabled: enable it (\"pvesm set %s --disable 0\")", self->id, self->id);
  if (!self->nodes || !*self->nodes || list_has (self->nodes, paths->node))
    return NULL;
  nodes = list_with (self->nodes, paths->node);
  return say ("the storage %s is not for node %s: add it (\"pvesm set %s --nodes %s\")", self->id, paths->node,
              self->id, nodes);
}

/* Why PVE would not run the file, or NULL. */
static char *
file_problem (const Storage *self, const char *file, const char *shown) {
  g_autofree char *content = self->content ? list_with (self->content, "snippets") : NULL;
  g_autofree char *command = content ? g_strdup_printf (" (\"pvesm set %s --content %s\")", self->id, content) : NULL;
  struct stat info;

  if (stat (file, &info) < 0) {
    if (self->content && list_has (self->content, "snippets"))
      return say ("there is no %s: is the storage up (\"pvesm status\")? If so, copy the snippet there", shown);
    return say ("the storage %s has not the content type snippets, and there is no %s: add that type%s and the file",
                self->id, shown, command ? command : "");
  }
  if (!S_ISREG (info.st_mode))
    return say ("%s is no file: put the snippet there", shown);
  return info.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH) ? NULL
                                                      : say ("%s is not executable: \"chmod 755 %s\"", shown, shown);
}

/* The file of @name in the snippets of @self, for g_free(), when PVE would run it. */
static char *
find_file (const PvePaths *paths, const Storage *self, const char *name, char **problem) {
  g_autofree char *shown = g_build_filename (self->path, self->folder ? self->folder : "snippets", name, NULL);
  g_autofree char *file = g_build_filename (paths->root ? paths->root : "/", shown, NULL);
  g_autofree char *of_file = file_problem (self, file, shown);

  *problem = storage_problem (paths, self);
  if (!of_file)
    return g_steal_pointer (&file);
  if (!*problem)
    *problem = g_steal_pointer (&of_file);
  return NULL;
}

char *
pve_snippet_find (const PvePaths *paths, const char *volume, char **problem) {
  const char *colon = strchr (volume, ':');
  g_autofree char *id = colon ? g_strndup (volume, (gsize)(colon - volume)) : NULL;
  const char *name = colon && g_str_has_prefix (colon, ":snippets/") ? colon + strlen (":snippets/") : NULL;
  g_auto (Storage) storage = { NULL };

  *problem = NULL;
  if (!name || !*name || strchr (name, '/'))
    *problem = say ("%s is no volume as in local:snippets/vfpool", volume);
  else if (!load_storage (paths, &storage, id))
    *problem = say ("there is no storage %s in %s/storage.cfg: add it", id, paths->pve_dir);
  else if (!storage.path)
    *problem = say ("the storage %s holds no files, and so no snippets", id);
  return *problem ? NULL : find_file (paths, &storage, name, problem);
}
