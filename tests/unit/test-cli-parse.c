/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of `vfpool`: what it is taken for, and what is said about a wrong one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/cli.h"

#include <string.h>

/* Parses "vfpool LINE", split at blanks. */
static CliCall *
parse (const char *line, GError **error) {
  g_autofree char *whole = g_strconcat ("vfpool", *line ? " " : "", line, NULL);
  g_auto (GStrv) words = g_strsplit (whole, " ", -1);

  return cli_parse (g_strv_length (words), words, error);
}

static void
understands_good_lines (void **state G_GNUC_UNUSED) {
  static const struct {
    const char *line, *verb, *option, *value;
  } cases[] = {
    { "", "status", "json", NULL },
    { "--json", "status", "json", "" },
    { "status", "status", "json", NULL },
    { "status --json", "status", "json", "" },
    { "status --json --json", "status", "json", "" },
    { "status --cluster --json", "status", "cluster", "" },
    { "--root /tmp/x status", "status", "root", "/tmp/x" },
    { "status --root=/tmp/x", "status", "root", "/tmp/x" },
    { "--root=/a=b status", "status", "root", "/a=b" },
    { "acquire --guest manual/a --pool p", "acquire", "guest", "manual/a" },
    { "acquire --guest=manual/a --pool=p --slot s --mac 52:54:00:00:00:01 --vlan 5", "acquire", "vlan", "5" },
    { "acquire --guest manual/a --pool p --vlan -1", "acquire", "vlan", "-1" },
    { "acquire --pool status --guest manual/a", "acquire", "pool", "status" },
    { "acquire --guest a --pool p --count 2 --all-functions --numa required", "acquire", "all-functions", "" },
    { "acquire --guest a --pool p --nodes=0-1 --cpus ^2", "acquire", "nodes", "0-1" },
    { "--verbose release --guest pve-qemu/101", "release", "guest", "pve-qemu/101" },
    { "reconcile --verbose", "reconcile", "verbose", "" },
    { "cordon 03:00.0", "cordon", "reason", NULL },
    { "cordon 03:00.0 --reason why", "cordon", "reason", "why" },
    { "cordon --reason=why 03:00.0", "cordon", "reason", "why" },
    { "uncordon 03:00.0", "uncordon", "verbose", NULL },
    { "forget", "forget", "guest", NULL },
    { "forget --days 3", "forget", "days", "3" },
    { "plan --guest manual/a --pool lan --count 2 --nodes 0", "plan", "nodes", "0" },
    { "plan --domain -", "plan", "domain", "-" },
    { "plan --domain web.xml --json", "plan", "json", "" },
    { "plan --vmid=101 --root /tmp/x --verbose", "plan", "vmid", "101" },
    { "plan --help --domain x --vmid 101", "plan", "help", "" },
    { "check", "check", "verbose", NULL },
    { "up", "up", "verbose", NULL },
    { "pve mapping lan", "pve mapping", "apply", NULL },
    { "pve mapping --apply lan", "pve mapping", "apply", "" },
    { "--root /tmp/x pve mapping lan --apply", "pve mapping", "root", "/tmp/x" },
    { "help", "help", "verbose", NULL },
    { "help pve mapping", "help", "verbose", NULL },
    { "--help", "help", "help", "" },
    { "acquire --help", "acquire", "help", "" },
    { "acquire -h", "acquire", "help", NULL },
    { "--version", "status", "version", "" },
    { "start web", "start", "verbose", NULL },
    { "--verbose start web", "start", "verbose", "" },
    { "attach web --pool lan --vlan 100", "attach", "vlan", "100" },
    { "detach web net0 --wait=5", "detach", "wait", "5" },
    { "detach --wait 5 web net0", "detach", "wait", "5" },
    { "resolve", "resolve", "verbose", NULL },
    { "request add web --pool lan --functions all", "request add", "functions", "all" },
    { "--verbose request list web --json", "request list", "json", "" },
    { "request remove web net0", "request remove", "verbose", NULL },
    { "help request add", "help", "verbose", NULL },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (CliCall) call = parse (cases[i].line, &error);

    if (!call)
      fail_msg ("'%s': %s", cases[i].line, error->message);
    if (strcmp (call->verb->name, cases[i].verb) || g_strcmp0 (cli_call_value (call, cases[i].option), cases[i].value))
      fail_msg ("'%s': verb %s, --%s %s", cases[i].line, call->verb->name, cases[i].option,
                cli_call_value (call, cases[i].option));
  }
}

