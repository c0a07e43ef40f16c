/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plugs a leased VF into a running guest. */
#pragma once

#include "vfpool.h"

#include <libvirt/libvirt.h>

/* The device that is plugged in for the VF at @bdf, as XML, for g_free(); NULL: @bdf is no address. */
char *attach_device_xml (const char *bdf, const char *alias);

/**
 * attach_lease: makes sure that @domain, which runs, has the VF of @lease.
 * @attached: (out): whether this call has plugged it in, rather than found it there
 *
 * Returns: FALSE with VFPOOL_ERROR_KERNEL, the message giving libvirt's reason.
 */
gboolean attach_lease (virDomainPtr domain, const VfpoolLease *lease, gboolean *attached, GError **error);
