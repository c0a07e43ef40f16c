/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Acquire, release and reconcile over a tree of files whose VFs wait on vfio-pci: the logic of leases, with the real
 * ledger and without a kernel. What the kernel does to a write is tested on the bench.
 */
#include "lease-fixture.h"
#include "handle.h"
#include "sysfs.h"
#include "work.h"

#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#define UUID "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90"
#define CONFIG                                                                                                         \
  "[pf 0000:01:00.0]\npark=vfio\n[pool lan]\nmembers=pf=0000:01:00.0\n[pool other]\nmembers=pf=0000:02:00.0\n"         \
  "[vfpool]\nrelease-wait=0\n"
#define CONFIG_HOST "[pf 0000:01:00.0]\npark=host\n[pool lan]\nmembers=pf=0000:01:00.0\n"

static int
setup (void **state) {
  Test *t = lease_test_new ();

  fixture_add_pf (t->fx, "0000:01", 2, "vfio-pci", 10);
  fixture_add_pf (t->fx, "0000:02", 1, "vfio-pci", 20);
  fixture_config (t->fx, CONFIG);
  lease_test_open (t);
  *state = t;
  return 0;
}

/* The addresses that guest @id got for @slots ("slot=POOL-or-address", separated by blanks), or the error. */
static char *
acquire (Test *t, VfpoolGuestKind kind, const char *id, const char *slots, GError **error) {
  g_autoptr (VfpoolRequest) request = vfpool_request_new (kind, id, "name", NULL);
  g_auto (GStrv) parts = g_strsplit (slots, " ", -1);
  g_autoptr (GPtrArray) leases = NULL;
  g_autoptr (GString) text = g_string_new (NULL);

  for (char **part = parts; *part; part++) {
    g_auto (GStrv) pair = g_strsplit (*part, "=", 2);
    if (strchr (pair[1], ':'))
      assert_true (vfpool_request_add_address (request, pair[0], pair[1], NULL, -1, NULL));
    else
      assert_true (vfpool_request_add_pool (request, pair[0], pair[1], NULL, -1, NULL));
  }
  leases = vfpool_acquire (t->vfpool, request, error);
  for (guint i = 0; leases && i < leases->len; i++)
    g_string_append_printf (text, "%s%s", i ? " " : "", vfpool_lease_get_address (leases->pdata[i]));
  return leases ? g_strdup (text->str) : NULL;
}

static void
assert_acquires (Test *t, const char *id, const char *slots, const char *expected) {
  g_autoptr (GError) error = NULL;
  g_autofree char *got = acquire (t, VFPOOL_GUEST_MANUAL, id, slots, &error);

  if (!got)
    fail_msg ("%s: %s", slots, error->message);
  assert_string_equal (got, expected);
}

static guint
count_leases (Test *t) {
  g_autoptr (GPtrArray) leases = vfpool_leases (t->vfpool, NULL);

  assert_non_null (leases);
  return leases->len;
}

static VfpoolLease *
find (Test *t, const char *address) {
  VfpoolLease *lease = NULL;

  assert_true (vfpool_ledger_find (vfpool_handle_ledger (t->vfpool, NULL), address, &lease, NULL));
  return lease;
}

/* Changes a lease behind the library's back, as a process would have left it that died. */
static void
leave_as (Test *t, const char *address, VfpoolLeaseState lease_state, gint64 worker, gint64 age) {
  g_autoptr (VfpoolLease) lease = find (t, address);

  lease->state = lease_state;
  lease->worker_pid = worker;
  lease->worker_start = worker * 10;
  lease->since_boot -= age * G_USEC_PER_SEC;
  assert_true (vfpool_work_update (t->vfpool, lease, NULL));
}

/* As one that died before it had looked at the VF. */
static void
forget_saved (Test *t, const char *address) {
  g_autoptr (VfpoolLease) lease = find (t, address);

  lease->has_saved = FALSE;
  assert_true (vfpool_work_update (t->vfpool, lease, NULL));
}

/* A guest that comes from elsewhere is given a VF by pool; then its address stands in the guest's own XML. */
static void
test_pool_then_address (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) by_pool = NULL, by_address = NULL, open = NULL;

  assert_acquires (t, "a", "net0=lan", "0000:01:10.0");
  by_pool = find (t, "0000:01:10.0");
  assert_true (vfpool_lease_is_by_pool (by_pool));
  assert_acquires (t, "a", "net0=0000:01:10.0", "0000:01:10.0");
  by_address = find (t, "0000:01:10.0");
  assert_false (vfpool_lease_is_by_pool (by_address));
  assert_string_equal (by_address->slot, "net0");
  assert_int_equal (count_leases (t), 1);
  /* What the guest has open is left alone. */
  fixture_add_process (t->fx, 4711, "qemu -name a", "/dev/vfio/10");
  assert_acquires (t, "a", "net0=lan", "0000:01:10.0");
  open = find (t, "0000:01:10.0");
  assert_int_equal (open->serial, by_address->serial);
  assert_int_equal (count_leases (t), 1);
  /* Another slot of the same guest cannot have it. */
  assert_null (acquire (t, VFPOOL_GUEST_MANUAL, "a", "net1=0000:01:10.0", NULL));
}

static void
test_acquire_release (void **state) {
  Test *t = *state;
  GError *error = NULL;

  assert_acquires (t, "a", "net0=lan", "0000:01:10.0");
  assert_acquires (t, "b", "net0=lan", "0000:01:10.2");
  assert_null (acquire (t, VFPOOL_GUEST_MANUAL, "c", "net0=lan", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_NO_FREE_VF, "0000:01:10.0 is held by manual/a (name), slot net0");
  assert_true (vfpool_release (t->vfpool, VFPOOL_GUEST_MANUAL, "a", NULL));
  assert_acquires (t, "c", "net0=lan", "0000:01:10.0");
  assert_true (vfpool_release (t->vfpool, VFPOOL_GUEST_MANUAL, "b", NULL));
  assert_true (vfpool_release (t->vfpool, VFPOOL_GUEST_MANUAL, "c", NULL));
  assert_true (vfpool_release (t->vfpool, VFPOOL_GUEST_MANUAL, "c", NULL));
  assert_int_equal (count_leases (t), 0);
}

static void
test_acquire_again (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) first = NULL, second = NULL;

  assert_acquires (t, "a", "net0=lan", "0000:01:10.0");
  first = find (t, "0000:01:10.0");
  assert_acquires (t, "a", "net0=lan", "0000:01:10.0");
  second = find (t, "0000:01:10.0");
  assert_int_equal (count_leases (t), 1);
  assert_true (second->serial != first->serial);
  /* Who decided on the older reading must not take it away. */
  assert_true (vfpool_release_lease (t->vfpool, first, NULL));
  assert_int_equal (count_leases (t), 1);
  assert_true (vfpool_release_lease (t->vfpool, second, NULL));
  assert_int_equal (count_leases (t), 0);
}

