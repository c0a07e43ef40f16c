/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line, a word a line. What was understood can be written again and means the same. acquire and release go
 * on to read the values of their options, on a host without devices.
 */
#include "cli/cli.h"
#include "fuzz.h"

#include <string.h>

#define MAX_WORDS 64
#define USAGE "\nusage: "

/* A message about wrong usage has a second line, of the command's own words. */
static void
check_usage_error (CliCall *call, GError **error) {
  char *second;

  g_assert_true (!call == (*error != NULL));
  if (!*error)
    return;
  g_assert_true (g_error_matches (*error, VFPOOL_ERROR, VFPOOL_ERROR_USAGE));
  second = g_strrstr ((*error)->message, USAGE);
  g_assert_nonnull (second);
  fuzz_assert_line (second + strlen (USAGE));
  *second = '\0';
  fuzz_assert_line ((*error)->message);
  g_clear_error (error);
}

/* The words from which @call would be read again, NULL-terminated. */
static GPtrArray *
write_call (const CliCall *call) {
  GPtrArray *words = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer name, value;

  g_ptr_array_add (words, g_strdup ("vfpool"));
  g_ptr_array_add (words, g_strdup (call->verb->name));
  g_hash_table_iter_init (&iter, call->values);
  while (g_hash_table_iter_next (&iter, &name, &value))
    g_ptr_array_add (words, *(char *)value ? g_strdup_printf ("--%s=%s", (char *)name, (char *)value)
                                           : g_strdup_printf ("--%s", (char *)name));
  if (call->help)
    g_ptr_array_add (words, g_strdup ("--help"));
  if (call->operand)
    g_ptr_array_add (words, g_strdup (call->operand));
  if (call->second)
    g_ptr_array_add (words, g_strdup (call->second));
  g_ptr_array_add (words, NULL);
  return words;
}

static void
check_again (const CliCall *call) {
  g_autoptr (GPtrArray) words = write_call (call);
  g_autoptr (CliCall) again = NULL;
  GHashTableIter iter;
  gpointer name, value;

  again = cli_parse ((int)words->len - 1, (char **)words->pdata, NULL);
  g_assert_nonnull (again);
  g_assert_true (again->verb == call->verb);
  g_assert_cmpstr (again->root, ==, call->root);
  g_assert_cmpstr (again->operand, ==, call->operand);
  g_assert_cmpstr (again->second, ==, call->second);
  g_assert_true (again->help == call->help && again->version == call->version && again->verbose == call->verbose);
  g_hash_table_iter_init (&iter, call->values);
  while (g_hash_table_iter_next (&iter, &name, &value))
    g_assert_cmpstr (cli_call_value (again, name), ==, value);
}

static void
run_verb (const CliCall *call) {
  static Vfpool *vfpool;
  g_autoptr (GError) error = NULL;
  gboolean ok;

  if (!vfpool) {
    fuzz_write_text ("/etc/vfpool/vfpool.conf", "[pool lan]\nmembers=pf=0000:01:00.0\n");
    vfpool = vfpool_open (fuzz_root (), NULL, NULL, NULL);
    g_assert_nonnull (vfpool);
  }
  ok = call->verb->function (vfpool, call, &error);
  fuzz_assert_answer (ok, &error);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  FuzzInput rest = { data, size };
  char *words[MAX_WORDS + 2] = { g_strdup ("vfpool") };
  g_autoptr (CliCall) call = NULL;
  g_autoptr (GError) error = NULL;
  int n = 1;

  while (rest.size > 0 && n <= MAX_WORDS)
    words[n++] = fuzz_take_text (&rest, "\n");
  fuzz_memory_begin ();
  call = cli_parse (n, words, &error);
  fuzz_memory_end (16384 + 64 * size);
  check_usage_error (call, &error);
  /* `vfpool --json --help` is about the program, so it becomes another verb than that whose options were read. */
  if (call && !(call->help && call->verb->function == cli_help))
    check_again (call);
  if (call && !call->help && !call->version
      && (call->verb->function == cli_acquire || call->verb->function == cli_release))
    run_verb (call);
  for (int i = 0; i < n; i++)
    g_free (words[i]);
  return 0;
}
