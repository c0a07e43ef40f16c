/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two faces of `vfpool status`, from dictionaries made by hand: every state, absent values, and nasty names. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/status.h"
#include "cli/table.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

/* clang-format off: the text below is laid out for its reader */
#define NOBODY                                                                                                         \
  "'guest': <@m(a{sv}) nothing>, 'slot': <@ms nothing>, 'mac': <@ms nothing>, 'vlan': <@mi nothing>,"                  \
  " 'since': <@mx nothing>"
#define HELD_BY(guest, slot)                                                                                           \
  "'guest': <@m(a{sv}) just (" guest ",)>, 'slot': <just '" slot "'>, 'since': <just int64 1763709510123456>"
#define NO_ATTRIBUTES ", 'mac': <@ms nothing>, 'vlan': <@mi nothing>"
#define NO_REASON ", 'reason': <@ms nothing>"
#define VF(address, index, driver, group, state)                                                                       \
  "'address': <'0000:01:" address "'>, 'pf': <just '0000:01:00.0'>, 'index': <" index ">, 'pool': <just 'lan'>,"       \
  "'driver': <" driver ">, 'iommu_group': <" group ">, 'numa_node': <0>,"                                              \
  "'vendor': <uint32 0x8086>, 'device': <uint32 0x10ca>, 'state': <'" state "'>, "

static const char whole_host[] =
    "{'pfs': <["
    "{'address': <'0000:01:00.0'>, 'driver': <just 'igb'>, 'netdev': <just 'enp1s0'>, 'numa_node': <-1>,"
    " 'totalvfs': <uint32 7>, 'numvfs': <uint32 7>, 'vendor': <uint32 0x8086>, 'device': <uint32 0x10c9>,"
    " 'cordoned': <false>, 'cordon_reason': <@ms nothing>},"
    "{'address': <'0000:04:00.0'>, 'driver': <@ms nothing>, 'netdev': <@ms nothing>, 'numa_node': <1>,"
    " 'totalvfs': <uint32 64>, 'numvfs': <uint32 0>, 'vendor': <uint32 0xdead>, 'device': <uint32 0x1>,"
    " 'cordoned': <true>, 'cordon_reason': <just 'new card'>}"
    "]>, 'pools': <["
    "{'name': <'lan'>, 'total': <uint32 6>, 'free': <uint32 1>, 'leased': <uint32 3>, 'quarantined': <uint32 1>,"
    " 'foreign': <uint32 1>, 'cordoned': <uint32 0>}"
    "]>, 'vfs': <["
    "{" VF ("10.0", "0", "just 'vfio-pci'", "12", "free") NOBODY NO_REASON
    "},"
    "{" VF ("10.2", "1", "just 'vfio-pci'", "13", "active")
        HELD_BY ("{'kind': <'libvirt'>, 'id': <'11111111-2222-3333-4444-555555555555'>, 'name': <just 'web'>}",
                 "net0") ", 'mac': <just '52:54:00:00:00:01'>, 'vlan': <just 100>" NO_REASON
                         ", 'cordoned': <true>, 'cordon_reason': <just 'it hangs'>},"
                         "{" VF ("10.4", "2", "just 'igbvf'", "14", "reserved")
                             HELD_BY ("{'kind': <'pve-qemu'>, 'id': <'101'>, 'name': <@ms nothing>}",
                                      "hostpci0") ", 'mac': <@ms nothing>, 'vlan': <just 0>" NO_REASON "},"
                                                  "{" VF ("10.6", "3", "@ms nothing", "15", "releasing") HELD_BY (
                                                      "{'kind': <'pve-lxc'>, 'id': <'200'>, 'name': <just ''>}", "net0")
                                                      NO_ATTRIBUTES NO_REASON
    "},"
    "{" VF ("11.0", "4", "@ms nothing", "16", "quarantined")
        HELD_BY ("{'kind': <'manual'>, 'id': <'dpdk'>, 'name': <@ms nothing>}", "slot0") NO_ATTRIBUTES
    ", 'reason': <just 'the MAC could not be put back'>},"
    "{" VF ("11.2", "5", "just 'vfio-pci'", "17", "foreign") NOBODY
    ", 'reason': <just 'held open by process 4711 (qemu)'>},"
    "{'address': <'0000:05:00.0'>, 'pf': <@ms nothing>, 'index': <-1>, 'pool': <@ms nothing>, 'driver': <just 'nvme'>,"
    " 'iommu_group': <-1>, 'numa_node': <-1>, 'vendor': <uint32 0x1b36>, 'device': <uint32 0x10>,"
    " 'state': <'free'>, " NOBODY NO_REASON "}"
    "]>}";
