/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proxmox VE's record of which VM has which PCI device: /run/qemu-server/pci-id-reservations. */
#pragma once

#include "paths.h"

/* What a line says: the device is VMID's until a time (seconds since 1970), or as long as its QEMU has this PID. */
typedef struct {
  guint64 vmid;
  gboolean is_pid;
  guint64 value;
} PveReservation;

/* The file, read and locked against PVE and all others until it is closed. */
typedef struct _PveReservations PveReservations;

/**
 * pve_reservations_open:
 *
 * Takes PVE's lock, waiting at most 10 seconds, and reads the file; one that does not exist is empty.
 *
 * Returns: (transfer full): for pve_reservations_close(), or NULL: VFPOOL_ERROR_BUSY, _DENIED, _KERNEL, _BAD_INPUT.
 */
PveReservations *pve_reservations_open (const PvePaths *paths, GError **error);

/**
 * pve_reservations_look: the same without the lock, to be read only. The file is replaced as a whole, so what is read held at
 * one moment.
 */
PveReservations *pve_reservations_look (const PvePaths *paths, GError **error);

/* Gives the lock back; what was not written is forgotten. */
void pve_reservations_close (PveReservations *self);

/* What is reserved for the device at @bdf, as PVE sees it (the last line counts); FALSE when nothing is. */
gboolean pve_reservations_find (const PveReservations *self, const char *bdf, PveReservation *reservation);

/* Whether @reservation holds at the moment: its time has not come, or its QEMU runs. */
gboolean pve_reservation_is_valid (const PvePaths *paths, const PveReservation *reservation);

gboolean pve_reservation_is_same (const PveReservation *a, const PveReservation *b);

/* Reserves the device at @bdf for @vmid until @until, in place of whatever was reserved for it. */
void pve_reservations_set (PveReservations *self, const char *bdf, guint64 vmid, guint64 until);

/**
 * pve_reservations_write: replaces the file, if anything changed, and reads it back.
 *
 * Returns: FALSE with VFPOOL_ERROR_KERNEL or _DENIED.
 */
gboolean pve_reservations_write (PveReservations *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PveReservations, pve_reservations_close)
