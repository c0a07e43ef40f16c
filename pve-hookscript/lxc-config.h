/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration that Proxmox VE generates for LXC (/var/lib/lxc/VMID/config), and vfpool's own lines in it. */
#pragma once

#include <glib.h>

typedef struct _PveLxcConfig PveLxcConfig;

/**
 * pve_lxc_config_parse: reads a generated configuration; lines of vfpool that are in it are left out.
 *
 * Returns: (transfer full): for pve_lxc_config_free(); or NULL with VFPOOL_ERROR_BAD_INPUT: vfpool's lines have no end.
 */
PveLxcConfig *pve_lxc_config_parse (const char *text, GError **error);
/* The same for a file; the message names it. Also an error as pve_read_file(). */
PveLxcConfig *pve_lxc_config_load (const char *path, GError **error);
void pve_lxc_config_free (PveLxcConfig *self);

/* Whether lines of vfpool were in it. */
gboolean pve_lxc_config_had_lines (const PveLxcConfig *self);

/* Whether the container's root is another user on the host. */
gboolean pve_lxc_config_is_unprivileged (const PveLxcConfig *self);

/**
 * pve_lxc_config_reserve_name: notes that an interface of the container will have @name.
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT when another one has.
 */
gboolean pve_lxc_config_reserve_name (PveLxcConfig *self, const char *name, GError **error);

/**
 * pve_lxc_config_add_interface: adds the lines that move an interface of the host into the container, and set it up.
 * @link: what it is called on the host
 * @name: what it shall be called in the container
 * @mtu: 0: as it is
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT when one of the names is none.
 */
gboolean pve_lxc_config_add_interface (PveLxcConfig *self, const char *link, const char *name, int mtu, GError **error);

/* Adds the lines that let the container open /dev/@path, a character device; once for each path. */
void pve_lxc_config_add_device (PveLxcConfig *self, const char *path, guint major, guint minor);

/* The whole text, for g_free(). */
char *pve_lxc_config_to_string (const PveLxcConfig *self);

/**
 * pve_lxc_config_save: replaces the file at @path, which exists, by the text, unless it is that already.
 *
 * Returns: FALSE with VFPOOL_ERROR_KERNEL; the file is as it was then.
 */
gboolean pve_lxc_config_save (const PveLxcConfig *self, const char *path, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PveLxcConfig, pve_lxc_config_free)
