/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that is known, as one GVariant: the kernel's functions, the ledger's leases and cordons, and who holds what
 * nobody leased. It is for looking: it takes no lock, opens no VFIO group and does not make or mend the ledger, so that an
 * operator may run it in a loop beside starting guests.
 */
#include "handle.h"
#include "holder.h"
#include "sysfs.h"
#include "variant.h"

#include <string.h>

typedef struct {
  Vfpool *self;
  VfpoolHost *host;
  GPtrArray *leases;
  GPtrArray *cordons;
  GHashTable *holders; /* IOMMU group -> PID */
} Status;

/* How many VFs of a pool are in which state. */
typedef struct {
  guint total, free, leased, quarantined, foreign, cordoned;
} Count;

static const VfpoolLease *
find_lease (const Status *status, const char *address) {
  for (guint i = 0; i < status->leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (status->leases, i);
    if (strcmp (lease->address, address) == 0 && strcmp (lease->boot_id, status->self->boot_id) == 0)
      return lease;
  }
  return NULL;
}

static const VfpoolCordon *
find_cordon (const Status *status, const char *address) {
  for (guint i = 0; address && i < status->cordons->len; i++) {
    const VfpoolCordon *cordon = g_ptr_array_index (status->cordons, i);
    if (strcmp (cordon->address, address) == 0)
      return cordon;
  }
  return NULL;
}

/* Of itself (@own) or of its PF; the reason is the one that says something. Returns: whether there is one. */
static gboolean
add_cordon (GVariantBuilder *dict, const VfpoolCordon *own, const VfpoolCordon *of_pf) {
  const char *reason = own && own->reason ? own->reason : of_pf ? of_pf->reason : NULL;

  vfpool_variant_add (dict, "cordoned", g_variant_new_boolean (own || of_pf));
  vfpool_variant_add (dict, "cordon_reason", vfpool_variant_text (reason));
  return own || of_pf;
}

/* Who holds @function without a lease, for g_free(); NULL: nobody. */
static char *
find_foreign_holder (const Status *status, VfpoolFunction *function) {
  const char *root = status->self->root;
  int pid = function->iommu_group < 0
                ? 0
                : GPOINTER_TO_INT (g_hash_table_lookup (status->holders, GINT_TO_POINTER (function->iommu_group)));

  if (function->is_on_vfio && pid) {
    g_autofree char *who = vfpool_holder_describe (root, pid);
    return g_strdup_printf ("IOMMU group %d is held open by %s", function->iommu_group, who);
  }
  vfpool_host_load_use (status->host, function);
  return g_strdup (function->host_use);
}

static GVariant *
describe_guest (const VfpoolLease *lease) {
  GVariantBuilder dict;

  if (!lease)
    return g_variant_new_maybe (G_VARIANT_TYPE_VARDICT, NULL);
  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  vfpool_variant_add (&dict, "kind", g_variant_new_string (vfpool_guest_kind_to_string (lease->guest_kind)));
  vfpool_variant_add (&dict, "id", g_variant_new_string (lease->guest_id));
  vfpool_variant_add (&dict, "name", vfpool_variant_text (lease->guest_name));
  return g_variant_new_maybe (NULL, g_variant_builder_end (&dict));
}

static void
add_lease (GVariantBuilder *dict, const VfpoolLease *lease) {
  gboolean has_vlan = lease && lease->vlan != VFPOOL_VLAN_UNSET;

  vfpool_variant_add (dict, "guest", describe_guest (lease));
  vfpool_variant_add (dict, "slot", vfpool_variant_text (lease ? lease->slot : NULL));
  vfpool_variant_add (dict, "mac", vfpool_variant_text (lease ? lease->mac : NULL));
  vfpool_variant_add (dict, "vlan",
                      has_vlan ? g_variant_new ("mi", TRUE, lease->vlan)
                               : g_variant_new_maybe (G_VARIANT_TYPE_INT32, NULL));
  vfpool_variant_add (dict, "since",
                      lease ? g_variant_new ("mx", TRUE, lease->since)
                            : g_variant_new_maybe (G_VARIANT_TYPE_INT64, NULL));
}

static void
count_state (Count *count, const VfpoolLease *lease, gboolean is_foreign, gboolean is_cordoned) {
  count->total++;
  if (lease && lease->state == VFPOOL_LEASE_QUARANTINED)
    count->quarantined++;
  else if (lease)
    count->leased++;
  else if (is_foreign)
    count->foreign++;
  else if (is_cordoned)
    count->cordoned++;
  else
    count->free++;
}

