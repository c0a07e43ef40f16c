/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a request means on this host, before anybody has looked at the ledger: for each slot its pool, policy and candidates. Taken
 * without any lock.
 */
#pragma once

#include "choice.h"
#include "handle.h"

typedef struct {
  VfpoolHost *host;
  GArray *choices;    /* of VfpoolChoice: one a slot that concerns vfpool, in the order of the request */
  GHashTable *places; /* as in VfpoolSituation */
  GPtrArray *sets;    /* of VfpoolNumbers: the nodes that the choices speak of */
} VfpoolSnapshot;

/**
 * vfpool_snapshot_take: fills @snapshot, which may be all zeros.
 *
 * An address that lies in no pool is not vfpool's business: its slot is left out.
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT: a pool is not configured. To be cleared in any case.
 */
gboolean vfpool_snapshot_take (VfpoolSnapshot *snapshot, Vfpool *self, const VfpoolRequest *request, GError **error);
void vfpool_snapshot_clear (VfpoolSnapshot *snapshot);

/* The candidate of @choice at @address, or NULL. */
VfpoolFunction *vfpool_snapshot_candidate (const VfpoolChoice *choice, const char *address);
