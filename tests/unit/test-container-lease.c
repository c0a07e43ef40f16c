/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leases of VFs on the kernel's own driver, and of containers, over a tree of files. Its VFs have no driver, so that nothing has
 * to be unbound, but network interfaces, which the test moves away and back; what the kernel does is tested on the bench.
 */
#include "lease-fixture.h"
#include "handle.h"
#include "netdev.h"
#include "prepare.h"
#include "work.h"

#include <string.h>

#define A "0000:01:10.0"
#define B "0000:01:10.2"
#define MAC "52:54:00:00:00:01"
#define NET "/sys/bus/pci/devices/" A "/net"
#define CONFIG "[pf 0000:01:00.0]\npark=none\n[pool lan]\nmembers=pf=0000:01:00.0\nmac=keep\n[vfpool]\n"
#define RUNS "1: 00000002 00000000 00010000 0001 01 17350 @/var/lib/lxc/101/command\n"

static void
put_interface (Test *t, const char *name) {
  g_autofree char *number = g_strdup_printf (NET "/%s/ifindex", name);
  g_autofree char *address = g_strdup_printf (NET "/%s/address", name);

  fixture_remove (t->fx, NET);
  fixture_write (t->fx, number, "7\n");
  fixture_write (t->fx, address, MAC "\n");
}

/* The interface of A is in another network namespace. */
static void
take_interface (Test *t) {
  fixture_remove (t->fx, NET "/eth0");
}

static void
set_running (Test *t, gboolean runs) {
  fixture_write (t->fx, "/proc/net/unix", "Num RefCount Protocol Flags Type St Inode Path\n%s", runs ? RUNS : "");
}

static int
setup (void **state) {
  Test *t = lease_test_new ();

  fixture_add_pf (t->fx, "0000:01", 2, NULL, 10);
  fixture_config (t->fx, CONFIG "start-grace=0\nrelease-wait=0\n");
  fixture_write (t->fx, "/sys/bus/pci/drivers_probe", "%s", "");
  put_interface (t, "eth0");
  set_running (t, FALSE);
  lease_test_open (t);
  *state = t;
  return 0;
}

/* Acquires A on the kernel's driver for the container 101. */
static gboolean
acquire (Test *t, GError **error) {
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_PVE_LXC, "101", "ct", NULL);
  g_autoptr (GPtrArray) leases = NULL;

  assert_true (vfpool_request_add_address (request, "net1", A, NULL, VFPOOL_VLAN_UNSET, NULL));
  assert_true (vfpool_request_set_driver (request, "net1", VFPOOL_DRIVER_HOST, NULL));
  leases = vfpool_acquire (t->vfpool, request, error);
  return leases != NULL;
}

/* The container has started: its interface is in it. */
static void
start (Test *t) {
  assert_true (acquire (t, NULL));
  take_interface (t);
  set_running (t, TRUE);
}

static VfpoolLease *
find (Test *t) {
  VfpoolLease *lease = NULL;

  assert_true (vfpool_ledger_find (vfpool_handle_ledger (t->vfpool, NULL), A, &lease, NULL));
  return lease;
}

static void
assert_state (Test *t, int expected) {
  g_autoptr (VfpoolLease) lease = find (t);

  assert_int_equal (lease ? (int)lease->state : -1, expected);
}

static void
test_request (void **state) {
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_PVE_LXC, "101", NULL, NULL);
  GError *error = NULL;
  (void)state;

  assert_true (vfpool_request_add_pool (request, "net1", "lan", NULL, VFPOOL_VLAN_UNSET, NULL));
  assert_true (vfpool_request_set_driver (request, "net1", VFPOOL_DRIVER_HOST, NULL));
  assert_false (vfpool_request_set_driver (request, "net2", VFPOOL_DRIVER_HOST, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "no slot 'net2'");
}

/* The lease says which driver, also after it was written and read. */
static void
test_driver (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL;

  assert_true (acquire (t, NULL));
  lease = find (t);
  assert_int_equal (vfpool_lease_get_driver (lease), VFPOOL_DRIVER_HOST);
  assert_int_equal (lease->state, VFPOOL_LEASE_ACTIVE);
  assert_true (vfpool_release (t->vfpool, VFPOOL_GUEST_PVE_LXC, "101", NULL));
  assert_state (t, -1);
}

