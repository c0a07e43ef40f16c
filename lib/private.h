/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the library's modules share among themselves: the plain data that flows through them, one way:
 *
 *   request -> snapshot (host) -> choice -> ledger -> device -> answer
 *
 * A module owns its functions in a header of its own; the data lives here because each of them reads it.
 */
#pragma once

#include "vfpool.h"

/* A BDF as text, with its terminating zero: "0000:00:00.0". Domains above 0xffff (as VMD makes them) take more digits. */
#define VFPOOL_BDF_SIZE 17

/* The driver a VF waits on while nobody has it. */
typedef enum {
  VFPOOL_PARK_VFIO, /* vfio-pci: ready at once */
  VFPOOL_PARK_HOST, /* the driver the kernel would choose */
  VFPOOL_PARK_NONE, /* none */
} VfpoolPark;

/* ---- Ledger rows ---- */

/*
 * A lease as the ledger keeps it. Strings are owned. The address is the key: the database itself refuses a second lease
 * of one VF. serial changes each time the lease is acquired anew, so that who decided on an older reading can be told
 * apart.
 */
struct _VfpoolLease {
  gatomicrefcount refs;
  char *address;
  gint64 serial;
  VfpoolGuestKind guest_kind;
  char *guest_id;
  char *guest_name; /* nullable */
  char *slot;
  char *pool;
  VfpoolLeaseState state;
  gboolean by_pool;
  char *mac; /* asked for; nullable */
  int vlan;  /* asked for; VFPOOL_VLAN_UNSET */
  /* What the VF was like before it was prepared; to be put back. Recorded before the first write. */
  gboolean has_saved;
  char *saved_mac; /* nullable: the PF has no network attributes */
  int saved_vlan;  /* VFPOOL_VLAN_UNSET: the same */
  int saved_qos;   /* the VLAN's priority; 0 */
  char *boot_id;   /* the boot in which the lease was taken */
  /* The process that works on a `reserved` or `releasing` lease; 0 when none does. */
  gint64 worker_pid;
  gint64 worker_start; /* its start time in clock ticks since boot (/proc/PID/stat field 22): a reused PID differs */
  gint64 since;        /* microseconds since 1970 UTC, for display */
  gint64 since_boot;   /* the same moment in microseconds since boot: setting the clock does not move it */
  char *reason;        /* why quarantined; nullable */
};

VfpoolLease *vfpool_lease_new (void);                          /* all zero, vlan unset, one reference */
const char *vfpool_lease_state_to_string (VfpoolLeaseState s); /* "reserved" ... as in the ledger and in status */
