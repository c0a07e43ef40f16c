/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Results leave here. A script that reads an address from a pipe must not take half of it for the whole, so each write
 * is checked; and a VF that was leased although nobody could be told is worth an exit status of its own.
 */
#include "cli.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

G_DEFINE_QUARK (cli - output - error, cli_output_error)

gboolean
cli_write (int fd, const char *text, GError **error) {
  size_t left = strlen (text);

  while (left > 0) {
    ssize_t n = write (fd, text, left);

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      g_set_error (error, CLI_OUTPUT_ERROR, 0, "the output could not be written: %s", g_strerror (errno));
      return FALSE;
    }
    text += n;
    left -= n;
  }
  return TRUE;
}

gboolean
cli_print (const char *text, GError **error) {
  return cli_write (STDOUT_FILENO, text, error);
}

int
cli_exit_status (const GError *error) {
  if (error && error->domain == CLI_OUTPUT_ERROR)
    return EX_IOERR;
  if (error && error->domain == G_SPAWN_EXIT_ERROR)
    return error->code;
  return vfpool_error_exit_status (error);
}
