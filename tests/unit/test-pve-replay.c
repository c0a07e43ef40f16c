/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual machines start, run and end in all ways there are, their steps interleaved at random, as PVE does it: the hookscript's
 * phases are the real ones, with the real ledger and PVE's real files; what PVE does in between is done by pve-model, which shares
 * no code with them. QEMUs are made of files. After each step:
 *
 *   - a VF that a VM with the hookscript runs with is leased to it, and no other VF is
 *   - a VM that PVE starts takes exactly what was leased to it; one without the hookscript takes nothing
 *   - what is leased to one VM is not reserved for another
 *
 * after each look of the service:
 *
 *   - a VF that no VM may have is parked
 *   - a VM whose QEMU was seen, or whose start was seen to begin, and that has ended holds nothing
 *
 * and when all have ended, and the start-grace is over, nothing is leased or lost.
 *
 * In some of the cases somebody disturbs it, too: he removes PVE's reservation file, lets starts take longer than the
 * start-grace, or keeps the service from looking in time. Then PVE may take what was not leased, and a start may fail; the
 * ledger has to follow all the same, and nothing may be lost.
 */
#include "fixture.h"
#include "seeds.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pve-hookscript/ends.h"
#include "pve-hookscript/hookscript.h"
#include "pve-hookscript/mapping.h"
#include "pve-hookscript/parking.h"
#include "pve-hookscript/reservation.h"

#define STEPS 70
#define DEFAULT_CASES 2 /* of each sort; REPLAY_CASES= for more */
#define FIRST_PID 4000

/* ---- The node ---- */

static const struct {
  const char *address;
  int group;
  const char *pool;
} vfs[] = { { "0000:01:10.0", 10, "lan" }, { "0000:01:10.2", 11, "lan" }, { "0000:01:10.4", 12, "lan" },
            { "0000:01:10.6", 13, "lan" }, { "0000:02:10.0", 20, "wan" }, { "0000:02:10.2", 21, "wan" } };
#define N_VFS G_N_ELEMENTS (vfs)

static const struct {
  const char *vmid;
  gboolean has_hookscript;
  const char *config;
} templates[] = { { "101", TRUE, "hostpci0: mapping=lan\n" },
                  { "102", TRUE, "hostpci0: mapping=lan\nhostpci1: mapping=lan,pcie=1\n" },
                  { "103", TRUE, "hostpci0: 0000:01:10.2\nhostpci1: mapping=wan\n" },
                  { "104", TRUE, "hostpci2: mapping=wan\nhostpci5: mapping=lan\n" },
                  { "105", TRUE, "hostpci0: mapping=lan\n" },
                  { "106", FALSE, "hostpci0: mapping=lan\n" } };
#define N_VMS G_N_ELEMENTS (templates)

typedef enum { OFF, LEASED, CHOSEN, STARTED, RUNNING } Phase;

typedef struct {
  guint number;
  Phase phase;
  gboolean is_there;       /* it has a configuration on this node */
  gboolean is_late;        /* its lease may have been taken back before QEMU came */
  gboolean is_disturbed;   /* its lines may have been lost since pre-start */
  gboolean needs_cleanup;  /* qmeventd has seen its end */
  gboolean was_seen;       /* by the service: its line, or its QEMU */
  gboolean was_seen_alive; /* its QEMU */
  gboolean has_seen_end;   /* ... and the end, too, is one that can be seen */
  gboolean has_dead_lease; /* a hookscript of it was killed, or its start broken off */
  guint32 chosen;          /* bits: VFs that PVE has chosen, or QEMU has */
  int pid;
} Vm;

typedef struct {
  Fixture *fx;
  PvePaths *paths;
  PveEnds *ends;
  GRand *random;
  Vm vms[N_VMS];
  GPid model;
  FILE *to_model, *from_model;
  gboolean may_disturb, was_disturbed;
  gboolean has_unknown_lines; /* that may hold although their lease has ended without a trace; they run out */
  gboolean stands_open;       /* lines were dropped or died, and the service has not looked since */
  int next_pid;
  GString *steps; /* what was done, for the message */
  char *problem;
} Node;

