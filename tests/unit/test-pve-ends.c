/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a look of the service concludes from what can be seen of a VM, and what it leaves alone. */
#include "fixture.h"

#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#include "pve-hookscript/ends.h"
#include "pve-hookscript/hookscript.h"
#include "pve-hookscript/reservation.h"

#define A "0000:01:10.0"
#define B "0000:01:10.2"
#define LINES "/run/qemu-server/pci-id-reservations"
#define PARKED " 1000000000 time:9999999999\n"
#define PID 4711

typedef struct {
  Fixture *fx;
  PvePaths *paths;
  PveEnds *ends;
} Test;

static void
set_grace (Test *t, int seconds) {
  g_autofree char *text =
      g_strdup_printf ("[pool lan]\nmembers=pf=0000:01:00.0\n[vfpool]\nstart-grace=%d\nrelease-wait=0\n", seconds);

  fixture_config (t->fx, text);
}

static int
setup (void **state) {
  Test *t = g_new0 (Test, 1);

  t->fx = fixture_new ();
  fixture_add_pf (t->fx, "0000:01", 2, "vfio-pci", 10);
  fixture_write (t->fx, "/etc/pve/mapping/pci.cfg",
                 "lan\n\tmap id=8086:10ca,iommugroup=10,node=pve1,path=" A
                 "\n\tmap id=8086:10ca,iommugroup=11,node=pve1,path=" B "\n");
  fixture_write (t->fx, "/etc/pve/qemu-server/101.conf", "hostpci0: mapping=lan\n");
  fixture_write (t->fx, "/run/there", "%s", "");
  set_grace (t, 120);
  t->paths = pve_paths_new (t->fx->root, NULL, NULL);
  g_free (t->paths->node);
  t->paths->node = g_strdup ("pve1");
  t->ends = pve_ends_new (t->paths);
  *state = t;
  return 0;
}

static int
teardown (void **state) {
  Test *t = *state;

  pve_ends_free (t->ends);
  pve_paths_free (t->paths);
  fixture_free (t->fx);
  g_free (t);
  return 0;
}

static void
call (Test *t, const char *phase) {
  GError *error = NULL;

  if (!pve_hookscript_run (t->paths, "101", phase, &error))
    fail_msg ("%s: %s", phase, error->message);
}

static void
run_qemu (Test *t) {
  fixture_add_process (t->fx, PID, "/usr/bin/kvm -id 101 -pidfile /var/run/qemu-server/101.pid", "/dev/vfio/10");
  fixture_write (t->fx, "/run/qemu-server/101.pid", "%d\n", PID);
  fixture_write (t->fx, "/dev/vfio/10/open", "%s", "");
}

/* The VM starts, and the service sees it run. */
static void
start_seen (Test *t) {
  call (t, "pre-start");
  run_qemu (t);
  pve_ends_look (t->ends);
}

static void
kill_qemu (Test *t) {
  fixture_remove (t->fx, "/proc/4711");
  fixture_remove (t->fx, "/dev/vfio/10");
}

/* What PVE does with the lines at the end of a VM, or of a start that failed. */
static void
drop_lines (Test *t) {
  fixture_write (t->fx, LINES, B PARKED);
}

static void
assert_leased (Test *t, guint n, VfpoolLeaseState state) {
  g_autoptr (Vfpool) vfpool = vfpool_open (t->fx->root, NULL, NULL, NULL);
  g_autoptr (GPtrArray) leases = vfpool_leases (vfpool, NULL);

  assert_int_equal (leases->len, n);
  for (guint i = 0; i < n; i++)
    assert_int_equal (vfpool_lease_get_state (g_ptr_array_index (leases, i)), state);
}

static void
assert_lines (Test *t, const char *expected) {
  g_autofree char *path = g_strconcat (t->fx->root, LINES, NULL);
  g_autofree char *contents = NULL;

  assert_true (g_file_get_contents (path, &contents, NULL, NULL));
  assert_string_equal (contents, expected);
}

static void
assert_over (Test *t) {
  assert_leased (t, 0, VFPOOL_LEASE_ACTIVE);
  assert_lines (t, B PARKED A PARKED);
}

