/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long the choice takes, by the number of VFs and of leases: it is made under the ledger's lock, so all who want a VF wait
 * for it. And how long it takes to read that many leases and what guests had from the ledger, which is done under the lock, too.
 */
#include "choice-fixture.h"
#include "ledger.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOAL 2000 /* microseconds, for the largest host */

static const struct { int pfs, vfs; } hosts[] = { { 16, 64 }, { 16, 256 }, { 32, 1024 }, { 64, 4096 } };

/* How full the host is: so many VFs are free, beside those for the slots; or half of them, or all. */
typedef enum { FULL, NEARLY_FULL, HALF, EMPTY, N_FILLINGS } Filling;

static const char *const filling_names[] = { "full", "nearly full", "half", "empty" };

static double
now (void) {
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
compare_times (const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;

  return (left > right) - (left < right);
}

/* ---- Hosts ---- */

/* VF @i of a host with @per_pf VFs on each PF: at most 32 devices with 8 functions each on a bus, as the kernel numbers them. */
static void
add_vf (World *w, int i, int per_pf) {
  int pf = 1 + i / per_pf, index = i % per_pf;
  g_autofree char *address = g_strdup_printf ("0000:%02x:%02x.%d", (guint)pf, (guint)(2 + index / 8), index % 8);
  g_autofree char *words = g_strdup_printf ("P%d R%d C%d L%d n%d", pf, pf, (pf + 1) / 2, (pf + 3) / 4, pf % 4);

  world_add_function (w, address, i, "vfio-pci", words);
}

static int
count_leases (Filling filling, int vfs) {
  switch (filling) {
  case FULL:
    return vfs;
  case NEARLY_FULL:
    return vfs - 8;
  case HALF:
    return vfs / 2;
  default:
    return 0;
  }
}

/* Leases lie all over the host; every VF is remembered as somebody's. */
static World *
make_world (int pfs, int vfs, Filling filling, int slots) {
  World *w = world_new ("", "", "", "");
  int leases = count_leases (filling, vfs);

  for (int i = 0; i < vfs; i++)
    add_vf (w, i, vfs / pfs);
  for (int i = 0; i < vfs; i++) {
    const VfpoolFunction *f = w->functions->pdata[i];
    g_autofree char *lease = g_strdup_printf ("lease %s guest%d net0 active", f->address, i);
    g_autofree char *had = g_strdup_printf ("had %s guest%d net0 %d", f->address, i, i);

    if ((gint64)(i + 1) * leases / vfs > (gint64)i * leases / vfs)
      world_add_fact (w, lease);
    world_add_fact (w, had);
  }
  for (int i = 0; i < slots; i++)
    world_add_slot (w, "pool@1");
  world_finish (w);
  return w;
}

/* ---- Measuring ---- */

typedef struct {
  double median, p99;
} Times;

static double
choose_once (World *w) {
  g_autoptr (GError) error = NULL;
  double begin, end;

  for (guint i = 0; i < w->choices->len; i++) {
    VfpoolChoice *choice = &g_array_index (w->choices, VfpoolChoice, i);
    vfpool_choice_clear (choice);
    choice->chosen = NULL;
  }
  begin = now ();
  vfpool_choose (&w->situation, w->choices, &error);
  end = now ();
  return end - begin;
}

static Times
sum_up (double *times, int rounds) {
  qsort (times, (size_t)rounds, sizeof *times, compare_times);
  return (Times){ times[rounds / 2], times[rounds * 99 / 100] };
}

static Times
measure (World *w, int rounds) {
  g_autofree double *times = g_new (double, rounds);

  choose_once (w); /* the first one finds cold caches */
  for (int i = 0; i < rounds; i++)
    times[i] = choose_once (w);
  return sum_up (times, rounds);
}

/* One host as full as @filling, for @slots slots. @first: (inout): the median of the smallest host. */
static double
report (guint host, Filling filling, int slots, int rounds, double *first) {
  g_autoptr (World) w = make_world (hosts[host].pfs, hosts[host].vfs, filling, slots);
  Times t = measure (w, rounds);

  if (host == 0)
    *first = t.median;
  printf ("%5d %4d  %-11s %6u %5d  %9.0f %9.0f  %6.1f\n", hosts[host].vfs, hosts[host].pfs, filling_names[filling],
          w->leases->len, slots, t.median, t.p99, t.median / *first);
  return t.median;
}

/* ---- The ledger ---- */

static gboolean
fill_ledger (VfpoolLedger *ledger, const World *w, GError **error) {
  if (!vfpool_ledger_begin (ledger, error))
    return FALSE;
  for (guint i = 0; i < w->leases->len; i++) {
    VfpoolLease *lease = w->leases->pdata[i];
    lease->boot_id = g_strdup ("00000000-0000-0000-0000-000000000000");
    if (!vfpool_ledger_add (ledger, lease, error) || !vfpool_ledger_remember (ledger, lease, error))
      return FALSE;
  }
  return vfpool_ledger_commit (ledger, error);
}

static gboolean
read_ledger (VfpoolLedger *ledger, int rounds, Times *times, GError **error) {
  g_autofree double *each = g_new (double, rounds);

  for (int i = 0; i < rounds; i++) {
    double begin = now ();
    g_autoptr (GPtrArray) leases = vfpool_ledger_leases (ledger, error);
    g_autoptr (GPtrArray) assignments = leases ? vfpool_ledger_assignments (ledger, error) : NULL;

    if (!assignments)
      return FALSE;
    each[i] = now () - begin;
  }
  *times = sum_up (each, rounds);
  return TRUE;
}

/* A ledger in a folder of its own. */
static void
report_ledger (guint host, int rounds) {
  g_autoptr (World) w = make_world (hosts[host].pfs, hosts[host].vfs, FULL, 1);
  g_autofree char *root = g_dir_make_tmp ("bench-choice-XXXXXX", NULL), *replaced = NULL;
  g_autofree char *command = g_strdup_printf ("rm -rf '%s'", root);
  g_autoptr (GError) error = NULL;
  VfpoolLedger *ledger = vfpool_ledger_open (root, &replaced, &error);
  Times times;

  if (ledger && fill_ledger (ledger, w, &error) && read_ledger (ledger, rounds, &times, &error))
    printf ("read from the ledger, %d leases and as many assignments: median %.0f us, p99 %.0f us\n", hosts[host].vfs,
            times.median, times.p99);
  else
    printf ("the ledger could not be read: %s\n", error->message);
  vfpool_ledger_close (ledger);
  if (system (command) != 0)
    printf ("%s could not be removed\n", root);
}

int
main (int argc, char **argv) {
  static const int slots[] = { 1, 2, 8 };
  int rounds = argc > 1 ? MAX (atoi (argv[1]), 1) : 200;
  double worst = 0;

  printf ("  VFs  PFs  filling     leases slots  median us    p99 us  growth\n");
  for (int filling = 0; filling < N_FILLINGS; filling++)
    for (guint s = 0; s < G_N_ELEMENTS (slots); s++) {
      double first = 0;
      for (guint host = 0; host < G_N_ELEMENTS (hosts); host++) {
        double median = report (host, (Filling)filling, slots[s], rounds, &first);
        if (filling == FULL && s == 0)
          worst = median;
      }
    }
  report_ledger (G_N_ELEMENTS (hosts) - 1, MIN (rounds, 50));
  printf ("choice: %d VFs, %d leases, 1 slot: %.0f us (goal %d)\n", hosts[G_N_ELEMENTS (hosts) - 1].vfs,
          hosts[G_N_ELEMENTS (hosts) - 1].vfs, worst, GOAL);
  return 0;
}
