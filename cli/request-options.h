/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options by which a guest's request is written on the command line, for the tables of the verbs that take them. */
#pragma once

#include "cli.h"

/* clang-format off: it takes the rows for blocks */
/* @is_required: whether --guest and --pool have to be given */
#define CLI_REQUEST_OPTIONS(is_required) \
  { "guest", "KIND/ID", "who asks: libvirt/UUID, pve-qemu/VMID, pve-lxc/VMID or manual/NAME", is_required }, \
  { "pool", "POOL", "the pool that the VF shall come from", is_required }, \
  { "slot", "SLOT", "the guest's own name for this device (default: slot0)" }, \
  { "count", "N", "so many VFs, 1 to 64; from two on their slots are SLOT-0, SLOT-1 ..." }, \
  { "all-functions", NULL, "all functions of the device that is chosen, as far as the pool has them" }, \
  { "mac", "MAC", "the MAC address that the VF shall have: xx:xx:xx:xx:xx:xx" }, \
  { "vlan", "VLAN", "the VLAN that the VF shall be in: 1 to 4094, 0 for untagged" }, \
  { "nodes", "LIST", "the host's NUMA nodes that the guest's memory is on, as in 0-1,3" }, \
  { "cpus", "LIST", "the host's CPUs that it runs on; --nodes goes before them" }, \
  { "numa", "WORD", "in place of the pool's own: required, socket, preferred or ignore" }, \
  { "placement", "WORD", "in place of the pool's own: spread or pack" }, \
  { "anti-affinity", "WORD", "in place of the pool's own: none, pf, card, pf-preferred or card-preferred" }
/* clang-format on */
