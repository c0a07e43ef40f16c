/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Following what a running guest has: each row of the table in lib/follow.c, over a tree of files. That the kernel and libvirt
 * show it so is tried on the bench.
 */
#include "lease-fixture.h"
#include "handle.h"
#include "work.h"

#include <string.h>

#define UUID "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90"
#define OTHER "11111111-1111-4111-8111-111111111111"
#define PID 500
#define A "0000:01:10.0" /* group 10 */
#define B "0000:01:10.2" /* group 11 */
#define FREE "0000:02:10.0"
#define CONFIG                                                                                                         \
  "[pool lan]\nmembers=pf=0000:01:00.0\non-attach-failure=retry\n[pool other]\nmembers=pf=0000:03:00.0\n"              \
  "[vfpool]\nrelease-wait=0\n"
#define QEMU "/usr/bin/qemu -name guest=web,x=y -uuid " UUID " -device {\"driver\":\"virtio-net\",\"id\":\"net0\"}"
#define QEMU_WITH_A QEMU " -device {\"driver\":\"vfio-pci\",\"host\":\"" A "\",\"id\":\"hostdev0\"}"

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

static void
acquire (Test *t, const char *uuid, const char *pool, const char *address) {
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_LIBVIRT, uuid, "web", NULL);
  g_autoptr (GPtrArray) leases = NULL;

  if (pool)
    assert_true (vfpool_request_add_pool (request, "net0", pool, NULL, -1, NULL));
  else
    assert_true (vfpool_request_add_address (request, "dev0", address, NULL, -1, NULL));
  leases = vfpool_acquire (t->vfpool, request, NULL);
  assert_non_null (leases);
  assert_int_equal (leases->len, 1);
}

static GPtrArray *
read_leases (Test *t) {
  return vfpool_guest_leases (t->vfpool, VFPOOL_GUEST_LIBVIRT, UUID, NULL);
}

/* Follows the guest, which had the leases @before, and has the devices @addresses (separated by blanks) in its configuration. */
static gboolean
follow_from (Test *t, GPtrArray *before, const char *addresses, gboolean with_first, GError **error) {
  g_autoptr (VfpoolRequest) has = vfpool_request_new (VFPOOL_GUEST_LIBVIRT, UUID, "web", NULL);
  g_auto (GStrv) parts = g_strsplit (addresses, " ", -1);

  assert_true (vfpool_request_add_pool (has, "net0", "lan", NULL, -1, NULL)); /* passed over */
  for (int i = 0; parts[i] && *parts[i]; i++) {
    g_autofree char *slot = g_strdup_printf ("dev%d", i);
    assert_true (vfpool_request_add_address (has, slot, parts[i], NULL, -1, NULL));
  }
  return vfpool_follow (t->vfpool, has, before, with_first, error);
}

static gboolean
follow (Test *t, const char *addresses, gboolean with_first, GError **error) {
  g_autoptr (GPtrArray) before = read_leases (t);

  return follow_from (t, before, addresses, with_first, error);
}

static void
assert_follows (Test *t, const char *addresses) {
  g_autoptr (GError) error = NULL;

  if (!follow (t, addresses, FALSE, &error))
    fail_msg ("%s: %s", addresses, error->message);
}

static VfpoolLease *
find (Test *t, const char *address) {
  VfpoolLease *lease = NULL;

  assert_true (vfpool_ledger_find (vfpool_handle_ledger (t->vfpool, NULL), address, &lease, NULL));
  return lease;
}

/* "SLOT STATE" of the lease of @address, with what else is noted; "none". */
static void
assert_lease (Test *t, const char *address, const char *expected) {
  g_autoptr (VfpoolLease) lease = find (t, address);
  g_autofree char *text =
      lease ? g_strdup_printf ("%s %s%s%s%s", lease->slot, vfpool_lease_state_to_string (lease->state),
                               vfpool_lease_is_attached (lease) ? " attached" : "", lease->reason ? " " : "",
                               lease->reason ? lease->reason : "")
            : g_strdup ("none");

  assert_string_equal (text, expected);
}

static void
set_state (Test *t, const char *address, VfpoolLeaseState lease_state, gint64 worker) {
  g_autoptr (VfpoolLease) lease = find (t, address);

  lease->state = lease_state;
  lease->worker_pid = worker;
  lease->worker_start = worker * 10;
  assert_true (vfpool_work_update (t->vfpool, lease, NULL));
}

static void
run_guest (Test *t, const char *command_line, const char *groups) {
  g_autofree char *pid_file = g_strdup ("/run/libvirt/qemu/web.pid");

  fixture_write (t->fx, pid_file, "%d", PID);
  fixture_add_process (t->fx, PID, command_line, groups);
}

/* ---- Plugged in ---- */

