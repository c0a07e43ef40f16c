/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's name, a process's, an interface's or a configuration's value may hold any bytes: a line feed that would forge
 * a second line in a log, an escape sequence that a terminal obeys, a character that reverses what follows it.
 *
 * The ledger and the answers for programs carry names as they are. A sentence quotes them cleaned and not longer than is of
 * use, so that the library's messages can be shown as they are. Sentences are made in a hundred places, and one that forgot
 * would be enough; so whoever writes lines (report.c, the table, JSON, the agent's status) cleans them once more.
 */
#include "printable.h"

#define REPLACEMENT 0xfffd

gboolean
is_printable (gunichar c) {
  GUnicodeType type = g_unichar_type (c);

  /* Control, format (which the bidirectional ones are) and unassigned characters are not "print" to GLib. */
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
    g_string_append_unichar (out, !is_valid ? REPLACEMENT : is_printable (c) ? c : '?');
    text = is_valid ? g_utf8_next_char (text) : text + 1;
  }
  return g_string_free (out, FALSE);
}
