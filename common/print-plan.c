/* SPDX-License-Identifier: GPL-2.0-or-later */
/* As text, because both ends have GLib's own printer and parser for it, and a person who runs the program can read it. */
#include "print-plan.h"

#include "vfpool.h"

#include <errno.h>
#include <stdio.h>

gboolean
print_plan (GVariant *plan, GError **error) {
  g_autofree char *text = g_variant_print (plan, TRUE);

  if (puts (text) >= 0 && fflush (stdout) == 0)
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "the plan could not be written to standard output: %s",
               g_strerror (errno));
  return FALSE;
}
