/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which VM Proxmox VE may give a pool's VF to: the one vfpool leased it to, for as long as its start takes, else none. */
#pragma once

#include "paths.h"
#include "vfpool.h"

/* A number that no VM can have: PVE's VMIDs are 100 to 999999999, and its reservation file takes any digits. Its lines
 * read at a glance as nobody's. */
#define PVE_PARKED_VMID G_GUINT64_CONSTANT (1000000000)
/* In the year 2286. */
#define PVE_PARKED_UNTIL G_GUINT64_CONSTANT (9999999999)

/* How long a VF stays reserved for the VM it was leased to, in seconds, unless PVE extends it. Between pre-start and
 * its own reservation, which keeps the longer of the two times, PVE activates the VM's volumes; that alone can take
 * minutes on a slow storage. Should a start take longer still, the VF is not lost: only PVE may then give it to another
 * VM. */
#define PVE_START_SECONDS 300

/**
 * pve_parking_update: writes one line per VF into PVE's reservation file.
 * @vfs: (element-type utf8): the BDFs of VFs that lie in pools
 * @leased: (nullable) (element-type utf8): BDFs, a subset of @vfs, that go to @vmid
 * @vmid: the VM that starts or has stopped; 0 when there is none
 *
 * The leased ones become @vmid's for PVE_START_SECONDS; all others nobody's, except where another VM's reservation is
 * valid, or @vmid's own because it runs. A leased one that another VM holds by PVE's word is VFPOOL_ERROR_IN_USE, and nothing is written.
 *
 * Returns: FALSE with the error.
 */
gboolean pve_parking_update (const PvePaths *paths, GPtrArray *vfs, GPtrArray *leased, guint64 vmid, GError **error);

/**
 * pve_parking_restore: parks those of @vfs that stand open: no line of PVE's file holds for them. All others are left alone.
 * @vfs: (element-type utf8): the BDFs of VFs that lie in pools
 * @stale: (element-type utf8 PveReservation): for some of them a line that counts as none if it still is the same, because the
 *   lease that it was made for has ended
 *
 * PVE's lock is taken only when there is something to change.
 *
 * Returns: FALSE with the error.
 */
gboolean pve_parking_restore (const PvePaths *paths, GPtrArray *vfs, GHashTable *stale, GError **error);