static void
write_config (Node *node, int start_grace) {
  g_autofree char *text = g_strdup_printf ("[pool lan]\nmembers=pf=0000:01:00.0\n[pool wan]\nmembers=pf=0000:02:00.0\n"
                                           "[vfpool]\nstart-grace=%d\nrelease-wait=0\n",
                                           start_grace);

  fixture_config (node->fx, text);
}

static void
write_vm (Node *node, const Vm *vm) {
  g_autofree char *path = g_strdup_printf ("/etc/pve/qemu-server/%s.conf", templates[vm->number].vmid);

  fixture_write (node->fx, path, "%s", templates[vm->number].config);
}

static void
write_mappings (Node *node) {
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < N_VFS; i++) {
    g_autofree char *folder = g_strdup_printf ("/sys/bus/pci/devices/%s", vfs[i].address), *line = NULL;
    g_autofree char *vendor = g_strconcat (folder, "/subsystem_vendor", NULL);
    g_autofree char *device = g_strconcat (folder, "/subsystem_device", NULL);

    fixture_write (node->fx, vendor, "0x8086\n");
    fixture_write (node->fx, device, "0x0001\n");
    line = pve_map_line (node->paths, vfs[i].address, NULL);
    if (i == 0 || strcmp (vfs[i].pool, vfs[i - 1].pool) != 0)
      g_string_append_printf (text, "%s%s\n", i ? "\n" : "", vfs[i].pool);
    g_string_append_printf (text, "\t%s\n", line);
  }
  fixture_write (node->fx, "/etc/pve/mapping/pci.cfg", "%s", text->str);
}

static void
start_model (Node *node) {
  const char *arguments[] = { "perl",   "tests/bench/pve-model", "--root", node->fx->root,
                              "--node", node->paths->node,       "serve",  NULL };
  int in, out;

  assert_true (g_spawn_async_with_pipes (NULL, (char **)arguments, NULL,
                                         G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &node->model, &in,
                                         &out, NULL, NULL));
  node->to_model = fdopen (in, "w");
  node->from_model = fdopen (out, "r");
}

static void
node_begin (Node *node) {
  node->fx = fixture_new ();
  fixture_add_pf (node->fx, "0000:01", 4, "vfio-pci", 10);
  fixture_add_pf (node->fx, "0000:02", 2, "vfio-pci", 20);
  fixture_write (node->fx, "/run/qemu-server/there", "%s", "");
  fixture_link (node->fx, "/var/run", "../run");
  node->paths = pve_paths_new (node->fx->root, NULL, NULL);
  g_free (node->paths->node);
  node->paths->node = g_strdup ("pve1");
  write_config (node, 120);
  write_mappings (node);
  for (guint i = 0; i < N_VMS; i++) {
    node->vms[i] = (Vm){ .number = i, .is_there = TRUE };
    write_vm (node, &node->vms[i]);
  }
  node->next_pid = FIRST_PID;
  node->steps = g_string_new (NULL);
  node->ends = pve_ends_new (node->paths);
  start_model (node);
}

static void
node_end (Node *node) {
  fclose (node->to_model);
  fclose (node->from_model);
  waitpid (node->model, NULL, 0);
  pve_ends_free (node->ends);
  pve_paths_free (node->paths);
  fixture_free (node->fx);
  g_string_free (node->steps, TRUE);
}

static void
G_GNUC_PRINTF (2, 3) find_fault (Node *node, const char *format, ...) {
  g_autofree char *fault = NULL;
  va_list args;

  if (node->problem)
    return;
  va_start (args, format);
  fault = g_strdup_vprintf (format, args);
  va_end (args);
  node->problem = g_strdup_printf ("%s; after:%s", fault, node->steps->str);
}

/* ---- PVE ---- */

