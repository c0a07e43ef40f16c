/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service of a Proxmox VE node: sees to what hookscripts cannot see to. */
#pragma once

#include "paths.h"

/**
 * pve_watch: looks at VMs and leases (ends.h) now and whenever anything happens to them, until SIGTERM or SIGINT; SIGHUP: looks at
 * once.
 *
 * Returns: FALSE when it cannot begin: VFPOOL_ERROR_NOT_FOUND (no Proxmox VE here), VFPOOL_ERROR_KERNEL.
 */
gboolean pve_watch (const PvePaths *paths, GError **error);
