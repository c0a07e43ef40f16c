/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hookscript's phases over a tree of files, with the real library and ledger: what is leased, what PVE's
 * reservation file says afterwards, and that a failure leaves neither a lease nor a line behind.
 */
#include "pve-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

#include "pve-hookscript/hookscript.h"
#include "pve-hookscript/plan.h"
#include "pve-hookscript/vm.h"
#include "request.h"

#define A "0000:01:10.0"
#define B "0000:01:10.2"
#define C "0000:01:10.4"
#define W "0000:02:10.0"
#define MAP(bdf, group) "\tmap id=8086:10ca,iommugroup=" group ",node=pve1,path=" bdf "\n"
#define FILE_ABOVE "/run/qemu-server/pci-id-reservations"
#define PARKED " 1000000000 time:9999999999\n"

typedef PveFixture Test;

static int
setup (void **state) {
  Test *t = pve_fixture_new ();

  fixture_add_pf (t->fx, "0000:01", 3, "vfio-pci", 10);
  fixture_add_pf (t->fx, "0000:02", 1, "vfio-pci", 20);
  fixture_config (t->fx, "[pool lan]\nmembers=pf=0000:01:00.0\n[pool wan]\nmembers=pf=0000:02:00.0\n");
  fixture_write (t->fx, "/etc/pve/mapping/pci.cfg",
                 "lan\n" MAP (A, "10") MAP (B, "11") MAP (C, "12") "\nwan\n" MAP (W, "20") "\nold\n" MAP (A, "10"));
  fixture_write (t->fx, "/run/there", "%s", "");
  *state = t;
  return 0;
}

static int
teardown (void **state) {
  pve_fixture_free (*state);
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
  g_autoptr (VfpoolRequest) request = pve_plan_request (plan, vfpool, "101", config, NULL, NULL);
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
  run_fails (t, "102", "pre-start", VFPOOL_ERROR_BAD_CONFIG, "vfpool.conf");
  run_fails (t, "102", "post-stop", VFPOOL_ERROR_BAD_CONFIG, "vfpool.conf");
  run_fails (t, "103", "post-stop", VFPOOL_ERROR_BAD_CONFIG, "vfpool.conf");
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
    { "", "----", "has no line for node pve1: \"vfpool pve mapping lan --apply\"" },
    { "lan\n\tmap id=8086:10ca,iommugroup=10,node=pve2,path=" A "\n", "----", "no line for node pve1" },
    { "lan\n" MAP (A, "99"), "----", "line 2: Proxmox VE will not start a VM with the mapping lan because of " A },
    { "lan\n" MAP ("0000:01:1f.0", "10"), "----", "vfpool up" },
    { "lan\n" MAP (A ";" B, "10"), "----", "one VF in path=" },
    { "lan\n" MAP ("0000:01:10", "10") MAP (W, "20"), "----", "line 3: " W " is in the mapping lan" },
    { "lan\n" MAP (A, "10") MAP (W, "20"), "----", "line 3: " W " is in the mapping lan but not in the vfpool pool" },
    { "lan\n" MAP (B, "11"), "....", "does not list " A },
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
  assert_reserved (t, "...1");
}

/* ---- Notes ---- */

/* What the configuration @text asks for: "SLOT=POOL-OR-BDF MAC VLAN NUMA" of each slot, ',' between them, then the VM's numa. */
static char *
request_of (Test *t, const char *text) {
  g_autoptr (Vfpool) vfpool = vfpool_open (t->fx->root, NULL, NULL, NULL);
  g_autoptr (PveVmConfig) config = pve_vm_config_parse (text, strlen (text));
  g_autoptr (GPtrArray) plan = pve_plan_new (t->paths, config, vfpool);
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolRequest) request = pve_plan_request (plan, vfpool, "101", config, NULL, &error);
  GString *out = g_string_new (NULL);

  if (!request)
    fail_msg ("%s", error->message);
  for (guint i = 0; i < request->slots->len; i++) {
    const VfpoolSlot *slot = g_ptr_array_index (request->slots, i);
    const char *numa = vfpool_policy_get (&slot->policy, "numa");

    g_string_append_printf (out, "%s=%s %s %d %s%s,", slot->name, slot->pool ? slot->pool : slot->address,
                            slot->mac ? slot->mac : "-", slot->vlan, numa ? numa : "-",
                            slot->all_functions ? " all" : "");
  }
  g_string_append_printf (out, "%d", request->policy.numa);
  return g_string_free (out, FALSE);
}

