/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A write to the cluster filesystem waits for other nodes, for long when the cluster is in trouble; nothing else may wait with it. So
 * each publication is a process of its own, and there is one at a time. It says with its exit status in how many seconds something
 * is left to do, because it was too soon or there is no quorum; only then a timer is set. Requests that come meanwhile are one.
 */
#include "publisher.h"

#include <sys/wait.h>

#include "publish.h"

struct _PvePublisher {
  const PvePaths *paths;
  guint child;           /* source; 0: none is at work */
  guint timer;           /* source; 0: nothing waits */
  gboolean is_requested; /* since the child began */
};

PvePublisher *
pve_publisher_new (const PvePaths *paths) {
  PvePublisher *self = g_new0 (PvePublisher, 1);

  self->paths = paths;
  return self;
}

void
pve_publisher_free (PvePublisher *self) {
  if (!self)
    return;
  if (self->child)
    g_source_remove (self->child);
  if (self->timer)
    g_source_remove (self->timer);
  g_free (self);
}

gboolean
pve_publisher_is_busy (const PvePublisher *self) {
  return self->child || self->timer;
}

static gboolean
on_timer (gpointer data) {
  PvePublisher *self = data;

  self->timer = 0;
  pve_publisher_request (self);
  return G_SOURCE_REMOVE;
}

static void
on_child_end (GPid pid G_GNUC_UNUSED, int status, gpointer data) {
  PvePublisher *self = data;
  guint seconds = WIFEXITED (status) ? (guint)WEXITSTATUS (status) : 0;

  self->child = 0;
  if (seconds > 0)
    self->timer = g_timeout_add_seconds (seconds, on_timer, self);
  else if (self->is_requested)
    pve_publisher_request (self);
}

/* What waits for its time looks at everything then. */
void
pve_publisher_request (PvePublisher *self) {
  GPid pid;

  self->is_requested = self->child != 0;
  if (pve_publisher_is_busy (self))
    return;
  pid = pve_publish_begin (self->paths);
  if (pid > 0)
    self->child = g_child_watch_add (pid, on_child_end, self);
}
