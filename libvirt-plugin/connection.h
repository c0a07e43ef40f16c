/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's connection to libvirt: kept up for as long as the agent runs. */
#pragma once

#include "worker.h"

#include <libvirt/libvirt.h>

typedef struct _Connection Connection;

/* Connects, and connects again whenever the connection is lost. There is one, for the life of the program. libvirt's
 * event loop must be registered before. */
Connection *connection_start (Worker *worker);

/* Around calls to libvirt: keep-alive messages are sent meanwhile, so that a daemon that hangs is given up. */
void connection_expect (virConnectPtr libvirt);
void connection_rest (virConnectPtr libvirt);

/* A WorkerFunc: ends the connection for good; @connection is the Connection. */
void connection_end (gpointer connection);