/* Has pve-model do something. @chosen: (out) (optional): the VFs that it answers with. Returns: whether it could. */
static gboolean
ask_model (Node *node, guint32 *chosen, const char *request) {
  char line[1024];

  fprintf (node->to_model, "%s\n", request);
  fflush (node->to_model);
  while (fgets (line, sizeof line, node->from_model)) {
    if (!strcmp (line, "ok\n"))
      return TRUE;
    if (g_str_has_prefix (line, "failed: "))
      return FALSE;
    for (guint i = 0; i < N_VFS; i++)
      if (chosen && strstr (line, vfs[i].address))
        *chosen |= 1u << i;
  }
  find_fault (node, "pve-model has ended");
  return FALSE;
}

static gboolean
ask_about (Node *node, const Vm *vm, guint32 *chosen, const char *verb) {
  g_autofree char *request = g_strdup_printf ("%s %s", verb, templates[vm->number].vmid);

  return ask_model (node, chosen, request);
}

static void
pin (Node *node, const Vm *vm) {
  g_autoptr (GString) request = g_string_new (NULL);

  g_string_printf (request, "pin %s", templates[vm->number].vmid);
  for (guint i = 0; i < N_VFS; i++)
    if (vm->chosen & 1u << i)
      g_string_append_printf (request, " %s", vfs[i].address);
  ask_model (node, NULL, request->str); /* PVE, too, only warns when it cannot */
}

/* A phase of the hookscript. Returns: whether it succeeded; for a VM without one there is nothing that could fail. */
static gboolean
call_hook (Node *node, const Vm *vm, const char *phase) {
  g_autoptr (GError) error = NULL;

  if (!templates[vm->number].has_hookscript)
    return TRUE;
  if (pve_hookscript_run (node->paths, templates[vm->number].vmid, phase, &error))
    return TRUE;
  print_message ("%s %s: %s\n", templates[vm->number].vmid, phase, error->message);
  return FALSE;
}

/* ---- QEMU ---- */

static void
set_open (Node *node, guint vf, gboolean is_open) {
  g_autofree char *folder = g_strdup_printf ("/dev/vfio/%d", vfs[vf].group);
  g_autofree char *file = g_strconcat (folder, "/open", NULL);

  /* A folder cannot be opened for writing either. */
  if (is_open)
    fixture_write (node->fx, file, "%s", "");
  else
    fixture_remove (node->fx, folder);
}

static guint32
open_vfs (const Node *node) {
  guint32 open = 0;

  for (guint i = 0; i < N_VMS; i++)
    open |= node->vms[i].pid ? node->vms[i].chosen : 0;
  return open;
}

static void
run_qemu (Node *node, Vm *vm) {
  const char *vmid = templates[vm->number].vmid;
  g_autofree char *command =
      g_strdup_printf ("/usr/bin/kvm -id %s -pidfile %s/var/run/qemu-server/%s.pid", vmid, node->fx->root, vmid);
  g_autofree char *pid_file = g_strdup_printf ("/run/qemu-server/%s.pid", vmid);
  g_autoptr (GString) files = g_string_new ("/dev/null");

  for (guint i = 0; i < N_VFS; i++)
    if (vm->chosen & 1u << i) {
      g_string_append_printf (files, " /dev/vfio/%d", vfs[i].group);
      set_open (node, i, TRUE);
    }
  vm->pid = node->next_pid++;
  fixture_add_process (node->fx, vm->pid, command, files->str);
  fixture_write (node->fx, pid_file, "%d\n", vm->pid);
}

static void
end_qemu (Node *node, Vm *vm, gboolean leaves_pid_file) {
  g_autofree char *pid_file = g_strdup_printf ("/run/qemu-server/%s.pid", templates[vm->number].vmid);
  g_autofree char *process = g_strdup_printf ("/proc/%d", vm->pid);

  for (guint i = 0; i < N_VFS; i++)
    if (vm->chosen & 1u << i)
      set_open (node, i, FALSE);
  fixture_remove (node->fx, process);
  if (!leaves_pid_file)
    fixture_remove (node->fx, pid_file);
  vm->pid = 0;
  vm->chosen = 0;
  vm->has_seen_end |= vm->was_seen_alive || (vm->was_seen && vm->phase == RUNNING);
  vm->phase = OFF;
  node->stands_open = TRUE;
}

/* ---- What there is, by ledger and by PVE's file ---- */

