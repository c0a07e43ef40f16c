/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the guest of a lease still has its VF. A virtual machine has it as long as its IOMMU group is open (holder.h). A
 * container has one on the kernel's own driver as long as the interface is in another network namespace; and one on vfio-pci as
 * long as it runs: it may open the device at any moment, and nothing is seen of that beforehand.
 */
#pragma once

#include "host.h"

/* Whether it has, found out without disturbing anybody. */
gboolean vfpool_in_use_is_seen (const char *root, const VfpoolLease *lease, const VfpoolFunction *function);

/**
 * vfpool_in_use_wait: waits up to @seconds for the VF to be let go. Only for a VF leased by the caller.
 * @group: the VF's IOMMU group
 *
 * Returns: what it is still in use by, as in "IOMMU group 7 was still held open by process 12 (qemu)", for g_free(); NULL: it is
 *   let go.
 */
char *vfpool_in_use_wait (const char *root, const VfpoolLease *lease, int group, int seconds);
