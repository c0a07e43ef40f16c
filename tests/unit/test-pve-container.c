/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Containers in the hookscript: what their notes may say, what is added to LXC's configuration and taken out of it again, and the
 * phases over a tree of files. Its VFs have no driver but an interface, so that nothing has to be unbound.
 */
#include "fixture.h"

#include <glib/gstdio.h>
#include <string.h>

#include "pve-hookscript/container-config.h"
#include "pve-hookscript/hookscript.h"
#include "pve-hookscript/lxc-config.h"
#include "pve-hookscript/note-lines.h"

#define A "0000:01:10.0"
#define B "0000:01:10.2"
#define LXC "/var/lib/lxc/101/config"
#define GENERATED "lxc.uts.name = ct\nlxc.net.0.type = veth\nlxc.net.0.name = eth0\n"
#define BEGIN "# vfpool: begin; what stands up to the end is made anew at each start\n"
#define END "# vfpool: end\n"

/* ---- Notes ---- */

static char *
words_of (const char *text) {
  g_autoptr (GPtrArray) lines = pve_note_lines (text, strlen (text));
  GString *all = g_string_new (NULL);

  for (guint i = 0; i < lines->len; i++) {
    const PveNoteLine *line = g_ptr_array_index (lines, i);
    g_autofree char *words = g_strjoinv ("|", line->words);
    g_string_append_printf (all, "%d:%s;", line->number, words);
  }
  return g_string_free (all, FALSE);
}

static void
test_note_lines (void **state) {
  static const struct {
    const char *text;
    const char *expected;
  } cases[] = {
    { "", "" },
    { "#vfpool: net1 pool=lan\n", "1:net1|pool=lan;" },
    { "hostname: x\n#a\n# vfpool%3A net1 mac=52%3A54%3A00%3Aaa%3A00%3A01\n", "3:net1|mac=52:54:00:aa:00:01;" },
    { "#vfpool: net1  pool=lan,\tvlan=5\r\n#VFpool:x\n", "1:net1|pool=lan|vlan=5;2:x;" },
    { "#- `vfpool: net1 pool=lan`\n#<!-- vfpool: a b -->\n#> *vfpool: c d*<br>\n", "1:net1|pool=lan;2:a|b;3:c|d;" },
    { "#about vfpool: nothing\nvfpool: net1\n", "" },
    { "#vfpool:\n#vfpool:%00%zz\n", "1:;2:%zz;" },
    { "[snap]\n#vfpool: net1 pool=lan\n", "" },
    { "#vfpool: last", "1:last;" },
    { "#vfpool: a%0Alxc.x = y\n", "1:a\nlxc.x|=|y;" },
  };
  (void)state;

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *words = words_of (cases[i].text);
    if (strcmp (words, cases[i].expected) != 0)
      fail_msg ("case %zu: %s", i, words);
  }
}

static PveContainerConfig *
parse (const char *text, GError **error) {
  return pve_container_config_parse (text, strlen (text), error);
}

static void
test_requests (void **state) {
  g_autoptr (PveContainerConfig) config =
      parse ("hostname: web \n"
             "#vfpool: net1 pool=lan name=eth1 mac=52:54:00:aa:00:01 vlan=100 mtu=9000\n"
             "#vfpool: net2 pool=wan\n"
             "#vfpool: dpdk0 driver=vfio pool=lan vlan=0\n"
             "[snap]\nhostname: old\n",
             NULL);
  const PveContainerSlot *slot;
  (void)state;

  assert_non_null (config);
  assert_string_equal (config->name, "web");
  assert_int_equal (config->slots->len, 3);
  slot = g_ptr_array_index (config->slots, 0);
  assert_string_equal (slot->slot, "net1");
  assert_string_equal (slot->pool, "lan");
  assert_string_equal (slot->name, "eth1");
  assert_string_equal (slot->mac, "52:54:00:aa:00:01");
  assert_int_equal (slot->vlan, 100);
  assert_int_equal (slot->mtu, 9000);
  assert_int_equal (slot->driver, VFPOOL_DRIVER_HOST);
  slot = g_ptr_array_index (config->slots, 1);
  assert_string_equal (slot->name, "net2");
  assert_null (slot->mac);
  assert_int_equal (slot->vlan, VFPOOL_VLAN_UNSET);
  assert_int_equal (slot->mtu, 0);
  slot = g_ptr_array_index (config->slots, 2);
  assert_null (slot->name);
  assert_int_equal (slot->driver, VFPOOL_DRIVER_VFIO);
  assert_int_equal (slot->vlan, 0);
}

