/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The QEMU of a virtual machine on this node. */
#pragma once

#include "paths.h"

/* The PID of the VM's QEMU by its PID file, 0 when it does not run. */
gint64 pve_qemu_pid (const PvePaths *paths, guint64 vmid);

/* Whether the process @pid is the VM's QEMU, whatever its PID file says. */
gboolean pve_qemu_is (const PvePaths *paths, gint64 pid, guint64 vmid);
