/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is to be done for virtual machines that ended without the hookscript's post-stop, or never started after its pre-start. */
#pragma once

#include "paths.h"

/* What was seen of the VMs that hold leases. */
typedef struct _PveEnds PveEnds;

/* @paths: has to live as long. Returns: (transfer full): for pve_ends_free(). */
PveEnds *pve_ends_new (const PvePaths *paths);
void pve_ends_free (PveEnds *self);

/**
 * pve_ends_look: looks at all VMs and leases once. Takes back what VMs held that have ended, reconciles ledger and
 * kernel, and parks what stands open. What was done and what failed goes to stderr; a failure that stays the same, once.
 *
 * Returns: after how many microseconds to look again though nothing happens; -1: not at all.
 */
gint64 pve_ends_look (PveEnds *self);

/* (transfer none) (element-type gint64* guint64*): the PIDs of the QEMUs whose end matters, and their VMIDs, by the last look. */
GHashTable *pve_ends_qemus (const PveEnds *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PveEnds, pve_ends_free)
