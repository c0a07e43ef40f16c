/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "Did you mean": a typing error is an edit or two away from the right word, so the nearest by Levenshtein distance is
 * what an operator wants to read. The row of the matrix runs along the known word, which is short by contract; the
 * mistyped one may be of any length.
 */
#include "nearest.h"

#include <glib.h>
#include <string.h>

#define MAX_KNOWN 31

static size_t
edit_distance (const char *word, const char *known) {
  size_t row[MAX_KNOWN + 1];
  size_t n = MIN (strlen (known), MAX_KNOWN);

  for (size_t j = 0; j <= n; j++)
    row[j] = j;
  for (size_t i = 1; word[i - 1]; i++) {
    size_t diagonal = row[0];

    row[0] = i;
    for (size_t j = 1; j <= n; j++) {
      size_t replaced = diagonal + (g_ascii_tolower (word[i - 1]) != g_ascii_tolower (known[j - 1]));

      diagonal = row[j];
      row[j] = MIN (MIN (row[j], row[j - 1]) + 1, replaced);
    }
  }
  return row[n];
}

const char *
vfpool_nearest_word (const char *word, const char *const *known) {
  const char *nearest = known[0];
  size_t least = edit_distance (word, known[0]);

  for (size_t i = 1; known[i]; i++) {
    size_t distance = edit_distance (word, known[i]);

    if (distance >= least)
      continue;
    least = distance;
    nearest = known[i];
  }
  return nearest;
}