/* clang-format on */

static GVariant *
make_status (const char *text) {
  g_autoptr (GError) error = NULL;
  GVariant *status = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, &error);

  if (!status)
    fail_msg ("%s", error->message);
  return status;
}

static CliDeviceNames *
make_names (void) {
  static const char ids[] = "8086  Intel Corporation\n\t10c9  82576 Gigabit\n\t10ca  82576 Virtual Function\n"
                            "1b36  Red\xff Hat\n\t0010  Controller\n";
  g_autofree char *file = g_build_filename (g_get_tmp_dir (), "vfpool-test-ids-XXXXXX", NULL);
  CliDeviceNames *names;
  int fd = g_mkstemp (file);

  assert_true (fd >= 0);
  g_close (fd, NULL);
  assert_true (g_file_set_contents (file, ids, -1, NULL));
  names = cli_device_names_new (file);
  g_free (cli_device_names_lookup (names, 0x8086, 0x10ca));
  g_unlink (file);
  return names;
}

static JsonNode *
make_json (const char *text) {
  g_autoptr (GVariant) status = make_status (text);
  g_autoptr (CliDeviceNames) names = make_names ();
  g_autofree char *json = cli_status_to_json (status, names);
  g_autoptr (GError) error = NULL;
  JsonNode *root;

  assert_true (g_utf8_validate (json, -1, NULL));
  assert_true (g_str_has_suffix (json, "}\n"));
  root = json_from_string (json, &error);
  if (!root)
    fail_msg ("%s: %s", error->message, json);
  return root;
}

/* A member as text: null, a number, or a string in quotes. */
static char *
show (JsonObject *object, const char *key) {
  JsonNode *node = json_object_get_member (object, key);

  return node ? json_to_string (node, FALSE) : g_strdup ("(missing)");
}

static void
expect_members (JsonObject *object, const char *const *pairs) {
  guint n = 0;

  for (; pairs[0]; pairs += 2, n++) {
    g_autofree char *value = show (object, pairs[0]);

    if (strcmp (value, pairs[1]) != 0)
      fail_msg ("%s: %s, expected %s", pairs[0], value, pairs[1]);
  }
  assert_int_equal (json_object_get_size (object), n);
}

static JsonObject *
element (JsonNode *root, const char *array, guint i) {
  JsonArray *elements = json_object_get_array_member (json_node_get_object (root), array);

  assert_true (i < json_array_get_length (elements));
  return json_array_get_object_element (elements, i);
}

