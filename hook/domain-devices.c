/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host device's slot has to be known from its XML alone, and to stay the same when the device gets another address: when a
 * guest comes from another host, the hook changes the address first, and has to find the lease again in the XML that it
 * printed. So the slot is told by the alias, where a user (or vfpool) gave one; libvirt keeps those that begin with "ua-", and
 * makes up all others only after the hook has run:
 *
 *   ua-vfpool-NAME   slot NAME
 *   ua-NAME          slot ua-NAME
 *   none             slot hostdev-0000-01-10-0, after the address
 */
#include "domain-devices.h"

#include <stdio.h>
#include <string.h>

#define USER_ALIAS_PREFIX "ua-"
#define SLOT_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
#define SLOT_MAX 32 /* as in a request */

void
domain_device_free (DomainDevice *self) {
  g_free (self->bdf);
  g_free (self->slot);
  g_free (self);
}

static void
free_device (gpointer device) {
  domain_device_free (device);
}

/* ---- Addresses ---- */

static gboolean
read_hex (const xmlNode *address, const char *name, guint64 max, guint *number) {
  g_autofree char *text = domain_xml_attribute (address, name);
  guint64 value = 0;
  char *end = NULL;

  if (text && (!g_ascii_isdigit (*text) || (value = g_ascii_strtoull (text, &end, 0)) > max || *end))
    return FALSE;
  *number = (guint)value;
  return TRUE;
}

/* libvirt writes all four, in hexadecimal with 0x; those that a person left out are 0 to libvirt as well. */
static char *
read_address (const xmlNode *address, GError **error) {
  guint domain, bus, device, function;

  if (read_hex (address, "domain", 0xffffffff, &domain) && read_hex (address, "bus", 0xff, &bus)
      && read_hex (address, "slot", 0x1f, &device) && read_hex (address, "function", 7, &function))
    return g_strdup_printf ("%04x:%02x:%02x.%x", domain, bus, device, function);
  g_set_error_literal (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
                       "the domain has a host device whose source <address> cannot be read: expected domain='0x0000' "
                       "bus='0x01' slot='0x10' function='0x0', as libvirt writes it");
  return NULL;
}

static void
write_number (xmlNode *address, const char *name, int digits, guint number) {
  g_autofree char *text = g_strdup_printf ("0x%0*x", digits, number);

  xmlSetProp (address, BAD_CAST name, BAD_CAST text);
}

/* ---- Slots ---- */

static gboolean
is_slot_name (const char *text) {
  size_t n = strlen (text);

  return n >= 1 && n <= SLOT_MAX && strspn (text, SLOT_CHARACTERS) == n;
}

static void
name_slot (DomainDevice *self) {
  g_autofree char *alias = domain_xml_attribute (domain_xml_child (self->node, "alias"), "name");

  self->is_ours =
      alias && g_str_has_prefix (alias, DOMAIN_ALIAS_PREFIX) && is_slot_name (alias + strlen (DOMAIN_ALIAS_PREFIX));
  if (self->is_ours)
    self->slot = g_strdup (alias + strlen (DOMAIN_ALIAS_PREFIX));
  else if (alias && g_str_has_prefix (alias, USER_ALIAS_PREFIX) && is_slot_name (alias))
    self->slot = g_strdup (alias);
  else
    self->slot = g_strdelimit (g_strconcat ("hostdev-", self->bdf, NULL), ":.", '-');
}

/* ---- Devices ---- */

static gboolean
add_device (GPtrArray *devices, const xmlNode *node, gboolean is_interface, GError **error) {
  const xmlNode *address = domain_xml_child (domain_xml_child (node, "source"), "address");
  DomainDevice *device;
  char *bdf;

  /* An interface of type hostdev may also be a USB device. */
  if (!address || (is_interface && !domain_xml_attribute_is (address, "type", "pci")))
    return TRUE;
  if (!(bdf = read_address (address, error)))
    return FALSE;
  device = g_new0 (DomainDevice, 1);
  device->node = (xmlNode *)node;
  device->address = (xmlNode *)address;
  device->is_interface = is_interface;
  device->bdf = bdf;
  name_slot (device);
  g_ptr_array_add (devices, device);
  return TRUE;
}