/* It was seen to run: neither post-stop nor the dropping of its lines is needed, nor is the start-grace waited for. */
static void
test_killed (void **state) {
  Test *t = *state;

  start_seen (t);
  assert_int_equal (g_hash_table_size (pve_ends_qemus (t->ends)), 1);
  assert_leased (t, 1, VFPOOL_LEASE_ACTIVE);
  kill_qemu (t);
  pve_ends_look (t->ends);
  assert_over (t);
  assert_int_equal (g_hash_table_size (pve_ends_qemus (t->ends)), 0);
}

static void
test_start_failed (void **state) {
  Test *t = *state;

  call (t, "pre-start");
  pve_ends_look (t->ends);
  assert_leased (t, 1, VFPOOL_LEASE_ACTIVE);
  drop_lines (t);
  pve_ends_look (t->ends);
  assert_over (t);
}

/* Nothing was seen of it but its lease, which may be one of a VM that is about to start; until the start-grace is over. Then its
 * line, which would hold for minutes more, gives way. */
static void
test_start_never_came (void **state) {
  Test *t = *state;
  gint64 next;

  call (t, "pre-start");
  next = pve_ends_look (t->ends);
  assert_true (next > 0 && next <= 120 * G_USEC_PER_SEC);
  assert_leased (t, 1, VFPOOL_LEASE_ACTIVE);
  set_grace (t, 0);
  assert_int_equal (pve_ends_look (t->ends), -1);
  assert_over (t);
}

/* The same with a service that was not there at the time. A line that it knows nothing of runs out by itself. */
static void
test_service_came_late (void **state) {
  Test *t = *state;
  gint64 next;

  call (t, "pre-start");
  drop_lines (t);
  pve_ends_look (t->ends);
  assert_leased (t, 1, VFPOOL_LEASE_ACTIVE);
  assert_lines (t, B PARKED A PARKED);
  set_grace (t, 0);
  fixture_write (t->fx, LINES, B PARKED A " 300 time:%" G_GINT64_FORMAT "\n",
                 g_get_real_time () / G_USEC_PER_SEC + 100);
  next = pve_ends_look (t->ends);
  assert_leased (t, 0, VFPOOL_LEASE_ACTIVE);
  assert_true (next > 0 && next <= 102 * G_USEC_PER_SEC);
}

/* Killed and started again before anybody looked: what was seen was another start's. */
static void
test_started_again (void **state) {
  Test *t = *state;

  start_seen (t);
  kill_qemu (t);
  call (t, "post-stop");
  call (t, "pre-start");
  pve_ends_look (t->ends);
  assert_leased (t, 1, VFPOOL_LEASE_ACTIVE);
  run_qemu (t);
  pve_ends_look (t->ends);
  call (t, "post-start");
  pve_ends_look (t->ends);
  assert_leased (t, 1, VFPOOL_LEASE_ACTIVE);
}

/* A QEMU that lost its PID file runs all the same, and keeps what it has. */
static void
test_lost_pid_file (void **state) {
  Test *t = *state;

  start_seen (t);
  set_grace (t, 0);
  fixture_remove (t->fx, "/run/qemu-server/101.pid");
  pve_ends_look (t->ends);
  assert_int_equal (g_hash_table_size (pve_ends_qemus (t->ends)), 1);
  assert_leased (t, 1, VFPOOL_LEASE_ACTIVE);
  kill_qemu (t);
  pve_ends_look (t->ends);
  assert_over (t);
}

