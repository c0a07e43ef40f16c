/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PVE's reservation file: what is kept, what is replaced, who is respected, and many processes at once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pve-hookscript/parking.h"
#include "pve-hookscript/reservation.h"

typedef struct {
  char *root;
  char *file;
  PvePaths *paths;
} Fixture;

static int
set_up (void **state) {
  Fixture *self = g_new0 (Fixture, 1);
  g_autofree char *run = NULL;

  self->root = g_dir_make_tmp ("vfpool-test-XXXXXX", NULL);
  run = g_build_filename (self->root, "run", NULL);
  g_mkdir (run, 0755);
  self->paths = pve_paths_new (self->root, NULL, NULL);
  self->file = g_build_filename (self->paths->run_dir, "pci-id-reservations", NULL);
  *state = self;
  return 0;
}

static int
tear_down (void **state) {
  Fixture *self = *state;
  char *remove[] = { "rm", "-rf", self->root, NULL };
  gboolean done = g_spawn_sync (NULL, remove, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);

  pve_paths_free (self->paths);
  g_free (self->file);
  g_free (self->root);
  g_free (self);
  return done ? 0 : -1;
}

static void
put (const char *path, const char *data) {
  g_autofree char *folder = g_path_get_dirname (path);

  assert_int_equal (g_mkdir_with_parents (folder, 0755), 0);
  assert_true (g_file_set_contents (path, data, -1, NULL));
}

static void
assert_file (const Fixture *self, const char *expected) {
  g_autofree char *contents = NULL;

  assert_true (g_file_get_contents (self->file, &contents, NULL, NULL));
  assert_string_equal (contents, expected);
}

/* An array of borrowed strings from a NULL-terminated list. */
static GPtrArray *
list (const char *first, ...) {
  GPtrArray *array = g_ptr_array_new ();
  va_list arguments;

  va_start (arguments, first);
  for (const char *item = first; item; item = va_arg (arguments, const char *))
    g_ptr_array_add (array, (gpointer)item);
  va_end (arguments);
  return array;
}

#define A "0000:01:10.0"
#define B "0000:01:10.2"
#define C "0000:01:10.4"
#define PARKED " 1000000000 time:9999999999\n"

static void
test_foreign_lines_are_kept (void **state) {
  Fixture *self = *state;
  g_autoptr (GPtrArray) vfs = list (A, B, NULL);

  put (self->file,
       "# a comment\n" A " 100 time:5\n0000:ff:00.0 200 pid:77\n\r\n" A " 101 time:6 \n01:10.0 3 time:9999999999\n"
       "garbage \xff\xfe\n" A " 102 time:7\nlast line without its feed");
  assert_true (pve_parking_update (self->paths, vfs, NULL, 0, NULL));
  assert_file (self, "# a comment\n0000:ff:00.0 200 pid:77\n\r\n" A " 101 time:6 \n01:10.0 3 time:9999999999\n"
                     "garbage \xff\xfe\nlast line without its feed\n" A PARKED B PARKED);
}

static void
test_zero_bytes_are_kept (void **state) {
  static const char data[] = "a\0b\n" B " 100 time:9999999999\0\n";
  Fixture *self = *state;
  g_autoptr (GPtrArray) vfs = list (B, NULL);
  g_autofree char *contents = NULL;
  gsize length;

  put (self->file, "");
  assert_true (g_file_set_contents (self->file, data, sizeof data - 1, NULL));
  assert_true (pve_parking_update (self->paths, vfs, NULL, 0, NULL));
  assert_true (g_file_get_contents (self->file, &contents, &length, NULL));
  assert_int_equal (length, sizeof data - 1 + strlen (B PARKED));
  assert_memory_equal (contents, data, sizeof data - 1);
}

static void
test_nothing_to_change_is_not_written (void **state) {
  Fixture *self = *state;
  g_autoptr (GPtrArray) vfs = list (A, NULL);
  GStatBuf before, after;

  assert_true (pve_parking_update (self->paths, vfs, NULL, 0, NULL));
  assert_file (self, A PARKED);
  assert_int_equal (g_stat (self->file, &before), 0);
  assert_int_equal (before.st_mode & 0777, 0644);
  assert_true (pve_parking_update (self->paths, vfs, NULL, 0, NULL));
  assert_int_equal (g_stat (self->file, &after), 0);
  assert_int_equal (before.st_ino, after.st_ino);
}

