/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waits for a socket of libvirt's daemon to appear, without looking again and again. */
#pragma once

#include <glib.h>

typedef struct _Watch Watch;

/**
 * watch_start: begins to watch.
 * @root: in place of "/", "" for the real one
 * @appeared: called in the main loop when libvirtd's or virtqemud's socket has appeared, or may have; it need not answer yet
 *
 * Returns: (transfer full): for watch_stop(); NULL: the kernel does not let it, or /run is not there.
 */
Watch *watch_start (const char *root, void (*appeared) (gpointer data), gpointer data);
void watch_stop (Watch *self);