static void
test_notes (void **state) {
  static const struct {
    const char *notes, *expected;
  } cases[] = {
    { "", "hostpci0=lan - -1 -,hostpci4=" W " - -1 -,-1" },
    { "# of Anna\n#vfpool%3A hostpci0 mac=52%3A54%3A00%3AAA%3A00%3A01 vlan=100\n",
      "hostpci0=lan 52:54:00:aa:00:01 100 -,hostpci4=" W " - -1 -,-1" },
    { "# vfpool: hostpci4 vlan=0\n# vfpool: numa=ignore placement=pack\n#vfpool: hostpci0 numa=socket functions=all\n",
      "hostpci0=lan - -1 socket all,hostpci4=" W " - 0 -,3" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text =
        g_strconcat (cases[i].notes, "hostpci0: mapping=lan\nhostpci4: 0000:02:10.0,driver=keep\n", NULL);
    g_autofree char *request = request_of (*state, text);

    assert_string_equal (request, cases[i].expected);
  }
}

/* numa= of one device goes before that of the VM. */
static void
test_notes_numa (void **state) {
  Test *t = *state;

  fixture_write (t->fx, "/sys/devices/system/node/online", "0-1\n");
  fixture_write (t->fx, "/sys/bus/pci/devices/" A "/numa_node", "0\n");
  fixture_write (t->fx, "/sys/bus/pci/devices/" W "/numa_node", "1\n");
  fixture_config (t->fx, "[pool lan]\nmembers=address=" A "; address=" W "\nsticky=no\n");
  fixture_write (t->fx, "/etc/pve/mapping/pci.cfg", "lan\n" MAP (A, "10") MAP (W, "20"));
  vm (t, "101", "#vfpool: hostpci0 numa=required\nhostpci0: mapping=lan\nnuma: 1\nnuma0: cpus=0,hostnodes=1\n");
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci0=" W);
  run (t, "101", "post-stop");
  vm (t, "101",
      "#vfpool: numa=required\n#vfpool: hostpci0 numa=ignore\nhostpci0: mapping=lan\nnuma: 1\nnuma0: "
      "cpus=0,hostnodes=1\n");
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci0=" A);
}

/* A wrong note refuses the start of a VM that it may matter to, names VM and line, and leases nothing. */
static void
test_wrong_notes (void **state) {
  static const struct {
    const char *config, *part;
  } cases[] = {
    { "#a\n#vfpool: hostpci0 vlna=5\nhostpci0: mapping=lan\n",
      "VM 101: line 2 of its notes: unknown key \"vlna\": did you mean \"vlan\"?" },
    { "#vfpool: hostpci1 vlan=5\nhostpci0: mapping=lan\n",
      "line 1 of its notes: hostpci1 is none of its devices that vfpool" },
    { "#vfpool: hostpci0 vlan=5\nhostpci0: mapping=lna\n",
      "line 1 of its notes: hostpci0 is none of its devices that vfpool" },
    { "#vfpool: hostpci0.1 vlan=5\nhostpci0: mapping=lan\n", "hostpci0.1 is none of its devices" },
    { "#vfpool: hostpci0 vlan=5\nhostpci0: mapping=lan,mdev=nvidia-1\nhostpci1: mapping=lan\n",
      "hostpci0 is none of its devices" },
    { "#vfpool: hostpci0 mac=1\nhostpci0: mapping=lan\n",
      "VM 101: line 1 of its notes: slot 'hostpci0': '1' is no MAC address" },
    { "#vfpool: hostpci0 numa=rquired\nhostpci0: mapping=lan\n",
      "line 1 of its notes: there is no policy numa=rquired: did you mean" },
    { "#\n#vfpool: placement=spred\nhostpci0: mapping=lan\n",
      "line 2 of its notes: there is no policy placement=spred" },
    { "#vfpool: hostpci0 functions=all\nhostpci0: 01:10.0\n", "hostpci0 names its device by address" },
  };
  Test *t = *state;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    vm (t, "101", cases[i].config);
    run_fails (t, "101", "pre-start", VFPOOL_ERROR_BAD_INPUT, cases[i].part);
    assert_leases (t, "101", "");
  }
  vm (t, "101", "#vfpool: frob\nmemory: 64\n");
  run (t, "101", "pre-start");
  vm (t, "101", "#vfpool: frob\ntemplate: 1\nhostpci0: mapping=lan\n");
  run (t, "101", "pre-start");
  assert_leases (t, "101", "");
}

