/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of numbers: how they are read, what they say, and that they are the same sets as maps of bits. */
#include "fixture.h"
#include "numbers.h"

#include <string.h>

static void
test_parse (void **state) {
  static const struct {
    const char *text;
    const char *expected; /* NULL: refused */
    const char *wrong;
  } cases[] = {
    { "0", "0" },
    { "3-3", "3" },
    { "0-3,8", "0-3,8" },
    { "8,0-3", "0-3,8" },
    { " 1 , 3 ", "1,3" },
    { "0,1,2", "0-2" },
    { "0-1,2-3", "0-3" },
    { "2-3,0-1", "0-3" },
    { "0-4,2-9", "0-9" },
    { "1,1,1", "1" },
    { "0-9,^5", "0-4,6-9" },
    { "0-9,^3-6", "0-2,7-9" },
    { "0-9,^0,^9", "1-8" },
    { "0-3,^7", "0-3" },
    { "0-3,^2,2", "0-3" },
    { "^2,0-3", "0-3" },
    { "0,2,4,^1-3", "0,4" },
    { "65535", "65535" },
    { "0-65535", "0-65535" },
    { "0-65535,^65535", "0-65534" },
    { "00003", "3" },
    { "65536", NULL, "65536" },
    { "0-65536", NULL, "0-65536" },
    { "000003", NULL, "000003" },
    { "99999999999999999999", NULL, "99999999999999999999" },
    { "3-1", NULL, "3-1" },
    { "", NULL, "" },
    { " ", NULL, "" },
    { "1,", NULL, "" },
    { ",1", NULL, "" },
    { "1,,2", NULL, "" },
    { "0-3,^0-3", NULL, "" },
    { "^1", NULL, "" },
    { "-1", NULL, "-1" },
    { "1-", NULL, "1-" },
    { "1--2", NULL, "1--2" },
    { "1-2-3", NULL, "1-2-3" },
    { "0x3", NULL, "0x3" },
    { "1 2", NULL, "1 2" },
    { "+1", NULL, "+1" },
    { "^^1", NULL, "^^1" },
    { "0-3,x", NULL, "x" },
  };
  (void)state;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *wrong = NULL, *text = NULL;
    g_autoptr (VfpoolNumbers) numbers = vfpool_numbers_parse (cases[i].text, &wrong);

    if (numbers)
      text = vfpool_numbers_to_string (numbers);
    if (g_strcmp0 (text, cases[i].expected) != 0 || g_strcmp0 (wrong, cases[i].wrong) != 0)
      fail_msg ("'%s' gave '%s', wrong '%s'", cases[i].text, text, wrong);
  }
}

/* "0,2,4,..." with @parts parts. */
static char *
alternating (guint parts) {
  GString *text = g_string_new ("0");

  for (guint i = 1; i < parts; i++)
    g_string_append_printf (text, ",%u", 2 * i);
  return g_string_free (text, FALSE);
}

static void
test_too_many_parts (void **state) {
  g_autofree char *most = alternating (8192), *more = alternating (8193), *wrong = NULL, *again = NULL;
  g_autoptr (VfpoolNumbers) numbers = vfpool_numbers_parse (most, &wrong);
  (void)state;

  assert_non_null (numbers);
  again = vfpool_numbers_to_string (numbers);
  assert_string_equal (again, most);
  assert_null (vfpool_numbers_parse (more, &wrong));
  assert_string_equal (wrong, "16382,16384");
}

static void
test_relations (void **state) {
  static const struct {
    const char *a, *b;
    gboolean meet;
  } cases[] = {
    { "0-3", "3-5", TRUE }, { "0-3", "4-5", FALSE },     { "0,2,4", "1,3,5", FALSE },  { "0,2,4", "1,3-4", TRUE },
    { "5", "0-9", TRUE },   { "0-1,8-9", "2-7", FALSE }, { "0-65535", "65535", TRUE },
  };
  g_autoptr (VfpoolNumbers) nothing = vfpool_numbers_new ();
  g_autofree char *shown = vfpool_numbers_to_string (nothing);
  (void)state;

  assert_string_equal (shown, "");
  assert_false (vfpool_numbers_contain (nothing, 0));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *wrong = NULL;
    g_autoptr (VfpoolNumbers) a = vfpool_numbers_parse (cases[i].a, &wrong);
    g_autoptr (VfpoolNumbers) b = vfpool_numbers_parse (cases[i].b, &wrong);

    if (vfpool_numbers_meet (a, b) != cases[i].meet || vfpool_numbers_meet (b, a) != cases[i].meet)
      fail_msg ("%s and %s", cases[i].a, cases[i].b);
    assert_false (vfpool_numbers_meet (a, nothing));
  }
}

/* ---- The same as a map of bits ---- */

#define BITS 64 /* few, so that ranges meet often */
#define STEPS 40
#define ROUNDS 2000

/* The text that lists the numbers of @bits one by one, and that of their ranges. */
static char *
ranges_of (const gboolean bits[BITS]) {
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < BITS; i++) {
    guint end = i;
    if (!bits[i])
      continue;
    while (end + 1 < BITS && bits[end + 1])
      end++;
    g_string_append_printf (text, end > i ? "%s%u-%u" : "%s%u", text->len ? "," : "", i, end);
    i = end;
  }
  return g_string_free (text, FALSE);
}

static void
assert_same (const VfpoolNumbers *numbers, const gboolean bits[BITS], const char *how) {
  g_autofree char *expected = ranges_of (bits), *text = vfpool_numbers_to_string (numbers);

  if (strcmp (text, expected) != 0)
    fail_msg ("%s gave '%s', expected '%s'", how, text, expected);
  for (guint i = 0; i < BITS; i++)
    assert_int_equal (vfpool_numbers_contain (numbers, i), bits[i]);
}

static void
test_random (void **state) {
  (void)state;

  for (guint32 round = 0; round < ROUNDS; round++) {
    g_autoptr (GRand) random = g_rand_new_with_seed (round);
    g_autoptr (VfpoolNumbers) added = vfpool_numbers_new (), parsed = NULL, copy = NULL;
    g_autoptr (GString) text = g_string_new (NULL);
    gboolean with_less[BITS] = {}, without_less[BITS] = {};
    g_autofree char *wrong = NULL;

    for (guint step = 0; step < STEPS; step++) {
      guint first = (guint)g_rand_int_range (random, 0, BITS);
      guint last = (guint)g_rand_int_range (random, (gint32)first, MIN (first + 8, BITS));
      gboolean is_less = g_rand_int_range (random, 0, 3) == 0;

      g_string_append_printf (text, "%s%s%u-%u", step ? "," : "", is_less ? "^" : "", first, last);
      for (guint i = first; i <= last; i++)
        with_less[i] = !is_less;
      if (is_less)
        continue;
      vfpool_numbers_add (added, first, last);
      for (guint i = first; i <= last; i++)
        without_less[i] = TRUE;
    }
    assert_same (added, without_less, text->str);
    if (!(parsed = vfpool_numbers_parse (text->str, &wrong)))
      continue;
    assert_same (parsed, with_less, text->str);
    copy = vfpool_numbers_copy (parsed);
    vfpool_numbers_add (parsed, 0, BITS - 1);
    assert_same (copy, with_less, text->str);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_parse),
    cmocka_unit_test (test_too_many_parts),
    cmocka_unit_test (test_relations),
    cmocka_unit_test (test_random),
  };

  return cmocka_run_group_tests_name ("numbers", tests, NULL, NULL);
}
