/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See environment.h. */
#include "environment.h"

#include <fcntl.h>
#include <linux/if_ether.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEDGER "/var/lib/vfpool/ledger.db"
#define FIRST_PID 1000
#define SHORT_DELAY_US (G_USEC_PER_SEC) /* shorter than release waits for a group to close */
#define LONG_DELAY_US (30 * G_USEC_PER_SEC)

typedef void (*Event) (Model *m, GRand *random, GString *text);

static int next_pid = FIRST_PID;

static int
choose_function (GRand *random) {
  return g_rand_int_range (random, 0, N_FUNCTIONS);
}

static Device *
device_of (int f) {
  return &kernel->machine.devices[f];
}

static gboolean
is_open (int f) {
  return machine_is_open (&kernel->machine, f);
}

static void
end_process (int pid) {
  g_autofree char *folder = g_strdup_printf ("/proc/%d", pid);

  fixture_remove (tree, folder);
}

/* ---- Guests ---- */

static void
show_guest (const Model *m, int guest) {
  static const char *const commands[] = { "qemu -name guest=%s,x=y -uuid %s",
                                          "kvm -name %s -pidfile /run/qemu-server/%s.pid", "lxc-start %s %s",
                                          "app %s %s" };
  const GuestPlace *place = &guest_places[guest];
  int pid = m->guests[guest].pid;
  g_autoptr (GString) files = g_string_new (NULL);
  g_autofree char *command = NULL, *pidfile = NULL;

  for (int g = 0; g < N_GROUPS; g++)
    if (kernel->machine.groups[g].pid == pid)
      g_string_append_printf (files, "%s/dev/vfio/%d", files->len ? " " : "", FIRST_GROUP + g);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  command = g_strdup_printf (commands[place->kind], place->name ? place->name : "x", place->id);
#pragma GCC diagnostic pop
  fixture_add_process (tree, pid, command, files->str);
  if (place->kind == VFPOOL_GUEST_LIBVIRT)
    pidfile = g_strdup_printf ("/run/libvirt/qemu/%s.pid", place->name);
  else if (place->kind == VFPOOL_GUEST_PVE_QEMU)
    pidfile = g_strdup_printf ("/run/qemu-server/%s.pid", place->id);
  if (pidfile)
    fixture_write (tree, pidfile, "%d\n", pid);
}

/* It opens what it holds and is ready for it: at its start, or later what was plugged in. */
static void
guest_starts (Model *m, GRand *random, GString *text) {
  int guest = g_rand_int_range (random, 0, N_GUESTS);
  GuestLife *life = &m->guests[guest];

  g_string_append_printf (text, "%s %s:", guest_places[guest].id, life->is_running ? "opens more" : "starts");
  if (!life->is_running)
    *life = (GuestLife){ TRUE, next_pid++ };
  for (int f = 0; f < N_FUNCTIONS; f++) {
    const Lease *lease = &m->leases[f];
    if (!m->is_leased[f] || lease->guest != guest || lease->state != VFPOOL_LEASE_ACTIVE || lease->boot != m->boot
        || !device_of (f)->exists || !device_is_on_vfio (device_of (f)) || is_open (f))
      continue;
    kernel_open_group (function_places[f].group, life->pid);
    if (function_places[f].has_flr && m->ledger == LEDGER_GOOD)
      device_of (f)->traces = guest + 1;
    g_string_append_printf (text, " %s", function_places[f].address);
  }
  show_guest (m, guest);
}

static void
end_guest (Model *m, int guest, gint64 delay) {
  GuestLife *life = &m->guests[guest];

  if (!life->is_running)
    return;
  end_process (life->pid);
  for (int g = 0; g < N_GROUPS; g++)
    if (kernel->machine.groups[g].pid == life->pid)
      kernel_close_group (g, delay);
  *life = (GuestLife){ 0 };
}

