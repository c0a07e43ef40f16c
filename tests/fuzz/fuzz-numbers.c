/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of numbers: ranges are in order and apart, say the same as a map of all numbers, and can be written again. */
#include "fuzz.h"
#include "numbers.h"

#include <string.h>

static guint
at (const VfpoolNumbers *numbers, guint i) {
  return g_array_index (numbers, guint, i);
}

static void
check_ranges (const VfpoolNumbers *numbers) {
  g_assert_cmpuint (numbers->len, >, 0);
  g_assert_cmpuint (numbers->len % 2, ==, 0);
  for (guint i = 0; i < numbers->len; i += 2) {
    g_assert_cmpuint (at (numbers, i), <=, at (numbers, i + 1));
    g_assert_true (i == 0 || at (numbers, i) > at (numbers, i - 1) + 1);
    g_assert_true (vfpool_numbers_contain (numbers, at (numbers, i)));
    g_assert_true (vfpool_numbers_contain (numbers, at (numbers, i + 1)));
    g_assert_false (vfpool_numbers_contain (numbers, at (numbers, i + 1) + 1));
  }
  g_assert_cmpuint (at (numbers, numbers->len - 1), <=, VFPOOL_NUMBERS_MAX);
}

/* What the list says, read part by part in the plainest way. */
static void
check_meaning (const VfpoolNumbers *numbers, const char *text) {
  static gboolean is_in[VFPOOL_NUMBERS_MAX + 1];
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);

  memset (is_in, 0, sizeof is_in);
  for (char **part = parts; *part; part++) {
    const char *begin = g_strstrip (*part), *dash = strchr (begin, '-');
    gboolean is_less = *begin == '^';
    guint64 first = g_ascii_strtoull (begin + is_less, NULL, 10);
    guint64 last = dash ? g_ascii_strtoull (dash + 1, NULL, 10) : first;

    for (guint64 n = first; n <= last; n++)
      is_in[n] = !is_less;
  }
  for (guint n = 0, i = 0; n <= VFPOOL_NUMBERS_MAX; n++) {
    while (i < numbers->len && at (numbers, i + 1) < n)
      i += 2;
    g_assert_true (is_in[n] == (i < numbers->len && at (numbers, i) <= n));
  }
}

static void
check_again (const VfpoolNumbers *numbers) {
  g_autofree char *text = vfpool_numbers_to_string (numbers), *second_text = NULL, *wrong = NULL;
  g_autoptr (VfpoolNumbers) again = vfpool_numbers_parse (text, &wrong), sum = vfpool_numbers_new ();

  g_assert_nonnull (again);
  g_assert_true (vfpool_numbers_meet (numbers, again));
  vfpool_numbers_add_all (sum, again);
  vfpool_numbers_add_all (sum, numbers);
  second_text = vfpool_numbers_to_string (sum);
  g_assert_cmpstr (text, ==, second_text);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  FuzzInput input = { data, size };
  g_autofree char *text = fuzz_take_text (&input, "\n"), *wrong = NULL;
  g_autoptr (VfpoolNumbers) numbers = NULL;

  fuzz_memory_begin ();
  numbers = vfpool_numbers_parse (text, &wrong);
  fuzz_memory_end (4096 + 64 * size);
  g_assert_true (!numbers == (wrong != NULL));
  if (!numbers)
    return 0;
  check_ranges (numbers);
  check_meaning (numbers, text);
  check_again (numbers);
  return 0;
}
