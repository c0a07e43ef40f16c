/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A message quotes what was wrong: a guest's name, a value in a file, a word of the command line. That may be any bytes
 * of any length, and it is cleaned where it is quoted, so that each message is one line whoever writes it into a log.
 */
#include "printable.h"

#define REPLACEMENT 0xfffd

static gboolean
is_harmless (gunichar c) {
  GUnicodeType type = g_unichar_type (c);

  return g_unichar_isprint (c) && type != G_UNICODE_LINE_SEPARATOR && type != G_UNICODE_PARAGRAPH_SEPARATOR;
}

char *
printable_copy (const char *text, gsize max) {
  GString *out = g_string_new (NULL);

  for (gsize n = 0; *text; n++) {
    gunichar c = g_utf8_get_char_validated (text, -1);
    gboolean is_valid = c != (gunichar)-1 && c != (gunichar)-2;

    if (n == max) {
      g_string_append (out, "...");
      break;
    }
    g_string_append_unichar (out, !is_valid ? REPLACEMENT : is_harmless (c) ? c : '?');
    text = is_valid ? g_utf8_next_char (text) : text + 1;
  }
  return g_string_free (out, FALSE);
}
