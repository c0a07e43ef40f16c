/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text of others in messages. */
#pragma once

#include <glib.h>

/* Whether @c can neither break a line, nor steer a terminal, nor change the order or the look of what stands beside it. */
gboolean is_printable (gunichar c);

/**
 * printable_copy:
 * @text: any bytes
 * @max: how many characters are shown; what is longer ends in "..."
 *
 * Returns: (transfer full): @text as valid UTF-8 on one line that does nothing to a terminal or a log: a character that
 * is not printable becomes "?", a byte that is no UTF-8 becomes U+FFFD. For g_free().
 */
char *printable_copy (const char *text, gsize max);
