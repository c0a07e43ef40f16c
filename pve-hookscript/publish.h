/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a node lets the others know of its pools: one small file in its own folder of the cluster filesystem. */
#pragma once

#include "paths.h"
#include "vfpool.h"

#define PVE_PUBLISHED_NAME "vfpool.json" /* in /etc/pve/nodes/NODE */
#define PVE_PUBLISHED_MAX                                                                                              \
  (128 * 1024) /* older pmxcfs take no larger file; also, each node keeps all of them in memory */

/* Each write goes to all nodes' disks, so a node writes no more often than this. */
#define PVE_PUBLISH_INTERVAL_US (10 * G_USEC_PER_SEC)

/**
 * pve_publish: publishes the capacity and the leases of this node's pools, if they have changed, or were not yet published since the
 * node was booted. Cheap when not. May wait for other nodes in a cluster that is in trouble.
 * @later_us: (out): 0: all is published, or there is no cluster filesystem. Else something is left to publish, because it is too soon, or
 *   the node has no quorum: call again after so many microseconds
 *
 * Returns: FALSE with any VFPOOL_ERROR.
 */
gboolean pve_publish (const PvePaths *paths, Vfpool *vfpool, gint64 *later_us, GError **error);

/* The same in a process of its own that nobody waits for; what it cannot publish is left to the service. */
void pve_publish_in_background (const PvePaths *paths);

/* The same in a child that somebody waits for. Its exit status is in how many seconds to call again, 0: not at all; what fails it tells
 * on stderr. Returns: its PID; -1: no process is to be had. */
GPid pve_publish_begin (const PvePaths *paths);
