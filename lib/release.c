/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving back. First the lease is claimed (`releasing`), so that a guest that starts again meanwhile waits; only then
 * is the kernel asked whether the VF is really let go, because asking keeps others out for a moment (holder.h). A
 * hypervisor may report the end of a guest a little before the kernel has closed its files, so that is waited for, with
 * a bound.
 */
#include "address.h"
#include "holder.h"
#include "release.h"
#include "request.h"
#include "work.h"

#include <string.h>

static gboolean
wait_until_closed (Vfpool *self, const char *address, GError **error) {
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  const VfpoolFunction *function = vfpool_host_function (host, address);

  return !function || vfpool_holder_wait_closed (self->root, address, function->iommu_group, error);
}

/* What a caller wants to release: the lease of @address that was read as @serial, or the quarantined one. */
typedef struct {
  const char *address;
  gint64 serial;
  gboolean is_quarantined;
} Wanted;

static gboolean
is_wanted (const Wanted *wanted, const VfpoolLease *lease) {
  gboolean is_quarantined = lease->state == VFPOOL_LEASE_QUARANTINED;

  return is_quarantined == wanted->is_quarantined && (is_quarantined || lease->serial == wanted->serial);
}

/* Marks @lease, just read in this transaction, as being released by this thread. A quarantined one stays so until it is
 * put back: its guest may have another VF for the slot by now. */
static gboolean
write_claim (Vfpool *self, VfpoolLedger *ledger, VfpoolLease *lease, GError **error) {
  if (lease->state != VFPOOL_LEASE_QUARANTINED)
    lease->state = VFPOOL_LEASE_RELEASING;
  vfpool_work_claim (self, lease);
  return vfpool_ledger_update (ledger, lease, FALSE, error);
}

/* One try to claim: all that decides is read in the transaction that claims. @lease: (out): the lease as it is now, NULL:
 * there is none such. @busy: (out): another one works on it, nothing was done. */
static gboolean
try_claim (Vfpool *self, const Wanted *wanted, VfpoolLease **lease, gboolean *busy, GError **error) {
  VfpoolLedger *ledger = vfpool_handle_ledger (self, error);
  gboolean ok;

  *busy = FALSE;
  if (!ledger || !vfpool_ledger_begin (ledger, error))
    return FALSE;
  ok = vfpool_ledger_find (ledger, wanted->address, lease, error);
  if (ok && *lease && !is_wanted (wanted, *lease))
    g_clear_pointer (lease, vfpool_lease_unref);
  if (ok && *lease)
    *busy = vfpool_work_is_busy (self, *lease);
  if (ok && *lease && !*busy)
    ok = write_claim (self, ledger, *lease, error);
  return vfpool_handle_end (ledger, ok, error);
}

static VfpoolLease *
claim (Vfpool *self, const Wanted *wanted, GError **error) {
  gint64 waited = 0;

  for (;;) {
    g_autoptr (VfpoolLease) lease = NULL;
    gboolean busy;
    if (!try_claim (self, wanted, &lease, &busy, error))
      return NULL;
    if (!busy)
      return g_steal_pointer (&lease);
    if (!vfpool_work_wait (lease, &waited, error))
      return NULL;
  }
}

/* The guest lives: it keeps its VF, untouched. */
static void
unclaim (Vfpool *self, VfpoolLease *lease) {
  g_autoptr (GError) local = NULL;

  if (lease->state == VFPOOL_LEASE_RELEASING)
    lease->state = VFPOOL_LEASE_ACTIVE;
  vfpool_work_end (lease);
  if (!vfpool_work_update (self, lease, &local))
    vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING, "the lease of %s could not be set back to %s: %s", lease->address,
                       vfpool_lease_state_to_string (lease->state), local->message);
}

/* Ends the lease that this thread has claimed, unless somebody still has the VF open. */
static gboolean
put_back (Vfpool *self, VfpoolLease *claimed, const char *event, const char *detail, GError **error) {
  if (wait_until_closed (self, claimed->address, error))
    return vfpool_work_put_back (self, claimed, event, detail, error);
  unclaim (self, claimed);
  return FALSE;
}

gboolean
vfpool_release_as (Vfpool *self, const VfpoolLease *lease, const char *event, const char *detail, GError **error) {
  const Wanted wanted = { lease->address, lease->serial, FALSE };
  GError *local = NULL;
  g_autoptr (VfpoolLease) claimed = claim (self, &wanted, &local);

  if (local) {
    g_propagate_error (error, local);
    return FALSE;
  }
  return !claimed || put_back (self, claimed, event, detail, error);
}

gboolean
vfpool_release_quarantined (Vfpool *self, const char *bdf, GError **error) {
  char address[VFPOOL_BDF_SIZE];
  const Wanted wanted = { address, 0, TRUE };
  g_autoptr (VfpoolLease) claimed = NULL;
  GError *local = NULL;

  if (!vfpool_address_normalize (bdf, address, error))
    return FALSE;
  claimed = claim (self, &wanted, &local);
  if (!claimed && !local)
    g_set_error (&local, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND, "%s is not quarantined: see `vfpool status`", address);
  if (local) {
    g_propagate_error (error, local);
    return FALSE;
  }
  return put_back (self, claimed, "released", "an operator looked", error);
}

gboolean
vfpool_release_lease (Vfpool *self, const VfpoolLease *lease, GError **error) {
  return vfpool_release_as (self, lease, "released", NULL, error);
}

gboolean
vfpool_release (Vfpool *self, VfpoolGuestKind kind, const char *id, GError **error) {
  g_autoptr (GPtrArray) leases = vfpool_guest_leases (self, kind, id, error);
  GError *first = NULL;

  for (guint i = 0; leases && i < leases->len; i++) {
    GError *local = NULL;
    if (vfpool_release_lease (self, g_ptr_array_index (leases, i), &local))
      continue;
    if (!first) {
      first = local;
      continue;
    }
    vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING, "%s", local->message);
    g_error_free (local);
  }
  if (first)
    g_propagate_error (error, first);
  return leases && !first;
}

GPtrArray *
vfpool_leases (Vfpool *self, GError **error) {
  VfpoolLedger *ledger = vfpool_handle_ledger (self, error);

  return ledger ? vfpool_ledger_leases (ledger, error) : NULL;
}

GPtrArray *
vfpool_guest_leases (Vfpool *self, VfpoolGuestKind kind, const char *id, GError **error) {
  g_autofree char *normal = vfpool_guest_normalize_id (kind, id, error);
  g_autoptr (GPtrArray) leases = normal ? vfpool_leases (self, error) : NULL;

  for (guint i = leases ? leases->len : 0; i > 0; i--) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i - 1);
    if (lease->guest_kind != kind || strcmp (lease->guest_id, normal) != 0 || lease->state == VFPOOL_LEASE_QUARANTINED)
      g_ptr_array_remove_index (leases, i - 1);
  }
  return g_steal_pointer (&leases);
}
