/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether nobody but root can have written a file: see trust.c. Used by the configuration and the ledger. */
#pragma once

#include <glib.h>
#include <sys/stat.h>

/* What is wrong with the owner or the mode of @path, and what to do, as a sentence that begins with the path; for
 * g_free(). NULL: nothing. */
char *vfpool_trust_fault (const char *path, const struct stat *st);

/* The same for the folders that lead to @path, up to "/" or, for a file below it, @root. @path itself need not exist. */
char *vfpool_trust_folders_fault (const char *root, const char *path);

/* The same for a file that only vfpool makes: it has to be a regular one with a single name, too. NULL also when it does
 * not exist. */
char *vfpool_trust_own_file_fault (const char *path);
