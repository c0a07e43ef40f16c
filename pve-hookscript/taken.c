/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PVE is led to the leased VFs (parking.h), but what it takes is its own doing: somebody may have changed its reservation file, a
 * mapping, or the VM's configuration since pre-start. The kernel's word on it is which IOMMU groups the VM's QEMU has open. Where
 * that is not what was leased, the leases follow: what was not taken is given back and parked, what was taken instead is leased as
 * it is. A VF that is leased to somebody else stays so, and both are told of.
 *
 * When QEMU's open files cannot be seen nothing is concluded from that.
 */
#include "taken.h"

#include <stdio.h>
#include <string.h>

#include "parking.h"
#include "qemu.h"
#include "report.h"

typedef struct {
  const PvePaths *paths;
  Vfpool *vfpool;
  const char *vmid;
  GPtrArray *leases; /* of the VM, as they were */
  GPtrArray *taken;  /* BDFs that its QEMU has open */
  GPtrArray *missed; /* of VfpoolLease: it has not */
  GPtrArray *extra;  /* BDFs: it has, without a lease */
} Taken;

static void
taken_clear (Taken *self) {
  g_clear_pointer (&self->leases, g_ptr_array_unref);
  g_clear_pointer (&self->taken, g_ptr_array_unref);
  g_clear_pointer (&self->missed, g_ptr_array_unref);
  g_clear_pointer (&self->extra, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Taken, taken_clear)

static const VfpoolLease *
find_lease (GPtrArray *leases, const char *bdf) {
  for (guint i = 0; i < leases->len; i++)
    if (!strcmp (vfpool_lease_get_address (g_ptr_array_index (leases, i)), bdf))
      return g_ptr_array_index (leases, i);
  return NULL;
}

static void
compare (Taken *self) {
  self->missed = g_ptr_array_new ();
  self->extra = g_ptr_array_new ();
  for (guint i = 0; i < self->leases->len; i++) {
    VfpoolLease *lease = g_ptr_array_index (self->leases, i);

    if (!g_ptr_array_find_with_equal_func (self->taken, vfpool_lease_get_address (lease), g_str_equal, NULL))
      g_ptr_array_add (self->missed, lease);
  }
  for (guint i = 0; i < self->taken->len; i++)
    if (!find_lease (self->leases, g_ptr_array_index (self->taken, i)))
      g_ptr_array_add (self->extra, g_ptr_array_index (self->taken, i));
}

/* Gives back what was not taken; what cannot be given back is no longer in @missed then. */
static void
give_back_missed (Taken *self) {
  g_autoptr (GPtrArray) parked = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;

  for (guint i = self->missed->len; i > 0; i--) {
    const VfpoolLease *lease = g_ptr_array_index (self->missed, i - 1);
    g_autoptr (GError) failure = NULL;

    if (vfpool_release_lease (self->vfpool, lease, &failure)) {
      g_ptr_array_add (parked, (gpointer)vfpool_lease_get_address (lease));
      continue;
    }
    report_error (failure);
    g_ptr_array_remove_index (self->missed, i - 1);
  }
  if (!pve_parking_update (self->paths, parked, NULL, g_ascii_strtoull (self->vmid, NULL, 10), &error))
    report_error (error);
}

static const char *
pool_of_extra (const Taken *self, guint n) {
  return vfpool_pool_of_address (self->vfpool, g_ptr_array_index (self->extra, n));
}

/* The slot for the @n'th VF that was taken without a lease: the one of a VF of its pool that it stands for, if there is one. */
static char *
slot_of_extra (const Taken *self, guint n) {
  const char *pool = pool_of_extra (self, n);
  guint before = 0;

  for (guint i = 0; i < n; i++)
    before += !g_strcmp0 (pool_of_extra (self, i), pool);
  for (guint i = 0; i < self->missed->len; i++)
    if (!g_strcmp0 (vfpool_lease_get_pool (g_ptr_array_index (self->missed, i)), pool) && before-- == 0)
      return g_strdup (vfpool_lease_get_slot (g_ptr_array_index (self->missed, i)));
  return g_strdup_printf ("taken%u", self->leases->len + n);
}

/* What QEMU has open, as a request. */
static VfpoolRequest *
describe (const Taken *self, GError **error) {
  g_autoptr (VfpoolRequest) has = vfpool_request_new (VFPOOL_GUEST_PVE_QEMU, self->vmid, NULL, error);

  for (guint i = 0; has && i < self->leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (self->leases, i);

    if (g_ptr_array_find_with_equal_func (self->taken, vfpool_lease_get_address (lease), g_str_equal, NULL)
        && !vfpool_request_add_address (has, vfpool_lease_get_slot (lease), vfpool_lease_get_address (lease), NULL,
                                        VFPOOL_VLAN_UNSET, error))
      return NULL;
  }
  for (guint i = 0; has && i < self->extra->len; i++) {
    g_autofree char *slot = slot_of_extra (self, i);

    if (!vfpool_request_add_address (has, slot, g_ptr_array_index (self->extra, i), NULL, VFPOOL_VLAN_UNSET, error))
      return NULL;
  }
  return g_steal_pointer (&has);
}

static void
add_word (GString *text, const char *word) {
  g_string_append_printf (text, "%s%s", text->len ? ", " : "", word);
}

static void
print (const Taken *self, GPtrArray *leases_now) {
  g_autoptr (GString) missed = g_string_new (NULL), extra = g_string_new (NULL);

  for (guint i = 0; i < self->missed->len; i++)
    add_word (missed, vfpool_lease_get_address (g_ptr_array_index (self->missed, i)));
  for (guint i = 0; i < self->extra->len; i++)
    if (find_lease (leases_now, g_ptr_array_index (self->extra, i)))
      add_word (extra, g_ptr_array_index (self->extra, i));
  if (extra->len && missed->len)
    printf (
        "vfpool: Proxmox VE took %s in place of %s: leased to the VM as it is, without the MAC and VLAN asked for\n",
        extra->str, missed->str);
  else if (extra->len)
    printf ("vfpool: Proxmox VE took %s, too: leased to the VM as it is, without MAC and VLAN\n", extra->str);
  else if (missed->len)
    printf ("vfpool: Proxmox VE did not take %s: given back\n", missed->str);
}

static gboolean
follow (Taken *self, GError **error) {
  g_autoptr (VfpoolRequest) has = NULL;
  g_autoptr (GPtrArray) now = NULL;

  compare (self);
  if (self->missed->len > 0)
    give_back_missed (self);
  has = describe (self, error);
  if (!has)
    return FALSE;
  /* A VF that is another's is told of as a failure; the rest was done. */
  if (!vfpool_follow (self->vfpool, has, self->leases, TRUE, error))
    report_error (*error);
  g_clear_error (error);
  now = vfpool_guest_leases (self->vfpool, VFPOOL_GUEST_PVE_QEMU, self->vmid, error);
  if (now)
    print (self, now);
  return now != NULL;
}

void
pve_taken_follow (const PvePaths *paths, Vfpool *vfpool, const char *vmid) {
  gint64 pid = pve_qemu_pid (paths, g_ascii_strtoull (vmid, NULL, 10));
  g_auto (Taken) taken = { .paths = paths, .vfpool = vfpool, .vmid = vmid };
  g_autoptr (GError) error = NULL;

  if (!pid)
    return;
  taken.leases = vfpool_guest_leases (vfpool, VFPOOL_GUEST_PVE_QEMU, vmid, &error);
  taken.taken = taken.leases ? vfpool_process_members (vfpool, pid, &error) : NULL;
  if (!taken.taken || (taken.leases->len + taken.taken->len > 0 && !follow (&taken, &error)))
    report_error (error);
}
