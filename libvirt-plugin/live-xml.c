/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in the live XML was checked when the guest started, but may have been changed since (virsh metadata --live): a slot is
 * looked for, and nothing else is taken for granted; whatever is written into XML is escaped.
 */
#include "live-xml.h"

#include "domain-request.h"

#include <stdio.h>
#include <string.h>

/* ---- Looking ---- */

/* libvirt numbers those that run. */
gboolean
live_xml_is_running (const DomainXml *xml) {
  g_autofree char *id = domain_xml_attribute (domain_xml_root (xml), "id");

  return id != NULL;
}

gboolean
live_xml_has_alias (const DomainXml *xml, const char *alias) {
  const xmlNode *devices = domain_xml_child (domain_xml_root (xml), "devices");

  for (const xmlNode *device = devices ? devices->children : NULL; device; device = device->next)
    if (device->type == XML_ELEMENT_NODE && domain_xml_attribute_is (domain_xml_child (device, "alias"), "name", alias))
      return TRUE;
  return FALSE;
}

char *
live_xml_teaming (const DomainXml *xml, const char *slot) {
  const xmlNode *request = domain_request_find (xml);

  return domain_xml_attribute (request ? domain_request_find_slot (request, slot) : NULL, "teaming");
}

/* ---- Writing ---- */

char *
live_xml_hostdev (const char *bdf, const char *alias, const char *teaming) {
  unsigned int domain = 0, bus = 0, device = 0, function = 0;
  g_autofree char *escaped = g_markup_escape_text (teaming ? teaming : "", -1);
  g_autofree char *pair = g_strdup_printf ("<teaming type='transient' persistent='%s'/>", escaped);

  sscanf (bdf, "%x:%x:%x.%x", &domain, &bus, &device, &function);
  return g_strdup_printf ("<hostdev mode='subsystem' type='pci' managed='no'>"
                          "<source><address domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%x'/></source>"
                          "<alias name='%s'/>%s"
                          "</hostdev>",
                          domain, bus, device, function, alias, teaming ? pair : "");
}
