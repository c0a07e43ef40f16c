/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function can be plugged in and pulled out while a guest runs, and no hook is run then. Here the leases of a guest are brought
 * after what it has, by its live configuration and by what the kernel says that its process has open:
 *
 *   the device is         its lease is                         what is done
 *   in the configuration  nobody's, the guest has it open      adopted; but not what the guest was started with, or whose lease has
 *                                                              ended meanwhile (below)
 *                         nobody's, closed or another's        left alone: not opened yet, or foreign
 *                         the guest's, active                  noted as attached; what was wrong with it is so no more
 *                         another's or quarantined, the guest  left alone, and told: it never changes hands here
 *                         has it open
 *                         another's or quarantined, else       left alone: the hypervisor will not get it
 *   not in it             active, by address                   released: it was there from the guest's start
 *                         active, by pool, attached before     released
 *                         active, by pool, never attached      left alone: it may be about to be plugged in, or could not be
 *   either                reserved, releasing, quarantined     left alone: somebody works on it, or reconcile settles it
 *
 * Released means as always: a VF that is open still is waited for, and then left to the guest, which lives. That a device is
 * gone but its IOMMU group is open is nothing to wait for where the guest has another device of the group: then the lease ends
 * together with that one's.
 *
 * What a libvirt guest has from its start was leased by the hook, or the hook never saw it (it was not there, or the guest has the
 * VF by a libvirt network of host devices): then it is foreign, and stays so; only what came later is adopted, so that it does
 * not matter whether it is seen at once or when the agent comes back. Where the hypervisor itself chooses, what it chose is
 * adopted, too (@with_first).
 *
 * The leases are read first, then the configuration, and what is released is the lease as it was read: so a guest that was
 * started anew in between keeps what its hook has just acquired. Somebody else (`vfpool detach`) may release at the same time: what
 * had a lease at first and has none in the end is not adopted, since the guest has let go of it since it was looked at.
 */
#include "address.h"
#include "adopt.h"
#include "guest.h"
#include "holder.h"
#include "release.h"
#include "request.h"
#include "work.h"

#include <string.h>

typedef struct {
  Vfpool *self;
  const VfpoolRequest *has;
  const GPtrArray *before;
  gboolean with_first;
  VfpoolHost *host;
  GHashTable *holders; /* IOMMU group -> PID; NULL: not looked for yet */
  GError *first;       /* of the failures */
} Follow;

static void
note_failure (Follow *f, GError *failure) {
  if (f->first) {
    vfpool_handle_say (f->self, VFPOOL_MESSAGE_WARNING, "%s", failure->message);
    g_error_free (failure);
  } else {
    f->first = failure;
  }
}

/* ---- Which device ---- */

static const VfpoolSlot *
find_device (const Follow *f, const char *address) {
  for (guint i = 0; i < f->has->slots->len; i++) {
    const VfpoolSlot *slot = g_ptr_array_index (f->has->slots, i);
    if (g_strcmp0 (slot->address, address) == 0)
      return slot;
  }
  return NULL;
}

/* Whether the guest has a device of the IOMMU group @group. */
static gboolean
has_of_group (const Follow *f, int group) {
  for (guint i = 0; i < f->has->slots->len; i++) {
    const VfpoolSlot *slot = g_ptr_array_index (f->has->slots, i);
    const VfpoolFunction *function = slot->address ? vfpool_host_function (f->host, slot->address) : NULL;
    if (function && function->iommu_group == group)
      return TRUE;
  }
  return FALSE;
}

/* Who has @function open, or 0: nobody. Looking through /proc costs something, and mostly there is nothing to look for. */
static int
find_holder (Follow *f, const VfpoolFunction *function) {
  if (function->iommu_group < 0)
    return 0;
  if (!f->holders)
    f->holders = vfpool_holder_scan (f->self->root);
  return GPOINTER_TO_INT (g_hash_table_lookup (f->holders, GINT_TO_POINTER (function->iommu_group)));
}

/* The process of the guest that has @function open; 0: it has not. */
static int
find_process (Follow *f, const VfpoolFunction *function) {
  int pid = find_holder (f, function);

  return pid && vfpool_guest_has_process (f->self->root, f->has->kind, f->has->id, pid) ? pid : 0;
}

/* ---- What is not there any more ---- */

static gboolean
was_pulled_out (const Follow *f, const VfpoolLease *lease) {
  const VfpoolFunction *function = vfpool_host_function (f->host, lease->address);

  if (lease->state != VFPOOL_LEASE_ACTIVE || vfpool_work_is_busy (f->self, lease) || find_device (f, lease->address)
      || (lease->by_pool && !lease->is_attached))
    return FALSE;
  return !function || function->iommu_group < 0 || !has_of_group (f, function->iommu_group);
}

static void
release_if_gone (Follow *f, const VfpoolLease *lease) {
  GError *local = NULL;
  gboolean is_done;

  if (was_pulled_out (f, lease)
      && !vfpool_release_as_read (f->self, lease, "released", "it was unplugged while the guest ran", &is_done, &local))
    note_failure (f, local);
}

/* ---- What is there ---- */