typedef struct {
  guint32 leased[N_VMS], reserved[N_VMS]; /* bits: VFs */
  guint32 quarantined, parked;
} View;

static int
vm_of_id (const char *vmid) {
  for (guint i = 0; i < N_VMS; i++)
    if (!strcmp (templates[i].vmid, vmid))
      return (int)i;
  return -1;
}

static void
view_leases (Node *node, View *view) {
  g_autoptr (Vfpool) vfpool = vfpool_open (node->fx->root, NULL, NULL, NULL);
  g_autoptr (GPtrArray) leases = vfpool_leases (vfpool, NULL);

  assert_non_null (leases);
  for (guint i = 0; i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);

    for (guint k = 0; k < N_VFS; k++) {
      if (strcmp (vfs[k].address, vfpool_lease_get_address (lease)) != 0)
        continue;
      if (vfpool_lease_get_state (lease) == VFPOOL_LEASE_QUARANTINED)
        view->quarantined |= 1u << k;
      else
        view->leased[vm_of_id (vfpool_lease_get_guest_id (lease))] |= 1u << k;
    }
  }
}

static void
view_lines (Node *node, View *view) {
  g_autoptr (PveReservations) lines = pve_reservations_look (node->paths, NULL);
  PveReservation line;

  for (guint k = 0; k < N_VFS; k++) {
    if (!pve_reservations_find (lines, vfs[k].address, &line) || !pve_reservation_is_valid (node->paths, &line))
      continue;
    if (line.vmid == PVE_PARKED_VMID)
      view->parked |= 1u << k;
    for (guint i = 0; i < N_VMS; i++)
      if (g_ascii_strtoull (templates[i].vmid, NULL, 10) == line.vmid)
        view->reserved[i] |= 1u << k;
  }
}

static View
look_at (Node *node) {
  View view = { 0 };

  view_leases (node, &view);
  view_lines (node, &view);
  return view;
}

static guint32
leased_to_others (const View *view, guint number) {
  guint32 others = 0;

  for (guint i = 0; i < N_VMS; i++)
    others |= i == number ? 0 : view->leased[i];
  return others;
}

/* ---- What has to hold ---- */

static void
check_vm (Node *node, const Vm *vm, const View *view) {
  guint32 leased = view->leased[vm->number], others = leased_to_others (view, vm->number);
  const char *vmid = templates[vm->number].vmid;

  if (!templates[vm->number].has_hookscript) {
    if (vm->pid && !node->was_disturbed)
      find_fault (node, "VM %s runs without a lease", vmid);
    return;
  }
  /* What was leased to it, and another has open, stays leased until one of them ends. */
  if (vm->phase == RUNNING && (leased & ~vm->chosen & ~(node->was_disturbed ? open_vfs (node) : 0)))
    find_fault (node, "VM %s has leases %x, but only %x open", vmid, leased, vm->chosen);
  if (vm->phase == RUNNING && (vm->chosen & ~leased) && !node->was_disturbed)
    find_fault (node, "VM %s has %x open, but leases %x", vmid, vm->chosen, leased);
  if (vm->phase == RUNNING && (vm->chosen & ~(leased | others | view->quarantined)))
    find_fault (node, "VM %s has %x open, which are nobody's by the ledger", vmid, vm->chosen & ~(leased | others));
  if (!node->was_disturbed && (view->reserved[vm->number] & others & ~leased))
    find_fault (node, "%x are reserved for VM %s, but leased to another", view->reserved[vm->number] & others, vmid);
}

static void
check_step (Node *node) {
  View view = look_at (node);

  for (guint i = 0; i < N_VMS; i++)
    check_vm (node, &node->vms[i], &view);
  if (view.quarantined && !node->was_disturbed)
    find_fault (node, "%x are quarantined", view.quarantined);
}

