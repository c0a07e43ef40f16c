/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the agent that need no libvirt: pauses, the watch for the daemon's sockets, what goes into the journal. */
#include "fixture.h"

#include "again.h"
#include "journal.h"
#include "trim.h"
#include "watch.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_S 60 /* far more than any of it takes */

static gboolean
on_time_out (gpointer data) {
  *(gboolean *)data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Runs the main loop until *@count is @wanted. */
static void
run_until (const int *count, int wanted) {
  gboolean is_late = FALSE;
  guint timer = g_timeout_add_seconds (WAIT_S, on_time_out, &is_late);

  while (g_atomic_int_get (count) != wanted && !is_late)
    g_main_context_iteration (NULL, TRUE);
  assert_false (is_late);
  g_source_remove (timer);
}

/* Lets the main loop do what is due. */
static void
run_what_is_due (void) {
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/* ---- Pauses ---- */

static void
test_pauses_grow (void **state G_GNUC_UNUSED) {
  static const guint expected[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
  guint pause = 0;

  for (size_t i = 0; i < G_N_ELEMENTS (expected); i++) {
    pause = again_next_pause (pause, AGAIN_PAUSE_MAX_S);
    assert_int_equal (pause, expected[i]);
  }
}

typedef struct {
  Again *again;
  int a, b, forgotten;
} Calls;

static void
count_call (const char *uuid, gpointer data) {
  Calls *calls = data;

  g_atomic_int_inc (*uuid == 'a' ? &calls->a : *uuid == 'b' ? &calls->b : &calls->forgotten);
  if (*uuid == 'a')
    again_later (calls->again, uuid);
  else
    again_forget (calls->again, uuid);
  g_main_context_wakeup (NULL);
}

static void
begin_again (gpointer data) {
  const Calls *calls = data;

  again_later (calls->again, "a");
  again_later (calls->again, "b");
  again_later (calls->again, "c");
  again_forget (calls->again, "c");
  g_assert_true (again_is_known (calls->again, "b"));
  g_assert_false (again_is_known (calls->again, "c"));
}

static void
end_again (gpointer data) {
  const Calls *calls = data;

  g_assert_true (again_is_known (calls->again, "a"));
  g_assert_false (again_is_known (calls->again, "b"));
  again_forget_all (calls->again);
  g_assert_false (again_is_known (calls->again, "a"));
}

static gboolean
on_stopped (gpointer data) {
  *(int *)data = 1;
  return G_SOURCE_REMOVE;
}

static void
test_again (void **state G_GNUC_UNUSED) {
  static Calls calls; /* the worker and what belongs to it are for the life of the program */
  static Worker *worker;
  static int stopped;

  worker = worker_start ();
  calls.again = again_new (worker, count_call, &calls);
  worker_push (worker, begin_again, &calls, NULL);
  run_until (&calls.b, 1);
  run_until (&calls.a, 2);
  assert_int_equal (calls.b, 1);
  assert_int_equal (calls.forgotten, 0);
  worker_stop (worker, end_again, &calls, on_stopped, &stopped);
  run_until (&stopped, 1);
}

/* ---- Sockets ---- */

static void
count_socket (gpointer data) {
  ++*(int *)data;
}

static void
test_watch (void **state G_GNUC_UNUSED) {
  Fixture *fx = fixture_new ();
  g_autofree char *away = g_strconcat (fx->root, "/run/libvirt/new-name", NULL);
  g_autofree char *socket = g_strconcat (fx->root, "/run/libvirt/virtqemud-sock", NULL);
  int seen = 0;
  Watch *watch;

  assert_null (watch_start (fx->root, count_socket, &seen)); /* there is no /run */
  fixture_write (fx, "/run/other", "%s", "");
  watch = watch_start (fx->root, count_socket, &seen);
  assert_non_null (watch);
  fixture_write (fx, "/run/another", "%s", "");
  run_what_is_due ();
  assert_int_equal (seen, 0);
  /* The folder comes, with a socket in it or before it. */
  fixture_write (fx, "/run/libvirt/libvirt-sock", "%s", "");
  run_what_is_due ();
  assert_true (seen >= 1);
  seen = 0;
  fixture_write (fx, "/run/libvirt/libvirt-sock-ro", "%s", "");
  fixture_write (fx, "/run/another", "%s", "");
  run_what_is_due ();
  assert_int_equal (seen, 0);
  fixture_write (fx, "/run/libvirt/new-name", "%s", "");
  assert_int_equal (g_rename (away, socket), 0);
  run_what_is_due ();
  assert_int_equal (seen, 1);
  /* It goes, and comes again. */
  fixture_remove (fx, "/run/libvirt");
  run_what_is_due ();
  seen = 0;
  fixture_write (fx, "/run/libvirt/libvirt-sock", "%s", "");
  run_what_is_due ();
  assert_true (seen >= 1);
  watch_stop (watch);
  fixture_free (fx);
}

/* ---- Journal ---- */

static void
assert_fields (const GPtrArray *fields, const char *expected) {
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < fields->len; i++)
    g_string_append_printf (text, "%s|", (const char *)fields->pdata[i]);
  assert_string_equal (text->str, expected);
}

static void
test_journal_fields (void **state G_GNUC_UNUSED) {
  g_autoptr (VfpoolLease) lease = vfpool_lease_new ();
  const JournalSubject nothing = { 0 }, guest = { "follow", "libvirt/u", NULL, 0 };
  const JournalSubject all = { "attach", "libvirt/other", lease, 1000 };
  g_autoptr (GPtrArray) of_nothing = journal_fields (VFPOOL_MESSAGE_INFO, &nothing, "a\nb\x1b", 5);
  g_autoptr (GPtrArray) of_guest = journal_fields (VFPOOL_MESSAGE_WARNING, &guest, "m", 5);
  g_autoptr (GPtrArray) of_all = NULL;

  lease->guest_kind = VFPOOL_GUEST_LIBVIRT;
  lease->guest_id = g_strdup ("u");
  lease->address = g_strdup ("0000:01:10.0");
  lease->pool = g_strdup ("lan");
  lease->slot = g_strdup ("net0");
  of_all = journal_fields (VFPOOL_MESSAGE_INFO, &all, "m", 1500);
  assert_non_null (strstr (of_nothing->pdata[0], "MESSAGE=a"));
  assert_null (strpbrk (of_nothing->pdata[0], "\n\x1b"));
  assert_int_equal (of_nothing->len, 2);
  assert_fields (of_guest, "MESSAGE=m|PRIORITY=4|VFPOOL_ACTION=follow|VFPOOL_GUEST=libvirt/u|");
  assert_fields (of_all, "MESSAGE=m|PRIORITY=6|VFPOOL_ACTION=attach|VFPOOL_GUEST=libvirt/u|VFPOOL_VF=0000:01:10.0|"
                         "VFPOOL_POOL=lan|VFPOOL_SLOT=net0|VFPOOL_DURATION_US=500|");
}

static void
test_journal_stream (void **state G_GNUC_UNUSED) {
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  g_autofree char *right = NULL, *wrong = NULL;
  struct stat file;

  assert_int_equal (fstat (fd, &file), 0);
  right = g_strdup_printf ("%llu:%llu", (unsigned long long)file.st_dev, (unsigned long long)file.st_ino);
  wrong = g_strdup_printf ("%llu:%llu", (unsigned long long)file.st_dev, (unsigned long long)file.st_ino + 1);
  assert_true (journal_is_stream (right, fd));
  assert_false (journal_is_stream (wrong, fd));
  assert_false (journal_is_stream ("", fd));
  assert_false (journal_is_stream (NULL, fd));
  close (fd);
  assert_false (journal_is_stream (right, fd));
}

/* ---- Memory ---- */

static void
test_trim (void **state G_GNUC_UNUSED) {
  static const struct {
    const char *line;
    gboolean is_code;
  } cases[] = {
    { "7f0000001000-7f0000002000 r-xp 00001000 fe:00 123  /usr/lib/libx.so.0\n", TRUE },
    { "7f0000001000-7f0000002000 r--p 00001000 fe:00 123  /usr/lib/libx.so.0\n", FALSE },
    { "7f0000001000-7f0000002000 rwxp 00001000 fe:00 123  /usr/lib/libx.so.0\n", FALSE },
    { "7f0000001000-7f0000002000 r-xs 00001000 fe:00 123  /usr/lib/libx.so.0\n", FALSE },
    { "7f0000001000-7f0000002000 r-xp 00000000 00:00 0    [vdso]\n", FALSE },
    { "7f0000001000-7f0000002000 r-xp 00000000 00:00 0\n", FALSE },
    { "", FALSE },
  };
  guintptr from = 0, to = 0;

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++)
    if (trim_is_code (cases[i].line, &from, &to) != cases[i].is_code)
      fail_msg ("%s", cases[i].line);
  assert_true (trim_is_code (cases[0].line, &from, &to));
  assert_true (from == 0x7f0000001000 && to == 0x7f0000002000);
  trim_memory (); /* and it runs on */
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_pauses_grow),    cmocka_unit_test (test_again),          cmocka_unit_test (test_watch),
    cmocka_unit_test (test_journal_fields), cmocka_unit_test (test_journal_stream), cmocka_unit_test (test_trim),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
