/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where things lie on a Proxmox VE node, and reading the small files found there. */
#pragma once

#include <glib.h>

typedef struct {
  char *root;    /* in place of "/" for vfpool, /sys and /proc; NULL: the real one */
  char *pve_dir; /* /etc/pve */
  char *run_dir; /* /run/qemu-server */
  char *lxc_dir; /* /var/lib/lxc */
  char *node;    /* this node's name in the cluster */
} PvePaths;

/* No file that is read here is ever near this size; a larger one is somebody's mistake and is not read into memory. */
#define PVE_FILE_MAX (1024 * 1024)

/**
 * pve_paths_new:
 * @root: (nullable): in place of "/" for every path
 * @pve_dir: (nullable): in place of @root/etc/pve, taken as it is
 * @run_dir: (nullable): in place of @root/run/qemu-server, taken as it is
 *
 * Returns: (transfer full): for pve_paths_free().
 */
PvePaths *pve_paths_new (const char *root, const char *pve_dir, const char *run_dir);
void pve_paths_free (PvePaths *self);

/* The path of @name in the sysfs folder of the PCI function @bdf; the folder itself when @name is NULL. */
char *pve_paths_device (const PvePaths *self, const char *bdf, const char *name);

/* Adds to @functions (of char*) the BDFs that PVE passes through for an @address: itself, or without a function all
 * functions of the device that exist. */
void pve_paths_add_functions (const PvePaths *self, const char *address, GPtrArray *functions);

/**
 * pve_read_file: reads a whole file of at most PVE_FILE_MAX bytes, whatever is in it; a zero byte follows the contents.
 *
 * Returns: FALSE with VFPOOL_ERROR_NOT_FOUND (no such file), _DENIED, _BAD_INPUT (too large, or a folder) or _KERNEL.
 */
gboolean pve_read_file (const char *path, char **contents, gsize *length, GError **error);

/**
 * pve_replace_file: gives @path other contents in one step, and reads them back. Only for a file that is written under a lock:
 * the temporary file beside it has one name, so that none is left over for long.
 *
 * Returns: FALSE with VFPOOL_ERROR_DENIED or _KERNEL; the file is as it was then.
 */
gboolean pve_replace_file (const char *path, const GString *contents, GError **error);

/* Sets @error, "cannot @doing @path: ...", for something that was not read: VFPOOL_ERROR_DENIED or _KERNEL. Returns: FALSE. */
gboolean pve_fail_errno (GError **error, const char *doing, const char *path, int saved_errno);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PvePaths, pve_paths_free)
