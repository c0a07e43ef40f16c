/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads PCI functions out of sysfs, each when it is first asked for and then only from memory: a request for one pool
 * does not pay for the other thousand functions of the host. IDs are taken from sysfs and not from config space,
 * because a VF's vendor and device read 0xffff there (SR-IOV specification, VF configuration space).
 */
#include "address.h"
#include "host-private.h"
#include "sysfs.h"

#include <string.h>

#define PCI_CLASS_BRIDGE 0x06 /* base class in bits 16 to 23 of `class` */

static void
function_free (gpointer data) {
  VfpoolFunction *f = data;

  if (!f)
    return;
  g_free (f->address);
  g_free (f->pf);
  g_free (f->driver);
  g_free (f->host_use);
  g_free (f->held_by);
  g_clear_pointer (&f->mates, g_ptr_array_unref);
  g_free (f);
}

VfpoolHost *
vfpool_host_new (const char *root) {
  VfpoolHost *self = g_new0 (VfpoolHost, 1);

  self->root = g_strdup (root);
  self->functions = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, function_free);
  return self;
}

void
vfpool_host_free (VfpoolHost *self) {
  if (!self)
    return;
  g_hash_table_unref (self->functions);
  g_clear_pointer (&self->places, g_hash_table_unref);
  g_clear_pointer (&self->nodes, g_array_unref);
  g_free (self->root);
  g_free (self);
}

const char *
vfpool_host_root (const VfpoolHost *self) {
  return self->root;
}

/* Which number the VF at @bdf has on @pf: the kernel says it only by the names of the PF's links. */
static int
find_index (const char *root, const char *pf, const char *bdf) {
  int numvfs = (int)vfpool_sysfs_read_int (root, 0, "/sys/bus/pci/devices/%s/sriov_numvfs", pf);

  for (int i = 0; i < numvfs; i++) {
    g_autofree char *name = vfpool_sysfs_link_name (root, "/sys/bus/pci/devices/%s/virtfn%d", pf, i);
    if (g_strcmp0 (name, bdf) == 0)
      return i;
  }
  return -1;
}

static int
read_group (const char *root, const char *bdf) {
  g_autofree char *name = vfpool_sysfs_link_name (root, "/sys/bus/pci/devices/%s/iommu_group", bdf);

  return name ? (int)g_ascii_strtoll (name, NULL, 10) : -1;
}

/* @index: the VF's number where the caller came by the PF's link and knows it, else -1. */
static VfpoolFunction *
load (VfpoolHost *self, const char *bdf, int index) {
  const char *root = self->root;
  gint64 class_code;
  VfpoolFunction *f;

  if (!vfpool_sysfs_exists (root, "/sys/bus/pci/devices/%s", bdf))
    return NULL;
  f = g_new0 (VfpoolFunction, 1);
  f->address = g_strdup (bdf);
  f->pf = vfpool_sysfs_link_name (root, "/sys/bus/pci/devices/%s/physfn", bdf);
  f->index = !f->pf ? -1 : index >= 0 ? index : find_index (root, f->pf, bdf);
  f->driver = vfpool_sysfs_link_name (root, "/sys/bus/pci/devices/%s/driver", bdf);
  f->is_on_vfio =
      f->driver
      && (strcmp (f->driver, "vfio-pci") == 0 || vfpool_sysfs_exists (root, "/sys/bus/pci/devices/%s/vfio-dev", bdf));
  f->iommu_group = read_group (root, bdf);
  f->numa_node = (int)vfpool_sysfs_read_int (root, -1, "/sys/bus/pci/devices/%s/numa_node", bdf);
  f->vendor = (guint)vfpool_sysfs_read_int (root, 0, "/sys/bus/pci/devices/%s/vendor", bdf);
  f->device = (guint)vfpool_sysfs_read_int (root, 0, "/sys/bus/pci/devices/%s/device", bdf);
  class_code = vfpool_sysfs_read_int (root, 0, "/sys/bus/pci/devices/%s/class", bdf);
  f->is_bridge = (class_code >> 16) == PCI_CLASS_BRIDGE;
  f->totalvfs = f->pf ? -1 : (int)vfpool_sysfs_read_int (root, -1, "/sys/bus/pci/devices/%s/sriov_totalvfs", bdf);
  f->numvfs = f->totalvfs < 0 ? -1 : (int)vfpool_sysfs_read_int (root, 0, "/sys/bus/pci/devices/%s/sriov_numvfs", bdf);
  return f;
}

static VfpoolFunction *
lookup (VfpoolHost *self, const char *bdf, int index) {
  gpointer known;

  if (g_hash_table_lookup_extended (self->functions, bdf, NULL, &known))
    return known;
  known = load (self, bdf, index);
  g_hash_table_insert (self->functions, g_strdup (bdf), known);
  return known;
}

VfpoolFunction *
vfpool_host_function (VfpoolHost *self, const char *bdf) {
  return lookup (self, bdf, -1);
}

