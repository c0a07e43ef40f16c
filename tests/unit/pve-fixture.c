/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pve-fixture.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

PveFixture *
pve_fixture_new (void) {
  PveFixture *self = g_new0 (PveFixture, 1);

  self->fx = fixture_new ();
  fixture_write (self->fx, "/etc/pve/nodes/pve1/here", "%s", "");
  fixture_link (self->fx, "/etc/pve/local", "nodes/pve1");
  self->paths = pve_paths_new (self->fx->root, NULL, NULL);
  pve_fixture_set_node (self, "pve1");
  return self;
}

void
pve_fixture_free (PveFixture *self) {
  pve_paths_free (self->paths);
  fixture_free (self->fx);
  g_free (self);
}

void
pve_fixture_set_node (PveFixture *self, const char *node) {
  g_free (self->paths->node);
  self->paths->node = g_strdup (node);
}

void
pve_fixture_set_quorum (PveFixture *self, gboolean has_quorum) {
  g_autofree char *local = g_strconcat (self->fx->root, "/etc/pve/local", NULL);

  fixture_remove (self->fx, "/etc/pve/local");
  fixture_write (self->fx, "/etc/pve/local", "%s", "");
  assert_int_equal (g_chmod (local, has_quorum ? 0644 : 0444), 0);
}

char *
pve_fixture_said (PveFixture *self, void (*run) (PveFixture *self, gpointer data), gpointer data) {
  g_autofree char *path = g_strconcat (self->fx->root, "/err", NULL);
  int copy = dup (STDERR_FILENO), fd = open (path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  char *contents;

  assert_true (copy >= 0 && fd >= 0);
  dup2 (fd, STDERR_FILENO);
  run (self, data);
  dup2 (copy, STDERR_FILENO);
  close (copy);
  close (fd);
  assert_true (g_file_get_contents (path, &contents, NULL, NULL));
  return contents;
}
