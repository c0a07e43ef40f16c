/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proxmox VE keeps the notes as lines that start with '#', before the first section, with "%XX" for control characters, for bytes
 * above 0x7e and for ':' and '%'. People also write them into the file by hand, without.
 */
#include "note-lines.h"

#include <string.h>

static void
note_line_free (gpointer data) {
  PveNoteLine *self = data;

  g_strfreev (self->words);
  g_free (self);
}

/* "%3A" is ":"; what is no such pair stays as it is, and a zero byte becomes a blank. */
char *
pve_note_unescape (const char *text) {
  GString *plain = g_string_new (NULL);

  for (; *text; text++) {
    gboolean is_pair = text[0] == '%' && g_ascii_isxdigit (text[1]) && g_ascii_isxdigit (text[2]);
    int byte = is_pair ? g_ascii_xdigit_value (text[1]) * 16 + g_ascii_xdigit_value (text[2]) : *text;

    g_string_append_c (plain, (char)(byte ? byte : ' '));
    text += is_pair ? 2 : 0;
  }
  return g_string_free (plain, FALSE);
}

static const char *
skip_markup (const char *line) {
  static const char *const tags[] = { "<!--", "<p>" };

  line += strspn (line, " \t`*+->");
  for (guint i = 0; i < G_N_ELEMENTS (tags); i++)
    if (g_str_has_prefix (line, tags[i]))
      line += strlen (tags[i]);
  return line + strspn (line, " \t");
}

static void
cut_markup (char *line) {
  static const char *const ends[] = { " ", "\t", "\r", "`", "*", "\\", "-->", "<br>", "<br/>", "<br />", "</p>" };

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++) {
    if (!g_str_has_suffix (line, ends[i]))
      continue;
    line[strlen (line) - strlen (ends[i])] = '\0';
    i = (guint)-1; /* from the first one again */
  }
}

const char *
pve_note_find (char *line) {
  const size_t length = strlen (PVE_NOTE_MARK);
  const char *start = skip_markup (line);

  if (g_ascii_strncasecmp (start, PVE_NOTE_MARK, length) != 0)
    return NULL;
  cut_markup (line);
  return start + MIN (strlen (start), length);
}

static char **
split_words (const char *text) {
  g_auto (GStrv) parts = g_strsplit_set (text, " \t,", -1);
  GPtrArray *words = g_ptr_array_new ();

  for (char **part = parts; *part; part++)
    if (**part)
      g_ptr_array_add (words, g_strdup (*part));
  g_ptr_array_add (words, NULL);
  return (char **)g_ptr_array_free (words, FALSE);
}

/* @text: a line of the file, behind its '#'. */
static void
read_line (GPtrArray *lines, int number, const char *text) {
  g_autofree char *plain = pve_note_unescape (text);
  const char *ours = pve_note_find (plain);
  PveNoteLine *line;

  if (!ours)
    return;
  line = g_new0 (PveNoteLine, 1);
  line->number = number;
  line->words = split_words (ours);
  g_ptr_array_add (lines, line);
}

GPtrArray *
pve_note_lines (const char *data, gsize length) {
  GPtrArray *lines = g_ptr_array_new_with_free_func (note_line_free);
  const char *end = data + length;

  for (int number = 1; data < end && *data != '['; number++) {
    const char *feed = memchr (data, '\n', (gsize)(end - data));
    gsize line_length = (gsize)((feed ? feed : end) - data);

    if (*data == '#') {
      g_autofree char *line = g_strndup (data + 1, line_length - 1);
      read_line (lines, number, line);
    }
    data += line_length + 1;
  }
  return lines;
}
