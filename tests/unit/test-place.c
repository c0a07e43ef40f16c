/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where functions hang and which nodes and sockets the host has, from trees of files. */
#include "fixture.h"
#include "host.h"

#include <string.h>

/* ---- Functions ---- */

/* A function as sysfs has it: the device in the tree of /sys/devices, and a link to it. @above: "pci0000:00/0000:00:10.0". */
static void
add_device (Fixture *fx, const char *above, const char *bdf) {
  g_autofree char *file = g_strdup_printf ("/sys/devices/%s/%s/class", above, bdf);
  g_autofree char *link = g_strdup_printf ("/sys/bus/pci/devices/%s", bdf);
  g_autofree char *target = g_strdup_printf ("../../../devices/%s/%s", above, bdf);

  fixture_write (fx, file, "0x020000\n");
  fixture_link (fx, link, target);
}

static void
add_attribute (Fixture *fx, const char *bdf, const char *netdev, const char *name, const char *value) {
  g_autofree char *path = g_strdup_printf ("/sys/bus/pci/devices/%s/net/%s/%s", bdf, netdev, name);

  fixture_write (fx, path, "%s\n", value);
}

static const VfpoolPlace *
place_of (VfpoolHost *host, const char *bdf) {
  VfpoolFunction *function = vfpool_host_function (host, bdf);

  assert_non_null (function);
  vfpool_host_load_place (host, function);
  return function->place;
}

static void
assert_place (VfpoolHost *host, const char *bdf, const char *pf, const char *port, const char *card, const char *link) {
  const VfpoolPlace *place = place_of (host, bdf);

  if (strcmp (place->pf, pf) != 0 || strcmp (place->port, port) != 0 || strcmp (place->card, card) != 0
      || strcmp (place->link, link) != 0)
    fail_msg ("%s: pf %s, port %s, card %s, link %s", bdf, place->pf, place->port, place->card, place->link);
}

static void
test_links (void **state) {
  static const struct {
    const char *above, *bdf, *link;
  } cases[] = {
    { "pci0000:00/0000:00:10.0", "0000:01:00.0", "0000:00:10.0" },
    { "pci0000:80/0000:80:00.0", "0000:81:00.0", "0000:80:00.0" },
    { "pci0000:00/0000:00:03.1/0000:20:00.0/0000:21:01.0", "0000:22:00.1", "0000:00:03.1" },
    { "pci0000:00", "0000:00:1f.6", "0000:00:1f" },
    { "pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0", "10000:e1:00.0", "10000:e0:06.0" },
    { "platform/40000000.pcie/pci0002:00/0002:00:00.0", "0002:01:00.0", "0002:00:00.0" },
    { "pci0000:00/strange", "0000:03:00.0", "0000:03:00" },
  };
  Fixture *fx = fixture_new ();
  g_autoptr (VfpoolHost) host = vfpool_host_new (fx->root);
  (void)state;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *card = g_strndup (cases[i].bdf, strlen (cases[i].bdf) - 2);
    add_device (fx, cases[i].above, cases[i].bdf);
    assert_place (host, cases[i].bdf, cases[i].bdf, cases[i].bdf, card, cases[i].link);
  }
  /* A tree that has the devices themselves where the kernel has links. */
  fixture_add_pf (fx, "0000:05", 1, "igbvf", 10);
  assert_place (host, "0000:05:00.0", "0000:05:00.0", "0000:05:00.0", "0000:05:00", "0000:05:00");
  fixture_free (fx);
}

static void
test_vfs_share_the_place (void **state) {
  Fixture *fx = fixture_new ();
  g_autoptr (VfpoolHost) host = vfpool_host_new (fx->root);
  const VfpoolPlace *place;
  (void)state;

  fixture_add_pf (fx, "0000:01", 3, "igbvf", 10);
  fixture_add_pf (fx, "0000:02", 1, "igbvf", 20);
  add_attribute (fx, "0000:01:00.0", "eth0", "phys_port_id", "0a0b");
  place = place_of (host, "0000:01:10.0");
  assert_string_equal (place->pf, "0000:01:00.0");
  assert_string_equal (place->port, "0000:01:00/0a0b");
  assert_ptr_equal (place_of (host, "0000:01:10.4"), place);
  assert_ptr_equal (place_of (host, "0000:01:00.0"), place);
  assert_ptr_not_equal (place_of (host, "0000:02:10.0"), place);
  assert_string_equal (place_of (host, "0000:02:10.0")->pf, "0000:02:00.0");
  fixture_free (fx);
}

