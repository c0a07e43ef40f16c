/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What Proxmox's cluster filesystem (/etc/pve) asks of those who write to it: a quorum, and a lock for a file of all nodes. */
#pragma once

#include "paths.h"

/* The error of a node that has no quorum; its one code ends the program with EX_CANTCREAT. */
#define PVE_QUORUM_ERROR (pve_quorum_error_quark ())
GQuark pve_quorum_error_quark (void);

/* As PVE::Cluster::cfs_lock_file waits when it is not told otherwise. */
#define PVE_CLUSTER_LOCK_WAIT_US (10 * G_USEC_PER_SEC)

/* Returns: FALSE with PVE_QUORUM_ERROR when the cluster filesystem is read-only for now, VFPOOL_ERROR_NOT_FOUND when it is not there. */
gboolean pve_cluster_check_quorum (const PvePaths *paths, GError **error);

typedef struct _PveClusterLock PveClusterLock;

/**
 * pve_cluster_lock: takes the cluster-wide lock of a file, as PVE itself does before it changes it.
 * @file: below /etc/pve, such as "mapping/pci.cfg"
 * @wait_us: how long it may take
 *
 * A lock that was left by a process or node that died is not broken here: pmxcfs does that when it is asked, once the lock is
 * two minutes old.
 *
 * Returns: (transfer full): for pve_cluster_unlock(), or NULL: PVE_QUORUM_ERROR, VFPOOL_ERROR_BUSY, _DENIED, _NOT_FOUND, _KERNEL.
 */
PveClusterLock *pve_cluster_lock (const PvePaths *paths, const char *file, gint64 wait_us, GError **error);
void pve_cluster_unlock (PveClusterLock *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PveClusterLock, pve_cluster_unlock)
