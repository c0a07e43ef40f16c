/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pause is a timer of the main loop, so that the worker is free meanwhile; the timer gives the worker a task. A task that was on
 * its way when its guest was forgotten finds nothing to do.
 */
#include "again.h"

struct _Again {
  Worker *worker;
  AgainFunc func;
  gpointer data;
  GHashTable *guests; /* UUID -> Entry */
};

typedef struct {
  GSource *timer;
  guint pause; /* seconds */
  gint64 began;
} Entry;

typedef struct {
  Again *self;
  char *uuid;
} Call;

static void
entry_free (gpointer data) {
  Entry *entry = data;

  g_source_destroy (entry->timer);
  g_source_unref (entry->timer);
  g_free (entry);
}

static void
call_free (gpointer data) {
  Call *call = data;

  g_free (call->uuid);
  g_free (call);
}

static Call *
call_new (Again *self, const char *uuid) {
  Call *call = g_new (Call, 1);

  *call = (Call){ self, g_strdup (uuid) };
  return call;
}

guint
again_next_pause (guint pause, guint max) {
  return CLAMP (pause * 2, AGAIN_PAUSE_FIRST_S, max);
}

Again *
again_new (Worker *worker, AgainFunc func, gpointer data) {
  Again *self = g_new0 (Again, 1);

  self->worker = worker;
  self->func = func;
  self->data = data;
  self->guests = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, entry_free);
  return self;
}

static void
call_task (gpointer data) {
  const Call *call = data;

  if (again_is_known (call->self, call->uuid))
    call->self->func (call->uuid, call->self->data);
}

static gboolean
on_timer (gpointer data) {
  const Call *call = data;

  worker_push (call->self->worker, call_task, call_new (call->self, call->uuid), call_free);
  return G_SOURCE_REMOVE;
}

guint
again_later (Again *self, const char *uuid) {
  const Entry *old = g_hash_table_lookup (self->guests, uuid);
  gint64 now = g_get_monotonic_time ();
  Entry *entry = g_new0 (Entry, 1);

  entry->pause = again_next_pause (old ? old->pause : 0, AGAIN_PAUSE_MAX_S);
  entry->began = old ? old->began : now;
  entry->timer = g_timeout_source_new_seconds (entry->pause);
  g_source_set_callback (entry->timer, on_timer, call_new (self, uuid), call_free);
  g_source_attach (entry->timer, NULL);
  g_hash_table_replace (self->guests, g_strdup (uuid), entry);
  return (guint)((now - entry->began) / G_USEC_PER_SEC);
}

gboolean
again_is_known (const Again *self, const char *uuid) {
  return g_hash_table_contains (self->guests, uuid);
}

void
again_forget (Again *self, const char *uuid) {
  g_hash_table_remove (self->guests, uuid);
}

void
again_forget_all (Again *self) {
  g_hash_table_remove_all (self->guests);
}
