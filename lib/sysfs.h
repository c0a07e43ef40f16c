/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small reads and writes below /sys, /proc and /dev. @root is the folder in place of "/", "" for the real one; paths
 * begin with a slash. Reading what is absent is no error, because sysfs says much by absence; a write that fails is
 * one.
 */
#pragma once

#include "private.h"

/* The first line of a small file (at most 4 KiB), without its end; NULL when it cannot be read. For g_free(). */
char *vfpool_sysfs_read (const char *root, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* A number in a file, decimal or 0x; @absent when there is none. */
gint64 vfpool_sysfs_read_int (const char *root, gint64 absent, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* The last component of what a symbolic link points at; NULL when it is no link. For g_free(). */
char *vfpool_sysfs_link_name (const char *root, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Whether something is there. */
gboolean vfpool_sysfs_exists (const char *root, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* The names in a folder, sorted, NULL-terminated; empty when it cannot be read. For g_strfreev(). */
char **vfpool_sysfs_list (const char *root, const char *format, ...) G_GNUC_PRINTF (2, 3);

/**
 * vfpool_sysfs_write: writes @value to an attribute in one write(), as sysfs wants it.
 * @value: the text
 *
 * Returns: FALSE with VFPOOL_ERROR_DENIED (EACCES, EPERM) or VFPOOL_ERROR_KERNEL; the message names value, path and
 * errno.
 */
gboolean vfpool_sysfs_write (const char *root, const char *value, GError **error, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
