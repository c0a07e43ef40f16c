/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration: /etc/vfpool/vfpool.conf and /etc/vfpool/conf.d (files ending in .conf, in strcmp order), key
 * files.
 *
 *   [pf 0000:01:00.0]
 *   numvfs=7                 how many VFs `vfpool up` makes; left out: whatever is there is kept
 *   park=vfio                driver of a free VF: vfio (default), host, none
 *
 *   [pool lan]
 *   members=pf=0000:01:00.0; pf=0000:02:00.0 vfs=0-3,5; address=0000:03:10.0
 *   numa=preferred           required, socket, preferred (default), ignore: see policy.h, also for the next two
 *   placement=spread         spread (default), pack
 *   anti-affinity=none       none (default), pf, card, pf-preferred, card-preferred
 *   numa-nodes=0-1           the nodes of a guest that names none
 *   sticky=yes               whether a guest gets the VF again that it had (default: yes)
 *   mac=generate             of a guest that asks for no MAC: generate (default): always the same one; keep: the VF's
 *   quota=2                  how many VFs of this pool one guest may have; 0 (default): any number
 *   reserve=guest=pve-qemu/101 count=2; guest=manual/dpdk address=0000:03:10.0
 *                            VFs that are kept for a guest
 *   on-attach-failure=keep   what becomes of a running libvirt guest that its VF cannot be plugged into: keep (default): it runs
 *                            on without; retry: tried again until it works; shutdown: it is asked to shut down
 *   shared-groups=single     of VFs that share an IOMMU group: single (default): each by itself, to one guest at a time;
 *                            together: who gets one gets all of them that lie in the pool
 *
 *   [vfpool]
 *   start-grace=120          seconds a guest that acquired has to appear before reconcile takes its VF back
 *   release-wait=10          seconds that release waits for a VF to be closed before it quarantines it
 *   remember=90              days that `vfpool forget` lets what a guest had be remembered since it was last seen
 *   mac-seed=TEXT            what generated MACs depend on besides the guest: the same on hosts that guests move between
 *                            (see mac.h for what it is when left out)
 *
 * A member is one or more conditions KEY=VALUE, separated by blanks, all of which hold: `pf` (the VFs of this PF),
 * `vfs` (only these VF indexes; needs `pf`), `address` (one function). Unknown groups and keys are errors that name
 * file, line and the nearest known key. The same [pf] or [pool] group may not stand twice, in one file or in two.
 */
#pragma once

#include "numbers.h"
#include "policy.h"
#include "private.h"

typedef struct {
  char *pf;               /* BDF of the PF whose VFs are meant, or NULL */
  VfpoolNumbers *indexes; /* or NULL for all VFs of pf */
  char *address;          /* BDF of one function, or NULL */
} VfpoolMember;

/* VFs that are kept for a guest: one by its address, or a number of them. */
typedef struct {
  VfpoolGuestKind guest_kind;
  char *guest_id;
  char *address; /* or NULL */
  guint count;   /* when there is no address */
} VfpoolReservation;

typedef struct {
  char *name;
  GPtrArray *members;        /* of VfpoolMember */
  VfpoolPolicy policy;       /* nothing unset */
  VfpoolNumbers *numa_nodes; /* or NULL */
  gboolean is_sticky;
  gboolean generates_mac;
  guint quota;             /* 0: none */
  GPtrArray *reservations; /* of VfpoolReservation */
  gboolean groups_together;
  VfpoolAttachFailure on_attach_failure;
  char *file; /* where it was defined, for messages */
  int line;
} VfpoolPool;

typedef struct {
  char *address;
  int numvfs; /* -1: not configured */
  VfpoolPark park;
  char *file;
  int line;
} VfpoolPfConfig;

typedef struct {
  GPtrArray *pools; /* of VfpoolPool, in the order of the files */
  GPtrArray *pfs;   /* of VfpoolPfConfig */
  int start_grace;  /* seconds */
  int release_wait; /* seconds */
  int remember;     /* days */
  char *mac_seed;   /* or NULL */
} VfpoolConfig;

/**
 * vfpool_config_load:
 * @root: folder in place of "/", without a trailing slash ("" for the real one)
 *
 * Reads and checks all files, without looking at the host. A file larger than 1 MiB is refused.
 *
 * Returns: (transfer full): for vfpool_config_free(), or NULL: VFPOOL_ERROR_BAD_CONFIG (also when vfpool.conf is
 * missing: the message says what to write), VFPOOL_ERROR_DENIED when it may not be read.
 */
VfpoolConfig *vfpool_config_load (const char *root, GError **error);
void vfpool_config_free (VfpoolConfig *self);

/* The pool called @name, or NULL. */
const VfpoolPool *vfpool_config_find_pool (const VfpoolConfig *self, const char *name);
/* What is configured for the PF at @bdf, or NULL. */
const VfpoolPfConfig *vfpool_config_find_pf (const VfpoolConfig *self, const char *bdf);
/* How a free function is parked whose PF is @pf (nullable: it is no VF): as configured, else vfio. */
VfpoolPark vfpool_config_park_of (const VfpoolConfig *self, const char *pf);
/* Whether the function at @bdf, VF number @index of @pf (nullable, -1: no VF), is meant by @member. */
gboolean vfpool_member_matches (const VfpoolMember *member, const char *bdf, const char *pf, int index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VfpoolConfig, vfpool_config_free)
