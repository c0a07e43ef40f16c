/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where Proxmox VE finds the file of a hookscript, and why it does not. */
#pragma once

#include "paths.h"

/**
 * pve_snippet_find: looks up the volume of a hookscript as PVE does when it starts a guest.
 * @volume: as in "local:snippets/vfpool"
 * @problem: (out): NULL, or why PVE cannot run it, now or after the next boot: "the storage nas is disabled: ..." with what mends it
 *
 * Returns: the path of the file, for g_free(); NULL, with a problem, when there is none that PVE would run.
 */
char *pve_snippet_find (const PvePaths *paths, const char *volume, char **problem);
