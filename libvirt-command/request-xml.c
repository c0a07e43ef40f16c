/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The request is edited where it stands, so that what else it says (a policy, or what a later vfpool knows) stays; and the whole
 * domain is then read as the hook will read it, which is the one judge of what may stand there.
 *
 * libvirt hands metadata out and takes it without our namespace, which it adds itself.
 */
#include "request-xml.h"

#include "domain-request.h"
#include "printable.h"
#include "vfpool.h"

#include <string.h>

#define PREFIX "vfpool"

static xmlNode *
find_request (const DomainXml *xml) {
  return (xmlNode *)domain_request_find (xml);
}

static xmlNode *
find_slot (const xmlNode *request, const char *name) {
  return (xmlNode *)domain_request_find_slot (request, name);
}

static xmlNode *
make_request (DomainXml *xml) {
  xmlNode *root = (xmlNode *)domain_xml_root (xml), *metadata = (xmlNode *)domain_xml_child (root, "metadata");
  xmlNode *request;

  if (!metadata)
    metadata = xmlNewChild (root, NULL, BAD_CAST "metadata", NULL);
  request = xmlNewChild (metadata, NULL, BAD_CAST "request", NULL);
  xmlSetNs (request, xmlNewNs (request, BAD_CAST DOMAIN_REQUEST_NAMESPACE, BAD_CAST PREFIX));
  return request;
}

/* ---- Editing ---- */

static void
set (xmlNode *slot, const char *name, const char *value) {
  if (value)
    xmlNewProp (slot, BAD_CAST name, BAD_CAST value);
}

static char *
make_up_name (const xmlNode *request) {
  for (guint i = 0;; i++) {
    g_autofree char *name = g_strdup_printf (DOMAIN_REQUEST_DEFAULT_SLOT, i);

    if (!find_slot (request, name))
      return g_steal_pointer (&name);
  }
}

/* libxml2 wants UTF-8, and would write anything else as it is. */
static gboolean
check_text (const RequestSlot *slot, GError **error) {
  const char *const texts[] = { slot->name, slot->pool, slot->mac, slot->vlan, slot->functions, slot->teaming };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autofree char *shown = NULL;

    if (!texts[i] || g_utf8_validate (texts[i], -1, NULL))
      continue;
    shown = printable_copy (texts[i], 40);
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT, "'%s' is not valid UTF-8", shown);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check (const DomainXml *xml, GError **error) {
  g_autoptr (VfpoolRequest) request = domain_request_new (xml, FALSE, error);

  return request != NULL;
}

char *
request_xml_add (DomainXml *xml, const RequestSlot *slot, GError **error) {
  xmlNode *request = find_request (xml), *element;
  g_autofree char *name = NULL;

  if (!check_text (slot, error))
    return NULL;
  if (!request)
    request = make_request (xml);
  name = slot->name ? g_strdup (slot->name) : make_up_name (request);
  element = xmlNewChild (request, request->ns, BAD_CAST "slot", NULL);
  set (element, "name", name);
  set (element, "pool", slot->pool);
  set (element, "mac", slot->mac);
  set (element, "vlan", slot->vlan);
  set (element, "functions", slot->functions);
  set (element, "teaming", slot->teaming);
  return check (xml, error) ? g_steal_pointer (&name) : NULL;
}

static void
write_names (xmlNode *request) {
  const xmlNode *slot = NULL;
  guint position = 0;

  while ((slot = domain_request_next_slot (request, slot))) {
    g_autofree char *name = domain_request_slot_name (slot, position++);

    xmlSetProp ((xmlNode *)slot, BAD_CAST "name", BAD_CAST name);
  }
}

static void
drop (xmlNode *node) {
  xmlUnlinkNode (node);
  xmlFreeNode (node);
}

