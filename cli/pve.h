/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calling the program that knows Proxmox VE's files. */
#pragma once

#include "cli.h"

/* Whether the host that @call is about has Proxmox VE. */
gboolean cli_pve_is_node (const CliCall *call);

/**
 * cli_pve_command: the words that run the program.
 * @argument: (nullable): of @verb
 * @folder: (out): as of cli_part_find()
 *
 * Returns: (transfer full): for g_strfreev(); NULL with VFPOOL_ERROR_NOT_FOUND when it is not installed.
 */
char **cli_pve_command (const CliCall *call, const char *verb, const char *argument, char **folder, GError **error);

/* Runs it with this program's standard output. Returns: FALSE as that, or as cli_part_pass(). */
gboolean cli_pve_run (const CliCall *call, const char *verb, const char *argument, GError **error);
