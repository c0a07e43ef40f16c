/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `vfpool plan` consists of: where a plan comes from, and its two faces. */
#pragma once

#include <glib.h>

/* A program of vfpool that reads the configuration of one hypervisor's guests. */
typedef struct {
  const char *built;     /* its name beside the command, where both were built */
  const char *installed; /* its path where vfpool is installed */
  const char *reads;     /* what it reads, for messages */
} CliPlanner;

extern const CliPlanner cli_planner_libvirt, cli_planner_pve;

/* Whether the guest asks for nothing that vfpool serves. */
gboolean cli_plan_is_empty (GVariant *plan);

/**
 * cli_planner_find:
 * @folder: (out): the folder of libvfpool that it was built with, for g_free(); NULL: it is installed
 *
 * Returns: (transfer full): its path, for g_free(); NULL with VFPOOL_ERROR_NOT_FOUND.
 */
char *cli_planner_find (const CliPlanner *self, char **folder, GError **error);

/**
 * cli_planner_run: runs a program that prints a plan (print-plan.h), without a shell.
 * @argv: its path and arguments
 * @folder: (nullable): where it finds its libraries
 * @input: its standard input; -1: empty
 *
 * Returns: (transfer full) (nullable): what it printed, an empty dictionary when that is nothing, for g_variant_unref(); even when
 *   @error is set, which is G_SPAWN_EXIT_ERROR when it ended with a status and has told the reason itself on stderr.
 */
GVariant *cli_planner_run (char **argv, const char *folder, int input, GError **error);

/**
 * cli_planner_pass: runs such a program with the standard output of this one.
 * @argv: its path and arguments
 *
 * Returns: FALSE with G_SPAWN_EXIT_ERROR when it ended with a status and has told the reason itself on stderr.
 */
gboolean cli_planner_pass (char **argv, const char *folder, GError **error);

/* @plan is what vfpool_plan() returns, or an empty dictionary; text for g_free(). */
char *cli_plan_to_json (GVariant *plan);
char *cli_plan_to_table (GVariant *plan);
