/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver of a PCI function: bound by `driver_override`, which names one driver for one device and so touches no other
 * (`new_id` would claim every device of that ID); and its reset. Each step is read back; "done" means the kernel shows it. All of this
 * is slow and belongs outside the ledger's lock.
 */
#pragma once

#include "private.h"

/**
 * vfpool_device_bind_vfio: puts the function at @bdf on vfio-pci.
 *
 * A function that is on vfio-pci or a vfio variant driver already is left as it is. The module is loaded when it is
 * missing.
 *
 * Returns: FALSE with VFPOOL_ERROR_KERNEL, VFPOOL_ERROR_DENIED or VFPOOL_ERROR_NOT_FOUND (no such function).
 */
gboolean vfpool_device_bind_vfio (const char *root, const char *bdf, GError **error);

/**
 * vfpool_device_park: puts the function at @bdf on the driver on which a free one waits.
 *
 * With VFPOOL_PARK_HOST a function that no driver of this kernel wants ends without one; that is no error.
 *
 * Returns: FALSE as vfpool_device_bind_vfio().
 */
gboolean vfpool_device_park (const char *root, const char *bdf, VfpoolPark park, GError **error);

/**
 * vfpool_device_reset: a function level reset, where the function offers one: nothing of one guest must be left in it for the
 * next. One that a host's driver works with is left alone.
 *
 * Returns: FALSE with VFPOOL_ERROR_KERNEL or VFPOOL_ERROR_NOT_FOUND.
 */
gboolean vfpool_device_reset (const char *root, const char *bdf, GError **error);

/* Whether the function at @bdf is on the driver that @park asks for (for VFPOOL_PARK_HOST: on any but vfio). */
gboolean vfpool_device_is_parked (const char *root, const char *bdf, VfpoolPark park);
