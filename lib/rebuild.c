/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ledger that was lost is rebuilt from what could still be read of it (ledger-salvage.c) and what the kernel shows:
 * each VF of a pool whose IOMMU group is open belongs to the process that has it, and where that is a hypervisor's, to
 * its guest. A lease that was saved for this guest stays as it is, and so does one that is quarantined; one for another
 * guest, or of another boot, is older than what the kernel shows, and gives way. A new lease (adopt.c) ends like any other when
 * the guest stops. A VF held by an unknown process gets no lease; it shows as foreign and is refused as long as it is open.
 */
#include "adopt.h"
#include "holder.h"

#include <string.h>

typedef struct {
  Vfpool *self;
  VfpoolLedger *ledger;
  VfpoolHost *host;
  GHashTable *holders; /* IOMMU group -> PID */
} Rebuild;

/* Whether @saved, of a VF that @lease would be of by what the kernel shows, goes on: it says the same, or keeps the VF from
 * everybody, for a reason that this has not changed. */
static gboolean
goes_on (const VfpoolLease *saved, const VfpoolLease *lease) {
  return strcmp (saved->boot_id, lease->boot_id) == 0
         && (saved->state == VFPOOL_LEASE_QUARANTINED
             || (saved->guest_kind == lease->guest_kind && strcmp (saved->guest_id, lease->guest_id) == 0));
}

/* @is_known: (out): the lease that was saved of the VF goes on. Else it is removed. */
static gboolean
settle_saved (Rebuild *r, const VfpoolLease *lease, gboolean *is_known, GError **error) {
  g_autoptr (VfpoolLease) saved = NULL;

  *is_known = FALSE;
  if (!vfpool_ledger_find (r->ledger, lease->address, &saved, error))
    return FALSE;
  *is_known = saved && goes_on (saved, lease);
  if (!saved || *is_known)
    return TRUE;
  return vfpool_ledger_note (r->ledger, saved, "voided", "its VF is open, by a guest that the lease does not know",
                             error)
         && vfpool_ledger_remove (r->ledger, saved, error);
}

static gboolean
adopt (Rebuild *r, const VfpoolFunction *function, const char *pool, GError **error) {
  int pid = GPOINTER_TO_INT (g_hash_table_lookup (r->holders, GINT_TO_POINTER (function->iommu_group)));
  g_autoptr (VfpoolLease) lease =
      pid && function->iommu_group >= 0 ? vfpool_adopt (r->self, function, pool, pid, NULL) : NULL;
  gboolean is_known;

  if (!lease)
    return TRUE;
  if (!settle_saved (r, lease, &is_known, error))
    return FALSE;
  if (is_known)
    return TRUE;
  vfpool_handle_say (r->self, VFPOOL_MESSAGE_WARNING, "%s is held by %s/%s (process %d): its lease was written anew",
                     lease->address, vfpool_guest_kind_to_string (lease->guest_kind), lease->guest_id, pid);
  return vfpool_ledger_add (r->ledger, lease, error) && vfpool_ledger_note (r->ledger, lease, "adopted", NULL, error);
}

static gboolean
adopt_pool (Rebuild *r, const VfpoolPool *pool, GHashTable *seen, GError **error) {
  g_autoptr (GPtrArray) members = vfpool_host_members (r->host, pool);

  for (guint i = 0; i < members->len; i++) {
    VfpoolFunction *function = g_ptr_array_index (members, i);
    if (g_hash_table_add (seen, function) && !adopt (r, function, pool->name, error))
      return FALSE;
  }
  return TRUE;
}

/* Two processes may find the ledger lost at once: who comes second finds the work done. */
static gboolean
rebuild_once (VfpoolLedger *ledger, gpointer data, GError **error) {
  Rebuild *r = data;
  g_autoptr (GHashTable) seen = g_hash_table_new (g_direct_hash, g_direct_equal);
  gboolean needed;

  if (!vfpool_ledger_needs_rebuild (ledger, &needed, error))
    return FALSE;
  for (guint i = 0; needed && i < r->self->config->pools->len; i++)
    if (!adopt_pool (r, g_ptr_array_index (r->self->config->pools, i), seen, error))
      return FALSE;
  return !needed || vfpool_ledger_set_rebuilt (ledger, error);
}

gboolean
vfpool_rebuild (Vfpool *self, VfpoolLedger *ledger, GError **error) {
  g_autoptr (GHashTable) holders = vfpool_holder_scan (self->root);
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  Rebuild r = { self, ledger, host, holders };

  return vfpool_handle_change_once (ledger, rebuild_once, &r, error);
}