static void
test_adopts_what_was_plugged_in (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL;

  run_guest (t, QEMU, "/dev/vfio/10");
  assert_follows (t, A);
  assert_lease (t, A, "dev0 active attached");
  lease = find (t, A);
  assert_string_equal (lease->guest_id, UUID);
  assert_string_equal (lease->guest_name, "web");
  assert_string_equal (lease->pool, "lan");
  assert_false (lease->by_pool);
  assert_true (lease->has_saved);
  /* Nothing changes when it is seen again. */
  assert_follows (t, A);
  assert_lease (t, A, "dev0 active attached");
  assert_string_equal (t->said->str, "");
}

/* The device was unplugged, and its lease released, after the leases and the devices had been read. */
static void
test_leaves_alone_what_was_released_meanwhile (void **state) {
  Test *t = *state;
  g_autoptr (GPtrArray) before = NULL;

  acquire (t, UUID, "lan", NULL);
  before = read_leases (t);
  assert_true (vfpool_release (t->vfpool, VFPOOL_GUEST_LIBVIRT, UUID, NULL));
  run_guest (t, QEMU, "/dev/vfio/10"); /* as it was looked at before that */
  assert_true (follow_from (t, before, A, FALSE, NULL));
  assert_lease (t, A, "none");
}

static void
test_leaves_alone_what_it_was_started_with (void **state) {
  Test *t = *state;

  run_guest (t, QEMU_WITH_A, "/dev/vfio/10 /dev/vfio/11");
  assert_follows (t, A " " B);
  assert_lease (t, A, "none");
  assert_lease (t, B, "dev1 active attached");
  assert_true (follow (t, A " " B, TRUE, NULL));
  assert_lease (t, A, "dev0 active attached");
}

static void
test_leaves_alone_what_is_not_the_guests (void **state) {
  Test *t = *state;

  run_guest (t, QEMU, "/dev/vfio/20"); /* in no pool */
  fixture_add_process (t->fx, 501, "/usr/bin/qemu -uuid " OTHER, "/dev/vfio/11");
  assert_follows (t, FREE " " A " " B);
  assert_lease (t, FREE, "none");
  assert_lease (t, A, "none"); /* nobody has it open */
  assert_lease (t, B, "none"); /* another one has */
}