static void
test_slot_changes_pool (void **state) {
  Test *t = *state;

  assert_acquires (t, "a", "net0=lan", "0000:01:10.0");
  assert_acquires (t, "a", "net0=other", "0000:02:10.0");
  assert_int_equal (count_leases (t), 1);
}

static void
test_all_or_none (void **state) {
  Test *t = *state;
  GError *error = NULL;

  assert_null (acquire (t, VFPOOL_GUEST_MANUAL, "a", "s0=lan s1=lan s2=lan", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_NO_FREE_VF, "slot s2");
  assert_int_equal (count_leases (t), 0);
  assert_acquires (t, "a", "s0=lan s1=lan s2=other", "0000:01:10.0 0000:01:10.2 0000:02:10.0");
}

static void
test_addresses (void **state) {
  Test *t = *state;
  GError *error = NULL;

  /* The PF lies in no pool: none of vfpool's business. */
  assert_acquires (t, "a", "s0=0000:01:00.0", "");
  assert_acquires (t, "a", "s0=0000:01:10.2 s1=0000:0f:00.0", "0000:01:10.2");
  assert_null (acquire (t, VFPOOL_GUEST_MANUAL, "b", "s0=0000:01:10.2", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, "0000:01:10.2 (pool 'lan') cannot be given to manual/b");
  assert_null (acquire (t, VFPOOL_GUEST_MANUAL, "b", "s0=nowhere", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "pool 'nowhere'");
}

static void
test_group_open (void **state) {
  Test *t = *state;
  GError *error = NULL;

  /* A folder in its place cannot be opened for writing: to vfpool the group is in somebody's hands. */
  fixture_write (t->fx, "/dev/vfio/10/x", "%s", "");
  assert_acquires (t, "a", "s0=lan", "0000:01:10.2");
  assert_null (acquire (t, VFPOOL_GUEST_MANUAL, "b", "s0=lan", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_NO_FREE_VF, "IOMMU group 10 is held open by somebody");
  assert_int_equal (count_leases (t), 1);
}

/* A guest that lives keeps its VF, whoever asks for it back. */
static void
test_release_from_living_guest (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL, again = NULL;
  g_autofree char *got = acquire (t, VFPOOL_GUEST_LIBVIRT, UUID, "s0=lan", NULL), *same = NULL;
  GError *error = NULL;

  assert_string_equal (got, "0000:01:10.0");
  fixture_write (t->fx, "/run/libvirt/qemu/web.pid", "400\n");
  fixture_add_process (t->fx, 400, "qemu -name guest=web,x=y -uuid " UUID, "/dev/vfio/10");
  fixture_write (t->fx, "/dev/vfio/10/x", "%s", "");
  assert_false (vfpool_release (t->vfpool, VFPOOL_GUEST_LIBVIRT, UUID, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE,
                       "held open by process 400 (qemu (x) 1), the QEMU of libvirt/" UUID " (web) after 0 s");
  lease = find (t, "0000:01:10.0");
  assert_int_equal (lease->state, VFPOOL_LEASE_ACTIVE);
  assert_int_equal (lease->worker_pid, 0);
  /* And acquiring it once more leaves it as it is, with the same serial. */
  same = acquire (t, VFPOOL_GUEST_LIBVIRT, UUID, "s0=lan", NULL);
  assert_string_equal (same, got);
  again = find (t, "0000:01:10.0");
  assert_int_equal (again->serial, lease->serial);
}

/* A guest whose hypervisor has lost the file with its PID has its VF all the same; what another guest's has open is neither's. */
static void
test_release_without_pid_file (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) own = NULL, others = NULL;
  g_autofree char *got = acquire (t, VFPOOL_GUEST_LIBVIRT, UUID, "s0=lan", NULL);
  GError *error = NULL;

  assert_string_equal (got, "0000:01:10.0");
  fixture_write (t->fx, "/dev/vfio/10/x", "%s", "");
  fixture_add_process (t->fx, 400, "qemu -uuid " UUID, "/dev/vfio/10");
  assert_false (vfpool_release (t->vfpool, VFPOOL_GUEST_LIBVIRT, UUID, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, "was not put back");
  own = find (t, "0000:01:10.0");
  assert_int_equal (own->state, VFPOOL_LEASE_ACTIVE);

  fixture_remove (t->fx, "/proc/400");
  fixture_add_process (t->fx, 401, "qemu -uuid 11111111-1111-4111-8111-111111111111", "/dev/vfio/10");
  assert_false (vfpool_release (t->vfpool, VFPOOL_GUEST_LIBVIRT, UUID, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, "is quarantined");
  others = find (t, "0000:01:10.0");
  assert_int_equal (others->state, VFPOOL_LEASE_QUARANTINED);
}

/* What is still open when no guest is known to live is kept from everybody, until it is closed and an operator has looked. */
static void
test_release_in_use (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL;
  GError *error = NULL;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  fixture_add_process (t->fx, 400, "dpdk", "/dev/vfio/10");
  fixture_write (t->fx, "/dev/vfio/10/x", "%s", "");
  assert_false (vfpool_release (t->vfpool, VFPOOL_GUEST_MANUAL, "a", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE,
                       "0000:01:10.0 was not put back and is quarantined: IOMMU group 10 was");
  lease = find (t, "0000:01:10.0");
  assert_int_equal (lease->state, VFPOOL_LEASE_QUARANTINED);
  assert_int_equal (lease->worker_pid, 0);
  assert_string_equal (lease->reason, "IOMMU group 10 was still held open by process 400 (qemu (x) 1) after 0 s");
  assert_false (vfpool_release_quarantined (t->vfpool, "0000:01:10.0", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, "stop it, then try again");
  assert_acquires (t, "a", "s0=lan", "0000:01:10.2");
  fixture_remove (t->fx, "/dev/vfio/10");
  assert_true (vfpool_release_quarantined (t->vfpool, "0000:01:10.0", NULL));
  assert_int_equal (count_leases (t), 1);
}

/* A lease whose process died before it looked at the VF, which somebody else has: nothing was touched, so nothing stays. */
static void
test_reconcile_untouched_in_use (void **state) {
  Test *t = *state;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  leave_as (t, "0000:01:10.0", VFPOOL_LEASE_RESERVED, 401, 0);
  forget_saved (t, "0000:01:10.0");
  fixture_write (t->fx, "/dev/vfio/10/x", "%s", "");
  assert_true (vfpool_reconcile (t->vfpool, NULL));
  assert_int_equal (count_leases (t), 0);
}

/* Nothing of one guest is left in the VF for the next: it is reset, where it offers that and no host's driver is at it. */
static void
test_reset (void **state) {
  static const struct {
    const char *methods; /* NULL: an older kernel, which does not tell */
    const char *driver;
    const char *expected;
  } cases[] = {
    { "flr bus\n", "vfio-pci", "1" },
    { "bus\n", "vfio-pci", "" },
    { NULL, "vfio-pci", "1" },
    { "af_flr\n", "igbvf", "" },
  };
  Test *t = *state;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strconcat (t->fx->root, "/sys/bus/pci/devices/0000:01:10.0/reset", NULL), *text = NULL;

    assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
    fixture_write (t->fx, "/sys/bus/pci/devices/0000:01:10.0/reset", "%s", "");
    fixture_remove (t->fx, "/sys/bus/pci/devices/0000:01:10.0/reset_method");
    if (cases[i].methods)
      fixture_write (t->fx, "/sys/bus/pci/devices/0000:01:10.0/reset_method", "%s", cases[i].methods);
    fixture_config (t->fx, strcmp (cases[i].driver, "vfio-pci") == 0 ? CONFIG : CONFIG_HOST);
    fixture_set_driver (t->fx, "0000:01:10.0", cases[i].driver);
    lease_test_open (t);
    assert_true (vfpool_release (t->vfpool, VFPOOL_GUEST_MANUAL, "a", NULL));
    assert_true (g_file_get_contents (path, &text, NULL, NULL));
    assert_string_equal (text, cases[i].expected);
  }
}

/* A VF that was made anew, or that somebody moved, is not what its lease says. */
static void
test_reconcile_mends (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL;
  GError *error = NULL;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  fixture_set_driver (t->fx, "0000:01:10.0", NULL);
  /* Open: it is not touched. */
  fixture_add_process (t->fx, 400, "dpdk", "/dev/vfio/10");
  assert_true (vfpool_reconcile (t->vfpool, NULL));
  fixture_remove (t->fx, "/proc/400");
  /* This tree's kernel binds nothing, so mending must fail, and be seen to. */
  assert_false (vfpool_reconcile (t->vfpool, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_KERNEL, "0000:01:10.0 was not as its lease says and is quarantined");
  lease = find (t, "0000:01:10.0");
  assert_int_equal (lease->state, VFPOOL_LEASE_QUARANTINED);
  assert_int_equal (lease->worker_pid, 0);
}

/* Another one mends it just now, and takes his time: that is no failure of this reconcile. */
static void
test_reconcile_beside_mending (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  fixture_set_driver (t->fx, "0000:01:10.0", NULL);
  fixture_add_process (t->fx, 400, "vfpool", NULL);
  leave_as (t, "0000:01:10.0", VFPOOL_LEASE_ACTIVE, 400, 0);
  assert_true (vfpool_reconcile (t->vfpool, NULL));
  lease = find (t, "0000:01:10.0");
  assert_int_equal (lease->state, VFPOOL_LEASE_ACTIVE);
  assert_int_equal (lease->worker_pid, 400);
}

/* Somebody gave a leased VF to the host, which may be what the operator is connected by: nobody takes it away. */
static void
test_leased_vf_used_by_host (void **state) {
  Test *t = *state;
  g_autofree char *override = NULL;
  g_autoptr (VfpoolLease) lease = NULL;
  GError *error = NULL;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  fixture_set_driver (t->fx, "0000:01:10.0", "igbvf");
  fixture_write (t->fx, "/sys/bus/pci/devices/0000:01:10.0/net/eth7", "%s", "");
  fixture_link (t->fx, "/sys/class/net/eth7/master", "../br0");
  assert_true (vfpool_reconcile (t->vfpool, NULL));
  assert_non_null (
      strstr (t->said->str, "0000:01:10.0 is leased to manual/a, but used by the host: its interface eth7"));
  assert_false (vfpool_release (t->vfpool, VFPOOL_GUEST_MANUAL, "a", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, "quarantined: it is used by the host: its interface eth7");
  lease = find (t, "0000:01:10.0");
  assert_int_equal (lease->state, VFPOOL_LEASE_QUARANTINED);
  override = vfpool_sysfs_read (t->fx->root, "/sys/bus/pci/devices/0000:01:10.0/driver_override");
  assert_string_equal (override, "(null)");
}

static void
test_acquire_again_used_by_host (void **state) {
  Test *t = *state;
  g_autofree char *override = NULL;
  GError *error = NULL;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  fixture_set_driver (t->fx, "0000:01:10.0", "igbvf");
  fixture_write (t->fx, "/sys/bus/pci/devices/0000:01:10.0/net/eth7", "%s", "");
  fixture_link (t->fx, "/sys/class/net/eth7/master", "../br0");
  assert_null (acquire (t, VFPOOL_GUEST_MANUAL, "a", "s0=lan", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, "0000:01:10.0 is used by the host: its interface eth7");
  override = vfpool_sysfs_read (t->fx->root, "/sys/bus/pci/devices/0000:01:10.0/driver_override");
  assert_string_equal (override, "(null)");
  assert_acquires (t, "a", "s0=lan", "0000:01:10.2");
}

static void
test_quarantined_device_vanished (void **state) {
  Test *t = *state;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  leave_as (t, "0000:01:10.0", VFPOOL_LEASE_QUARANTINED, 0, 0);
  fixture_remove (t->fx, "/sys/bus/pci/devices/0000:01:10.0");
  assert_true (vfpool_reconcile (t->vfpool, NULL));
  assert_int_equal (count_leases (t), 0);
}

static void
assert_reconcile_says (Test *t, const char *expected) {
  g_string_truncate (t->said, 0);
  assert_true (vfpool_reconcile (t->vfpool, NULL));
  assert_string_equal (t->said->str, expected);
}

static void
test_members_are_told (void **state) {
  Test *t = *state;

  assert_reconcile_says (t, "");
  assert_reconcile_says (t, "");
  fixture_remove (t->fx, "/sys/bus/pci/devices/0000:01:10.2");
  fixture_remove (t->fx, "/sys/bus/pci/devices/0000:01:00.0/virtfn1");
  assert_reconcile_says (
      t, "1 pool lan lost 0000:01:10.2: unplugged, the number of VFs was lowered, or the configuration changed\n");
  assert_reconcile_says (t, "");
  fixture_add_pf (t->fx, "0000:01", 12, "vfio-pci", 10);
  assert_reconcile_says (t, "1 pool lan gained 0000:01:10.2, 0000:01:10.4, 0000:01:10.6, 0000:01:11.0, 0000:01:11.2, "
                            "0000:01:11.4, 0000:01:11.6, 0000:01:12.0 and 3 more\n");
  /* A reboot makes everything new; so does a pool that was not there before. */
  fixture_write (t->fx, "/proc/sys/kernel/random/boot_id", "another\n");
  fixture_remove (t->fx, "/sys/bus/pci/devices/0000:02:10.0");
  lease_test_open (t);
  assert_reconcile_says (t, "");
  /* What `up` did itself is no news. */
  fixture_remove (t->fx, "/sys/bus/pci/devices/0000:01:10.2");
  fixture_remove (t->fx, "/sys/bus/pci/devices/0000:01:00.0/virtfn1");
  assert_true (vfpool_up (t->vfpool, NULL));
  assert_reconcile_says (t, "");
}

/* A release that died left the VF prepared for its guest, and the guest's old process is not quite gone: acquiring again must
 * not drop the record of what has to be put back. */
static void
test_acquire_while_old_process_ends (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL;
  GError *error = NULL;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  leave_as (t, "0000:01:10.0", VFPOOL_LEASE_RELEASING, 401, 0);
  fixture_write (t->fx, "/dev/vfio/10/x", "%s", "");
  assert_null (acquire (t, VFPOOL_GUEST_MANUAL, "a", "s0=lan", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, "0000:01:10.0 is still in use");
  lease = find (t, "0000:01:10.0");
  assert_non_null (lease);
  assert_int_equal (lease->state, VFPOOL_LEASE_ACTIVE);
  assert_int_equal (lease->worker_pid, 0);
  assert_true (lease->has_saved);
  fixture_remove (t->fx, "/dev/vfio/10");
  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
}

/* The guest is refused because its old process still has the VF: its lease must go on telling what the VF is like, and not what
 * was asked for in vain. */
static void
test_refused_again_changes_nothing (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL;
  GError *error = NULL;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  fixture_write (t->fx, "/dev/vfio/10/x", "%s", "");
  assert_null (acquire (t, VFPOOL_GUEST_MANUAL, "a", "s0=0000:01:10.0", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, "0000:01:10.0 is still in use");
  lease = find (t, "0000:01:10.0");
  assert_int_equal (lease->state, VFPOOL_LEASE_ACTIVE);
  assert_true (lease->by_pool);
}

/* The same for what was never active, because the first acquire died half-way: it stays so, for the next reconcile to undo. */
static void
test_refused_again_stays_reserved (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL;
  GError *error = NULL;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  leave_as (t, "0000:01:10.0", VFPOOL_LEASE_RESERVED, 401, 0);
  fixture_write (t->fx, "/dev/vfio/10/x", "%s", "");
  assert_null (acquire (t, VFPOOL_GUEST_MANUAL, "a", "s0=lan", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, "0000:01:10.0 is still in use");
  lease = find (t, "0000:01:10.0");
  assert_int_equal (lease->state, VFPOOL_LEASE_RESERVED);
  assert_int_equal (lease->worker_pid, 0);
}

/* What the guest held before is not put back on the way out of a failure, while its old process has it open. */
static void
test_failure_leaves_open_vf (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_MANUAL, "a", NULL, NULL);
  GError *error = NULL;

  assert_acquires (t, "a", "s1=lan", "0000:01:10.0");
  fixture_write (t->fx, "/dev/vfio/10/x", "%s", "");
  assert_true (vfpool_request_add_pool (request, "s0", "other", "52:54:00:00:00:01", -1, NULL));
  assert_true (vfpool_request_add_pool (request, "s1", "lan", NULL, -1, NULL));
  assert_null (vfpool_acquire (t->vfpool, request, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "slot s0 asks for a MAC or VLAN");
  assert_int_equal (count_leases (t), 1);
}

/* A VF that has no network attributes, held already: asking for a MAC is as wrong as the first time. */
static void
test_acquire_again_with_mac (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_MANUAL, "a", NULL, NULL);
  GError *error = NULL;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  assert_true (vfpool_request_add_pool (request, "s0", "lan", "52:54:00:00:00:01", -1, NULL));
  assert_null (vfpool_acquire (t->vfpool, request, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "slot s0 asks for a MAC or VLAN");
}

/* What a killed `vfpool up` held must not keep the next one from its work. */
static void
test_up_after_killed_up (void **state) {
  Test *t = *state;

  assert_acquires (t, "vfpool-up", "x=lan", "0000:01:10.0");
  leave_as (t, "0000:01:10.0", VFPOOL_LEASE_RESERVED, 401, 0);
  assert_true (vfpool_up (t->vfpool, NULL));
  assert_int_equal (count_leases (t), 0);
}

/* Somebody has it open meanwhile: it does not become a lease of `up` that nobody ever ends. */
static void
test_killed_up_and_open (void **state) {
  Test *t = *state;

  assert_acquires (t, "vfpool-up", "x=lan", "0000:01:10.0");
  leave_as (t, "0000:01:10.0", VFPOOL_LEASE_RESERVED, 401, 0);
  forget_saved (t, "0000:01:10.0");
  fixture_write (t->fx, "/dev/vfio/10/x", "%s", "");
  assert_true (vfpool_up (t->vfpool, NULL));
  assert_int_equal (count_leases (t), 0);
}

/* It held all VFs of a PF, to see who uses them: what the host uses is not taken away from it afterwards. */
static void
test_killed_up_and_host_use (void **state) {
  Test *t = *state;
  g_autofree char *driver = NULL;
  g_autoptr (VfpoolLease) lease = NULL;

  assert_acquires (t, "vfpool-up", "x=lan", "0000:01:10.0");
  leave_as (t, "0000:01:10.0", VFPOOL_LEASE_RESERVED, 401, 0);
  lease = find (t, "0000:01:10.0");
  lease->has_saved = FALSE;
  assert_true (vfpool_work_update (t->vfpool, lease, NULL));
  fixture_set_driver (t->fx, "0000:01:10.0", "igbvf");
  fixture_write (t->fx, "/sys/bus/pci/devices/0000:01:10.0/net/eth7", "%s", "");
  fixture_link (t->fx, "/sys/class/net/eth7/master", "../br0");
  assert_true (vfpool_reconcile (t->vfpool, NULL));
  assert_int_equal (count_leases (t), 0);
  driver = vfpool_sysfs_read (t->fx->root, "/sys/bus/pci/devices/0000:01:10.0/driver_override");
  assert_string_equal (driver, "(null)");
}

/* VFs of one group are leased together, kept together and given back together; what else the guest holds is not touched. */
static void
test_groups_together (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL;
  GError *error = NULL;

  for (int i = 0; i < 3; i++) {
    g_autofree char *bdf = g_strdup_printf ("0000:05:00.%d", i);
    fixture_add_function (t->fx, bdf, "vfio-pci", i < 2 ? 50 : 51, -1, 0x010600);
  }
  fixture_config (t->fx, "[pool chips]\nmembers=address=0000:05:00.0; address=0000:05:00.1; address=0000:05:00.2\n"
                         "shared-groups=together\n[pool lan]\nmembers=pf=0000:01:00.0\n");
  lease_test_open (t);
  assert_acquires (t, "a", "s0-1=lan", "0000:01:10.0");
  assert_acquires (t, "a", "s0=chips", "0000:05:00.0 0000:05:00.1");
  lease = find (t, "0000:05:00.1");
  assert_string_equal (lease->slot, "s0-2");
  assert_acquires (t, "a", "s0=chips", "0000:05:00.0 0000:05:00.1");
  assert_int_equal (count_leases (t), 3);
  assert_acquires (t, "b", "s0=chips", "0000:05:00.2");
  assert_null (acquire (t, VFPOOL_GUEST_MANUAL, "c", "s0=chips", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_NO_FREE_VF, "0000:05:00.0 is held by manual/a");
  assert_true (vfpool_release (t->vfpool, VFPOOL_GUEST_MANUAL, "a", NULL));
  assert_int_equal (count_leases (t), 1);
}

/* A PF is handed out as a whole, or its VFs are: no VFs are made of one that a guest has. */
static void
test_up_and_whole_pf (void **state) {
  Test *t = *state;
  GError *error = NULL;

  fixture_add_pf (t->fx, "0000:03", 0, "vfio-pci", 30);
  fixture_set_driver (t->fx, "0000:03:00.0", "vfio-pci");
  fixture_config (t->fx, "[pool whole]\nmembers=address=0000:03:00.0\n");
  lease_test_open (t);
  assert_acquires (t, "a", "s0=whole", "0000:03:00.0");
  fixture_config (t->fx, "[pf 0000:03:00.0]\nnumvfs=2\n[pool whole]\nmembers=address=0000:03:00.0\n");
  lease_test_open (t);
  assert_false (vfpool_up (t->vfpool, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_CONFIG, "lies in the pool 'whole' as a whole");
  assert_false (vfpool_check (t->vfpool, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_CONFIG, ":1: numvfs=2, but 0000:03:00.0 lies in the pool 'whole'");
  fixture_config (t->fx, "[pf 0000:03:00.0]\nnumvfs=2\n[pool vfs]\nmembers=pf=0000:03:00.0\n");
  lease_test_open (t);
  assert_false (vfpool_up (t->vfpool, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, "0000:03:00.0 is active for manual/a (name); release it first");
}

/* Nothing that could not be parked is passed over in silence: the first is the error, the others are told. */
static void
test_up_tells_all (void **state) {
  Test *t = *state;
  GError *error = NULL;

  fixture_set_driver (t->fx, "0000:01:10.0", NULL);
  fixture_set_driver (t->fx, "0000:01:10.2", NULL);
  assert_false (vfpool_up (t->vfpool, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_KERNEL, "0000:01:10.0 did not bind");
  assert_non_null (strstr (t->said->str, "0000:01:10.2 did not bind"));
  assert_int_equal (count_leases (t), 0);
}

static void
test_reconcile (void **state) {
  Test *t = *state;
  static const struct {
    VfpoolLeaseState lease_state;
    gint64 worker; /* 0: none; 400: lives; 401: died */
    gboolean is_old, guest_lives;
    gboolean stays;
  } cases[] = {
    { VFPOOL_LEASE_RESERVED, 400, TRUE, FALSE, TRUE },   { VFPOOL_LEASE_RESERVED, 401, FALSE, FALSE, FALSE },
    { VFPOOL_LEASE_RESERVED, 0, FALSE, TRUE, FALSE },    { VFPOOL_LEASE_RELEASING, 400, TRUE, FALSE, TRUE },
    { VFPOOL_LEASE_RELEASING, 401, TRUE, FALSE, FALSE }, { VFPOOL_LEASE_ACTIVE, 0, FALSE, FALSE, TRUE },
    { VFPOOL_LEASE_ACTIVE, 0, TRUE, TRUE, TRUE },        { VFPOOL_LEASE_ACTIVE, 0, TRUE, FALSE, FALSE },
    { VFPOOL_LEASE_QUARANTINED, 0, TRUE, FALSE, TRUE },
  };

  fixture_add_process (t->fx, 400, "vfpool", NULL);
  fixture_write (t->fx, "/run/libvirt/qemu/name.pid", "500\n");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *got = acquire (t, VFPOOL_GUEST_LIBVIRT, UUID, "net0=lan", NULL);
    gint64 age = cases[i].is_old ? 3600 : 1;

    assert_string_equal (got, "0000:01:10.0");
    leave_as (t, got, cases[i].lease_state, cases[i].worker, age);
    fixture_remove (t->fx, "/proc/500");
    if (cases[i].guest_lives)
      fixture_add_process (t->fx, 500, "qemu -uuid " UUID, NULL);
    assert_true (vfpool_reconcile (t->vfpool, NULL));
    if ((count_leases (t) == 1) != cases[i].stays)
      fail_msg ("case %u: the lease %s; said: %s", i, cases[i].stays ? "ended" : "stayed", t->said->str);
    if (cases[i].stays) {
      leave_as (t, got, VFPOOL_LEASE_RELEASING, 0, 0);
      assert_true (vfpool_reconcile (t->vfpool, NULL));
    }
  }
}

/* The pool's first VF is a libvirt guest's that does not run, its other one a guest's by hand. */
static void
fill_pool (Test *t) {
  g_autofree char *got = acquire (t, VFPOOL_GUEST_LIBVIRT, UUID, "net0=lan", NULL);

  assert_string_equal (got, "0000:01:10.0");
  assert_acquires (t, "a", "s0=lan", "0000:01:10.2");
}

static void
test_take_back_for_another (void **state) {
  Test *t = *state;
  static const struct {
    const char *slots, *expected; /* NULL: refused */
    VfpoolLeaseState lease_state;
    gint64 worker; /* 0: none; 400: lives; 401: died */
    gboolean is_old, is_open;
  } cases[] = {
    { "s0=lan", "0000:01:10.0", VFPOOL_LEASE_ACTIVE, 0, TRUE, FALSE },
    { "s0=0000:01:10.0", "0000:01:10.0", VFPOOL_LEASE_ACTIVE, 0, TRUE, FALSE },
    { "s0=lan", "0000:01:10.0", VFPOOL_LEASE_RESERVED, 401, FALSE, FALSE },
    { "s0=lan", "0000:01:10.0", VFPOOL_LEASE_RELEASING, 401, FALSE, FALSE },
    { "s0=lan", NULL, VFPOOL_LEASE_ACTIVE, 0, FALSE, FALSE },     /* it may be about to start */
    { "s0=lan", NULL, VFPOOL_LEASE_RELEASING, 400, TRUE, FALSE }, /* somebody is at it */
    { "s0=lan", NULL, VFPOOL_LEASE_QUARANTINED, 0, TRUE, FALSE },
    { "s0=lan", NULL, VFPOOL_LEASE_ACTIVE, 0, TRUE, TRUE },
    { "s0=0000:01:10.2", NULL, VFPOOL_LEASE_ACTIVE, 0, TRUE, FALSE }, /* another VF would not help */
    { "s0=lan s1=lan", NULL, VFPOOL_LEASE_RELEASING, 400, TRUE, FALSE },
  };

  fixture_add_process (t->fx, 400, "vfpool", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *got = NULL;

    fill_pool (t);
    leave_as (t, "0000:01:10.0", cases[i].lease_state, cases[i].worker, cases[i].is_old ? 3600 : 1);
    if (cases[i].is_open)
      fixture_write (t->fx, "/dev/vfio/10/x", "%s", "");
    got = acquire (t, VFPOOL_GUEST_MANUAL, "b", cases[i].slots, NULL);
    if (g_strcmp0 (got, cases[i].expected) != 0)
      fail_msg ("case %u: got %s; said: %s", i, got ? got : "nothing", t->said->str);
    assert_int_equal (count_leases (t), 2);
    fixture_remove (t->fx, "/dev/vfio/10");
    leave_as (t, "0000:01:10.0", VFPOOL_LEASE_RELEASING, 0, 0);
    leave_as (t, "0000:01:10.2", VFPOOL_LEASE_RELEASING, 0, 0);
    assert_true (vfpool_reconcile (t->vfpool, NULL));
  }
  assert_non_null (strstr (t->said->str, "slot net0: released: its guest was gone"));
}

/* What there is free is taken first, and what the guest itself holds, though it does not run yet, stays for its slot. */
static void
test_take_back_only_in_need (void **state) {
  Test *t = *state;
  GError *error = NULL;
  g_autofree char *own = acquire (t, VFPOOL_GUEST_LIBVIRT, UUID, "net0=lan", NULL), *two = NULL;
  g_autoptr (VfpoolLease) lease = NULL;

  leave_as (t, "0000:01:10.0", VFPOOL_LEASE_ACTIVE, 0, 3600);
  assert_acquires (t, "a", "s0=lan", "0000:01:10.2");
  two = acquire (t, VFPOOL_GUEST_LIBVIRT, UUID, "net0=lan net1=lan", &error);
  assert_null (two);
  assert_vfpool_error (&error, VFPOOL_ERROR_NO_FREE_VF, "pool 'lan' has no free VF");
  lease = find (t, "0000:01:10.0");
  assert_non_null (lease);
  assert_int_equal (count_leases (t), 2);
}

/* A worker that was killed and whose parent has not taken notice yet works no more. */
static void
test_worker_is_zombie (void **state) {
  Test *t = *state;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  fixture_add_process (t->fx, 400, "", NULL);
  leave_as (t, "0000:01:10.0", VFPOOL_LEASE_RELEASING, 400, 0);
  assert_true (vfpool_reconcile (t->vfpool, NULL));
  assert_int_equal (count_leases (t), 1);
  fixture_write (t->fx, "/proc/400/stat", "400 (vfpool) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4000 20\n");
  assert_true (vfpool_reconcile (t->vfpool, NULL));
  assert_int_equal (count_leases (t), 0);
}

/* Called when reconcile has dealt with the first lease: the second one's acquire succeeds meanwhile, and its process ends. */
static void
finish_acquire (VfpoolMessageLevel level G_GNUC_UNUSED, const char *message G_GNUC_UNUSED, gpointer user_data) {
  Test *t = user_data;

  if (count_leases (t) == 1) {
    leave_as (t, "0000:01:10.2", VFPOOL_LEASE_ACTIVE, 0, 0);
    fixture_remove (t->fx, "/proc/400");
  }
}

static void
test_reconcile_beside_acquire (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL;

  vfpool_close (t->vfpool);
  t->vfpool = vfpool_open (t->fx->root, finish_acquire, t, NULL);
  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  assert_acquires (t, "b", "s0=lan", "0000:01:10.2");
  fixture_add_process (t->fx, 400, "vfpool", NULL);
  leave_as (t, "0000:01:10.0", VFPOOL_LEASE_RELEASING, 401, 0);
  leave_as (t, "0000:01:10.2", VFPOOL_LEASE_RESERVED, 400, 0);
  assert_true (vfpool_reconcile (t->vfpool, NULL));
  assert_int_equal (count_leases (t), 1);
  lease = find (t, "0000:01:10.2");
  assert_int_equal (lease->state, VFPOOL_LEASE_ACTIVE);
}

static void
test_manual_guests_stay (void **state) {
  Test *t = *state;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  leave_as (t, "0000:01:10.0", VFPOOL_LEASE_ACTIVE, 0, 3600);
  assert_true (vfpool_reconcile (t->vfpool, NULL));
  assert_int_equal (count_leases (t), 1);
}

static void
test_reboot (void **state) {
  Test *t = *state;

  assert_acquires (t, "a", "s0=lan s1=lan", "0000:01:10.0 0000:01:10.2");
  leave_as (t, "0000:01:10.2", VFPOOL_LEASE_QUARANTINED, 0, 0);
  fixture_write (t->fx, "/proc/sys/kernel/random/boot_id", "another\n");
  lease_test_open (t);
  assert_int_equal (count_leases (t), 0);
  assert_non_null (strstr (t->said->str, "2 leases of an earlier boot are void"));
}

static void
test_device_vanished (void **state) {
  Test *t = *state;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  fixture_remove (t->fx, "/sys/bus/pci/devices/0000:01:10.0");
  assert_true (vfpool_reconcile (t->vfpool, NULL));
  assert_int_equal (count_leases (t), 0);
  assert_non_null (strstr (t->said->str, "is not there any more"));
}

static void
test_quarantine (void **state) {
  Test *t = *state;
  GError *error = NULL;

  /* A VF off vfio-pci that the tree's "kernel" does not bind: putting it back must fail, and be seen to. */
  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  fixture_set_driver (t->fx, "0000:01:10.0", NULL);
  assert_false (vfpool_release (t->vfpool, VFPOOL_GUEST_MANUAL, "a", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_KERNEL, "is quarantined");
  {
    g_autoptr (VfpoolLease) lease = find (t, "0000:01:10.0");
    assert_int_equal (lease->state, VFPOOL_LEASE_QUARANTINED);
    assert_non_null (strstr (lease->reason, "did not bind"));
  }
  assert_acquires (t, "a", "s0=lan", "0000:01:10.2");
  assert_null (acquire (t, VFPOOL_GUEST_MANUAL, "b", "s0=lan", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_NO_FREE_VF, "0000:01:10.0 is quarantined (");

  /* It stays so as long as it cannot be put back, although its guest has another VF for the slot now. */
  assert_false (vfpool_release_quarantined (t->vfpool, "0000:01:10.0", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_KERNEL, "is quarantined");
  assert_false (vfpool_release_quarantined (t->vfpool, "0000:01:10.2", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_NOT_FOUND, "is not quarantined");
  fixture_set_driver (t->fx, "0000:01:10.0", "vfio-pci");
  assert_true (vfpool_release_quarantined (t->vfpool, "01:10.0", NULL));
  assert_acquires (t, "b", "s0=lan", "0000:01:10.0");
}

static void
test_failed_prepare_is_undone (void **state) {
  Test *t = *state;
  GError *error = NULL;

  /* The second VF cannot be bound: the first one, prepared already, must not stay behind. */
  fixture_set_driver (t->fx, "0000:01:10.2", NULL);
  assert_null (acquire (t, VFPOOL_GUEST_MANUAL, "a", "s0=lan s1=lan", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_KERNEL, "0000:01:10.2 did not bind to vfio-pci");
  assert_acquires (t, "b", "s0=lan", "0000:01:10.0");
}

static void
test_lost_ledger (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL;
  GError *error = NULL;

  assert_acquires (t, "a", "s0=other", "0000:02:10.0");
  vfpool_close (g_steal_pointer (&t->vfpool));
  fixture_write (t->fx, "/var/lib/vfpool/ledger.db",
                 "this is no database, whatever it was before, and long enough to be read");
  fixture_remove (t->fx, "/var/lib/vfpool/ledger.db-wal");
  fixture_remove (t->fx, "/var/lib/vfpool/ledger.db-shm");
  fixture_add_process (t->fx, 600, "qemu -name guest=vm9,x=y -uuid " UUID, "/dev/vfio/10");
  fixture_write (t->fx, "/dev/vfio/10/x", "%s", "");
  lease_test_open (t);
  assert_acquires (t, "b", "s0=lan", "0000:01:10.2");
  assert_non_null (strstr (t->said->str, "1 the ledger is damaged (file is not a database) and was kept aside as"));
  assert_non_null (strstr (t->said->str, "0000:01:10.0 is held by libvirt/" UUID));
  lease = find (t, "0000:01:10.0");
  assert_string_equal (lease->guest_name, "vm9");
  assert_int_equal (lease->state, VFPOOL_LEASE_ACTIVE);
  assert_null (acquire (t, VFPOOL_GUEST_MANUAL, "c", "s0=lan", &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_NO_FREE_VF, "is held by libvirt/" UUID " (vm9)");
}

/* Overwrites the page of the ledger's history that lines are written to. */
static void
spoil_history (Test *t) {
  g_autofree char *path = g_strconcat (t->fx->root, "/var/lib/vfpool/ledger.db", NULL), *bytes = NULL;
  const char *last = NULL;
  gsize length;
  sqlite3 *db = NULL;

  vfpool_close (g_steal_pointer (&t->vfpool));
  assert_int_equal (sqlite3_open (path, &db), SQLITE_OK);
  assert_int_equal (sqlite3_exec (db,
                                  "UPDATE history SET detail = 'SPOIL-HERE' WHERE id = (SELECT max (id) FROM history);"
                                  "PRAGMA wal_checkpoint (TRUNCATE)",
                                  NULL, NULL, NULL),
                    SQLITE_OK);
  sqlite3_close (db);
  assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  last = memmem (bytes, length, "SPOIL-HERE", 10);
  assert_non_null (last);
  memset (bytes + (last - bytes) / 4096 * 4096, 0x5a, 4096);
  assert_true (g_file_set_contents (path, bytes, (gssize)length, NULL));
  lease_test_open (t);
}

/* A bad block under the history: VFs are handed out and taken back all the same, and nobody's lease is lost. */
static void
test_damaged_history (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) before = NULL, after = NULL;
  GError *error = NULL;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  before = find (t, "0000:01:10.0");
  spoil_history (t);
  assert_acquires (t, "b", "s0=lan", "0000:01:10.2");
  assert_non_null (
      strstr (t->said->str, "1 the ledger is damaged (its history, or what is free in it, cannot be read)"));
  after = find (t, "0000:01:10.0");
  assert_int_equal (after->serial, before->serial);
  assert_string_equal (after->guest_id, "a");
  spoil_history (t);
  if (!vfpool_release (t->vfpool, VFPOOL_GUEST_MANUAL, "a", &error))
    fail_msg ("%s", error->message);
  assert_null (find (t, "0000:01:10.0"));
  g_clear_pointer (&after, vfpool_lease_unref);
  after = find (t, "0000:01:10.2");
  assert_string_equal (after->guest_id, "b");
}

/* That a VF could not be put back is on record all the same. */
static void
test_quarantine_on_damaged_history (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL, kept = NULL;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  spoil_history (t);
  lease = find (t, "0000:01:10.0");
  vfpool_work_quarantine (t->vfpool, lease, "smells of smoke");
  assert_null (strstr (t->said->str, "could not be recorded"));
  kept = find (t, "0000:01:10.0");
  assert_int_equal (kept->state, VFPOOL_LEASE_QUARANTINED);
  assert_string_equal (kept->reason, "smells of smoke");
}

/* What was saved of a damaged ledger is older than what the kernel shows: the VF is another guest's now. */
static void
test_saved_lease_gives_way (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL, kept = NULL;

  assert_acquires (t, "old", "s0=lan", "0000:01:10.0");
  assert_acquires (t, "still", "s0=lan", "0000:01:10.2");
  fixture_add_process (t->fx, 600, "qemu -name guest=vm9,x=y -uuid " UUID, "/dev/vfio/10");
  spoil_history (t);
  assert_acquires (t, "b", "s0=other", "0000:02:10.0");
  lease = find (t, "0000:01:10.0");
  assert_string_equal (lease->guest_id, UUID);
  kept = find (t, "0000:01:10.2");
  assert_string_equal (kept->guest_id, "still");
}

/* What is kept from everybody stays so, with its reason, whoever has it open; but not into another boot. */
static void
test_saved_quarantine_stays (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) kept = NULL, lease = NULL;
  VfpoolLedger *ledger;

  assert_acquires (t, "old", "s0=lan", "0000:01:10.0");
  leave_as (t, "0000:01:10.0", VFPOOL_LEASE_QUARANTINED, 0, 0);
  kept = find (t, "0000:01:10.0");
  kept->reason = g_strdup ("smells of smoke");
  ledger = vfpool_handle_ledger (t->vfpool, NULL);
  assert_true (vfpool_ledger_begin (ledger, NULL) && vfpool_ledger_update (ledger, kept, FALSE, NULL)
               && vfpool_ledger_commit (ledger, NULL));
  fixture_add_process (t->fx, 600, "qemu -name guest=vm9,x=y -uuid " UUID, "/dev/vfio/10");
  spoil_history (t);
  assert_acquires (t, "b", "s0=other", "0000:02:10.0");
  g_clear_pointer (&kept, vfpool_lease_unref);
  kept = find (t, "0000:01:10.0");
  assert_int_equal (kept->state, VFPOOL_LEASE_QUARANTINED);
  assert_string_equal (kept->guest_id, "old");
  assert_string_equal (kept->reason, "smells of smoke");
  spoil_history (t);
  fixture_write (t->fx, "/proc/sys/kernel/random/boot_id", "another\n");
  lease_test_open (t);
  assert_acquires (t, "b", "s0=other", "0000:02:10.0");
  lease = find (t, "0000:01:10.0");
  assert_string_equal (lease->guest_id, UUID);
  assert_int_equal (lease->state, VFPOOL_LEASE_ACTIVE);
}

static const char *
get_state (GVariant *status, const char *address) {
  g_autoptr (GVariant) vfs = g_variant_lookup_value (status, "vfs", G_VARIANT_TYPE ("aa{sv}"));
  GVariantIter iter;
  GVariant *vf;
  static char found[32];

  *found = '\0';
  g_variant_iter_init (&iter, vfs);
  while ((vf = g_variant_iter_next_value (&iter))) {
    const char *a = "", *s = "";
    g_variant_lookup (vf, "address", "&s", &a);
    g_variant_lookup (vf, "state", "&s", &s);
    if (strcmp (a, address) == 0)
      g_strlcpy (found, s, sizeof found);
    g_variant_unref (vf);
  }
  return found;
}

static void
test_status (void **state) {
  Test *t = *state;
  g_autoptr (GVariant) status = NULL, pools = NULL, lan = NULL;
  guint total = 0, leased = 0, foreign = 9, free = 9;

  assert_acquires (t, "a", "s0=lan", "0000:01:10.0");
  fixture_add_process (t->fx, 700, "testpmd", "/dev/vfio/20");
  status = vfpool_status (t->vfpool, NULL);
  assert_non_null (status);
  assert_string_equal (get_state (status, "0000:01:10.0"), "active");
  assert_string_equal (get_state (status, "0000:01:10.2"), "free");
  assert_string_equal (get_state (status, "0000:02:10.0"), "foreign");
  pools = g_variant_lookup_value (status, "pools", NULL);
  lan = g_variant_get_child_value (pools, 0);
  g_variant_lookup (lan, "total", "u", &total);
  g_variant_lookup (lan, "leased", "u", &leased);
  g_variant_lookup (lan, "foreign", "u", &foreign);
  g_variant_lookup (lan, "free", "u", &free);
  assert_int_equal (total, 2);
  assert_int_equal (leased, 1);
  assert_int_equal (foreign, 0);
  assert_int_equal (free, 1);
}

/* A function that is no VF, and was taken out of its pool: its guest has it all the same. */
static void
test_status_out_of_pool (void **state) {
  Test *t = *state;
  g_autoptr (GVariant) status = NULL;

  fixture_add_function (t->fx, "0000:04:00.0", "vfio-pci", 30, -1, 0x020000);
  fixture_config (t->fx, "[pool one]\nmembers=address=0000:04:00.0\n");
  lease_test_open (t);
  assert_acquires (t, "a", "s0=one", "0000:04:00.0");
  fixture_config (t->fx, CONFIG);
  lease_test_open (t);
  status = vfpool_status (t->vfpool, NULL);
  assert_non_null (status);
  assert_string_equal (get_state (status, "0000:04:00.0"), "active");
}

/* Whoever may open a VFIO group may call himself anything; the answer is a GVariant, which must be UTF-8. */
static void
test_status_of_nasty_names (void **state) {
  Test *t = *state;
  g_autoptr (GVariant) status = NULL;
  g_autofree char *text = NULL;

  fixture_add_process (t->fx, 700, "testpmd", "/dev/vfio/20");
  fixture_write (t->fx, "/proc/700/comm", "\xff\x1b[2J\xe2\x80\n");
  status = vfpool_status (t->vfpool, NULL);
  assert_non_null (status);
  text = g_variant_print (status, FALSE);
  assert_non_null (strstr (text, "held open by process 700 (\xef\xbf\xbd"));
}

static void
test_status_without_ledger (void **state) {
  Test *t = *state;
  g_autoptr (GVariant) status = vfpool_status (t->vfpool, NULL);
  g_autofree char *ledger = g_strconcat (t->fx->root, "/var/lib/vfpool", NULL);

  assert_non_null (status);
  assert_string_equal (get_state (status, "0000:01:10.0"), "free");
  /* Looking leaves no trace. */
  assert_int_equal (access (ledger, F_OK), -1);
}

static void
check_config (Test *t, const char *text, const char *complaint) {
  GError *error = NULL;

  fixture_config (t->fx, text);
  lease_test_open (t);
  assert_false (vfpool_check (t->vfpool, &error));
  assert_non_null (error);
  if (!strstr (error->message, complaint))
    fail_msg ("said '%s', expected '%s'", error->message, complaint);
  g_error_free (error);
}

static void
test_check (void **state) {
  Test *t = *state;

  assert_true (vfpool_check (t->vfpool, NULL));
  assert_string_equal (t->said->str, "");
  check_config (t, "[pf 0000:09:00.0]\nnumvfs=1\n", "vfpool.conf:1: there is no PCI device 0000:09:00.0");
  check_config (t, "[pf 0000:01:00.0]\nnumvfs=65\n", "can have 64 VFs at most");
  check_config (t, "[pool a]\nmembers=pf=0000:09:00.0\n", "there is no PF 0000:09:00.0");
  check_config (t, "[pool a]\nmembers=pf=0000:01:10.0\n", "it is no SR-IOV physical function");
  check_config (t, "[pool a]\nmembers=pf=0000:01:00.0 vfs=0-2\n", "VF 2 of 0000:01:00.0 is meant, but it has 2");
  check_config (t, "[pool a]\nmembers=pf=0000:01:00.0\n[pool b]\nmembers=address=0000:01:10.2\n", "may be in one only");
}

int
main (void) {
#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, lease_test_teardown)
  const struct CMUnitTest tests[] = {
    TEST (test_acquire_release),
    TEST (test_acquire_again),
    TEST (test_slot_changes_pool),
    TEST (test_pool_then_address),
    TEST (test_all_or_none),
    TEST (test_addresses),
    TEST (test_group_open),
    TEST (test_release_from_living_guest),
    TEST (test_release_without_pid_file),
    TEST (test_release_in_use),
    TEST (test_reconcile_untouched_in_use),
    TEST (test_reset),
    TEST (test_reconcile_mends),
    TEST (test_reconcile_beside_mending),
    TEST (test_leased_vf_used_by_host),
    TEST (test_acquire_again_used_by_host),
    TEST (test_quarantined_device_vanished),
    TEST (test_members_are_told),
    TEST (test_reconcile),
    TEST (test_take_back_for_another),
    TEST (test_take_back_only_in_need),
    TEST (test_worker_is_zombie),
    TEST (test_reconcile_beside_acquire),
    TEST (test_manual_guests_stay),
    TEST (test_reboot),
    TEST (test_device_vanished),
    TEST (test_quarantine),
    TEST (test_failed_prepare_is_undone),
    TEST (test_lost_ledger),
    TEST (test_damaged_history),
    TEST (test_quarantine_on_damaged_history),
    TEST (test_saved_lease_gives_way),
    TEST (test_saved_quarantine_stays),
    TEST (test_acquire_while_old_process_ends),
    TEST (test_refused_again_changes_nothing),
    TEST (test_refused_again_stays_reserved),
    TEST (test_failure_leaves_open_vf),
    TEST (test_acquire_again_with_mac),
    TEST (test_up_after_killed_up),
    TEST (test_killed_up_and_open),
    TEST (test_killed_up_and_host_use),
    TEST (test_groups_together),
    TEST (test_up_and_whole_pf),
    TEST (test_up_tells_all),
    TEST (test_status),
    TEST (test_status_out_of_pool),
    TEST (test_status_of_nasty_names),
    TEST (test_status_without_ledger),
    TEST (test_check),
  };

  return cmocka_run_group_tests_name ("lease", tests, NULL, NULL);
}
