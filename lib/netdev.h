/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network interface that a function has while it is on the kernel's own driver: for guests that are containers. */
#pragma once

#include "private.h"

/* Whether the function at @bdf has a network interface that is in another network namespace than this one: a container has it. */
gboolean vfpool_netdev_is_away (const char *root, const char *bdf);

/* Whether it has one here, with the address @mac (nullable: any). */
gboolean vfpool_netdev_is_here (const char *root, const char *bdf, const char *mac);

/**
 * vfpool_netdev_wait: waits for the interface of a function that was just put on the kernel's own driver, and until udev has
 * given it its name, so that it can be spoken of by name.
 * @mac: (nullable): the address that it must have
 *
 * Returns: FALSE with VFPOOL_ERROR_KERNEL when none comes, or one with another address.
 */
gboolean vfpool_netdev_wait (const char *root, const char *bdf, const char *mac, GError **error);
