/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration: vfpool.conf and, behind a line "#### conf.d", a file of conf.d. What was understood can be written
 * again and means the same; a refusal names a file and a line that there is.
 */
#include "config.h"
#include "fuzz.h"
#include "write-config.h"

#include <stdlib.h>
#include <string.h>

#define MAIN "/etc/vfpool/vfpool.conf"
#define OTHER "/etc/vfpool/conf.d/10-other.conf"
#define SECOND_FILE "#### conf.d\n"

static int
count_lines (FuzzInput text) {
  int lines = 1;

  for (size_t i = 0; i < text.size; i++)
    lines += text.data[i] == '\n';
  return lines;
}

static void
check_place (const GError *error, FuzzInput first, FuzzInput second) {
  const char *path = g_str_has_prefix (error->message, fuzz_root ()) ? error->message + strlen (fuzz_root ()) : "";
  gboolean is_first = g_str_has_prefix (path, MAIN ":");
  int line;

  g_assert_cmpint (error->code, ==, VFPOOL_ERROR_BAD_CONFIG);
  g_assert_true (is_first || g_str_has_prefix (path, OTHER ":"));
  line = atoi (strchr (path, ':') + 1);
  g_assert_cmpint (line, >=, 1);
  g_assert_cmpint (line, <=, count_lines (is_first ? first : second));
}

static void
check_numbers (const VfpoolConfig *config) {
  g_assert_true (config->start_grace >= 0 && config->start_grace <= 86400);
  for (guint i = 0; i < config->pfs->len; i++) {
    const VfpoolPfConfig *pf = g_ptr_array_index (config->pfs, i);

    g_assert_true (pf->numvfs >= -1 && pf->numvfs <= 65535);
  }
}

static void
check_again (const VfpoolConfig *config) {
  g_autofree char *text = write_config (config), *second_text = NULL;
  g_autoptr (VfpoolConfig) again = NULL;

  fuzz_write_text (MAIN, text);
  fuzz_write_text (OTHER, "");
  again = vfpool_config_load (fuzz_root (), NULL);
  g_assert_nonnull (again);
  second_text = write_config (again);
  g_assert_cmpstr (text, ==, second_text);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  FuzzInput second = { data, size }, first = fuzz_take (&second, SECOND_FILE);
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolConfig) config = NULL;

  fuzz_write (MAIN, first.data, first.size);
  fuzz_write (OTHER, second.data, second.size);
  fuzz_memory_begin ();
  config = vfpool_config_load (fuzz_root (), &error);
  fuzz_memory_end (128 * 1024 + 256 * size);
  if (error)
    check_place (error, first, second);
  fuzz_assert_answer (config != NULL, &error);
  if (!config)
    return 0;
  check_numbers (config);
  check_again (config);
  return 0;
}