static void
test_ports (void **state) {
  Fixture *fx = fixture_new ();
  g_autoptr (VfpoolHost) host = vfpool_host_new (fx->root);
  (void)state;

  for (int i = 0; i < 7; i++) {
    g_autofree char *bdf = g_strdup_printf ("0000:01:00.%d", i);
    add_device (fx, "pci0000:00/0000:00:10.0", bdf);
  }
  /* Two PFs of one port by its id, one of another. */
  add_attribute (fx, "0000:01:00.0", "eth0", "phys_port_id", "b8cef6");
  add_attribute (fx, "0000:01:00.1", "eth1", "phys_port_id", "b8cef6");
  add_attribute (fx, "0000:01:00.2", "eth2", "phys_port_id", "b8cef7");
  /* In switch mode the representor of a VF comes first by name. */
  add_attribute (fx, "0000:01:00.3", "eth30", "phys_port_name", "pf0vf0");
  add_attribute (fx, "0000:01:00.3", "eth30", "phys_switch_id", "ffee");
  add_attribute (fx, "0000:01:00.3", "eth31", "phys_port_name", "p0");
  add_attribute (fx, "0000:01:00.3", "eth31", "phys_switch_id", "ffee");
  /* A name alone tells one port from another on no particular device; an empty answer is none. */
  add_attribute (fx, "0000:01:00.4", "eth4", "phys_port_name", "p0");
  add_attribute (fx, "0000:01:00.5", "eth5", "phys_port_id", "");
  add_attribute (fx, "0000:01:00.5", "eth5", "phys_port_name", "p0");
  add_attribute (fx, "0000:01:00.5", "eth5", "phys_switch_id", "");

  assert_string_equal (place_of (host, "0000:01:00.0")->port, "0000:01:00/b8cef6");
  assert_string_equal (place_of (host, "0000:01:00.1")->port, "0000:01:00/b8cef6");
  assert_string_equal (place_of (host, "0000:01:00.2")->port, "0000:01:00/b8cef7");
  assert_string_equal (place_of (host, "0000:01:00.3")->port, "0000:01:00/ffee-p0");
  assert_string_equal (place_of (host, "0000:01:00.4")->port, "0000:01:00.4");
  assert_string_equal (place_of (host, "0000:01:00.5")->port, "0000:01:00.5");
  assert_string_equal (place_of (host, "0000:01:00.6")->port, "0000:01:00.6");
  fixture_free (fx);
}

/* ---- Nodes ---- */

typedef struct {
  const char *cpus, *expected; /* "-" for NULL */
} Question;

typedef struct {
  const char *name;
  const char *nodes[4];   /* cpulist of node 0, 1 ...; NULL: there is no such node */
  const char *sockets[4]; /* the CPUs whose physical_package_id is 0, 1 ... */
  int only_node;
  Question nodes_of_cpus[5];
  Question socket_of_nodes[5];
} Topology;

static const Topology topologies[] = {
  { "two nodes, two sockets",
    { "0-3", "4-7" },
    { "0-3", "4-7" },
    -1,
    { { "0", "0" }, { "3-4", "0-1" }, { "7", "1" }, { "8-99", "-" } },
    { { "0", "0" }, { "1", "1" }, { "0-1", "0-1" }, { "2", "-" } } },
  { "CPUs in turn",
    { "0,2,4-5,8", "1,3,6-7" },
    { "0,2,4-5,8", "1,3,6-7" },
    -1,
    { { "0,2", "0" }, { "1,3", "1" }, { "5-6", "0-1" }, { "9", "-" } },
    { { "1", "1" } } },
  { "sub-NUMA clustering",
    { "0-1", "2-3", "4-5", "6-7" },
    { "0-3", "4-7" },
    -1,
    { { "2", "1" }, { "0-7", "0-3" }, { "3,4", "1-2" } },
    { { "0", "0-1" }, { "1", "0-1" }, { "2", "2-3" }, { "1,2", "0-3" } } },
  { "two sockets without a known number",
    { "0", "1" },
    { NULL },
    -1,
    { { "1", "1" } },
    { { "0", "0" }, { "1", "1" } } },
  { "memory only",
    { "0-3", "" },
    { "0-3" },
    -1,
    { { "0-99", "0" } },
    { { "0", "0" }, { "1", "1" }, { "0-1", "0-1" } } },
  { "two of memory only", { "", "0-3", "" }, { "0-3" }, -1, { { "0", "1" } }, { { "0", "0" }, { "2", "2" } } },
  { "offline CPUs, the first of a node too",
    { "2-3", "6" },
    { "0-3", "4-7" },
    -1,
    { { "0-1", "-" }, { "0-2", "0" }, { "4-7", "1" } },
    { { "1", "1" } } },
  { "node 1 alone", { NULL, "0-3" }, { "0-3" }, 1, { { "0", "1" } }, { { "1", "1" }, { "0", "-" } } },
  { "one node", { "0-7" }, { "0-7" }, 0, { { "7", "0" }, { "8", "-" } }, { { "0", "0" } } },
};

