/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The three ways of having a VF, asked in turn. What a container's end leaves takes a moment, like a hypervisor's: the kernel
 * takes a network namespace down in the background.
 */
#include "inuse.h"
#include "guest.h"
#include "holder.h"
#include "netdev.h"

#define STEP_US (20 * 1000)

/* An interface that somebody moved although the lease is not for the kernel's driver is the host's affair (hostuse.c). */
static gboolean
is_away (const char *root, const VfpoolLease *lease) {
  return lease->driver == VFPOOL_DRIVER_HOST && vfpool_netdev_is_away (root, lease->address);
}

/* A quarantined VF is its guest's no more: the container runs without it. */
static gboolean
is_running_container (const char *root, const VfpoolLease *lease) {
  return lease->guest_kind == VFPOOL_GUEST_PVE_LXC && lease->state != VFPOOL_LEASE_QUARANTINED
         && vfpool_guest_life (root, lease->guest_kind, lease->guest_id) == VFPOOL_GUEST_ALIVE;
}

gboolean
vfpool_in_use_is_seen (const char *root, const VfpoolLease *lease, const VfpoolFunction *function) {
  g_autoptr (GHashTable) holders = NULL;

  if (is_away (root, lease) || is_running_container (root, lease))
    return TRUE;
  if (function->iommu_group < 0)
    return FALSE;
  holders = vfpool_holder_scan (root);
  return g_hash_table_contains (holders, GINT_TO_POINTER (function->iommu_group));
}

/* NULL: nobody has it. */
static char *
find_use (const char *root, const VfpoolLease *lease, int group) {
  g_autofree char *who = NULL;

  if (is_away (root, lease))
    return g_strdup ("its network interface was still in another network namespace");
  if (is_running_container (root, lease))
    return g_strdup ("the container was still running");
  if (!vfpool_holder_group_is_open (root, group))
    return NULL;
  who = vfpool_holder_find (root, group);
  return g_strdup_printf ("IOMMU group %d was still held open by %s", group, who);
}

static gboolean
is_let_go (const char *root, const VfpoolLease *lease, int group) {
  return !is_away (root, lease) && !is_running_container (root, lease) && !vfpool_holder_group_is_open (root, group);
}

char *
vfpool_in_use_wait (const char *root, const VfpoolLease *lease, int group, int seconds) {
  for (gint64 waited = 0; !is_let_go (root, lease, group); waited += STEP_US) {
    if (waited >= seconds * G_USEC_PER_SEC)
      return find_use (root, lease, group);
    g_usleep (STEP_US);
  }
  return NULL;
}
