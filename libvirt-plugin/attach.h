/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plugs a leased VF into a running guest. */
#pragma once

#include "domain-xml.h"
#include "vfpool.h"

#include <libvirt/libvirt.h>

/**
 * attach_lease: makes sure that @domain, which runs, has the VF of @lease.
 * @attached: (out): whether this call has plugged it in, rather than found it there
 *
 * Returns: FALSE with VFPOOL_ERROR_KERNEL, the message giving libvirt's reason.
 */
gboolean attach_lease (virDomainPtr domain, const VfpoolLease *lease, gboolean *attached, GError **error);

/* The XML of @domain as it runs, for domain_xml_free(); NULL: VFPOOL_ERROR_KERNEL, VFPOOL_ERROR_BAD_INPUT. */
DomainXml *attach_live_xml (virDomainPtr domain, GError **error);
