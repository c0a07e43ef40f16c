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

static const xmlNode *
next_of_ours (const xmlNode *node, const char *name) {
  for (; node; node = node->next)
    if (node->type == XML_ELEMENT_NODE && node->ns && xmlStrEqual (node->ns->href, BAD_CAST DOMAIN_REQUEST_NAMESPACE)
        && xmlStrEqual (node->name, BAD_CAST name))
      return node;
  return NULL;
}

/* As it is in domain-request.c: one without a name is called after its position. */
static char *
name_of_slot (const xmlNode *slot, guint position) {
  char *name = domain_xml_attribute (slot, "name");

  return name ? name : g_strdup_printf ("slot%u", position);
}

char *
live_xml_teaming (const DomainXml *xml, const char *slot) {
  const xmlNode *metadata = domain_xml_child (domain_xml_root (xml), "metadata");
  const xmlNode *request = next_of_ours (metadata ? metadata->children : NULL, "request");
  const xmlNode *s = request ? next_of_ours (request->children, "slot") : NULL;

  for (guint position = 0; s; s = next_of_ours (s->next, "slot"), position++) {
    g_autofree char *name = name_of_slot (s, position);
    if (strcmp (name, slot) == 0)
      return domain_xml_attribute (s, "teaming");
  }
  return NULL;
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
