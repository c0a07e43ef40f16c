/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM may end without post-stop: QEMU and the daemon that waits for its end are killed, it was migrated away, hibernated while
 * the hookscript's storage was away, its start failed after pre-start. So its leases are compared with what can be seen of it:
 *
 *   its QEMU runs                     left alone
 *   ... ran at an earlier look        it has ended: given back
 *   PVE has dropped the line that     its start has failed: given back (PVE drops the lines of a VM at the end of one that
 *     pre-start had written             failed, or of the VM, and at no other time)
 *   nothing of both                   it may be about to start: vfpool_reconcile() gives back when its start-grace is over, which
 *                                       is when the next look is due
 *   it is being given back            left to post-stop; vfpool_reconcile() takes over when that has died
 *
 * Only what was read is given back: a VM that was started again meanwhile has leases of a later moment, and keeps them. For the
 * same reason what was seen of a VM counts for leases of that very moment only. What is open is never given back, that is seen
 * to by the library. Where a VM's configuration lies does not matter: one that was deleted, or moved to another node, runs no more
 * than others that have ended.
 *
 * All VFs of pools that stand open in PVE's file are parked, at once. A line that pre-start had written for a lease that has ended
 * would hold for minutes more; it is replaced, too, if it still is the same. Lines are read before leases, and pre-start writes a
 * line after its lease: so the lease of a line that was read is there, or has ended.
 */
#include "ends.h"

#include <string.h>

#include "parking.h"
#include "pools.h"
#include "qemu.h"
#include "report.h"
#include "reservation.h"

/* A hookscript that gives back tells of its end by what it writes; one that is killed does not. So after a time in which it should
 * be done, in seconds, it is looked after. */
#define RELEASE_SECONDS 20

/* What was seen of the VM that holds a lease. */
typedef struct {
  guint64 vmid;
  gint64 since;        /* the lease's: another one is another start */
  gint64 pid;          /* its QEMU; 0: not seen yet */
  gboolean was_handed; /* there was a line for the VM to start with */
} Seen;

struct _PveEnds {
  const PvePaths *paths;
  GHashTable *seen;   /* BDF -> Seen */
  GHashTable *handed; /* BDF -> PveReservation: the line of a VM that had the lease */
  GHashTable *qemus;
  GHashTable *complaints, *earlier_complaints; /* of this look, and of the one before */
  gint64 next;
};

PveEnds *
pve_ends_new (const PvePaths *paths) {
  PveEnds *self = g_new0 (PveEnds, 1);

  self->paths = paths;
  self->seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->handed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->qemus = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  self->complaints = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->earlier_complaints = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return self;
}

void
pve_ends_free (PveEnds *self) {
  if (!self)
    return;
  g_hash_table_unref (self->seen);
  g_hash_table_unref (self->handed);
  g_hash_table_unref (self->qemus);
  g_hash_table_unref (self->complaints);
  g_hash_table_unref (self->earlier_complaints);
  g_free (self);
}

GHashTable *
pve_ends_qemus (const PveEnds *self) {
  return self->qemus;
}

/* ---- Telling ---- */

static void
complain (PveEnds *self, const GError *error) {
  if (g_hash_table_add (self->complaints, g_strdup (error->message))
      && !g_hash_table_contains (self->earlier_complaints, error->message))
    report_message (VFPOOL_MESSAGE_WARNING, error->message, NULL);
}

static void
begin_complaints (PveEnds *self) {
  GHashTable *oldest = self->earlier_complaints;

  self->earlier_complaints = self->complaints;
  self->complaints = oldest;
  g_hash_table_remove_all (self->complaints);
}

static void
say_ended (const VfpoolLease *lease) {
  g_autofree char *message = g_strdup_printf ("VM %s has ended: %s is given back", vfpool_lease_get_guest_id (lease),
                                              vfpool_lease_get_address (lease));

  report_message (VFPOOL_MESSAGE_INFO, message, GINT_TO_POINTER (TRUE));
}

/* ---- One look ---- */

typedef struct {
  PveEnds *ends;
  Vfpool *vfpool;
  PveReservations *lines;
  GHashTable *seen; /* the new one */
} Look;

static void
look_again_after (PveEnds *self, gint64 microseconds) {
  if (self->next < 0 || microseconds < self->next)
    self->next = microseconds;
}

