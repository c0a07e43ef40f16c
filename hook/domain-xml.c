/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domain XML comes from libvirt, which is trusted, but what stands in it was written by whoever may define a guest. So
 * libxml2 is held short: no network, no document type at all (which is where entities, their expansion and files of the
 * host would come in; libvirt never writes one), libxml2's own limits on depth and on the length of names and texts
 * (libvirt parses with the same, so it cannot hand on what they refuse), and nothing printed by the parser itself.
 *
 * A namespace prefix that nobody declared is no error: it may stand in somebody else's metadata, and a guest is not
 * refused for what is not ours.
 */
#include "domain-xml.h"

#include "printable.h"
#include "vfpool.h"

#include <errno.h>
#include <libxml/parser.h>
#include <string.h>
#include <unistd.h>

#define READ_STEP 65536

static char *
input_error (GError **error, const char *what) {
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
               "the domain XML cannot be read from standard input: %s; libvirt passes it there when it runs a hook",
               what);
  return NULL;
}

char *
domain_xml_read (int fd, gsize *length, GError **error) {
  g_autoptr (GByteArray) text = g_byte_array_new ();

  for (;;) {
    guint8 step[READ_STEP];
    ssize_t n = read (fd, step, sizeof step);

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return input_error (error, g_strerror (errno));
    if (n == 0)
      break;
    if (text->len + (gsize)n > DOMAIN_XML_MAX) {
      g_set_error (
          error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
          "the domain XML is larger than %zu MiB: libvirt cannot have written it; expected the XML of one guest",
          DOMAIN_XML_MAX / 1024 / 1024);
      return NULL;
    }
    g_byte_array_append (text, step, (guint)n);
  }
  if (text->len == 0)
    return input_error (error, "it is empty");
  *length = text->len;
  g_byte_array_append (text, (const guint8 *)"", 1);
  return (char *)g_byte_array_free (g_steal_pointer (&text), FALSE);
}

/* ---- Parsing ---- */

/* libxml2 calls this at "<!DOCTYPE", before it has read anything that the document type declares. */
static void
refuse_document_type (void *data, const xmlChar *name G_GNUC_UNUSED, const xmlChar *external G_GNUC_UNUSED,
                      const xmlChar *system G_GNUC_UNUSED) {
  xmlParserCtxt *parser = data;
  gboolean *seen = parser->_private;

  *seen = TRUE;
  xmlStopParser (parser);
}

static DomainXml *
parse_error (const xmlParserCtxt *parser, gboolean has_document_type, GError **error) {
  const xmlError *e = xmlCtxtGetLastError ((void *)parser);
  g_autofree char *message = g_strstrip (g_strdup (e && e->message ? e->message : "no reason given"));
  g_autofree char *shown = printable_copy (message, 200);

  if (has_document_type)
    g_set_error_literal (
        error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
        "the domain XML declares a document type (<!DOCTYPE>), which libvirt never writes and which could "
        "make this host expand entities or open files: remove it");
  else
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
                 "the domain XML is not well-formed: line %d: %s; expected what `virsh dumpxml` prints",
                 e ? e->line : 0, shown);
  return NULL;
}

static DomainXml *
check_root (DomainXml *xml, GError **error) {
  const xmlNode *root = domain_xml_root (xml);
  g_autofree char *shown = printable_copy (root ? (const char *)root->name : "", 60);

  if (root && !root->ns && xmlStrEqual (root->name, BAD_CAST "domain"))
    return xml;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
               "the XML is no domain: its root element is <%s>, expected <domain>, as `virsh dumpxml` prints it",
               shown);
  domain_xml_free (xml);
  return NULL;
}

DomainXml *
domain_xml_parse (const char *text, gsize length, GError **error) {
  xmlParserCtxt *parser = xmlNewParserCtxt ();
  gboolean has_document_type = FALSE;
  DomainXml *xml = NULL;

  parser->_private = &has_document_type;
  parser->sax->internalSubset = refuse_document_type;
  if (length <= DOMAIN_XML_MAX)
    xml = xmlCtxtReadMemory (parser, text, (int)length, NULL, NULL,
                             XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
  if (has_document_type)
    g_clear_pointer (&xml, domain_xml_free);
  if (!xml)
    parse_error (parser, has_document_type, error);
  xmlFreeParserCtxt (parser);
  return xml ? check_root (xml, error) : NULL;
}

void
domain_xml_free (DomainXml *self) {
  xmlFreeDoc (self);
}

char *
domain_xml_to_string (const DomainXml *self) {
  xmlChar *text = NULL;
  char *copy;
  int length;

  xmlDocDumpMemoryEnc ((xmlDoc *)self, &text, &length, "UTF-8");
  copy = g_strdup ((const char *)text);
  xmlFree (text);
  return copy;
}

/* ---- Walking the tree ---- */

const xmlNode *
domain_xml_root (const DomainXml *self) {
  return xmlDocGetRootElement ((xmlDoc *)self);
}

static const xmlNode *
first_called (const xmlNode *node, const char *name) {
  for (; node; node = node->next)
    if (node->type == XML_ELEMENT_NODE && !node->ns && xmlStrEqual (node->name, BAD_CAST name))
      return node;
  return NULL;
}

const xmlNode *
domain_xml_child (const xmlNode *parent, const char *name) {
  return parent ? first_called (parent->children, name) : NULL;
}

const xmlNode *
domain_xml_next (const xmlNode *node, const char *name) {
  return first_called (node->next, name);
}

char *
domain_xml_attribute (const xmlNode *node, const char *name) {
  xmlChar *value = node ? xmlGetNoNsProp ((xmlNode *)node, BAD_CAST name) : NULL;
  char *copy = g_strdup ((const char *)value);

  xmlFree (value);
  return copy;
}

gboolean
domain_xml_attribute_is (const xmlNode *node, const char *name, const char *value) {
  g_autofree char *found = domain_xml_attribute (node, name);

  return found && strcmp (found, value) == 0;
}

char *
domain_xml_content (const xmlNode *node) {
  xmlChar *content = node ? xmlNodeGetContent ((xmlNode *)node) : NULL;
  char *copy = content ? g_strstrip (g_strdup ((const char *)content)) : NULL;

  xmlFree (content);
  return copy;
}

static char *
child_text (const DomainXml *self, const char *name) {
  return domain_xml_content (domain_xml_child (domain_xml_root (self), name));
}

char *
domain_xml_get_uuid (const DomainXml *self, GError **error) {
  char *uuid = child_text (self, "uuid");

  if (!uuid)
    g_set_error_literal (
        error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
        "the domain XML has no <uuid>, so it cannot be told which guest asks; libvirt always writes one: "
        "expected what `virsh dumpxml` prints");
  return uuid;
}

char *
domain_xml_get_name (const DomainXml *self) {
  return child_text (self, "name");
}
