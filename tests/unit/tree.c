/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#define OPEN_FOLDERS_MAX 16

static int
remove_entry (const char *path, const struct stat *info, int type, struct FTW *ftw) {
  (void)info, (void)type, (void)ftw;
  return remove (path);
}

void
remove_tree (const char *path) {
  nftw (path, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
}