static void
watch_qemu (PveEnds *self, gint64 pid, guint64 vmid) {
  g_hash_table_replace (self->qemus, g_memdup2 (&pid, sizeof pid), g_memdup2 (&vmid, sizeof vmid));
}

static gboolean
is_of_vm (const VfpoolLease *lease) {
  return vfpool_lease_get_guest_kind (lease) == VFPOOL_GUEST_PVE_QEMU
         && vfpool_lease_get_state (lease) != VFPOOL_LEASE_QUARANTINED;
}

static guint64
vmid_of (const VfpoolLease *lease) {
  return g_ascii_strtoull (vfpool_lease_get_guest_id (lease), NULL, 10);
}

/* What was seen earlier of this very lease, or nothing yet. */
static Seen *
recall (Look *look, const VfpoolLease *lease) {
  const char *bdf = vfpool_lease_get_address (lease);
  const Seen *old = g_hash_table_lookup (look->ends->seen, bdf);
  const Seen fresh = { .vmid = vmid_of (lease), .since = vfpool_lease_get_since (lease) };
  Seen *seen;

  seen = g_memdup2 (old && old->vmid == fresh.vmid && old->since == fresh.since ? old : &fresh, sizeof fresh);
  g_hash_table_replace (look->seen, g_strdup (bdf), seen);
  return seen;
}

/* Whether the VM's QEMU runs. One that was seen counts as long as it lives, even when its PID file is gone. */
static gboolean
is_running (Look *look, Seen *seen) {
  const PvePaths *paths = look->ends->paths;
  gint64 pid = pve_qemu_pid (paths, seen->vmid);

  if (!pid && seen->pid && pve_qemu_is (paths, seen->pid, seen->vmid))
    pid = seen->pid;
  if (!pid)
    return FALSE;
  seen->pid = pid;
  watch_qemu (look->ends, pid, seen->vmid);
  return TRUE;
}

/* Whether PVE's file still says what pre-start wrote for the lease, but for its time, which PVE may extend. */
static gboolean
is_handed (Look *look, const char *bdf, const Seen *seen) {
  PveReservation line;

  if (!pve_reservations_find (look->lines, bdf, &line) || line.vmid != seen->vmid || line.is_pid)
    return FALSE;
  g_hash_table_replace (look->ends->handed, g_strdup (bdf), g_memdup2 (&line, sizeof line));
  return TRUE;
}

static gboolean
has_ended (Look *look, const VfpoolLease *lease) {
  Seen *seen = recall (look, lease);
  gboolean was_handed = seen->was_handed;
  gboolean handed = is_handed (look, vfpool_lease_get_address (lease), seen);

  seen->was_handed |= handed;
  return !is_running (look, seen) && vfpool_lease_get_state (lease) == VFPOOL_LEASE_ACTIVE
         && (seen->pid || (was_handed && !handed));
}

static void
release_if_ended (Look *look, const VfpoolLease *lease) {
  g_autoptr (GError) error = NULL;

  if (!is_of_vm (lease) || !has_ended (look, lease))
    return;
  if (vfpool_release_lease (look->vfpool, lease, &error))
    say_ended (lease);
  else
    complain (look->ends, error);
}

static gboolean
release_ended (Look *look, GError **error) {
  g_autoptr (GPtrArray) leases = vfpool_leases (look->vfpool, error);

  for (guint i = 0; leases && i < leases->len; i++)
    release_if_ended (look, g_ptr_array_index (leases, i));
  return leases != NULL;
}

/* ---- What is left then ---- */

/* When the start-grace of a VM ends that is not seen, or somebody else should be done with the lease. */
static void
note_lease (Look *look, const VfpoolLease *lease) {
  gint64 grace = vfpool_lease_grace (look->vfpool, lease);

  if (vfpool_lease_get_state (lease) == VFPOOL_LEASE_RELEASING)
    look_again_after (look->ends, RELEASE_SECONDS * G_USEC_PER_SEC);
  else if (grace > 0 && !pve_qemu_pid (look->ends->paths, vmid_of (lease)))
    look_again_after (look->ends, grace);
}