/* What there is to say about the state, or NULL. */
static const char *
why_state (const Status *status, const VfpoolFunction *function, const VfpoolLease *lease, const char *foreign) {
  if (lease && !vfpool_host_function (status->host, function->address))
    return "the device is not there any more; `vfpool reconcile` ends the lease";
  return lease ? lease->reason : foreign;
}

static GVariant *
describe_vf (const Status *status, VfpoolFunction *function, const char *pool, Count *count) {
  const VfpoolLease *lease = find_lease (status, function->address);
  g_autofree char *foreign = lease ? NULL : find_foreign_holder (status, function);
  gboolean is_cordoned;
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  vfpool_variant_add (&dict, "address", g_variant_new_string (function->address));
  vfpool_variant_add (&dict, "pf", vfpool_variant_text (function->pf));
  vfpool_variant_add (&dict, "index", g_variant_new_int32 (function->index));
  vfpool_variant_add (&dict, "pool", vfpool_variant_text (pool));
  vfpool_variant_add (&dict, "driver", vfpool_variant_text (function->driver));
  vfpool_variant_add (&dict, "iommu_group", g_variant_new_int32 (function->iommu_group));
  vfpool_variant_add (&dict, "numa_node", g_variant_new_int32 (function->numa_node));
  vfpool_variant_add (&dict, "vendor", g_variant_new_uint32 (function->vendor));
  vfpool_variant_add (&dict, "device", g_variant_new_uint32 (function->device));
  vfpool_variant_add (&dict, "state",
                      g_variant_new_string (lease     ? vfpool_lease_state_to_string (lease->state)
                                            : foreign ? "foreign"
                                                      : "free"));
  add_lease (&dict, lease);
  vfpool_variant_add (&dict, "reason", vfpool_variant_text (why_state (status, function, lease, foreign)));
  is_cordoned = add_cordon (&dict, find_cordon (status, function->address), find_cordon (status, function->pf));
  if (count)
    count_state (count, lease, foreign != NULL, is_cordoned);
  return g_variant_builder_end (&dict);
}

static GVariant *
describe_pf (const Status *status, const VfpoolFunction *pf) {
  g_autofree char *netdev = vfpool_host_netdev (status->self->root, pf->address);
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  vfpool_variant_add (&dict, "address", g_variant_new_string (pf->address));
  vfpool_variant_add (&dict, "driver", vfpool_variant_text (pf->driver));
  vfpool_variant_add (&dict, "netdev", vfpool_variant_text (netdev));
  vfpool_variant_add (&dict, "numa_node", g_variant_new_int32 (pf->numa_node));
  vfpool_variant_add (&dict, "totalvfs", g_variant_new_uint32 ((guint)pf->totalvfs));
  vfpool_variant_add (&dict, "numvfs", g_variant_new_uint32 ((guint)pf->numvfs));
  vfpool_variant_add (&dict, "vendor", g_variant_new_uint32 (pf->vendor));
  vfpool_variant_add (&dict, "device", g_variant_new_uint32 (pf->device));
  add_cordon (&dict, find_cordon (status, pf->address), NULL);
  return g_variant_builder_end (&dict);
}

static GVariant *
describe_pool (const VfpoolPool *pool, const Count *count) {
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  vfpool_variant_add (&dict, "name", g_variant_new_string (pool->name));
  vfpool_variant_add (&dict, "total", g_variant_new_uint32 (count->total));
  vfpool_variant_add (&dict, "free", g_variant_new_uint32 (count->free));
  vfpool_variant_add (&dict, "leased", g_variant_new_uint32 (count->leased));
  vfpool_variant_add (&dict, "quarantined", g_variant_new_uint32 (count->quarantined));
  vfpool_variant_add (&dict, "foreign", g_variant_new_uint32 (count->foreign));
  vfpool_variant_add (&dict, "cordoned", g_variant_new_uint32 (count->cordoned));
  return g_variant_builder_end (&dict);
}

/* Reads the PFs that can have VFs, and adds them. */
static GPtrArray *
add_pfs (const Status *status, GVariantBuilder *pfs) {
  g_auto (GStrv) addresses = vfpool_host_addresses (status->host);
  GPtrArray *found = g_ptr_array_new ();

  for (char **address = addresses; *address; address++) {
    VfpoolFunction *f = NULL;
    /* Only what can have VFs is read whole: a host has hundreds of functions that are of no interest here. */
    if (vfpool_sysfs_exists (status->self->root, "/sys/bus/pci/devices/%s/sriov_totalvfs", *address))
      f = vfpool_host_function (status->host, *address);
    if (!f || f->totalvfs <= 0)
      continue;
    g_ptr_array_add (found, f);
    g_variant_builder_add_value (pfs, describe_pf (status, f));
  }
  return found;
}

