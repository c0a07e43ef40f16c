/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device that was asked for by pool has vfpool's alias; one that was asked for by address has whatever libvirt or its owner
 * called it, and is found by the address. Both are looked for among the guest's devices alone: what stands elsewhere in the
 * XML is none.
 */
#include "devices.h"

#include <stdio.h>
#include <string.h>

static const xmlNode *
first_device (const DomainXml *xml) {
  const xmlNode *devices = domain_xml_child (domain_xml_root (xml), "devices");

  return devices ? devices->children : NULL;
}

char *
devices_get_alias (const xmlNode *device) {
  return domain_xml_attribute (domain_xml_child (device, "alias"), "name");
}

char *
devices_alias_of_slot (const char *slot) {
  return g_strconcat ("ua-vfpool-", slot, NULL);
}

const xmlNode *
devices_find_slot (const DomainXml *xml, const char *slot) {
  g_autofree char *alias = devices_alias_of_slot (slot);

  for (const xmlNode *device = first_device (xml); device; device = device->next) {
    g_autofree char *found = device->type == XML_ELEMENT_NODE ? devices_get_alias (device) : NULL;

    if (found && strcmp (found, alias) == 0)
      return device;
  }
  return NULL;
}

static guint64
read_number (const xmlNode *address, const char *name) {
  g_autofree char *text = domain_xml_attribute (address, name);

  return text ? g_ascii_strtoull (text, NULL, 0) : 0;
}

/* libvirt has written the XML, so all four numbers are there. */
static gboolean
is_at (const xmlNode *device, const char *bdf) {
  const xmlNode *address = domain_xml_child (domain_xml_child (device, "source"), "address");
  unsigned int domain, bus, slot, function;

  return address && sscanf (bdf, "%x:%x:%x.%x", &domain, &bus, &slot, &function) == 4
         && read_number (address, "domain") == domain && read_number (address, "bus") == bus
         && read_number (address, "slot") == slot && read_number (address, "function") == function;
}

/* A <hostdev> of another type may have an address that reads alike. */
static gboolean
is_pci_device (const xmlNode *device) {
  if (device->type != XML_ELEMENT_NODE)
    return FALSE;
  if (xmlStrEqual (device->name, BAD_CAST "hostdev"))
    return domain_xml_attribute_is (device, "type", "pci");
  return xmlStrEqual (device->name, BAD_CAST "interface") && domain_xml_attribute_is (device, "type", "hostdev");
}

const xmlNode *
devices_find_address (const DomainXml *xml, const char *bdf) {
  for (const xmlNode *device = first_device (xml); device; device = device->next)
    if (is_pci_device (device) && is_at (device, bdf))
      return device;
  return NULL;
}