gboolean
request_xml_remove (DomainXml *xml, const char *slot, GError **error) {
  xmlNode *request = find_request (xml), *element = request ? find_slot (request, slot) : NULL;
  g_autofree char *shown = NULL;

  if (!element) {
    shown = printable_copy (slot, 40);
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND,
                 "it asks for no slot '%s': `vfpool request list` shows what it asks for", shown);
    return FALSE;
  }
  write_names (request);
  drop (element);
  if (!domain_request_next_slot (request, NULL) && !request->properties)
    drop (request);
  return TRUE;
}

gboolean
request_xml_has (const DomainXml *xml, const char *slot) {
  const xmlNode *request = find_request (xml);

  return request && find_slot (request, slot);
}

/* ---- Writing ---- */

/* Nothing may refer to them any more. */
static void
forget_declarations (xmlNode *node) {
  for (xmlNs **next = &node->nsDef; *next;) {
    xmlNs *ns = *next;

    if (!domain_request_is_namespace (ns)) {
      next = &ns->next;
      continue;
    }
    *next = ns->next;
    xmlFreeNs (ns);
  }
}

/* Takes our namespace from @node and all below it, and the declarations of it. Somebody else's stay: attributes and elements of
 * theirs refer to them. */
static void
forget_namespace (xmlNode *node) {
  if (node->type != XML_ELEMENT_NODE)
    return;
  if (domain_request_is_namespace (node->ns))
    node->ns = NULL;
  for (xmlAttr *attribute = node->properties; attribute; attribute = attribute->next)
    if (domain_request_is_namespace (attribute->ns))
      attribute->ns = NULL;
  for (xmlNode *child = node->children; child; child = child->next)
    forget_namespace (child);
  forget_declarations (node);
}

char *
request_xml_to_metadata (const DomainXml *xml) {
  xmlNode *request = find_request (xml), *copy = request ? xmlCopyNode (request, 1) : NULL;
  xmlBuffer *buffer;
  char *text;

  if (!copy)
    return NULL;
  forget_namespace (copy);
  buffer = xmlBufferCreate ();
  xmlNodeDump (buffer, NULL, copy, 0, 0);
  text = g_strdup ((const char *)xmlBufferContent (buffer));
  xmlBufferFree (buffer);
  xmlFreeNode (copy);
  return text;
}

/* ---- Listing ---- */

static void
add_attribute (GVariantBuilder *dict, const xmlNode *slot, const char *name) {
  g_autofree char *text = domain_xml_attribute (slot, name);

  g_variant_builder_add (dict, "{sv}", name, g_variant_new ("ms", text));
}

static GVariant *
describe (const xmlNode *slot, guint position) {
  GVariantBuilder dict;
  g_autofree char *name = domain_request_slot_name (slot, position), *pool = domain_xml_attribute (slot, "pool");
  g_autofree char *vlan = domain_xml_attribute (slot, "vlan");

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&dict, "{sv}", "slot", g_variant_new_string (name));
  g_variant_builder_add (&dict, "{sv}", "pool", g_variant_new_string (pool));
  add_attribute (&dict, slot, "mac");
  g_variant_builder_add (&dict, "{sv}", "vlan",
                         g_variant_new ("mi", vlan != NULL, vlan ? (int)g_ascii_strtoll (vlan, NULL, 10) : 0));
  add_attribute (&dict, slot, "functions");
  add_attribute (&dict, slot, "teaming");
  return g_variant_builder_end (&dict);
}

GVariant *
request_xml_list (const DomainXml *xml, GError **error) {
  const xmlNode *request = find_request (xml), *slot = NULL;
  GVariantBuilder slots;
  guint position = 0;

  if (!check (xml, error))
    return NULL;
  g_variant_builder_init (&slots, G_VARIANT_TYPE ("aa{sv}"));
  while (request && (slot = domain_request_next_slot (request, slot)))
    g_variant_builder_add_value (&slots, describe (slot, position++));
  return g_variant_ref_sink (g_variant_builder_end (&slots));
}
