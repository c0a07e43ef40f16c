/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the mapping of a pool is one that PVE can use and that gives nothing away. */
#pragma once

#include "mapping.h"
#include "vfpool.h"

/**
 * pve_mapping_problems: what is wrong with the mapping of @pool on this node: a start of any VM with it would fail, or might give it a
 * VF without a lease.
 *
 * Returns: (transfer full) (element-type utf8): a sentence each that tells what to do, without the file's name, for g_ptr_array_unref().
 */
GPtrArray *pve_mapping_problems (const PvePaths *paths, const PveMappings *mappings, Vfpool *vfpool, const char *pool);

/* As above, for each function of the pool that no line lists: a start fails when it is leased. */
GPtrArray *pve_mapping_gaps (const PvePaths *paths, const PveMappings *mappings, Vfpool *vfpool, const char *pool);
