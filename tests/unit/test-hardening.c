/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was built is hardened, whatever flags somebody's CFLAGS and LDFLAGS brought along: each program and the library is
 * looked at as readelf shows it. Runs in the top folder of the sources, as tests/unit/run sees to, after a build.
 */
#include "fixture.h"

#include <string.h>

static const char *const programs[] = { "build/vfpool", "build/libvirt-hook", "build/vfpool-agent",
                                        "build/vfpool-libvirt", "build/pve-hookscript" };
#define LIBRARY "build/libvfpool.so.0"

static char *
read_elf (const char *file) {
  const char *command[] = { "readelf", "-hldW", "--dyn-syms", file, NULL };
  g_autoptr (GError) error = NULL;
  char *text = NULL;
  int status;

  if (!g_spawn_sync (NULL, (char **)command, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &text, NULL, &status, &error)
      || !g_spawn_check_wait_status (status, &error))
    fail_msg ("readelf %s: %s", file, error->message);
  return text;
}

static void
assert_has (const char *file, const char *text, const char *pattern, const char *what) {
  if (!g_regex_match_simple (pattern, text, G_REGEX_MULTILINE, 0))
    fail_msg ("%s: %s (no match for %s)", file, what, pattern);
}

static void
assert_hardened (const char *file) {
  g_autofree char *text = read_elf (file);

  assert_has (file, text, "^ *Type: *DYN ", "it is loaded at a fixed address");
  assert_has (file, text, "GNU_RELRO", "its tables of addresses stay writable (relro)");
  assert_has (file, text, "\\(FLAGS\\).*BIND_NOW|\\(FLAGS_1\\).*NOW", "symbols are bound late (now)");
  assert_has (file, text, "GNU_STACK.* RW +0x", "its stack is executable");
  assert_has (file, text, " UND __stack_chk_fail", "it has no stack protector");
  if (g_regex_match_simple ("TEXTREL", text, 0, 0))
    fail_msg ("%s: its code is written to when it is loaded", file);
  if (g_regex_match_simple ("LOAD.* RWE ", text, 0, 0))
    fail_msg ("%s: a part of it is writable and executable", file);
}

static void
programs_are_hardened (void **state G_GNUC_UNUSED) {
  for (gsize i = 0; i < G_N_ELEMENTS (programs); i++) {
    g_autofree char *text = read_elf (programs[i]);

    assert_hardened (programs[i]);
    assert_has (programs[i], text, " UND __[a-z]*printf_chk(@|$)", "it is built without _FORTIFY_SOURCE");
    assert_has (programs[i], text, "\\(FLAGS_1\\).*PIE", "it is no position-independent program");
  }
}

/* It calls nothing that _FORTIFY_SOURCE would have to look after, so there is nothing of that to see. */
static void
library_is_hardened (void **state G_GNUC_UNUSED) {
  assert_hardened (LIBRARY);
}

int
main (void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test (programs_are_hardened),
                                      cmocka_unit_test (library_is_hardened) };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