typedef struct {
  VfpoolLease *adopted; /* to be added; NULL: the guest does not have it open, or only from its start */
  const char *address;
  const VfpoolRequest *guest;
  gboolean is_open; /* by the guest */
} Device;

static gboolean
is_of_guest (const VfpoolLease *lease, const VfpoolRequest *guest) {
  return lease->guest_kind == guest->kind && strcmp (lease->guest_id, guest->id) == 0;
}

static gboolean
note_attached (VfpoolLedger *ledger, VfpoolLease *lease, GError **error) {
  if (lease->state != VFPOOL_LEASE_ACTIVE || (lease->is_attached && !lease->reason))
    return TRUE;
  lease->is_attached = TRUE;
  g_clear_pointer (&lease->reason, g_free);
  return vfpool_ledger_update (ledger, lease, FALSE, error);
}

static gboolean
fail_conflict (const VfpoolLease *lease, const VfpoolRequest *guest, GError **error) {
  g_autofree char *holder = vfpool_guest_describe (lease->guest_kind, lease->guest_id, lease->guest_name);
  g_autofree char *other = vfpool_guest_describe (guest->kind, guest->id, guest->name);

  g_set_error (
      error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE,
      "%s has %s open, which %s %s: the lease is left as it is; unplug it from the guest that shall not have it", other,
      lease->address, lease->state == VFPOOL_LEASE_QUARANTINED ? "is quarantined since it was that of" : "is leased to",
      holder);
  return FALSE;
}

static gboolean
settle_device (VfpoolLedger *ledger, gpointer data, GError **error) {
  const Device *device = data;
  g_autoptr (VfpoolLease) lease = NULL;

  if (!vfpool_ledger_find (ledger, device->address, &lease, error))
    return FALSE;
  if (!lease)
    return !device->adopted
           || (vfpool_ledger_add (ledger, device->adopted, error)
               && vfpool_ledger_note (ledger, device->adopted, "adopted", "it was plugged in while the guest ran",
                                      error));
  if (is_of_guest (lease, device->guest) && lease->state != VFPOOL_LEASE_QUARANTINED)
    return note_attached (ledger, lease, error);
  return !device->is_open || fail_conflict (lease, device->guest, error);
}

/* The lease that the guest had of the device at @address; NULL: none. */
static const VfpoolLease *
find_before (const Follow *f, const char *address) {
  for (guint i = 0; i < f->before->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (f->before, i);
    if (strcmp (lease->address, address) == 0)
      return lease;
  }
  return NULL;
}

/* Whether there is nothing to write about the device at @address. */
static gboolean
is_known (const Follow *f, const char *address) {
  const VfpoolLease *lease = find_before (f, address);

  return lease && lease->is_attached && !lease->reason;
}

static void
follow_device (Follow *f, const VfpoolSlot *slot) {
  const VfpoolFunction *function = vfpool_host_function (f->host, slot->address);
  const char *pool = function ? vfpool_host_pool_of (f->self->config, function) : NULL;
  int pid = pool ? find_process (f, function) : 0;
  gboolean is_new = pid && !find_before (f, slot->address)
                    && (f->with_first || !vfpool_guest_started_with (f->self->root, pid, slot->address));
  g_autoptr (VfpoolLease) adopted = is_new ? vfpool_adopt (f->self, function, pool, pid, slot->name) : NULL;
  Device device = { adopted, slot->address, f->has, pid != 0 };
  GError *local = NULL;

  if (pool && !vfpool_handle_change (f->self, settle_device, &device, &local))
    note_failure (f, local);
}

gboolean
vfpool_follow (Vfpool *self, const VfpoolRequest *has, const GPtrArray *before, gboolean with_first, GError **error) {
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  Follow f = { self, has, before, with_first, host, NULL, NULL };

  for (guint i = 0; i < before->len; i++)
    release_if_gone (&f, g_ptr_array_index (before, i));
  for (guint i = 0; i < has->slots->len; i++) {
    const VfpoolSlot *slot = g_ptr_array_index (has->slots, i);
    if (slot->address && !is_known (&f, slot->address))
      follow_device (&f, slot);
  }
  g_clear_pointer (&f.holders, g_hash_table_unref);
  if (f.first)
    g_propagate_error (error, f.first);
  return !f.first;
}

/* ---- What is wrong with a lease ---- */

typedef struct {
  const VfpoolLease *read;
  const char *problem;
} Problem;

static gboolean
write_problem (VfpoolLedger *ledger, gpointer data, GError **error) {
  const Problem *p = data;
  g_autoptr (VfpoolLease) lease = NULL;

  if (!vfpool_ledger_find (ledger, p->read->address, &lease, error))
    return FALSE;
  if (!lease || lease->serial != p->read->serial || lease->state != VFPOOL_LEASE_ACTIVE
      || g_strcmp0 (lease->reason, p->problem) == 0)
    return TRUE;
  g_free (lease->reason);
  lease->reason = g_strdup (p->problem);
  return vfpool_ledger_update (ledger, lease, FALSE, error);
}

gboolean
vfpool_set_problem (Vfpool *self, const VfpoolLease *lease, const char *problem, GError **error) {
  return vfpool_handle_change (self, write_problem, &(Problem){ lease, problem }, error);
}
