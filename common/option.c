/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers are decimal and nothing else: what other bases or blanks would make of a value is not what was meant. */
#include "option.h"

#include "printable.h"
#include "vfpool.h"

gboolean
option_read_number (const char *name, const char *text, const char *what, int min, int max, int *number,
                    GError **error) {
  g_autofree char *shown = NULL;
  guint64 value;

  if (!text)
    return TRUE;
  if (g_ascii_string_to_unsigned (text, 10, (guint64)min, (guint64)max, &value, NULL)) {
    *number = (int)value;
    return TRUE;
  }
  shown = printable_copy (text, 40);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT, "--%s '%s' is no %s: expected a number from %d to %d", name,
               shown, what, min, max);
  return FALSE;
}
