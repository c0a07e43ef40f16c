/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens beside vfpool: guests start and end, other processes take VFs, devices come and go, the host is rebooted,
 * the ledger gets lost, an operator changes the configuration. Each happens to the stand-in machine and is told to the
 * model; none is done by the library, so there is nothing to foretell.
 */
#pragma once

#include "model.h"

/* Something at random; what it was is written to @text, nothing when it cannot happen now. */
void environment_step (Model *model, GRand *random, GString *text);
/* All guests and other processes end, all that hangs is gone, the host uses nothing, and time passes. */
void environment_calm (Model *model);
void environment_write_config (Model *model);
