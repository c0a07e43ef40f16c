/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "Did you mean": the candidate that is the fewest slips of the finger away (a letter too many, missing, wrong, or two
 * swapped), if they are few. A word that was only begun counts as one slip.
 */
#include "cli.h"

#include <string.h>

/* More slips than this are another word. */
#define MAX_SLIPS 2
/* What is longer is no mistyped verb or option; it also bounds the table below. */
#define MAX_WORD 32

static int
count_slips (const char *a, const char *b) {
  size_t m = strlen (a), n = strlen (b);
  int d[MAX_WORD + 1][MAX_WORD + 1];

  for (size_t i = 0; i <= m; i++)
    d[i][0] = i;
  for (size_t j = 0; j <= n; j++)
    d[0][j] = j;
  for (size_t i = 1; i <= m; i++)
    for (size_t j = 1; j <= n; j++) {
      int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

      best = MIN (best, MIN (d[i - 1][j], d[i][j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        best = MIN (best, d[i - 2][j - 2] + 1);
      d[i][j] = best;
    }
  return d[m][n];
}

const char *
cli_suggest (const char *text, const char *const *candidates) {
  const char *nearest = NULL;
  int fewest = MAX_SLIPS + 1;

  if (strlen (text) > MAX_WORD || strlen (text) < 2)
    return NULL;
  for (; *candidates; candidates++) {
    int slips = g_str_has_prefix (*candidates, text) ? 1 : count_slips (text, *candidates);

    if (slips >= fewest || slips >= (int)strlen (*candidates))
      continue;
    fewest = slips;
    nearest = *candidates;
  }
  return nearest;
}
