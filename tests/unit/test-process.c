/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a program keeps of what it inherits. Each case prepares a child as a careless starter would, and the child looks at
 * itself; what it found comes back as its exit status, 0 when all was well.
 */
#include "fixture.h"

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Each expectation has a number of its own. */
#define EXPECT(number, condition)                                                                                      \
  do {                                                                                                                 \
    if (!(condition))                                                                                                  \
      _exit (number);                                                                                                  \
  } while (0)

static void
in_child (void (*child) (void)) {
  int status;
  pid_t pid = fork ();

  if (pid == 0) {
    child ();
    _exit (0);
  }
  assert_int_equal (waitpid (pid, &status, 0), pid);
  if (status != 0)
    fail_msg ("status 0x%x", (unsigned)status);
}

static guint
count_variables (void) {
  guint n = 0;

  for (char **variable = environ; variable && *variable; variable++)
    n++;
  return n;
}

static void
expect_environment (void) {
  static const char *const kept[] = { "TZ", "NOT_THERE", NULL };

  setenv ("XML_CATALOG_FILES", "/tmp/evil", 1);
  setenv ("LIBVIRT_LOG_OUTPUTS", "1:file:/etc/evil", 1);
  setenv ("PATH", "/tmp/evil", 1);
  setenv ("TZ", "Europe/Berlin", 1);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_WARNING);
  process_clean_environment (kept);
  EXPECT (1, count_variables () == 2);
  EXPECT (2, g_strcmp0 (getenv ("TZ"), "Europe/Berlin") == 0);
  EXPECT (3, g_strcmp0 (getenv ("PATH"), "/usr/sbin:/usr/bin:/sbin:/bin") == 0);
  EXPECT (4, g_log_set_always_fatal (G_LOG_FATAL_MASK) == G_LOG_FATAL_MASK);
}

static void
environment_is_emptied (void **state G_GNUC_UNUSED) {
  in_child (expect_environment);
}

static gboolean
is_open (int fd) {
  return fcntl (fd, F_GETFD) >= 0;
}

static void
expect_descriptors (void) {
  EXPECT (1, dup2 (STDERR_FILENO, 3) == 3 && dup2 (STDERR_FILENO, 40) == 40 && dup2 (STDERR_FILENO, 900) == 900);
  close (STDIN_FILENO);
  close (STDOUT_FILENO);
  process_begin_as_hook ();
  for (int fd = 3; fd < 1024; fd++)
    EXPECT (2, !is_open (fd));
  EXPECT (3, is_open (0) && is_open (1) && is_open (2));
  EXPECT (4, write (STDOUT_FILENO, "x", 1) < 0);
}

static void
inherited_descriptors_are_closed (void **state G_GNUC_UNUSED) {
  in_child (expect_descriptors);
}

/* As on a kernel that does not have close_range(2). */
static void
deny_close_range (void) {
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (code), code };

  EXPECT (80, prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  EXPECT (81, prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
  EXPECT (82, syscall (SYS_close_range, 1000, 1000, 0) < 0 && errno == ENOSYS);
}

static void
expect_descriptors_on_old_kernel (void) {
  deny_close_range ();
  expect_descriptors ();
}

static void
old_kernels_close_them_too (void **state G_GNUC_UNUSED) {
  in_child (expect_descriptors_on_old_kernel);
}

static void
expect_the_rest (void) {
  struct sigaction action;
  char folder[64];
  sigset_t mask;

  signal (SIGCHLD, SIG_IGN);
  signal (SIGTERM, SIG_IGN);
  sigfillset (&mask);
  sigprocmask (SIG_SETMASK, &mask, NULL);
  umask (0);
  EXPECT (1, chdir ("/tmp") == 0);
  process_begin_as_hook ();
  EXPECT (2, sigprocmask (SIG_SETMASK, NULL, &mask) == 0 && sigisemptyset (&mask));
  EXPECT (3, sigaction (SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
  EXPECT (4, sigaction (SIGTERM, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
  EXPECT (5, sigaction (SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
  EXPECT (6, umask (0) == 077);
  EXPECT (7, getcwd (folder, sizeof folder) && strcmp (folder, "/") == 0);
  EXPECT (8, prctl (PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

static void
signals_umask_folder_and_privileges (void **state G_GNUC_UNUSED) {
  in_child (expect_the_rest);
}

/* The line "Cap@which:" of /proc/self/status. */
static guint64
read_capabilities (const char *which) {
  g_autofree char *text = NULL, *name = g_strdup_printf ("\nCap%s:\t", which);
  const char *line;

  if (!g_file_get_contents ("/proc/self/status", &text, NULL, NULL) || !(line = strstr (text, name)))
    _exit (90);
  return g_ascii_strtoull (line + strlen (name), NULL, 16);
}

static void
expect_capabilities (void) {
  const guint64 needed = 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_NET_ADMIN | 1ull << CAP_SYS_MODULE
                         | 1ull << CAP_SYS_PTRACE | 1ull << CAP_SYS_NICE;
  guint64 permitted = read_capabilities ("Prm"), bounding = read_capabilities ("Bnd");

  process_begin_as_hook ();
  EXPECT (1, read_capabilities ("Prm") == (permitted & needed));
  EXPECT (2, read_capabilities ("Eff") == (permitted & needed));
  EXPECT (3, read_capabilities ("Inh") == 0);
  EXPECT (4, read_capabilities ("Amb") == 0);
  EXPECT (5, read_capabilities ("Bnd") == (geteuid () == 0 ? bounding & needed : bounding));
}

static void
capabilities_are_given_up (void **state G_GNUC_UNUSED) {
  in_child (expect_capabilities);
}

/* Who has few capabilities from the beginning keeps those of them that are needed. */
static void
expect_few_capabilities (void) {
  if (geteuid () != 0)
    return;
  EXPECT (1, prctl (PR_CAPBSET_DROP, CAP_SYS_MODULE, 0, 0, 0) == 0);
  process_begin_as_hook ();
  process_begin_as_hook ();
  EXPECT (2, !(read_capabilities ("Bnd") >> CAP_SYS_MODULE & 1));
  EXPECT (3, !(read_capabilities ("Prm") >> CAP_CHOWN & 1));
}

static void
few_capabilities_do_no_harm (void **state G_GNUC_UNUSED) {
  in_child (expect_few_capabilities);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (environment_is_emptied),     cmocka_unit_test (inherited_descriptors_are_closed),
    cmocka_unit_test (old_kernels_close_them_too), cmocka_unit_test (signals_umask_folder_and_privileges),
    cmocka_unit_test (capabilities_are_given_up),  cmocka_unit_test (few_capabilities_do_no_harm),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
