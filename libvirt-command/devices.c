/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device that was asked for by pool has vfpool's alias; one that was asked for by address has whatever libvirt or its owner
 * called it, and is found by the address.
 */
#include "devices.h"

#include "domain-devices.h"

#include <string.h>

char *
devices_get_alias (const xmlNode *device) {
  return domain_xml_attribute (domain_xml_child (device, "alias"), "name");
}

char *
devices_alias_of_slot (const char *slot) {
  return g_strconcat (DOMAIN_ALIAS_PREFIX, slot, NULL);
}

/* The device that is asked for by one of both, the other being NULL. */
static const xmlNode *
find (const DomainXml *xml, const char *slot, const char *bdf) {
  g_autoptr (GPtrArray) devices = domain_devices_read (xml, NULL);

  for (guint i = 0; devices && i < devices->len; i++) {
    const DomainDevice *device = g_ptr_array_index (devices, i);

    if (slot ? device->is_ours && strcmp (device->slot, slot) == 0 : strcmp (device->bdf, bdf) == 0)
      return device->node;
  }
  return NULL;
}

const xmlNode *
devices_find_slot (const DomainXml *xml, const char *slot) {
  return find (xml, slot, NULL);
}

const xmlNode *
devices_find_address (const DomainXml *xml, const char *bdf) {
  return find (xml, NULL, bdf);
}
