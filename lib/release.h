/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving a lease back, for the library's other operations. The public calls are in vfpool.h. */
#pragma once

#include "handle.h"

/**
 * vfpool_release_as: releases @lease, if it is still the very one that was read.
 * @event, @detail: for the history
 *
 * Returns: TRUE when it is released, or has ended or was acquired anew since it was read (then nothing was done); FALSE
 * as vfpool_release().
 */
gboolean vfpool_release_as (Vfpool *self, const VfpoolLease *lease, const char *event, const char *detail,
                            GError **error);

/* The same, but only if the lease is also as far as it was when it was read, and nobody has begun to work on it since:
 * for who decided by that. @is_done: (out): whether it was. */
gboolean vfpool_release_as_read (Vfpool *self, const VfpoolLease *lease, const char *event, const char *detail,
                                 gboolean *is_done, GError **error);