static void
explains_bad_lines (void **state G_GNUC_UNUSED) {
  static const struct {
    const char *line, *message;
  } cases[] = {
    { "statsu", "unknown verb 'statsu': did you mean 'status'?\nusage: vfpool " },
    { "aquire", "unknown verb 'aquire': did you mean 'acquire'?\n" },
    { "request", "'request' needs a second word: expected one of 'request add', 'request list', 'request remove'\n" },
    { "request web add", "'request' needs a second word" },
    { "request --verbose add web", "'request' needs a second word" },
    { "detach", "'detach' needs GUEST\nusage: vfpool detach [--wait SECONDS] GUEST SLOT" },
    { "detach web", "'detach' needs SLOT\n" },
    { "detach web net0 net1", "'detach' does not know what to do with 'net1'\n" },
    { "start web db", "'start' does not know what to do with 'db'\n" },
    { "attach web", "'attach' needs --pool POOL\n" },
    { "start web --root /tmp", "--root does not go with 'start', which knows this host's guests only\n" },
    { "request add web --pool lan --numa required", "'request add' has no option --numa" },
    { "aqcuier", "unknown verb 'aqcuier': did you mean 'acquire'?\n" },
    { "recon", "unknown verb 'recon': did you mean 'reconcile'?\n" },
    { "frobnicate", "unknown verb 'frobnicate'\nusage: vfpool " },
    { "x", "unknown verb 'x'\n" },
    { "status --jsn", "'status' has no option --jsn: did you mean --json?\nusage: vfpool status [--cluster] [--json]" },
    { "status --guest x", "'status' has no option --guest\n" },
    { "acquire --gest manual/a",
      "'acquire' has no option --gest: did you mean --guest?\nusage: vfpool acquire --guest" },
    { "acquire --rot /x", "'acquire' has no option --rot: did you mean --root?\n" },
    { "acquire", "'acquire' needs --guest KIND/ID\n" },
    { "acquire --guest manual/a", "'acquire' needs --pool POOL\n" },
    { "acquire --guest --pool p", "--guest needs a value: --guest KIND/ID\n" },
    { "acquire --pool p --guest", "--guest needs a value: --guest KIND/ID\n" },
    { "acquire --pool= --guest a", "--pool needs a value: --pool POOL\n" },
    { "acquire --guest a --pool p --pool q", "--pool was given twice\n" },
    { "acquire --guest a --pool p --antiaffinity pf",
      "'acquire' has no option --antiaffinity: did you mean --anti-affinity?\n" },
    { "acquire --guest a --pool p --all-functions=2", "--all-functions takes no value, but '2' was given\n" },
    { "release", "'release' needs exactly one of its options\nusage: vfpool release [--guest KIND/ID]" },
    { "release --guest manual/a --quarantined 03:10.0", "'release' needs exactly one of its options" },
    { "release manual/a", "'release' does not know what to do with 'manual/a'\n" },
    { "cordon", "'cordon' needs ADDRESS\nusage: vfpool cordon [--reason TEXT] ADDRESS" },
    { "cordon --reason why", "'cordon' needs ADDRESS\n" },
    { "cordon 03:00.0 04:00.0", "'cordon' does not know what to do with '04:00.0'\n" },
    { "cordon 03:00.0 --reason", "--reason needs a value: --reason TEXT\n" },
    { "uncordon", "'uncordon' needs ADDRESS\nusage: vfpool uncordon ADDRESS" },
    { "uncordon 03:00.0 --reason why", "'uncordon' has no option --reason\n" },
    { "forget --guest manual/a --days 3", "'forget' takes one of its options, not several\n" },
    { "forget manual/a", "'forget' does not know what to do with 'manual/a'\n" },
    { "plan",
      "'plan' needs one of --guest KIND/ID, --domain FILE and --vmid VMID\nusage: vfpool plan [--guest KIND/ID]" },
    { "plan --pool lan --json", "'plan' needs one of --guest KIND/ID, --domain FILE and --vmid VMID\n" },
    { "plan --guest manual/a", "--guest needs --pool POOL\n" },
    { "plan --domain a --vmid 101", "--domain and --vmid name two guests: plan for one at a time\n" },
    { "plan --domain a --guest manual/a",
      "--guest does not go with --domain: who asks for what stands in the domain's XML\n" },
    { "plan --domain a --anti-affinity pf", "--anti-affinity does not go with --domain: " },
    { "plan --vmid 101 --pool lan",
      "--pool does not go with --vmid: who asks for what stands in the virtual machine's configuration\n" },
    { "plan --vmid 101 --all-functions", "--all-functions does not go with --vmid: " },
    { "--root /tmp/x plan --domain a", "--root does not go with --domain: libvirt's hook, " },
    { "plan --domain", "--domain needs a value: --domain FILE\n" },
    { "plan 101", "'plan' does not know what to do with '101'\n" },
    { "pve", "'pve' needs a second word: expected one of 'pve mapping'\nusage: vfpool " },
    { "pve maping lan", "'pve' needs a second word: expected one of 'pve mapping'\n" },
    { "pve mapping", "'pve mapping' needs POOL\nusage: vfpool pve mapping [--apply] POOL" },
    { "pve mapping lan wan", "'pve mapping' does not know what to do with 'wan'\n" },
    { "status --json=yes", "--json takes no value, but 'yes' was given\n" },
    { "status -j", "'status' has no option -j: options are written out" },
    { "up -- now", "'up' has no option --" },
    { "up now", "'up' does not know what to do with 'now'\n" },
    { "uncordon up down", "'uncordon' does not know what to do with 'down'\n" },
    { "--root", "--root needs a value: --root DIR\n" },
    { "--root= status", "--root needs a value: --root DIR\n" },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (CliCall) call = parse (cases[i].line, &error);

    assert_null (call);
    assert_true (g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_USAGE));
    if (!g_str_has_prefix (error->message, cases[i].message))
      fail_msg ("'%s': %s", cases[i].line, error->message);
    assert_non_null (strstr (error->message, "\nusage: vfpool"));
    assert_int_equal (cli_exit_status (error), 64);
  }
}

