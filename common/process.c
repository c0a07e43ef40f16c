/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hook runs as root in the middle of somebody else's program, and gets that program's environment, open files, signal
 * settings and working folder. None of that may direct what it does. vfpool reads no variable, but the libraries below it
 * do: GLib (G_MESSAGES_DEBUG, XDG_...), SQLite (SQLITE_TMPDIR), libxml2 (XML_CATALOG_FILES), libvirt's client (LIBVIRT_...,
 * with which it can be told to write a log to any file). So the environment is emptied, rather than known names taken out.
 * What the loader reads (LD_...) has happened by then, and is the starter's own affair.
 *
 * Nothing here can fail a hook: what cannot be given up is kept, and a guest's start or end goes on.
 */
#include "process.h"

#include <fcntl.h>
#include <glib.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_KEPT 8

/* What the work of a hook needs, and why:
 *   DAC_OVERRIDE  to open /dev/vfio/N, which libvirt gives to QEMU's user while a guest runs, and /proc/PID/fd
 *   NET_ADMIN     to set MAC and VLAN of a VF over netlink
 *   SYS_MODULE    to load vfio-pci where it is not loaded yet
 *   SYS_NICE      to go before others for the moment of holding the ledger's lock
 *   SYS_PTRACE    to see in /proc which process of another user has a VFIO group open */
static const int needed_capabilities[] = { CAP_DAC_OVERRIDE, CAP_NET_ADMIN, CAP_SYS_MODULE, CAP_SYS_NICE,
                                           CAP_SYS_PTRACE };

/* ---- Environment ---- */

void
process_clean_environment (const char *const *kept) {
  char *values[MAX_KEPT] = { NULL };
  int n = 0;

  for (; kept[n] && n < MAX_KEPT; n++)
    values[n] = g_strdup (getenv (kept[n]));
  clearenv ();
  /* libkmod runs the commands of modprobe.d by the shell. */
  setenv ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
  for (int i = 0; i < n; i++) {
    if (values[i])
      setenv (kept[i], values[i], 1);
    g_free (values[i]);
  }
  /* GLib has read G_DEBUG before main(); with it, a warning would end the program in the middle of its work. */
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
}

/* ---- Files ---- */

/* /dev/null opened for reading takes the place, so that writing to it fails and is noticed. */
void
process_hold_standard_streams (void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl (fd, F_GETFD) < 0)
      (void)!open ("/dev/null", O_RDONLY); /* the lowest free descriptor: this one */
}

void
process_close_from (int first) {
  struct rlimit limit = { 0 };

  if (syscall (SYS_close_range, (unsigned int)first, ~0U, 0) == 0)
    return;
  /* A kernel before 5.9, or a sandbox that does not know the call. */
  if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 65536)
    limit.rlim_cur = 65536;
  for (int fd = first; fd < (int)limit.rlim_cur; fd++)
    close (fd);
}

/* ---- Signals ---- */

/* An ignored SIGCHLD or a blocked SIGALRM would be inherited. Writing to a reader that went away is an error like others. */
static void
reset_signals (void) {
  sigset_t none;

  for (int number = 1; number < NSIG; number++)
    signal (number, SIG_DFL); /* fails for those that cannot be changed, and need not */
  signal (SIGPIPE, SIG_IGN);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
}

/* ---- Capabilities ---- */

/* The bounding set goes first, because that takes a capability which is then given up itself. A capability that was not
 * there before is not asked for, or the kernel would refuse all. */
static void
drop_capabilities (void) {
  struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
  guint32 keep[_LINUX_CAPABILITY_U32S_3] = { 0 };

  for (gsize i = 0; i < G_N_ELEMENTS (needed_capabilities); i++)
    keep[CAP_TO_INDEX (needed_capabilities[i])] |= CAP_TO_MASK (needed_capabilities[i]);
  for (int cap = 0; prctl (PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
    if (!(keep[CAP_TO_INDEX (cap)] & CAP_TO_MASK (cap)))
      prctl (PR_CAPBSET_DROP, cap, 0, 0, 0);
  prctl (PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (syscall (SYS_capget, &header, data) != 0)
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (keep); i++) {
    data[i].permitted &= keep[i];
    data[i].effective &= keep[i];
    data[i].inheritable = 0;
  }
  syscall (SYS_capset, &header, data);
}

/* ---- All of it ---- */

/* It stays dumpable: there is no secret in it, and a core dump of a hook that died in somebody's host is worth having. */
void
process_begin_as_hook (void) {
  static const char *const kept[] = { NULL };

  process_clean_environment (kept);
  process_close_from (STDERR_FILENO + 1);
  process_hold_standard_streams ();
  reset_signals ();
  umask (S_IRWXG | S_IRWXO);
  (void)!chdir ("/"); /* so that it keeps no file system busy */
  prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  drop_capabilities ();
}
