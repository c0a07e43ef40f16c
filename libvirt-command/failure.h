/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libvirt says when it fails, as errors of vfpool. */
#pragma once

#include "vfpool.h"

/**
 * failure_set: sets @error to what libvirt failed with last in this thread.
 * @format: what could not be done, the beginning of the sentence
 *
 * Returns: FALSE, always.
 */
gboolean failure_set (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

/**
 * failure_of_hook: what vfpool's own hook said when it refused a start, out of the message that libvirt makes of it.
 * @code: (out): the error that the hook ended with
 *
 * Returns: (transfer full) (nullable): its sentence, for g_free(); NULL: it was not vfpool's hook.
 */
char *failure_of_hook (const char *message, VfpoolError *code);
