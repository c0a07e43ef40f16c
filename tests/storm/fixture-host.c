/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes a host out of files for the storm, and prints its folder: 64 VFs in a pool. Only the processes in it are real. It
 * gives the time under the ledger's lock without the emulation, and nothing else that the bench would not show.
 */
#include "fixture.h"

#include <glib/gstdio.h>
#include <stdio.h>

#define PF "0000:01"
#define VFS 64
#define FIRST_GROUP 10

int
main (void) {
  Fixture *fx = fixture_new ();

  fixture_add_pf (fx, PF, VFS, "vfio-pci", FIRST_GROUP);
  for (int i = 0; i < VFS; i++) {
    g_autofree char *group = g_strdup_printf ("/dev/vfio/%d", FIRST_GROUP + i);
    fixture_write (fx, group, "%s", "");
  }
  fixture_config (fx, "[pool storm]\nmembers=pf=" PF ":00.0\n[vfpool]\nstart-grace=0\n");
  fixture_remove (fx, "/proc");
  fixture_link (fx, "/proc", "/proc");
  puts (fx->root);
  return 0;
}
