/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What virtual machines and containers do alike with leases. */
#pragma once

#include "vfpool.h"

/* The lease of @bdf among @leases, or NULL. */
VfpoolLease *pve_find_lease (GPtrArray *leases, const char *bdf);

/* A line for the task log: what @slot got. @more: (nullable): what else there is to say of it. */
void pve_print_lease (const char *slot, const VfpoolLease *lease, const char *more);

/* Releases those of @leases that are not in @before, after a failure; what fails is reported beside the error that led here. */
void pve_give_back (Vfpool *vfpool, GPtrArray *before, GPtrArray *leases);
