/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The `vfpool` command. All of it is in cli_run(), so that it can be tested; the table of verbs is in verbs.c. */
#include "cli.h"

#include "process.h"

/* The time zone is the operator's own; vfpool.service and sudo pass more than that. */
static const char *const kept_variables[] = { "TZ", NULL };

int
main (int argc, char **argv) {
  process_clean_environment (kept_variables);
  return cli_run (argc, argv);
}
