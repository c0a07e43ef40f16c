/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt's client library brings some seventy others along, whose code runs once, when they are loaded. It is given back, and read
 * from the file (as a rule, from the host's memory, since libvirt's daemon uses the same) should it be needed again. Only code is:
 * nothing is ever written there, so that the file has all of it.
 */
#include "trim.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

gboolean
trim_is_code (const char *line, guintptr *from, guintptr *to) {
  char rights[5] = "", path[2] = "";

  return sscanf (line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %1s", from, to, rights, path) == 4
         && strcmp (rights, "r-xp") == 0 && *path == '/';
}

void
trim_memory (void) {
  FILE *maps = fopen ("/proc/self/maps", "re");
  char line[4352]; /* a path, and what stands before it */
  guintptr from, to;

  while (maps && fgets (line, sizeof line, maps))
    if (trim_is_code (line, &from, &to))
      madvise ((void *)from, to - from, MADV_DONTNEED);
  if (maps)
    fclose (maps);
  malloc_trim (0);
}