static void
test_bad_requests (void **state) {
  static const struct {
    const char *line; /* behind "#vfpool: " */
    const char *part;
  } cases[] = {
    { "", "3: the slot that it is for comes first" },
    { "pool=lan", "3: the slot that it is for comes first" },
    { "net1", "3: it names no pool" },
    { "net1 vlan=1", "it names no pool" },
    { "net1 pool", "'pool' is no KEY=VALUE" },
    { "net1 pool=", "'pool=' is no KEY=VALUE" },
    { "net1 pool=lan pol=x", "unknown key 'pol'" },
    { "net1 pool=lan pool=wan", "pool= stands there twice" },
    { "net1 pool=lan vlan=4095", "vlan=4095: expected a number from 0 to 4094" },
    { "net1 pool=lan vlan=-1", "expected a number" },
    { "net1 pool=lan mtu=67", "expected a number from 68 to 65535" },
    { "net1 pool=lan mtu=1500x", "expected a number" },
    { "net1 pool=lan name=eth0/1", "expected 1 to 15 of" },
    { "net1 pool=lan name=..", "expected 1 to 15 of" },
    { "net1 pool=lan name=.", "expected 1 to 15 of" },
    { "net1 pool=lan name=sixteen-letters-", "expected 1 to 15 of" },
    { "net1 pool=lan name=eth0%0Alxc.hook.start=/x", "expected 1 to 15 of" },
    { "net1 pool=lan driver=igbvf", "expected host or vfio" },
    { "net1 pool=lan driver=vfio name=eth1", "name= and mtu= are a network interface's" },
    { "net1 pool=lan driver=vfio mtu=1500", "name= and mtu= are a network interface's" },
    { "a-slot-longer-than-that pool=lan", "say with name= what" },
  };
  (void)state;

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = g_strdup_printf ("hostname: x\n\n#vfpool: %s\n", cases[i].line);
    GError *error = NULL;

    assert_null (parse (text, &error));
    assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, cases[i].part);
  }
}

/* ---- LXC's configuration ---- */

static void
assert_text (const PveLxcConfig *config, const char *expected) {
  g_autofree char *text = pve_lxc_config_to_string (config);

  assert_string_equal (text, expected);
}

static void
test_lxc_lines (void **state) {
  g_autoptr (PveLxcConfig) config = pve_lxc_config_parse (GENERATED, NULL);
  (void)state;

  assert_text (config, GENERATED);
  assert_false (pve_lxc_config_is_unprivileged (config));
  assert_true (pve_lxc_config_add_interface (config, "enp1s0v0", "eth1", 0, NULL));
  assert_true (pve_lxc_config_add_interface (config, "enp1s0v1", "eth2", 9000, NULL));
  pve_lxc_config_add_device (config, "vfio/vfio", 10, 196);
  pve_lxc_config_add_device (config, "vfio/7", 242, 0);
  pve_lxc_config_add_device (config, "vfio/vfio", 10, 196);
  assert_text (config, GENERATED BEGIN
               "lxc.net.1.type = phys\nlxc.net.1.link = enp1s0v0\nlxc.net.1.name = eth1\nlxc.net.1.flags = up\n"
               "lxc.net.2.type = phys\nlxc.net.2.link = enp1s0v1\nlxc.net.2.name = eth2\nlxc.net.2.flags = up\n"
               "lxc.net.2.mtu = 9000\n"
               "lxc.cgroup2.devices.allow = c 10:196 rwm\n"
               "lxc.mount.entry = /dev/vfio/vfio dev/vfio/vfio none bind,create=file\n"
               "lxc.cgroup2.devices.allow = c 242:0 rwm\n"
               "lxc.mount.entry = /dev/vfio/7 dev/vfio/7 none bind,create=file\n" END);
}