GPtrArray *
domain_devices_read (const DomainXml *xml, GError **error) {
  const xmlNode *all = domain_xml_child (domain_xml_root (xml), "devices");
  g_autoptr (GPtrArray) devices = g_ptr_array_new_with_free_func (free_device);

  for (const xmlNode *d = domain_xml_child (all, "hostdev"); d; d = domain_xml_next (d, "hostdev"))
    if (domain_xml_attribute_is (d, "type", "pci") && !domain_xml_attribute_is (d, "mode", "capabilities")
        && !add_device (devices, d, FALSE, error))
      return NULL;
  for (const xmlNode *d = domain_xml_child (all, "interface"); d; d = domain_xml_next (d, "interface"))
    if (domain_xml_attribute_is (d, "type", "hostdev") && !add_device (devices, d, TRUE, error))
      return NULL;
  return g_steal_pointer (&devices);
}

/* An alias from which the slot would not be known again makes way for ours: libvirt's own (vnet0, hostdev0) is made up anew at
 * each start, and a user's that is too long for a slot is no name that we could keep. */
static void
set_alias (DomainDevice *self) {
  const xmlNode *alias = domain_xml_child (self->node, "alias");
  g_autofree char *ours = g_strconcat (DOMAIN_ALIAS_PREFIX, self->slot, NULL);

  if (domain_xml_attribute_is (alias, "name", self->slot))
    return;
  if (!alias)
    alias = xmlNewChild (self->node, NULL, BAD_CAST "alias", NULL);
  xmlSetProp ((xmlNode *)alias, BAD_CAST "name", BAD_CAST ours);
}

static void
set_address (DomainDevice *self, const char *bdf) {
  unsigned int domain, bus, device, function;

  if (sscanf (bdf, "%x:%x:%x.%x", &domain, &bus, &device, &function) != 4)
    return;
  write_number (self->address, "domain", 4, domain);
  write_number (self->address, "bus", 2, bus);
  write_number (self->address, "slot", 2, device);
  write_number (self->address, "function", 1, function);
  set_alias (self);
}

static const VfpoolLease *
find_lease (const GPtrArray *leases, const char *slot, size_t length) {
  for (guint i = 0; i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);
    const char *name = vfpool_lease_get_slot (lease);
    if (strlen (name) == length && strncmp (name, slot, length) == 0)
      return lease;
  }
  return NULL;
}

/* Whether @device had come with the device of another slot (SLOT-1, SLOT-2 ...) that is leased now without it. */
static gboolean
is_left_over (const DomainDevice *device, const GPtrArray *leases) {
  const char *end = strrchr (device->slot, '-');

  return device->is_ours && end && find_lease (leases, device->slot, (size_t)(end - device->slot));
}

gboolean
domain_devices_rewrite (DomainXml *xml, const GPtrArray *leases, gboolean *changed, GError **error) {
  g_autoptr (GPtrArray) devices = domain_devices_read (xml, error);

  *changed = FALSE;
  for (guint i = 0; devices && i < devices->len; i++) {
    DomainDevice *device = g_ptr_array_index (devices, i);
    const VfpoolLease *lease = find_lease (leases, device->slot, strlen (device->slot));

    if (!lease && is_left_over (device, leases)) {
      g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NO_FREE_VF,
                   "the guest comes with the function '%s', but what is free here has fewer functions than what it "
                   "had: free a larger one, or detach that function before",
                   device->slot);
      return FALSE;
    }
    if (!lease || strcmp (vfpool_lease_get_address (lease), device->bdf) == 0)
      continue;
    set_address (device, vfpool_lease_get_address (lease));
    *changed = TRUE;
  }
  return devices != NULL;
}
