/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network attributes of a VF: set and read through its PF's network interface, by route netlink. They live in the PF,
 * so the guest cannot change what was set there.
 */
#pragma once

#include "private.h"

typedef struct {
  char mac[18]; /* "xx:xx:xx:xx:xx:xx", lower case; all zeros: the PF has set none */
  int vlan;     /* 0: untagged */
  int qos;      /* the VLAN's priority, 0 to 7 */
} VfpoolVfnet;

/* Reads what @pf_netdev says of its VF number @index. VFPOOL_ERROR_KERNEL, VFPOOL_ERROR_NOT_FOUND (no such VF). */
gboolean vfpool_vfnet_read (const char *pf_netdev, int index, VfpoolVfnet *out, GError **error);

/**
 * vfpool_vfnet_set: sets what differs, one request an attribute, then reads back.
 * @mac: (nullable): NULL leaves it
 * @vlan: VFPOOL_VLAN_UNSET leaves it; 0 ends tagging
 * @qos: goes with @vlan
 *
 * Returns: FALSE with VFPOOL_ERROR_KERNEL when the kernel refused or shows something else; VFPOOL_ERROR_DENIED.
 */
gboolean vfpool_vfnet_set (const char *pf_netdev, int index, const char *mac, int vlan, int qos, GError **error);
