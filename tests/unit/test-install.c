/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `make install` puts into a tree, and that `make uninstall` takes all of it away again and nothing else. Runs in the top
 * folder of the sources, as tests/unit/run sees to, after a build.
 */
#include "fixture.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DROP_IN "/usr/lib/systemd/system/pve-container@.service.d"
#define DEBUG_DROP_IN "/usr/lib/systemd/system/pve-container-debug@.service.d"

/* What @command prints; @status: (out): its exit status. */
static char *
run (const char *const *command, int *status) {
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  if (!g_spawn_sync (NULL, (char **)command, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &text, NULL, status, &error))
    fail_msg ("%s: %s", command[0], error->message);
  *status = WEXITSTATUS (*status);
  return text;
}

static void
run_script (const Fixture *fx, gboolean remove) {
  const char *const command[] = {
    "packaging/install-files",
    "--remove",
    "build",
    fx->root,
    "BINDIR=/usr/sbin",
    "LIBDIR=/usr/lib",
    "DATADIR=/usr/share",
    "LIBEXECDIR=/usr/libexec/vfpool",
    "SYSCONFDIR=/etc",
    "SONAME=libvfpool.so.0",
    "INCLUDEDIR=/usr/include",
    "UNITDIR=/usr/lib/systemd/system",
    NULL,
  };
  const char *first[G_N_ELEMENTS (command)];
  g_autofree char *text = NULL;
  int status;

  memcpy (first, command, sizeof command);
  if (!remove)
    memmove (first + 1, first + 2, sizeof command - 2 * sizeof *command);
  text = run (first, &status);
  assert_int_equal (status, 0);
}

static int
compare_lines (const void *a, const void *b) {
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* What of @fx is no folder, a line each, sorted. */
static char *
list_files (const Fixture *fx) {
  int status;
  g_autofree char *text = run ((const char *const[]){ "find", fx->root, "!", "-type", "d", NULL }, &status);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  assert_int_equal (status, 0);
  qsort (lines, g_strv_length (lines), sizeof *lines, compare_lines);
  return g_strjoinv ("\n", lines);
}

static gboolean
is_there (const Fixture *fx, const char *path) {
  g_autofree char *whole = g_strconcat (fx->root, path, NULL);

  return g_file_test (whole, G_FILE_TEST_EXISTS);
}

static void
test_install_and_uninstall (void **state G_GNUC_UNUSED) {
  static const char *const files[] = { "/usr/sbin/vfpool",
                                       "/usr/lib/libvfpool.so.0",
                                       "/usr/lib/libvfpool.so",
                                       "/usr/libexec/vfpool/vfpool-agent",
                                       "/usr/libexec/vfpool/vfpool-libvirt",
                                       "/usr/libexec/vfpool/pve-hookscript",
                                       "/etc/libvirt/hooks/qemu.d/vfpool",
                                       "/usr/lib/systemd/system/vfpool.service",
                                       DROP_IN "/vfpool.conf",
                                       DEBUG_DROP_IN "/vfpool.conf",
                                       "/usr/share/vfpool/snippets/vfpool",
                                       "/usr/share/vfpool/vfpool-domain-1.rng",
                                       "/etc/vfpool/vfpool.conf.sample",
                                       "/usr/share/man/man8/vfpool.8" };
  static const char *const folders[] = { "/usr/libexec/vfpool", "/usr/share/vfpool", DROP_IN, DEBUG_DROP_IN };
  Fixture *fx = fixture_new ();
  g_autofree char *before = NULL, *after = NULL, *left = NULL;
  int status;

  fixture_write (fx, "/etc/vfpool/vfpool.conf", "[pool lan]\n");
  fixture_write (fx, "/etc/libvirt/hooks/qemu.d/other", "#!/bin/sh\n");
  before = list_files (fx);
  run_script (fx, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    if (!is_there (fx, files[i]))
      fail_msg ("%s was not installed", files[i]);
  left = run ((const char *const[]){ "grep", "-rlI", "@[A-Z]*DIR@", fx->root, NULL }, &status);
  assert_string_equal (left, "");
  assert_int_equal (status, 1); /* nothing found, rather than trouble */

  run_script (fx, TRUE);
  after = list_files (fx);
  assert_string_equal (after, before);
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
    if (is_there (fx, folders[i]))
      fail_msg ("the folder %s was left", folders[i]);
  run_script (fx, TRUE); /* nothing to do is no failure */
  fixture_free (fx);
}

/* Who runs it, or reads it, has all of one version. */
static void
test_files_are_exchanged_whole (void **state G_GNUC_UNUSED) {
  static const char *const files[] = { "/etc/libvirt/hooks/qemu.d/vfpool", "/usr/share/vfpool/snippets/vfpool",
                                       "/usr/lib/libvfpool.so.0", DROP_IN "/vfpool.conf" };
  Fixture *fx = fixture_new ();
  g_autofree char *left = NULL;
  int status;

  run_script (fx, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *file = g_strconcat (fx->root, files[i], NULL), *old = g_strdup_printf ("%s/old%u", fx->root, i);
    assert_int_equal (link (file, old), 0);
  }
  run_script (fx, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *file = g_strconcat (fx->root, files[i], NULL), *old = g_strdup_printf ("%s/old%u", fx->root, i);
    struct stat now, before;

    assert_int_equal (stat (file, &now), 0);
    assert_int_equal (stat (old, &before), 0);
    if (now.st_ino == before.st_ino)
      fail_msg ("%s was written to", files[i]);
  }
  left = run ((const char *const[]){ "find", fx->root, "-name", "*.new", NULL }, &status);
  assert_string_equal (left, "");
  fixture_free (fx);
}

int
main (void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test (test_install_and_uninstall),
                                      cmocka_unit_test (test_files_are_exchanged_whole) };

  return cmocka_run_group_tests_name ("install", tests, NULL, NULL);
}
