/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lease as an object: what a caller may read of it. What happens to leases is in acquire.c, release.c and reconcile.c. */
#include "private.h"

void
vfpool_vfnet_unset (VfpoolVfnet *self) {
  *self = (VfpoolVfnet){ .vlan = VFPOOL_VLAN_UNSET, .trust = -1, .spoof_check = -1, .max_rate = -1, .link_state = -1 };
}

VfpoolLease *
vfpool_lease_new (void) {
  VfpoolLease *self = g_new0 (VfpoolLease, 1);

  g_atomic_ref_count_init (&self->refs);
  self->vlan = VFPOOL_VLAN_UNSET;
  vfpool_vfnet_unset (&self->saved);
  return self;
}

VfpoolLease *
vfpool_lease_ref (VfpoolLease *self) {
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
vfpool_lease_unref (VfpoolLease *self) {
  if (!self || !g_atomic_ref_count_dec (&self->refs))
    return;
  g_free (self->address);
  g_free (self->guest_id);
  g_free (self->guest_name);
  g_free (self->slot);
  g_free (self->pool);
  g_free (self->mac);
  g_free (self->boot_id);
  g_free (self->reason);
  g_free (self);
}

const char *
vfpool_lease_state_to_string (VfpoolLeaseState s) {
  static const char *const names[] = { "reserved", "active", "releasing", "quarantined" };

  return (guint)s < G_N_ELEMENTS (names) ? names[s] : "unknown";
}

const char *
vfpool_driver_to_string (VfpoolDriver driver) {
  return driver == VFPOOL_DRIVER_HOST ? "host" : "vfio";
}

gboolean
vfpool_driver_from_string (const char *text, VfpoolDriver *driver) {
  for (int d = VFPOOL_DRIVER_VFIO; d <= VFPOOL_DRIVER_HOST; d++) {
    if (g_strcmp0 (text, vfpool_driver_to_string ((VfpoolDriver)d)) != 0)
      continue;
    *driver = (VfpoolDriver)d;
    return TRUE;
  }
  return FALSE;
}

VfpoolGuestKind
vfpool_lease_get_guest_kind (const VfpoolLease *self) {
  return self->guest_kind;
}

const char *
vfpool_lease_get_guest_id (const VfpoolLease *self) {
  return self->guest_id;
}

const char *
vfpool_lease_get_guest_name (const VfpoolLease *self) {
  return self->guest_name;
}

const char *
vfpool_lease_get_slot (const VfpoolLease *self) {
  return self->slot;
}

const char *
vfpool_lease_get_address (const VfpoolLease *self) {
  return self->address;
}

const char *
vfpool_lease_get_pool (const VfpoolLease *self) {
  return self->pool;
}

VfpoolLeaseState
vfpool_lease_get_state (const VfpoolLease *self) {
  return self->state;
}

const char *
vfpool_lease_get_mac (const VfpoolLease *self) {
  return self->mac;
}

int
vfpool_lease_get_vlan (const VfpoolLease *self) {
  return self->vlan;
}

VfpoolDriver
vfpool_lease_get_driver (const VfpoolLease *self) {
  return self->driver;
}

gint64
vfpool_lease_get_since (const VfpoolLease *self) {
  return self->since;
}

gboolean
vfpool_lease_is_by_pool (const VfpoolLease *self) {
  return self->by_pool;
}

gboolean
vfpool_lease_is_attached (const VfpoolLease *self) {
  return self->is_attached;
}

const char *
vfpool_lease_get_reason (const VfpoolLease *self) {
  return self->reason;
}