/* Has the process @pid, started at @start, at work on giving back what is leased. */
static void
set_releasing (Test *t, int pid, int start) {
  g_autofree char *path = g_strconcat (t->fx->root, "/var/lib/vfpool/ledger.db", NULL);
  g_autofree char *text =
      g_strdup_printf ("UPDATE lease SET state = 'releasing', worker_pid = %d, worker_start = %d", pid, start);
  sqlite3 *db;

  assert_int_equal (sqlite3_open (path, &db), SQLITE_OK);
  assert_int_equal (sqlite3_exec (db, text, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close (db);
}

/* post-stop is at it: it is not waited for, since there are other VMs. It is killed: then its work is done for it. */
static void
test_release_killed (void **state) {
  Test *t = *state;
  gint64 next;

  start_seen (t);
  kill_qemu (t);
  fixture_add_process (t->fx, 5000, "pve-hookscript 101 post-stop", NULL);
  set_releasing (t, 5000, 50000);
  next = pve_ends_look (t->ends);
  assert_true (next > 0 && next <= 60 * G_USEC_PER_SEC);
  assert_leased (t, 1, VFPOOL_LEASE_RELEASING);
  fixture_remove (t->fx, "/proc/5000");
  assert_int_equal (pve_ends_look (t->ends), -1);
  assert_over (t);
}

/* Somebody else has it open when its guest has ended: then it is nobody's, and stays so. */
static void
test_open (void **state) {
  Test *t = *state;

  start_seen (t);
  kill_qemu (t);
  fixture_add_process (t->fx, 5000, "dpdk", "/dev/vfio/10");
  fixture_write (t->fx, "/dev/vfio/10/open", "%s", "");
  pve_ends_look (t->ends);
  assert_leased (t, 1, VFPOOL_LEASE_QUARANTINED);
  assert_lines (t, B PARKED A PARKED);
}

/* Lines of VMs that vfpool knows nothing of are theirs as long as they hold. */
static void
test_others_lines (void **state) {
  Test *t = *state;

  fixture_add_process (t->fx, PID, "/usr/bin/kvm -id 300 -pidfile /var/run/qemu-server/300.pid", NULL);
  fixture_write (t->fx, "/run/qemu-server/300.pid", "%d\n", PID);
  fixture_write (t->fx, LINES, A " 300 pid:4711\n" B " 301 pid:4712\n");
  assert_int_equal (pve_ends_look (t->ends), -1);
  assert_lines (t, A " 300 pid:4711\n" B PARKED);
  assert_int_equal (g_hash_table_size (pve_ends_qemus (t->ends)), 1);
  kill_qemu (t);
  pve_ends_look (t->ends);
  assert_lines (t, B PARKED A PARKED);
}

static ino_t
inode_of (Test *t, const char *path) {
  g_autofree char *full = g_strconcat (t->fx->root, path, NULL);
  struct stat info;

  return stat (full, &info) ? 0 : info.st_ino;
}

/* A look at what has not changed neither writes nor locks: it would wake the service again, and be in PVE's way. */
static void
test_quiet (void **state) {
  Test *t = *state;
  ino_t before;

  start_seen (t);
  before = inode_of (t, LINES);
  fixture_remove (t->fx, LINES ".lock");
  pve_ends_look (t->ends);
  assert_true (inode_of (t, LINES) == before);
  assert_true (inode_of (t, LINES ".lock") == 0);
}

/* What cannot be understood takes nothing from anybody; when it is mended, things go on. */
static void
test_broken (void **state) {
  Test *t = *state;

  start_seen (t);
  kill_qemu (t);
  fixture_config (t->fx, "[pool lan\n");
  assert_int_equal (pve_ends_look (t->ends), -1);
  set_grace (t, 120);
  pve_ends_look (t->ends);
  assert_over (t);
}

/* ---- The ways in which a VM may end, one by one ---- */

/* The VM's configuration goes to another node's folder, as PVE does when it migrates it, or when the cluster has fenced this node. */
static void
move_config (Test *t, const char *from, const char *to) {
  g_autofree char *source = g_strdup_printf ("%s/etc/pve/%s/101.conf", t->fx->root, from);
  g_autofree char *target = g_strdup_printf ("%s/etc/pve/%s/101.conf", t->fx->root, to);
  g_autofree char *folder = g_path_get_dirname (target);

  assert_int_equal (g_mkdir_with_parents (folder, 0755), 0);
  assert_int_equal (g_rename (source, target), 0);
}

#define HERE "qemu-server"
#define ELSEWHERE "nodes/pve2/qemu-server"

/* The node was reset: nothing runs, /run is empty, and VFs are made anew by vfpool.service; the service knows of nothing. */
static void
reboot (Test *t) {
  kill_qemu (t);
  fixture_remove (t->fx, "/run/qemu-server");
  fixture_write (t->fx, "/proc/sys/kernel/random/boot_id", "another-boot\n");
  pve_ends_free (t->ends);
  t->ends = pve_ends_new (t->paths);
}

/* All is free and parked, the first time after a boot in the order of the pool. */
static void
assert_over_anew (Test *t) {
  assert_leased (t, 0, VFPOOL_LEASE_ACTIVE);
  assert_lines (t, A PARKED B PARKED);
}

/* It starts once more, under the eyes of the service, keeps what it gets, and ends. */
static void
start_again (Test *t) {
  call (t, "pre-start");
  pve_ends_look (t->ends);
  assert_leased (t, 1, VFPOOL_LEASE_ACTIVE);
  run_qemu (t);
  call (t, "post-start");
  pve_ends_look (t->ends);
  assert_leased (t, 1, VFPOOL_LEASE_ACTIVE);
  kill_qemu (t);
  pve_ends_look (t->ends);
  assert_over (t);
}

/* Suspended to disk: QEMU is told to quit, and the configuration gets a lock, with which post-stop may still come. */
static void
test_hibernated (void **state) {
  static const char suspended[] = "hostpci0: mapping=lan\nlock: suspended\nrunningmachine: pc-q35-9.2+pve1\n"
                                  "vmstate: local-lvm:vm-101-state-suspend-2026-11-21\n";
  Test *t = *state;

  for (int comes = 0; comes < 2; comes++) {
    start_seen (t);
    fixture_write (t->fx, "/etc/pve/qemu-server/101.conf", "%s", suspended);
    kill_qemu (t);
    fixture_remove (t->fx, "/run/qemu-server/101.pid");
    if (comes) {
      drop_lines (t);
      call (t, "post-stop");
    }
    pve_ends_look (t->ends);
    assert_over (t);
    start_again (t); /* it resumes, with the lock still there */
  }
}

/* QEMU refuses that for a device that cannot migrate: PVE leaves a lock, and the VM runs on with what it has. */
static void
test_hibernation_refused (void **state) {
  Test *t = *state;

  start_seen (t);
  fixture_write (t->fx, "/etc/pve/qemu-server/101.conf", "%s", "hostpci0: mapping=lan\nlock: suspending\n");
  set_grace (t, 0);
  pve_ends_look (t->ends);
  assert_leased (t, 1, VFPOOL_LEASE_ACTIVE);
}

/* Rolled back to a snapshot while it runs: PVE ends QEMU, calls no post-stop while that lock stands, and starts the VM again when the
 * snapshot has its memory. The service may come before that, or late. */
static void
test_rolled_back (void **state) {
  Test *t = *state;

  for (int looks = 0; looks < 2; looks++) {
    start_seen (t);
    fixture_write (t->fx, "/etc/pve/qemu-server/101.conf", "%s",
                   "hostpci0: mapping=lan\nlock: rollback\nparent: s\n\n[s]\nhostpci0: mapping=lan\nsnaptime: 1\n");
    kill_qemu (t);
    fixture_remove (t->fx, "/run/qemu-server/101.pid");
    drop_lines (t);
    if (looks) {
      pve_ends_look (t->ends);
      assert_over (t);
    }
    fixture_write (t->fx, "/etc/pve/qemu-server/101.conf", "%s", "hostpci0: mapping=lan\nparent: s\n");
    start_again (t);
  }
}

/* To a snapshot in which the VM had no device: its start asks for nothing, so nothing of vfpool is called. */
static void
test_rolled_back_to_other_devices (void **state) {
  Test *t = *state;

  start_seen (t);
  kill_qemu (t);
  drop_lines (t);
  fixture_write (t->fx, "/etc/pve/qemu-server/101.conf", "%s", "memory: 64\n");
  call (t, "pre-start");
  pve_ends_look (t->ends);
  assert_over (t);
}

static void
test_rebooted (void **state) {
  Test *t = *state;

  start_seen (t);
  reboot (t);
  assert_true (pve_hookscript_park (t->paths, NULL));
  assert_over_anew (t);
  pve_ends_look (t->ends);
  assert_over_anew (t);
  call (t, "pre-start"); /* it is started at boot */
  assert_leased (t, 1, VFPOOL_LEASE_ACTIVE);
}

/* In the middle of pre-start, of giving back: there is a lease, of a worker whose PID may be another's by now. */
static void
test_rebooted_in_the_middle (void **state) {
  Test *t = *state;

  call (t, "pre-start");
  set_releasing (t, 5000, 50000);
  reboot (t);
  fixture_add_process (t->fx, 5000, "another", NULL);
  assert_true (pve_hookscript_park (t->paths, NULL));
  pve_ends_look (t->ends);
  assert_over_anew (t);
}

/* HA: this node is reset, its VM is started on another one; this one comes back without it, and has it again later. */
static void
test_fenced (void **state) {
  Test *t = *state, *other;

  assert_int_equal (setup ((void **)&other), 0);
  start_seen (t);
  reboot (t);
  move_config (t, HERE, ELSEWHERE);
  start_seen (other);
  assert_true (pve_hookscript_park (t->paths, NULL));
  pve_ends_look (t->ends);
  assert_over_anew (t);
  assert_leased (other, 1, VFPOOL_LEASE_ACTIVE);
  pve_ends_look (other->ends);
  assert_leased (other, 1, VFPOOL_LEASE_ACTIVE);
  /* and back, after it was stopped there */
  kill_qemu (other);
  pve_ends_look (other->ends);
  assert_over (other);
  move_config (t, ELSEWHERE, HERE);
  start_seen (t);
  assert_leased (t, 1, VFPOOL_LEASE_ACTIVE);
  teardown ((void **)&other);
}

/* On the node that it leaves no phase is called any more, and its configuration lies with the other node before QEMU has ended. */
static void
test_migrated_away (void **state) {
  Test *t = *state;

  start_seen (t);
  move_config (t, HERE, ELSEWHERE);
  pve_ends_look (t->ends);
  assert_leased (t, 1, VFPOOL_LEASE_ACTIVE);
  kill_qemu (t);
  fixture_remove (t->fx, "/run/qemu-server/101.pid");
  pve_ends_look (t->ends);
  assert_over (t);
}

/* A migration that fails on the node where it was to come: started for it, and ended without a phase. */
static void
test_migration_fails (void **state) {
  Test *t = *state;

  move_config (t, HERE, ELSEWHERE);
  start_seen (t);
  assert_leased (t, 1, VFPOOL_LEASE_ACTIVE);
  kill_qemu (t);
  drop_lines (t);
  pve_ends_look (t->ends);
  assert_over (t);
}

/* Deleted by hand while it runs (PVE itself refuses that), and when it had ended without anybody to give back. */
static void
test_deleted (void **state) {
  Test *t = *state;

  start_seen (t);
  fixture_remove (t->fx, "/etc/pve/qemu-server/101.conf");
  pve_ends_look (t->ends);
  assert_leased (t, 1, VFPOOL_LEASE_ACTIVE);
  pve_ends_free (t->ends); /* the service is not there when it ends */
  t->ends = pve_ends_new (t->paths);
  kill_qemu (t);
  drop_lines (t);
  fixture_remove (t->fx, "/run/qemu-server/101.pid");
  set_grace (t, 0);
  pve_ends_look (t->ends);
  assert_over (t);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown (test_killed, setup, teardown),
    cmocka_unit_test_setup_teardown (test_start_failed, setup, teardown),
    cmocka_unit_test_setup_teardown (test_start_never_came, setup, teardown),
    cmocka_unit_test_setup_teardown (test_service_came_late, setup, teardown),
    cmocka_unit_test_setup_teardown (test_started_again, setup, teardown),
    cmocka_unit_test_setup_teardown (test_lost_pid_file, setup, teardown),
    cmocka_unit_test_setup_teardown (test_release_killed, setup, teardown),
    cmocka_unit_test_setup_teardown (test_open, setup, teardown),
    cmocka_unit_test_setup_teardown (test_others_lines, setup, teardown),
    cmocka_unit_test_setup_teardown (test_quiet, setup, teardown),
    cmocka_unit_test_setup_teardown (test_broken, setup, teardown),
    cmocka_unit_test_setup_teardown (test_hibernated, setup, teardown),
    cmocka_unit_test_setup_teardown (test_hibernation_refused, setup, teardown),
    cmocka_unit_test_setup_teardown (test_rolled_back, setup, teardown),
    cmocka_unit_test_setup_teardown (test_rolled_back_to_other_devices, setup, teardown),
    cmocka_unit_test_setup_teardown (test_rebooted, setup, teardown),
    cmocka_unit_test_setup_teardown (test_rebooted_in_the_middle, setup, teardown),
    cmocka_unit_test_setup_teardown (test_fenced, setup, teardown),
    cmocka_unit_test_setup_teardown (test_migrated_away, setup, teardown),
    cmocka_unit_test_setup_teardown (test_migration_fails, setup, teardown),
    cmocka_unit_test_setup_teardown (test_deleted, setup, teardown),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
