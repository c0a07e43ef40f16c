/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "seeds.h"

#include "fixture.h"

#define FIRST_FIXED 1

static guint
count_bad (SeededCase try_case, guint32 first, guint n) {
  guint bad = 0;

  for (guint32 seed = first; seed < first + n; seed++) {
    GRand *random = g_rand_new_with_seed (seed);
    g_autofree char *problem = try_case (random);

    g_rand_free (random);
    if (!problem)
      continue;
    print_error ("TEST_SEED=%u: %s\n", seed, problem);
    bad++;
  }
  return bad;
}

void
assert_all_seeds (SeededCase try_case, guint n) {
  const char *only = g_getenv ("TEST_SEED");

  if (only) {
    assert_int_equal (count_bad (try_case, (guint32)g_ascii_strtoull (only, NULL, 10), 1), 0);
    return;
  }
  assert_int_equal (count_bad (try_case, FIRST_FIXED, n), 0);
  /* New ones do not meet the fixed ones, and do not wrap around. */
  assert_int_equal (count_bad (try_case, g_random_int () % 4000000000u + FIRST_FIXED + n, n), 0);
}
