/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hookscript's phases over a tree of files, with the real library and ledger: what is leased, what PVE's
 * reservation file says afterwards, and that a failure leaves neither a lease nor a line behind.
 */
#include "fixture.h"

#include <glib/gstdio.h>
#include <string.h>

#include "pve-hookscript/hookscript.h"
#include "pve-hookscript/plan.h"
#include "request.h"

#define A "0000:01:10.0"
#define B "0000:01:10.2"
#define C "0000:01:10.4"
#define W "0000:02:10.0"
#define MAP(bdf, group) "\tmap id=8086:10ca,iommugroup=" group ",node=pve1,path=" bdf "\n"
#define FILE_ABOVE "/run/qemu-server/pci-id-reservations"
#define PARKED " 1000000000 time:9999999999\n"

typedef struct {
  Fixture *fx;
  PvePaths *paths;
} Test;

static int
setup (void **state) {
  Test *t = g_new0 (Test, 1);

  t->fx = fixture_new ();
  fixture_add_pf (t->fx, "0000:01", 3, "vfio-pci", 10);
  fixture_add_pf (t->fx, "0000:02", 1, "vfio-pci", 20);
  fixture_config (t->fx, "[pool lan]\nmembers=pf=0000:01:00.0\n[pool wan]\nmembers=pf=0000:02:00.0\n");
  fixture_write (t->fx, "/etc/pve/mapping/pci.cfg",
                 "lan\n" MAP (A, "10") MAP (B, "11") MAP (C, "12") "\nwan\n" MAP (W, "20") "\nold\n" MAP (A, "10"));
  fixture_write (t->fx, "/run/there", "%s", "");
  t->paths = pve_paths_new (t->fx->root, NULL, NULL);
  g_free (t->paths->node);
  t->paths->node = g_strdup ("pve1");
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

/* What the VM holds by the ledger: "SLOT=BDF" for each, in the order of addresses. */
static char *
leases_of (Test *t, const char *vmid) {
  g_autoptr (Vfpool) vfpool = vfpool_open (t->fx->root, NULL, NULL, NULL);
  g_autoptr (GPtrArray) leases = vfpool_guest_leases (vfpool, VFPOOL_GUEST_PVE_QEMU, vmid, NULL);
  GString *text = g_string_new (NULL);

  assert_non_null (leases);
  for (guint i = 0; i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);

    g_string_append_printf (text, "%s%s=%s", i ? " " : "", vfpool_lease_get_slot (lease),
                            vfpool_lease_get_address (lease));
  }
  return g_string_free (text, FALSE);
}

static void
assert_leases (Test *t, const char *vmid, const char *expected) {
  g_autofree char *text = leases_of (t, vmid);

  assert_string_equal (text, expected);
}

/* For each VF of both pools, by PVE's file: '.' parked, '-' no line, else the VMID's last digit. */
static void
assert_reserved (Test *t, const char *expected) {
  static const char *const vfs[] = { A, B, C, W };
  g_autofree char *path = g_strconcat (t->fx->root, FILE_ABOVE, NULL);
  g_autofree char *contents = NULL;
  g_auto (GStrv) lines = NULL;
  char seen[] = "----";

  if (g_file_get_contents (path, &contents, NULL, NULL))
    lines = g_strsplit (contents, "\n", -1);
  for (guint i = 0; i < G_N_ELEMENTS (vfs); i++)
    for (char **line = lines; line && *line; line++)
      if (g_str_has_prefix (*line, vfs[i]))
        seen[i] = strstr (*line, " 1000000000 ") ? '.' : (*line)[strlen (vfs[i]) + 3];
  assert_string_equal (seen, expected);
}

static void
vm (Test *t, const char *vmid, const char *text) {
  g_autofree char *path = g_strdup_printf ("/etc/pve/qemu-server/%s.conf", vmid);

  fixture_write (t->fx, path, "%s", text);
}

static void
run (Test *t, const char *vmid, const char *phase) {
  GError *error = NULL;

  if (!pve_hookscript_run (t->paths, vmid, phase, &error))
    fail_msg ("%s %s: %s", vmid, phase, error->message);
}

static void
run_fails (Test *t, const char *vmid, const char *phase, int code, const char *part) {
  GError *error = NULL;

  assert_false (pve_hookscript_run (t->paths, vmid, phase, &error));
  assert_vfpool_error (&error, code, part);
}

