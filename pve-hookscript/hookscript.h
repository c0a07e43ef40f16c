/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The phases in which Proxmox VE calls a hookscript, and what an operator can ask for besides. */
#pragma once

#include "paths.h"

/**
 * pve_hookscript_run:
 * @vmid: the VM or container
 * @phase: pre-start, post-start, pre-stop or post-stop; any other is passed over
 *
 * What is done goes to stdout, which PVE shows in its task log.
 *
 * Returns: FALSE with any VFPOOL_ERROR; in pre-start nothing is leased then that was not before.
 */
gboolean pve_hookscript_run (const PvePaths *paths, const char *vmid, const char *phase, GError **error);

/* For the unit of a container, before it starts LXC: see container.h. Another VMID than a container's is passed over. */
gboolean pve_hookscript_start_unit (const PvePaths *paths, const char *vmid, GError **error);

/* Parks all free VFs of all pools, so that PVE gives none to a VM without a lease: for boot, before PVE starts VMs. */
gboolean pve_hookscript_park (const PvePaths *paths, GError **error);

/**
 * pve_hookscript_plan: prints what pre-start would lease now (print-plan.h), nothing when that is nothing; touches nothing.
 *
 * Returns: FALSE with any VFPOOL_ERROR for which pre-start would refuse the start, but that no VF is free, which the plan tells; the
 *   plan may have been printed.
 */
gboolean pve_hookscript_plan (const PvePaths *paths, const char *vmid, GError **error);
