/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A lease for who has a VF already, as the kernel shows: when the ledger was lost, or the VF was plugged in behind vfpool's back. */
#pragma once

#include "handle.h"

/**
 * vfpool_adopt: the lease that @function would be of, an active one by address, in memory.
 * @pid: the process that has its IOMMU group open
 * @slot: (nullable): the guest's name for the device; NULL: one that no request has
 *
 * Returns: (transfer full): or NULL when it is no hypervisor process that vfpool knows.
 */
VfpoolLease *vfpool_adopt (Vfpool *self, const VfpoolFunction *function, const char *pool, int pid, const char *slot);