static void
test_life (void **state) {
  Test *t = *state;

  vm (t, "101", "name: web\nhostpci0: mapping=lan,pcie=1\nhostpci1: mapping=lan\nhostpci4: 02:10.0\n");
  vm (t, "102", "hostpci0: mapping=lan\n");
  vm (t, "103", "hostpci0: mapping=lan\n");
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci0=" A " hostpci1=" B " hostpci4=" W);
  assert_reserved (t, "11.1");
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci0=" A " hostpci1=" B " hostpci4=" W);
  run (t, "101", "post-start");
  run (t, "102", "pre-start");
  assert_reserved (t, "1121");
  run_fails (t, "103", "pre-start", VFPOOL_ERROR_NO_FREE_VF, C);
  assert_reserved (t, "1121");
  run (t, "101", "pre-stop");
  run (t, "101", "post-stop");
  assert_leases (t, "101", "");
  assert_reserved (t, "..2.");
  run (t, "101", "post-stop");
  run (t, "102", "post-stop");
  assert_leases (t, "102", "");
  assert_reserved (t, "....");
}

/* "NODES CPUS" of the request that comes of @text. */
static char *
home_of (Test *t, const char *text) {
  g_autoptr (Vfpool) vfpool = vfpool_open (t->fx->root, NULL, NULL, NULL);
  g_autoptr (PveVmConfig) config = pve_vm_config_parse (text, strlen (text));
  g_autoptr (GPtrArray) plan = pve_plan_new (t->paths, config, vfpool);
  g_autoptr (VfpoolRequest) request = pve_plan_request (plan, vfpool, "101", config, NULL);
  g_autofree char *nodes = NULL, *cpus = NULL;

  assert_non_null (request);
  nodes = request->nodes ? vfpool_numbers_to_string (request->nodes) : g_strdup ("-");
  cpus = request->cpus ? vfpool_numbers_to_string (request->cpus) : g_strdup ("-");
  return g_strdup_printf ("%s %s", nodes, cpus);
}

/* The nodes go along; those that make no sense refuse no VM. */
static void
test_home (void **state) {
  static const struct {
    const char *home, *expected;
  } cases[] = {
    { "", "- -" },
    { "numa: 1\nnuma0: cpus=0,hostnodes=1;0\naffinity: 4-7\n", "0-1 4-7" },
    { "numa: 1\nnuma0: cpus=0,hostnodes=9-1\naffinity: 99999\n", "- -" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = g_strconcat ("hostpci0: mapping=lan\n", cases[i].home, NULL);
    g_autofree char *home = home_of (*state, text);

    assert_string_equal (home, cases[i].expected);
  }
}

static void
test_whole_slot (void **state) {
  Test *t = *state;

  vm (t, "101", "hostpci2: 0000:01:10,pcie=1\n");
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci2=" A " hostpci2-1=" B " hostpci2-2=" C);
}

/* None of vfpool's business: nothing is said, opened, written or leased. */
static void
test_not_ours (void **state) {
  static const char *const configs[] = {
    "",
    "name: x\nmemory: 64\n",
    "hostpci0: mapping=old\n",
    "hostpci0: 0000:01:00.0\n",
    "hostpci0: 0000:7f:00\n",
    "hostpci0: mapping=lan,mdev=nvidia-63\n",
    "hostpci0: mapping=lan,host=" A "\n",
    "[PENDING]\nhostpci0: mapping=lan\n",
  };
  Test *t = *state;

  for (guint i = 0; i < G_N_ELEMENTS (configs); i++) {
    vm (t, "101", configs[i]);
    run (t, "101", "pre-start");
    assert_leases (t, "101", "");
    assert_reserved (t, "----");
  }
}

static void
test_no_configuration (void **state) {
  Test *t = *state;

  fixture_remove (t->fx, "/etc/vfpool/vfpool.conf");
  vm (t, "101", "hostpci0: mapping=lan\n");
  run (t, "101", "pre-start");
  run (t, "101", "post-stop");
  run (t, "999", "pre-start");
  assert_true (pve_hookscript_park (t->paths, NULL));
  assert_reserved (t, "----");
}

/* A broken configuration stops the VMs that may need it, and those only. */
static void
test_broken_configuration (void **state) {
  Test *t = *state;

  fixture_config (t->fx, "[pool lan\n");
  vm (t, "101", "memory: 64\n");
  vm (t, "102", "hostpci0: mapping=lan\n");
  fixture_write (t->fx, "/etc/pve/lxc/103.conf", "hostpci0: mapping=lan\n");
  run (t, "101", "pre-start");
  run (t, "102", "post-start");
  run (t, "102", "pre-stop");
  run (t, "102", "some-new-phase");
  run (t, "103", "pre-start");
  run (t, "103", "post-stop");
  run_fails (t, "102", "pre-start", VFPOOL_ERROR_BAD_CONFIG, "vfpool.conf");
  run_fails (t, "102", "post-stop", VFPOOL_ERROR_BAD_CONFIG, "vfpool.conf");
}

static void
test_missing_vm (void **state) {
  Test *t = *state;

  run_fails (t, "101", "pre-start", VFPOOL_ERROR_NOT_FOUND, "/etc/pve/qemu-server/101.conf");
  /* While it migrates in, its configuration is the other node's. */
  fixture_write (t->fx, "/etc/pve/nodes/pve2/qemu-server/101.conf", "hostpci0: mapping=lan\n");
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci0=" A);
  /* And a VM that is destroyed by the time it has stopped gives back all the same. */
  fixture_remove (t->fx, "/etc/pve/nodes");
  run (t, "101", "post-stop");
  assert_leases (t, "101", "");
}

/* Whatever is wrong with a mapping, nothing stays leased and PVE's file gives nothing away. */
static void
test_mappings (void **state) {
  static const struct {
    const char *mapping, *reserved, *part;
  } cases[] = {
    { "", "----", "\"map id=8086:10ca,iommugroup=10,node=pve1,path=" A "\"" },
    { "lan\n\tmap id=8086:10ca,iommugroup=10,node=pve2,path=" A "\n", "----", "no line for node pve1" },
    { "lan\n" MAP (A, "99"), "----", "line 2: Proxmox VE will not start a VM with the mapping lan because of " A },
    { "lan\n" MAP ("0000:01:1f.0", "10"), "----", "vfpool up" },
    { "lan\n" MAP (A ";" B, "10"), "----", "one VF with its function" },
    { "lan\n" MAP ("0000:01:10", "10"), "----", "one VF with its function" },
    { "lan\n" MAP (A, "10") MAP (W, "20"), "----", "line 3: " W " is in the mapping lan but not in the vfpool pool" },
    { "lan\n" MAP (B, "11"), ".---", "does not list " A },
  };
  Test *t = *state;

  vm (t, "101", "hostpci0: mapping=lan\n");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    fixture_write (t->fx, "/etc/pve/mapping/pci.cfg", "%s", cases[i].mapping);
    run_fails (t, "101", "pre-start", VFPOOL_ERROR_BAD_CONFIG, cases[i].part);
    assert_leases (t, "101", "");
    assert_reserved (t, cases[i].reserved);
  }
}