static void
json_shows_everything (void **state G_GNUC_UNUSED) {
  g_autoptr (JsonNode) root = make_json (whole_host);

  assert_int_equal (json_object_get_size (json_node_get_object (root)), 3);
  expect_members (element (root, "pfs", 0), (const char *const[]){ "address",
                                                                   "\"0000:01:00.0\"",
                                                                   "driver",
                                                                   "\"igb\"",
                                                                   "netdev",
                                                                   "\"enp1s0\"",
                                                                   "numa_node",
                                                                   "-1",
                                                                   "totalvfs",
                                                                   "7",
                                                                   "numvfs",
                                                                   "7",
                                                                   "vendor_id",
                                                                   "\"8086\"",
                                                                   "device_id",
                                                                   "\"10c9\"",
                                                                   "device_name",
                                                                   "\"Intel Corporation 82576 Gigabit\"",
                                                                   "cordoned",
                                                                   "false",
                                                                   "cordon_reason",
                                                                   "null",
                                                                   NULL });
  expect_members (element (root, "pfs", 1), (const char *const[]){ "address",
                                                                   "\"0000:04:00.0\"",
                                                                   "driver",
                                                                   "null",
                                                                   "netdev",
                                                                   "null",
                                                                   "numa_node",
                                                                   "1",
                                                                   "totalvfs",
                                                                   "64",
                                                                   "numvfs",
                                                                   "0",
                                                                   "vendor_id",
                                                                   "\"dead\"",
                                                                   "device_id",
                                                                   "\"0001\"",
                                                                   "device_name",
                                                                   "null",
                                                                   "cordoned",
                                                                   "true",
                                                                   "cordon_reason",
                                                                   "\"new card\"",
                                                                   NULL });
  expect_members (element (root, "pools", 0),
                  (const char *const[]){ "name", "\"lan\"", "total", "6", "free", "1", "leased", "3", "quarantined",
                                         "1", "foreign", "1", "cordoned", "0", NULL });
  expect_members (
      element (root, "vfs", 1),
      (const char *const[]){ "address",
                             "\"0000:01:10.2\"",
                             "pf",
                             "\"0000:01:00.0\"",
                             "index",
                             "1",
                             "pool",
                             "\"lan\"",
                             "driver",
                             "\"vfio-pci\"",
                             "iommu_group",
                             "13",
                             "numa_node",
                             "0",
                             "state",
                             "\"active\"",
                             "guest",
                             "{\"kind\":\"libvirt\",\"id\":\"11111111-2222-3333-4444-555555555555\",\"name\":\"web\"}",
                             "slot",
                             "\"net0\"",
                             "mac",
                             "\"52:54:00:00:00:01\"",
                             "vlan",
                             "100",
                             "since",
                             "\"2025-11-21T07:18:30Z\"",
                             "reason",
                             "null",
                             "vendor_id",
                             "\"8086\"",
                             "device_id",
                             "\"10ca\"",
                             "device_name",
                             "\"Intel Corporation 82576 Virtual Function\"",
                             "cordoned",
                             "true",
                             "cordon_reason",
                             "\"it hangs\"",
                             NULL });
  expect_members (element (root, "vfs", 6), (const char *const[]){ "address",
                                                                   "\"0000:05:00.0\"",
                                                                   "pf",
                                                                   "null",
                                                                   "index",
                                                                   "null",
                                                                   "pool",
                                                                   "null",
                                                                   "driver",
                                                                   "\"nvme\"",
                                                                   "iommu_group",
                                                                   "null",
                                                                   "numa_node",
                                                                   "-1",
                                                                   "state",
                                                                   "\"free\"",
                                                                   "guest",
                                                                   "null",
                                                                   "slot",
                                                                   "null",
                                                                   "mac",
                                                                   "null",
                                                                   "vlan",
                                                                   "null",
                                                                   "since",
                                                                   "null",
                                                                   "reason",
                                                                   "null",
                                                                   "vendor_id",
                                                                   "\"1b36\"",
                                                                   "device_id",
                                                                   "\"0010\"",
                                                                   "device_name",
                                                                   "\"Red\xef\xbf\xbd Hat Controller\"",
                                                                   "cordoned",
                                                                   "null",
                                                                   "cordon_reason",
                                                                   "null",
                                                                   NULL });
}

static void
json_shows_every_state (void **state G_GNUC_UNUSED) {
  static const struct {
    const char *state, *guest, *vlan, *reason;
  } cases[] = {
    { "\"free\"", "null", "null", "null" },
    { "\"active\"", NULL, "100", "null" },
    { "\"reserved\"", "{\"kind\":\"pve-qemu\",\"id\":\"101\",\"name\":null}", "0", "null" },
    { "\"releasing\"", "{\"kind\":\"pve-lxc\",\"id\":\"200\",\"name\":\"\"}", "null", "null" },
    { "\"quarantined\"", "{\"kind\":\"manual\",\"id\":\"dpdk\",\"name\":null}", "null",
      "\"the MAC could not be put back\"" },
    { "\"foreign\"", "null", "null", "\"held open by process 4711 (qemu)\"" },
  };
  g_autoptr (JsonNode) root = make_json (whole_host);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    JsonObject *vf = element (root, "vfs", i);
    g_autofree char *value = show (vf, "state");
    g_autofree char *guest = show (vf, "guest");
    g_autofree char *vlan = show (vf, "vlan");
    g_autofree char *reason = show (vf, "reason");

    assert_string_equal (value, cases[i].state);
    assert_string_equal (vlan, cases[i].vlan);
    assert_string_equal (reason, cases[i].reason);
    if (cases[i].guest)
      assert_string_equal (guest, cases[i].guest);
  }
}

