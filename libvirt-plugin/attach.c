/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that asked for a pool has no device in its XML: which one it would get was not known when libvirt read it.
 * The hook has leased and prepared the VF; here it is plugged in.
 *
 * As a plain <hostdev>, also when it is a network card: MAC and VLAN were set through the PF by the hook and read back,
 * libvirt has nothing to add to them (an <interface type='hostdev'> would, and would want the PF to be up); and the
 * same XML serves an NVMe function. managed='no', because the VF is on its driver already. What the guest pairs it with
 * (teaming) is said in the guest's own metadata.
 *
 * The alias is how the device is found again: libvirt keeps "ua-" aliases as they were given. So "is it attached" is
 * answered by the live XML alone, and an agent that was restarted knows as much as one that was not.
 */
#include "attach.h"

#include "live-xml.h"

#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

static const char *
libvirt_reason (void) {
  const char *message = virGetLastErrorMessage ();

  return message ? message : "no reason given";
}

DomainXml *
attach_live_xml (virDomainPtr domain, GError **error) {
  char *text = virDomainGetXMLDesc (domain, 0);
  DomainXml *xml;

  if (!text) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "libvirt does not show the guest's XML: %s",
                 libvirt_reason ());
    return NULL;
  }
  xml = domain_xml_parse (text, strlen (text), error);
  free (text);
  return xml;
}

/* libvirt's reasons that an operator can do something about, by a part of their text: there is no code of their own. */
static const char *
advice (const char *reason) {
  if (strstr (reason, "PCI slots") || strstr (reason, "pcie-root-port"))
    return "; the guest has no free slot to plug into: add a line <controller type='pci' model='pcie-root-port'/> to "
           "its <devices> for each slot that it asks for, and start it anew";
  if (strstr (reason, "memory"))
    return "; QEMU locks all of the guest's memory for the device: check the host's free memory and the guest's "
           "<memtune><hard_limit>";
  return "";
}

/* Whether the guest has it now, by its live XML. */
static gboolean
is_attached (virDomainPtr domain, const char *alias, gboolean *answer, GError **error) {
  g_autoptr (DomainXml) xml = attach_live_xml (domain, error);

  *answer = xml && live_xml_has_alias (xml, alias);
  return xml != NULL;
}

/* Somebody else (`vfpool start` beside the agent) may plug in the same at the same time: who comes second finds it there. */
static gboolean
plug_in (virDomainPtr domain, const char *xml, const char *alias, gboolean *attached, GError **error) {
  gboolean is_plugged = virDomainAttachDeviceFlags (domain, xml, VIR_DOMAIN_AFFECT_LIVE) == 0;
  g_autofree char *reason = is_plugged ? NULL : g_strdup (libvirt_reason ());
  g_autoptr (GError) local = NULL;
  gboolean is_there = FALSE;

  *attached = is_plugged;
  if (is_attached (domain, alias, &is_there, &local) && is_there)
    return TRUE;
  if (!is_plugged)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "libvirt says: %s%s", reason, advice (reason));
  else if (local)
    g_propagate_error (error, g_steal_pointer (&local));
  else
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL,
                 "libvirt acknowledged it, but the guest's XML shows no device '%s': look at `virsh dumpxml`", alias);
  return FALSE;
}

gboolean
attach_lease (virDomainPtr domain, const VfpoolLease *lease, gboolean *attached, GError **error) {
  const char *slot = vfpool_lease_get_slot (lease), *bdf = vfpool_lease_get_address (lease);
  g_autofree char *alias = g_strconcat (LIVE_XML_ALIAS_PREFIX, slot, NULL);
  g_autoptr (DomainXml) live = attach_live_xml (domain, error);
  g_autofree char *teaming = live ? live_xml_teaming (live, slot) : NULL;
  g_autofree char *device = live_xml_hostdev (bdf, alias, teaming);

  *attached = FALSE;
  if (!live)
    return FALSE;
  if (live_xml_has_alias (live, alias))
    return TRUE;
  return plug_in (domain, device, alias, attached, error);
}
