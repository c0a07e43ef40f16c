/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network attributes of a VF (VfpoolVfnet): set and read through its PF's network interface, by route netlink. They live
 * in the PF, so the guest cannot change what was set there.
 */
#pragma once

#include "private.h"

/* Whether the network that netlink shows is that of the host at @root: netlink speaks to the running kernel only, a tree that
 * stands in for it has no network. */
gboolean vfpool_vfnet_sees (const char *root);

/* Reads what @pf_netdev says of its VF number @index. VFPOOL_ERROR_KERNEL, VFPOOL_ERROR_NOT_FOUND (no such VF). */
gboolean vfpool_vfnet_read (const char *pf_netdev, int index, VfpoolVfnet *out, GError **error);

/* Adds the MACs that @pf_netdev keeps for its VFs to @macs, a set of strings; those without one are left out. One question for
 * all of them. VFPOOL_ERROR_KERNEL. */
gboolean vfpool_vfnet_add_macs (const char *pf_netdev, GHashTable *macs, GError **error);

/* Whether @now is as @wanted; what is unset in @wanted does not count. */
gboolean vfpool_vfnet_is_as (const VfpoolVfnet *now, const VfpoolVfnet *wanted);

/**
 * vfpool_vfnet_set: sets what differs from @wanted, one request an attribute, then reads back.
 *
 * Returns: FALSE with VFPOOL_ERROR_KERNEL when the kernel refused or shows something else; VFPOOL_ERROR_DENIED.
 */
gboolean vfpool_vfnet_set (const char *pf_netdev, int index, const VfpoolVfnet *wanted, GError **error);
