/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How vfpool's programs speak: to stderr, a line a message, once, at the top of the program. */
#pragma once

#include "vfpool.h"

/* A VfpoolMessageFunc that writes to stderr: "vfpool: MESSAGE" or "vfpool: warning: MESSAGE". INFO is dropped unless
 * @user_data (really a gboolean by GINT_TO_POINTER) is TRUE. */
void report_message (VfpoolMessageLevel level, const char *message, gpointer user_data);

/* Writes "vfpool: MESSAGE" for @error and returns the exit status for it. */
int report_error (const GError *error);
