/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A domain's XML with the devices that were leased for it filled in. */
#pragma once

#include "domain-xml.h"
#include "vfpool.h"

/* Gives the domain a UUID of its own if it has none. */
void resolve_xml_add_uuid (DomainXml *xml);

/**
 * resolve_xml_fill: adds a device for each lease by pool.
 * @leases: (element-type VfpoolLease)
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT.
 */
gboolean resolve_xml_fill (DomainXml *xml, const GPtrArray *leases, GError **error);