static void
check_looked (Node *node) {
  View view = look_at (node);
  guint32 reserved = 0;

  for (guint i = 0; i < N_VMS; i++) {
    Vm *vm = &node->vms[i];

    reserved |= view.reserved[i];
    if (vm->phase == OFF && vm->has_seen_end && !vm->has_dead_lease && view.leased[i])
      find_fault (node, "VM %s has ended, but still holds %x", templates[i].vmid, view.leased[i]);
  }
  if ((view.parked | reserved) != (1u << N_VFS) - 1)
    find_fault (node, "only %x are parked and %x reserved", view.parked, reserved);
}

/* ---- Steps ---- */

static gboolean
one_in (Node *node, int n) {
  return g_rand_int_range (node->random, 0, n) == 0;
}

static void
note_seen (Vm *vm, const View *view) {
  guint32 leased = view->leased[vm->number];

  vm->was_seen_alive |= vm->pid != 0;
  vm->was_seen |= vm->pid != 0 || (leased && (view->reserved[vm->number] & leased) == leased);
}

static void
look (Node *node) {
  View view;

  g_string_append (node->steps, " look");
  pve_ends_look (node->ends);
  node->stands_open = FALSE;
  view = look_at (node);
  for (guint i = 0; i < N_VMS; i++)
    if (node->vms[i].phase != OFF && templates[i].has_hookscript)
      note_seen (&node->vms[i], &view);
  check_looked (node);
}

static void
restart_service (Node *node) {
  g_string_append (node->steps, " restart");
  pve_ends_free (node->ends);
  node->ends = pve_ends_new (node->paths);
  for (guint i = 0; i < N_VMS; i++)
    node->vms[i].was_seen = node->vms[i].was_seen_alive = node->vms[i].has_seen_end = FALSE;
  look (node);
}

/* The start-grace of all is over. */
static void
pass_time (Node *node) {
  g_string_append (node->steps, " time");
  write_config (node, 0);
  look (node);
  write_config (node, 120);
  for (guint i = 0; i < N_VMS; i++) {
    node->vms[i].has_dead_lease = FALSE;
    node->vms[i].is_late |= node->vms[i].phase == LEASED || node->vms[i].phase == CHOSEN;
    node->was_disturbed |= node->vms[i].is_late;
  }
}

/* Somebody removes PVE's file; the service may or may not see it before PVE chooses. */
static void
lose_lines (Node *node) {
  g_string_append (node->steps, " lose");
  fixture_remove (node->fx, "/run/qemu-server/pci-id-reservations");
  node->was_disturbed = TRUE;
  for (guint i = 0; i < N_VMS; i++)
    node->vms[i].is_disturbed = TRUE;
}

/* The hookscript is killed right after it has leased: of PVE nothing more comes. */
static void
kill_hook (Node *node, Vm *vm) {
  g_autoptr (Vfpool) vfpool = vfpool_open (node->fx->root, NULL, NULL, NULL);
  g_autoptr (VfpoolRequest) request =
      vfpool_request_new (VFPOOL_GUEST_PVE_QEMU, templates[vm->number].vmid, NULL, NULL);
  g_autoptr (GPtrArray) leases = NULL;
  View view;

  vfpool_request_add_pool (request, "hostpci0", "wan", NULL, VFPOOL_VLAN_UNSET, NULL);
  leases = vfpool_acquire (vfpool, request, NULL);
  /* What the slot had before, of a start that was broken off, it has no more, and nobody came to say so in PVE's file. */
  view = look_at (node);
  node->has_unknown_lines |= (view.reserved[vm->number] & ~view.leased[vm->number]) != 0;
  vm->has_dead_lease |= leases != NULL;
}

static void
drop (Node *node, Vm *vm) {
  if (!ask_about (node, vm, NULL, "drop"))
    find_fault (node, "PVE cannot drop the lines of VM %s", templates[vm->number].vmid);
  vm->has_seen_end |= vm->was_seen;
  node->stands_open = TRUE;
}

static void
begin_start (Node *node, Vm *vm) {
  if (one_in (node, 8) && templates[vm->number].has_hookscript) {
    g_string_append_printf (node->steps, " %s-killed", templates[vm->number].vmid);
    kill_hook (node, vm);
    return;
  }
  g_string_append_printf (node->steps, " %s-pre", templates[vm->number].vmid);
  vm->is_late = vm->is_disturbed = vm->was_seen = vm->was_seen_alive = vm->has_seen_end = FALSE;
  if (call_hook (node, vm, "pre-start"))
    vm->phase = LEASED;
}