static void
write_topology (Fixture *fx, const Topology *topology) {
  /* These are no nodes. */
  fixture_write (fx, "/sys/devices/system/node/online", "0\n");
  fixture_write (fx, "/sys/devices/system/node/nodes/cpulist", "0-9\n");
  fixture_write (fx, "/sys/devices/system/node/node-1/cpulist", "0-9\n");
  for (guint i = 0; i < G_N_ELEMENTS (topology->nodes); i++) {
    g_autofree char *path = g_strdup_printf ("/sys/devices/system/node/node%u/cpulist", i), *wrong = NULL;
    g_autoptr (VfpoolNumbers) cpus = vfpool_numbers_parse (topology->sockets[i] ? topology->sockets[i] : "", &wrong);

    if (topology->nodes[i])
      fixture_write (fx, path, "%s\n", topology->nodes[i]);
    for (guint cpu = 0; cpus && cpu < 16; cpu++) {
      g_autofree char *id = g_strdup_printf ("/sys/devices/system/cpu/cpu%u/topology/physical_package_id", cpu);
      if (vfpool_numbers_contain (cpus, cpu))
        fixture_write (fx, id, "%u\n", i);
    }
  }
}

static void
assert_answers (VfpoolHost *host, const char *name, const Question *questions,
                VfpoolNumbers *(*ask) (VfpoolHost *, const VfpoolNumbers *)) {
  for (const Question *q = questions; q < questions + 5 && q->cpus; q++) {
    g_autofree char *wrong = NULL, *text = NULL;
    g_autoptr (VfpoolNumbers) cpus = vfpool_numbers_parse (q->cpus, &wrong);
    g_autoptr (VfpoolNumbers) answer = ask (host, cpus);

    text = answer ? vfpool_numbers_to_string (answer) : g_strdup ("-");
    if (strcmp (text, q->expected) != 0)
      fail_msg ("%s: %s gave %s, expected %s", name, q->cpus, text, q->expected);
  }
}

static void
test_nodes (void **state) {
  (void)state;

  for (guint i = 0; i < G_N_ELEMENTS (topologies); i++) {
    const Topology *t = &topologies[i];
    Fixture *fx = fixture_new ();
    g_autoptr (VfpoolHost) host = vfpool_host_new (fx->root);

    write_topology (fx, t);
    if (vfpool_host_only_node (host) != t->only_node)
      fail_msg ("%s: only node %d", t->name, vfpool_host_only_node (host));
    assert_answers (host, t->name, t->nodes_of_cpus, vfpool_host_nodes_of_cpus);
    assert_answers (host, t->name, t->socket_of_nodes, vfpool_host_socket_of_nodes);
    fixture_free (fx);
  }
}

static void
test_kernel_without_numa (void **state) {
  static const Question cpus[5] = { { "3", "0" }, { "8", "-" } }, nodes[5] = { { "0", "0" }, { "1", "-" } };
  Fixture *fx = fixture_new ();
  g_autoptr (VfpoolHost) host = vfpool_host_new (fx->root), nothing = vfpool_host_new (fx->root);
  (void)state;

  assert_int_equal (vfpool_host_only_node (nothing), 0);
  fixture_write (fx, "/sys/devices/system/cpu/online", "0-7\n");
  assert_int_equal (vfpool_host_only_node (host), 0);
  assert_answers (host, "no NUMA", cpus, vfpool_host_nodes_of_cpus);
  assert_answers (host, "no NUMA", nodes, vfpool_host_socket_of_nodes);
  fixture_free (fx);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_links), cmocka_unit_test (test_vfs_share_the_place), cmocka_unit_test (test_ports),
    cmocka_unit_test (test_nodes), cmocka_unit_test (test_kernel_without_numa),
  };

  return cmocka_run_group_tests_name ("place", tests, NULL, NULL);
}