/* An older or newer library: nothing, unknown keys, or other types, never stop the rest from being shown. */
static void
takes_less_than_promised (void **state G_GNUC_UNUSED) {
  static const char *const texts[] = {
    "@a{sv} {}",
    "{'pfs': <'none'>, 'pools': <@aa{sv} []>, 'vfs': <[@a{sv} {}]>}",
    "{'vfs': <[{'address': <5>, 'guest': <'me'>, 'since': <'now'>, 'vlan': <3.5>, 'vendor': <'x'>}]>}",
    "{'vfs': <[{'since': <just int64 9223372036854775807>, 'numa_node': <int64 3>}]>}",
    /* a guest without the tuple around it */
    "{'vfs': <[{'guest': <just {'kind': <'manual'>, 'id': <'a'>}>}]>}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GVariant) status = make_status (texts[i]);
    g_autoptr (JsonNode) root = make_json (texts[i]);
    g_autofree char *table = cli_status_to_table (status, NULL);

    assert_non_null (root);
    assert_true (g_str_has_prefix (table, "no pools are configured\n"));
  }
}

static void
table_is_aligned (void **state G_GNUC_UNUSED) {
  static const char expected[] =
      "POOL  TOTAL  FREE  LEASED  QUARANTINED  FOREIGN\n"
      "lan       6     1       3            1        1\n"
      "\n"
      "pool lan\n"
      "VF            STATE             GUEST                                               SLOT  "
      "    MAC                VLAN  "
      "SINCE             DRIVER    GROUP  NODE  DEVICE\n"
      "0000:01:10.0  free              -                                                   -     "
      "    -                     -  "
      "-                 vfio-pci     12     0  Intel Corporation 82576 Virtual Function\n"
      "0000:01:10.2  active, cordoned  libvirt/11111111-2222-3333-4444-555555555555 (web)  net0  "
      "    52:54:00:00:00:01   100  "
      "2025-11-21 07:18  vfio-pci     13     0  Intel Corporation 82576 Virtual Function\n"
      "    cordoned: it hangs\n"
      "0000:01:10.4  reserved          pve-qemu/101                                        "
      "hostpci0  -                     0  "
      "2025-11-21 07:18  igbvf        14     0  Intel Corporation 82576 Virtual Function\n"
      "0000:01:10.6  releasing         pve-lxc/200                                         net0  "
      "    -                     -  "
      "2025-11-21 07:18  -            15     0  Intel Corporation 82576 Virtual Function\n"
      "0000:01:11.0  quarantined       manual/dpdk                                         slot0 "
      "    -                     -  "
      "2025-11-21 07:18  -            16     0  Intel Corporation 82576 Virtual Function\n"
      "    reason: the MAC could not be put back\n"
      "0000:01:11.2  foreign           -                                                   -     "
      "    -                     -  "
      "-                 vfio-pci     17     0  Intel Corporation 82576 Virtual Function\n"
      "    reason: held open by process 4711 (qemu)\n"
      "\n"
      "in no pool, never handed out\n"
      "VF            STATE  DRIVER  DEVICE\n"
      "0000:05:00.0  free   nvme    Red\xef\xbf\xbd Hat Controller\n"
      "\n"
      "PF            STATE     DRIVER  NETDEV  NODE  VFS  OF  DEVICE\n"
      "0000:01:00.0  -         igb     enp1s0     -    7   7  Intel Corporation 82576 Gigabit\n"
      "0000:04:00.0  cordoned  -       -          1    0  64  -\n"
      "    cordoned: new card\n";
  g_autoptr (GVariant) status = make_status (whole_host);
  g_autoptr (CliDeviceNames) names = make_names ();
  g_autofree char *table = NULL;

  g_setenv ("TZ", "UTC", TRUE);
  table = cli_status_to_table (status, names);
  assert_string_equal (table, expected);
}

