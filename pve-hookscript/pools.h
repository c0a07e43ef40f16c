/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All configured pools together. */
#pragma once

#include "vfpool.h"

/* The BDFs of all their VFs, for g_ptr_array_unref(). NULL on error. */
GPtrArray *pve_pool_vfs (Vfpool *vfpool, GError **error);