/* What was added is taken out, wherever it stands, and does not count. */
static void
test_lxc_again (void **state) {
  static const char *const before[] = { GENERATED, "lxc.net.4.type=veth\n\tlxc.net.12.name=b\nlxc.idmap = u 0 1 2\n",
                                        "" };
  (void)state;

  for (size_t i = 0; i < G_N_ELEMENTS (before); i++) {
    g_autofree char *text = g_strconcat (before[i], BEGIN "lxc.net.90.name = eth1\n" END, NULL);
    g_autoptr (PveLxcConfig) config = pve_lxc_config_parse (text, NULL);
    g_autofree char *expected = NULL;
    const int next[] = { 1, 13, 0 };

    assert_text (config, before[i]);
    assert_int_equal (pve_lxc_config_is_unprivileged (config), i == 1);
    assert_true (pve_lxc_config_reserve_name (config, "eth1", NULL));
    assert_true (pve_lxc_config_add_interface (config, "a", "eth1", 0, NULL));
    expected = g_strdup_printf ("%s" BEGIN "lxc.net.%d.type = phys\nlxc.net.%d.link = a\nlxc.net.%d.name = eth1\n"
                                "lxc.net.%d.flags = up\n" END,
                                before[i], next[i], next[i], next[i], next[i]);
    assert_text (config, expected);
  }
}

