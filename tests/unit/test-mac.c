/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generated MACs. The ones that are spelt out here were computed with sha256sum(1): they may never change, because guests would
 * be others to their network. What PFs keep of their VFs is read from the kernel, so the bench has to see to that.
 */
#include "fixture.h"
#include "mac.h"

#include <string.h>

#define UUID "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90"
#define MACHINE "0123456789abcdef0123456789abcdef\n"
#define CERTIFICATE "-----BEGIN CERTIFICATE-----\none\n"

static int
setup (void **state) {
  *state = fixture_new ();
  return 0;
}

static int
teardown (void **state) {
  fixture_free (*state);
  return 0;
}

static void
assert_mac (const Fixture *fx, const char *seed, VfpoolGuestKind kind, const char *id, const char *slot, guint attempt,
            const char *expected) {
  const VfpoolConfig config = { .mac_seed = (char *)seed };
  g_autofree char *from = vfpool_mac_seed (fx->root, &config, kind);
  g_autofree char *mac = vfpool_mac_generate (from, kind, id, slot, attempt);

  assert_string_equal (mac, expected);
}

static void
macs_never_change (void **state) {
  Fixture *fx = *state;

  fixture_write (fx, "/etc/machine-id", MACHINE);
  fixture_write (fx, "/etc/pve/pve-root-ca.pem", CERTIFICATE);
  assert_mac (fx, NULL, VFPOOL_GUEST_LIBVIRT, UUID, "net0", 0, "ae:7d:de:a9:3f:6e");
  assert_mac (fx, NULL, VFPOOL_GUEST_LIBVIRT, UUID, "net0", 1, "a2:60:a6:5c:2a:2d");
  assert_mac (fx, "blue", VFPOOL_GUEST_LIBVIRT, UUID, "net0", 0, "22:54:45:0a:b2:03");
  assert_mac (fx, NULL, VFPOOL_GUEST_MANUAL, "dpdk", "slot0", 0, "3a:5c:0c:e4:cd:1e");
  assert_mac (fx, NULL, VFPOOL_GUEST_PVE_QEMU, "101", "net0", 0, "fa:87:2c:fc:42:27");
}

/* What others make up MACs from is kept off: these would be fe:... and 52:54:00:... */
static void
blocks_of_others_are_kept_off (void **state) {
  assert_mac (*state, NULL, VFPOOL_GUEST_LIBVIRT, UUID, "net0", 80, "f6:8a:ea:bf:65:cc");
  assert_mac (*state, NULL, VFPOOL_GUEST_LIBVIRT, UUID, "net0", 594739, "5a:54:00:a8:ee:2f");
}

static void
seed_is_what_guests_move_within (void **state) {
  Fixture *fx = *state;

  /* no certificate, or an empty one: the machine's; no machine's: nothing */
  assert_mac (fx, NULL, VFPOOL_GUEST_MANUAL, "dpdk", "slot0", 0, "ea:10:87:b0:6f:0c");
  fixture_write (fx, "/etc/machine-id", MACHINE);
  assert_mac (fx, NULL, VFPOOL_GUEST_PVE_QEMU, "101", "net0", 0, "86:28:ae:c4:22:0a");
  fixture_write (fx, "/etc/pve/pve-root-ca.pem", "%s", "");
  assert_mac (fx, NULL, VFPOOL_GUEST_PVE_QEMU, "101", "net0", 0, "86:28:ae:c4:22:0a");
  fixture_write (fx, "/etc/pve/pve-root-ca.pem", CERTIFICATE);
  /* another node of the cluster */
  fixture_write (fx, "/etc/machine-id", "ffffffffffffffffffffffffffffffff\n");
  assert_mac (fx, NULL, VFPOOL_GUEST_PVE_QEMU, "101", "net0", 0, "fa:87:2c:fc:42:27");
  assert_mac (fx, NULL, VFPOOL_GUEST_LIBVIRT, UUID, "net0", 0, "ae:7d:de:a9:3f:6e");
}

/* Any guest and slot has a MAC of its own, and each can be a station's. */
static void
macs_differ_and_are_local (void **state) {
  static const char *const slots[] = { "net0", "net1", "net", "0net0" };
  const Fixture *fx = *state;
  const VfpoolConfig config = {};
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint n = 0;

  for (int kind = VFPOOL_GUEST_LIBVIRT; kind <= VFPOOL_GUEST_MANUAL; kind++)
    for (int i = 0; i < 500; i++)
      for (size_t s = 0; s < G_N_ELEMENTS (slots); s++) {
        g_autofree char *id = g_strdup_printf ("%d", i);
        g_autofree char *seed = vfpool_mac_seed (fx->root, &config, (VfpoolGuestKind)kind);
        char *mac = vfpool_mac_generate (seed, (VfpoolGuestKind)kind, id, slots[s], 0);

        assert_int_equal (strlen (mac), 17);
        assert_non_null (strchr ("26ae", mac[1])); /* local, of one station */
        assert_true (g_hash_table_add (seen, mac));
        n++;
      }
  assert_int_equal (g_hash_table_size (seen), n);
}

static void
interfaces_are_read (void **state) {
  Fixture *fx = *state;
  g_autoptr (GHashTable) none = vfpool_mac_used (fx->root), macs = NULL;

  assert_int_equal (g_hash_table_size (none), 0);
  fixture_write (fx, "/sys/class/net/lo/address", VFPOOL_MAC_NONE "\n");
  fixture_write (fx, "/sys/class/net/eth0/address", "52:54:00:AB:cd:ef\n");
  fixture_write (fx, "/sys/class/net/eth1/address", "02:00:00:00:00:01\n");
  fixture_write (fx, "/sys/class/net/tun0/address", "%s", "\n");
  fixture_write (fx, "/sys/class/net/ib0/address", "80:00:02:08:fe:80:00:00:00:00:00:00:f4:52:14:03:00:00:00:01\n");
  fixture_write (fx, "/sys/class/net/bonding_masters", "%s", "bond0\n");
  macs = vfpool_mac_used (fx->root);
  assert_int_equal (g_hash_table_size (macs), 2);
  assert_true (g_hash_table_contains (macs, "52:54:00:ab:cd:ef"));
  assert_true (g_hash_table_contains (macs, "02:00:00:00:00:01"));
}

#define CASE(test) cmocka_unit_test_setup_teardown (test, setup, teardown)

int
main (void) {
  const struct CMUnitTest tests[] = {
    CASE (macs_never_change),         CASE (blocks_of_others_are_kept_off), CASE (seed_is_what_guests_move_within),
    CASE (macs_differ_and_are_local), CASE (interfaces_are_read),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
