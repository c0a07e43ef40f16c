/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes pci.cfg apart the way PVE::SectionConfig does, oddities included, because what counts is what PVE will read from
 * it: a section is a line with its ID and then indented properties up to an empty line; an ID that comes without an empty
 * line before it is ignored and its properties fall to the section above; the last section of an ID counts; comments may
 * stand anywhere.
 */
#include "mapping-file.h"

#include <string.h>

static void
line_free (PveMappingLine *self) {
  g_free (self->id);
  g_free (self->map);
  g_free (self);
}

/* A letter, then letters, digits, '_' and '-'. */
gboolean
pve_mapping_is_id (const char *id) {
  if (!g_ascii_isalpha (*id) || !id[1])
    return FALSE;
  for (; *id; id++)
    if (!g_ascii_isalnum (*id) && *id != '_' && *id != '-')
      return FALSE;
  return TRUE;
}

/* What ends a section: an empty line, and one that Perl takes for as good as empty. */
static gboolean
is_end (const char *text) {
  return !*text || !strcmp (text, "0");
}

/* Whether a section begins with the line @text. One whose ID is none is passed over with all its lines. */
static gboolean
begin_section (PveMappingLine *self, const char *text, int index) {
  g_autofree char *id = g_strchomp (g_strdup (text));

  if (is_end (text) || !*id || strpbrk (id, " \t\r\f\v"))
    return FALSE;
  if (!pve_mapping_is_id (id))
    return TRUE;
  self->id = g_steal_pointer (&id);
  self->header = index;
  return TRUE;
}

static void
read_property (PveMappingLine *self, const char *text) {
  g_autofree char *property = g_strstrip (g_strdup (text));

  if (self->header >= 0 && g_ascii_isspace (*text) && g_str_has_prefix (property, "map")
      && g_ascii_isspace (property[3]))
    self->map = g_strdup (g_strchug (property + 3));
}

GPtrArray *
pve_mapping_lines (const char *data, gsize length) {
  GPtrArray *lines = g_ptr_array_new_with_free_func ((GDestroyNotify)line_free);
  const char *end = data + length;
  gboolean in_section = FALSE;
  int header = -1;

  while (data < end) {
    const char *feed = memchr (data, '\n', (gsize)(end - data));
    g_autofree char *text = g_strndup (data, (gsize)((feed ? feed : end) - data));
    PveMappingLine *line = g_new0 (PveMappingLine, 1);
    gboolean is_comment = text[strspn (text, " \t\r\f\v")] == '#';

    line->text = data;
    line->length = (gsize)((feed ? feed + 1 : end) - data);
    line->header = in_section ? header : -1;
    data += line->length;
    if (!in_section && !is_comment) {
      in_section = begin_section (line, text, (int)lines->len);
      header = line->header;
    } else if (!is_comment && is_end (text)) {
      in_section = FALSE;
      line->header = -1;
    } else if (!is_comment) {
      read_property (line, text);
    }
    g_ptr_array_add (lines, line);
  }
  return lines;
}

int
pve_mapping_lines_find (GPtrArray *lines, const char *id) {
  for (guint i = lines->len; i > 0; i--)
    if (!g_strcmp0 (((const PveMappingLine *)g_ptr_array_index (lines, i - 1))->id, id))
      return (int)i - 1;
  return -1;
}
