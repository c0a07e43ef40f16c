/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hookscript's phases for a Proxmox VE container. */
#pragma once

#include "paths.h"

/* Whether @vmid is a container of this node. */
gboolean pve_is_container (const PvePaths *paths, const char *vmid);

/* What has to be done before LXC is started, also where PVE does not call the hookscript: nothing when pre-start has done it, or the
 * container has no hookscript. As pve_hookscript_run(). */
gboolean pve_container_start_unit (const PvePaths *paths, const char *vmid, GError **error);

/* As pve_hookscript_run() and pve_hookscript_plan(), for one. */
gboolean pve_container_run (const PvePaths *paths, const char *vmid, const char *phase, GError **error);
gboolean pve_container_plan (const PvePaths *paths, const char *vmid, GError **error);
