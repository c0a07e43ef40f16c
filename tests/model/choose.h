/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which operation comes next: see choose.c. */
#pragma once

#include "model.h"

/* @known_leases: of VfpoolLease: what was read at some time, for whoever acts on old knowledge. */
/* @last_acquire: asked for again now and then; empty: there was none. */
void choose_operation (Operation *op, const Model *model, const Operation *last_acquire, GPtrArray *known_leases,
                       GRand *random);
