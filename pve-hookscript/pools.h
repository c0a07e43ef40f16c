/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configured pools. */
#pragma once

#include "vfpool.h"

/* Their names, for g_ptr_array_unref(). NULL on error. */
GPtrArray *pve_pool_names (Vfpool *vfpool, GError **error);

/* The BDFs of all their VFs, likewise. */
GPtrArray *pve_pool_vfs (Vfpool *vfpool, GError **error);
