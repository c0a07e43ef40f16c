/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The snapshot: what is read out of sysfs and /proc, from a tree of files. */
#include "fixture.h"
#include "guest.h"
#include "holder.h"
#include "host.h"
#include "sysfs.h"

#define UUID "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90"

static void
test_functions (void **state) {
  Fixture *fx = fixture_new ();
  g_autoptr (VfpoolHost) host = vfpool_host_new (fx->root);
  g_autoptr (GPtrArray) vfs = NULL;
  VfpoolFunction *f;
  (void)state;

  fixture_add_pf (fx, "0000:01", 3, "igbvf", 10);
  f = vfpool_host_function (host, "0000:01:00.0");
  assert_non_null (f);
  assert_null (f->pf);
  assert_int_equal (f->numvfs, 3);
  assert_int_equal (f->totalvfs, 64);
  assert_int_equal (f->index, -1);
  assert_string_equal (f->driver, "igb");

  f = vfpool_host_function (host, "0000:01:10.4");
  assert_string_equal (f->pf, "0000:01:00.0");
  assert_int_equal (f->index, 2);
  assert_int_equal (f->iommu_group, 12);
  assert_int_equal (f->vendor, 0x8086);
  assert_int_equal (f->device, 0x10ca);
  assert_int_equal (f->numvfs, -1);
  assert_false (f->is_on_vfio);

  vfs = vfpool_host_vfs_of (host, "0000:01:00.0");
  assert_int_equal (vfs->len, 3);
  assert_ptr_equal (vfs->pdata[2], f);
  assert_null (vfpool_host_function (host, "0000:0f:00.0"));
  fixture_free (fx);
}

static void
test_groups (void **state) {
  Fixture *fx = fixture_new ();
  g_autoptr (VfpoolHost) host = vfpool_host_new (fx->root);
  VfpoolFunction *f;
  (void)state;

  fixture_add_function (fx, "0000:00:02.0", "pcieport", 5, -1, 0x060400);
  fixture_add_function (fx, "0000:02:10.0", "vfio-pci", 5, 1, 0x020000);
  f = vfpool_host_function (host, "0000:02:10.0");
  vfpool_host_load_group (host, f);
  assert_true (f->is_on_vfio);
  assert_int_equal (f->numa_node, 1);
  assert_int_equal (f->mates->len, 1);
  assert_true (((VfpoolFunction *)f->mates->pdata[0])->is_bridge);
  fixture_free (fx);
}

static void
add_netdev (Fixture *fx, const char *bdf, const char *name) {
  g_autofree char *entry = g_strdup_printf ("/sys/bus/pci/devices/%s/net/%s/x", bdf, name);
  g_autofree char *class = g_strdup_printf ("/sys/class/net/%s/x", name);

  fixture_write (fx, entry, "%s", "");
  fixture_write (fx, class, "%s", "");
}

static const char *
find_use (VfpoolHost *host, const char *bdf) {
  VfpoolFunction *f = vfpool_host_function (host, bdf);

  vfpool_host_load_use (host, f);
  return f->host_use ? f->host_use : "";
}

