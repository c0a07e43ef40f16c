/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line per message, whatever is in it: a guest's name may hold any bytes, and a line feed in it must not be able to
 * forge a second line in a log that operators or scripts read.
 */
#include "report.h"

#include <stdio.h>

static void
write_line (const char *prefix, const char *message) {
  g_autofree char *line = g_utf8_make_valid (message, -1);

  for (char *c = line; *c; c++)
    if ((unsigned char)*c < 0x20 || *c == 0x7f)
      *c = ' ';
  fprintf (stderr, "vfpool: %s%s\n", prefix, line);
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
