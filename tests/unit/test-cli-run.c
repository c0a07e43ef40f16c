/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole `vfpool` program, as far as it goes without a host: what goes where, and with which exit status it ends. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/cli.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  char *root; /* an empty folder */
  char *out;
  char *err;
} Fixture;

static int
set_up (void **state) {
  Fixture *f = g_new0 (Fixture, 1);

  f->root = g_dir_make_tmp ("vfpool-test-XXXXXX", NULL);
  f->out = g_build_filename (f->root, "out", NULL);
  f->err = g_build_filename (f->root, "err", NULL);
  *state = f;
  return f->root ? 0 : -1;
}

static int
tear_down (void **state) {
  Fixture *f = *state;
  g_autofree char *folder = g_build_filename (f->root, "etc/vfpool", NULL);
  g_autofree char *file = g_build_filename (folder, "vfpool.conf", NULL);
  g_autofree char *etc = g_build_filename (f->root, "etc", NULL);

  g_unlink (file);
  g_rmdir (folder);
  g_rmdir (etc);
  g_unlink (f->out);
  g_unlink (f->err);
  g_rmdir (f->root);
  g_free (f->root);
  g_free (f->out);
  g_free (f->err);
  g_free (f);
  return 0;
}

/* Opens @file in place of @fd; returns a copy of what @fd was. */
static int
redirect (int fd, const char *file) {
  int copy = dup (fd);
  int new_fd = open (file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

  assert_true (copy >= 0 && new_fd >= 0);
  dup2 (new_fd, fd);
  close (new_fd);
  return copy;
}

static void
put_back (int fd, int copy) {
  dup2 (copy, fd);
  close (copy);
}

/* Runs "vfpool --root ROOT LINE" with stdout going to @out_file; returns the exit status. */
static int
run_to (Fixture *f, const char *out_file, const char *line) {
  g_autofree char *whole = g_strdup_printf ("vfpool --root %s %s", f->root, line);
  g_auto (GStrv) words = g_strsplit (whole, " ", -1);
  int out, err, status;

  fflush (stdout);
  fflush (stderr);
  out = redirect (STDOUT_FILENO, out_file);
  err = redirect (STDERR_FILENO, f->err);
  status = cli_run (g_strv_length (words), words);
  fflush (stderr);
  put_back (STDOUT_FILENO, out);
  put_back (STDERR_FILENO, err);
  return status;
}

static char *
contents (const char *file) {
  char *text = NULL;

  assert_true (g_file_get_contents (file, &text, NULL, NULL));
  return text;
}

static void
ends_with_the_right_status (void **state) {
  Fixture *f = *state;
  static const struct {
    const char *line;
    int status;
    const char *out, *err; /* how they begin; NULL: nothing may be there */
  } cases[] = {
    { "--version", 0, "vfpool ", NULL },
    { "--help", 0, "vfpool hands SR-IOV", NULL },
    { "help", 0, "vfpool hands SR-IOV", NULL },
    { "help acquire", 0, "vfpool acquire: ", NULL },
    { "acquire --help", 0, "vfpool acquire: ", NULL },
    { "help help", 0, "vfpool help: ", NULL },
    { "help request add", 0, "vfpool request add: ", NULL },
    { "request add --help", 0, "vfpool request add: ", NULL },
    { "help request", 64, NULL, "vfpool: 'request' needs a second word: " },
    { "start web", 64, NULL, "vfpool: --root does not go with 'start'" },
    { "help aquire", 64, NULL, "vfpool: unknown verb 'aquire': did you mean 'acquire'?\nusage: vfpool " },
    { "\033[2J\nx", 64, NULL, "vfpool: unknown verb '?[2J?x'\nusage: vfpool " },
    { "acquire --pool p", 64, NULL, "vfpool: 'acquire' needs --guest KIND/ID\nusage: vfpool acquire --guest" },
    { "status", 78, NULL, "vfpool: " },
    { "check", 78, NULL, "vfpool: " },
    { "plan --guest manual/a --pool p", 78, NULL, "vfpool: " },
    { "plan", 64, NULL,
      "vfpool: 'plan' needs one of --guest KIND/ID, --domain FILE and --vmid VMID\nusage: vfpool plan" },
    { "plan --domain /tmp/a", 64, NULL, "vfpool: --root does not go with --domain" },
    { "acquire --guest manual/a --pool p", 78, NULL, "vfpool: " },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    int status = run_to (f, f->out, cases[i].line);
    g_autofree char *out = contents (f->out);
    g_autofree char *err = contents (f->err);

    if (status != cases[i].status)
      fail_msg ("'%s': %d, %s", cases[i].line, status, err);
    if (cases[i].out ? !g_str_has_prefix (out, cases[i].out) : *out != 0)
      fail_msg ("'%s' printed: %s", cases[i].line, out);
    if (cases[i].err ? !g_str_has_prefix (err, cases[i].err) : *err != 0)
      fail_msg ("'%s' said: %s", cases[i].line, err);
  }
}

/* What cannot be understood is refused before the library acts: with a configuration, but no host behind it. */
static void
refuses_bad_values (void **state) {
  Fixture *f = *state;
  static const char *const lines[] = {
    "acquire --pool lan --guest nobody",
    "acquire --pool lan --guest manual/",
    "acquire --pool lan --guest pve-qemu/web",
    "acquire --pool lan --guest manual/a --vlan 4095",
    "acquire --pool lan --guest manual/a --vlan -1",
    "acquire --pool lan --guest manual/a --vlan 0x10",
    "acquire --pool lan --guest manual/a --vlan 1.5",
    "acquire --pool lan --guest manual/a --vlan 99999999999999999999",
    "acquire --pool lan --guest manual/a --mac 52:54",
    "acquire --pool lan --guest manual/a --slot a/b",
    "plan --pool lan --guest nobody",
    "plan --pool lan --guest manual/a --nodes x",
    "plan --pool nosuch --guest manual/a",
    "release --guest everybody",
    "cordon everything",
    "uncordon 0000:01:20.0",
    "forget --guest everybody",
    "forget --days -1",
    "forget --days 36501",
    "forget --days soon",
  };
  g_autofree char *folder = g_build_filename (f->root, "etc/vfpool", NULL);
  g_autofree char *file = g_build_filename (folder, "vfpool.conf", NULL);

  assert_int_equal (g_mkdir_with_parents (folder, 0700), 0);
  assert_true (g_file_set_contents (file, "[pool lan]\nmembers=pf=0000:01:00.0\n", -1, NULL));
  for (size_t i = 0; i < G_N_ELEMENTS (lines); i++) {
    int status = run_to (f, f->out, lines[i]);
    g_autofree char *out = contents (f->out);
    g_autofree char *err = contents (f->err);

    if (status != 65 || *out || !g_str_has_prefix (err, "vfpool: "))
      fail_msg ("'%s': %d, %s%s", lines[i], status, out, err);
  }
}

static void
notices_that_nobody_reads (void **state) {
  Fixture *f = *state;
  g_autoptr (GError) error = NULL;
  g_autofree char *err = NULL;
  int ends[2];

  assert_int_equal (run_to (f, "/dev/full", "help"), 74);
  err = contents (f->err);
  assert_string_equal (err, "vfpool: the output could not be written: No space left on device\n");

  assert_int_equal (pipe (ends), 0);
  close (ends[0]);
  signal (SIGPIPE, SIG_IGN);
  assert_false (cli_write (ends[1], "text", &error));
  assert_int_equal (cli_exit_status (error), 74);
  close (ends[1]);
}

/* A result larger than a pipe arrives whole, however small the pieces in which it is taken. */
static void
writes_all_of_it (void **state) {
  Fixture *f = *state;
  g_autofree char *text = g_strnfill (1 << 20, 'x');
  g_autofree char *written = NULL;
  int fd = open (f->out, O_WRONLY | O_CREAT | O_TRUNC, 0600);

  assert_true (cli_write (fd, text, NULL));
  close (fd);
  written = contents (f->out);
  assert_int_equal (strlen (written), 1 << 20);
}

static void
maps_errors_to_sysexits (void **state G_GNUC_UNUSED) {
  static const int statuses[][2] = {
    { VFPOOL_ERROR_NOT_FOUND, 69 }, { VFPOOL_ERROR_NO_FREE_VF, 69 }, { VFPOOL_ERROR_IN_USE, 69 },
    { VFPOOL_ERROR_DENIED, 77 },    { VFPOOL_ERROR_BAD_INPUT, 65 },  { VFPOOL_ERROR_BAD_CONFIG, 78 },
    { VFPOOL_ERROR_KERNEL, 71 },    { VFPOOL_ERROR_CORRUPT, 70 },    { VFPOOL_ERROR_BUSY, 75 },
    { VFPOOL_ERROR_USAGE, 64 },
  };
  g_autoptr (GError) foreign = g_error_new_literal (G_FILE_ERROR, 0, "x");

  assert_int_equal (cli_exit_status (NULL), 0);
  assert_int_equal (cli_exit_status (foreign), 70);
  for (size_t i = 0; i < G_N_ELEMENTS (statuses); i++) {
    g_autoptr (GError) error = g_error_new_literal (VFPOOL_ERROR, statuses[i][0], "x");

    assert_int_equal (cli_exit_status (error), statuses[i][1]);
  }
  g_clear_error (&foreign);
  foreign = g_error_new_literal (G_SPAWN_EXIT_ERROR, 65, "x");
  assert_int_equal (cli_exit_status (foreign), 65);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown (ends_with_the_right_status, set_up, tear_down),
    cmocka_unit_test_setup_teardown (refuses_bad_values, set_up, tear_down),
    cmocka_unit_test_setup_teardown (notices_that_nobody_reads, set_up, tear_down),
    cmocka_unit_test_setup_teardown (writes_all_of_it, set_up, tear_down),
    cmocka_unit_test (maps_errors_to_sysexits),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
