/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests whose life reconcile can tell (guest.c of the library) are known by their hypervisor's arguments and PID file. A guest of
 * the storm shows both from before it acquires until it is killed, so that reconcile has the living and the dead to tell
 * apart.
 */
#include "storm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The last arguments of each process; a guest writes its own number over the zeros. */
#define NO_UUID "00000000-0000-4000-8000-000000000000"
#define NO_PIDFILE "/run/qemu-server/000000.pid"
static char *const tail[] = { "-uuid", NO_UUID, "-pidfile", NO_PIDFILE };
static char *uuid_argument, *pidfile_argument;

void
storm_prepare_disguise (int *argc, char **argv) {
  g_autoptr (GPtrArray) arguments = g_ptr_array_new ();

  if (*argc > (int)G_N_ELEMENTS (tail) && g_str_equal (argv[*argc - 1], NO_PIDFILE)) {
    pidfile_argument = argv[*argc - 1];
    uuid_argument = argv[*argc - 3];
    *argc -= (int)G_N_ELEMENTS (tail); /* not for the parser of options */
    return;
  }
  for (int i = 0; i < *argc; i++)
    g_ptr_array_add (arguments, argv[i]);
  for (size_t i = 0; i < G_N_ELEMENTS (tail); i++)
    g_ptr_array_add (arguments, tail[i]);
  g_ptr_array_add (arguments, NULL);
  execv ("/proc/self/exe", (char **)arguments->pdata);
  g_error ("cannot start anew: %m");
}

static void
write_pidfile (const char *path) {
  g_autofree char *full = g_strconcat (storm_root ? storm_root : "", path, NULL);
  g_autofree char *folder = g_path_get_dirname (full), *text = g_strdup_printf ("%d\n", (int)getpid ());
  g_autoptr (GError) error = NULL;

  g_mkdir_with_parents (folder, 0755);
  if (!g_file_set_contents_full (full, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, &error))
    g_error ("%s", error->message);
}

void
storm_disguise (const StormGuest *guest, int number) {
  g_autofree char *path = NULL;

  switch (guest->kind) {
  case VFPOOL_GUEST_LIBVIRT:
    memcpy (uuid_argument, guest->id, strlen (NO_UUID));
    path = g_strdup_printf ("/run/libvirt/qemu/storm-%d.pid", number);
    break;
  case VFPOOL_GUEST_PVE_QEMU:
    path = g_strdup_printf ("/run/qemu-server/%s.pid", guest->id);
    memcpy (pidfile_argument, path, strlen (NO_PIDFILE));
    break;
  case VFPOOL_GUEST_PVE_LXC:
  case VFPOOL_GUEST_MANUAL:
    return;
  }
  write_pidfile (path);
}