static void
fail_start (Node *node, Vm *vm) {
  g_string_append_printf (node->steps, " %s-fails", templates[vm->number].vmid);
  /* PVE drops the lines, unless it fails before it has looked at devices, or its process is killed. */
  if (one_in (node, 3))
    vm->has_dead_lease = TRUE;
  else
    drop (node, vm);
  vm->chosen = 0;
  vm->phase = OFF;
}

/* Whether PVE took what was leased, but for what a hookscript that was killed has left. */
static gboolean
took_leased (const Vm *vm, guint32 leased) {
  return vm->has_dead_lease ? (vm->chosen & ~leased) == 0 : vm->chosen == leased;
}

/* Unless it is to be disturbed, the service looks in time. */
static void
choose (Node *node, Vm *vm) {
  gboolean found;
  View view;

  if (node->stands_open && !node->may_disturb)
    look (node);
  vm->is_disturbed |= node->stands_open;
  node->was_disturbed |= node->stands_open;
  view = look_at (node);
  g_string_append_printf (node->steps, " %s-choose", templates[vm->number].vmid);
  vm->chosen = 0;
  found = ask_about (node, vm, &vm->chosen, "choose");
  if (!templates[vm->number].has_hookscript && found && !node->was_disturbed)
    find_fault (node, "VM %s without the hookscript may have %x", templates[vm->number].vmid, vm->chosen);
  if (templates[vm->number].has_hookscript && !vm->is_late && !vm->is_disturbed
      && (!found || !took_leased (vm, view.leased[vm->number])))
    find_fault (node, "PVE took %x for VM %s, which leases %x", vm->chosen, templates[vm->number].vmid,
                view.leased[vm->number]);
  if (found)
    vm->phase = CHOSEN;
  else
    fail_start (node, vm);
}

static void
launch (Node *node, Vm *vm) {
  g_string_append_printf (node->steps, " %s-run", templates[vm->number].vmid);
  /* The kernel lets only one open a group. */
  if (open_vfs (node) & vm->chosen) {
    if (!node->was_disturbed)
      find_fault (node, "VM %s was to have %x, which another has open", templates[vm->number].vmid, vm->chosen);
    fail_start (node, vm);
    return;
  }
  run_qemu (node, vm);
  vm->phase = STARTED;
}

static void
finish_start (Node *node, Vm *vm) {
  View before = look_at (node), after;

  g_string_append_printf (node->steps, " %s-post", templates[vm->number].vmid);
  pin (node, vm);
  if (!call_hook (node, vm, "post-start"))
    find_fault (node, "post-start failed");
  vm->phase = RUNNING;
  vm->has_dead_lease = FALSE;
  after = look_at (node);
  if (before.leased[vm->number] != after.leased[vm->number])
    vm->was_seen = vm->was_seen_alive = FALSE; /* those leases were not seen */
}

/* A VM that runs again by then is left alone. */
static void
clean_up (Node *node, Vm *vm) {
  vm->needs_cleanup = FALSE;
  if (vm->phase != OFF || !vm->is_there)
    return;
  g_string_append_printf (node->steps, " %s-cleanup", templates[vm->number].vmid);
  drop (node, vm);
  if (!call_hook (node, vm, "post-stop"))
    find_fault (node, "post-stop failed");
  vm->has_dead_lease = FALSE;
}

static void
leave_node (Node *node, Vm *vm) {
  g_autofree char *path = g_strdup_printf ("/etc/pve/qemu-server/%s.conf", templates[vm->number].vmid);

  fixture_remove (node->fx, path);
  vm->is_there = FALSE;
}

