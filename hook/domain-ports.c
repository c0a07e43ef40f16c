/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * On a machine with PCI Express (q35) one device can be plugged into each root port or downstream port of a switch, and into
 * nothing else; libvirt adds no port to a guest that runs. So free ports can be counted:
 *
 *   <controller type='pci' index='1' model='pcie-root-port'>...</controller>
 *
 * is the bus 0x01, and is taken when the <address type='pci' bus='0x01' .../> of any device is on it. Buses of conventional PCI
 * have room for many; a guest that has one of these (or a kind of bus that we do not know) is not judged, and neither is one
 * without the root of PCI Express.
 */
#include "domain-ports.h"

#include "printable.h"
#include "vfpool.h"

#include <string.h>

#define BUSES 256

/* What nothing can be plugged into while the guest runs. */
static const char *const closed_models[] = { "pcie-root", "pcie-switch-upstream-port", "pcie-expander-bus",
                                             "dmi-to-pci-bridge", NULL };
/* What one device can be plugged into. */
static const char *const port_models[] = { "pcie-root-port", "pcie-switch-downstream-port", NULL };

static gboolean
read_number (const xmlNode *node, const char *name, guint *number) {
  g_autofree char *text = domain_xml_attribute (node, name);
  char *end = NULL;
  guint64 value;

  if (!text || !g_ascii_isdigit (*text))
    return FALSE;
  value = g_ascii_strtoull (text, &end, 0);
  if (*end || value >= BUSES)
    return FALSE;
  *number = (guint)value;
  return TRUE;
}

static void
note_taken (const xmlNode *devices, gboolean *is_taken) {
  for (const xmlNode *device = devices->children; device; device = device->next) {
    const xmlNode *address = domain_xml_child (device, "address");
    guint bus;

    if (domain_xml_attribute_is (address, "type", "pci") && read_number (address, "bus", &bus))
      is_taken[bus] = TRUE;
  }
}

/* Whether @controller is a port that a device can be plugged into now. */
static gboolean
is_free_port (const xmlNode *controller, const gboolean *is_taken) {
  guint bus;

  return !domain_xml_attribute_is (domain_xml_child (controller, "target"), "hotplug", "off")
         && !(read_number (controller, "index", &bus) && is_taken[bus]);
}

/* Returns: FALSE: there may be any number. */
static gboolean
count_free (const xmlNode *devices, guint *n) {
  gboolean is_taken[BUSES] = { FALSE }, has_root = FALSE;

  *n = 0;
  note_taken (devices, is_taken);
  for (const xmlNode *c = domain_xml_child (devices, "controller"); c; c = domain_xml_next (c, "controller")) {
    g_autofree char *model = NULL;

    if (!domain_xml_attribute_is (c, "type", "pci"))
      continue;
    model = domain_xml_attribute (c, "model");
    has_root = has_root || g_strcmp0 (model, "pcie-root") == 0;
    if (model && g_strv_contains (port_models, model))
      *n += is_free_port (c, is_taken);
    else if (!model || !g_strv_contains (closed_models, model))
      return FALSE;
  }
  return has_root;
}

gboolean
domain_ports_check (const DomainXml *xml, guint wanted, GError **error) {
  const xmlNode *devices = domain_xml_child (domain_xml_root (xml), "devices");
  g_autofree char *name = domain_xml_get_name (xml), *shown = printable_copy (name ? name : "", 60);
  guint n_free;

  if (!devices || !count_free (devices, &n_free) || n_free >= wanted)
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
               "guest '%s' has %u free PCI Express ports for the %u devices that it asks for by pool, %u too few: add "
               "that many lines <controller type='pci' model='pcie-root-port'/> to its <devices> (virsh edit)",
               shown, n_free, wanted, wanted - n_free);
  return FALSE;
}