/* Nobody must take for free what will not be handed out; a reason that the PF has stands once. */
static void
table_shows_cordons (void **state G_GNUC_UNUSED) {
  static const char expected[] = "POOL  TOTAL  FREE  CORDONED\n"
                                 "lan       4     0         4\n"
                                 "san       1     1         -\n"
                                 "\n"
                                 "pool lan\n"
                                 "VF            STATE\n"
                                 "0000:01:10.0  cordoned\n"
                                 "0000:01:10.2  cordoned\n"
                                 "    cordoned: it hangs\n"
                                 "0000:01:10.4  quarantined, cordoned\n"
                                 "    reason: no\n"
                                 "    cordoned: it ?[2Jhangs\n"
                                 "0000:02:10.0  cordoned\n"
                                 "\n"
                                 "PF            STATE     VFS\n"
                                 "0000:01:00.0  cordoned    3\n"
                                 "    cordoned: new card\n"
                                 "0000:02:00.0  -           1\n";
#define CORDONED(address, pf, state, reason)                                                                           \
  "{'address': <'" address "'>, 'pf': <'" pf "'>, 'pool': <'lan'>, 'state': <'" state "'>, 'cordoned': <true>, "       \
  "'cordon_reason': <" reason ">"
  static const char
      text[] =
          "{'pfs': <[{'address': <'0000:01:00.0'>, 'numvfs': <3>, 'cordoned': <true>, 'cordon_reason': <just 'new "
          "card'>},"
          "{'address': <'0000:02:00.0'>, 'numvfs': <1>, 'cordoned': <false>, 'cordon_reason': <@ms nothing>}]>,"
          "'pools': <[{'name': <'lan'>, 'total': <4>, 'free': <0>, 'cordoned': <4>},"
          "{'name': <'san'>, 'total': <1>, 'free': <1>, 'cordoned': <0>}]>,"
          "'vfs': <[" CORDONED ("0000:01:10.0", "0000:01:00.0", "free", "just 'new card'") "}," CORDONED (
              "0000:01:10.2", "0000:01:00.0", "free",
              "just 'it hangs'") "}," CORDONED ("0000:01:10.4", "0000:01:00.0", "quarantined",
                                                "just 'it \033[2Jhangs'") ", 'reason': <just 'no'>}," CORDONED ("0000:"
                                                                                                                "02:10."
                                                                                                                "0",
                                                                                                                "0000:"
                                                                                                                "02:00."
                                                                                                                "0",
                                                                                                                "free",
                                                                                                                "@ms "
                                                                                                                "nothin"
                                                                                                                "g") "}"
                                                                                                                     "]"
                                                                                                                     ">"
                                                                                                                     "}";
#undef CORDONED
  g_autoptr (GVariant) status = make_status (text);
  g_autofree char *table = cli_status_to_table (status, NULL);

  assert_string_equal (table, expected);
}

static guint
count_lines (const char *text) {
  guint n = 0;

  for (; *text; text++)
    n += *text == '\n';
  return n;
}

/* A status with one VF whose guest is called @name. */
static GVariant *
make_named (const char *name) {
  GVariantDict guest, vf, status;
  GVariant *vfs;

  g_variant_dict_init (&guest, NULL);
  g_variant_dict_insert (&guest, "kind", "s", "manual");
  g_variant_dict_insert (&guest, "id", "s", "a");
  g_variant_dict_insert_value (&guest, "name", g_variant_new_maybe (NULL, g_variant_new_string (name)));
  g_variant_dict_init (&vf, NULL);
  g_variant_dict_insert (&vf, "address", "s", "0000:01:10.0");
  g_variant_dict_insert (&vf, "reason", "ms", name);
  g_variant_dict_insert_value (&vf, "guest", g_variant_new_maybe (NULL, g_variant_dict_end (&guest)));
  vfs = g_variant_dict_end (&vf);
  g_variant_dict_init (&status, NULL);
  g_variant_dict_insert_value (&status, "vfs", g_variant_new_array (NULL, &vfs, 1));
  return g_variant_ref_sink (g_variant_dict_end (&status));
}

