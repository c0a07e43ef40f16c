/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making VFs, and parking the free ones. Changing `sriov_numvfs` destroys the VFs that are there; while a guest holds
 * one, the kernel would even block in that write, unkillable, with the PF's lock held, until the guest lets go. So
 * before the write all VFs of the PF are leased to this very operation: nobody can take one meanwhile, and one that is
 * taken already stops it. The lock is not held meanwhile, the leases are enough; if this process dies, the next `up`, or
 * reconcile, ends them.
 *
 * `sriov_drivers_autoprobe` is set to 0 first: it spares the probe of the host's driver for each VF, whose network
 * interfaces would come and go again.
 */
#include "choice.h"
#include "device.h"
#include "holder.h"
#include "members.h"
#include "sysfs.h"
#include "work.h"

#include <string.h>

#define UP_GUEST "vfpool-up"

typedef struct {
  Vfpool *self;
  VfpoolHost *host;
  GPtrArray *leases; /* of VfpoolLease: what this operation holds */
} Up;

static VfpoolLease *
make_lease (Up *up, const VfpoolFunction *function) {
  VfpoolLease *lease = vfpool_lease_new ();
  const char *pool = vfpool_host_pool_of (up->self->config, function);
  g_autofree char *slot = g_strdelimit (g_strdup (function->address), ":.", '-');

  lease->address = g_strdup (function->address);
  lease->guest_kind = VFPOOL_GUEST_MANUAL;
  lease->guest_id = g_strdup (UP_GUEST);
  lease->slot = g_steal_pointer (&slot);
  lease->pool = g_strdup (pool ? pool : "none");
  lease->boot_id = g_strdup (up->self->boot_id);
  vfpool_work_stamp (lease);
  lease->state = VFPOOL_LEASE_RESERVED;
  vfpool_work_claim (up->self, lease);
  return lease;
}

static gboolean
fail_held (const VfpoolLease *other, GError **error) {
  g_autofree char *guest = vfpool_guest_describe (other->guest_kind, other->guest_id, other->guest_name);

  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE, "%s is %s for %s; release it first", other->address,
               vfpool_lease_state_to_string (other->state), guest);
  return FALSE;
}

typedef struct {
  Up *up;
  GPtrArray *functions;
  gboolean skip_leased;
} Hold;

static gboolean
hold_now (VfpoolLedger *ledger, gpointer data, GError **error) {
  const Hold *h = data;

  g_ptr_array_set_size (h->up->leases, 0);
  for (guint i = 0; i < h->functions->len; i++) {
    const VfpoolFunction *f = g_ptr_array_index (h->functions, i);
    g_autoptr (VfpoolLease) other = NULL;
    VfpoolLease *lease;

    if (!vfpool_ledger_find (ledger, f->address, &other, error))
      return FALSE;
    if (other && h->skip_leased)
      continue;
    if (other)
      return fail_held (other, error);
    lease = make_lease (h->up, f);
    g_ptr_array_add (h->up->leases, lease);
    if (!vfpool_ledger_add (ledger, lease, error))
      return FALSE;
  }
  return TRUE;
}

/* Leases @functions to this operation, all or none. @skip_leased: those that somebody holds are left out, else they are
 * an error that names the holder. */
static gboolean
hold (Up *up, GPtrArray *functions, gboolean skip_leased, GError **error) {
  gboolean ok = vfpool_handle_change (up->self, hold_now, &(Hold){ up, functions, skip_leased }, error);

  if (!ok)
    g_ptr_array_set_size (up->leases, 0);
  return ok;
}

static gboolean
remove_held (VfpoolLedger *ledger, gpointer data, GError **error) {
  const Up *up = data;

  for (guint i = 0; i < up->leases->len; i++)
    if (!vfpool_ledger_remove (ledger, g_ptr_array_index (up->leases, i), error))
      return FALSE;
  return TRUE;
}

/* Ends what hold() began. These leases are no part of any guest's history, so none is written. */
static gboolean
let_go (Up *up, GError **error) {
  gboolean ok = up->leases->len == 0 || vfpool_handle_change (up->self, remove_held, up, error);

  g_ptr_array_set_size (up->leases, 0);
  return ok;
}

