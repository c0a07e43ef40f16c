/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps what this node has published up to date, for a program that stays: the service. */
#pragma once

#include "paths.h"

typedef struct _PvePublisher PvePublisher;

/* @paths: has to live as long. Uses the thread's default main context. Returns: (transfer full): for pve_publisher_free(). */
PvePublisher *pve_publisher_new (const PvePaths *paths);
void pve_publisher_free (PvePublisher *self);

/**
 * pve_publisher_request: something may have changed: it is published as soon as it may be. Returns at once. What fails is told on stderr,
 * and tried again at the next request.
 */
void pve_publisher_request (PvePublisher *self);

/* Whether something is being published, or waits for its time. */
gboolean pve_publisher_is_busy (const PvePublisher *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PvePublisher, pve_publisher_free)
