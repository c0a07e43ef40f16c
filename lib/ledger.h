/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger: the durable record of who holds what, one SQLite file, /var/lib/vfpool/ledger.db (folder 0700, file
 * 0600).
 *
 * Every change is one short transaction that takes the write lock at once (BEGIN IMMEDIATE); nothing slow happens
 * inside, so waiting for it is bounded (5 s, then VFPOOL_ERROR_BUSY). WAL mode with synchronous=NORMAL.
 *
 * What becomes of it when things go wrong. "Kept aside": renamed to ledger.db.unusable-TIME with all that belongs to it,
 * never deleted; a new ledger has the leases, the cordons, what guests had, and the lines of history that can still be read,
 * and then what the kernel shows of open IOMMU groups (rebuild.c). A warning says so; what was asked for is done. Cordons and
 * what guests had (ledger-memory.c) outlive a reboot.
 *
 *   situation                           outcome                                                   survives
 *   kill -9 at any moment               nothing to mend                                           all that was reported as
 *                                                                                                 done; the one in flight
 *                                                                                                 whole or not at all
 *   power cut, -wal cut anywhere,       nothing to mend: the first so many transactions; leases   history up to there; at
 *   -shm stale or missing               are void with their boot (handle.c)                       least all before the last
 *                                                                                                 folding of the log
 *   kill -9 while it is replaced        the next one finishes it                                  all that was saved
 *   no ledger, nothing left of one      made, empty
 *   file cut, garbage in the leases or  kept aside                                                each table from both ends
 *   the cordons, a row of theirs that                                                             up to the bad pages
 *   makes no sense
 *   garbage in page 1, in the log's     kept aside                                                open groups; what of the
 *   head, no tables, no ledger at all                                                             file can be read
 *   garbage in the history or in what   not met: nothing. Met by a change: that is undone, the    all leases and cordons;
 *   guests had, or a page of it that    file is marked, kept aside, and the change made again     the rest from both ends
 *   cannot be read                      (handle.c)
 *   what a guest had makes no sense     passed over                                               all else
 *   I/O error when the leases are read  KERNEL, the file is left alone: the disk may come back   all
 *   -wal or hot -journal of another     SQLite plays it; what comes out is examined like any      what can be read
 *   database                            file, and mostly kept aside, the journal with it
 *   hot -journal of its own             undone by SQLite                                          all that was done
 *   file from a newer vfpool            CORRUPT, left alone                                       all
 *   file from an older vfpool           brought up to date; who only looks: CORRUPT               all
 *   no regular file, or one that others DENIED, left alone (trust.c)                              all
 *   than root can have written
 *   process that hangs with the lock,   BUSY after 5 s, the message names it; reading goes on     all
 *   or with ledger.lock
 *   full disk                           KERNEL, "no space is left": nothing is changed; a VF      all
 *                                       stays with its guest, or is put back and its lease ended
 *                                       by the next reconcile. Once the log has grown to its full
 *                                       size, changes need no new space
 *   read-only file system, no           DENIED: nothing is changed; on a read-only file system    all
 *   permission                          vfpool_ledger_open_readonly() reads all there is
 */
#pragma once

#include "private.h"

typedef struct _VfpoolLedger VfpoolLedger;

/**
 * vfpool_ledger_open:
 * @root: folder in place of "/" ("" for the real one)
 * @replaced: (out): the path under which a damaged ledger was kept aside, for g_free(), or NULL: when set, the caller has
 *   a new one with what could be saved, and must add what the kernel shows before handing out anything
 *
 * Opens or makes the ledger; see above for what happens to a damaged one, which is under a lock file.
 *
 * Returns: (transfer full): for vfpool_ledger_close(); NULL: VFPOOL_ERROR_DENIED (folder cannot be made or written),
 *   VFPOOL_ERROR_BUSY, VFPOOL_ERROR_KERNEL, VFPOOL_ERROR_CORRUPT.
 */
VfpoolLedger *vfpool_ledger_open (const char *root, char **replaced, GError **error);

/**
 * vfpool_ledger_open_readonly: for looking only: never creates, repairs or waits for a writer.
 *
 * Returns: as above; NULL with VFPOOL_ERROR_NOT_FOUND when there is no ledger yet (which means: no leases).
 */
VfpoolLedger *vfpool_ledger_open_readonly (const char *root, GError **error);
void vfpool_ledger_close (VfpoolLedger *self);

/* What was wrong with the ledger that vfpool_ledger_open() kept aside ("@replaced"); NULL when it kept none aside. */
const char *vfpool_ledger_replaced_because (const VfpoolLedger *self);

/* Whether the file at the ledger's path is still the one that is open. */
gboolean vfpool_ledger_is_at_path (const VfpoolLedger *self);

/* Whether damage was met in it since it was opened: what failed of it may succeed with the one that the next
 * vfpool_ledger_open() makes of it. */
