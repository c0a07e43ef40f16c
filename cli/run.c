/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a command line to an exit status: understand it, see that it is allowed, open the library, do the verb. */
#include "cli.h"

#include "process.h"
#include "report.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

Vfpool *
cli_open (const CliCall *call, GError **error) {
  return vfpool_open (call->root, report_message, GINT_TO_POINTER (call->verbose), error);
}

static gboolean
run_verb (const CliCall *call, GError **error) {
  g_autoptr (Vfpool) vfpool = NULL;

  if (cli_call_is_refused (call, geteuid ())) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_DENIED,
                 "'vfpool %s' changes devices or the ledger of this host and needs root: run it as root or by sudo",
                 call->verb->name);
    return FALSE;
  }
  if (!call->verb->needs_library)
    return call->verb->function (NULL, call, error);
  vfpool = cli_open (call, error);
  return vfpool && call->verb->function (vfpool, call, error);
}

static gboolean
run (int argc, char **argv, GError **error) {
  g_autoptr (CliCall) call = cli_parse (argc, argv, error);
  g_autofree char *help = NULL;

  if (!call)
    return FALSE;
  if (call->version)
    return cli_print ("vfpool " VFPOOL_VERSION "\n", error);
  if (!call->help)
    return run_verb (call, error);
  help = call->verb->function == cli_help ? cli_help_overview () : cli_help_verb (call->verb);
  return cli_print (help, error);
}

/* A usage error has two lines; every other message is one, whatever is in it. */
static void
report_lines (const GError *error) {
  /* The last one: what was typed stands before it, and may hold the same words. */
  const char *usage = g_strrstr (error->message, "\nusage: ");
  g_autofree char *what = NULL;
  g_autoptr (GError) first = NULL;

  if (!g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_USAGE) || !usage) {
    report_error (error);
    return;
  }
  what = g_strndup (error->message, (gsize)(usage - error->message));
  first = g_error_new_literal (error->domain, error->code, what);
  report_error (first);
  g_printerr ("%s\n", usage + 1);
}

int
cli_run (int argc, char **argv) {
  g_autoptr (GError) error = NULL;

  process_hold_standard_streams ();
  /* A reader that went away is a failed write like any other; the lease that was to be printed exists. */
  signal (SIGPIPE, SIG_IGN);
  if (run (argc, argv, &error))
    return 0;
  if (error->domain != G_SPAWN_EXIT_ERROR)
    report_lines (error);
  return cli_exit_status (error);
}
