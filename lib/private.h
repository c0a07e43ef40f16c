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

/*
 * The attributes that a PF keeps for one of its VFs. As a wish, what is unset is left as it is; as something read, what is
 * unset is what the driver does not tell.
 */
typedef struct {
  char mac[18];           /* "xx:xx:xx:xx:xx:xx", lower case; all zeros: the PF has set none; "": unset */
  int vlan;               /* 0: untagged; VFPOOL_VLAN_UNSET */
  int vlan_qos;           /* the VLAN's priority, 0 to 7 */
  int vlan_proto;         /* its ethertype: 0x8100 (802.1Q) or 0x88a8 (802.1ad) */
  int trust;              /* 0, 1; -1 unset */
  int spoof_check;        /* 0, 1; -1 unset */
  int min_rate, max_rate; /* of sending, Mbit/s, 0: no limit; max_rate -1: both unset */
  int link_state;         /* enum of the kernel: 0 follows the PF's, 1 always up, 2 always down; -1 unset */
} VfpoolVfnet;

/* The MAC of a VF whose PF has set none. */
#define VFPOOL_MAC_NONE "00:00:00:00:00:00"

void vfpool_vfnet_unset (VfpoolVfnet *self); /* all unset */

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
  VfpoolDriver driver;
  /* What the VF was like before it was prepared; to be put back. Recorded before the first write. */
  gboolean has_saved;
  VfpoolVfnet saved;    /* all unset: the VF has no network attributes */
  gboolean is_attached; /* the guest was seen to have the device since the lease was acquired (follow.c) */
  char *boot_id;        /* the boot in which the lease was taken */
  /* The process that works on a `reserved` or `releasing` lease; 0 when none does. */
  gint64 worker_pid;
  gint64 worker_start; /* its start time in clock ticks since boot (/proc/PID/stat field 22): a reused PID differs */
  gint64 since;        /* microseconds since 1970 UTC, for display */
  gint64 since_boot;   /* the same moment in microseconds since boot: setting the clock does not move it */
  char *reason;        /* why quarantined; or what an operator should know of an active one; nullable */
};

/* What a guest had in a slot, remembered after its lease has ended: for the same VF and the same MAC the next time. */
typedef struct {
  VfpoolGuestKind guest_kind;
  char *guest_id;
  char *guest_name; /* nullable */
  char *slot;
  char *pool;
  char *address;
  char *mac;   /* that was set; nullable */
  gint64 seen; /* when the guest last acquired or released it, microseconds since 1970 UTC */
} VfpoolAssignment;

/* A PF or VF of which nothing is handed out until it is uncordoned. */
typedef struct {
  char *address;
  char *reason; /* nullable */
  gint64 since; /* microseconds since 1970 UTC */
} VfpoolCordon;

VfpoolLease *vfpool_lease_new (void);                          /* all zero, vlan unset, one reference */
const char *vfpool_lease_state_to_string (VfpoolLeaseState s); /* "reserved" ... as in the ledger and in status */
const char *vfpool_driver_to_string (VfpoolDriver driver);     /* "vfio" or "host", as in the ledger */
gboolean vfpool_driver_from_string (const char *text, VfpoolDriver *driver);