static void
test_conflict_is_told_and_changes_nothing (void **state) {
  Test *t = *state;
  GError *error = NULL;

  acquire (t, OTHER, NULL, A);
  run_guest (t, QEMU, "/dev/vfio/10 /dev/vfio/11");
  assert_false (follow (t, A " " B, FALSE, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, A " open, which is leased to libvirt/" OTHER);
  assert_lease (t, A, "dev0 active");
  assert_lease (t, B, "dev1 active attached"); /* the rest is done all the same */
  set_state (t, A, VFPOOL_LEASE_QUARANTINED, 0);
  assert_false (follow (t, A " " B, FALSE, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, "is quarantined");
  /* While the guest does not have it open, there is nothing to tell. */
  run_guest (t, QEMU, "/dev/vfio/11");
  fixture_remove (t->fx, "/proc/500/fd/1");
  fixture_link (t->fx, "/proc/500/fd/0", "/dev/vfio/11");
  assert_follows (t, A " " B);
}

/* ---- Pulled out ---- */

static void
test_releases_by_pool_only_what_was_attached (void **state) {
  Test *t = *state;

  acquire (t, UUID, "lan", NULL);
  run_guest (t, QEMU, "");
  assert_follows (t, "");
  assert_lease (t, A, "net0 active");
  fixture_link (t->fx, "/proc/500/fd/0", "/dev/vfio/10");
  assert_follows (t, A);
  assert_lease (t, A, "net0 active attached");
  fixture_remove (t->fx, "/proc/500/fd/0");
  assert_follows (t, "");
  assert_lease (t, A, "none");
}

static void
test_acquired_anew_is_not_attached (void **state) {
  Test *t = *state;

  acquire (t, UUID, "lan", NULL);
  run_guest (t, QEMU, "");
  assert_follows (t, A);
  assert_lease (t, A, "net0 active attached");
  acquire (t, UUID, "lan", NULL);
  assert_lease (t, A, "net0 active");
  assert_follows (t, "");
  assert_lease (t, A, "net0 active");
}

static void
test_releases_by_address (void **state) {
  Test *t = *state;

  acquire (t, UUID, NULL, A);
  run_guest (t, QEMU_WITH_A, "/dev/vfio/10");
  assert_follows (t, A);
  assert_lease (t, A, "dev0 active attached");
  fixture_remove (t->fx, "/proc/500/fd/0");
  assert_follows (t, "");
  assert_lease (t, A, "none");
}

/* Not of the guest's doing: a process that libvirt does not know has it open. It is the kernel's word that counts, which here is
 * a file that cannot be opened. */
static void
test_never_releases_what_is_open (void **state) {
  Test *t = *state;
  GError *error = NULL;

  acquire (t, UUID, NULL, A);
  run_guest (t, QEMU, "/dev/vfio/10");
  fixture_write (t->fx, "/dev/vfio/10/in-the-way", "%s", "");
  assert_false (follow (t, "", FALSE, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, "was not put back");
  assert_lease (t, A, "dev0 active");
}

static void
test_group_goes_together (void **state) {
  Test *t = *state;

  /* Both VFs in one group. */
  fixture_link (t->fx, "/sys/bus/pci/devices/" B "/iommu_group", "../../../../kernel/iommu_groups/10");
  acquire (t, UUID, NULL, A);
  run_guest (t, QEMU, "/dev/vfio/10");
  assert_follows (t, A " " B);
  assert_lease (t, B, "dev1 active attached");
  assert_follows (t, A);
  assert_lease (t, B, "dev1 active attached");
  fixture_remove (t->fx, "/proc/500/fd/0");
  assert_follows (t, "");
  assert_lease (t, A, "none");
  assert_lease (t, B, "none");
}

static void
test_leaves_alone_what_is_worked_on (void **state) {
  Test *t = *state;

  acquire (t, UUID, NULL, A);
  run_guest (t, QEMU, "");
  fixture_add_process (t->fx, 600, "vfpool", "");
  set_state (t, A, VFPOOL_LEASE_RESERVED, 600);
  assert_follows (t, "");
  assert_lease (t, A, "dev0 reserved");
  assert_follows (t, A);
  assert_lease (t, A, "dev0 reserved");
  set_state (t, A, VFPOOL_LEASE_ACTIVE, 600);
  assert_follows (t, "");
  assert_lease (t, A, "dev0 active");
  set_state (t, A, VFPOOL_LEASE_QUARANTINED, 0);
  assert_follows (t, "");
  assert_lease (t, A, "dev0 quarantined");
}

/* What was read of the guest before it started again says nothing of what it has acquired since. */
static void
test_late_news_release_nothing (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolRequest) has = vfpool_request_new (VFPOOL_GUEST_LIBVIRT, UUID, "web", NULL);
  g_autoptr (GPtrArray) before = NULL;

  acquire (t, UUID, NULL, A);
  run_guest (t, QEMU, "");
  before = vfpool_guest_leases (t->vfpool, VFPOOL_GUEST_LIBVIRT, UUID, NULL);
  acquire (t, UUID, NULL, A);
  assert_true (vfpool_follow (t->vfpool, has, before, FALSE, NULL));
  assert_lease (t, A, "dev0 active");
}

/* ---- What is wrong ---- */

static void
test_problem (void **state) {
  Test *t = *state;
  g_autoptr (VfpoolLease) lease = NULL;
  g_autoptr (GVariant) status = NULL;
  g_autofree char *text = NULL;

  acquire (t, UUID, "lan", NULL);
  lease = find (t, A);
  assert_true (vfpool_set_problem (t->vfpool, lease, "it does not fit", NULL));
  assert_lease (t, A, "net0 active it does not fit");
  status = vfpool_status (t->vfpool, NULL);
  text = g_variant_print (status, FALSE);
  assert_non_null (strstr (text, "it does not fit"));
  assert_true (vfpool_set_problem (t->vfpool, lease, NULL, NULL));
  assert_lease (t, A, "net0 active");
  /* It ends when the device is seen, and with the next acquiring; and is not said of a lease that was acquired since. */
  assert_true (vfpool_set_problem (t->vfpool, lease, "again", NULL));
  run_guest (t, QEMU, "/dev/vfio/10");
  assert_follows (t, A);
  assert_lease (t, A, "net0 active attached");
  assert_true (vfpool_set_problem (t->vfpool, lease, "again", NULL));
  fixture_remove (t->fx, "/proc/500/fd/0");
  acquire (t, UUID, "lan", NULL);
  assert_lease (t, A, "net0 active");
  assert_true (vfpool_set_problem (t->vfpool, lease, "late", NULL));
  assert_lease (t, A, "net0 active");
}

static void
test_on_attach_failure (void **state) {
  Test *t = *state;

  assert_int_equal (vfpool_pool_on_attach_failure (t->vfpool, "lan"), VFPOOL_ATTACH_FAILURE_RETRY);
  assert_int_equal (vfpool_pool_on_attach_failure (t->vfpool, "other"), VFPOOL_ATTACH_FAILURE_KEEP);
  assert_int_equal (vfpool_pool_on_attach_failure (t->vfpool, "none"), VFPOOL_ATTACH_FAILURE_KEEP);
}

#define CASE(name) cmocka_unit_test_setup_teardown (name, setup, lease_test_teardown)

int
main (void) {
  const struct CMUnitTest tests[] = {
    CASE (test_adopts_what_was_plugged_in),
    CASE (test_leaves_alone_what_was_released_meanwhile),
    CASE (test_leaves_alone_what_it_was_started_with),
    CASE (test_leaves_alone_what_is_not_the_guests),
    CASE (test_conflict_is_told_and_changes_nothing),
    CASE (test_releases_by_pool_only_what_was_attached),
    CASE (test_acquired_anew_is_not_attached),
    CASE (test_releases_by_address),
    CASE (test_never_releases_what_is_open),
    CASE (test_group_goes_together),
    CASE (test_leaves_alone_what_is_worked_on),
    CASE (test_late_news_release_nothing),
    CASE (test_problem),
    CASE (test_on_attach_failure),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
