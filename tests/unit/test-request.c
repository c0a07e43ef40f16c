/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests and requests: what may come in from a VM's configuration, and what may not. */
#include "fixture.h"
#include "request.h"

#include <string.h>

#define UUID "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90"

static void
test_guest_parse (void **state) {
  static const struct {
    const char *text;
    const char *id; /* NULL: refused */
    VfpoolGuestKind kind;
  } cases[] = {
    { "libvirt/" UUID, UUID, VFPOOL_GUEST_LIBVIRT },
    { "libvirt/2B2F4D1E-0D5C-4F6A-9D0E-5B1F6C7A8E90", UUID, VFPOOL_GUEST_LIBVIRT },
    { "pve-qemu/101", "101", VFPOOL_GUEST_PVE_QEMU },
    { "pve-lxc/999999999", "999999999", VFPOOL_GUEST_PVE_LXC },
    { "manual/dpdk-0", "dpdk-0", VFPOOL_GUEST_MANUAL },
    { "libvirt/vm1", NULL, 0 },
    { "pve-qemu/0101", NULL, 0 },
    { "pve-qemu/1000000000", NULL, 0 },
    { "pve-qemu/-1", NULL, 0 },
    { "pve-qemu/1 1", NULL, 0 },
    { "manual/", NULL, 0 },
    { "manual/a b", NULL, 0 },
    { "manual/$(reboot)", NULL, 0 },
    { "xen/1", NULL, 0 },
    { "manual", NULL, 0 },
    { "", NULL, 0 },
  };
  (void)state;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *id = NULL;
    GError *error = NULL;
    VfpoolGuestKind kind;
    gboolean ok = vfpool_guest_parse (cases[i].text, &kind, &id, &error);

    if (ok != (cases[i].id != NULL))
      fail_msg ("'%s' was %s", cases[i].text, ok ? "taken" : "refused");
    if (!ok) {
      assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "expected");
      continue;
    }
    assert_string_equal (id, cases[i].id);
    assert_int_equal (kind, cases[i].kind);
  }
}

static void
test_slots (void **state) {
  static const struct {
    const char *slot, *mac;
    int vlan;
    const char *complaint; /* NULL: taken */
  } cases[] = {
    { "net0", NULL, VFPOOL_VLAN_UNSET, NULL },
    { "net1", "52:54:00:AA:bb:cc", 4094, NULL },
    { "net2", NULL, 0, NULL },
    { "net0", NULL, VFPOOL_VLAN_UNSET, "twice" },
    { "", NULL, VFPOOL_VLAN_UNSET, "no name for a slot" },
    { "a b", NULL, VFPOOL_VLAN_UNSET, "no name for a slot" },
    { "a\nb", NULL, VFPOOL_VLAN_UNSET, "no name for a slot" },
    { "x123456789012345678901234567890123", NULL, VFPOOL_VLAN_UNSET, "no name for a slot" },
    { "m0", "52:54:00:aa:bb", VFPOOL_VLAN_UNSET, "no MAC" },
    { "m1", "52:54:00:aa:bb:cg", VFPOOL_VLAN_UNSET, "no MAC" },
    { "m2", "01:00:5e:00:00:01", VFPOOL_VLAN_UNSET, "unicast" },
    { "m3", "00:00:00:00:00:00", VFPOOL_VLAN_UNSET, "no MAC" },
    { "m4", "52:54:00:aa:bb:cc:dd", VFPOOL_VLAN_UNSET, "no MAC" },
    { "m5", "52-54-00-aa-bb-cc", VFPOOL_VLAN_UNSET, "no MAC" },
    { "m6", "52:54:00: a:bb:cc", VFPOOL_VLAN_UNSET, "no MAC" },
    { "v0", NULL, 4095, "out of range" },
    { "v1", NULL, -2, "out of range" },
  };
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_MANUAL, "t", NULL, NULL);
  (void)state;

  assert_true (vfpool_request_is_empty (request));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GError *error = NULL;
    gboolean ok = vfpool_request_add_pool (request, cases[i].slot, "lan", cases[i].mac, cases[i].vlan, &error);

    if (ok != (cases[i].complaint == NULL))
      fail_msg ("case %u was %s", i, ok ? "taken" : "refused");
    if (!ok)
      assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, cases[i].complaint);
  }
  assert_int_equal (request->slots->len, 3);
  assert_string_equal (((VfpoolSlot *)request->slots->pdata[1])->mac, "52:54:00:aa:bb:cc");
}

