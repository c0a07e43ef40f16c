/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent does for guests. All of it may take seconds and belongs into the worker's thread. */
#pragma once

#include <libvirt/libvirt.h>

/* Attaches to @domain what it leased by pool and does not have yet, if it runs. Failures are logged. */
void guests_attach (virDomainPtr domain);

/* @domain was reported to have stopped: releases what it still holds, unless it runs again. Failures are logged. */
void guests_release (virDomainPtr domain);

/* Brings ledger and kernel together. Failures are logged. */
void guests_reconcile (void);
