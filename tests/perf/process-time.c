/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a command takes as a whole process, from spawn to exit, and how long the kernel takes for the writes that
 * move a device between drivers. Spawned from C, because a shell's own loop costs more than what is measured.
 *
 *   process-time spawn ROUNDS BEFORE COMMAND AFTER    times COMMAND; BEFORE and AFTER (or -) run untimed
 *   process-time rebind ROUNDS BDF                    times the writes that take BDF to vfio-pci; the way back is not
 *
 * A command is given as one string and split at blanks. Prints the median in microseconds; nothing else, so that a
 * script can calculate with it. What fails is said on stderr and ends the run: a measurement of failures is none.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX 32
#define ROUNDS_MAX 1000

extern char **environ;

static double
now_us (void) {
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
fail (const char *what, const char *detail) {
  fprintf (stderr, "process-time: %s: %s\n", what, detail);
  exit (1);
}

/* Runs @command with its output thrown away. */
static void
run (const char *command) {
  char text[1024], *words[WORDS_MAX + 1] = { 0 }, *rest = text;
  posix_spawn_file_actions_t actions;
  int n = 0, status;
  pid_t pid;

  if (strcmp (command, "-") == 0)
    return;
  snprintf (text, sizeof text, "%s", command);
  for (char *word; n < WORDS_MAX && (word = strsep (&rest, " "));)
    words[n++] = word;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  if (posix_spawnp (&pid, words[0], &actions, NULL, words, environ) != 0)
    fail (command, "cannot be started");
  if (waitpid (pid, &status, 0) != pid || !WIFEXITED (status) || WEXITSTATUS (status) != 0)
    fail (command, "failed");
  posix_spawn_file_actions_destroy (&actions);
}

static void
write_text (const char *path, const char *text) {
  int fd = open (path, O_WRONLY | O_CLOEXEC);

  if (fd < 0 || write (fd, text, strlen (text)) < 0)
    fail (path, strerror (errno));
  close (fd);
}

/* driver_override, unbind, drivers_probe: the floor of every tool that rebinds. */
static void
rebind (const char *bdf, const char *driver) {
  char override[128], unbind[128];

  snprintf (override, sizeof override, "/sys/bus/pci/devices/%s/driver_override", bdf);
  snprintf (unbind, sizeof unbind, "/sys/bus/pci/devices/%s/driver/unbind", bdf);
  write_text (override, driver);
  write_text (unbind, bdf);
  write_text ("/sys/bus/pci/drivers_probe", bdf);
}

static int
compare (const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

int
main (int argc, char **argv) {
  static double times[ROUNDS_MAX];
  int rounds = argc > 2 ? atoi (argv[2]) : 0, is_rebind = argc == 4 && strcmp (argv[1], "rebind") == 0;

  if (rounds < 1 || rounds > ROUNDS_MAX || (!is_rebind && (argc != 6 || strcmp (argv[1], "spawn") != 0)))
    fail ("usage", "process-time spawn ROUNDS BEFORE COMMAND AFTER | process-time rebind ROUNDS BDF");
  for (int i = 0; i < rounds; i++) {
    double start;

    if (is_rebind) {
      start = now_us ();
      rebind (argv[3], "vfio-pci");
      times[i] = now_us () - start;
      rebind (argv[3], "\n");
    } else {
      run (argv[3]);
      start = now_us ();
      run (argv[4]);
      times[i] = now_us () - start;
      run (argv[5]);
    }
  }
  qsort (times, (size_t)rounds, sizeof *times, compare);
  printf ("%.0f\n", times[rounds / 2]);
  return 0;
}