/* Whether the kernel agrees that nobody uses @vfs, which this operation holds. */
static gboolean
check_unused (Up *up, GPtrArray *vfs, GError **error) {
  for (guint i = 0; i < vfs->len; i++) {
    VfpoolFunction *vf = g_ptr_array_index (vfs, i);

    vfpool_host_load_use (up->host, vf);
    if (vf->host_use) {
      g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE, "%s is used by the host: %s", vf->address, vf->host_use);
      return FALSE;
    }
    if (vfpool_holder_group_is_open (up->self->root, vf->iommu_group)) {
      g_autofree char *who = vfpool_holder_find (up->self->root, vf->iommu_group);
      g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE, "%s is in use: IOMMU group %d is held open by %s",
                   vf->address, vf->iommu_group, who);
      return FALSE;
    }
  }
  return TRUE;
}

/* ---- The number of VFs ---- */

static gboolean
write_numvfs (const char *root, const char *pf, int numvfs, GError **error) {
  g_autofree char *text = g_strdup_printf ("%d", numvfs);
  gint64 now;

  if (!vfpool_sysfs_write (root, text, error, "/sys/bus/pci/devices/%s/sriov_numvfs", pf))
    return FALSE;
  now = vfpool_sysfs_read_int (root, -1, "/sys/bus/pci/devices/%s/sriov_numvfs", pf);
  if (now == numvfs)
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "%s was told to have %d VFs, but has %" G_GINT64_FORMAT, pf,
               numvfs, now);
  return FALSE;
}

/* What operators meet most when the kernel refuses; it says why only in its log. */
static void
add_advice (GError **error) {
  if (error && *error && strstr ((*error)->message, "Cannot allocate memory"))
    g_prefix_error (error,
                    "no room for the VFs on the PCI bus: switch on SR-IOV and 'Above 4G decoding' in the firmware, "
                    "or boot with pci=realloc or pci=assign-busses; ");
}

static gboolean
change_numvfs (Up *up, const VfpoolFunction *pf, int wanted, GError **error) {
  const char *root = up->self->root;
  gboolean ok;

  /* Not every kernel has the attribute for every PF; without it the VFs just get probed. */
  if (vfpool_sysfs_exists (root, "/sys/bus/pci/devices/%s/sriov_drivers_autoprobe", pf->address)
      && !vfpool_sysfs_write (root, "0", error, "/sys/bus/pci/devices/%s/sriov_drivers_autoprobe", pf->address))
    return FALSE;
  /* The kernel only goes from some to none and from none to some. */
  ok = (pf->numvfs == 0 || write_numvfs (root, pf->address, 0, error))
       && (wanted == 0 || write_numvfs (root, pf->address, wanted, error));
  if (!ok)
    add_advice (error);
  return ok;
}

/* A PF that was handed out as a whole, by a pool that it has been taken out of since. Nobody can lease it any more. */
static gboolean
check_not_leased (Up *up, const char *pf, GError **error) {
  VfpoolLedger *ledger = vfpool_handle_ledger (up->self, error);
  g_autoptr (VfpoolLease) lease = NULL;

  if (!ledger || !vfpool_ledger_find (ledger, pf, &lease, error))
    return FALSE;
  return !lease || fail_held (lease, error);
}

static gboolean
make_vfs (Up *up, const VfpoolPfConfig *config, GError **error) {
  VfpoolFunction *pf = vfpool_host_function (up->host, config->address);
  g_autoptr (GPtrArray) vfs = NULL;
  g_autoptr (GError) local = NULL;
  gboolean ok;

  if (!vfpool_host_check_pf (up->host, up->self->config, config, error))
    return FALSE;
  if (config->numvfs < 0 || config->numvfs == pf->numvfs)
    return TRUE;
  vfs = vfpool_host_vfs_of (up->host, pf->address);
  ok = check_not_leased (up, pf->address, &local) && hold (up, vfs, FALSE, &local) && check_unused (up, vfs, &local)
       && change_numvfs (up, pf, config->numvfs, &local);
  if (!let_go (up, ok ? &local : NULL))
    ok = FALSE;
  if (!ok)
    g_propagate_prefixed_error (error, g_steal_pointer (&local), "cannot give %s %d VFs (it has %d): ", config->address,
                                config->numvfs, pf->numvfs);
  else
    vfpool_handle_say (up->self, VFPOOL_MESSAGE_INFO, "%s has %d VFs", config->address, config->numvfs);
  return ok;
}

