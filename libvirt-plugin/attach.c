/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that asked for a pool has no device in its XML: which one it would get was not known when libvirt read it.
 * The hook has leased and prepared the VF; here it is plugged in.
 *
 * As a plain <hostdev>, also when it is a network card: MAC and VLAN were set through the PF by the hook and read back,
 * libvirt has nothing to add to them (an <interface type='hostdev'> would, and would want the PF to be up); and the
 * same XML serves an NVMe function. managed='no', because the VF is on its driver already.
 *
 * The alias is how the device is found again: libvirt keeps "ua-" aliases as they were given. So "is it attached" is
 * answered by the live XML alone, and an agent that was restarted knows as much as one that was not.
 */
#include "attach.h"

#include <libvirt/virterror.h>
#include <libxml/parser.h>
#include <stdio.h>
#include <string.h>

#define ALIAS_PREFIX "ua-vfpool-"

static const char *
libvirt_reason (void) {
  const char *message = virGetLastErrorMessage ();

  return message ? message : "no reason given";
}

/* ---- Is it attached ---- */

static const xmlNode *
element_called (const xmlNode *node, const char *name) {
  for (; node; node = node->next)
    if (node->type == XML_ELEMENT_NODE && xmlStrEqual (node->name, BAD_CAST name))
      return node;
  return NULL;
}

static gboolean
device_has_alias (const xmlNode *device, const char *alias) {
  const xmlNode *element = element_called (device->children, "alias");
  xmlChar *name = element ? xmlGetNoNsProp ((xmlNode *)element, BAD_CAST "name") : NULL;
  gboolean equal = name && xmlStrEqual (name, BAD_CAST alias);

  xmlFree (name);
  return equal;
}

static gboolean
document_has_alias (xmlDoc *xml, const char *alias) {
  const xmlNode *domain = xmlDocGetRootElement (xml);
  const xmlNode *devices = domain ? element_called (domain->children, "devices") : NULL;

  for (const xmlNode *device = devices ? devices->children : NULL; device; device = device->next)
    if (device->type == XML_ELEMENT_NODE && device_has_alias (device, alias))
      return TRUE;
  return FALSE;
}

/* The XML is libvirt's own; it is parsed as warily as any, since parts of it are a guest's. */
static gboolean
is_attached (virDomainPtr domain, const char *alias, gboolean *answer, GError **error) {
  char *text = virDomainGetXMLDesc (domain, 0);
  xmlDoc *xml;

  if (!text) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "libvirt does not show the guest's XML: %s",
                 libvirt_reason ());
    return FALSE;
  }
  xml = xmlReadMemory (text, (int)strlen (text), NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
  free (text);
  if (!xml) {
    g_set_error_literal (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL,
                         "libvirt's XML of the guest cannot be parsed, so it is not known what is attached to it");
    return FALSE;
  }
  *answer = document_has_alias (xml, alias);
  xmlFreeDoc (xml);
  return TRUE;
}

/* ---- Attaching ---- */

char *
attach_device_xml (const char *bdf, const char *alias) {
  unsigned int domain, bus, device, function;

  if (sscanf (bdf, "%x:%x:%x.%x", &domain, &bus, &device, &function) != 4)
    return NULL;
  return g_strdup_printf ("<hostdev mode='subsystem' type='pci' managed='no'>"
                          "<source><address domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%x'/></source>"
                          "<alias name='%s'/>"
                          "</hostdev>",
                          domain, bus, device, function, alias);
}

/* libvirt's reasons that an operator can do something about, by a part of their text: there is no code of their own. */
static const char *
advice (const char *reason) {
  if (strstr (reason, "PCI slots") || strstr (reason, "pcie-root-port"))
    return "; the guest has no free slot to plug into: add a line <controller type='pci' model='pcie-root-port'/> to "
           "its "
           "<devices> for each slot that it asks for, and start it anew";
  if (strstr (reason, "memory"))
    return "; QEMU locks all of the guest's memory for the device: check the host's free memory and the guest's "
           "<memtune><hard_limit>";
  return "; when the reason is mended, restart the guest, or vfpool-agent.service, which tries again";
}

static gboolean
plug_in (virDomainPtr domain, const char *bdf, const char *alias, GError **error) {
  g_autofree char *xml = attach_device_xml (bdf, alias);
  gboolean answer = FALSE;

  if (!xml || virDomainAttachDeviceFlags (domain, xml, VIR_DOMAIN_AFFECT_LIVE) < 0) {
    const char *reason = xml ? libvirt_reason () : "its address cannot be read";
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "libvirt says: %s%s", reason, advice (reason));
    return FALSE;
  }
  if (!is_attached (domain, alias, &answer, error))
    return FALSE;
  if (!answer)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL,
                 "libvirt acknowledged it, but the guest's XML shows no device '%s': look at `virsh dumpxml`", alias);
  return answer;
}

gboolean
attach_lease (virDomainPtr domain, const VfpoolLease *lease, gboolean *attached, GError **error) {
  g_autofree char *alias = g_strconcat (ALIAS_PREFIX, vfpool_lease_get_slot (lease), NULL);
  g_autoptr (GError) local = NULL;
  gboolean is_there = FALSE;

  *attached = FALSE;
  if (!is_attached (domain, alias, &is_there, error))
    return FALSE;
  if (is_there)
    return TRUE;
  *attached = plug_in (domain, vfpool_lease_get_address (lease), alias, &local);
  if (*attached)
    return TRUE;
  /* The agent and `vfpool start` may both attach; libvirt refuses who comes second. */
  if (is_attached (domain, alias, &is_there, NULL) && is_there)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}
