/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has an IOMMU group open: the kernel's own word on whether a VF is in use, whatever the ledger says.
 *
 * There are two ways to ask. Opening /dev/vfio/GROUP is exact (EBUSY while anybody has the group, or one of its devices
 * by the newer /dev/vfio/devices), but whoever opens it keeps others out for that moment: a guest that starts in it
 * fails. So it is done only to a VF that this process has leased for itself. Looking through /proc/PID/fd disturbs
 * nobody, and tells who it is; it serves for display and messages.
 */
#pragma once

#include "private.h"

/* Whether the group is open. Only for a VF leased by the caller. A group without a node (no vfio driver) is not open.
 * TRUE: open by somebody, or it cannot be told, which counts as open. */
gboolean vfpool_holder_group_is_open (const char *root, int group);

/* All open groups: group number (GINT_TO_POINTER) -> PID of one holder, for g_hash_table_unref(). Processes whose
 * descriptors may not be read are passed over. */
GHashTable *vfpool_holder_scan (const char *root);

/* The same of the one process @pid; NULL when its open files cannot be seen. */
GHashTable *vfpool_holder_scan_process (const char *root, gint64 pid);

/* Who has @group open, by a scan of its own: "process 1234 (qemu-system-x86)", or "somebody" when that cannot be found out
 * (it has closed it meanwhile, or lives in a place that cannot be seen); for g_free(). */
char *vfpool_holder_find (const char *root, int group);

/* "process 1234 (qemu-system-x86), the QEMU of libvirt/UUID (NAME)", for g_free(). */
char *vfpool_holder_describe (const char *root, int pid);

/* The start time of @pid in clock ticks since boot, or 0 when there is no such process or only its zombie is left: with the
 * PID it names a process for good (proc(5), /proc/PID/stat field 22). */
gint64 vfpool_process_start_time (const char *root, gint64 pid);