void
vfpool_host_load_group (VfpoolHost *self, VfpoolFunction *function) {
  g_auto (GStrv) names = NULL;

  if (function->mates)
    return;
  function->mates = g_ptr_array_new ();
  if (function->iommu_group < 0)
    return;
  names = vfpool_sysfs_list (self->root, "/sys/kernel/iommu_groups/%d/devices", function->iommu_group);
  for (char **name = names; *name; name++) {
    VfpoolFunction *mate = strcmp (*name, function->address) == 0 ? NULL : lookup (self, *name, -1);
    if (mate)
      g_ptr_array_add (function->mates, mate);
  }
}

char **
vfpool_host_addresses (VfpoolHost *self) {
  return vfpool_sysfs_list (self->root, "/sys/bus/pci/devices");
}

char **
vfpool_host_vf_addresses (VfpoolHost *self, const char *pf) {
  GPtrArray *addresses = g_ptr_array_new ();
  const VfpoolFunction *function = lookup (self, pf, -1);

  for (int i = 0; function && i < function->numvfs; i++) {
    char *bdf = vfpool_sysfs_link_name (self->root, "/sys/bus/pci/devices/%s/virtfn%d", pf, i);
    if (bdf)
      g_ptr_array_add (addresses, bdf);
  }
  g_ptr_array_add (addresses, NULL);
  return (char **)g_ptr_array_free (addresses, FALSE);
}

GPtrArray *
vfpool_host_vfs_of (VfpoolHost *self, const char *pf) {
  GPtrArray *vfs = g_ptr_array_new ();
  const VfpoolFunction *function = lookup (self, pf, -1);

  for (int i = 0; function && i < function->numvfs; i++) {
    g_autofree char *bdf = vfpool_sysfs_link_name (self->root, "/sys/bus/pci/devices/%s/virtfn%d", pf, i);
    VfpoolFunction *vf = bdf ? lookup (self, bdf, i) : NULL;
    if (vf)
      g_ptr_array_add (vfs, vf);
  }
  return vfs;
}

static void
add_once (GPtrArray *functions, VfpoolFunction *f) {
  if (f && !g_ptr_array_find (functions, f, NULL))
    g_ptr_array_add (functions, f);
}

GPtrArray *
vfpool_host_members (VfpoolHost *self, const VfpoolPool *pool) {
  GPtrArray *functions = g_ptr_array_new ();

  for (guint i = 0; i < pool->members->len; i++) {
    const VfpoolMember *member = g_ptr_array_index (pool->members, i);
    g_autoptr (GPtrArray) vfs = NULL;

    if (member->address)
      add_once (functions, vfpool_host_function (self, member->address));
    if (!member->pf)
      continue;
    vfs = vfpool_host_vfs_of (self, member->pf);
    for (guint k = 0; k < vfs->len; k++) {
      VfpoolFunction *f = g_ptr_array_index (vfs, k);
      if (vfpool_member_matches (member, f->address, f->pf, f->index))
        add_once (functions, f);
    }
  }
  return functions;
}

char *
vfpool_host_netdev (const char *root, const char *bdf) {
  g_auto (GStrv) names = vfpool_sysfs_list (root, "/sys/bus/pci/devices/%s/net", bdf);

  return g_strdup (names[0]);
}

gboolean
vfpool_host_pool_has (const VfpoolPool *pool, const VfpoolFunction *function) {
  for (guint i = 0; i < pool->members->len; i++)
    if (vfpool_member_matches (g_ptr_array_index (pool->members, i), function->address, function->pf, function->index))
      return TRUE;
  return FALSE;
}

const char *
vfpool_host_pool_of (const VfpoolConfig *config, const VfpoolFunction *function) {
  for (guint i = 0; i < config->pools->len; i++)
    if (vfpool_host_pool_has (g_ptr_array_index (config->pools, i), function))
      return ((const VfpoolPool *)g_ptr_array_index (config->pools, i))->name;
  return NULL;
}

gboolean
vfpool_host_check_pf (VfpoolHost *self, const VfpoolConfig *config, const VfpoolPfConfig *pf, GError **error) {
  const VfpoolFunction *f = vfpool_host_function (self, pf->address);
  const char *pool = f ? vfpool_host_pool_of (config, f) : NULL;

  if (!f)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_CONFIG, "%s:%d: there is no PCI device %s on this host",
                 pf->file, pf->line, pf->address);
  else if (f->totalvfs < 0)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_CONFIG,
                 "%s:%d: %s cannot have VFs: it is no SR-IOV physical function, or SR-IOV is off in the firmware",
                 pf->file, pf->line, pf->address);
  else if (pf->numvfs > f->totalvfs)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_CONFIG, "%s:%d: numvfs=%d, but %s can have %d VFs at most",
                 pf->file, pf->line, pf->numvfs, pf->address, f->totalvfs);
  else if (pf->numvfs > 0 && pool)
    g_set_error (
        error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_CONFIG,
        "%s:%d: numvfs=%d, but %s lies in the pool '%s' as a whole: its VFs or itself can be handed out, not both",
        pf->file, pf->line, pf->numvfs, pf->address, pool);
  else
    return TRUE;
  return FALSE;
}
