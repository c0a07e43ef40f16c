/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two faces of `vfpool status --cluster`. */
#pragma once

#include "cli.h"

/* Asks the part for Proxmox VE, and shows its answer. */
gboolean cli_cluster_status (const CliCall *call, GError **error);

/* @status is what pve_cluster_status() returns; text for g_free(). */
char *cli_cluster_to_json (GVariant *status);
char *cli_cluster_to_table (GVariant *status);
