/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a guest lives, by what its hypervisor leaves under /run and what the kernel says of that process. */
#pragma once

#include "private.h"

typedef enum {
  VFPOOL_GUEST_ALIVE,
  VFPOOL_GUEST_GONE,
  VFPOOL_GUEST_UNKNOWN, /* nobody can tell: its leases are never taken back by reconcile */
} VfpoolGuestLife;

/* So much of a process's command line is read. QEMU's are far shorter; but any process may make its own as long as its
 * memory, and one that got the PID of a guest must not make vfpool take as much. */
#define VFPOOL_COMMAND_LINE_MAX ((gsize)1024 * 1024)

VfpoolGuestLife vfpool_guest_life (const char *root, VfpoolGuestKind kind, const char *id);

/**
 * vfpool_guest_of_process: which guest the process @pid runs.
 * @kind, @id, @name: (out): of the guest; @id and @name for g_free(), @name may be NULL
 *
 * Returns: FALSE when it is neither a hypervisor process that vfpool knows nor one in a container.
 */
gboolean vfpool_guest_of_process (const char *root, int pid, VfpoolGuestKind *kind, char **id, char **name);

/* Whether @pid is a process of the guest @id of @kind. */
gboolean vfpool_guest_has_process (const char *root, VfpoolGuestKind kind, const char *id, int pid);

/* Whether the hypervisor process @pid was started with the function at @bdf, rather than given it while it ran: then its command
 * line names it, as -device vfio-pci,host=BDF or the same in JSON. */
gboolean vfpool_guest_started_with (const char *root, int pid, const char *bdf);
