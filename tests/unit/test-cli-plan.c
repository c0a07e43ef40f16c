/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vfpool plan`: its two faces from dictionaries made by hand, the programs that it runs, and the verb over a host of files. */
#include "fixture.h"

#include "cli/cli.h"
#include "cli/part.h"
#include "cli/plan.h"
#include "pve-hookscript/hookscript.h"

#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* clang-format off: the text below is laid out for its reader */
static const char full[] =
    "{'guest': <{'kind': <'libvirt'>, 'id': <'1111'>, 'name': <just 'we\\u001bb'>}>, 'nodes': <just '0-1'>,"
    " 'refusal': <@ms nothing>, 'slots': <["
    "{'slot': <'net0'>, 'pool': <'lan'>, 'chosen': <just '0000:01:10.0'>, 'functions': <['0000:01:10.0']>,"
    " 'mac': <just '52:54:00:00:00:01'>, 'kept': <false>, 'rule': <just 'pf-load'>,"
    " 'policy': <{'numa': 'preferred', 'placement': 'spread', 'anti-affinity': 'none'}>, 'vfs': <["
    "{'address': <'0000:01:10.0'>, 'pf': <just '0000:01:00.0'>, 'numa_node': <0>, 'chosen': <true>,"
    " 'rule': <@ms nothing>, 'reason': <@ms nothing>},"
    "{'address': <'0000:02:10.0'>, 'pf': <just '0000:02:00.0'>, 'numa_node': <1>, 'chosen': <false>,"
    " 'rule': <just 'numa'>, 'reason': <just 'is on NUMA node 1'>},"
    "{'address': <'0000:03:00.0'>, 'pf': <@ms nothing>, 'numa_node': <-1>, 'chosen': <false>,"
    " 'rule': <just 'obstacle'>, 'reason': <just 'is held by \\nx'>}]>},"
    "{'slot': <'gpu'>, 'pool': <'g'>, 'chosen': <just '0000:05:00.0'>, 'functions': <['0000:05:00.0', '0000:05:00.1']>,"
    " 'mac': <@ms nothing>, 'kept': <true>, 'rule': <just 'kept'>,"
    " 'policy': <{'numa': 'ignore', 'placement': 'pack', 'anti-affinity': 'card'}>, 'vfs': <["
    "{'address': <'0000:05:00.0'>, 'pf': <@ms nothing>, 'numa_node': <0>, 'chosen': <true>,"
    " 'rule': <@ms nothing>, 'reason': <@ms nothing>},"
    "{'address': <'0000:05:00.1'>, 'pf': <@ms nothing>, 'numa_node': <0>, 'chosen': <false>,"
    " 'rule': <just 'obstacle'>, 'reason': <just 'goes with it'>}]>}]>}";

static const char full_table[] =
    "guest libvirt/1111 (we?b)\n"
    "\n"
    "slot net0: pool lan, numa=preferred (nodes 0-1), placement=spread, anti-affinity=none\n"
    "-> 0000:01:10.0, MAC 52:54:00:00:00:01 (fewer VFs of its PF are handed out than of the next one's)\n"
    "VF            PF            NODE  WHY NOT\n"
    "0000:02:10.0  0000:02:00.0     1  is on NUMA node 1\n"
    "0000:03:00.0  -                -  is held by ?x\n"
    "\n"
    "slot gpu: pool g, numa=ignore, placement=pack, anti-affinity=card\n"
    "-> 0000:05:00.0 with 0000:05:00.1 (kept)\n";

static const char refused[] =
    "{'guest': <{'kind': <'manual'>, 'id': <'a'>, 'name': <@ms nothing>}>, 'nodes': <@ms nothing>,"
    " 'refusal': <just 'no VF'>, 'slots': <[{'slot': <'s'>, 'pool': <'lan'>, 'chosen': <@ms nothing>, 'functions': "
    "<@as []>,"
    " 'mac': <@ms nothing>, 'kept': <false>, 'rule': <@ms nothing>,"
    " 'policy': <{'numa': 'required', 'placement': 'pack', 'anti-affinity': 'pf'}>, 'vfs': <[{'address': "
    "<'0000:01:10.0'>,"
    " 'pf': <just '0000:01:00.0'>, 'numa_node': <0>, 'chosen': <false>, 'rule': <just 'obstacle'>,"
    " 'reason': <just 'is cordoned'>}]>}]>}";

static const char refused_table[] =
    "guest manual/a\n"
    "the request would be refused, so nothing leased; what could be given:\n"
    "\n"
    "slot s: pool lan, numa=required (no node named), placement=pack, anti-affinity=pf\n"
    "-> none\n"
    "VF            PF            NODE  WHY NOT\n"
    "0000:01:10.0  0000:01:00.0     0  is cordoned\n";
/* clang-format on */

static GVariant *
make_plan (const char *text) {
  GError *error = NULL;
  GVariant *plan = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, &error);

  if (!plan)
    fail_msg ("%s", error->message);
  return plan;
}

static void
test_tables (void **state) {
  static const char *const cases[][2] = {
    { full, full_table },
    { refused, refused_table },
    { "@a{sv} {}", "this guest asks for nothing that vfpool serves\n" },
    { "{'slots': <@aa{sv} []>}", "this guest asks for nothing that vfpool serves\n" },
  };
  (void)state;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GVariant) plan = make_plan (cases[i][0]);
    g_autofree char *table = cli_plan_to_table (plan);

    assert_string_equal (table, cases[i][1]);
  }
}

/* The sentence behind the answer, for each rule and placement. */
static void
test_rules (void **state) {
  static const char *const cases[][3] = {
    { "reserved", "spread", "reserved for this guest" },
    { "sticky", "spread", "had it in this slot" },
    { "numa", "spread", "nearer to the guest's NUMA nodes" },
    { "anti-affinity", "spread", "farther from" },
    { "pf-load", "pack", "more VFs of its PF" },
    { "port-load", "spread", "fewer VFs of its port" },
    { "port-load", "pack", "more VFs of its port" },
    { "link-load", "spread", "fewer VFs of its link" },
    { "link-load", "pack", "more VFs of its link" },
    { "remembered", "pack", "no other guest may come back" },
    { "address", "pack", "lowest of those" },
    { "only", "spread", "no other VF can be given" },
    { "asked", "spread", "asks for this address" },
    { "kept", "spread", "holds it in this slot" },
    { "newer-rule", "spread", "(newer-rule)" },
  };
  (void)state;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text =
        g_strdup_printf ("{'slots': <[{'slot': <'s'>, 'pool': <'p'>, 'functions': <['0000:01:10.0']>, 'rule': <just "
                         "'%s'>, 'policy': <{'placement': '%s'}>}]>}",
                         cases[i][0], cases[i][1]);
    g_autoptr (GVariant) plan = make_plan (text);
    g_autofree char *table = cli_plan_to_table (plan);

    if (!strstr (table, cases[i][2]))
      fail_msg ("%s, %s: %s", cases[i][0], cases[i][1], table);
  }
}

static void
expect_json (GVariant *plan, const char *expected) {
  g_autofree char *json = cli_plan_to_json (plan), *compact = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) root = json_from_string (json, &error);

  if (!root)
    fail_msg ("%s: %s", error->message, json);
  assert_true (g_str_has_suffix (json, "}\n"));
  compact = json_to_string (root, FALSE);
  assert_string_equal (compact, expected);
}

static void
test_json (void **state) {
  g_autoptr (GVariant) plan = make_plan (refused), none = make_plan ("@a{sv} {}"), odd = make_plan (full);
  g_autofree char *text = cli_plan_to_json (odd);
  (void)state;

  expect_json (plan,
               "{\"guest\":{\"kind\":\"manual\",\"id\":\"a\",\"name\":null},\"nodes\":null,\"refusal\":\"no VF\","
               "\"slots\":[{\"slot\":\"s\",\"pool\":\"lan\",\"chosen\":null,\"mac\":null,\"kept\":false,\"rule\":null,"
               "\"functions\":[],\"policy\":{\"numa\":\"required\",\"placement\":\"pack\",\"anti_affinity\":\"pf\"},"
               "\"vfs\":[{\"address\":\"0000:01:10.0\",\"pf\":\"0000:01:00.0\",\"numa_node\":0,\"chosen\":false,"
               "\"rule\":\"obstacle\",\"reason\":\"is cordoned\"}]}]}");
  expect_json (none, "{\"guest\":null,\"nodes\":null,\"refusal\":null,\"slots\":[]}");
  assert_null (strchr (text, '\033'));
  assert_non_null (strstr (text, "we\\u001bb"));
  assert_non_null (strstr (text, "\"0000:05:00.1\""));
}

/* ---- Programs ---- */

static GVariant *
run_shell (const char *script, const char *argument, int input, GError **error) {
  return cli_part_run ((char *[]){ "/bin/sh", "-c", (char *)script, "sh", (char *)argument, NULL }, "/nowhere", input,
                       error);
}

/* What print_plan() writes is what comes back. */
static void
test_round_trip (void **state) {
  static const char *const texts[] = { full, refused };
  (void)state;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GVariant) plan = make_plan (texts[i]);
    g_autofree char *text = g_variant_print (plan, TRUE);
    g_autoptr (GError) error = NULL;
    g_autoptr (GVariant) back = run_shell ("echo \"$1\"; [ \"$LD_LIBRARY_PATH\" = /nowhere ]", text, -1, &error);

    assert_null (error);
    assert_non_null (back);
    assert_true (g_variant_equal (plan, back));
  }
}

static void
test_programs (void **state) {
  GError *error = NULL;
  g_autoptr (GVariant) nothing = run_shell ("[ -z \"$(cat)\" ]", "", -1, &error), both = NULL, from_input = NULL;
  int ends[2];
  (void)state;

  assert_null (error);
  assert_true (cli_plan_is_empty (nothing));

  assert_int_equal (pipe (ends), 0);
  assert_int_equal (write (ends[1], refused, strlen (refused)), strlen (refused));
  close (ends[1]);
  from_input = run_shell ("cat", "", ends[0], &error);
  close (ends[0]);
  assert_non_null (from_input);
  assert_false (cli_plan_is_empty (from_input));

  assert_null (run_shell ("exit 65", "", -1, &error));
  assert_int_equal (cli_exit_status (error), 65);
  g_clear_error (&error);

  both = run_shell ("echo \"$1\"; exit 78", refused, -1, &error);
  assert_non_null (both);
  assert_int_equal (cli_exit_status (error), 78);
  g_clear_error (&error);

  assert_null (run_shell ("kill -9 $$", "", -1, &error));
  assert_int_equal (cli_exit_status (error), 70);
  assert_non_null (strstr (error->message, "/bin/sh: "));
  g_clear_error (&error);

  assert_null (run_shell ("echo hello", "", -1, &error));
  assert_int_equal (cli_exit_status (error), 70);
  assert_non_null (strstr (error->message, "something that vfpool does not know"));
  g_clear_error (&error);

  assert_null (cli_part_run ((char *[]){ "/nowhere/program", NULL }, NULL, -1, &error));
  assert_int_equal (cli_exit_status (error), 70);
  g_clear_error (&error);
}

static void
test_finds_programs (void **state) {
  const CliPart here = { "test-cli-plan", "/nowhere/a", "tests" }, there = { "nothing", "/bin/sh", "tests" },
                nowhere = { "nothing", "/nowhere/a", "which reads a test's configuration" };
  g_autofree char *folder = NULL, *built = cli_part_find (&here, &folder, NULL), *installed = NULL, *none = NULL;
  GError *error = NULL;
  (void)state;

  assert_true (g_str_has_suffix (built, "/tests/test-cli-plan"));
  assert_true (g_str_has_suffix (folder, "/tests"));
  installed = cli_part_find (&there, &none, NULL);
  assert_string_equal (installed, "/bin/sh");
  assert_null (none);
  assert_null (cli_part_find (&nowhere, &none, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_NOT_FOUND, "/nowhere/a is not there, which reads a test's configuration");
}

/* ---- Over a host of files ---- */

/* What @function writes to stdout, for g_free(); its result in @ok. */
static char *
output_of (Fixture *fx, gboolean (*function) (Fixture *fx, const char *what, GError **error), const char *what,
           gboolean *ok, GError **error) {
  g_autofree char *file = g_build_filename (fx->root, "out", NULL);
  int own, fd = open (file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  char *text = NULL;

  fflush (stdout);
  own = dup (STDOUT_FILENO);
  assert_true (own >= 0 && fd >= 0);
  dup2 (fd, STDOUT_FILENO);
  *ok = function (fx, what, error);
  fflush (stdout);
  dup2 (own, STDOUT_FILENO);
  close (own);
  close (fd);
  assert_true (g_file_get_contents (file, &text, NULL, NULL));
  return text;
}

static gboolean
plan_by_line (Fixture *fx, const char *line, GError **error) {
  g_autofree char *whole = g_strdup_printf ("vfpool --root %s plan %s", fx->root, line);
  g_auto (GStrv) words = g_strsplit (whole, " ", -1);
  g_autoptr (CliCall) call = cli_parse ((int)g_strv_length (words), words, error);

  return call && call->verb->function (NULL, call, error);
}

static gboolean
plan_by_vmid (Fixture *fx, const char *vmid, GError **error) {
  g_autoptr (PvePaths) paths = pve_paths_new (fx->root, NULL, NULL);

  g_free (paths->node);
  paths->node = g_strdup ("pve1");
  return pve_hookscript_plan (paths, vmid, error);
}

#define MAP(bdf, group) "\tmap id=8086:10ca,iommugroup=" group ",node=pve1,path=" bdf "\n"

static Fixture *
new_host (void) {
  Fixture *fx = fixture_new ();

  fixture_add_pf (fx, "0000:01", 2, "vfio-pci", 10);
  fixture_config (fx, "[pool lan]\nmembers=pf=0000:01:00.0\nmac=keep\n");
  fixture_write (fx, "/etc/pve/mapping/pci.cfg", "lan\n" MAP ("0000:01:10.0", "10") MAP ("0000:01:10.2", "11"));
  return fx;
}

static void
expect_no_ledger (Fixture *fx) {
  g_autofree char *ledger = g_build_filename (fx->root, "var/lib/vfpool", NULL);

  assert_false (g_file_test (ledger, G_FILE_TEST_EXISTS));
}

static void
test_by_options (void **state) {
  Fixture *fx = new_host ();
  GError *error = NULL;
  gboolean ok;
  g_autofree char *served = output_of (fx, plan_by_line, "--guest manual/a --pool lan", &ok, &error), *short_of = NULL;
  g_autofree char *bad = NULL, *json = NULL;
  (void)state;

  assert_true (ok);
  assert_non_null (strstr (served, "guest manual/a\n\nslot slot0: pool lan, numa=preferred"));
  assert_non_null (strstr (served, "\n-> 0000:01:10.0 (its address is the lowest"));
  assert_non_null (strstr (served, "\n0000:01:10.2  0000:01:00.0"));
  short_of = output_of (fx, plan_by_line, "--guest manual/a --pool lan --count 3", &ok, &error);
  assert_false (ok);
  assert_vfpool_error (&error, VFPOOL_ERROR_NO_FREE_VF, "lan");
  assert_non_null (strstr (short_of, "\nslot slot0-2: pool lan"));
  assert_non_null (strstr (short_of, "\n-> none\n"));
  json = output_of (fx, plan_by_line, "--guest manual/a --pool lan --json", &ok, &error);
  assert_true (ok);
  assert_non_null (strstr (json, "\"chosen\" : \"0000:01:10.0\""));
  bad = output_of (fx, plan_by_line, "--guest manual/a --pool nosuch", &ok, &error);
  assert_false (ok);
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "nosuch");
  assert_string_equal (bad, "");
  expect_no_ledger (fx);
  fixture_free (fx);
}

static void
test_hookscript_plans (void **state) {
  Fixture *fx = new_host ();
  GError *error = NULL;
  gboolean ok;
  g_autofree char *two = NULL, *three = NULL, *none = NULL, *container = NULL, *missing = NULL, *unlisted = NULL;
  g_autoptr (GVariant) plan = NULL, refusal = NULL, sentence = NULL;
  (void)state;

  fixture_write (fx, "/etc/pve/qemu-server/101.conf", "name: web\nhostpci0: mapping=lan\nhostpci1: mapping=lan\n");
  fixture_write (fx, "/etc/pve/qemu-server/102.conf",
                 "hostpci0: mapping=lan\nhostpci1: mapping=lan\nhostpci2: mapping=lan\n");
  fixture_write (fx, "/etc/pve/qemu-server/103.conf", "memory: 64\n");
  fixture_write (fx, "/etc/pve/lxc/104.conf", "hostname: ct\n#vfpool: net1 pool=lan\n");
  two = output_of (fx, plan_by_vmid, "101", &ok, &error);
  assert_true (ok);
  plan = make_plan (two);
  g_free (two);
  two = cli_plan_to_table (plan);
  assert_non_null (strstr (two, "guest pve-qemu/101 (web)\n\nslot hostpci0: pool lan"));
  assert_non_null (strstr (two, "-> 0000:01:10.2"));
  three = output_of (fx, plan_by_vmid, "102", &ok, &error);
  assert_true (ok);
  refusal = make_plan (three);
  sentence = g_variant_lookup_value (refusal, "refusal", G_VARIANT_TYPE ("ms"));
  assert_int_equal (g_variant_n_children (sentence), 1);
  none = output_of (fx, plan_by_vmid, "103", &ok, &error);
  assert_true (ok);
  assert_string_equal (none, "");
  container = output_of (fx, plan_by_vmid, "104", &ok, &error);
  assert_true (ok);
  assert_non_null (strstr (container, "'pve-lxc'"));
  missing = output_of (fx, plan_by_vmid, "105", &ok, &error);
  assert_false (ok);
  assert_vfpool_error (&error, VFPOOL_ERROR_NOT_FOUND, "105.conf");

  /* What Proxmox VE could not use: the plan stands, and the start would fail. */
  fixture_write (fx, "/etc/pve/mapping/pci.cfg", "lan\n" MAP ("0000:01:10.0", "10"));
  unlisted = output_of (fx, plan_by_vmid, "101", &ok, &error);
  assert_false (ok);
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_CONFIG, "does not list 0000:01:10.2");
  assert_true (g_str_has_prefix (unlisted, "{'guest'"));
  expect_no_ledger (fx);
  fixture_free (fx);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_tables),     cmocka_unit_test (test_rules),
    cmocka_unit_test (test_json),       cmocka_unit_test (test_round_trip),
    cmocka_unit_test (test_programs),   cmocka_unit_test (test_finds_programs),
    cmocka_unit_test (test_by_options), cmocka_unit_test (test_hookscript_plans),
  };

  return cmocka_run_group_tests_name ("cli-plan", tests, NULL, NULL);
}
