/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the groups and keys of one file to VfpoolConfig. Used by the configuration only. */
#pragma once

#include "config.h"
#include "config-file.h"

/**
 * vfpool_config_add_file: adds all that @file says to @self.
 * @vfpool_keys: (element-type utf8 utf8): the keys of [vfpool] seen so far and where ("FILE:LINE"), kept over all
 * files; it frees both
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_CONFIG.
 */
gboolean vfpool_config_add_file (VfpoolConfig *self, const VfpoolConfigFile *file, GHashTable *vfpool_keys,
                                 GError **error);

/* A member as written, or NULL with VFPOOL_ERROR_BAD_CONFIG; the message has neither file nor line yet. */
VfpoolMember *vfpool_member_parse (const char *text, GError **error);
void vfpool_member_free (gpointer member);

/* A reservation as written; likewise. */
VfpoolReservation *vfpool_reservation_parse (const char *text, GError **error);
void vfpool_reservation_free (gpointer reservation);
