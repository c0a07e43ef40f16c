/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who holds a lock that one waited for in vain: an operator can do something about a process that has a number. */
#pragma once

/* The other process that has a write lock on one of @paths, as vfpool_holder_describe(); "another process" when it cannot be
 * told. No file is opened: closing one would drop the locks that this process has on it. For g_free(). */
char *vfpool_lock_holder (const char *const *paths);