static void
guest_ends (Model *m, GRand *random, GString *text) {
  static const gint64 delays[] = { 0, 0, 0, SHORT_DELAY_US, LONG_DELAY_US, -1 };
  gint64 delay = delays[g_rand_int_range (random, 0, G_N_ELEMENTS (delays))];
  int guest = g_rand_int_range (random, 0, N_GUESTS);

  if (!m->guests[guest].is_running)
    return;
  g_string_append_printf (text, "%s ends, its groups close after %" G_GINT64_FORMAT " us", guest_places[guest].id,
                          delay);
  end_guest (m, guest, delay);
}

/* ---- Others ---- */

static gboolean
is_of_guest (const Model *m, int pid) {
  for (int g = 0; g < N_GUESTS; g++)
    if (m->guests[g].is_running && m->guests[g].pid == pid)
      return TRUE;
  return FALSE;
}

static void
other_opens (Model *m, GRand *random, GString *text) {
  int f = choose_function (random), group = function_places[f].group;
  gboolean is_seen = g_rand_boolean (random);

  if (!device_of (f)->exists || !device_is_on_vfio (device_of (f)) || is_open (f)
      || (m->is_leased[f] && m->leases[f].state != VFPOOL_LEASE_RESERVED && g_rand_int_range (random, 0, 4)))
    return;
  kernel_open_group (group, is_seen ? next_pid : 0);
  if (is_seen) {
    g_autofree char *file = g_strdup_printf ("/dev/vfio/%d", FIRST_GROUP + group);
    fixture_add_process (tree, next_pid++, "testpmd", file);
  }
  g_string_append_printf (text, "somebody opens %s%s", function_places[f].address, is_seen ? "" : ", unseen");
}

static void
end_other (const Model *m, int group) {
  Group *g = &kernel->machine.groups[group];

  if (!g->is_open || is_of_guest (m, g->pid))
    return;
  if (g->pid)
    end_process (g->pid);
  kernel_close_group (group, 0);
}

static void
other_closes (Model *m, GRand *random, GString *text) {
  int group = g_rand_int_range (random, 0, N_GROUPS);

  if (!kernel->machine.groups[group].is_open || is_of_guest (m, kernel->machine.groups[group].pid))
    return;
  end_other (m, group);
  g_string_append_printf (text, "group %d is closed", FIRST_GROUP + group);
}

static void
host_uses (Model *m, GRand *random, GString *text) {
  int f = choose_function (random);
  Device *device = device_of (f);

  if (!device->exists || m->is_leased[f] || (!device->host_use && (!*device->driver || device_is_on_vfio (device))))
    return;
  kernel_use (f, !device->host_use);
  g_string_append_printf (text, "the host %s %s", device->host_use ? "uses" : "lets go of", function_places[f].address);
}

/* Of a VF that is leased too: somebody with root's rights has no lease to care for. */
static void
other_rebinds (Model *m, GRand *random, GString *text) {
  int f = choose_function (random), choice = g_rand_int_range (random, 0, 3);
  const char *driver = choice == 0 ? "" : choice == 1 ? function_places[f].host_driver : VFIO;

  (void)m;
  if (!device_of (f)->exists || device_of (f)->host_use || is_open (f) || (choice == 2 && !kernel->has_vfio_module))
    return;
  kernel_bind (f, "");
  kernel_override (f, choice == 2 || g_rand_int_range (random, 0, 4) == 0 ? VFIO : "");
  kernel_bind (f, driver);
  g_string_append_printf (text, "somebody binds %s to '%s'", function_places[f].address, driver);
}

