/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One configuration file, read and taken apart, with the line of everything in it. Used by the configuration only. */
#pragma once

#include <glib.h>

/* One line that says something: a group's head (key is NULL) or a key of that group. */
typedef struct {
  int line;    /* from 1 */
  char *group; /* as between the brackets */
  char *key;   /* without a value; NULL for the head itself */
} VfpoolConfigEntry;

typedef struct {
  char *path;
  GKeyFile *keys;
  GPtrArray *entries; /* of VfpoolConfigEntry, in the order of the file */
  GHashTable *first;  /* group and key -> the line where they stand first */
} VfpoolConfigFile;

/**
 * vfpool_config_file_read:
 * @root: the folder in place of "/", or ""
 * @path: the file, with @root in front
 *
 * Returns: (transfer full): the file, well-formed, for vfpool_config_file_free(); or NULL: VFPOOL_ERROR_NOT_FOUND when
 * there is none, VFPOOL_ERROR_DENIED, VFPOOL_ERROR_BAD_CONFIG.
 */
VfpoolConfigFile *vfpool_config_file_read (const char *root, const char *path, GError **error);
void vfpool_config_file_free (VfpoolConfigFile *self);

/* Whether nobody but root can add files to the folder that is open as @fd; FALSE with VFPOOL_ERROR_BAD_CONFIG. */
gboolean vfpool_config_folder_is_safe (int fd, const char *path, GError **error);

/* The first line of @key in @group, or of the group's head when @key is NULL; 0 when it is not there. */
int vfpool_config_file_find_line (const VfpoolConfigFile *self, const char *group, const char *key);

/* Sets VFPOOL_ERROR_BAD_CONFIG to "PATH:LINE: " and the message. Returns FALSE, to be returned in turn. */
gboolean vfpool_config_file_fail (const VfpoolConfigFile *self, int line, GError **error, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

/* A copy of @text that fits into a message: printable, and what is longer than 60 characters ends in "...". */
char *vfpool_config_shorten (const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VfpoolConfigFile, vfpool_config_file_free)
