/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking a device out of a guest that runs. */
#pragma once

#include "guest.h"

/**
 * removal_wait: asks the guest to let go of a device, and waits until it has.
 * @alias: the device's
 * @seconds: how long
 *
 * A guest that stops meanwhile has let go, too.
 *
 * Returns: FALSE with VFPOOL_ERROR_IN_USE when it has not: the request stands, it may still do so; or any other VFPOOL_ERROR.
 */
gboolean removal_wait (const Guest *guest, const char *alias, int seconds, GError **error);