static void
choose_net (VfpoolVfnet *net, GRand *random) {
  g_snprintf (net->mac, sizeof net->mac, "52:54:00:aa:00:%02x", (guint)g_rand_int_range (random, 0, 256));
  net->vlan = g_rand_int_range (random, 0, 20);
  net->vlan_qos = net->vlan ? g_rand_int_range (random, 0, 8) : 0;
  net->vlan_proto = g_rand_int_range (random, 0, 4) ? ETH_P_8021Q : ETH_P_8021AD;
  net->trust = g_rand_boolean (random);
  net->spoof_check = g_rand_boolean (random);
  net->max_rate = g_rand_int_range (random, 0, 3) * 1000;
  net->min_rate = net->max_rate / g_rand_int_range (random, 2, 5);
  net->link_state = g_rand_int_range (random, 0, 3);
}

/* Through the PF's interface, which is there whoever has the VF, and whether it is open or not. */
static void
other_sets_net (Model *m, GRand *random, GString *text) {
  int f = choose_function (random);
  VfpoolVfnet *net = &device_of (f)->net, chosen;
  g_autofree char *shown = NULL;

  (void)m;
  if (!device_of (f)->exists || !has_netdev (f))
    return;
  choose_net (&chosen, random);
  for (NetAttribute which = 0; which < N_NET; which++)
    if (is_wished (net, which) && g_rand_int_range (random, 0, 3) == 0)
      set_attribute (net, &chosen, which);
  shown = describe_net (net);
  g_string_append_printf (text, "somebody gives %s %s", function_places[f].address, shown);
}

/* ---- Devices ---- */

static void
device_vanishes_or_appears (Model *m, GRand *random, GString *text) {
  int f = choose_function (random), pf = function_places[f].pf;
  gboolean exists = device_of (f)->exists;

  (void)m;
  if (exists ? is_open (f) || g_rand_int_range (random, 0, 3)
             : pf != NO_PF && function_places[f].index >= kernel->machine.pfs[pf].numvfs)
    return;
  kernel_set_function (f, !exists);
  g_string_append_printf (text, "%s %s", function_places[f].address, exists ? "vanishes" : "appears");
}

static void
numvfs_changes (Model *m, GRand *random, GString *text) {
  int pf = g_rand_int_range (random, 0, N_PFS), numvfs = g_rand_int_range (random, 0, pf_places[pf].totalvfs + 1);

  (void)m;
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (function_places[f].pf == pf && is_open (f))
      return; /* the kernel would wait for it */
  if (g_rand_boolean (random))
    numvfs = pf_places[pf].totalvfs;
  kernel->machine.pfs[pf].autoprobe = g_rand_boolean (random);
  kernel_make_vfs (pf, numvfs);
  g_string_append_printf (text, "somebody gives %s %d VFs, autoprobe %d", pf_places[pf].address, numvfs,
                          kernel->machine.pfs[pf].autoprobe);
}

/* ---- The host ---- */

void
environment_write_config (Model *model) {
  g_autofree char *text = config_to_text (&model->config);

  fixture_config (tree, text);
}

static void
config_changes (Model *m, GRand *random, GString *text) {
  g_autofree char *now = NULL;

  config_change (&m->config, random);
  environment_write_config (m);
  now = g_strdelimit (config_to_text (&m->config), "\n", ' ');
  g_string_append_printf (text, "configuration: %s", now);
}

static void
hanging_dies (Model *m, GRand *random, GString *text) {
  (void)random;
  if (!m->hanging)
    return;
  g_string_append_printf (text, "the hanging process %d dies", m->hanging);
  end_process (m->hanging);
  m->hanging = 0;
  for (int f = 0; f < N_FUNCTIONS; f++)
    m->leases[f].worker = 0;
}

static void
all_processes_end (Model *m, GString *text) {
  for (int g = 0; g < N_GUESTS; g++)
    end_guest (m, g, 0);
  for (int g = 0; g < N_GROUPS; g++)
    end_other (m, g);
  hanging_dies (m, NULL, text);
}

static void
host_reboots (Model *m, GRand *random, GString *text) {
  all_processes_end (m, text);
  kernel_reboot ();
  m->boot = kernel->boot;
  for (int pf = 0; pf < N_PFS; pf++)
    if (g_rand_boolean (random))
      kernel_make_vfs (pf, pf_places[pf].totalvfs);
  g_string_append_printf (text, "the host is rebooted: %d, %d, %d VFs", kernel->machine.pfs[0].numvfs,
                          kernel->machine.pfs[1].numvfs, kernel->machine.pfs[2].numvfs);
}

