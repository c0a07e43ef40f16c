/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MAC addresses for guests that ask for none: made from who the guest is, so that it gets the same one each time, on each host,
 * and also when the ledger was lost.
 *
 * Six bytes of the SHA-256 of: a word for the way it is done, the seed, the guest's kind and id, the slot, and how many were
 * refused before (because somebody else has that MAC). They are marked as administered locally and as one station's.
 *
 * The seed keeps guests apart that have the same id on different hosts:
 *
 *   [vfpool] mac-seed=      that, for all guests
 *   libvirt                 none: a UUID is one in the whole world, and a guest keeps its MAC when it moves to another host
 *   pve-qemu, pve-lxc       /etc/pve/pve-root-ca.pem, the same on all nodes of a cluster; a node that has none (yet): as manual
 *   manual                  /etc/machine-id; on a host that has none: nothing
 */
#pragma once

#include "choice.h"

/* The seed for guests of @kind, for g_free(). */
char *vfpool_mac_seed (const char *root, const VfpoolConfig *config, VfpoolGuestKind kind);

/* The MAC for @slot of the guest, "xx:xx:xx:xx:xx:xx" in lower case, for g_free(). @attempt: 0 for the one that it shall have, then
 * 1, 2 ... for others in its place. */
char *vfpool_mac_generate (const char *seed, VfpoolGuestKind kind, const char *id, const char *slot, guint attempt);

/**
 * vfpool_mac_choose: the MAC for a slot that asks for none.
 * @used: (nullable): those of the host's interfaces and VFs, as below
 *
 * The one that the guest has or had in this slot stays, unless it is leased to another now; else one is made that nobody has or
 * had. Looks at each of them, reads nothing.
 *
 * Returns: for g_free(); NULL: a new one has to be made, for which @used is needed.
 */
char *vfpool_mac_choose (const VfpoolSituation *situation, const char *slot, const char *seed, GHashTable *used);

/* Whether the VF chosen for @choice is given a generated MAC: its slot asks for none, its pool wants it, and it has one. */
gboolean vfpool_mac_is_made (const char *root, const VfpoolChoice *choice);

/* Who else than the guest that asks has @mac leased: (nullable). */
const VfpoolLease *vfpool_mac_find_other (const VfpoolSituation *situation, const char *mac);

/* The MACs (strings, lower case) that the network interfaces of the host at @root have now, as a set for g_hash_table_unref(). */
GHashTable *vfpool_mac_used (const char *root);

/* Adds to such a set the MACs that the PFs of @config's pools keep for all of their VFs, which no interface need show: VFs of
 * guests. One question a PF; what a PF does not answer is left out. */
void vfpool_mac_add_of_vfs (GHashTable *macs, VfpoolHost *host, const VfpoolConfig *config);