static void
test_no_network_card (void **state) {
  Test *t = *state;
  GError *error = NULL;

  fixture_write (t->fx, "/sys/bus/pci/devices/" A "/class", "0x010802\n");
  assert_false (acquire (t, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT,
                       "slot net1 asks for a network interface, but " A " is no function");
  assert_state (t, -1);
}

/* Where an interface is. */
static void
test_away (void **state) {
  Test *t = *state;
  const char *root = t->fx->root;

  assert_false (vfpool_netdev_is_away (root, A));
  assert_true (vfpool_netdev_is_here (root, A, NULL));
  assert_true (vfpool_netdev_is_here (root, A, MAC));
  assert_false (vfpool_netdev_is_here (root, A, "52:54:00:00:00:02"));
  assert_false (vfpool_netdev_is_away (root, B));
  assert_false (vfpool_netdev_is_here (root, B, NULL));
  take_interface (t);
  assert_true (vfpool_netdev_is_away (root, A));
  assert_false (vfpool_netdev_is_here (root, A, NULL));
}

/* Waiting ends when udev has noted the interface's number, where there is udev. */
static void
test_wait (void **state) {
  Test *t = *state;
  GError *error = NULL;

  fixture_write (t->fx, "/run/udev/control", "%s", "");
  fixture_write (t->fx, "/run/udev/data/n7", "%s", "");
  assert_true (vfpool_netdev_wait (t->fx->root, A, MAC, NULL));
  assert_false (vfpool_netdev_wait (t->fx->root, A, "52:54:00:00:00:02", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_KERNEL, "the interface eth0 of " A " has the address " MAC " and not 52:");
}

/* What systemd's udev does: it notes that it renames the interface, renames it, and notes that it has. */
static gpointer
rename_interface (gpointer data) {
  Test *t = data;

  g_usleep (200 * 1000);
  put_interface (t, "enp1s0v0");
  g_usleep (200 * 1000);
  fixture_write (t->fx, "/run/udev/data/n7", "I:1\nE:ID_NET_NAME=enp1s0v0\n");
  return NULL;
}

static void
test_name (void **state) {
  Test *t = *state;
  g_autofree char *name = NULL;
  GThread *thread;

  fixture_write (t->fx, "/run/udev/control", "%s", "");
  fixture_write (t->fx, "/run/udev/data/n7", "I:1\nE:ID_RENAMING=1\nE:ID_PROCESSING=1\n");
  thread = g_thread_new (NULL, rename_interface, t);
  assert_true (vfpool_netdev_wait (t->fx->root, A, MAC, NULL));
  name = vfpool_host_netdev (t->fx->root, A);
  g_thread_join (thread);
  assert_string_equal (name, "enp1s0v0");
}

static gpointer
set_right_mac (gpointer data) {
  g_usleep (200 * 1000);
  fixture_write (((Test *)data)->fx, NET "/eth0/address", MAC "\n");
  return NULL;
}

/* A driver may have another address at first, until it has heard from the PF. */
static void
test_late_mac (void **state) {
  Test *t = *state;
  GThread *thread;

  fixture_write (t->fx, NET "/eth0/address", "02:00:00:00:00:09\n");
  thread = g_thread_new (NULL, set_right_mac, t);
  assert_true (vfpool_netdev_wait (t->fx->root, A, MAC, NULL));
  g_thread_join (thread);
}

/* A free VF whose interface somebody has moved is nobody's to take. */
static void
test_free_but_away (void **state) {
  Test *t = *state;
  GError *error = NULL;

  fixture_set_driver (t->fx, A, "igbvf");
  take_interface (t);
  assert_false (acquire (t, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, "its network interface is in another network namespace");
  assert_true (vfpool_up (t->vfpool, NULL));
  assert_non_null (
      strstr (t->said->str, A " is not parked: it is used by the host: its network interface is in another"));
}

/* A container that has its interface keeps it, whoever comes. */
static void
test_running (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) before = NULL, after = NULL;
  GError *error = NULL;

  start (t);
  fixture_set_driver (t->fx, A, "igbvf");
  before = find (t);
  assert_true (vfpool_reconcile (t->vfpool, NULL));
  assert_true (vfpool_up (t->vfpool, NULL));
  assert_null (strstr (t->said->str, A));
  assert_false (vfpool_release (t->vfpool, VFPOOL_GUEST_PVE_LXC, "101", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE,
                       A " was not put back: its network interface was still in another network namespace after 0 s");
  assert_true (acquire (t, NULL));
  after = find (t);
  assert_int_equal (after->state, VFPOOL_LEASE_ACTIVE);
  assert_int_equal (after->serial, before->serial);
}

/* The container has ended and its interface has not come back: somebody else is in its namespace. */
static void
test_gone_but_away (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL;
  GError *error = NULL;

  start (t);
  set_running (t, FALSE);
  assert_false (vfpool_reconcile (t->vfpool, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, A " was not put back and is quarantined: its network interface");
  lease = find (t);
  assert_int_equal (lease->state, VFPOOL_LEASE_QUARANTINED);
  put_interface (t, "eth1");
  set_running (t, TRUE); /* again, with another VF */
  assert_true (vfpool_release_quarantined (t->vfpool, A, NULL));
  assert_state (t, -1);
}

/* It has ended, the interface is back, nobody told. */
static void
test_gone (void **state) {
  Test *t = *state;

  start (t);
  set_running (t, FALSE);
  put_interface (t, "eth1");
  assert_true (vfpool_reconcile (t->vfpool, NULL));
  assert_state (t, -1);
}

/* One that runs, and has a VF on vfio-pci that it has not opened. */
static void
test_running_with_vfio (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_PVE_LXC, "101", NULL, NULL);
  g_autoptr (GPtrArray) leases = NULL;
  GError *error = NULL;

  fixture_remove (t->fx, NET);
  fixture_set_driver (t->fx, A, "vfio-pci");
  fixture_config (t->fx, CONFIG "start-grace=0\nrelease-wait=0\n");
  assert_true (vfpool_request_add_address (request, "dpdk0", A, NULL, VFPOOL_VLAN_UNSET, NULL));
  leases = vfpool_acquire (t->vfpool, request, NULL);
  assert_non_null (leases);
  set_running (t, TRUE);
  assert_true (vfpool_reconcile (t->vfpool, NULL));
  assert_false (vfpool_release (t->vfpool, VFPOOL_GUEST_PVE_LXC, "101", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, "the container was still running after 0 s");
  assert_state (t, VFPOOL_LEASE_ACTIVE);
}

/* What is as its lease says, by driver. */
static void
test_is_done (void **state) {
  Test *t = *state;
  const VfpoolFunction function = { .address = (char *)A, .index = 0 };
  g_autoptr (VfpoolLease) lease = NULL;

  assert_true (acquire (t, NULL));
  lease = find (t);
  fixture_set_driver (t->fx, A, "igbvf");
  assert_true (vfpool_prepare_is_done (t->fx->root, &function, lease));
  lease->driver = VFPOOL_DRIVER_VFIO;
  assert_false (vfpool_prepare_is_done (t->fx->root, &function, lease));
  fixture_set_driver (t->fx, A, "vfio-pci");
  assert_true (vfpool_prepare_is_done (t->fx->root, &function, lease));
  lease->driver = VFPOOL_DRIVER_HOST;
  assert_false (vfpool_prepare_is_done (t->fx->root, &function, lease));
  fixture_set_driver (t->fx, A, "igbvf");
  fixture_remove (t->fx, NET);
  assert_false (vfpool_prepare_is_done (t->fx->root, &function, lease));
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, lease_test_teardown)

int
main (void) {
  const struct CMUnitTest tests[] = {
    TEST (test_request),
    TEST (test_driver),
    TEST (test_no_network_card),
    TEST (test_away),
    TEST (test_wait),
    TEST (test_name),
    TEST (test_late_mac),
    TEST (test_free_but_away),
    TEST (test_running),
    TEST (test_gone_but_away),
    TEST (test_gone),
    TEST (test_is_done),
    TEST (test_running_with_vfio),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
