/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the command line to a request, and what `vfpool acquire` prints of the answer. */
#include "fixture.h"

#include "cli/cli.h"
#include "request.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ASK "acquire --guest manual/a --pool lan"

static CliCall *
parse (const char *line) {
  g_autofree char *whole = g_strconcat ("vfpool ", line, NULL);
  g_auto (GStrv) words = g_strsplit (whole, " ", -1);
  CliCall *call = cli_parse ((int)g_strv_length (words), words, NULL);

  assert_non_null (call);
  return call;
}

static const char *
or_dash (const char *text) {
  return text ? text : "-";
}

/* "SLOT POOL MAC VLAN[ all];" for each slot, then the policy, the nodes and the CPUs. */
static char *
describe (const VfpoolRequest *request) {
  GString *text = g_string_new (NULL);
  g_autofree char *nodes = request->nodes ? vfpool_numbers_to_string (request->nodes) : NULL;
  g_autofree char *cpus = request->cpus ? vfpool_numbers_to_string (request->cpus) : NULL;

  for (guint i = 0; i < request->slots->len; i++) {
    const VfpoolSlot *slot = g_ptr_array_index (request->slots, i);
    g_string_append_printf (text, "%s %s %s %d%s;", slot->name, slot->pool, or_dash (slot->mac), slot->vlan,
                            slot->all_functions ? " all" : "");
  }
  g_string_append_printf (text, " %s %s %s %s %s", or_dash (vfpool_policy_get (&request->policy, "numa")),
                          or_dash (vfpool_policy_get (&request->policy, "placement")),
                          or_dash (vfpool_policy_get (&request->policy, "anti-affinity")), or_dash (nodes),
                          or_dash (cpus));
  return g_string_free (text, FALSE);
}

static void
test_understood (void **state) {
  static const struct {
    const char *options, *expected;
  } cases[] = {
    { "", "slot0 lan - -1; - - - - -" },
    { " --slot net --mac 52:54:00:AA:00:01 --vlan 0", "net lan 52:54:00:aa:00:01 0; - - - - -" },
    { " --count 1 --mac 52:54:00:aa:00:01", "slot0 lan 52:54:00:aa:00:01 -1; - - - - -" },
    { " --count 2", "slot0-0 lan - -1;slot0-1 lan - -1; - - - - -" },
    { " --count 3 --slot n --vlan 7", "n-0 lan - 7;n-1 lan - 7;n-2 lan - 7; - - - - -" },
    { " --all-functions", "slot0 lan - -1 all; - - - - -" },
    { " --all-functions --count 2", "slot0-0 lan - -1 all;slot0-1 lan - -1 all; - - - - -" },
    { " --numa required --placement pack --anti-affinity card", "slot0 lan - -1; required pack card - -" },
    { " --anti-affinity pf-preferred", "slot0 lan - -1; - - pf-preferred - -" },
    { " --nodes 1,0 --cpus 4-7,^5", "slot0 lan - -1; - - - 0-1 4,6-7" },
  };
  (void)state;

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *line = g_strconcat (ASK, cases[i].options, NULL), *text = NULL;
    g_autoptr (CliCall) call = parse (line);
    g_autoptr (GError) error = NULL;
    g_autoptr (VfpoolRequest) request = cli_request_new (call, &error);

    if (!request)
      fail_msg ("'%s': %s", line, error->message);
    text = describe (request);
    if (strcmp (text, cases[i].expected) != 0)
      fail_msg ("'%s': %s", line, text);
  }
}

static void
test_most_vfs (void **state) {
  g_autoptr (CliCall) call = parse (ASK " --count 64");
  g_autoptr (VfpoolRequest) request = cli_request_new (call, NULL);
  (void)state;

  assert_non_null (request);
  assert_int_equal (request->slots->len, 64);
  assert_string_equal (((VfpoolSlot *)request->slots->pdata[63])->name, "slot0-63");
}

static void
test_refused (void **state) {
  static const struct {
    const char *options, *said;
  } cases[] = {
    { " --count 0", "--count '0' is no number of VFs: expected a number from 1 to 64" },
    { " --count 65", "--count '65'" },
    { " --count two", "--count 'two'" },
    { " --count -1", "--count '-1'" },
    { " --vlan 4095", "--vlan '4095' is no VLAN: expected a number from 0 to 4094" },
    { " --count 2 --mac 52:54:00:aa:00:01", "the same MAC address" },
    { " --count 11 --slot n23456789012345678901234567890", "no name for a slot" },
    { " --numa require", "\"required\"" },
    { " --placement none", "spread, pack" },
    { " --anti-affinity yes", "card-preferred" },
    { " --nodes 0-", "'0-' is no list of the host's NUMA nodes" },
    { " --cpus 0,x", "'x' is no list of the host's CPUs" },
    { " --cpus 70000", "'70000'" },
  };
  (void)state;

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *line = g_strconcat (ASK, cases[i].options, NULL);
    g_autoptr (CliCall) call = parse (line);
    GError *error = NULL;

    if (cli_request_new (call, &error))
      fail_msg ("'%s' was understood", line);
    assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, cases[i].said);
  }
}

/* Runs the verb on the host @fx with stdout going to @file. */
static gboolean
acquire (Fixture *fx, const char *line, const char *file, GError **error) {
  g_autoptr (Vfpool) vfpool = vfpool_open (fx->root, NULL, NULL, NULL);
  g_autoptr (CliCall) call = parse (line);
  int own = dup (STDOUT_FILENO), fd = open (file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  gboolean ok;

  assert_non_null (vfpool);
  assert_true (own >= 0 && fd >= 0);
  fflush (stdout);
  dup2 (fd, STDOUT_FILENO);
  ok = call->verb->function (vfpool, call, error);
  dup2 (own, STDOUT_FILENO);
  close (own);
  close (fd);
  return ok;
}

static void
test_a_line_each (void **state) {
  Fixture *fx = fixture_new ();
  g_autofree char *file = g_build_filename (fx->root, "out", NULL), *one = NULL, *three = NULL;
  GError *error = NULL;
  (void)state;

  fixture_add_pf (fx, "0000:01", 4, "vfio-pci", 10);
  fixture_config (fx, "[pool lan]\nmembers=pf=0000:01:00.0\n");
  assert_true (acquire (fx, ASK, file, &error));
  assert_true (g_file_get_contents (file, &one, NULL, NULL));
  assert_string_equal (one, "0000:01:10.0\n");
  assert_true (acquire (fx, "acquire --guest manual/b --pool lan --count 3", file, &error));
  assert_true (g_file_get_contents (file, &three, NULL, NULL));
  assert_string_equal (three, "0000:01:10.2\n0000:01:10.4\n0000:01:10.6\n");

  assert_false (acquire (fx, "acquire --guest manual/b --pool lan --count 3", "/dev/full", &error));
  assert_true (
      g_str_has_prefix (error->message, "0000:01:10.2, 0000:01:10.4, 0000:01:10.6 are leased to manual/b, but "));
  g_clear_error (&error);
  assert_false (acquire (fx, ASK, "/dev/full", &error));
  assert_true (g_str_has_prefix (error->message, "0000:01:10.0 is leased to manual/a, but "));
  g_clear_error (&error);
  fixture_free (fx);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_understood),
    cmocka_unit_test (test_most_vfs),
    cmocka_unit_test (test_refused),
    cmocka_unit_test (test_a_line_each),
  };

  return cmocka_run_group_tests_name ("cli-request", tests, NULL, NULL);
}
