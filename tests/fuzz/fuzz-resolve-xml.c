/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain that `vfpool resolve` fills in: what it prints is a domain of the same name with a UUID, in which each slot by pool has
 * the one device that was leased for it.
 */
#include "domain-request.h"
#include "fuzz.h"
#include "libvirt-command/devices.h"
#include "libvirt-command/resolve-xml.h"
#include "request.h"

#include <libxml/parser.h>
#include <string.h>

/* Addresses that no input is likely to name. */
static GPtrArray *
lease_all (const VfpoolRequest *request) {
  GPtrArray *leases = g_ptr_array_new_with_free_func ((GDestroyNotify)vfpool_lease_unref);

  for (guint i = 0; i < request->slots->len; i++) {
    const VfpoolSlot *slot = g_ptr_array_index (request->slots, i);
    VfpoolLease *lease = vfpool_lease_new ();

    lease->slot = g_strdup (slot->name);
    lease->by_pool = slot->pool != NULL;
    lease->address =
        slot->address ? g_strdup (slot->address) : g_strdup_printf ("fedc:%02x:%02x.0", (i / 32) % 256, i % 32);
    g_ptr_array_add (leases, lease);
  }
  return leases;
}

static void
check_device (const DomainXml *xml, const VfpoolLease *lease) {
  const xmlNode *device = devices_find_slot (xml, lease->slot);
  g_autofree char *alias = device ? devices_get_alias (device) : NULL, *wanted = devices_alias_of_slot (lease->slot);

  g_assert_nonnull (device);
  g_assert_cmpstr (alias, ==, wanted);
  g_assert_true (devices_find_address (xml, lease->address) == device);
}

static void
check_filled (const DomainXml *xml, const VfpoolRequest *request, const GPtrArray *leases) {
  g_autofree char *text = domain_xml_to_string (xml), *name = NULL;
  g_autoptr (DomainXml) again = domain_xml_parse (text, strlen (text), NULL);
  g_autoptr (VfpoolRequest) second = again ? domain_request_new (again, TRUE, NULL) : NULL;

  g_assert_nonnull (again);
  name = domain_xml_get_name (again);
  g_assert_cmpstr (name, ==, request->name);
  if (!second) /* it had a device of one of the addresses above */
    return;
  g_assert_cmpstr (second->id, ==, request->id);
  g_assert_cmpuint (second->slots->len, ==, request->slots->len);
  for (guint i = 0; i < leases->len; i++)
    if (vfpool_lease_is_by_pool (g_ptr_array_index (leases, i)))
      check_device (again, g_ptr_array_index (leases, i));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  g_autoptr (DomainXml) xml = NULL;
  g_autoptr (VfpoolRequest) request = NULL;
  g_autoptr (GPtrArray) leases = NULL;
  g_autoptr (GError) error = NULL;

  xmlInitParser ();
  xml = domain_xml_parse ((const char *)data, size, NULL);
  if (!xml)
    return 0;
  resolve_xml_add_uuid (xml);
  request = domain_request_new (xml, TRUE, &error);
  fuzz_assert_answer (request != NULL, &error);
  leases = request ? lease_all (request) : NULL;
  if (!leases)
    return 0;
  fuzz_assert_answer (resolve_xml_fill (xml, leases, &error), &error);
  check_filled (xml, request, leases);
  return 0;
}