gboolean vfpool_ledger_has_met_damage (const VfpoolLedger *self);

/* Whether this ledger stands in for one that was lost and nobody has filled it from the kernel's view yet: @needs.
 * Whoever sees it, not only who was told by @replaced, must do so before handing out anything. In or outside a
 * transaction. */
gboolean vfpool_ledger_needs_rebuild (VfpoolLedger *self, gboolean *needs, GError **error);
/* Says that it was filled. Needs a transaction: the one that adds the leases. */
gboolean vfpool_ledger_set_rebuilt (VfpoolLedger *self, GError **error);

/* Begins a write transaction (takes the lock, waiting at most 5 s: VFPOOL_ERROR_BUSY). Fails also when the file at the
 * ledger's path is no longer the one that was opened (somebody kept it aside meanwhile): VFPOOL_ERROR_BUSY. */
gboolean vfpool_ledger_begin (VfpoolLedger *self, GError **error);
/* Ends it for good, or undoes it. Rolling back never fails; both are no-ops outside a transaction (commit then is
 * TRUE). */
gboolean vfpool_ledger_commit (VfpoolLedger *self, GError **error);
void vfpool_ledger_rollback (VfpoolLedger *self);

/* All leases (of VfpoolLease, sorted by vfpool_address_compare()), for g_ptr_array_unref(). In or outside a
 * transaction. */
GPtrArray *vfpool_ledger_leases (VfpoolLedger *self, GError **error);
/* The lease of the VF at @bdf: a new reference in @lease, NULL when there is none (that is no error). */
gboolean vfpool_ledger_find (VfpoolLedger *self, const char *bdf, VfpoolLease **lease, GError **error);

/* The members of the pools as they were last seen in the boot @boot_id, as a set of strings for g_hash_table_unref(). */
GHashTable *vfpool_ledger_members (VfpoolLedger *self, const char *boot_id, GError **error);

/* What guests had (of VfpoolAssignment, sorted by guest and slot), for g_ptr_array_unref(). In or outside a transaction. Those
 * of 20000 slots at most; where there are more, the ones not seen for longest have been dropped. */
GPtrArray *vfpool_ledger_assignments (VfpoolLedger *self, GError **error);
/* What is cordoned (of VfpoolCordon, sorted by address), likewise. */
GPtrArray *vfpool_ledger_cordons (VfpoolLedger *self, GError **error);

/* The rest needs a transaction. */

/* Remembers what @lease says as what its guest has in its slot, seen now, in place of what was remembered before. */
gboolean vfpool_ledger_remember (VfpoolLedger *self, const VfpoolLease *lease, GError **error);
/* Forgets what @id (nullable: anybody) had, if it was last seen before @before and has no lease (quarantined ones do not count) in
 * that slot. @n: (out): of how many slots. */
gboolean vfpool_ledger_forget (VfpoolLedger *self, VfpoolGuestKind kind, const char *id, gint64 before, guint *n,
                               GError **error);
/* Adds @cordon, or replaces the one of the same address. */
gboolean vfpool_ledger_add_cordon (VfpoolLedger *self, const VfpoolCordon *cordon, GError **error);
/* @existed: (out): whether there was one. */
gboolean vfpool_ledger_remove_cordon (VfpoolLedger *self, const char *address, gboolean *existed, GError **error);

/* Adds @lease with a new serial, which is also written to lease->serial. A second lease of one VF, or of one guest and
 * slot (quarantined ones do not count there), is refused by the database: VFPOOL_ERROR_IN_USE. */
gboolean vfpool_ledger_add (VfpoolLedger *self, VfpoolLease *lease, GError **error);
/* Writes all fields of @lease over the row of the same address *and serial*; when there is no such row (somebody
 * changed it since it was read): VFPOOL_ERROR_BUSY. With @new_serial the row and @lease get a new serial. */
gboolean vfpool_ledger_update (VfpoolLedger *self, VfpoolLease *lease, gboolean new_serial, GError **error);
/* Removes the row of the same address and serial; VFPOOL_ERROR_BUSY as above. Where it is remembered that the guest had this VF
 * in this slot, it was last seen now. */
gboolean vfpool_ledger_remove (VfpoolLedger *self, const VfpoolLease *lease, GError **error);
/* Replaces the members of the pools (a set of strings) that are remembered as seen in the boot @boot_id. */
gboolean vfpool_ledger_set_members (VfpoolLedger *self, const char *boot_id, GHashTable *members, GError **error);
/* Appends a line of history: @event is one word ("acquired", "released", "voided", "undone", "quarantined", "adopted"),
 * @detail a sentence or NULL. History older than the newest 10000 lines is dropped as new ones come. */
gboolean vfpool_ledger_note (VfpoolLedger *self, const VfpoolLease *lease, const char *event, const char *detail,
                             GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VfpoolLedger, vfpool_ledger_close)
