/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the library, whose status tells of every pool. */
#include "pools.h"

GPtrArray *
pve_pool_names (Vfpool *vfpool, GError **error) {
  g_autoptr (GVariant) status = vfpool_status (vfpool, error);
  g_autoptr (GVariant) pools = status ? g_variant_lookup_value (status, "pools", G_VARIANT_TYPE ("aa{sv}")) : NULL;
  GPtrArray *names = status ? g_ptr_array_new_with_free_func (g_free) : NULL;

  for (gsize i = 0; pools && i < g_variant_n_children (pools); i++) {
    g_autoptr (GVariant) pool = g_variant_get_child_value (pools, i);
    char *name;

    if (g_variant_lookup (pool, "name", "s", &name))
      g_ptr_array_add (names, name);
  }
  return names;
}

GPtrArray *
pve_pool_vfs (Vfpool *vfpool, GError **error) {
  g_autoptr (GPtrArray) names = pve_pool_names (vfpool, error);
  g_autoptr (GPtrArray) vfs = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; names && i < names->len; i++) {
    GPtrArray *members = vfpool_pool_members (vfpool, g_ptr_array_index (names, i), error);

    if (!members)
      return NULL;
    g_ptr_array_extend_and_steal (vfs, members);
  }
  return names ? g_steal_pointer (&vfs) : NULL;
}
