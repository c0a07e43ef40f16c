/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a command line to an exit status. */
#include "call.h"

#include "cli/cli.h"
#include "process.h"
#include "report.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <signal.h>
#include <string.h>

static const struct {
  const char *name;
  gboolean (*function) (const Call *call, GError **error);
  guint n_operands;
} verbs[] = {
  { "start", verb_start, 1 },
  { "attach", verb_attach, 1 },
  { "detach", verb_detach, 2 },
  { "resolve", verb_resolve, 0 },
  { "request add", verb_request_add, 1 },
  { "request list", verb_request_list, 1 },
  { "request remove", verb_request_remove, 2 },
};

/* libvirt would print every error to stderr; those that matter are reported where they are met. */
static void
drop_libvirt_error (void *data G_GNUC_UNUSED, virErrorPtr error G_GNUC_UNUSED) {
}

static gboolean
run (int argc, char **argv, GError **error) {
  g_auto (Call) call = { 0 };

  for (gsize i = 0; argc > 1 && i < G_N_ELEMENTS (verbs); i++) {
    if (strcmp (argv[1], verbs[i].name) != 0)
      continue;
    if (!call_parse (&call, argc - 1, argv + 1, error))
      return FALSE;
    if ((call.operands ? g_strv_length (call.operands) : 0) == verbs[i].n_operands)
      return verbs[i].function (&call, error);
  }
  g_set_error_literal (error, VFPOOL_ERROR, VFPOOL_ERROR_USAGE,
                       "vfpool-libvirt is run by `vfpool`, which explains its verbs: see `vfpool help`");
  return FALSE;
}

int
main (int argc, char **argv) {
  static const char *const kept_variables[] = { NULL };
  g_autoptr (GError) error = NULL;

  process_clean_environment (kept_variables);
  process_hold_standard_streams ();
  signal (SIGPIPE, SIG_IGN);
  virSetErrorFunc (NULL, drop_libvirt_error);
  virEventRegisterDefaultImpl ();
  if (run (argc, argv, &error))
    return 0;
  report_error (error);
  return cli_exit_status (error);
}
