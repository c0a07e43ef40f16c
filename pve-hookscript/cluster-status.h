/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all nodes of the cluster have published of their pools. */
#pragma once

#include "paths.h"

/**
 * pve_cluster_status: reads the files that pve_publish() writes on each node.
 *
 * The result is a dictionary (a{sv}) with "nodes": aa{sv}, by name:
 *
 *   "name":      s: the node's folder
 *   "online":    mb: as the cluster says; absent: it does not say
 *   "published": mx: when, microseconds since 1970 UTC by that node's clock; absent: nothing that can be read
 *   "age":       mx: seconds since; negative when that node's clock is ahead of this one's
 *   "problem":   ms: why nothing could be read
 *   "truncated": b: not all VFs are told
 *   "pools":     aa{sv}: name s; total, free, leased, quarantined, foreign, cordoned x
 *   "vfs":       aa{sv}: those that are not free: address, pool, state ms; guest m(a{sv}): kind, id, name ms; slot, mac ms; vlan mx
 *
 * Returns: (transfer full): for g_variant_unref(); NULL with VFPOOL_ERROR_NOT_FOUND: there is no cluster filesystem here.
 */
GVariant *pve_cluster_status (const PvePaths *paths, GError **error);

/* Prints it for `vfpool status --cluster`, as print-plan.h does a plan. */
gboolean pve_cluster_print (const PvePaths *paths, GError **error);
