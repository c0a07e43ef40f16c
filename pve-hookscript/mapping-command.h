/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `vfpool pve mapping` and `vfpool check` do with a pool's mapping. */
#pragma once

#include "paths.h"

/* Prints the section of @pool with the lines of this node, as PVE would write them. */
gboolean pve_mapping_print (const PvePaths *paths, const char *pool, GError **error);

/**
 * pve_mapping_apply: writes these lines into /etc/pve/mapping/pci.cfg, unless they are there; see pve_mapping_edit(). What was done is
 * told on stdout.
 *
 * Returns: FALSE with PVE_QUORUM_ERROR, or any VFPOOL_ERROR; the file is as it was then.
 */
gboolean pve_mapping_apply (const PvePaths *paths, const char *pool, GError **error);

/**
 * pve_mapping_check: tells of all pools whose mapping and hardware no longer agree, or that have none; on a host without Proxmox VE
 * nothing.
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_CONFIG when a mapping that is there cannot be used; the other problems are told by report.h.
 */
gboolean pve_mapping_check (const PvePaths *paths, GError **error);
