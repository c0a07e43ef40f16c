/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pools.h"

GPtrArray *
pve_pool_vfs (Vfpool *vfpool, GError **error) {
  g_auto (GStrv) names = vfpool_pool_names (vfpool);
  g_autoptr (GPtrArray) vfs = g_ptr_array_new_with_free_func (g_free);

  for (char **name = names; *name; name++) {
    GPtrArray *members = vfpool_pool_members (vfpool, *name, error);

    if (!members)
      return NULL;
    g_ptr_array_extend_and_steal (vfs, members);
  }
  return g_steal_pointer (&vfs);
}