static void
test_addresses (void **state) {
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_PVE_QEMU, "100", "name\xff\n", NULL);
  GError *error = NULL;
  (void)state;

  assert_true (g_utf8_validate (request->name, -1, NULL));
  assert_true (vfpool_request_add_address (request, "a", "03:10.0", NULL, VFPOOL_VLAN_UNSET, NULL));
  assert_false (vfpool_request_names_pool (request));
  assert_false (vfpool_request_add_address (request, "b", "0000:03:10.0", NULL, VFPOOL_VLAN_UNSET, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "both ask for 0000:03:10.0");
  assert_false (vfpool_request_add_address (request, "c", "nonsense", NULL, VFPOOL_VLAN_UNSET, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "slot 'c'");
  assert_false (vfpool_request_add_pool (request, "d", "no pool!", NULL, VFPOOL_VLAN_UNSET, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "no name of a pool");
}

static void
test_preferred (void **state) {
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_MANUAL, "t", NULL, NULL);
  GError *error = NULL;
  (void)state;

  assert_int_equal (vfpool_request_count_pool_slots (request), 0);
  assert_true (vfpool_request_add_address (request, "a", "03:10.0", NULL, VFPOOL_VLAN_UNSET, NULL));
  assert_true (vfpool_request_add_pool (request, "p", "lan", NULL, VFPOOL_VLAN_UNSET, NULL));
  assert_int_equal (vfpool_request_count_pool_slots (request), 1);
  assert_true (vfpool_request_set_preferred (request, "p", "03:10.2", NULL));
  assert_true (vfpool_request_set_preferred (request, "p", "0000:03:10.4", NULL));
  assert_string_equal (((VfpoolSlot *)request->slots->pdata[1])->preferred, "0000:03:10.4");
  assert_false (vfpool_request_set_preferred (request, "p", "nonsense", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "nonsense");
  assert_false (vfpool_request_set_preferred (request, "a", "03:10.2", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "no slot 'a' that asks for a pool");
}

static void
test_slot_limit (void **state) {
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_MANUAL, "t", NULL, NULL);
  GError *error = NULL;
  (void)state;

  for (int i = 0; i < 256; i++) {
    g_autofree char *slot = g_strdup_printf ("s%d", i);
    assert_true (vfpool_request_add_pool (request, slot, "lan", NULL, VFPOOL_VLAN_UNSET, NULL));
  }
  assert_false (vfpool_request_add_pool (request, "more", "lan", NULL, VFPOOL_VLAN_UNSET, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "more than 256 slots");
}

static void
test_exit_status (void **state) {
  static const struct {
    VfpoolError code;
    int status;
  } cases[] = {
    { VFPOOL_ERROR_USAGE, 64 },      { VFPOOL_ERROR_BAD_INPUT, 65 }, { VFPOOL_ERROR_NO_FREE_VF, 69 },
    { VFPOOL_ERROR_IN_USE, 69 },     { VFPOOL_ERROR_NOT_FOUND, 69 }, { VFPOOL_ERROR_CORRUPT, 70 },
    { VFPOOL_ERROR_KERNEL, 71 },     { VFPOOL_ERROR_BUSY, 75 },      { VFPOOL_ERROR_DENIED, 77 },
    { VFPOOL_ERROR_BAD_CONFIG, 78 },
  };
  g_autoptr (GError) other = g_error_new_literal (G_FILE_ERROR, 0, "x");
  (void)state;

  assert_int_equal (vfpool_error_exit_status (NULL), 0);
  assert_int_equal (vfpool_error_exit_status (other), 70);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = g_error_new_literal (VFPOOL_ERROR, (int)cases[i].code, "x");
    assert_int_equal (vfpool_error_exit_status (error), cases[i].status);
  }
}

/* A display name may be any text, but neither any bytes nor any length. */
static void
test_display_names (void **state) {
  g_autofree char *long_name = g_strnfill (100000, 'x');
  g_autoptr (VfpoolRequest) bytes = vfpool_request_new (VFPOOL_GUEST_MANUAL, "a", "\xff\xc3\xa4", NULL);
  g_autoptr (VfpoolRequest) length = vfpool_request_new (VFPOOL_GUEST_MANUAL, "a", long_name, NULL);
  (void)state;

  assert_string_equal (bytes->name, "\xef\xbf\xbd\xc3\xa4");
  assert_int_equal (strlen (length->name), 255);
}

static void
test_numa_of_a_slot (void **state) {
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_MANUAL, "t", NULL, NULL);
  GError *error = NULL;
  (void)state;

  assert_true (vfpool_request_add_pool (request, "a", "lan", NULL, VFPOOL_VLAN_UNSET, NULL));
  assert_true (vfpool_request_add_address (request, "b", "0000:01:10.0", NULL, VFPOOL_VLAN_UNSET, NULL));
  assert_true (vfpool_request_set_slot_numa (request, "a", "required", NULL));
  assert_int_equal (((VfpoolSlot *)request->slots->pdata[0])->policy.numa, VFPOOL_NUMA_REQUIRED);
  assert_int_equal (request->policy.numa, VFPOOL_POLICY_UNSET);
  assert_false (vfpool_request_set_slot_numa (request, "a", "near", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "there is no policy numa=near");
  assert_false (vfpool_request_set_slot_numa (request, "b", "required", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "no slot 'b' that asks for a pool");
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_guest_parse),    cmocka_unit_test (test_slots),      cmocka_unit_test (test_addresses),
    cmocka_unit_test (test_numa_of_a_slot), cmocka_unit_test (test_preferred),
    cmocka_unit_test (test_slot_limit), cmocka_unit_test (test_exit_status), cmocka_unit_test (test_display_names),
  };

  return cmocka_run_group_tests_name ("request", tests, NULL, NULL);
}
