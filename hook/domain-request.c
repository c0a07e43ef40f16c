/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain asks in two ways. By pool, in <metadata>, which libvirt keeps and never reads:
 *
 *   <vfpool:request xmlns:vfpool="urn:vfpool:domain:1" numa="required" placement="pack" anti-affinity="card">
 *     <vfpool:slot name="net0" pool="lan" mac="52:54:00:12:34:56" vlan="100"/>
 *     <vfpool:slot name="gpu" pool="gpu" functions="all"/>
 *   </vfpool:request>
 *
 * and by address: each PCI <hostdev> and each <interface type='hostdev'>. The attributes of the request are a policy that goes
 * before those of the pools (policy.h); with functions="all" a slot gets all functions of the device that is chosen, as
 * far as they lie in the pool. All attributes but pool are optional.
 *
 * Within our element everything is ours, and what is not known there is an error: a misspelt attribute must not become a
 * guest without its VLAN. Everything else in the XML is libvirt's or somebody else's, and is passed over; where on the
 * host the guest lives is read out of it (domain-numa.h).
 */
#include "domain-request.h"

#include "domain-numa.h"
#include "printable.h"

#include <string.h>

#define NAMESPACE_STEM "urn:vfpool:"
#define PREFIX "vfpool" /* for messages; the guest may use another */

static const char *const slot_attributes[] = { "name", "pool", "mac", "vlan", "functions", NULL };
static const char *const policy_attributes[] = { "numa", "placement", "anti-affinity", NULL };

static gboolean bad_input (GError **error, const xmlNode *node, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* The number of the line is left out: it is one of the XML that libvirt wrote anew, which nobody has seen. */
static gboolean
bad_input (GError **error, const xmlNode *node, const char *format, ...) {
  g_autofree char *name = printable_copy ((const char *)node->name, 60);
  g_autofree char *what = NULL;
  g_autofree char *shown = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  shown = printable_copy (what, 300);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT, "the domain's <metadata>: <" PREFIX ":%s>%s", name, shown);
  return FALSE;
}

static gboolean
is_ours (const xmlNode *node) {
  return node->ns && xmlStrEqual (node->ns->href, BAD_CAST DOMAIN_REQUEST_NAMESPACE);
}

/* ---- By pool: <metadata> ---- */

static gboolean
check_attributes (const xmlNode *node, const char *const *known, GError **error) {
  for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
    g_autofree char *list = g_strjoinv (", ", (char **)known);

    if (!attr->ns && g_strv_contains (known, (const char *)attr->name))
      continue;
    return bad_input (error, node, " has the unknown attribute '%s%s%.60s': expected %s%s",
                      attr->ns && attr->ns->prefix ? (const char *)attr->ns->prefix : "", attr->ns ? ":" : "",
                      (const char *)attr->name, list, attr->ns ? ", without a prefix" : "");
  }
  return TRUE;
}

/* Only white space and comments may stand beside the elements of @node. */
static gboolean
is_decoration (const xmlNode *node) {
  return node->type == XML_COMMENT_NODE || xmlIsBlankNode (node);
}

static gboolean
read_vlan (const xmlNode *slot, int *vlan, GError **error) {
  g_autofree char *text = domain_xml_attribute (slot, "vlan");
  guint64 value;

  *vlan = VFPOOL_VLAN_UNSET;
  if (!text)
    return TRUE;
  if (!g_ascii_string_to_unsigned (text, 10, 0, 4094, &value, NULL))
    return bad_input (error, slot, " has vlan='%.40s': expected a number from 0 (untagged) to 4094", text);
  *vlan = (int)value;
  return TRUE;
}

static gboolean
read_functions (const xmlNode *slot, gboolean *all, GError **error) {
  g_autofree char *text = domain_xml_attribute (slot, "functions");

  *all = text != NULL;
  if (text && strcmp (text, "all") != 0)
    return bad_input (error, slot, " has functions='%.40s': expected functions='all', or none for one function", text);
  return TRUE;
}

static gboolean
add_slot (VfpoolRequest *request, const xmlNode *slot, guint position, GError **error) {
  g_autofree char *name = domain_xml_attribute (slot, "name");
  g_autofree char *pool = domain_xml_attribute (slot, "pool");
  g_autofree char *mac = domain_xml_attribute (slot, "mac");
  g_autofree char *shown = printable_copy (pool ? pool : "", 60);
  gboolean all_functions;
  int vlan;

  if (!check_attributes (slot, slot_attributes, error) || !read_vlan (slot, &vlan, error)
      || !read_functions (slot, &all_functions, error))
    return FALSE;
  if (!pool || !*pool)
    return bad_input (error, slot, " number %u names no pool: expected pool='NAME'", position + 1);
  if (slot->children)
    return bad_input (error, slot, " for the pool '%s' is not empty: expected attributes only", shown);
  if (!name)
    name = g_strdup_printf ("slot%u", position);
  if (vfpool_request_add_pool (request, name, pool, mac, vlan, error)
      && (!all_functions || vfpool_request_set_all_functions (request, name, error)))
    return TRUE;
  g_prefix_error (error, "the domain's <metadata>: <" PREFIX ":slot> for the pool '%s': ", shown);
  return FALSE;
}

static gboolean
read_policy (VfpoolRequest *request, const xmlNode *element, GError **error) {
  for (const char *const *key = policy_attributes; *key; key++) {
    g_autofree char *word = domain_xml_attribute (element, *key);

    if (!word || vfpool_request_set_policy (request, *key, word, error))
      continue;
    g_prefix_error (error, "the domain's <metadata>: <" PREFIX ":request>: ");
    return FALSE;
  }
  return TRUE;
}

