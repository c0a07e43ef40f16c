/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One thread that does the slow things, one after another, so that the main loop never waits. */
#pragma once

#include <glib.h>

typedef struct _Worker Worker;

typedef void (*WorkerFunc) (gpointer data);

/* Starts the thread. There is one worker, for the life of the program. */
Worker *worker_start (void);

/**
 * worker_push: has @func called with @data in the worker's thread, after all that was pushed before.
 * @destroy: (nullable): then called with @data, in the same thread; it is called even when @func no longer is, because
 * the worker was told to stop.
 */
void worker_push (Worker *self, WorkerFunc func, gpointer data, GDestroyNotify destroy);

/**
 * worker_stop: lets the task that is being done end, drops the waiting ones, calls @last in the worker's thread and
 * then
 * @done in the main loop's. It does not wait.
 */
void worker_stop (Worker *self, WorkerFunc last, gpointer data, GSourceFunc done, gpointer done_data);
