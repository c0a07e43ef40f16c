/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a libvirt domain asks vfpool for: from its XML to a VfpoolRequest. */
#pragma once

#include "domain-xml.h"
#include "vfpool.h"

/* The namespace of vfpool's element in <metadata>; the number at its end changes when old requests would change
 * meaning. */
#define DOMAIN_REQUEST_NAMESPACE "urn:vfpool:domain:1"

/**
 * domain_request_new:
 * @xml: a domain
 * @with_addresses: whether host devices that are given by address are taken in. Without a configuration no address lies
 *   in a pool, so there is nothing to ask, and nothing to refuse a guest for.
 *
 * Returns: (transfer full): the request of the domain, empty when it asks for nothing, for vfpool_request_free(); NULL:
 *   VFPOOL_ERROR_BAD_INPUT.
 */
VfpoolRequest *domain_request_new (const DomainXml *xml, gboolean with_addresses, GError **error);

/**
 * DomainPoolOf: Returns: (nullable): the name of the pool of this host that @bdf lies in.
 * @data: as given to domain_request_new_incoming()
 */
typedef const char *(*DomainPoolOf) (gpointer data, const char *bdf);

/**
 * domain_request_new_incoming: what a domain that comes from another host, or from a file, needs for the host devices in its XML.
 * Their addresses are those that it had; a device that stands for a slot of the metadata is any of that slot's pool, another one
 * any of the pool that its address lies in here, and rather the same. What stands in the metadata only is not asked for.
 * @xml: a domain
 *
 * Returns: as domain_request_new().
 */
VfpoolRequest *domain_request_new_incoming (const DomainXml *xml, DomainPoolOf pool_of, gpointer data, GError **error);

/**
 * domain_request_new_of_devices: the same of the host devices alone: what a guest that runs has, by its live XML.
 */
VfpoolRequest *domain_request_new_of_devices (const DomainXml *xml, GError **error);

/* ---- Its elements, as they stand in the XML: whether the guest could be started with them is not asked ---- */

#define DOMAIN_REQUEST_DEFAULT_SLOT "slot%u" /* the name by position, from 0 */

/* Whether @ns is that of a request. */
gboolean domain_request_is_namespace (const xmlNs *ns);
/* NULL: there is no request. */
const xmlNode *domain_request_find (const DomainXml *xml);
/* The slot after @slot, or the first one for NULL; NULL: there is none. */
const xmlNode *domain_request_next_slot (const xmlNode *request, const xmlNode *slot);
/* The name of the slot at @position, counted from 0: its own, or the one that it has by position. For g_free(). */
char *domain_request_slot_name (const xmlNode *slot, guint position);
/* NULL: there is no slot of this name. */
const xmlNode *domain_request_find_slot (const xmlNode *request, const char *name);