static void
test_network_use (void **state) {
  Fixture *fx = fixture_new ();
  g_autoptr (VfpoolHost) host = vfpool_host_new (fx->root);
  (void)state;

  fixture_add_pf (fx, "0000:01", 4, "igbvf", 10);
  add_netdev (fx, "0000:01:10.0", "eth0");
  add_netdev (fx, "0000:01:10.2", "eth1");
  add_netdev (fx, "0000:01:10.4", "eth2");
  add_netdev (fx, "0000:01:10.6", "eth3");
  fixture_write (fx, "/proc/net/route",
                 "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
                 "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
                 "eth1\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
  fixture_link (fx, "/sys/class/net/eth2/master", "../br0");
  fixture_write (fx, "/proc/net/ipv6_route",
                 "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
                 "fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth3\n"
                 "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
                 "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo\n");
  assert_string_equal (find_use (host, "0000:01:10.0"), "");
  assert_string_equal (find_use (host, "0000:01:10.2"), "its interface eth1 carries the host's default route");
  assert_string_equal (find_use (host, "0000:01:10.4"), "its interface eth2 belongs to the host's br0");
  assert_string_equal (find_use (host, "0000:01:10.6"), "its interface eth3 carries the host's default route");
  fixture_free (fx);
}

static void
test_storage_use (void **state) {
  Fixture *fx = fixture_new ();
  g_autoptr (VfpoolHost) host = vfpool_host_new (fx->root);
  (void)state;

  for (int i = 1; i <= 3; i++) {
    g_autofree char *bdf = g_strdup_printf ("0000:03:00.%d", i);
    fixture_add_function (fx, bdf, "nvme", 20 + i, -1, 0x010802);
  }
  /* A disk with a mounted partition, one that is free, and one reached through the multipath subsystem and held by LVM.
   */
  fixture_write (fx, "/sys/bus/pci/devices/0000:03:00.1/nvme/nvme1/nvme1n1/dev", "259:0\n");
  fixture_write (fx, "/sys/bus/pci/devices/0000:03:00.1/nvme/nvme1/nvme1n1/nvme1n1p1/dev", "259:1\n");
  fixture_link (fx, "/sys/block/nvme1n1", "../bus/pci/devices/0000:03:00.1/nvme/nvme1/nvme1n1");
  fixture_write (fx, "/sys/bus/pci/devices/0000:03:00.2/nvme/nvme2/nvme2n1/dev", "259:2\n");
  fixture_link (fx, "/sys/block/nvme2n1", "../bus/pci/devices/0000:03:00.2/nvme/nvme2/nvme2n1");
  fixture_write (fx, "/sys/bus/pci/devices/0000:03:00.3/nvme/nvme3/x", "%s", "");
  fixture_write (fx, "/sys/devices/virtual/nvme-subsystem/nvme-subsys3/nvme3/x", "%s", "");
  fixture_write (fx, "/sys/devices/virtual/nvme-subsystem/nvme-subsys3/nvme3n1/dev", "259:3\n");
  fixture_write (fx, "/sys/devices/virtual/nvme-subsystem/nvme-subsys3/nvme3n1/holders/dm-0", "%s", "");
  fixture_link (fx, "/sys/block/nvme3n1", "../devices/virtual/nvme-subsystem/nvme-subsys3/nvme3n1");
  fixture_write (fx, "/proc/self/mountinfo",
                 "30 1 259:1 / /srv rw - ext4 /dev/nvme1n1p1 rw\n31 1 259:20 / /x rw - ext4 x rw\n");

  assert_string_equal (find_use (host, "0000:03:00.1"), "its block device nvme1n1p1 is mounted or used as swap");
  assert_string_equal (find_use (host, "0000:03:00.2"), "");
  assert_string_equal (find_use (host, "0000:03:00.3"), "its block device nvme3n1 is held by dm-0");
  fixture_free (fx);
}

static void
test_guest_life (void **state) {
  Fixture *fx = fixture_new ();
  VfpoolGuestKind kind;
  g_autofree char *id = NULL, *name = NULL;
  (void)state;

  fixture_write (fx, "/run/libvirt/qemu/vm1.pid", "300\n");
  fixture_write (fx, "/run/qemu-server/101.pid", "301\n");
  assert_int_equal (vfpool_guest_life (fx->root, VFPOOL_GUEST_LIBVIRT, UUID), VFPOOL_GUEST_GONE);
  assert_int_equal (vfpool_guest_life (fx->root, VFPOOL_GUEST_PVE_QEMU, "101"), VFPOOL_GUEST_GONE);

  fixture_add_process (fx, 300, "/usr/bin/qemu -name guest=vm1,debug-threads=on -uuid " UUID,
                       "/dev/vfio/vfio /dev/vfio/7");
  fixture_add_process (fx, 301, "/usr/bin/kvm -id 101 -pidfile /var/run/qemu-server/101.pid -name web",
                       "/dev/vfio/devices/vfio3");
  fixture_link (fx, "/sys/class/vfio-dev/vfio3/device", "../../../bus/pci/devices/0000:01:10.0");
  fixture_add_pf (fx, "0000:01", 1, "vfio-pci", 8);
  assert_int_equal (vfpool_guest_life (fx->root, VFPOOL_GUEST_LIBVIRT, UUID), VFPOOL_GUEST_ALIVE);
  assert_int_equal (vfpool_guest_life (fx->root, VFPOOL_GUEST_PVE_QEMU, "101"), VFPOOL_GUEST_ALIVE);
  assert_int_equal (vfpool_guest_life (fx->root, VFPOOL_GUEST_PVE_QEMU, "10"), VFPOOL_GUEST_GONE);
  assert_int_equal (vfpool_guest_life (fx->root, VFPOOL_GUEST_MANUAL, "x"), VFPOOL_GUEST_UNKNOWN);

  /* The PID was given to another process since. */
  fixture_add_process (fx, 300, "/bin/sleep 1000", NULL);
  assert_int_equal (vfpool_guest_life (fx->root, VFPOOL_GUEST_LIBVIRT, UUID), VFPOOL_GUEST_GONE);

  assert_true (vfpool_guest_of_process (fx->root, 301, &kind, &id, &name));
  assert_int_equal (kind, VFPOOL_GUEST_PVE_QEMU);
  assert_string_equal (id, "101");
  assert_string_equal (name, "web");
  fixture_free (fx);
}

#define UNIX_HEADER "Num       RefCount Protocol Flags    Type St Inode Path\n"

/* Alive is a container for which somebody listens, and not one of which only a connection or another's socket is left. */
static void
test_container_life (void **state) {
  static const struct {
    const char *sockets; /* NULL: it cannot be told */
    VfpoolGuestLife life;
  } cases[] = {
    { NULL, VFPOOL_GUEST_UNKNOWN },
    { "", VFPOOL_GUEST_GONE },
    { "0000000000000001: 00000002 00000000 00010000 0001 01 17350 @/var/lib/lxc/101/command\n", VFPOOL_GUEST_ALIVE },
    { "00000001: 00000002 00000000 00010000 0001 01    50 /run/x\n"
      "00000002: 00000002 00000000 00010000 0001 01    51\n"
      "00000003: 00000002 00000000 00010000 0001 01    52 @/var/lib/lxc/101/command",
      VFPOOL_GUEST_ALIVE },
    { "00000001: 00000003 00000000 00000000 0001 03 17350 @/var/lib/lxc/101/command\n", VFPOOL_GUEST_GONE },
    { "00000001: 00000002 00000000 00010000 0001 01 17350 @/var/lib/lxc/1011/command\n", VFPOOL_GUEST_GONE },
    { "00000001: 00000002 00000000 00010000 0001 01 17350 /var/lib/lxc/101/command\n", VFPOOL_GUEST_GONE },
    { "00000001: 00000002 00000000 00010000 0001 01 17350 @/var/lib/lxc/101/command.more\n", VFPOOL_GUEST_GONE },
    { "00000001: 00000002 00000000 00010000\nnonsense\n", VFPOOL_GUEST_GONE },
  };
  (void)state;

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    Fixture *fx = fixture_new ();

    if (cases[i].sockets)
      fixture_write (fx, "/proc/net/unix", "%s%s", UNIX_HEADER, cases[i].sockets);
    if (vfpool_guest_life (fx->root, VFPOOL_GUEST_PVE_LXC, "101") != cases[i].life)
      fail_msg ("case %zu", i);
    fixture_free (fx);
  }
}