/* PVE gives hostpci0 the first VF of the mapping, whatever was chosen for it: the slot's lease must be of that one. */
static void
test_each_slot_gets_its_own (void **state) {
  static const char config[] = "hostpci0: mapping=lan\nhostpci1: mapping=lan\nhostpci2: mapping=lan\n";
  Test *t = *state;

  /* vfpool chooses by address here, PVE by the order of these lines. */
  fixture_write (t->fx, "/etc/pve/mapping/pci.cfg", "lan\n" MAP (C, "12") MAP (A, "10") MAP (B, "11"));
  vm (t, "101", config);
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci1=" A " hostpci2=" B " hostpci0=" C);
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci1=" A " hostpci2=" B " hostpci0=" C);
  /* The start failed, and the mapping was changed before the next. */
  fixture_write (t->fx, "/etc/pve/mapping/pci.cfg", "lan\n" MAP (C, "12") MAP (B, "11") MAP (A, "10"));
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci2=" A " hostpci1=" B " hostpci0=" C);
  assert_reserved (t, "111.");
  run (t, "101", "post-stop");
  assert_leases (t, "101", "");
  fixture_write (t->fx, "/etc/pve/mapping/pci.cfg", "lan\n" MAP (B, "11") MAP (A, "10") MAP (C, "12"));
  fixture_config (t->fx, "[pool lan]\nmembers=pf=0000:01:00.0\nsticky=no\n");
  vm (t, "101", "#vfpool: hostpci0 numa=ignore\nhostpci0: mapping=lan\nhostpci1: mapping=lan\n");
  run_fails (t, "101", "pre-start", VFPOOL_ERROR_BAD_INPUT,
             "in the order of its lines, so hostpci0 would not get the one");
  assert_leases (t, "101", "");
}

/* All functions of a device come as one of PVE's alternatives. */
static void
test_all_functions (void **state) {
  Test *t = *state;

  fixture_add_function (t->fx, "0000:05:00.0", "vfio-pci", 30, 0, 0x030000);
  fixture_add_function (t->fx, "0000:05:00.1", "vfio-pci", 31, 0, 0x040300);
  fixture_config (t->fx, "[pool gpu]\nmembers=address=0000:05:00.0; address=0000:05:00.1\n");
  fixture_write (t->fx, "/etc/pve/mapping/pci.cfg",
                 "gpu\n" MAP ("0000:05:00", "30") MAP ("0000:05:00.0", "30") MAP ("0000:05:00.1", "31"));
  vm (t, "101", "#vfpool: hostpci0 functions=all\nhostpci0: mapping=gpu\n");
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci0=0000:05:00.0 hostpci0-1=0000:05:00.1");
  run (t, "101", "post-stop");
  vm (t, "101", "hostpci0: mapping=gpu\n");
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci0=0000:05:00.0");
}

/* Tells of the MACs that VM 101 shares with others. */
static void
tell_shared_macs (Test *t, gpointer data G_GNUC_UNUSED) {
  g_autoptr (PveVm) asking = pve_vm_read (t->paths, "101", NULL);

  assert_non_null (asking);
  pve_vm_warn_of_shared_macs (t->paths, asking);
}

/* A clone has its original's notes; it does not have its generated MAC, which is made from the VMID. */
static void
test_clone (void **state) {
  static const struct {
    const char *other, *part; /* part: of what is said; NULL: nothing */
  } cases[] = {
    { "hostpci0: mapping=lan\n", NULL },
    { "#vfpool: hostpci0 mac=52:54:00:00:00:02\n", NULL },
    { "#vfpool: hostpci3 mac=52:54:00:00:00:0A\n",
      "ask for the MAC 52:54:00:00:00:0a for hostpci0, and so do those of VM 102" },
    { "#vfpool: hostpci0 mac=52:54:00:00:00:0a\ntemplate: 1\n", NULL },
    { "memory: 1\n[old]\n#vfpool: hostpci0 mac=52:54:00:00:00:0a\n", NULL },
  };
  Test *t = *state;

  vm (t, "101", "#vfpool: hostpci0 mac=52:54:00:00:00:0a\nhostpci0: mapping=lan\n");
  fixture_write (t->fx, "/etc/pve/qemu-server/101.conf.bak", "#vfpool: hostpci0 mac=52:54:00:00:00:0a\n");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = NULL;

    vm (t, "102", cases[i].other);
    text = pve_fixture_said (t, tell_shared_macs, NULL);
    if (cases[i].part ? !strstr (text, cases[i].part) : *text)
      fail_msg ("\"%s\": %s", cases[i].other, text);
  }
}

