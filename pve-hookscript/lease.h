/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leasing for a VM that starts, and leading PVE to what was leased. */
#pragma once

#include "vm.h"

/**
 * pve_lease_for_start: leases what @vm asks for, and hands it over in PVE's reservation file; prints a line per slot.
 *
 * Returns: FALSE with any VFPOOL_ERROR; nothing is leased then that was not before.
 */
gboolean pve_lease_for_start (const PvePaths *paths, const PveVm *vm, GError **error);

/**
 * pve_lease_plan: what that would choose now, as vfpool_plan(). Which VF PVE gives to which slot, where that is not as planned, is told
 * by report.h.
 * @result: (out) (transfer full) (nullable): the plan, also when FALSE is returned; for g_variant_unref()
 *
 * Returns: FALSE with any VFPOOL_ERROR for which the start would be refused, but that no VF is free, which the plan tells.
 */
gboolean pve_lease_plan (const PvePaths *paths, const PveVm *vm, GVariant **result, GError **error);
