/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes a file apart the way PVE::SectionConfig does, oddities included, because what counts is what PVE will read from
 * it: a section is a line with its ID and then indented properties up to an empty line; an ID that comes without an empty
 * line before it is ignored and its properties fall to the section above; the last section of an ID counts; comments may
 * stand anywhere.
 */
#include "section-file.h"

#include <string.h>

static void
line_free (PveSectionLine *self) {
  g_free (self->type);
  g_free (self->id);
  g_free (self->key);
  g_free (self->value);
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

/* The same, and '.'; the last is a letter or a digit. */
static gboolean
is_storage_id (const char *id) {
  gsize length = strlen (id);

  for (const char *c = id; *c; c++)
    if (!g_ascii_isalnum (*c) && !strchr ("_-.", *c))
      return FALSE;
  return length >= 2 && g_ascii_isalpha (*id) && g_ascii_isalnum (id[length - 1]);
}

/* What ends a section: an empty line, and one that Perl takes for as good as empty. */
static gboolean
is_end (const char *text) {
  return !*text || !strcmp (text, "0");
}

static gboolean
is_word (const char *text) {
  return *text && !strpbrk (text, " \t\r\f\v");
}

/* "TYPE: ID" in two, the first in lower case; FALSE: it is no such line. */
static gboolean
split_header (const char *text, char **type, char **id) {
  const char *colon = g_strrstr_len (text, (gssize)strcspn (text, " \t\r\f\v"), ":");

  if (!colon)
    return FALSE;
  *type = g_ascii_strdown (text, colon - text);
  *id = g_strchug (g_strdup (colon + 1));
  return is_word (*type) && is_word (*id);
}

/* Whether a section begins with the line @text. One whose ID is none is passed over with all its lines. */
static gboolean
begin_section (PveSectionLine *self, const char *text, PveSectionForm form, int index) {
  g_autofree char *plain = g_strchomp (g_strdup (text)), *type = NULL, *id = NULL;
  gboolean is_header = form == PVE_SECTION_ID ? is_word (plain) : split_header (plain, &type, &id);

  if (is_end (text) || !is_header)
    return FALSE;
  if (!id)
    id = g_steal_pointer (&plain);
  if (!(form == PVE_SECTION_ID ? pve_mapping_is_id (id) : is_storage_id (id)))
    return TRUE;
  self->type = g_steal_pointer (&type);
  self->id = g_steal_pointer (&id);
  self->header = index;
  return TRUE;
}

static void
read_property (PveSectionLine *self, const char *text) {
  g_autofree char *property = g_strstrip (g_strdup (text));
  gsize length = strcspn (property, " \t\r\f\v");

  if (self->header < 0 || !g_ascii_isspace (*text) || length == 0)
    return;
  self->key = g_strndup (property, length);
  if (property[length])
    self->value = g_strdup (g_strchug (property + length));
}

const char *
pve_section_line_value (const PveSectionLine *line, const char *key) {
  return g_strcmp0 (line->key, key) ? NULL : line->value;
}

GPtrArray *
pve_section_lines (const char *data, gsize length, PveSectionForm form) {
  GPtrArray *lines = g_ptr_array_new_with_free_func ((GDestroyNotify)line_free);
  const char *end = data + length;
  gboolean in_section = FALSE;
  int header = -1;

  while (data < end) {
    const char *feed = memchr (data, '\n', (gsize)(end - data));
    g_autofree char *text = g_strndup (data, (gsize)((feed ? feed : end) - data));
    PveSectionLine *line = g_new0 (PveSectionLine, 1);
    gboolean is_comment = text[strspn (text, " \t\r\f\v")] == '#';

    line->text = data;
    line->length = (gsize)((feed ? feed + 1 : end) - data);
    line->header = in_section ? header : -1;
    data += line->length;
    if (!in_section && !is_comment) {
      in_section = begin_section (line, text, form, (int)lines->len);
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
pve_section_lines_find (GPtrArray *lines, const char *id) {
  for (guint i = lines->len; i > 0; i--)
    if (!g_strcmp0 (((const PveSectionLine *)g_ptr_array_index (lines, i - 1))->id, id))
      return (int)i - 1;
  return -1;
}
