/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command adds to the program that speaks to libvirt: becoming it, and the faces of `vfpool request list`. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/part.h"
#include "cli/request-list.h"

#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char answer[] =
    "{'guest': <{'kind': <'libvirt'>, 'id': <'1111'>, 'name': <just 'web'>}>, 'slots': <["
    "{'slot': <'net0'>, 'pool': <'lan'>, 'mac': <just '52:54:00:00:00:01'>, 'vlan': <just 0>, 'functions': <@ms "
    "nothing>,"
    " 'teaming': <just 'ua-net'>},"
    "{'slot': <'gpu'>, 'pool': <'g\\u001b'>, 'mac': <@ms nothing>, 'vlan': <@mi nothing>, 'functions': <just 'all'>,"
    " 'teaming': <@ms nothing>}]>}";

static GVariant *
make (const char *text) {
  GVariant *made = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL);

  assert_non_null (made);
  return made;
}

static void
test_table (void **state G_GNUC_UNUSED) {
  g_autoptr (GVariant) full = make (answer), none = make ("{'slots': <@aa{sv} []>}");
  g_autofree char *text = cli_request_list_to_table (full), *nothing = cli_request_list_to_table (none);

  assert_string_equal (text, "SLOT  POOL  MAC                VLAN  FUNCTIONS  TEAMING\n"
                             "net0  lan   52:54:00:00:00:01     0  -          ua-net\n"
                             "gpu   g?    -                     -  all        -\n");
  assert_string_equal (nothing, "the guest asks for no VF of a pool\n");
}

static void
test_json (void **state G_GNUC_UNUSED) {
  g_autoptr (GVariant) full = make (answer);
  g_autofree char *text = cli_request_list_to_json (full);
  g_autoptr (JsonNode) got = json_from_string (text, NULL);
  g_autoptr (JsonNode) wanted = json_from_string (
      "{\"guest\":{\"kind\":\"libvirt\",\"id\":\"1111\",\"name\":\"web\"},\"slots\":["
      "{\"slot\":\"net0\",\"pool\":\"lan\",\"mac\":\"52:54:00:00:00:01\",\"vlan\":0,\"functions\":null,\"teaming\":"
      "\"ua-net\"},"
      "{\"slot\":\"gpu\",\"pool\":\"g\\u001b\",\"mac\":null,\"vlan\":null,\"functions\":\"all\",\"teaming\":null}]}",
      NULL);

  assert_true (json_node_equal (got, wanted));
  assert_null (strchr (text, '\033'));
}

/* It is the same process, with the libraries of the folder; a program that is not there is an error of the command. */
static void
test_become (void **state G_GNUC_UNUSED) {
  g_autoptr (GError) error = NULL;
  pid_t pid = fork ();
  int status;

  if (pid == 0) {
    g_autofree char *self = g_strdup_printf ("%d", getpid ());
    char *argv[] = { "/bin/sh", "-c", "[ $$ = \"$1\" ] && [ \"$LD_LIBRARY_PATH\" = /nowhere ] && exit 7",
                     "sh",      self, NULL };

    cli_part_become (argv, "/nowhere", NULL);
    _exit (1);
  }
  assert_int_equal (waitpid (pid, &status, 0), pid);
  assert_true (WIFEXITED (status));
  assert_int_equal (WEXITSTATUS (status), 7);

  assert_false (cli_part_become ((char *[]){ "/nowhere/program", NULL }, NULL, &error));
  assert_int_equal (cli_exit_status (error), 71);
  assert_non_null (strstr (error->message, "/nowhere/program cannot be run: "));
}

/* Where that part is not installed, the verbs say so. */
static void
test_missing (void **state G_GNUC_UNUSED) {
  char *argv[] = { "vfpool", "request", "list", "web", NULL };
  g_autoptr (CliCall) call = cli_parse (4, argv, NULL);
  g_autoptr (GError) error = NULL, second = NULL;

  if (g_file_test (cli_part_libvirt.installed, G_FILE_TEST_EXISTS))
    skip ();
  assert_false (call->verb->function (NULL, call, &error));
  assert_int_equal (cli_exit_status (error), 69);
  assert_non_null (strstr (error->message, "vfpool-libvirt is not there, which speaks to libvirt"));
  assert_false (cli_libvirt (NULL, call, &second));
  assert_string_equal (second->message, error->message);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_table),
    cmocka_unit_test (test_json),
    cmocka_unit_test (test_become),
    cmocka_unit_test (test_missing),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