static void
time_passes (Model *m, GRand *random, GString *text) {
  int seconds = g_rand_int_range (random, 1, 100);

  (void)m;
  kernel_pass_time (seconds * G_USEC_PER_SEC);
  g_string_append_printf (text, "%d s pass", seconds);
}

static void
overwrite (const char *path) {
  fixture_write (tree, path, "%s", "no ledger, whatever it was, and long enough to be taken for one at a first glance");
}

/* So that the file alone holds all leases. */
static void
fold_log (void) {
  g_autofree char *path = g_strconcat (tree->root, LEDGER, NULL);
  sqlite3 *db;

  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, "PRAGMA wal_checkpoint (TRUNCATE)", NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_db_config (db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  sqlite3_close (db);
}

/* Removed with all that is about it, it cannot be told from one that never was. A log that was kept tells that there was
 * one; and so does a file, or a log, that is not what it should be. Where only the log is, the leases in the file are saved. */
static void
ledger_is_lost (Model *m, GRand *random, GString *text) {
  static const char *const ways[] = { "removed without trace", "removed", "overwritten", "overwritten in its log" };
  int way = g_rand_int_range (random, 0, G_N_ELEMENTS (ways));
  gboolean has_log = tree_has (LEDGER "-wal");

  if (m->ledger != LEDGER_GOOD || !tree_has (LEDGER) || (way == 3 && !has_log))
    return;
  /* Who had a VF before cannot be known any more. */
  for (int f = 0; f < N_FUNCTIONS; f++)
    device_of (f)->traces = 0;
  if (way == 3)
    m->ledger = LEDGER_DAMAGED;
  else
    m->ledger = way == 0 || (way == 1 && !has_log) ? LEDGER_ABSENT : LEDGER_LOST;
  m->is_garbage = way >= 2;
  if (way == 0)
    fixture_remove (tree, "/var/lib/vfpool");
  if (way == 1)
    fixture_remove (tree, LEDGER);
  if (way == 2) {
    overwrite (LEDGER);
    fixture_remove (tree, LEDGER "-wal");
    fixture_remove (tree, LEDGER "-shm");
  }
  if (way == 3) {
    fold_log ();
    overwrite (LEDGER "-wal");
  }
  g_string_append_printf (text, "the ledger is %s", ways[way]);
}

void
environment_calm (Model *model) {
  g_autoptr (GString) text = g_string_new (NULL);

  all_processes_end (model, text);
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (device_of (f)->host_use)
      kernel_use (f, FALSE);
  kernel_pass_time (LONG_DELAY_US * 3);
  model->machine = kernel->machine;
}

void
environment_step (Model *model, GRand *random, GString *text) {
  static const struct {
    Event event;
    int weight;
  } events[] = {
    { guest_starts, 30 },  { guest_ends, 25 },    { other_opens, 5 },    { other_closes, 12 },
    { host_uses, 4 },      { other_rebinds, 6 },  { other_sets_net, 6 }, { device_vanishes_or_appears, 12 },
    { numvfs_changes, 3 }, { config_changes, 6 }, { hanging_dies, 10 },  { time_passes, 10 },
    { host_reboots, 2 },   { ledger_is_lost, 2 },
  };
  int all = 0, choice;

  for (gsize i = 0; i < G_N_ELEMENTS (events); i++)
    all += events[i].weight;
  choice = g_rand_int_range (random, 0, all);
  for (gsize i = 0; i < G_N_ELEMENTS (events); i++) {
    choice -= events[i].weight;
    if (choice >= 0)
      continue;
    events[i].event (model, random, text);
    break;
  }
  model->machine = kernel->machine;
}
