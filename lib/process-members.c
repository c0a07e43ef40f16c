/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process really has of the pools. Where a hypervisor chooses devices itself, what it was meant to take and what it
 * took may differ; the kernel's word is its open IOMMU groups. All VFs of a group count: whoever has one has them all.
 */
#include "handle.h"
#include "holder.h"

static void
add_open (VfpoolHost *host, const VfpoolPool *pool, GHashTable *groups, GPtrArray *addresses) {
  g_autoptr (GPtrArray) functions = vfpool_host_members (host, pool);

  for (guint i = 0; i < functions->len; i++) {
    const VfpoolFunction *function = g_ptr_array_index (functions, i);

    if (function->iommu_group >= 0 && g_hash_table_contains (groups, GINT_TO_POINTER (function->iommu_group)))
      g_ptr_array_add (addresses, g_strdup (function->address));
  }
}

GPtrArray *
vfpool_process_members (Vfpool *self, gint64 pid, GError **error) {
  g_autoptr (GHashTable) groups = vfpool_holder_scan_process (self->root, pid);
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  GPtrArray *addresses;

  if (!groups) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND,
                 "the open files of process %" G_GINT64_FORMAT " cannot be seen: it has ended, or root is needed", pid);
    return NULL;
  }
  addresses = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < self->config->pools->len; i++)
    add_open (host, g_ptr_array_index (self->config->pools, i), groups, addresses);
  return addresses;
}