/* What is left of a start that never came, in a slot that the VM has no more or that is of another pool now, is not in its own way;
 * nor in another VM's: PVE's file does not keep it for this one any longer. */
static void
test_leftovers (void **state) {
  Test *t = *state;

  vm (t, "101", "hostpci3: mapping=wan\n");
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci3=" W);
  assert_reserved (t, "...1");
  vm (t, "101", "hostpci0: mapping=wan\n");
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci0=" W);
  vm (t, "101", "hostpci0: mapping=lan\n");
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci0=" A);
  assert_reserved (t, "1...");
  vm (t, "102", "hostpci0: mapping=wan\n");
  run (t, "102", "pre-start");
  vm (t, "101", "hostpci1: " B "\n");
  run (t, "101", "pre-start");
  assert_leases (t, "101", "hostpci1=" B);
  assert_reserved (t, ".1.2");
  vm (t, "101", "hostpci1: mapping=wan\n");
  run_fails (t, "101", "pre-start", VFPOOL_ERROR_NO_FREE_VF, W);
  assert_leases (t, "101", "");
  assert_reserved (t, "...2");
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
  assert_reserved (t, "5...");
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
  assert_reserved (t, "1...");
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
  assert_reserved (t, "....");
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

/* pre-start for a VM that runs, which PVE does not call, but an operator may: what it has, and PVE's own lines, are left alone, also where
 * its configuration has changed since. */
static void
test_started_while_it_runs (void **state) {
  Test *t = *state;
  g_autofree char *path = g_strconcat (t->fx->root, FILE_ABOVE, NULL), *contents = NULL;

  vm (t, "101", "hostpci0: mapping=lan\nhostpci1: mapping=wan\n");
  run (t, "101", "pre-start");
  run_qemu (t, "/dev/vfio/10 /dev/vfio/20");
  fixture_write (t->fx, FILE_ABOVE, A " 101 pid:4711\n" B PARKED C PARKED W " 101 pid:4711\n");
  for (int i = 0; i < 3; i++) {
    vm (t, "101", i < 2 ? "hostpci0: mapping=lan\nhostpci1: mapping=wan\n" : "hostpci0: mapping=lan\n");
    run (t, "101", "pre-start");
    run (t, "101", "post-start");
    assert_leases (t, "101", "hostpci0=" A " hostpci1=" W);
  }
  assert_true (g_file_get_contents (path, &contents, NULL, NULL));
  assert_string_equal (contents, A " 101 pid:4711\n" B PARKED C PARKED W " 101 pid:4711\n");
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
  assert_reserved (t, "1...");
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
    cmocka_unit_test_setup_teardown (test_notes, setup, teardown),
    cmocka_unit_test_setup_teardown (test_notes_numa, setup, teardown),
    cmocka_unit_test_setup_teardown (test_wrong_notes, setup, teardown),
    cmocka_unit_test_setup_teardown (test_each_slot_gets_its_own, setup, teardown),
    cmocka_unit_test_setup_teardown (test_all_functions, setup, teardown),
    cmocka_unit_test_setup_teardown (test_clone, setup, teardown),
    cmocka_unit_test_setup_teardown (test_leftovers, setup, teardown),
    cmocka_unit_test_setup_teardown (test_unwritable_reservations, setup, teardown),
    cmocka_unit_test_setup_teardown (test_reserved_for_another, setup, teardown),
    cmocka_unit_test_setup_teardown (test_park, setup, teardown),
    cmocka_unit_test_setup_teardown (test_took_another, setup, teardown),
    cmocka_unit_test_setup_teardown (test_took_none, setup, teardown),
    cmocka_unit_test_setup_teardown (test_took_more, setup, teardown),
    cmocka_unit_test_setup_teardown (test_took_anothers, setup, teardown),
    cmocka_unit_test_setup_teardown (test_took_unknown, setup, teardown),
    cmocka_unit_test_setup_teardown (test_started_while_it_runs, setup, teardown),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
