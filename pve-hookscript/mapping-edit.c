/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci.cfg is every node's and every mapping's, and operators write into it by hand and by the GUI, which keeps no comments but
 * knows keys that this file has never heard of. So nothing is parsed and written again: lines are copied, and this node's lines
 * of one section are exchanged.
 */
#include "mapping-edit.h"

#include <string.h>

#include "section-file.h"

static gboolean
contains (GPtrArray *texts, const char *text) {
  return g_ptr_array_find_with_equal_func (texts, text, g_str_equal, NULL);
}

/* ---- What should be there ---- */

static gboolean
is_vf (const PvePaths *paths, const char *bdf) {
  g_autofree char *link = pve_paths_device (paths, bdf, "physfn");

  return g_file_test (link, G_FILE_TEST_EXISTS);
}

/* The device of @bdf as a path, for g_free(), when the pool has several functions of it, and all; else NULL. */
static char *
whole_device (const PvePaths *paths, const char *bdf, GPtrArray *members) {
  g_autofree char *device = g_strndup (bdf, strcspn (bdf, "."));
  g_autoptr (GPtrArray) functions = g_ptr_array_new_with_free_func (g_free);

  pve_paths_add_functions (paths, device, functions);
  for (guint i = 0; i < functions->len; i++)
    if (!contains (members, g_ptr_array_index (functions, i)))
      return NULL;
  return functions->len > 1 && g_str_has_suffix (g_ptr_array_index (functions, 0), ".0") ? g_steal_pointer (&device)
                                                                                         : NULL;
}

GPtrArray *
pve_mapping_paths (const PvePaths *paths, GPtrArray *members) {
  GPtrArray *wanted = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < members->len; i++) {
    const char *bdf = g_ptr_array_index (members, i);
    g_autofree char *device = is_vf (paths, bdf) ? NULL : whole_device (paths, bdf, members);

    if (device && !contains (wanted, device))
      g_ptr_array_add (wanted, g_steal_pointer (&device));
    g_ptr_array_add (wanted, g_strdup (bdf));
  }
  return wanted;
}

static void
append_line (GString *text, const PvePaths *paths, const char *path, const char *description) {
  g_autofree char *line = pve_map_line (paths, path, description);

  if (line) /* it has not vanished since */
    g_string_append_printf (text, "\t%s\n", line);
}

GString *
pve_mapping_section (const PvePaths *paths, const char *id, GPtrArray *wanted) {
  GString *text = g_string_new (id);

  g_string_append_c (text, '\n');
  for (guint i = 0; i < wanted->len; i++)
    append_line (text, paths, g_ptr_array_index (wanted, i), NULL);
  return text;
}

/* ---- Putting it in ---- */

typedef struct {
  const PvePaths *paths;
  GPtrArray *wanted;
  GPtrArray *done; /* of char*: those of wanted that are listed */
  GString *text;
} Edit;

static void
copy (Edit *edit, const PveSectionLine *line) {
  g_string_append_len (edit->text, line->text, (gssize)line->length);
}

/* A map line of the section. */
static void
exchange (Edit *edit, const PveSectionLine *line) {
  g_autoptr (PveMap) map = pve_map_parse (line->value, 0, edit->paths->node);
  g_autofree char *problem = map ? pve_map_problem (map, edit->paths) : NULL;
  const char *path = map ? g_ptr_array_index (map->paths, 0) : NULL;

  if (!map) {
    copy (edit, line);
    return;
  }
  if (map->paths->len > 1 || !contains (edit->wanted, path) || contains (edit->done, path))
    return;
  g_ptr_array_add (edit->done, g_strdup (path));
  if (problem)
    append_line (edit->text, edit->paths, path, map->description);
  else
    copy (edit, line);
}

/* Before something follows: a last line may lack its line feed. */
static void
end_line (GString *text) {
  if (text->len > 0 && text->str[text->len - 1] != '\n')
    g_string_append_c (text, '\n');
}

static void
add_missing (Edit *edit) {
  end_line (edit->text);
  for (guint i = 0; i < edit->wanted->len; i++)
    if (!contains (edit->done, g_ptr_array_index (edit->wanted, i)))
      append_line (edit->text, edit->paths, g_ptr_array_index (edit->wanted, i), NULL);
}

/* PVE ends each section with an empty line; without one the next would be taken for a part of it. */
static void
add_section (Edit *edit, const char *id) {
  g_autoptr (GString) section = pve_mapping_section (edit->paths, id, edit->wanted);

  gsize length;

  end_line (edit->text);
  length = edit->text->len;
  if (length > 0 && (length < 2 || edit->text->str[length - 2] != '\n'))
    g_string_append_c (edit->text, '\n');
  g_string_append_printf (edit->text, "%s\n", section->str);
}

/* The index behind the last line of the section that begins at @header, and is not a comment between it and what follows. */
static guint
section_end (GPtrArray *lines, int header) {
  guint end = (guint)header;

  for (guint i = end; i < lines->len && ((const PveSectionLine *)g_ptr_array_index (lines, i))->header == header; i++)
    end = i;
  return end + 1;
}

GString *
pve_mapping_edit (const char *data, gsize length, const PvePaths *paths, const char *id, GPtrArray *wanted) {
  g_autoptr (GPtrArray) lines = pve_section_lines (data, length, PVE_SECTION_ID);
  g_autoptr (GPtrArray) done = g_ptr_array_new_with_free_func (g_free);
  int header = pve_section_lines_find (lines, id);
  guint end = header < 0 ? lines->len + 1 : section_end (lines, header);
  Edit edit = { paths, wanted, done, g_string_sized_new (length + 256) };

  for (guint i = 0; i < lines->len; i++) {
    const PveSectionLine *line = g_ptr_array_index (lines, i);

    if (line->header == header && pve_section_line_value (line, "map"))
      exchange (&edit, line);
    else
      copy (&edit, line);
    if (i + 1 == end && done->len < wanted->len)
      add_missing (&edit);
  }
  if (header < 0)
    add_section (&edit, id);
  return edit.text;
}
