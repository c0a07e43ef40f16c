/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line per message, whatever is in it: a guest's name may hold any bytes, and a line feed in it must not be able to
 * forge a second line in a log that operators or scripts read.
 */
#include "report.h"

#include "printable.h"

#include <stdio.h>

static void
write_line (const char *prefix, const char *message) {
  g_autofree char *line = printable_copy (message, G_MAXSIZE);

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