/* A process is a container's by its cgroup, whatever it is called. */
static void
test_container_process (void **state) {
  static const struct {
    const char *cgroup;
    const char *id; /* NULL: no container's */
  } cases[] = {
    { "0::/lxc/101/ns/system.slice/x.service\n", "101" },
    { "0::/lxc.payload.102\n", "102" },
    { "12:pids:/lxc/103\n0::/\n", "103" },
    { "0::/lxc.monitor/101\n", NULL },
    { "0::/lxc/web\n", NULL },
    { "0::/\n", NULL },
    { "0::/user.slice/user-1000.slice/user@1000.service/lxc/101\n", NULL },
    { "0::/user.slice/user-1000.slice/user@1000.service/lxc.payload.101\n", NULL },
    { "0::/system.slice/lxc\n", NULL },
    { "", NULL },
  };
  (void)state;

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    Fixture *fx = fixture_new ();
    VfpoolGuestKind kind = VFPOOL_GUEST_MANUAL;
    g_autofree char *id = NULL, *name = NULL, *who = NULL;

    fixture_add_process (fx, 300, "vpp -uuid 1", "/dev/vfio/7");
    fixture_write (fx, "/proc/300/cgroup", "%s", cases[i].cgroup);
    assert_int_equal (vfpool_guest_of_process (fx->root, 300, &kind, &id, &name), cases[i].id != NULL);
    if (g_strcmp0 (id, cases[i].id) != 0)
      fail_msg ("case %zu: %s", i, id);
    who = vfpool_holder_describe (fx->root, 300);
    assert_int_equal (strstr (who, " in pve-lxc/") != NULL, cases[i].id != NULL);
    fixture_free (fx);
  }
}

static void
test_holders (void **state) {
  Fixture *fx = fixture_new ();
  g_autoptr (GHashTable) holders = NULL;
  g_autofree char *who = NULL;
  (void)state;

  fixture_add_pf (fx, "0000:01", 1, "vfio-pci", 8);
  fixture_link (fx, "/sys/class/vfio-dev/vfio3/device", "../../../bus/pci/devices/0000:01:10.0");
  fixture_add_process (fx, 300, "qemu", "/dev/vfio/vfio /dev/vfio/7 socket:[1]");
  fixture_add_process (fx, 301, "kvm", "/dev/null /dev/vfio/devices/vfio3");
  holders = vfpool_holder_scan (fx->root);
  assert_int_equal (g_hash_table_size (holders), 2);
  assert_int_equal (GPOINTER_TO_INT (g_hash_table_lookup (holders, GINT_TO_POINTER (7))), 300);
  assert_int_equal (GPOINTER_TO_INT (g_hash_table_lookup (holders, GINT_TO_POINTER (8))), 301);
  who = vfpool_holder_describe (fx->root, 300);
  assert_string_equal (who, "process 300 (qemu (x) 1)");
  assert_int_equal (vfpool_process_start_time (fx->root, 300), 3000);
  assert_int_equal (vfpool_process_start_time (fx->root, 999), 0);
  fixture_free (fx);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_functions),   cmocka_unit_test (test_groups),     cmocka_unit_test (test_network_use),
    cmocka_unit_test (test_storage_use), cmocka_unit_test (test_guest_life), cmocka_unit_test (test_holders),
    cmocka_unit_test (test_container_life), cmocka_unit_test (test_container_process),
  };

  return cmocka_run_group_tests_name ("host", tests, NULL, NULL);
}
