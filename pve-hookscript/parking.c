/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PVE chooses a VF itself, from a command line that is already being built when a hookscript could speak; but it passes
 * over each device that its reservation file gives to another VM. So all VFs of a pool are kept reserved for a VM that
 * cannot exist ("parked"), and the ones that vfpool leased are handed to the VM that starts. A VM that asks for the
 * mapping without a lease, because it has no hookscript, finds nothing free.
 *
 * When a VM has stopped, or its start failed, PVE removes its lines, and the VFs stand open until they are parked
 * again.
 */
#include "parking.h"

#include <string.h>

#include "reservation.h"

static gboolean
contains (GPtrArray *addresses, const char *bdf) {
  return addresses && g_ptr_array_find_with_equal_func (addresses, bdf, g_str_equal, NULL);
}

/* Whether a VM other than @vmid holds the device by PVE's word, which one, and how. */
static gboolean
is_anothers (const PvePaths *paths, PveReservations *file, const char *bdf, guint64 vmid, PveReservation *present) {
  return pve_reservations_find (file, bdf, present) && present->vmid != vmid && present->vmid != PVE_PARKED_VMID
         && pve_reservation_is_valid (paths, present);
}

/* Whether the device is to be left to who has it by PVE's word: to another VM, or to @vmid when that runs with it. */
static gboolean
is_kept (const PvePaths *paths, PveReservations *file, const char *bdf, guint64 vmid) {
  PveReservation present;

  return is_anothers (paths, file, bdf, vmid, &present)
         || (pve_reservations_find (file, bdf, &present) && present.vmid == vmid && present.is_pid
             && pve_reservation_is_valid (paths, &present));
}

static gboolean
hand_over (const PvePaths *paths, PveReservations *file, const char *bdf, guint64 vmid, GError **error) {
  guint64 now = (guint64)(g_get_real_time () / G_USEC_PER_SEC);
  PveReservation present;

  if (is_anothers (paths, file, bdf, vmid, &present)) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE,
                 "%s is leased to VM %" G_GUINT64_FORMAT ", but Proxmox VE has reserved it for VM %" G_GUINT64_FORMAT
                 ", which %s: give VM %" G_GUINT64_FORMAT " the vfpool hookscript and start it again, or stop it",
                 bdf, vmid, present.vmid, present.is_pid ? "runs" : "is being started", present.vmid);
    return FALSE;
  }
  if (!is_kept (paths, file, bdf, vmid)) /* it does not run yet: PVE's own line would be better than ours */
    pve_reservations_set (file, bdf, vmid, now + PVE_START_SECONDS);
  return TRUE;
}

gboolean
pve_parking_update (const PvePaths *paths, GPtrArray *vfs, GPtrArray *leased, guint64 vmid, GError **error) {
  g_autoptr (PveReservations) file = pve_reservations_open (paths, error);

  if (!file)
    return FALSE;
  for (guint i = 0; i < vfs->len; i++) {
    const char *bdf = g_ptr_array_index (vfs, i);

    if (contains (leased, bdf)) {
      if (!hand_over (paths, file, bdf, vmid, error))
        return FALSE;
    } else if (!is_kept (paths, file, bdf, vmid)) {
      pve_reservations_set (file, bdf, PVE_PARKED_VMID, PVE_PARKED_UNTIL);
    }
  }
  return pve_reservations_write (file, error);
}

/* ---- For who comes after ---- */

/* Whether the line of @bdf has to become a parking line: it is none yet, and no VM holds the device by it. */
static gboolean
stands_open (const PvePaths *paths, const PveReservations *file, const char *bdf, GHashTable *stale) {
  const PveReservation *ended = g_hash_table_lookup (stale, bdf);
  PveReservation present;

  if (!pve_reservations_find (file, bdf, &present))
    return TRUE;
  if (present.vmid == PVE_PARKED_VMID)
    return present.is_pid || present.value != PVE_PARKED_UNTIL;
  return (ended && pve_reservation_is_same (ended, &present)) || !pve_reservation_is_valid (paths, &present);
}

static gboolean
any_stands_open (const PvePaths *paths, const PveReservations *file, GPtrArray *vfs, GHashTable *stale) {
  for (guint i = 0; i < vfs->len; i++)
    if (stands_open (paths, file, g_ptr_array_index (vfs, i), stale))
      return TRUE;
  return FALSE;
}

gboolean
pve_parking_restore (const PvePaths *paths, GPtrArray *vfs, GHashTable *stale, GError **error) {
  g_autoptr (PveReservations) seen = pve_reservations_look (paths, error), file = NULL;

  if (!seen)
    return FALSE;
  if (!any_stands_open (paths, seen, vfs, stale))
    return TRUE;
  file = pve_reservations_open (paths, error);
  for (guint i = 0; file && i < vfs->len; i++)
    if (stands_open (paths, file, g_ptr_array_index (vfs, i), stale))
      pve_reservations_set (file, g_ptr_array_index (vfs, i), PVE_PARKED_VMID, PVE_PARKED_UNTIL);
  return file && pve_reservations_write (file, error);
}
