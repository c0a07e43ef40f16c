/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `vfpool resolve`: for tools that make a transient guest out of XML, and want to know before what is in it. All that the domain
 * asks for is leased here as its hook would, also what it asks for by address, so that no slot gets what another one names;
 * the hook finds the leases when the guest starts.
 *
 * libvirt is not asked. A guest that is never made holds its leases until reconcile, or somebody who needs the VFs, finds after the start
 * grace that it does not live.
 */
#include "call.h"
#include "cli/cli.h"
#include "domain-request.h"
#include "resolve-xml.h"

#include <unistd.h>

/* Nobody has been told of the addresses. */
static void
undo (Vfpool *vfpool, const GPtrArray *leases) {
  for (guint i = 0; i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);
    g_autoptr (GError) local = NULL;

    if (!vfpool_release_lease (vfpool, lease, &local))
      call_warn ("VF %s stays leased: %s", vfpool_lease_get_address (lease), local->message);
  }
}

static gboolean
fill_in (Vfpool *vfpool, DomainXml *xml, const VfpoolRequest *request, GError **error) {
  g_autoptr (GPtrArray) leases = vfpool_acquire (vfpool, request, error);
  g_autofree char *text = NULL;

  if (!leases)
    return FALSE;
  if (resolve_xml_fill (xml, leases, error)) {
    text = domain_xml_to_string (xml);
    if (cli_print (text, error))
      return TRUE;
  }
  undo (vfpool, leases);
  return FALSE;
}

gboolean
verb_resolve (const Call *call, GError **error) {
  gsize length;
  g_autofree char *text = domain_xml_read (STDIN_FILENO, &length, error);
  g_autoptr (DomainXml) xml = text ? domain_xml_parse (text, length, error) : NULL;
  g_autoptr (VfpoolRequest) request = NULL;
  g_autoptr (Vfpool) vfpool = NULL;

  if (!xml)
    return FALSE;
  resolve_xml_add_uuid (xml);
  request = domain_request_new (xml, vfpool_has_configuration (call->root), error);
  if (!request)
    return FALSE;
  if (!vfpool_request_names_pool (request))
    return cli_print (text, error);
  vfpool = call_open (call, error);
  return vfpool && fill_in (vfpool, xml, request, error);
}
