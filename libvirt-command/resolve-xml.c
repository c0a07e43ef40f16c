/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is filled in is what the agent would have plugged in, with the alias by which everybody of vfpool knows the device again: so
 * the hook, when the guest starts, sees a slot that is served, though the request in the metadata still says what the guest
 * wanted.
 */
#include "resolve-xml.h"

#include "devices.h"
#include "live-xml.h"

#include <libxml/parser.h>
#include <string.h>

/* As a person would write it: behind <name>, on a line of its own. */
void
resolve_xml_add_uuid (DomainXml *xml) {
  xmlNode *root = (xmlNode *)domain_xml_root (xml), *name = (xmlNode *)domain_xml_child (root, "name"), *uuid;
  g_autofree char *text = NULL;

  if (domain_xml_child (root, "uuid"))
    return;
  text = g_uuid_string_random ();
  uuid = xmlNewDocNode (xml, NULL, BAD_CAST "uuid", BAD_CAST text);
  if (!name) {
    if (root->children)
      xmlAddPrevSibling (root->children, uuid);
    else
      xmlAddChild (root, uuid);
    return;
  }
  xmlAddNextSibling (name, uuid);
  if (name->prev && xmlIsBlankNode (name->prev))
    xmlAddNextSibling (name, xmlDocCopyNode (name->prev, xml, 1));
}

static xmlNode *
get_devices (DomainXml *xml) {
  xmlNode *root = (xmlNode *)domain_xml_root (xml), *devices = (xmlNode *)domain_xml_child (root, "devices");

  return devices ? devices : xmlNewChild (root, NULL, BAD_CAST "devices", NULL);
}

static gboolean
add_device (xmlNode *devices, const VfpoolLease *lease, GError **error) {
  g_autofree char *alias = devices_alias_of_slot (vfpool_lease_get_slot (lease));
  g_autofree char *teaming = live_xml_teaming (devices->doc, vfpool_lease_get_slot (lease));
  g_autofree char *text = live_xml_hostdev (vfpool_lease_get_address (lease), alias, teaming);
  xmlNode *device = NULL;

  if (text && xmlParseInNodeContext (devices, text, (int)strlen (text), XML_PARSE_NONET, &device) == XML_ERR_OK) {
    xmlAddChildList (devices, device);
    return TRUE;
  }
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT, "VF %s cannot be written into the domain XML",
               vfpool_lease_get_address (lease));
  return FALSE;
}

gboolean
resolve_xml_fill (DomainXml *xml, const GPtrArray *leases, GError **error) {
  xmlNode *devices = get_devices (xml);

  for (guint i = 0; i < leases->len; i++)
    if (vfpool_lease_is_by_pool (g_ptr_array_index (leases, i))
        && !add_device (devices, g_ptr_array_index (leases, i), error))
      return FALSE;
  return TRUE;
}
