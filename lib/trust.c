/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vfpool does as root what its configuration and its ledger say, so both are believed only when nobody but root (or, for
 * a user with a tree of his own, that user) can have written them. That is a matter of the file, which is looked at once
 * it is open, and of each folder on the way: who may write to one of those can put another file in the place. Once all
 * folders are found to be root's, nobody else can change what the path leads to, so that looking first and opening then
 * leaves no gap.
 *
 * Symbolic links are followed, because a configuration that is a link into a folder under version control is common. The
 * folders of the name as given and those of the place that it leads to are looked at. In a sticky folder (/tmp) others
 * cannot take away what is root's, so one may stand further up, but the file's own folder has to be root's alone: others
 * could add to it.
 */
#include "trust.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *
owner_fault (const char *path, const struct stat *st) {
  if (st->st_uid == 0 || st->st_uid == geteuid ())
    return NULL;
  return g_strdup_printf ("%s belongs to user %u, who could have written anything there; look it through, then: chown "
                          "root %s",
                          path, (unsigned int)st->st_uid, path);
}

static char *
mode_fault (const char *path, const struct stat *st) {
  if (!(st->st_mode & (S_IWGRP | S_IWOTH)))
    return NULL;
  return g_strdup_printf ("%s may be written by others than its owner (mode %04o), so they could have changed it; look "
                          "it through, then: chmod go-w %s",
                          path, (unsigned int)(st->st_mode & 07777), path);
}

char *
vfpool_trust_fault (const char *path, const struct stat *st) {
  char *fault = owner_fault (path, st);

  return fault ? fault : mode_fault (path, st);
}

/* The folders above @path. One that is not there, or may not be looked at, is the next step's to complain about. */
static char *
chain_fault (const char *top, const char *path) {
  g_autofree char *folder = g_path_get_dirname (path);
  gboolean is_nearest = TRUE;
  char *fault = NULL;

  while (!fault && strcmp (folder, "/") != 0 && strcmp (folder, ".") != 0 && strcmp (folder, top) != 0) {
    char *parent = g_path_get_dirname (folder);
    struct stat st;

    if (stat (folder, &st) == 0) {
      fault = owner_fault (folder, &st);
      if (!fault && (is_nearest || !(st.st_mode & S_ISVTX)))
        fault = mode_fault (folder, &st);
    }
    g_free (folder);
    folder = parent;
    is_nearest = FALSE;
  }
  return fault;
}

char *
vfpool_trust_folders_fault (const char *root, const char *path) {
  char *real = realpath (path, NULL);
  char *real_root = *root ? realpath (root, NULL) : NULL;
  char *fault = chain_fault (root, path);

  if (!fault && real && strcmp (real, path) != 0)
    fault = chain_fault (real_root ? real_root : "/", real);
  free (real);
  free (real_root);
  return fault;
}

char *
vfpool_trust_own_file_fault (const char *path) {
  struct stat st;

  if (lstat (path, &st) != 0)
    return NULL;
  if (!S_ISREG (st.st_mode))
    return g_strdup_printf ("%s is %s, expected a file; vfpool did not make it: look who did, then move it away", path,
                            S_ISLNK (st.st_mode)   ? "a symbolic link"
                            : S_ISDIR (st.st_mode) ? "a folder"
                                                   : "no regular file");
  if (st.st_nlink > 1)
    return g_strdup_printf ("%s has %u names (hard links), so it may be another program's file; look which, then move "
                            "it away, or copy it to a file of its own",
                            path, (unsigned int)st.st_nlink);
  return vfpool_trust_fault (path, &st);
}
