/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The request in a domain's <metadata>, read and edited. */
#pragma once

#include "domain-xml.h"

/* A slot as it is written; what is NULL is left out, but for the name: that is made up. */
typedef struct {
  const char *name, *pool, *mac, *vlan, *functions, *teaming;
} RequestSlot;

/**
 * request_xml_add: adds a slot to the request, and the request if there is none.
 *
 * Returns: the slot's name, for g_free(); NULL with VFPOOL_ERROR_BAD_INPUT when the domain, with the slot in it, could not be
 *   started: the words are those of the hook.
 */
char *request_xml_add (DomainXml *xml, const RequestSlot *slot, GError **error);

/**
 * request_xml_remove: takes the slot out. The others keep their names, also those that they have by their position.
 *
 * Returns: FALSE with VFPOOL_ERROR_NOT_FOUND.
 */
gboolean request_xml_remove (DomainXml *xml, const char *slot, GError **error);

/* Whether the request has a slot called @slot. */
gboolean request_xml_has (const DomainXml *xml, const char *slot);

/* The request as libvirt takes it (virDomainSetMetadata()), for g_free(); NULL: there is none. */
char *request_xml_to_metadata (const DomainXml *xml);

/**
 * request_xml_list:
 *
 * Returns: (transfer full): the slots, aa{sv}: slot s, pool s, mac ms, vlan mi, functions ms, teaming ms; for
 *   g_variant_unref(); NULL with VFPOOL_ERROR_BAD_INPUT when the domain could not be started.
 */
GVariant *request_xml_list (const DomainXml *xml, GError **error);
