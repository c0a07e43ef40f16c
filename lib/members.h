/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What appeared in the pools and what vanished from them. */
#pragma once

#include "handle.h"

/* Compares the members that the pools have now with those that the ledger remembers of this boot, tells the difference (unless
 * @quietly: the caller made it), and has the ledger remember these. A pool that is looked at for the first time is not told of. */
gboolean vfpool_members_compare (Vfpool *self, gboolean quietly, GError **error);
