/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The library's messages are kept, so that a test can tell what an operator would read. */
#include "lease-fixture.h"

static void
note_message (VfpoolMessageLevel level, const char *message, gpointer user_data) {
  g_string_append_printf (user_data, "%d %s\n", (int)level, message);
}

Test *
lease_test_new (void) {
  Test *self = g_new0 (Test, 1);

  self->fx = fixture_new ();
  self->said = g_string_new (NULL);
  return self;
}

void
lease_test_open (Test *self) {
  g_autoptr (GError) error = NULL;

  vfpool_close (self->vfpool);
  g_string_truncate (self->said, 0);
  self->vfpool = vfpool_open (self->fx->root, note_message, self->said, &error);
  if (!self->vfpool)
    fail_msg ("%s", error->message);
}

int
lease_test_teardown (void **state) {
  Test *self = *state;

  vfpool_close (self->vfpool);
  fixture_free (self->fx);
  g_string_free (self->said, TRUE);
  g_free (self);
  return 0;
}
