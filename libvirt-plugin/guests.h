/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent does for guests. All of it may take seconds and belongs into the worker's thread. Failures are logged. */
#pragma once

#include "worker.h"

#include <libvirt/libvirt.h>

/* To be called once, before the others. @connection: gives the connection to libvirt, or NULL: there is none now. */
void guests_begin (Worker *worker, virConnectPtr (*connection) (gpointer data), gpointer data);

/* @domain has started: attaches what it leased by pool and does not have yet. */
void guests_attach (virDomainPtr domain);

/* A device was plugged into @domain or pulled out of it: the leases follow. */
void guests_follow (virDomainPtr domain);

/* Both, for a guest of which it is not known what happened to it. */
void guests_catch_up (virDomainPtr domain);

/* @domain was reported to have stopped: releases what it still holds, unless it runs again. */
void guests_release (virDomainPtr domain);

/* Brings ledger and kernel together. */
void guests_reconcile (void);

/* The connection to libvirt is gone: nothing is tried again until there is another one. */
void guests_forget (void);
