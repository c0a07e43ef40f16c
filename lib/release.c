/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving back. First the lease is claimed (`releasing`), so that a guest that starts again meanwhile waits; only then
 * is the kernel asked whether the VF is really let go, because asking keeps others out for a moment (holder.h). A
 * hypervisor may report the end of a guest a little before the kernel has closed its files, or moved an interface back out of a
 * container, so that is waited for, as long as `release-wait` says. A VF that is in use even then (inuse.h) is never touched.
 */
#include "address.h"
#include "guest.h"
#include "holder.h"
#include "inuse.h"
#include "release.h"
#include "request.h"
#include "work.h"

#include <string.h>

/* ---- Which lease ---- */

static gboolean
is_quarantined (const VfpoolLease *lease) {
  return lease->state == VFPOOL_LEASE_QUARANTINED;
}

static gboolean
is_same_lease (const VfpoolWanted *wanted, const VfpoolLease *now) {
  return now->serial == wanted->read->serial && is_quarantined (now) == is_quarantined (wanted->read);
}

static gboolean
is_any_quarantined (const VfpoolWanted *wanted, const VfpoolLease *now) {
  (void)wanted;
  return is_quarantined (now);
}

/* ---- Putting back ---- */

/* What the VF is still in use by after the wait, for g_free(); NULL: it is let go. */
static char *
wait_until_let_go (Vfpool *self, const VfpoolLease *claimed, int *group) {
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  const VfpoolFunction *function = vfpool_host_function (host, claimed->address);

  *group = function ? function->iommu_group : -1;
  return function ? vfpool_in_use_wait (self->root, claimed, *group, self->config->release_wait) : NULL;
}

/* Whether the guest itself has the VF open: then it lives, though its hypervisor may have lost the file that says so. */
static gboolean
is_held_by_guest (Vfpool *self, const VfpoolLease *lease, int group) {
  g_autoptr (GHashTable) holders = vfpool_holder_scan (self->root);
  int pid = GPOINTER_TO_INT (g_hash_table_lookup (holders, GINT_TO_POINTER (group)));

  return pid && vfpool_guest_has_process (self->root, lease->guest_kind, lease->guest_id, pid);
}

/* @use keeps the VF. A VF that was not even prepared was never touched, so its lease just ends. A guest that lives keeps
 * its VF; what else somebody holds on to is kept from everybody until an operator has looked. */
static gboolean
keep_from_others (Vfpool *self, VfpoolLease *claimed, int group, const char *use, GError **error) {
  g_autofree char *reason = g_strdup_printf ("%s after %d s", use, self->config->release_wait);

  if (!claimed->has_saved)
    return vfpool_work_remove (self, claimed, "undone", reason, error);
  if (is_quarantined (claimed)
      || vfpool_guest_life (self->root, claimed->guest_kind, claimed->guest_id) == VFPOOL_GUEST_ALIVE
      || is_held_by_guest (self, claimed, group)) {
    vfpool_work_leave (self, claimed);
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE, "%s was not put back: %s; stop it, then try again",
                 claimed->address, reason);
    return FALSE;
  }
  vfpool_work_quarantine (self, claimed, reason);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE,
               "%s was not put back and is quarantined: %s; stop it, then run `vfpool release --quarantined %s`",
               claimed->address, reason, claimed->address);
  return FALSE;
}

/* Ends the lease that this thread has claimed, unless the VF is still in use. */
static gboolean
put_back (Vfpool *self, VfpoolLease *claimed, const char *event, const char *detail, GError **error) {
  int group;
  g_autofree char *use = wait_until_let_go (self, claimed, &group);

  return use ? keep_from_others (self, claimed, group, use, error)
             : vfpool_work_put_back (self, claimed, event, detail, error);
}

/* ---- The ways to ask for it ---- */

static gboolean
release_wanted (Vfpool *self, const VfpoolWanted *wanted, const char *event, const char *detail, gboolean *is_done,
                GError **error) {
  GError *local = NULL;
  g_autoptr (VfpoolLease) claimed = vfpool_work_take (self, wanted, &local);

  if (local) {
    g_propagate_error (error, local);
    return FALSE;
  }
  *is_done = claimed != NULL;
  return !claimed || put_back (self, claimed, event, detail, error);
}

gboolean
vfpool_release_as (Vfpool *self, const VfpoolLease *lease, const char *event, const char *detail, GError **error) {
  const VfpoolWanted wanted = { lease->address, is_same_lease, lease, TRUE };
  gboolean is_done;

  return release_wanted (self, &wanted, event, detail, &is_done, error);
}

gboolean
vfpool_release_as_read (Vfpool *self, const VfpoolLease *lease, const char *event, const char *detail,
                        gboolean *is_done, GError **error) {
  const VfpoolWanted wanted = { lease->address, vfpool_work_is_as_read, lease, TRUE };

  return release_wanted (self, &wanted, event, detail, is_done, error);
}

gboolean
vfpool_release_quarantined (Vfpool *self, const char *bdf, GError **error) {
  char address[VFPOOL_BDF_SIZE];
  const VfpoolWanted wanted = { address, is_any_quarantined, NULL, FALSE };
  g_autoptr (VfpoolLease) claimed = NULL;
  GError *local = NULL;

  if (!vfpool_address_normalize (bdf, address, error))
    return FALSE;
  claimed = vfpool_work_take (self, &wanted, &local);
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
  return is_quarantined (lease) || vfpool_release_as (self, lease, "released", NULL, error);
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
