/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Domain XML: what a domain asks for can be written as XML again and is the same request. */
#include "domain-devices.h"
#include "domain-request.h"
#include "fuzz.h"
#include "live-xml.h"
#include "request.h"

#include <string.h>

static const char *const policy_keys[] = { "numa", "placement", "anti-affinity" };

static void
write_pool_slot (GString *xml, const VfpoolSlot *slot) {
  g_string_append_printf (xml, "<v:slot name='%s' pool='%s'", slot->name, slot->pool);
  if (slot->mac)
    g_string_append_printf (xml, " mac='%s'", slot->mac);
  if (slot->vlan != VFPOOL_VLAN_UNSET)
    g_string_append_printf (xml, " vlan='%d'", slot->vlan);
  g_string_append (xml, slot->all_functions ? " functions='all'/>" : "/>");
}

static void
write_policy (GString *xml, const VfpoolPolicy *policy) {
  for (guint i = 0; i < G_N_ELEMENTS (policy_keys); i++)
    if (vfpool_policy_get (policy, policy_keys[i]))
      g_string_append_printf (xml, " %s='%s'", policy_keys[i], vfpool_policy_get (policy, policy_keys[i]));
}

static void
write_home (GString *xml, const VfpoolRequest *request) {
  g_autofree char *nodes = request->nodes ? vfpool_numbers_to_string (request->nodes) : NULL;
  g_autofree char *cpus = request->cpus ? vfpool_numbers_to_string (request->cpus) : NULL;

  if (nodes)
    g_string_append_printf (xml, "<numatune><memory nodeset='%s'/></numatune>", nodes);
  if (cpus)
    g_string_append_printf (xml, "<vcpu cpuset='%s'>2</vcpu>", cpus);
}

/* The alias from which the name of a slot by address is known, where it is not known from the address. */
static void
write_alias (GString *xml, const VfpoolSlot *slot) {
  g_autofree char *by_address = g_strdelimit (g_strconcat ("hostdev-", slot->address, NULL), ":.", '-');

  if (strcmp (slot->name, by_address) != 0)
    g_string_append_printf (xml, "<alias name='" DOMAIN_ALIAS_PREFIX "%s'/>", slot->name);
}

static void
write_address_slot (GString *xml, const VfpoolSlot *slot) {
  g_auto (GStrv) part = g_strsplit_set (slot->address, ":.", 4);

  g_string_append_printf (xml,
                          "<interface type='hostdev'><source><address type='pci' domain='0x%s' bus='0x%s' slot='0x%s' "
                          "function='0x%s'/></source>",
                          part[0], part[1], part[2], part[3]);
  if (slot->mac)
    g_string_append_printf (xml, "<mac address='%s'/>", slot->mac);
  if (slot->vlan != VFPOOL_VLAN_UNSET)
    g_string_append_printf (xml, "<vlan><tag id='%d'/></vlan>", slot->vlan);
  write_alias (xml, slot);
  g_string_append (xml, "</interface>");
}

static GString *
write_domain (const VfpoolRequest *request) {
  GString *xml = g_string_new (NULL);

  g_string_printf (xml, "<domain><uuid>%s</uuid><metadata><v:request xmlns:v='" DOMAIN_REQUEST_NAMESPACE "'",
                   request->id);
  write_policy (xml, &request->policy);
  g_string_append (xml, ">");
  for (guint i = 0; i < request->slots->len; i++)
    if (((VfpoolSlot *)g_ptr_array_index (request->slots, i))->pool)
      write_pool_slot (xml, g_ptr_array_index (request->slots, i));
  g_string_append (xml, "</v:request></metadata>");
  write_home (xml, request);
  g_string_append (xml, "<devices>");
  for (guint i = 0; i < request->slots->len; i++)
    if (((VfpoolSlot *)g_ptr_array_index (request->slots, i))->address)
      write_address_slot (xml, g_ptr_array_index (request->slots, i));
  g_string_append (xml, "</devices></domain>");
  return xml;
}

/* Slots by pool come first in either, and keep their order; so do those by address, of which interfaces come last. */
static const VfpoolSlot *
find_slot (const VfpoolRequest *request, const char *name) {
  for (guint i = 0; i < request->slots->len; i++) {
    const VfpoolSlot *slot = g_ptr_array_index (request->slots, i);

    if (strcmp (slot->name, name) == 0)
      return slot;
  }
  return NULL;
}

static void
check_same_home (const VfpoolNumbers *numbers, const VfpoolNumbers *again) {
  g_autofree char *text = numbers ? vfpool_numbers_to_string (numbers) : NULL;
  g_autofree char *second_text = again ? vfpool_numbers_to_string (again) : NULL;

  g_assert_cmpstr (text, ==, second_text);
}

