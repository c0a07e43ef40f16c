/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `vfpool request add`, `list` and `remove`: what a guest asks for at each start, in the definition that libvirt keeps of it. A
 * guest that runs is not touched, and is told of.
 */
#include "call.h"
#include "domain-ports.h"
#include "domain-request.h"
#include "failure.h"
#include "guest.h"
#include "print-plan.h"
#include "printable.h"
#include "request-xml.h"

#define METADATA_KEY "vfpool" /* the prefix of our namespace in the XML that libvirt writes */

/* The guest's definition; NULL: @error is set. */
static DomainXml *
get_definition (const Guest *guest, GError **error) {
  switch (virDomainIsPersistent (guest->domain)) {
  case 1:
    return guest_get_xml (guest, VIR_DOMAIN_XML_INACTIVE, error);
  case 0:
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND,
                 "guest %s is transient and has no definition: write the request into the XML that it is created from",
                 guest->name);
    return NULL;
  default:
    failure_set (error, "the definition of guest %s cannot be read", guest->name);
    return NULL;
  }
}

static gboolean
write_metadata (const Guest *guest, const DomainXml *xml, GError **error) {
  g_autofree char *metadata = request_xml_to_metadata (xml);

  return virDomainSetMetadata (guest->domain, VIR_DOMAIN_METADATA_ELEMENT, metadata, METADATA_KEY,
                               DOMAIN_REQUEST_NAMESPACE, VIR_DOMAIN_AFFECT_CONFIG)
             == 0
         || failure_set (error, "the request cannot be written into the definition of guest %s", guest->name);
}

/* Writes the request of @xml, which has been given the slot called @slot or rid of it. libvirt takes the metadata as a whole, whatever
 * it was before: of two who write at once one wins. */
static gboolean
set_definition (const Guest *guest, const DomainXml *xml, const char *slot, GError **error) {
  g_autoptr (DomainXml) now = NULL;

  if (!write_metadata (guest, xml, error) || !(now = get_definition (guest, error)))
    return FALSE;
  if (request_xml_has (now, slot) == request_xml_has (xml, slot))
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY,
               "guest %s: what it asks for was changed by somebody else at the same time, and this change is lost: "
               "`vfpool request list` shows what it asks for; then try again",
               guest->name);
  return FALSE;
}

static gboolean
check_pool (const Call *call, GError **error) {
  g_autoptr (Vfpool) vfpool = call_open (call, error);
  g_autofree char *shown = printable_copy (call->pool, 40);

  if (!vfpool)
    return FALSE;
  if (vfpool_has_pool (vfpool, call->pool))
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
               "pool '%s' is not configured: `vfpool status` shows the pools", shown);
  return FALSE;
}

/* Now the devices have the addresses that libvirt gave them. A guest without ports can be given them later, so it is only told of. */
static void
check_ports (const Guest *guest) {
  g_autoptr (DomainXml) xml = get_definition (guest, NULL);
  g_autoptr (VfpoolRequest) request = xml ? domain_request_new (xml, FALSE, NULL) : NULL;
  g_autoptr (GError) local = NULL;

  if (request && !domain_ports_check (xml, vfpool_request_count_pool_slots (request), &local))
    call_warn ("%s", local->message);
}

gboolean
verb_request_add (const Call *call, GError **error) {
  const RequestSlot slot = { call->slot_option, call->pool, call->mac, call->vlan, call->functions, call->teaming };
  g_auto (Guest) guest = { 0 };
  g_autoptr (DomainXml) xml = NULL;
  g_autofree char *name = NULL;

  if (!check_pool (call, error) || !guest_open (&guest, call->guest, error) || !(xml = get_definition (&guest, error)))
    return FALSE;
  if (!(name = request_xml_add (xml, &slot, error))) {
    g_prefix_error (error, "guest %s: ", guest.name);
    return FALSE;
  }
  if (!set_definition (&guest, xml, name, error))
    return FALSE;
  check_ports (&guest);
  call_tell (virDomainIsActive (guest.domain) == 1,
             "guest %s runs and has this VF from its next start on; `vfpool attach` gives it one now", guest.name);
  return TRUE;
}

gboolean
verb_request_remove (const Call *call, GError **error) {
  g_auto (Guest) guest = { 0 };
  g_autoptr (DomainXml) xml = NULL;

  if (!guest_open (&guest, call->guest, error) || !(xml = get_definition (&guest, error)))
    return FALSE;
  if (!request_xml_remove (xml, call->slot, error)) {
    g_prefix_error (error, "guest %s: ", guest.name);
    return FALSE;
  }
  if (!set_definition (&guest, xml, call->slot, error))
    return FALSE;
  call_tell (virDomainIsActive (guest.domain) == 1,
             "guest %s runs and keeps what it has until it stops; `vfpool detach` takes it now", guest.name);
  return TRUE;
}

static GVariant *
describe_guest (const Guest *guest) {
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&dict, "{sv}", "kind",
                         g_variant_new_string (vfpool_guest_kind_to_string (VFPOOL_GUEST_LIBVIRT)));
  g_variant_builder_add (&dict, "{sv}", "id", g_variant_new_string (guest->uuid));
  g_variant_builder_add (&dict, "{sv}", "name", g_variant_new ("ms", guest->name));
  return g_variant_builder_end (&dict);
}

gboolean
verb_request_list (const Call *call, GError **error) {
  g_auto (Guest) guest = { 0 };
  g_autoptr (DomainXml) xml = NULL;
  g_autoptr (GVariant) slots = NULL, answer = NULL;
  GVariantBuilder dict;

  if (!guest_open (&guest, call->guest, error) || !(xml = get_definition (&guest, error)))
    return FALSE;
  if (!(slots = request_xml_list (xml, error))) {
    g_prefix_error (error, "guest %s: ", guest.name);
    return FALSE;
  }
  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&dict, "{sv}", "guest", describe_guest (&guest));
  g_variant_builder_add (&dict, "{sv}", "slots", slots);
  answer = g_variant_ref_sink (g_variant_builder_end (&dict));
  return print_plan (answer, error);
}
