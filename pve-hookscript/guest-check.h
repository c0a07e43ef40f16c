/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `vfpool check` says of this node's guests. */
#pragma once

#include "paths.h"

/* Warns on stderr, a sentence each, of VMs and containers of this node that ask for pooled VFs but that the hookscript will not be
 * run for. Returns: FALSE with an error as vfpool_open(). */
gboolean pve_guest_check (const PvePaths *paths, GError **error);
