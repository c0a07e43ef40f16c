/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A domain XML as it comes from outside: read within bounds, parsed without taking orders from it. */
#pragma once

#include <glib.h>
#include <libxml/tree.h>

/* The largest domain XML that is looked at. libvirt's own protocol carries 4 MiB at most (REMOTE_STRING_MAX in its
 * remote_protocol.x); the live XML that a hook gets is that and what libvirt filled in. So a guest that libvirt can
 * start is never refused for its size. */
#define DOMAIN_XML_MAX ((gsize)8 * 1024 * 1024)

typedef xmlDoc DomainXml;

/**
 * domain_xml_read:
 * @fd: where the XML comes from, to its end
 * @length: (out): its length in bytes
 *
 * Returns: (transfer full): the text, zero-terminated, for g_free(); NULL with VFPOOL_ERROR_BAD_INPUT when @fd cannot
 * be read, is empty, or yields more than DOMAIN_XML_MAX.
 */
char *domain_xml_read (int fd, gsize *length, GError **error);

/**
 * domain_xml_parse:
 * @text: a domain XML
 * @length: its length in bytes
 *
 * Returns: (transfer full): the document, whose root is <domain>, for domain_xml_free(); NULL: VFPOOL_ERROR_BAD_INPUT.
 */
DomainXml *domain_xml_parse (const char *text, gsize length, GError **error);
void domain_xml_free (DomainXml *self);

/** domain_xml_to_string: Returns: (transfer full): the document as text, for g_free(). */
char *domain_xml_to_string (const DomainXml *self);

/** domain_xml_get_uuid: Returns: (transfer full): the domain's UUID as written, or NULL: VFPOOL_ERROR_BAD_INPUT. */
char *domain_xml_get_uuid (const DomainXml *self, GError **error);

/** domain_xml_get_name: Returns: (transfer full) (nullable): the domain's name. */
char *domain_xml_get_name (const DomainXml *self);

/* ---- Walking the tree ---- */

/* The root element, <domain>. */
const xmlNode *domain_xml_root (const DomainXml *self);
/* The first child element of @parent called @name that is in no namespace, as all of libvirt's own are; NULL: none. */
const xmlNode *domain_xml_child (const xmlNode *parent, const char *name);
/* The next sibling of @node of the same kind. */
const xmlNode *domain_xml_next (const xmlNode *node, const char *name);
/* The attribute @name of @node, for g_free(); NULL: it has none. */
char *domain_xml_attribute (const xmlNode *node, const char *name);
/* Whether the attribute @name of @node is there and reads @value. */
gboolean domain_xml_attribute_is (const xmlNode *node, const char *name, const char *value);
/* The text in @node, without blanks at its ends, for g_free(); NULL: there is no @node. */
char *domain_xml_content (const xmlNode *node);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DomainXml, domain_xml_free)
