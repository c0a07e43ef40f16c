/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command leaves to other programs of vfpool. */
#pragma once

#include "cli.h"

/* A program that knows a hypervisor. */
typedef struct {
  const char *built;     /* its name beside the command, where both were built */
  const char *installed; /* its path where vfpool is installed */
  const char *purpose;   /* the end of the sentence that says it is missing */
} CliPart;

extern const CliPart cli_part_hook, cli_part_hookscript, cli_part_libvirt;

/**
 * cli_part_find:
 * @folder: (out): the folder of libvfpool that it was built with, for g_free(); NULL: it is installed
 *
 * Returns: (transfer full): its path, for g_free(); NULL with VFPOOL_ERROR_NOT_FOUND.
 */
char *cli_part_find (const CliPart *self, char **folder, GError **error);

/**
 * cli_part_run: runs a program that prints a dictionary (print-plan.h), without a shell.
 * @argv: its path and arguments
 * @folder: (nullable): where it finds its libraries
 * @input: its standard input; -1: empty
 *
 * Returns: (transfer full) (nullable): what it printed, an empty dictionary when that is nothing, for g_variant_unref(); even when
 *   @error is set, which is G_SPAWN_EXIT_ERROR when it ended with a status and has told the reason itself on stderr.
 */
GVariant *cli_part_run (char **argv, const char *folder, int input, GError **error);

/**
 * cli_part_pass: runs such a program with the standard output of this one.
 * @argv, @folder: as for cli_part_run()
 *
 * Returns: FALSE with G_SPAWN_EXIT_ERROR when it ended with a status and has told the reason itself on stderr.
 */
gboolean cli_part_pass (char **argv, const char *folder, GError **error);

/**
 * cli_part_become: goes on as that program, in the same process: what is sent to the command reaches it.
 * @argv, @folder: as for cli_part_run()
 *
 * Returns: only when that failed, with @error set: FALSE.
 */
gboolean cli_part_become (char **argv, const char *folder, GError **error);

/* What the program that speaks to libvirt tells about @call, as by cli_part_run(); NULL: @error is set. */
GVariant *cli_libvirt_ask (const CliCall *call, GError **error);
