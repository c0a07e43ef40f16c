/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of command line options. */
#pragma once

#include <glib.h>

/**
 * option_read_number:
 * @name: the option's name, without dashes
 * @text: (nullable): its value; NULL: it was not given, and @number stays as it is
 * @what: what the number is, for the message
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT when @text is no number from @min to @max, @min being 0 at least.
 */
gboolean option_read_number (const char *name, const char *text, const char *what, int min, int max, int *number,
                             GError **error);
