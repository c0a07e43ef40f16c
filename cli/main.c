/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The `vfpool` command. All of it is in cli_run(), so that it can be tested; the table of verbs is in verbs.c. */
#include "cli.h"

int
main (int argc, char **argv) {
  return cli_run (argc, argv);
}
