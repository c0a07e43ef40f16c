/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One guest of the storm. Its VF is claimed twice beside the ledger: on the board, and by opening the VF's IOMMU group,
 * of which the kernel allows one opener.
 */
#include "storm.h"
#include "sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* What a call may take at most: each of three transactions may wait five seconds for the lock, another one's work is waited for
 * ten seconds, the closing of a group five; the rest is for 64 guests at work on two emulated processors. */
#define CALL_MAX_US ((30 + 60) * G_USEC_PER_SEC)

static void
wait_for_gate (int gate) {
  char c;

  while (read (gate, &c, 1) < 0 && errno == EINTR)
    ;
}

static void
note_duration (const char *what, int number, StormSamples *samples, gint64 begin) {
  gint64 us = g_get_monotonic_time () - begin;

  storm_add_sample (samples, us);
  if (us <= CALL_MAX_US)
    return;
  atomic_fetch_add (&storm_board->overdue, 1);
  storm_say ("guest %d: %s took %" G_GINT64_FORMAT " ms", number, what, us / 1000);
}

static void
note_failure (const char *what, int number, const GError *error) {
  if (g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_NO_FREE_VF))
    atomic_fetch_add (&storm_board->refused, 1);
  else if (g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY))
    atomic_fetch_add (&storm_board->busy, 1);
  else
    atomic_fetch_add (&storm_board->failed, 1);
  storm_say ("guest %d: %s: %s", number, what, error->message);
}

static void
note_double (int number, const StormVf *vf, const char *why) {
  atomic_fetch_add (&storm_board->doubled, 1);
  storm_say ("guest %d: %s was handed out twice: %s", number, vf->address, why);
}

/* Whether a VF may be taken over from guest @number: it was killed, and somebody was allowed to see that. */
static gboolean
may_be_taken_from (int number) {
  const StormGuest *guest = &storm_board->guests[number];

  return atomic_load (&guest->is_given_up) || (atomic_load (&guest->is_killed) && guest->kind != VFPOOL_GUEST_MANUAL);
}

static void
claim_on_board (int number, StormVf *vf) {
  int holder = 0;

  while (!atomic_compare_exchange_strong (&vf->holder, &holder, number)) {
    if (may_be_taken_from (holder))
      continue; /* holder is now who is to be replaced */
    g_autofree char *why = g_strdup_printf ("guest %d has it", holder);
    note_double (number, vf, why);
    return;
  }
}

static void
leave_board (int number, StormVf *vf) {
  int holder = number;

  if (!atomic_compare_exchange_strong (&vf->holder, &holder, 0)) {
    g_autofree char *why = g_strdup_printf ("guest %d has it as well", holder);
    note_double (number, vf, why);
  }
}

static int
open_group (int number, const StormVf *vf) {
  g_autofree char *path = g_strdup_printf ("%s/dev/vfio/%d", storm_root ? storm_root : "", vf->group);
  int fd = open (path, O_RDWR | O_CLOEXEC);

  if (fd >= 0)
    return fd;
  if (errno == EBUSY) {
    note_double (number, vf, "its group is open");
  } else {
    atomic_fetch_add (&storm_board->failed, 1);
    storm_say ("guest %d: cannot open %s: %s", number, path, g_strerror (errno));
  }
  return -1;
}

static StormVf *
find_vf (const char *address) {
  for (guint i = 0; i < storm_board->n_vfs; i++)
    if (g_str_equal (storm_board->vfs[i].address, address))
      return &storm_board->vfs[i];
  return NULL;
}

static StormVf *
acquire (Vfpool *vfpool, int number) {
  const StormGuest *guest = &storm_board->guests[number];
  g_autoptr (VfpoolRequest) request = vfpool_request_new (guest->kind, guest->id, NULL, NULL);
  g_autoptr (GPtrArray) leases = NULL;
  g_autoptr (GError) error = NULL;
  gint64 begin = g_get_monotonic_time ();
  StormVf *vf;

  if (vfpool_request_add_pool (request, "net0", "storm", NULL, VFPOOL_VLAN_UNSET, &error))
    leases = vfpool_acquire (vfpool, request, &error);
  note_duration ("acquiring", number, &storm_board->acquires, begin);
  if (!leases) {
    note_failure ("acquiring", number, error);
    return NULL;
  }
  vf = find_vf (vfpool_lease_get_address (leases->pdata[0]));
  if (!vf)
    g_error ("a VF that is not of the pool: %s", vfpool_lease_get_address (leases->pdata[0]));
  atomic_fetch_add (&storm_board->handed_out, 1);
  claim_on_board (number, vf);
  return vf;
}

static void
release (Vfpool *vfpool, int number) {
  const StormGuest *guest = &storm_board->guests[number];
  g_autoptr (GError) error = NULL;
  gint64 begin = g_get_monotonic_time ();

  if (!vfpool_release (vfpool, guest->kind, guest->id, &error))
    note_failure ("releasing", number, error);
  note_duration ("releasing", number, &storm_board->releases, begin);
}

void
storm_live (int number, int acquire_gate, int release_gate) {
  StormGuest *guest = &storm_board->guests[number];
  g_autoptr (GError) error = NULL;
  Vfpool *vfpool = vfpool_open (storm_root, storm_note_message, NULL, &error);
  StormVf *vf;
  int group;

  if (!vfpool)
    g_error ("%s", error->message);
  storm_disguise (guest, number);
  wait_for_gate (acquire_gate);
  vf = acquire (vfpool, number);
  group = vf ? open_group (number, vf) : -1;
  atomic_store (&guest->phase, STORM_HOLDS);
  wait_for_gate (release_gate);
  if (group >= 0)
    close (group);
  if (vf) {
    leave_board (number, vf);
    release (vfpool, number);
  }
  atomic_store (&guest->phase, STORM_ENDED);
  _exit (0);
}