/* When a line ends that holds for a VM, by itself or with its QEMU. */
static void
note_line (Look *look, const char *bdf) {
  PveReservation line;
  gint64 left;

  if (!pve_reservations_find (look->lines, bdf, &line) || line.vmid == PVE_PARKED_VMID
      || !pve_reservation_is_valid (look->ends->paths, &line))
    return;
  if (line.is_pid) {
    watch_qemu (look->ends, (gint64)line.value, line.vmid);
    return;
  }
  /* A time that is out of range is as good as endless. */
  left = (gint64)MIN (line.value, (guint64)(G_MAXINT64 / G_USEC_PER_SEC)) - g_get_real_time () / G_USEC_PER_SEC;
  look_again_after (look->ends, MIN (left + 1, G_MAXINT32) * G_USEC_PER_SEC);
}

/* Those of the lines seen whose lease has ended; others that are not there any more are forgotten. */
static GHashTable *
find_stale (Look *look, GPtrArray *leases) {
  g_autoptr (GHashTable) leased = g_hash_table_new (g_str_hash, g_str_equal);
  GHashTable *stale = g_hash_table_new (g_str_hash, g_str_equal);
  PveReservation *line, present;
  GHashTableIter iter;
  const char *bdf;

  for (guint i = 0; i < leases->len; i++)
    if (is_of_vm (g_ptr_array_index (leases, i)))
      g_hash_table_insert (leased, (gpointer)vfpool_lease_get_address (g_ptr_array_index (leases, i)),
                           g_ptr_array_index (leases, i));
  g_hash_table_iter_init (&iter, look->ends->handed);
  while (g_hash_table_iter_next (&iter, (gpointer *)&bdf, (gpointer *)&line)) {
    const VfpoolLease *lease = g_hash_table_lookup (leased, bdf);

    if (!pve_reservations_find (look->lines, bdf, &present) || !pve_reservation_is_same (&present, line))
      g_hash_table_iter_remove (&iter);
    else if (!lease || vmid_of (lease) != line->vmid)
      g_hash_table_insert (stale, (gpointer)bdf, line);
  }
  return stale;
}

/* Before anything that takes long: what stands open, PVE may give to anybody. */
static gboolean
park_open (Look *look, GError **error) {
  g_autoptr (GPtrArray) vfs = pve_pool_vfs (look->vfpool, error);
  g_autoptr (GHashTable) none = g_hash_table_new (g_str_hash, g_str_equal);

  return vfs && pve_parking_restore (look->ends->paths, vfs, none, error);
}

/* After all else: what was a VM's, too; and when to look again. */
static gboolean
park_ended (Look *look, GError **error) {
  g_autoptr (GPtrArray) leases = vfpool_leases (look->vfpool, error);
  g_autoptr (GPtrArray) vfs = leases ? pve_pool_vfs (look->vfpool, error) : NULL;
  g_autoptr (GHashTable) stale = vfs ? find_stale (look, leases) : NULL;

  if (!stale || !pve_parking_restore (look->ends->paths, vfs, stale, error))
    return FALSE;
  for (guint i = 0; i < leases->len; i++)
    if (is_of_vm (g_ptr_array_index (leases, i)))
      note_lease (look, g_ptr_array_index (leases, i));
  for (guint i = 0; i < vfs->len; i++)
    if (!g_hash_table_contains (stale, g_ptr_array_index (vfs, i)))
      note_line (look, g_ptr_array_index (vfs, i));
  return TRUE;
}

static void
attempt (Look *look, gboolean (*step) (Look *look, GError **error)) {
  g_autoptr (GError) error = NULL;

  if (!step (look, &error))
    complain (look->ends, error);
}

static gboolean
reconcile (Look *look, GError **error) {
  return vfpool_reconcile (look->vfpool, error);
}

static void
run_look (Look *look) {
  attempt (look, park_open);
  attempt (look, release_ended);
  attempt (look, reconcile);
  attempt (look, park_ended);
}

gint64
pve_ends_look (PveEnds *self) {
  g_autoptr (GError) error = NULL;
  g_autoptr (Vfpool) vfpool = vfpool_open (self->paths->root, report_message, GINT_TO_POINTER (TRUE), &error);
  g_autoptr (PveReservations) lines = vfpool ? pve_reservations_look (self->paths, &error) : NULL;
  Look look = { self, vfpool, lines, NULL };

  self->next = -1;
  begin_complaints (self);
  if (lines) {
    look.seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_remove_all (self->qemus);
    run_look (&look);
    g_hash_table_unref (self->seen);
    self->seen = look.seen;
  } else {
    complain (self, error);
  }
  return self->next;
}