/* ---- Parking ---- */

static gboolean
park_one (Up *up, const VfpoolLease *lease, GError **error) {
  VfpoolFunction *f = vfpool_host_function (up->host, lease->address);

  if (vfpool_holder_group_is_open (up->self->root, f->iommu_group)) {
    vfpool_handle_say (up->self, VFPOOL_MESSAGE_WARNING,
                       "%s is not parked: its IOMMU group %d is held open by somebody that vfpool did not lease it to",
                       f->address, f->iommu_group);
    return TRUE;
  }
  return vfpool_device_park (up->self->root, f->address, vfpool_config_park_of (up->self->config, f->pf), error);
}

static gboolean
is_leased (GPtrArray *leases, const VfpoolFunction *f) {
  for (guint i = 0; i < leases->len; i++)
    if (strcmp (((const VfpoolLease *)g_ptr_array_index (leases, i))->address, f->address) == 0)
      return TRUE;
  return FALSE;
}

/* Adds the members of @pool that wait on another driver than they should, and that neither a guest has (on whatever driver its
 * lease says) nor the host uses. */
static void
find_unparked (Up *up, const VfpoolPool *pool, GPtrArray *leases, GPtrArray *found) {
  g_autoptr (GPtrArray) members = vfpool_host_members (up->host, pool);

  for (guint i = 0; i < members->len; i++) {
    VfpoolFunction *f = g_ptr_array_index (members, i);
    if (is_leased (leases, f))
      continue;
    if (vfpool_device_is_parked (up->self->root, f->address, vfpool_config_park_of (up->self->config, f->pf)))
      continue;
    vfpool_host_load_use (up->host, f);
    if (f->host_use)
      vfpool_handle_say (up->self, VFPOOL_MESSAGE_WARNING, "%s is not parked: it is used by the host: %s", f->address,
                         f->host_use);
    else if (!g_ptr_array_find (found, f, NULL))
      g_ptr_array_add (found, f);
  }
}

/* Keeps the first error for the return value and tells the others. */
static void
keep_error (Up *up, GError **first, GError *error) {
  if (!*first) {
    *first = error;
    return;
  }
  vfpool_handle_say (up->self, VFPOOL_MESSAGE_WARNING, "%s", error->message);
  g_error_free (error);
}

static void
park_free (Up *up, GError **first) {
  g_autoptr (GPtrArray) found = g_ptr_array_new ();
  GError *error = NULL;
  g_autoptr (GPtrArray) leases = vfpool_leases (up->self, &error);

  for (guint i = 0; leases && i < up->self->config->pools->len; i++)
    find_unparked (up, g_ptr_array_index (up->self->config->pools, i), leases, found);
  if (!leases || !hold (up, found, TRUE, &error)) {
    keep_error (up, first, error);
    return;
  }
  for (guint i = 0; i < up->leases->len; i++)
    if (!park_one (up, g_ptr_array_index (up->leases, i), &error))
      keep_error (up, first, g_steal_pointer (&error));
  if (!let_go (up, &error))
    keep_error (up, first, error);
}

gboolean
vfpool_up (Vfpool *self, GError **error) {
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  g_autoptr (GPtrArray) leases = g_ptr_array_new_with_free_func ((GDestroyNotify)vfpool_lease_unref);
  Up up = { self, host, leases };
  GError *first = NULL;

  /* What an `up` that was killed left; one that lives is waited for. */
  if (!vfpool_release (self, VFPOOL_GUEST_MANUAL, UP_GUEST, error))
    return FALSE;
  for (guint i = 0; i < self->config->pfs->len; i++) {
    GError *local = NULL;
    if (!make_vfs (&up, g_ptr_array_index (self->config->pfs, i), &local))
      keep_error (&up, &first, local);
  }
  /* The VFs are new: the snapshot from before knows nothing of them. */
  up.host = vfpool_host_new (self->root);
  park_free (&up, &first);
  vfpool_host_free (up.host);
  vfpool_members_compare (self, TRUE, first ? NULL : &first);
  if (first)
    g_propagate_error (error, first);
  return first == NULL;
}