static gboolean
add_request (VfpoolRequest *request, const xmlNode *element, GError **error) {
  guint position = 0;

  if (!xmlStrEqual (element->name, BAD_CAST "request"))
    return bad_input (error, element, " is unknown: expected <" PREFIX ":request>");
  if (!check_attributes (element, policy_attributes, error) || !read_policy (request, element, error))
    return FALSE;
  for (const xmlNode *node = element->children; node; node = node->next) {
    if (is_decoration (node))
      continue;
    if (node->type != XML_ELEMENT_NODE)
      return bad_input (error, element, " holds text: expected <" PREFIX ":slot pool='NAME'/> elements only");
    if (!is_ours (node) || !xmlStrEqual (node->name, BAD_CAST "slot"))
      return bad_input (error, element,
                        " holds the unknown element <%s%s%.60s>: expected <" PREFIX ":slot pool='NAME'/>",
                        node->ns && node->ns->prefix ? (const char *)node->ns->prefix : "", node->ns ? ":" : "",
                        (const char *)node->name);
    if (!add_slot (request, node, position++, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
add_metadata (VfpoolRequest *request, const xmlNode *domain, GError **error) {
  const xmlNode *metadata = domain_xml_child (domain, "metadata");
  const xmlNode *seen = NULL;

  for (const xmlNode *node = metadata ? metadata->children : NULL; node; node = node->next) {
    if (node->type != XML_ELEMENT_NODE || !node->ns || !g_str_has_prefix ((const char *)node->ns->href, NAMESPACE_STEM))
      continue;
    if (!is_ours (node))
      return bad_input (error, node, " is in the namespace '%.60s': this vfpool knows %s only",
                        (const char *)node->ns->href, DOMAIN_REQUEST_NAMESPACE);
    if (seen)
      return bad_input (error, node,
                        " stands beside another element of vfpool: expected one <" PREFIX
                        ":request> that holds all slots");
    if (!add_request (request, node, error))
      return FALSE;
    seen = node;
  }
  return TRUE;
}

/* ---- By address: host devices ---- */

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

/* The one VLAN that the port of an interface is in; a trunk has no such, and is libvirt's own affair. */
static int
interface_vlan (const xmlNode *interface) {
  const xmlNode *vlan = domain_xml_child (interface, "vlan");
  const xmlNode *tag = domain_xml_child (vlan, "tag");
  g_autofree char *id = domain_xml_attribute (tag, "id");
  guint64 value;

  if (!id || domain_xml_next (tag, "tag") || domain_xml_attribute_is (vlan, "trunk", "yes")
      || !g_ascii_string_to_unsigned (id, 10, 0, G_MAXINT, &value, NULL))
    return VFPOOL_VLAN_UNSET;
  return (int)value;
}

/* Slots by address are named after the address: libvirt gives devices their aliases only after the hook has run. */
static gboolean
add_device (VfpoolRequest *request, const xmlNode *device, gboolean is_interface, GError **error) {
  const xmlNode *address = domain_xml_child (domain_xml_child (device, "source"), "address");
  g_autofree char *mac = is_interface ? domain_xml_attribute (domain_xml_child (device, "mac"), "address") : NULL;
  int vlan = is_interface ? interface_vlan (device) : VFPOOL_VLAN_UNSET;
  g_autofree char *bdf = NULL;
  g_autofree char *slot = NULL;

  /* An interface of type hostdev may also be a USB device. */
  if (!address || (is_interface && !domain_xml_attribute_is (address, "type", "pci")))
    return TRUE;
  if (!(bdf = read_address (address, error)))
    return FALSE;
  slot = g_strdelimit (g_strconcat ("hostdev-", bdf, NULL), ":.", '-');
  if (vfpool_request_add_address (request, slot, bdf, mac, vlan, error))
    return TRUE;
  g_prefix_error (error, "the domain's host device %s: ", bdf);
  return FALSE;
}

static gboolean
add_devices (VfpoolRequest *request, const xmlNode *domain, GError **error) {
  const xmlNode *devices = domain_xml_child (domain, "devices");

  for (const xmlNode *d = domain_xml_child (devices, "hostdev"); d; d = domain_xml_next (d, "hostdev"))
    if (domain_xml_attribute_is (d, "type", "pci") && !domain_xml_attribute_is (d, "mode", "capabilities")
        && !add_device (request, d, FALSE, error))
      return FALSE;
  for (const xmlNode *d = domain_xml_child (devices, "interface"); d; d = domain_xml_next (d, "interface"))
    if (domain_xml_attribute_is (d, "type", "hostdev") && !add_device (request, d, TRUE, error))
      return FALSE;
  return TRUE;
}

/* Of the domain @xml, empty. */
static VfpoolRequest *
begin_request (const DomainXml *xml, GError **error) {
  g_autofree char *uuid = domain_xml_get_uuid (xml, error);
  g_autofree char *name = domain_xml_get_name (xml);

  return uuid ? vfpool_request_new (VFPOOL_GUEST_LIBVIRT, uuid, name, error) : NULL;
}

VfpoolRequest *
domain_request_new (const DomainXml *xml, gboolean with_addresses, GError **error) {
  const xmlNode *domain = domain_xml_root (xml);
  g_autoptr (VfpoolRequest) request = begin_request (xml, error);

  if (!request || !add_metadata (request, domain, error) || (with_addresses && !add_devices (request, domain, error)))
    return NULL;
  if (!vfpool_request_is_empty (request))
    domain_numa_read (request, domain);
  return g_steal_pointer (&request);
}

VfpoolRequest *
domain_request_new_of_devices (const DomainXml *xml, GError **error) {
  g_autoptr (VfpoolRequest) request = begin_request (xml, error);

  return request && add_devices (request, domain_xml_root (xml), error) ? g_steal_pointer (&request) : NULL;
}