/* The lines of a start and of the stop after it. */
static void
test_lease_and_park (void **state) {
  Fixture *self = *state;
  g_autoptr (GPtrArray) vfs = list (A, B, C, NULL);
  g_autoptr (GPtrArray) leased = list (B, NULL);
  g_autoptr (PveReservations) file = NULL;
  guint64 now = (guint64)(g_get_real_time () / G_USEC_PER_SEC);
  PveReservation reservation;

  put (self->file, B PARKED);
  assert_true (pve_parking_update (self->paths, vfs, leased, 101, NULL));
  file = pve_reservations_open (self->paths, NULL);
  assert_non_null (file);
  assert_true (pve_reservations_find (file, B, &reservation));
  assert_int_equal (reservation.vmid, 101);
  assert_false (reservation.is_pid);
  assert_in_range (reservation.value, now + PVE_START_SECONDS, now + PVE_START_SECONDS + 5);
  assert_true (pve_reservations_find (file, A, &reservation));
  assert_int_equal (reservation.vmid, PVE_PARKED_VMID);
  assert_true (pve_reservations_find (file, C, &reservation));
  assert_int_equal (reservation.vmid, PVE_PARKED_VMID);
  pve_reservations_close (g_steal_pointer (&file));

  assert_true (pve_parking_update (self->paths, vfs, NULL, 101, NULL));
  assert_file (self, A PARKED C PARKED B PARKED);
}

/* As PVE writes it on QEMU's command line, whatever the folder really is. */
#define PVE_PID_FILE "/var/run/qemu-server/200.pid"

/* Other VMs: a valid reservation stays whatever it is, one that has run out gives way. */
static void
test_other_vms (void **state) {
  Fixture *self = *state;
  g_autofree char *pid_file = g_build_filename (self->paths->run_dir, "200.pid", NULL);
  g_autofree char *pid_201 = g_build_filename (self->paths->run_dir, "201.pid", NULL);
  g_autofree char *cmdline = g_build_filename (self->root, "proc/4711/cmdline", NULL);
  g_autofree char *arguments = g_strdup ("kvm\n-pidfile\n" PVE_PID_FILE "\n");
  g_autoptr (GPtrArray) vfs = list (A, B, C, NULL);
  const char *text = A " 200 pid:4711\n" B " 201 pid:4712\n" C " 202 time:9999999998\n";

  put (self->file, text);
  put (pid_file, "4711\n");
  put (pid_201, "4712\n");
  put (cmdline, "");
  /* Words of a command line end with a zero byte. */
  assert_true (
      g_file_set_contents (cmdline, g_strdelimit (arguments, "\n", '\0'), sizeof "kvm\n-pidfile\n" PVE_PID_FILE, NULL));
  assert_true (pve_parking_update (self->paths, vfs, NULL, 0, NULL));
  assert_file (self, A " 200 pid:4711\n" C " 202 time:9999999998\n" B PARKED);
}

static void
test_leased_but_held_by_another (void **state) {
  Fixture *self = *state;
  g_autoptr (GPtrArray) vfs = list (A, B, NULL);
  g_autoptr (GPtrArray) leased = list (A, B, NULL);
  g_autoptr (GError) error = NULL;
  const char *text = B " 202 time:9999999998\n";

  put (self->file, text);
  assert_false (pve_parking_update (self->paths, vfs, leased, 101, &error));
  assert_true (g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE));
  assert_non_null (strstr (error->message, "VM 202"));
  assert_file (self, text);
}

/* A number that does not fit is no reason to take a VF away from somebody. */
static void
test_numbers_out_of_range (void **state) {
  Fixture *self = *state;
  g_autoptr (GPtrArray) vfs = list (A, NULL);
  const char *text = A " 99999999999999999999999999 time:99999999999999999999999999\n";

  put (self->file, text);
  assert_true (pve_parking_update (self->paths, vfs, NULL, 0, NULL));
  assert_file (self, text);
}