static void
end_vm (Node *node, Vm *vm) {
  static const char *const ways[] = { "stop", "crash", "kill", "migrate" };
  int way = g_rand_int_range (node->random, 0, G_N_ELEMENTS (ways));

  g_string_append_printf (node->steps, " %s-%s", templates[vm->number].vmid, ways[way]);
  if (way == 0)
    call_hook (node, vm, "pre-stop");
  end_qemu (node, vm, way == 1 || way == 2);
  vm->needs_cleanup = way == 1;
  if (way == 0)
    clean_up (node, vm);
  if (way != 3)
    return;
  if (one_in (node, 2))
    drop (node, vm);
  leave_node (node, vm);
}

static void
step_vm (Node *node, Vm *vm) {
  if (!vm->is_there) {
    write_vm (node, vm);
    vm->is_there = TRUE;
  } else if (vm->phase == OFF && vm->needs_cleanup && one_in (node, 2)) {
    clean_up (node, vm);
  } else if (vm->phase == OFF && one_in (node, 10)) {
    leave_node (node, vm);
  } else if (vm->phase == OFF) {
    begin_start (node, vm);
  } else if (vm->phase <= CHOSEN && one_in (node, 8)) {
    fail_start (node, vm);
  } else if (vm->phase == LEASED) {
    choose (node, vm);
  } else if (vm->phase == CHOSEN) {
    launch (node, vm);
  } else if (vm->phase == STARTED && !one_in (node, 8)) {
    finish_start (node, vm);
  } else {
    end_vm (node, vm);
  }
}

static gboolean
somebody_starts (const Node *node) {
  for (guint i = 0; i < N_VMS; i++)
    if (node->vms[i].phase == LEASED || node->vms[i].phase == CHOSEN)
      return TRUE;
  return FALSE;
}

static void
step (Node *node) {
  int kind = g_rand_int_range (node->random, 0, 30);

  if (kind < 8)
    look (node);
  else if (kind == 8)
    restart_service (node);
  else if (kind == 9 && (node->may_disturb || !somebody_starts (node)))
    pass_time (node);
  else if (kind == 10 && node->may_disturb)
    lose_lines (node);
  else
    step_vm (node, &node->vms[g_rand_int_range (node->random, 0, N_VMS)]);
  check_step (node);
}

/* All end at once, and nobody cleans up but the service. */
static void
end_all (Node *node) {
  View view;

  g_string_append (node->steps, " end");
  for (guint i = 0; i < N_VMS; i++) {
    Vm *vm = &node->vms[i];

    if (vm->pid)
      end_qemu (node, vm, TRUE);
    vm->phase = OFF;
  }
  pass_time (node);
  view = look_at (node);
  for (guint i = 0; i < N_VMS; i++)
    if (view.leased[i])
      find_fault (node, "VM %s holds %x for ever", templates[i].vmid, view.leased[i]);
  if (!node->was_disturbed && !node->has_unknown_lines && view.parked != (1u << N_VFS) - 1)
    find_fault (node, "at the end only %x are parked", view.parked);
}

static char *
try_node (GRand *random, gboolean may_disturb) {
  Node node = { .random = random, .may_disturb = may_disturb };

  node_begin (&node);
  look (&node); /* as at boot */
  for (int i = 0; i < STEPS && !node.problem; i++)
    step (&node);
  if (!node.problem)
    end_all (&node);
  node_end (&node);
  return node.problem;
}

static char *
try_undisturbed (GRand *random) {
  return try_node (random, FALSE);
}

static char *
try_disturbed (GRand *random) {
  return try_node (random, TRUE);
}

static guint
n_cases (void) {
  const char *wanted = g_getenv ("REPLAY_CASES");

  return wanted ? (guint)g_ascii_strtoull (wanted, NULL, 10) : DEFAULT_CASES;
}

static void
test_undisturbed (void **state G_GNUC_UNUSED) {
  assert_all_seeds (try_undisturbed, n_cases ());
}

static void
test_disturbed (void **state G_GNUC_UNUSED) {
  assert_all_seeds (try_disturbed, n_cases ());
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_undisturbed),
    cmocka_unit_test (test_disturbed),
  };

  /* What survives a loss of power is not the matter here, so no time is lost on a disk. */
  if (!g_access ("/dev/shm", W_OK))
    g_setenv ("TMPDIR", "/dev/shm", FALSE);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
