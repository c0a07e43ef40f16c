/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who attaches: seen by others while it lives, by nobody after, and one at a time. */
#include "attacher.h"
#include "fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define UUID "11111111-1111-4111-8111-111111111111"
#define OTHER "22222222-2222-4222-8222-222222222222"

/* Runs a child that holds for @uuid, tells how that went, and lives until *@end is closed. */
static pid_t
hold_in_child (const char *root, const char *uuid, int *end, gboolean *held) {
  int said[2], told[2];
  char answer;
  pid_t pid;

  assert_int_equal (pipe (said), 0);
  assert_int_equal (pipe (told), 0);
  pid = fork ();
  if (pid == 0) {
    close (told[1]);
    answer = (char)attacher_hold (root, uuid, NULL);
    _exit (write (said[1], &answer, 1) == 1 && read (told[0], &answer, 1) == 0 ? 0 : 1);
  }
  close (told[0]);
  close (said[1]);
  assert_int_equal (read (said[0], &answer, 1), 1);
  close (said[0]);
  *held = answer;
  *end = told[1];
  return pid;
}

static void
end_child (pid_t pid, int end) {
  int status;

  close (end);
  assert_int_equal (waitpid (pid, &status, 0), pid);
  assert_int_equal (status, 0);
}

static int
setup (void **state) {
  *state = fixture_new ();
  return 0;
}

static int
teardown (void **state) {
  fixture_free (*state);
  return 0;
}

static void
test_agent (void **state) {
  const char *root = ((Fixture *)*state)->root;
  gboolean held;
  int end, end2;
  pid_t pid, second;

  assert_false (attacher_is_held (root, UUID));
  pid = hold_in_child (root, NULL, &end, &held);
  assert_true (held);
  assert_true (attacher_is_held (root, UUID));
  assert_true (attacher_is_held (root, OTHER));
  second = hold_in_child (root, NULL, &end2, &held);
  assert_false (held);
  end_child (second, end2);
  end_child (pid, end);
  assert_false (attacher_is_held (root, UUID));
}

/* A host on which nobody ever attached is not waited on; who comes later, or is there, is seen. */
static void
test_wait (void **state) {
  const char *root = ((Fixture *)*state)->root;
  gboolean held;
  gint64 begin = g_get_monotonic_time ();
  int end;
  pid_t pid, late;

  assert_false (attacher_wait_for (root, UUID, G_MAXUINT));
  pid = hold_in_child (root, NULL, &end, &held);
  assert_true (attacher_wait_for (root, UUID, 0));
  end_child (pid, end);
  assert_false (attacher_wait_for (root, UUID, 1));
  assert_true (g_get_monotonic_time () - begin >= G_USEC_PER_SEC);
  late = fork ();
  if (late == 0) {
    g_usleep (G_USEC_PER_SEC / 5);
    if (attacher_hold (root, NULL, NULL)) /* for as long as it lives */
      pause ();
    _exit (1);
  }
  assert_true (attacher_wait_for (root, UUID, G_MAXUINT));
  kill (late, SIGKILL);
  assert_int_equal (waitpid (late, NULL, 0), late);
}

static void
test_guest (void **state) {
  const char *root = ((Fixture *)*state)->root;
  gboolean held;
  int end, end2;
  pid_t pid, second;

  pid = hold_in_child (root, UUID, &end, &held);
  assert_true (held);
  assert_true (attacher_is_held (root, UUID));
  assert_false (attacher_is_held (root, OTHER));
  second = hold_in_child (root, OTHER, &end2, &held);
  assert_true (held);
  assert_true (attacher_is_held (root, OTHER));
  end_child (second, end2);
  assert_false (attacher_is_held (root, OTHER));
  end_child (pid, end);
  assert_false (attacher_is_held (root, UUID));
}

static void
test_refused (void **state) {
  Fixture *f = *state;
  GError *error = NULL;

  fixture_write (f, "/var/lib/vfpool", "a file where the folder should be");
  assert_false (attacher_hold (f->root, NULL, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_KERNEL, "/var/lib/vfpool");
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown (test_agent, setup, teardown),
    cmocka_unit_test_setup_teardown (test_wait, setup, teardown),
    cmocka_unit_test_setup_teardown (test_guest, setup, teardown),
    cmocka_unit_test_setup_teardown (test_refused, setup, teardown),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
