/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attaching a device takes libvirt about a second, connecting to a dead daemon longer. The thread here does that, while
 * the main loop keeps reading libvirt's events and answering its keep-alive. One thread, so that what is done for a
 * guest is done in the order of its events, and the library's handle, which is not thread-safe, needs no lock. When there is
 * nothing more to do, there will be nothing for long.
 */
#include "worker.h"

#include "trim.h"

typedef struct {
  WorkerFunc func;
  gpointer data;
  GDestroyNotify destroy;
  gboolean is_last;
} Task;

struct _Worker {
  GAsyncQueue *tasks;
  int stopping; /* atomic */
  GSourceFunc done;
  gpointer done_data;
};

static gpointer
run (gpointer data) {
  Worker *self = data;
  gboolean is_last = FALSE;

  while (!is_last) {
    g_autofree Task *task = g_async_queue_pop (self->tasks);

    is_last = task->is_last;
    if (is_last || !g_atomic_int_get (&self->stopping))
      task->func (task->data);
    if (task->destroy)
      task->destroy (task->data);
    if (g_async_queue_length (self->tasks) <= 0)
      trim_memory ();
  }
  g_idle_add (self->done, self->done_data);
  return NULL;
}

static void
push (Worker *self, Task task) {
  g_async_queue_push (self->tasks, g_memdup2 (&task, sizeof task));
}

Worker *
worker_start (void) {
  Worker *self = g_new0 (Worker, 1);

  self->tasks = g_async_queue_new ();
  g_thread_unref (g_thread_new ("worker", run, self));
  return self;
}

void
worker_push (Worker *self, WorkerFunc func, gpointer data, GDestroyNotify destroy) {
  push (self, (Task){ .func = func, .data = data, .destroy = destroy });
}

void
worker_stop (Worker *self, WorkerFunc last, gpointer data, GSourceFunc done, gpointer done_data) {
  if (!g_atomic_int_compare_and_exchange (&self->stopping, 0, 1))
    return;
  self->done = done;
  self->done_data = done_data;
  push (self, (Task){ .func = last, .data = data, .is_last = TRUE });
}