/* What the VM held before the failed call it still holds after it. */
static void
test_failure_keeps_older_leases (void **state) {
  Test *t = *state;

  vm (t, "101", "hostpci0: mapping=wan\n");
  run (t, "101", "pre-start");
  vm (t, "101", "hostpci0: mapping=wan\nhostpci1: mapping=lan\n");
  fixture_write (t->fx, "/etc/pve/mapping/pci.cfg", "lan\n" MAP (B, "11") "\nwan\n" MAP (W, "20"));
  run_fails (t, "101", "pre-start", VFPOOL_ERROR_BAD_CONFIG, "does not list " A);
  assert_leases (t, "101", "hostpci0=" W);
  assert_reserved (t, ".--1");
}

/* What is left of a start that never came, in a slot that the VM has no more, is not in its own way. */
static void
test_leftovers (void **state) {
  Test *t = *state;

  vm (t, "101", "hostpci3: mapping=wan\n");
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci3=" W);
  vm (t, "101", "hostpci0: mapping=wan\n");
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci0=" W);
}

static void
test_unwritable_reservations (void **state) {
  Test *t = *state;

  fixture_write (t->fx, "/run/qemu-server", "a file\n");
  vm (t, "101", "hostpci0: mapping=lan\n");
  run_fails (t, "101", "pre-start", VFPOOL_ERROR_KERNEL, FILE_ABOVE);
  assert_leases (t, "101", "");
}

static void
test_reserved_for_another (void **state) {
  Test *t = *state;

  fixture_write (t->fx, FILE_ABOVE, A " 105 time:9999999998\n");
  vm (t, "101", "hostpci0: mapping=lan\n");
  run_fails (t, "101", "pre-start", VFPOOL_ERROR_IN_USE,
             A " is leased to VM 101, but Proxmox VE has reserved it for VM 105");
  assert_leases (t, "101", "");
  assert_reserved (t, "5---");
}

static void
test_park (void **state) {
  Test *t = *state;
  g_autofree char *contents = NULL;
  g_autofree char *path = g_strconcat (t->fx->root, FILE_ABOVE, NULL);

  assert_true (pve_hookscript_park (t->paths, NULL));
  assert_true (g_file_get_contents (path, &contents, NULL, NULL));
  assert_string_equal (contents, A PARKED B PARKED C PARKED W PARKED);
}

/* ---- post-start ---- */

