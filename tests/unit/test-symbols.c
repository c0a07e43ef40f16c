/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the public header declares and what the version script exports are the same functions: one that is missing in
 * the script cannot be linked, one that is missing in the header is an interface that nobody documented. Runs in the
 * top folder of the sources, as tests/unit/run sees to.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include <string.h>

static int
compare_words (gconstpointer a, gconstpointer b) {
  return strcmp (*(char *const *)a, *(char *const *)b);
}

/* The distinct words that @pattern captures in @file, comments left out, sorted, a line each. */
static char *
find_words (const char *file, const char *pattern) {
  g_autoptr (GRegex) comment = g_regex_new ("/\\*.*?\\*/", G_REGEX_DOTALL, 0, NULL);
  g_autoptr (GRegex) word = g_regex_new (pattern, 0, 0, NULL);
  g_autoptr (GPtrArray) words = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GMatchInfo) match = NULL;
  g_autofree char *text = NULL;
  g_autofree char *code = NULL;

  if (!g_file_get_contents (file, &text, NULL, NULL))
    fail_msg ("%s cannot be read; the test has to run in the top folder", file);
  code = g_regex_replace_literal (comment, text, -1, 0, "", 0, NULL);
  for (g_regex_match (word, code, 0, &match); g_match_info_matches (match); g_match_info_next (match, NULL)) {
    g_autofree char *name = g_match_info_fetch (match, 1);

    if (!g_ptr_array_find_with_equal_func (words, name, g_str_equal, NULL))
      g_ptr_array_add (words, g_steal_pointer (&name));
  }
  g_ptr_array_sort (words, compare_words);
  g_ptr_array_add (words, NULL);
  return g_strjoinv ("\n", (char **)words->pdata);
}

static void
header_and_map_agree (void **state G_GNUC_UNUSED) {
  g_autofree char *declared = find_words ("lib/vfpool.h", "\\b(vfpool_[a-z0-9_]+) \\(");
  g_autofree char *exported = find_words ("lib/vfpool.map", "\\b(vfpool_[a-z0-9_]+);");

  assert_true (strlen (declared) > 0);
  assert_string_equal (declared, exported);
}

int
main (void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test (header_and_map_agree) };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
