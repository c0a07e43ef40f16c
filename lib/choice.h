/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The choice: which VF for which slot. A pure function over plain data: it reads no file, takes no lock and changes
 * nothing, so it can be tested by tables, run twice, and run inside the ledger's transaction without slowing it.
 */
#pragma once

#include "host.h"
#include "request.h"

/* One slot to be served. Nothing in it is owned. */
typedef struct {
  const VfpoolSlot *slot;
  const char *pool;       /* the pool it is served from */
  GPtrArray *candidates;  /* of VfpoolFunction, with mates and host_use loaded, in the order in which they are tried */
  VfpoolFunction *chosen; /* the answer; set before the call when the guest keeps what it has */
} VfpoolChoice;

/**
 * vfpool_choose: first fit, slot by slot, in the order of the candidates.
 * @request: who asks; only the guest is read
 * @choices: of VfpoolChoice; `chosen` is filled in where it is NULL
 * @leases: every VfpoolLease there is
 *
 * Returns: FALSE when a slot cannot be served; no `chosen` is to be used then. VFPOOL_ERROR_NO_FREE_VF for a pool,
 *   VFPOOL_ERROR_IN_USE for an address; the message gives for each VF the reason why it was not taken.
 */
gboolean vfpool_choose (const VfpoolRequest *request, GArray *choices, GPtrArray *leases, GError **error);

/**
 * vfpool_why_not: why @function cannot be handed to the guest of @request.
 * @taken: (nullable): of VfpoolFunction: given to other slots of the same request already
 *
 * Returns: the reason, as the end of a sentence that begins with the address ("is held by ..."), for g_free(); NULL: it
 * can.
 */
char *vfpool_why_not (const VfpoolRequest *request, const VfpoolFunction *function, GPtrArray *leases,
                      GPtrArray *taken);
