/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The examples in the hook's README are what people copy: the grammar allows them, and the hook understands them. (What else both
 * allow, and what both refuse, is in the tables of test-domain-xml.c.)
 */
#include "domain-request.h"
#include "fixture.h"
#include "schema.h"

#include <string.h>

#define README "hook/README.md"
#define FENCE "\n```"

/* The domain that an example is a part of. */
static char *
complete (const char *example) {
  gboolean is_device = !strstr (example, "<metadata") && !strstr (example, "<devices");

  return g_strconcat ("<domain><name>web</name><uuid>2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90</uuid>",
                      is_device ? "<devices>" : "", example, is_device ? "</devices>" : "", "</domain>", NULL);
}

static void
check_example (const char *example, guint *n_requests) {
  g_autofree char *text = complete (example);
  g_autoptr (GError) error = NULL;
  g_autoptr (DomainXml) xml = domain_xml_parse (text, strlen (text), &error);
  g_autoptr (VfpoolRequest) request = xml ? domain_request_new (xml, TRUE, &error) : NULL;
  SchemaVerdict verdict;

  if (!request)
    fail_msg ("%s: %s", example, error->message);
  verdict = schema_verdict (xml);
  if (verdict == SCHEMA_REFUSED)
    fail_msg ("the grammar refuses %s", example);
  *n_requests += verdict == SCHEMA_ALLOWED;
}

static void
test_examples (void **state G_GNUC_UNUSED) {
  g_autofree char *text = NULL;
  g_auto (GStrv) parts = NULL;
  guint n_requests = 0;

  assert_true (g_file_get_contents (README, &text, NULL, NULL));
  parts = g_strsplit (text, FENCE, -1);
  for (char **part = parts; *part; part++)
    if (g_str_has_prefix (*part, "xml\n"))
      check_example (*part + strlen ("xml\n"), &n_requests);
  assert_in_range (n_requests, 2, 100);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_examples),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
