/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What Proxmox VE really gave to a virtual machine that has started. */
#pragma once

#include "paths.h"
#include "vfpool.h"

/**
 * pve_taken_follow: brings leases and parking lines after what the VM's QEMU has open. A deviation goes to stdout in one line, what
 * fails to stderr. Nothing is done when its QEMU does not run (any more).
 */
void pve_taken_follow (const PvePaths *paths, Vfpool *vfpool, const char *vmid);