static void
check_again (const VfpoolRequest *request) {
  g_autoptr (GString) text = write_domain (request);
  g_autoptr (DomainXml) xml = domain_xml_parse (text->str, text->len, NULL);
  g_autoptr (VfpoolRequest) again = xml ? domain_request_new (xml, TRUE, NULL) : NULL;

  g_assert_nonnull (again);
  g_assert_cmpstr (again->id, ==, request->id);
  g_assert_cmpuint (again->slots->len, ==, request->slots->len);
  for (guint i = 0; i < request->slots->len; i++) {
    const VfpoolSlot *slot = g_ptr_array_index (request->slots, i), *second = find_slot (again, slot->name);

    g_assert_nonnull (second);
    g_assert_cmpstr (second->pool, ==, slot->pool);
    g_assert_cmpstr (second->address, ==, slot->address);
    g_assert_cmpstr (second->mac, ==, slot->mac);
    g_assert_cmpint (second->vlan, ==, slot->vlan);
    g_assert_true (second->all_functions == slot->all_functions);
  }
  for (guint i = 0; i < G_N_ELEMENTS (policy_keys); i++)
    g_assert_cmpstr (vfpool_policy_get (&again->policy, policy_keys[i]), ==,
                     vfpool_policy_get (&request->policy, policy_keys[i]));
  g_assert_true (!request->nodes || !request->cpus);
  check_same_home (request->nodes, again->nodes);
  check_same_home (request->cpus, again->cpus);
}

static void
check_domain (const DomainXml *xml, gboolean with_addresses) {
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolRequest) request = domain_request_new (xml, with_addresses, &error);

  fuzz_assert_answer (request != NULL, &error);
  if (!request)
    return;
  g_assert_true (!request->name || g_utf8_validate (request->name, -1, NULL));
  for (guint i = 0; !with_addresses && i < request->slots->len; i++)
    g_assert_null (((VfpoolSlot *)g_ptr_array_index (request->slots, i))->address);
  check_again (request);
}

/* ---- A domain that comes from elsewhere ---- */

static const char *
pool_of (gpointer data G_GNUC_UNUSED, const char *bdf) {
  return bdf[strlen (bdf) - 1] % 2 ? "odd" : NULL;
}

/* A lease of another device for each slot. */
static GPtrArray *
lease_all (const VfpoolRequest *request) {
  GPtrArray *leases = g_ptr_array_new_with_free_func ((GDestroyNotify)vfpool_lease_unref);

  for (guint i = 0; i < request->slots->len; i++) {
    VfpoolLease *lease = vfpool_lease_new ();

    lease->slot = g_strdup (((VfpoolSlot *)g_ptr_array_index (request->slots, i))->name);
    lease->address = g_strdup_printf ("fedcba98:%02x:%02x.0", i / 32, i % 32);
    g_ptr_array_add (leases, lease);
  }
  return leases;
}

/* What was leased is found again in the XML that is printed, by slot and address; if it can be understood at all: a slot of
 * the metadata that has no device is not looked at before. */
static void
check_incoming (DomainXml *xml) {
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolRequest) before = domain_request_new (xml, TRUE, NULL);
  g_autoptr (VfpoolRequest) request = domain_request_new_incoming (xml, pool_of, NULL, &error), then = NULL;
  g_autoptr (GPtrArray) leases = NULL;
  gboolean changed;

  fuzz_assert_answer (request != NULL, &error);
  leases = request ? lease_all (request) : NULL;
  if (!leases || !before || !domain_devices_rewrite (xml, leases, &changed, NULL))
    return;
  g_assert_true (changed == (leases->len > 0));
  then = domain_request_new (xml, TRUE, &error);
  if (!then) { /* an input may have the addresses of these leases itself */
    g_assert_nonnull (strstr (error->message, "both ask for fedcba98:"));
    return;
  }
  for (guint i = 0; i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);
    const VfpoolSlot *slot = find_slot (then, lease->slot);

    g_assert_nonnull (slot);
    g_assert_cmpstr (slot->address, ==, lease->address);
  }
}

/* Whatever a running guest says that its VF is paired with, what is plugged in is one device of that name. */
static void
check_live (const DomainXml *xml) {
  g_autofree char *teaming = live_xml_teaming (xml, "net0");
  g_autofree char *device = live_xml_hostdev ("0000:01:10.0", "ua-vfpool-net0", teaming);
  g_autofree char *text = g_strconcat ("<domain><devices>", device, "</devices></domain>", NULL);
  g_autoptr (DomainXml) plugged = domain_xml_parse (text, strlen (text), NULL);
  const xmlNode *hostdev =
      plugged ? domain_xml_child (domain_xml_child (domain_xml_root (plugged), "devices"), "hostdev") : NULL;

  g_assert_true (plugged && live_xml_has_alias (plugged, "ua-vfpool-net0"));
  g_assert_null (hostdev->next);
  live_xml_has_alias (xml, "ua-vfpool-net0");
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  g_autoptr (GError) error = NULL;
  g_autoptr (DomainXml) xml = NULL;
  g_autofree char *uuid = NULL;

  xmlInitParser ();
  fuzz_memory_begin ();
  xml = domain_xml_parse ((const char *)data, size, &error);
  fuzz_memory_end (512 * 1024 + 256 * size);
  fuzz_assert_answer (xml != NULL, &error);
  if (!xml)
    return 0;
  uuid = domain_xml_get_uuid (xml, &error);
  fuzz_assert_answer (uuid != NULL, &error);
  check_domain (xml, TRUE);
  check_domain (xml, FALSE);
  check_live (xml);
  check_incoming (xml);
  return 0;
}