static void
test_unwritable_folder (void **state) {
  Fixture *self = *state;
  g_autoptr (PvePaths) paths = pve_paths_new (self->root, NULL, "/proc/self/nowhere");
  g_autoptr (GPtrArray) vfs = list (A, NULL);
  g_autoptr (GError) error = NULL;

  assert_false (pve_parking_update (paths, vfs, NULL, 0, &error));
  assert_non_null (strstr (error->message, "/proc/self/nowhere"));
}

/* The lock is PVE's: whoever has flock() on that very file keeps us out, for as long as we are willing to wait. */
static void
test_lock_is_waited_for (void **state) {
  Fixture *self = *state;
  g_autofree char *path = g_strconcat (self->file, ".lock", NULL);
  g_autoptr (GPtrArray) vfs = list (A, NULL);
  gint64 start;
  pid_t child;
  int ready[2], status, lock;
  char byte;

  put (path, "");
  assert_int_equal (pipe (ready), 0);
  child = fork ();
  if (child == 0) {
    lock = open (path, O_WRONLY | O_APPEND);
    status = flock (lock, LOCK_EX) || write (ready[1], "x", 1) != 1;
    g_usleep (500 * 1000);
    _exit (status);
  }
  assert_int_equal (read (ready[0], &byte, 1), 1);
  start = g_get_monotonic_time ();
  assert_true (pve_parking_update (self->paths, vfs, NULL, 0, NULL));
  assert_true (g_get_monotonic_time () - start > 400 * 1000);
  assert_int_equal (waitpid (child, &status, 0), child);
  assert_int_equal (status, 0);
  close (ready[0]);
  close (ready[1]);
}

/* Each of eight processes adds and changes lines of its own, a hundred times; not one may get lost. */
static void
test_eight_processes (void **state) {
  enum { PROCESSES = 8, ROUNDS = 100 };
  Fixture *self = *state;
  g_autoptr (PveReservations) file = NULL;
  int status;

  for (int i = 0; i < PROCESSES; i++)
    if (fork () == 0) {
      for (guint64 round = 1; round <= ROUNDS; round++) {
        g_autoptr (PveReservations) mine = pve_reservations_open (self->paths, NULL);
        g_autofree char *changed = g_strdup_printf ("0000:%02x:00.0", i);
        g_autofree char *added = g_strdup_printf ("0000:%02x:%02x.%d", i, (guint)round / 8, (int)round % 8);

        if (!mine)
          _exit (1);
        pve_reservations_set (mine, changed, 100, round);
        pve_reservations_set (mine, added, 101, 1);
        if (!pve_reservations_write (mine, NULL))
          _exit (1);
      }
      _exit (0);
    }
  for (int i = 0; i < PROCESSES; i++) {
    assert_true (wait (&status) > 0);
    assert_int_equal (status, 0);
  }
  file = pve_reservations_open (self->paths, NULL);
  for (int i = 0; i < PROCESSES; i++) {
    g_autofree char *changed = g_strdup_printf ("0000:%02x:00.0", i);
    PveReservation reservation;

    assert_true (pve_reservations_find (file, changed, &reservation));
    assert_int_equal (reservation.value, ROUNDS);
    for (int round = 1; round <= ROUNDS; round++) {
      g_autofree char *added = g_strdup_printf ("0000:%02x:%02x.%d", i, (guint)round / 8, round % 8);

      assert_true (pve_reservations_find (file, added, &reservation));
    }
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown (test_foreign_lines_are_kept, set_up, tear_down),
    cmocka_unit_test_setup_teardown (test_zero_bytes_are_kept, set_up, tear_down),
    cmocka_unit_test_setup_teardown (test_nothing_to_change_is_not_written, set_up, tear_down),
    cmocka_unit_test_setup_teardown (test_lease_and_park, set_up, tear_down),
    cmocka_unit_test_setup_teardown (test_other_vms, set_up, tear_down),
    cmocka_unit_test_setup_teardown (test_leased_but_held_by_another, set_up, tear_down),
    cmocka_unit_test_setup_teardown (test_numbers_out_of_range, set_up, tear_down),
    cmocka_unit_test_setup_teardown (test_unwritable_folder, set_up, tear_down),
    cmocka_unit_test_setup_teardown (test_lock_is_waited_for, set_up, tear_down),
    cmocka_unit_test_setup_teardown (test_eight_processes, set_up, tear_down),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
