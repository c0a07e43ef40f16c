/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text of others, as messages quote it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "printable.h"
#include "request.h"

static void
test_copy (void **state) {
  static const struct {
    const char *text;
    gsize max;
    const char *expected;
  } cases[] = {
    { "", 3, "" },
    { "abc", 3, "abc" },
    { "abcd", 3, "abc..." },
    { "\xc3\xa4\xc3\xb6\xc3\xbc", 2, "\xc3\xa4\xc3\xb6..." }, /* counts characters, and never cuts one */
    { "a\nb\tc\x1b[2J\x7f", 60, "a?b?c?[2J?" },
    { "\xc2\x85\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae", 60, "????" }, /* next line, separators, right to left */
    { "a\xff\xc3", 60, "a\xef\xbf\xbd\xef\xbf\xbd" },
    { "\xe2\x98\xba", G_MAXSIZE, "\xe2\x98\xba" },
  };

  (void)state;
  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *copy = printable_copy (cases[i].text, cases[i].max);

    assert_string_equal (copy, cases[i].expected);
  }
}

/* A name is kept as it is, and cleaned where a message quotes it. */
static void
test_guest (void **state) {
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_PVE_QEMU, "101", "a\nvfpool: all is well", NULL);
  g_autofree char *shown = vfpool_guest_describe (request->kind, request->id, request->name);

  (void)state;
  assert_string_equal (request->name, "a\nvfpool: all is well");
  assert_string_equal (shown, "pve-qemu/101 (a?vfpool: all is well)");
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_copy),
    cmocka_unit_test (test_guest),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