static void
nasty_names_stay_in_their_cell (void **state G_GNUC_UNUSED) {
  g_autofree char *huge = g_strnfill (20000, 'x');
  const char *names[] = { "a\nb", "\033[2J\033[31mred", "\r\t\b\177", "\"},{\"state\":\"free", "\\", "</pre>", "%s%n",
                          /* right-to-left override, line separator, C1 control, wide characters */
                          "\xe2\x80\xae"
                          "abc",
                          "\xe2\x80\xa8",
                          "\xc2\x9b"
                          "31m",
                          "\xe4\xb8\xad\xe6\x96\x87", huge };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (GVariant) status = make_named (names[i]);
    g_autofree char *table = cli_status_to_table (status, NULL);
    g_autofree char *json = cli_status_to_json (status, NULL);
    g_autoptr (JsonNode) root = json_from_string (json, NULL);
    JsonObject *guest = json_object_get_object_member (element (root, "vfs", 0), "guest");

    /* "no pools", blank, heading, titles, the VF, its reason */
    assert_int_equal (count_lines (table), 6);
    for (const char *c = table; *c; c++)
      assert_true (*c == '\n' || ((unsigned char)*c >= 0x20 && *c != 0x7f));
    assert_null (strstr (table, "\xe2\x80\xae"));
    assert_null (strstr (table, "\xc2\x9b"));
    assert_string_equal (json_object_get_string_member (guest, "name"), names[i]);
  }
}

static void
monstrous_cells_are_cut (void **state G_GNUC_UNUSED) {
  static const CliColumn columns[] = { { "A" }, { "B" }, {} };
  g_autoptr (CliTable) table = cli_table_new (columns);
  g_autoptr (GString) out = g_string_new (NULL);
  char *wide[] = { g_strnfill (100, 'w'), g_strnfill (100, 'w') };
  char *cjk[] = { g_strdup ("\xe4\xb8\xad"), g_strdup ("x") };
  g_auto (GStrv) lines = NULL;

  cli_table_add (table, wide);
  cli_table_add (table, cjk);
  cli_table_print (table, out);
  lines = g_strsplit (out->str, "\n", -1);
  /* 60 for the first column, 2 between, all of the last */
  assert_int_equal (strlen (lines[1]), 60 + 2 + 100);
  assert_true (g_str_has_prefix (lines[1] + 56, "w...  w"));
  /* a character of three bytes that takes two columns of the terminal */
  assert_int_equal (strlen (lines[2]), 3 + 58 + 2 + 1);
}

/* libpci ends the program on a damaged database, if it is let. */
static void
survives_damaged_names (void **state G_GNUC_UNUSED) {
  g_autofree char *file = g_build_filename (g_get_tmp_dir (), "vfpool-test-ids-XXXXXX", NULL);
  g_autoptr (CliDeviceNames) names = NULL;
  g_autoptr (CliDeviceNames) absent = cli_device_names_new ("/nonexistent/pci.ids");
  int fd = g_mkstemp (file);

  assert_true (fd >= 0);
  g_close (fd, NULL);
  assert_true (g_file_set_contents (file, "8086  Intel\n\t10ca  VF\n%%garbage\n", -1, NULL));
  names = cli_device_names_new (file);
  for (int i = 0; i < 2; i++) {
    g_autofree char *name = cli_device_names_lookup (names, 0x8086, 0x10ca);

    assert_null (name);
  }
  assert_null (cli_device_names_lookup (absent, 0x8086, 0x10ca));
  g_unlink (file);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (json_shows_everything),    cmocka_unit_test (json_shows_every_state),
    cmocka_unit_test (takes_less_than_promised), cmocka_unit_test (table_is_aligned),
    cmocka_unit_test (table_shows_cordons),      cmocka_unit_test (nasty_names_stay_in_their_cell),
    cmocka_unit_test (monstrous_cells_are_cut),  cmocka_unit_test (survives_damaged_names),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
