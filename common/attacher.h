/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who plugs in what a libvirt guest asked for by pool: the agent, for every guest, or `vfpool start` and `vfpool attach`, for
 * one. The hook must not start a guest that would wait for its device for ever, and may not ask libvirt; so who attaches holds a
 * lock, which ends with its process whatever becomes of it.
 */
#pragma once

#include <glib.h>

/**
 * attacher_hold: says that this process attaches, from now on until it ends.
 * @root: (nullable): as for vfpool_open()
 * @uuid: (nullable): the one guest that it attaches for, or NULL: for every guest
 *
 * Returns: FALSE with VFPOOL_ERROR_BUSY when another process does so already, VFPOOL_ERROR_DENIED, VFPOOL_ERROR_KERNEL.
 */
gboolean attacher_hold (const char *root, const char *uuid, GError **error);

/** attacher_is_held: Returns: whether another process attaches for the guest @uuid. */
gboolean attacher_is_held (const char *root, const char *uuid);

/**
 * attacher_wait_for: waits until another process attaches for the guest @uuid: an agent that is being restarted or updated is
 * away for a moment.
 * @seconds: how long at most; on a host where nobody ever attached it does not wait at all
 *
 * Returns: whether somebody does.
 */
gboolean attacher_wait_for (const char *root, const char *uuid, guint seconds);
