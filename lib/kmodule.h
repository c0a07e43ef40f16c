/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel modules, by libkmod. */
#pragma once

#include <glib.h>

/* Loads the module @name and what it needs; one that is there already is no error. VFPOOL_ERROR_KERNEL. */
gboolean vfpool_kmodule_load (const char *name, GError **error);

/**
 * vfpool_kmodule_load_for_alias: loads what serves a device.
 * @modalias: as in the device's sysfs attribute `modalias`
 *
 * Modules that an administrator put on the blacklist are passed over, as are those that do not load.
 *
 * Returns: (transfer full): the names of the modules that serve it and are loaded or built in, in the order of
 * preference, NULL-terminated, for g_strfreev(); empty when there is none.
 */
char **vfpool_kmodule_load_for_alias (const char *modalias);
