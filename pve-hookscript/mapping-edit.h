/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The section of a pool in pci.cfg: what it should say of this node, and putting that in without touching anything else. */
#pragma once

#include "mapping.h"

/**
 * pve_mapping_paths: the alternatives that the mapping of a pool should have on this node.
 * @members: (element-type utf8): the BDFs of the pool's functions
 *
 * Each function is one. Where the pool has all functions of a device that has several, and none of them is a VF, the device as a
 * whole is one more, before them: for a VM that is leased all of them (functions=all).
 *
 * Returns: (transfer full) (element-type utf8): values for path=, for g_ptr_array_unref().
 */
GPtrArray *pve_mapping_paths (const PvePaths *paths, GPtrArray *members);

/* The section "ID" with a line for each of @wanted, for g_string_free(). */
GString *pve_mapping_section (const PvePaths *paths, const char *id, GPtrArray *wanted);

/**
 * pve_mapping_edit:
 * @data: pci.cfg
 * @wanted: (element-type utf8): of pve_mapping_paths()
 *
 * What stands there of other mappings and other nodes, comments, and what is not understood stays as it is, byte for byte; so does
 * a line of this node that is right. One that is wrong is written anew in its place with its description, one of a path that is not
 * wanted goes, and what is not listed yet is added behind the lines of the section.
 *
 * Returns: (transfer full): the new contents, for g_string_free(); the same as @data when all is right.
 */
GString *pve_mapping_edit (const char *data, gsize length, const PvePaths *paths, const char *id, GPtrArray *wanted);
