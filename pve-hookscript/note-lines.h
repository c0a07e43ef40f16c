/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines among a guest's notes that are meant for vfpool: "vfpool: WORD WORD ...". */
#pragma once

#include <glib.h>

#define PVE_NOTE_MARK "vfpool:"

/* Notes as PVE stores them, with what was escaped as it was; for g_free(). */
char *pve_note_unescape (const char *text);

/* What stands behind "vfpool:" in a line of the notes, in place; what Markdown and HTML put behind it is cut off. NULL: the line is
 * not meant for vfpool. */
const char *pve_note_find (char *line);

typedef struct {
  int number;   /* of the line in the configuration file, from 1 */
  char **words; /* what stands behind "vfpool:", NULL-terminated */
} PveNoteLine;

/**
 * pve_note_lines: finds them in the text of a VM's or container's configuration; never fails.
 *
 * Around such a line may stand what Markdown and HTML need to show or hide it: "- ", "> ", "*", "`", "<!-- -->", "<br>". All other
 * lines are other people's.
 *
 * Returns: (transfer full) (element-type PveNoteLine): for g_ptr_array_unref().
 */
GPtrArray *pve_note_lines (const char *data, gsize length);
