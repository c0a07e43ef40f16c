/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libxml2 itself validates: xmllint is no more than a command line for it. */
#include "schema.h"

#include "domain-request.h"
#include "fixture.h"

#include <libxml/relaxng.h>

#define FILE_NAME "packaging/vfpool-domain-1.rng"

static const xmlNode *
find_request (const DomainXml *xml) {
  const xmlNode *metadata = domain_xml_child (domain_xml_root (xml), "metadata");

  for (const xmlNode *node = metadata ? metadata->children : NULL; node; node = node->next)
    if (node->ns && xmlStrEqual (node->ns->href, BAD_CAST DOMAIN_REQUEST_NAMESPACE)
        && xmlStrEqual (node->name, BAD_CAST "request"))
      return node;
  return NULL;
}

/* Complaints of the validator are answers here. */
static void
be_silent (void *data G_GNUC_UNUSED, const xmlError *error G_GNUC_UNUSED) {
}

static gboolean
allows (xmlRelaxNG *schema, const xmlNode *request) {
  xmlDoc *document = xmlNewDoc (BAD_CAST "1.0");
  xmlRelaxNGValidCtxt *validator = xmlRelaxNGNewValidCtxt (schema);
  int result;

  xmlRelaxNGSetValidStructuredErrors (validator, (xmlStructuredErrorFunc)be_silent, NULL);
  xmlDocSetRootElement (document, xmlDocCopyNode ((xmlNode *)request, document, 1));
  result = xmlRelaxNGValidateDoc (validator, document);
  xmlRelaxNGFreeValidCtxt (validator);
  xmlFreeDoc (document);
  assert_true (result >= 0);
  return result == 0;
}

SchemaVerdict
schema_verdict (const DomainXml *xml) {
  const xmlNode *request = find_request (xml);
  xmlRelaxNGParserCtxt *parser;
  xmlRelaxNG *schema;
  gboolean is_allowed;

  if (!request)
    return SCHEMA_NO_REQUEST;
  parser = xmlRelaxNGNewParserCtxt (FILE_NAME);
  schema = xmlRelaxNGParse (parser);
  if (!schema)
    fail_msg ("%s is no RELAX NG grammar", FILE_NAME);
  is_allowed = allows (schema, request);
  xmlRelaxNGFree (schema);
  xmlRelaxNGFreeParserCtxt (parser);
  return is_allowed ? SCHEMA_ALLOWED : SCHEMA_REFUSED;
}
