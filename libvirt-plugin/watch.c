/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sockets are libvirt-sock (libvirtd) and virtqemud-sock (virtqemud) in /run/libvirt. The folder itself comes with the daemon's
 * first start and may go with its end; while it is not there, /run is watched for it. Whatever may mean that a socket is there is
 * told; who is told looks for himself.
 */
#include "watch.h"

#include <glib-unix.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define FOLDER_NAME "libvirt"
#define APPEARING (IN_CREATE | IN_MOVED_TO)

struct _Watch {
  int fd;
  int folder; /* watch descriptor of /run/libvirt; -1: it is not there, and /run is watched */
  int run;    /* of /run; -1 */
  char *run_path, *folder_path;
  guint source;
  void (*appeared) (gpointer data);
  gpointer data;
};

static gboolean
is_socket (const char *name) {
  return strcmp (name, "libvirt-sock") == 0 || strcmp (name, "virtqemud-sock") == 0;
}

/* Watches the folder, else /run. It may come or go meanwhile, so it is looked for once more after. */
static gboolean
watch_what_is_there (Watch *self) {
  for (int tries = 0; tries < 2 && self->folder < 0; tries++) {
    self->folder = inotify_add_watch (self->fd, self->folder_path, APPEARING | IN_ONLYDIR);
    if (self->folder < 0 && self->run < 0)
      self->run = inotify_add_watch (self->fd, self->run_path, APPEARING | IN_ONLYDIR);
  }
  if (self->folder >= 0 && self->run >= 0) {
    inotify_rm_watch (self->fd, self->run);
    self->run = -1;
  }
  return self->folder >= 0 || self->run >= 0;
}

/* Returns: whether a socket may have appeared. */
static gboolean
take_in (Watch *self, const struct inotify_event *event) {
  if (event->wd == self->folder && (event->mask & IN_IGNORED)) {
    self->folder = -1;
    watch_what_is_there (self);
    return self->folder >= 0;
  }
  if (event->wd == self->folder)
    return event->len > 0 && is_socket (event->name);
  if (event->mask & IN_Q_OVERFLOW)
    return TRUE;
  if (event->wd != self->run || event->len == 0 || strcmp (event->name, FOLDER_NAME) != 0)
    return FALSE;
  watch_what_is_there (self);
  return self->folder >= 0;
}

static gboolean
on_events (int fd, GIOCondition condition G_GNUC_UNUSED, gpointer data) {
  Watch *self = data;
  char buffer[4096] __attribute__ ((aligned (__alignof__(struct inotify_event))));
  ssize_t n = read (fd, buffer, sizeof buffer);
  gboolean tell = FALSE;

  for (ssize_t at = 0; at < n;) {
    const struct inotify_event *event = (const void *)(buffer + at);

    tell |= take_in (self, event);
    at += (ssize_t)(sizeof *event + event->len);
  }
  if (tell)
    self->appeared (self->data);
  return G_SOURCE_CONTINUE;
}

Watch *
watch_start (const char *root, void (*appeared) (gpointer data), gpointer data) {
  Watch *self = g_new0 (Watch, 1);

  self->fd = inotify_init1 (IN_CLOEXEC | IN_NONBLOCK);
  self->folder = self->run = -1;
  self->run_path = g_strconcat (root, "/run", NULL);
  self->folder_path = g_strconcat (self->run_path, "/" FOLDER_NAME, NULL);
  self->appeared = appeared;
  self->data = data;
  if (self->fd < 0 || !watch_what_is_there (self)) {
    watch_stop (self);
    return NULL;
  }
  self->source = g_unix_fd_add (self->fd, G_IO_IN, on_events, self);
  return self;
}

void
watch_stop (Watch *self) {
  if (!self)
    return;
  if (self->source)
    g_source_remove (self->source);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->run_path);
  g_free (self->folder_path);
  g_free (self);
}