static void
test_lxc_refused (void **state) {
  g_autoptr (PveLxcConfig) config = pve_lxc_config_parse (GENERATED, NULL);
  GError *error = NULL;
  (void)state;

  assert_false (pve_lxc_config_reserve_name (config, "eth0", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "another interface called eth0");
  assert_true (pve_lxc_config_reserve_name (config, "eth1", NULL));
  assert_false (pve_lxc_config_reserve_name (config, "eth1", NULL));
  assert_false (pve_lxc_config_add_interface (config, "e\nlxc.hook.start = /x", "eth1", 0, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "'e?lxc.hook.start = /x' cannot stand in LXC's configuration");
  assert_false (pve_lxc_config_add_interface (config, "e", "a b", 0, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "'a b' cannot stand");
  assert_text (config, GENERATED);
  assert_null (pve_lxc_config_parse (GENERATED BEGIN "lxc.net.1.type = phys\n", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "is not followed by");
}

/* ---- The phases ---- */

typedef struct {
  Fixture *fx;
  PvePaths *paths;
} Test;

static int
setup (void **state) {
  Test *t = g_new0 (Test, 1);

  t->fx = fixture_new ();
  fixture_add_pf (t->fx, "0000:01", 2, NULL, 10);
  fixture_add_pf (t->fx, "0000:02", 1, "vfio-pci", 20);
  fixture_config (t->fx, "[pf 0000:01:00.0]\npark=none\n[pool lan]\nmembers=pf=0000:01:00.0\nmac=keep\n"
                         "[pool fast]\nmembers=pf=0000:02:00.0\n[vfpool]\nrelease-wait=0\n");
  fixture_write (t->fx, "/sys/bus/pci/drivers_probe", "%s", "");
  fixture_write (t->fx, "/sys/bus/pci/devices/" A "/net/enp1s0v0/ifindex", "7\n");
  fixture_write (t->fx, "/sys/bus/pci/devices/" B "/net/enp1s0v1/ifindex", "8\n");
  fixture_write (t->fx, "/sys/class/vfio/20/dev", "242:3\n");
  fixture_write (t->fx, "/sys/class/misc/vfio/dev", "10:196\n");
  fixture_write (t->fx, LXC, GENERATED);
  fixture_write (t->fx, "/proc/net/unix", "Num\n");
  t->paths = pve_paths_new (t->fx->root, NULL, NULL);
  *state = t;
  return 0;
}

static int
teardown (void **state) {
  Test *t = *state;

  pve_paths_free (t->paths);
  fixture_free (t->fx);
  g_free (t);
  return 0;
}

static void
ct (Test *t, const char *lines) {
  fixture_write (t->fx, "/etc/pve/lxc/101.conf", "%shostname: ct\n", lines);
}

static gboolean
run (Test *t, const char *phase, GError **error) {
  return pve_hookscript_run (t->paths, "101", phase, error);
}

/* "SLOT=BDF" for each lease, in the order of addresses. */
static void
assert_leases (Test *t, const char *expected) {
  g_autoptr (Vfpool) vfpool = vfpool_open (t->fx->root, NULL, NULL, NULL);
  g_autoptr (GPtrArray) leases = vfpool_leases (vfpool, NULL);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);

    assert_int_equal (vfpool_lease_get_guest_kind (lease), VFPOOL_GUEST_PVE_LXC);
    g_string_append_printf (text, "%s%s=%s", i ? " " : "", vfpool_lease_get_slot (lease),
                            vfpool_lease_get_address (lease));
  }
  assert_string_equal (text->str, expected);
}

static void
assert_lxc (Test *t, const char *expected) {
  g_autofree char *path = g_strconcat (t->fx->root, LXC, NULL), *text = NULL;

  assert_true (g_file_get_contents (path, &text, NULL, NULL));
  assert_string_equal (text, expected);
}

#define INTERFACE(n, link, name)                                                                                       \
  "lxc.net." n ".type = phys\nlxc.net." n ".link = " link "\nlxc.net." n ".name = " name "\nlxc.net." n ".flags = "    \
  "up\n"

static void
test_start_stop (void **state) {
  Test *t = *state;
  const char *expected = GENERATED BEGIN INTERFACE ("1", "enp1s0v0", "eth1")
      INTERFACE ("2", "enp1s0v1", "net2") "lxc.net.2.mtu = 1400\n" END;

  ct (t, "#vfpool: net1 pool=lan name=eth1\n#vfpool: net2 pool=lan mtu=1400\n");
  for (int i = 0; i < 2; i++) {
    assert_true (run (t, "pre-start", NULL));
    assert_lxc (t, expected);
    assert_leases (t, "net1=" A " net2=" B);
  }
  assert_true (run (t, "post-start", NULL) && run (t, "pre-stop", NULL));
  assert_lxc (t, expected);
  assert_true (run (t, "post-stop", NULL));
  assert_lxc (t, GENERATED);
  assert_leases (t, "");
}

static void
test_vfio (void **state) {
  Test *t = *state;

  ct (t, "#vfpool: dpdk0 pool=fast driver=vfio\n#vfpool: net1 pool=lan\n");
  assert_true (run (t, "pre-start", NULL));
  assert_lxc (t, GENERATED BEGIN
              "lxc.cgroup2.devices.allow = c 10:196 rwm\n"
              "lxc.mount.entry = /dev/vfio/vfio dev/vfio/vfio none bind,create=file\n"
              "lxc.cgroup2.devices.allow = c 242:3 rwm\n"
              "lxc.mount.entry = /dev/vfio/20 dev/vfio/20 none bind,create=file\n" INTERFACE ("1", "enp1s0v0", "net1")
                  END);
  assert_leases (t, "net1=" A " dpdk0=0000:02:10.0");
  /* Its configuration is gone, as after the container was moved to another node. */
  fixture_remove (t->fx, "/var/lib/lxc/101");
  assert_true (run (t, "post-stop", NULL));
  assert_leases (t, "");
}

/* What asks for nothing is not touched, not even read. */
static void
test_nothing (void **state) {
  Test *t = *state;

  ct (t, "#just a container\n");
  fixture_remove (t->fx, LXC);
  assert_true (run (t, "pre-start", NULL));
  assert_true (run (t, "post-stop", NULL));
}

/* Whatever fails, LXC's configuration is as it was, and nothing is leased that was not before. */
static void
test_failures (void **state) {
  static const struct {
    const char *notes;
    const char *removed; /* or NULL */
    int code;
    const char *part;
  } cases[] = {
    { "#vfpool: a pool=lan\n#vfpool: b pool=lan\n#vfpool: c pool=lan\n", NULL, VFPOOL_ERROR_NO_FREE_VF,
      "container 101: " },
    { "#vfpool: a pool=lan\n#vfpool: a pool=lan name=x\n", NULL, VFPOOL_ERROR_BAD_INPUT,
      "101.conf:2: slot 'a' stands twice" },
    { "#vfpool: a pool=lan mac=01:00:00:00:00:00\n", NULL, VFPOOL_ERROR_BAD_INPUT, "101.conf:1: slot 'a': '01:00" },
    { "#vfpool: a pool=lan vlan=x\n", NULL, VFPOOL_ERROR_BAD_INPUT, "101.conf:1: vlan=x" },
    { "#vfpool: a pool=none\n", NULL, VFPOOL_ERROR_BAD_INPUT, "asks for pool 'none'" },
    { "#vfpool: a pool=lan name=eth0\n", NULL, VFPOOL_ERROR_BAD_INPUT,
      "slot 'a': the container has another interface" },
    { "#vfpool: a pool=lan name=e\n#vfpool: b pool=lan name=e\n", NULL, VFPOOL_ERROR_BAD_INPUT,
      "slot 'b': the container" },
    { "#vfpool: a pool=lan\n#vfpool: b pool=fast driver=vfio\n", "/sys/class/vfio/20", VFPOOL_ERROR_NOT_FOUND,
      "slot 'b': " },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    Test *t;
    GError *error = NULL;

    setup ((void **)&t);
    ct (t, cases[i].notes);
    if (cases[i].removed)
      fixture_remove (t->fx, cases[i].removed);
    assert_false (run (t, "pre-start", &error));
    assert_vfpool_error (&error, cases[i].code, cases[i].part);
    assert_lxc (t, GENERATED);
    assert_leases (t, "");
    teardown ((void **)&t);
  }
  (void)state;
}

/* A container that is started again after a start that never came to its end keeps what it has, also when this one fails. */
static void
test_failure_keeps_earlier (void **state) {
  Test *t = *state;
  GError *error = NULL;

  ct (t, "#vfpool: a pool=lan\n");
  assert_true (run (t, "pre-start", NULL));
  fixture_write (t->fx, LXC, GENERATED);
  ct (t, "#vfpool: a pool=lan\n#vfpool: b pool=fast driver=vfio\n");
  fixture_remove (t->fx, "/sys/class/misc");
  assert_false (run (t, "pre-start", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_NOT_FOUND, "slot 'b'");
  assert_leases (t, "a=" A);
  assert_lxc (t, GENERATED);
}

/* What the unit does before it starts LXC: nothing after pre-start; what pre-start does, when LXC's configuration was written anew;
 * nothing for a container without a hookscript, or that asks for nothing, whatever state vfpool is in. */
static void
test_unit (void **state) {
  Test *t = *state;
  const char *expected = GENERATED BEGIN INTERFACE ("1", "enp1s0v0", "a") END;
  g_autoptr (Vfpool) vfpool = NULL;
  GError *error = NULL;

  ct (t, "#vfpool: a pool=lan\n");
  assert_true (pve_hookscript_start_unit (t->paths, "101", NULL));
  assert_leases (t, "");
  ct (t, "#vfpool: a pol=lan\n");
  assert_true (pve_hookscript_start_unit (t->paths, "101", NULL));
  ct (t, "#vfpool: a pol=lan\nhookscript: local:snippets/vfpool\n");
  assert_false (pve_hookscript_start_unit (t->paths, "101", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "unknown key 'pol'");
  ct (t, "#vfpool: a pool=lan\nhookscript: local:snippets/vfpool\n");
  assert_true (run (t, "pre-start", NULL));
  assert_lxc (t, expected);
  fixture_remove (t->fx, "/sys/bus/pci/devices/" A "/net");
  assert_true (pve_hookscript_start_unit (t->paths, "101", NULL));
  assert_lxc (t, expected);
  fixture_write (t->fx, "/sys/bus/pci/devices/" A "/net/enp1s0v0/ifindex", "7\n");
  fixture_write (t->fx, LXC, GENERATED);
  assert_true (pve_hookscript_start_unit (t->paths, "101", NULL));
  assert_lxc (t, expected);
  assert_leases (t, "a=" A);
  vfpool = vfpool_open (t->fx->root, NULL, NULL, NULL);
  assert_true (vfpool_release (vfpool, VFPOOL_GUEST_PVE_LXC, "101", NULL));
  assert_true (pve_hookscript_start_unit (t->paths, "101", NULL));
  assert_lxc (t, expected);
  assert_leases (t, "a=" A);
  fixture_config (t->fx, "[broken");
  fixture_write (t->fx, LXC, GENERATED);
  assert_false (pve_hookscript_start_unit (t->paths, "101", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_CONFIG, "vfpool.conf");
  ct (t, "hookscript: local:snippets/vfpool\n");
  assert_true (pve_hookscript_start_unit (t->paths, "101", NULL));
  assert_true (pve_hookscript_start_unit (t->paths, "102", NULL));
}

/* Which container it is, decides the file in the cluster's folder. */
static void
test_plan (void **state) {
  Test *t = *state;
  GError *error = NULL;

  ct (t, "#vfpool: a pool=lan vlan=x\n");
  assert_false (pve_hookscript_plan (t->paths, "101", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "101.conf:1: vlan=x");
  ct (t, "#vfpool: a pool=lan\n");
  assert_true (pve_hookscript_plan (t->paths, "101", NULL));
  assert_leases (t, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_note_lines),
    cmocka_unit_test (test_requests),
    cmocka_unit_test (test_bad_requests),
    cmocka_unit_test (test_lxc_lines),
    cmocka_unit_test (test_lxc_again),
    cmocka_unit_test (test_lxc_refused),
    cmocka_unit_test (test_failures),
    TEST (test_start_stop),
    TEST (test_vfio),
    TEST (test_nothing),
    TEST (test_failure_keeps_earlier),
    TEST (test_unit),
    TEST (test_plan),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
