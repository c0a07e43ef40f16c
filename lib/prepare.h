/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a lease to a device that is ready for its guest, and back. Both directions can be repeated and picked up by
 * another process: what has to be known for the way back is in the lease before the first write.
 */
#pragma once

#include "handle.h"

/* Fills the lease's `saved` with what the VF is like now, unless that was done before. Touches nothing. BAD_INPUT: the lease
 * asks for what this function has not. */
gboolean vfpool_prepare_save (const char *root, const VfpoolFunction *function, VfpoolLease *lease, GError **error);
/* Gives the VF its MAC and VLAN, puts it on the lease's driver, and reads all of it back. Needs a saved lease. */
gboolean vfpool_prepare (const char *root, const VfpoolFunction *function, const VfpoolLease *lease, GError **error);
/* Whether the VF is like that, as far as it can be told; changes nothing. */
gboolean vfpool_prepare_is_done (const char *root, const VfpoolFunction *function, const VfpoolLease *lease);
/* Resets the VF, puts the attributes back as saved, parks it on its driver, and reads all of it back. A lease that was not
 * saved was never prepared: then only the driver is parked. */
gboolean vfpool_restore (const char *root, const VfpoolFunction *function, const VfpoolLease *lease, VfpoolPark park,
                         GError **error);