/* QEMU of VM 101 runs, and has these IOMMU groups open. */
static void
run_qemu (Test *t, const char *open_files) {
  g_auto (GStrv) files = g_strsplit (open_files, " ", -1);

  fixture_add_process (
      t->fx, 4711, "/usr/bin/kvm -id 101 -pidfile /var/run/qemu-server/101.pid -device vfio-pci,host=" C ",id=hostpci1",
      open_files);
  fixture_write (t->fx, "/run/qemu-server/101.pid", "4711\n");
  for (char **file = files; *file; file++) {
    g_autofree char *inside = g_strconcat (*file, "/open", NULL);

    /* A folder cannot be opened for writing either. */
    if (g_str_has_prefix (*file, "/dev/vfio/"))
      fixture_write (t->fx, inside, "%s", "");
  }
}

/* What PVE took is what the VM has by the ledger, too: in the slot of the VF that it stands for. */
static void
test_took_another (void **state) {
  Test *t = *state;

  vm (t, "101", "hostpci0: mapping=lan\nhostpci1: mapping=lan\n");
  run (t, "101", "pre-start");
  run_qemu (t, "/dev/null /dev/vfio/10 /dev/vfio/12");
  run (t, "101", "post-start");
  assert_leases (t, "101", "hostpci0=" A " hostpci1=" C);
  assert_reserved (t, "1..-");
  run (t, "101", "post-start");
  assert_leases (t, "101", "hostpci0=" A " hostpci1=" C);
  fixture_remove (t->fx, "/proc/4711");
  fixture_remove (t->fx, "/dev/vfio");
  run (t, "101", "post-stop");
  assert_leases (t, "101", "");
  assert_reserved (t, "....");
}

static void
test_took_none (void **state) {
  Test *t = *state;

  vm (t, "101", "hostpci0: mapping=lan\n");
  run (t, "101", "pre-start");
  run_qemu (t, "/dev/null");
  run (t, "101", "post-start");
  assert_leases (t, "101", "");
  assert_reserved (t, "...-");
}

/* One of another pool besides, which no slot of the VM asked for. */
static void
test_took_more (void **state) {
  Test *t = *state;

  vm (t, "101", "hostpci0: mapping=lan\n");
  run (t, "101", "pre-start");
  run_qemu (t, "/dev/vfio/10 /dev/vfio/20");
  run (t, "101", "post-start");
  assert_leases (t, "101", "hostpci0=" A " taken1=" W);
}

/* What is another's stays his; that PVE gave it away is told, and fails nothing. */
static void
test_took_anothers (void **state) {
  Test *t = *state;

  vm (t, "101", "hostpci0: mapping=lan\n");
  vm (t, "102", "hostpci0: mapping=lan\n");
  run (t, "101", "pre-start");
  run (t, "102", "pre-start");
  run_qemu (t, "/dev/vfio/11");
  run (t, "101", "post-start");
  assert_leases (t, "101", "");
  assert_leases (t, "102", "hostpci0=" B);
}

/* QEMU has ended, or its files cannot be seen: nothing is concluded, and nothing fails. */
static void
test_took_unknown (void **state) {
  Test *t = *state;

  vm (t, "101", "hostpci0: mapping=lan\n");
  run (t, "101", "pre-start");
  run (t, "101", "post-start");
  run_qemu (t, "/dev/vfio/10");
  fixture_remove (t->fx, "/proc/4711/fd");
  run (t, "101", "post-start");
  assert_leases (t, "101", "hostpci0=" A);
  assert_reserved (t, "1..-");
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown (test_life, setup, teardown),
    cmocka_unit_test_setup_teardown (test_home, setup, teardown),
    cmocka_unit_test_setup_teardown (test_whole_slot, setup, teardown),
    cmocka_unit_test_setup_teardown (test_not_ours, setup, teardown),
    cmocka_unit_test_setup_teardown (test_no_configuration, setup, teardown),
    cmocka_unit_test_setup_teardown (test_broken_configuration, setup, teardown),
    cmocka_unit_test_setup_teardown (test_missing_vm, setup, teardown),
    cmocka_unit_test_setup_teardown (test_mappings, setup, teardown),
    cmocka_unit_test_setup_teardown (test_failure_keeps_older_leases, setup, teardown),
    cmocka_unit_test_setup_teardown (test_leftovers, setup, teardown),
    cmocka_unit_test_setup_teardown (test_unwritable_reservations, setup, teardown),
    cmocka_unit_test_setup_teardown (test_reserved_for_another, setup, teardown),
    cmocka_unit_test_setup_teardown (test_park, setup, teardown),
    cmocka_unit_test_setup_teardown (test_took_another, setup, teardown),
    cmocka_unit_test_setup_teardown (test_took_none, setup, teardown),
    cmocka_unit_test_setup_teardown (test_took_more, setup, teardown),
    cmocka_unit_test_setup_teardown (test_took_anothers, setup, teardown),
    cmocka_unit_test_setup_teardown (test_took_unknown, setup, teardown),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
