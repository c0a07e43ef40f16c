/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line per message, whatever is in it; see printable.c. The word in front is not decoration: the journal takes a line
 * that begins with "<0>" for one of priority 0, so no line may begin with what somebody else wrote. The journal also
 * breaks lines of 48 KiB, and would take the rest for a new one, so lines end before that.
 */
#include "report.h"

#include "printable.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 40000

static void
write_line (const char *prefix, const char *message) {
  g_autofree char *line = printable_copy (message, G_MAXSIZE);
  const char *end = "";

  if (strlen (line) > LINE_MAX_BYTES) {
    char *cut = line + LINE_MAX_BYTES;

    *(*cut & 0x80 ? g_utf8_find_prev_char (line, cut) : cut) = '\0';
    end = "...";
  }
  fprintf (stderr, "vfpool: %s%s%s\n", prefix, line, end);
}

void
report_message (VfpoolMessageLevel level, const char *message, gpointer user_data) {
  if (level == VFPOOL_MESSAGE_WARNING)
    write_line ("warning: ", message);
  else if (GPOINTER_TO_INT (user_data))
    write_line ("", message);
}

int
report_error (const GError *error) {
  write_line ("", error->message);
  return vfpool_error_exit_status (error);
}
