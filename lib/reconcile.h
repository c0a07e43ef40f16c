/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A part of reconciling, for who finds no VF free. vfpool_reconcile() is in vfpool.h. */
#pragma once

#include "handle.h"

typedef gboolean (*VfpoolAddressFunc) (gpointer data, const char *address);

/**
 * vfpool_take_back: ends, of the leases whose address @is_wanted, those that vfpool_reconcile() would end, if nobody has their VF in
 * use: what is waited for there is no free VF for the caller. One that cannot be put back is told of.
 *
 * Returns: how many VFs have come free.
 */
guint vfpool_take_back (Vfpool *self, VfpoolAddressFunc is_wanted, gpointer data);