/* Adds the VFs pool by pool, each once, then the VFs that are in no pool. @seen: (out): of VfpoolFunction: all these. */
static void
add_vfs (const Status *status, GPtrArray *pfs, GHashTable *seen, GVariantBuilder *pools, GVariantBuilder *vfs) {
  const VfpoolConfig *config = status->self->config;

  for (guint i = 0; i < config->pools->len; i++) {
    const VfpoolPool *pool = g_ptr_array_index (config->pools, i);
    g_autoptr (GPtrArray) members = vfpool_host_members (status->host, pool);
    Count count = { 0 };

    for (guint k = 0; k < members->len; k++)
      if (g_hash_table_add (seen, g_ptr_array_index (members, k)))
        g_variant_builder_add_value (vfs, describe_vf (status, g_ptr_array_index (members, k), pool->name, &count));
    g_variant_builder_add_value (pools, describe_pool (pool, &count));
  }
  for (guint i = 0; i < pfs->len; i++) {
    const VfpoolFunction *pf = g_ptr_array_index (pfs, i);
    g_autoptr (GPtrArray) all = vfpool_host_vfs_of (status->host, pf->address);

    for (guint k = 0; k < all->len; k++)
      if (g_hash_table_add (seen, g_ptr_array_index (all, k)))
        g_variant_builder_add_value (vfs, describe_vf (status, g_ptr_array_index (all, k), NULL, NULL));
  }
}

/* Adds what is leased and was not seen so far, because the device has vanished, or is no VF and was taken out of its pool:
 * an operator must see that somebody still counts on it. */
static void
add_other_leases (const Status *status, GHashTable *seen, GVariantBuilder *vfs) {
  for (guint i = 0; i < status->leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (status->leases, i);
    VfpoolFunction gone = { .address = lease->address, .index = -1, .iommu_group = -1, .numa_node = -1 };
    VfpoolFunction *function = vfpool_host_function (status->host, lease->address);

    if (!find_lease (status, lease->address))
      continue;
    if (!function)
      g_variant_builder_add_value (vfs, describe_vf (status, &gone, lease->pool, NULL));
    else if (!g_hash_table_contains (seen, function))
      g_variant_builder_add_value (vfs, describe_vf (status, function, NULL, NULL));
  }
}

/* The leases and cordons without opening the ledger for writing; none where there is no ledger yet. */
static gboolean
read_ledger (Vfpool *self, GPtrArray **leases, GPtrArray **cordons, GError **error) {
  g_autoptr (GError) local = NULL;
  g_autoptr (VfpoolLedger) ledger = vfpool_ledger_open_readonly (self->root, &local);

  if (!ledger && !g_error_matches (local, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND)) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  *leases = ledger ? vfpool_ledger_leases (ledger, error) : g_ptr_array_new ();
  if (*leases)
    *cordons = ledger ? vfpool_ledger_cordons (ledger, error) : g_ptr_array_new ();
  return *leases && *cordons;
}

GVariant *
vfpool_status (Vfpool *self, GError **error) {
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  g_autoptr (GPtrArray) leases = NULL, cordons = NULL, pf_functions = NULL;
  g_autoptr (GHashTable) holders = NULL, seen = g_hash_table_new (g_direct_hash, g_direct_equal);
  GVariantBuilder pfs, pools, vfs, result;
  Status status;

  if (!read_ledger (self, &leases, &cordons, error))
    return NULL;
  holders = vfpool_holder_scan (self->root);
  status = (Status){ self, host, leases, cordons, holders };
  g_variant_builder_init (&pfs, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_init (&pools, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_init (&vfs, G_VARIANT_TYPE ("aa{sv}"));
  pf_functions = add_pfs (&status, &pfs);
  add_vfs (&status, pf_functions, seen, &pools, &vfs);
  add_other_leases (&status, seen, &vfs);

  g_variant_builder_init (&result, G_VARIANT_TYPE_VARDICT);
  vfpool_variant_add (&result, "pfs", g_variant_builder_end (&pfs));
  vfpool_variant_add (&result, "pools", g_variant_builder_end (&pools));
  vfpool_variant_add (&result, "vfs", g_variant_builder_end (&vfs));
  return g_variant_ref_sink (g_variant_builder_end (&result));
}
