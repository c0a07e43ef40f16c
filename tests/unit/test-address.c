/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI addresses: every spelling ends in one, and what is none is refused. */
#include "fixture.h"
#include "address.h"

static void
test_normalize (void **state) {
  static const struct {
    const char *text;
    const char *bdf; /* NULL: refused */
  } cases[] = {
    { "0000:03:10.0", "0000:03:10.0" },
    { "03:10.0", "0000:03:10.0" },
    { "3:1.7", "0000:03:01.7" },
    { "ABCD:EF:1F.7", "abcd:ef:1f.7" },
    { "10000:e1:00.0", "10000:e1:00.0" },
    { "0:0:0.0", "0000:00:00.0" },
    { "", NULL },
    { "0000:03:10", NULL },
    { "0000:03:10.8", NULL },
    { "0000:03:20.0", NULL },
    { "0000:103:10.0", NULL },
    { "0000:03:10.0 ", NULL },
    { " 0000:03:10.0", NULL },
    { "0000:03:10.00", NULL },
    { "0000-03-10.0", NULL },
    { "123456789:03:10.0", NULL },
    { "::.", NULL },
    { "a:b:c:d.0", NULL },
    { "../../etc/passwd", NULL },
    { "0000:03:10.0/../x", NULL },
    { "\xff\xfe:03.0", NULL },
  };
  (void)state;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    char bdf[VFPOOL_BDF_SIZE] = "";
    GError *error = NULL;
    gboolean ok = vfpool_address_normalize (cases[i].text, bdf, &error);

    if (ok != (cases[i].bdf != NULL))
      fail_msg ("'%s' was %s", cases[i].text, ok ? "taken" : "refused");
    if (ok)
      assert_string_equal (bdf, cases[i].bdf);
    else
      assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "is no PCI address");
  }
}

static void
test_compare (void **state) {
  static const char *const sorted[] = { "0000:01:00.0", "0000:01:10.0", "0000:01:10.2",
                                        "0000:02:00.0", "0001:00:00.0", "10000:00:00.0" };
  (void)state;

  for (guint i = 0; i < G_N_ELEMENTS (sorted); i++)
    for (guint k = 0; k < G_N_ELEMENTS (sorted); k++) {
      int c = vfpool_address_compare (sorted[i], sorted[k]);
      assert_true (i < k ? c < 0 : i > k ? c > 0 : c == 0);
    }
}

int
main (void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test (test_normalize), cmocka_unit_test (test_compare) };

  return cmocka_run_group_tests_name ("address", tests, NULL, NULL);
}