static void
survives_odd_words (void **state G_GNUC_UNUSED) {
  g_autofree char *huge = g_strnfill (100000, 'a');
  g_autofree char *huge_option = g_strconcat ("--", huge, NULL);
  char *lines[][2] = { { "vfpool", huge }, { "vfpool", huge_option }, { "vfpool", "" },    { "vfpool", "-" },
                       { "vfpool", "--" }, { "vfpool", "--=" },       { "vfpool", "\xff" } };

  for (size_t i = 0; i < G_N_ELEMENTS (lines); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (CliCall) call = cli_parse (2, lines[i], &error);

    assert_null (call);
    assert_true (g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_USAGE));
  }
}

static void
wants_root_only_for_this_host (void **state G_GNUC_UNUSED) {
  static const struct {
    const char *line;
    unsigned euid;
    gboolean is_refused;
  } cases[] = {
    { "up", 1000, TRUE },
    { "up", 0, FALSE },
    { "reconcile", 1000, TRUE },
    { "acquire --guest manual/a --pool p", 1000, TRUE },
    { "release --guest manual/a", 1000, TRUE },
    { "release --guest manual/a --root /tmp/x", 1000, FALSE },
    { "release --guest manual/a --root /", 1000, TRUE },
    { "release --guest manual/a --root //", 1000, TRUE },
    { "release --guest manual/a --root /tmp/..", 1000, TRUE },
    { "cordon 03:00.0", 1000, TRUE },
    { "uncordon 03:00.0", 1000, TRUE },
    { "forget", 1000, TRUE },
    { "status", 1000, FALSE },
    { "plan --guest manual/a --pool p", 1000, FALSE },
    { "plan --vmid 101", 1000, FALSE },
    { "check", 1000, FALSE },
    { "help", 1000, FALSE },
    { "start web", 1000, TRUE },
    { "attach web --pool lan", 1000, TRUE },
    { "detach web net0", 1000, TRUE },
    { "resolve", 1000, TRUE },
    { "request add web --pool lan", 1000, FALSE },
    { "request list web", 1000, FALSE },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (CliCall) call = parse (cases[i].line, NULL);

    assert_non_null (call);
    if (cli_call_is_refused (call, cases[i].euid) != cases[i].is_refused)
      fail_msg ("'%s' as %u", cases[i].line, cases[i].euid);
  }
}

/* Each verb has what help needs, and its help shows all of its options and an example that the parser takes. */
static void
helps_with_every_verb (void **state G_GNUC_UNUSED) {
  g_autofree char *overview = cli_help_overview ();

  for (const CliVerb *verb = cli_verbs; verb->name; verb++) {
    g_autofree char *help = cli_help_verb (verb);
    g_autofree char *prefix = g_strconcat ("vfpool ", verb->name, NULL);

    assert_non_null (strstr (overview, verb->summary));
    assert_non_null (strstr (help, verb->summary));
    assert_non_null (strstr (help, "example:\n  vfpool "));
    assert_non_null (strstr (help, prefix));
    for (const CliOption *option = verb->options; option && option->name; option++)
      assert_non_null (strstr (help, option->description));
    for (const char *c = help; *c; c++)
      assert_true (*c == '\n' || (*c >= 0x20 && *c < 0x7f));
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (understands_good_lines), cmocka_unit_test (explains_bad_lines),
    cmocka_unit_test (survives_odd_words),     cmocka_unit_test (wants_root_only_for_this_host),
    cmocka_unit_test (helps_with_every_verb),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
