/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain asks in two ways. By pool, in <metadata>, which libvirt keeps and never reads:
 *
 *   <vfpool:request xmlns:vfpool="urn:vfpool:domain:1" numa="required" placement="pack" anti-affinity="card">
 *     <vfpool:slot name="net0" pool="lan" mac="52:54:00:12:34:56" vlan="100" teaming="ua-virtio0"/>
 *     <vfpool:slot name="gpu" pool="gpu" functions="all"/>
 *   </vfpool:request>
 *
 * and by address: each PCI <hostdev> and each <interface type='hostdev'>. The attributes of the request are a policy that goes
 * before those of the pools (policy.h); with functions="all" a slot gets all functions of the device that is chosen, as
 * far as they lie in the pool; with teaming= whoever plugs the VF in pairs it with that interface. All attributes but pool
 * are optional.
 *
 * Both ways meet in a device whose alias says that it stands for a slot of the metadata (domain-devices.c): that slot asks for this
 * very address. So what was asked for by pool is not asked for once more when somebody has written its device into the XML.
 *
 * Within our element everything is ours, and what is not known there is an error: a misspelt attribute must not become a
 * guest without its VLAN. Everything else in the XML is libvirt's or somebody else's, and is passed over; where on the
 * host the guest lives is read out of it (domain-numa.h).
 */
#include "domain-request.h"

#include "domain-devices.h"
#include "domain-numa.h"
#include "printable.h"

#include <string.h>

#define NAMESPACE_STEM "urn:vfpool:"
#define PREFIX "vfpool" /* for messages; the guest may use another */

static const char *const slot_attributes[] = { "name", "pool", "mac", "vlan", "functions", "teaming", NULL };
static const char *const policy_attributes[] = { "numa", "placement", "anti-affinity", NULL };

/* What one reading of a domain carries along. */
typedef struct {
  VfpoolRequest *request;
  const xmlNode *domain;
  GPtrArray *devices;    /* of DomainDevice; those that are not dealt with yet */
  gboolean devices_only; /* the metadata is not looked at */
  gboolean is_incoming;  /* the addresses of its devices are another host's, or of another time */
  DomainPoolOf pool_of;  /* of an incoming domain's devices */
  gpointer pool_of_data;
  GPtrArray *whole_slots; /* of char*: slots of devices that asked for all functions */
} Reader;

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

gboolean
domain_request_is_namespace (const xmlNs *ns) {
  return ns && xmlStrEqual (ns->href, BAD_CAST DOMAIN_REQUEST_NAMESPACE);
}

static gboolean
is_ours (const xmlNode *node) {
  return domain_request_is_namespace (node->ns);
}

/* ---- By address: host devices ---- */

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

/* Replaces *@mac and *@vlan by what the device itself says, as far as it does. */
static void
read_attributes (const DomainDevice *device, char **mac, int *vlan) {
  g_autofree char *own =
      device->is_interface ? domain_xml_attribute (domain_xml_child (device->node, "mac"), "address") : NULL;
  int own_vlan = device->is_interface ? interface_vlan (device->node) : VFPOOL_VLAN_UNSET;

  if (own) {
    g_free (*mac);
    *mac = g_steal_pointer (&own);
  }
  if (own_vlan != VFPOOL_VLAN_UNSET)
    *vlan = own_vlan;
}

static gboolean
add_address_slot (VfpoolRequest *request, const DomainDevice *device, const char *mac, int vlan, GError **error) {
  if (vfpool_request_add_address (request, device->slot, device->bdf, mac, vlan, error))
    return TRUE;
  g_prefix_error (error, "the domain's host device %s: ", device->bdf);
  return FALSE;
}

/* Whether @device came to the guest together with another one that asked for all functions: it comes so again. */
static gboolean
comes_with_another (const Reader *reader, const DomainDevice *device) {
  const char *end = strrchr (device->slot, '-');

  for (guint i = 0; device->is_ours && end && i < reader->whole_slots->len; i++) {
    const char *slot = g_ptr_array_index (reader->whole_slots, i);
    if (strlen (slot) == (size_t)(end - device->slot) && g_str_has_prefix (device->slot, slot))
      return TRUE;
  }
  return FALSE;
}

/* A device that came from elsewhere is one of the pool that its address lies in here; this very one, if it can be had. */
static gboolean
add_incoming (const Reader *reader, const DomainDevice *device, const char *mac, int vlan, GError **error) {
  const char *pool = comes_with_another (reader, device) ? NULL : reader->pool_of (reader->pool_of_data, device->bdf);

  if (!pool
      || (vfpool_request_add_pool (reader->request, device->slot, pool, mac, vlan, error)
          && vfpool_request_set_preferred (reader->request, device->slot, device->bdf, error)))
    return TRUE;
  g_prefix_error (error, "the domain's host device %s: ", device->bdf);
  return FALSE;
}

/* All that is left of them. */
static gboolean
add_devices (const Reader *reader, GError **error) {
  for (guint i = 0; i < reader->devices->len; i++) {
    const DomainDevice *device = g_ptr_array_index (reader->devices, i);
    g_autofree char *mac = NULL;
    int vlan = VFPOOL_VLAN_UNSET;

    read_attributes (device, &mac, &vlan);
    if (reader->is_incoming ? !add_incoming (reader, device, mac, vlan, error)
                            : !add_address_slot (reader->request, device, mac, vlan, error))
      return FALSE;
  }
  return TRUE;
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

/* The interface that a VF is paired with: the guest's driver goes over to it while the VF is away. */
static gboolean
has_partner (const xmlNode *domain, const char *alias) {
  const xmlNode *interface = domain_xml_child (domain_xml_child (domain, "devices"), "interface");

  for (; interface; interface = domain_xml_next (interface, "interface"))
    if (domain_xml_attribute_is (domain_xml_child (interface, "alias"), "name", alias))
      return domain_xml_attribute_is (domain_xml_child (interface, "teaming"), "type", "persistent");
  return FALSE;
}

static gboolean
check_teaming (const Reader *reader, const xmlNode *slot, GError **error) {
  g_autofree char *alias = domain_xml_attribute (slot, "teaming");

  if (!alias || (g_str_has_prefix (alias, "ua-") && has_partner (reader->domain, alias)))
    return TRUE;
  return bad_input (error, slot,
                    " has teaming='%.60s': expected the alias of an interface of this domain, as in "
                    "teaming='ua-net0' with <interface ...><model type='virtio'/><teaming type='persistent'/><alias "
                    "name='ua-net0'/>...</interface>",
                    alias);
}

/* The device that stands for the slot @name of the metadata, taken out of the list. */
static DomainDevice *
take_device (Reader *reader, const char *name) {
  for (guint i = 0; i < reader->devices->len; i++) {
    const DomainDevice *device = g_ptr_array_index (reader->devices, i);
    if (device->is_ours && strcmp (device->slot, name) == 0)
      return g_ptr_array_steal_index (reader->devices, i);
  }
  return NULL;
}

/* A slot as it stands in the metadata. */
typedef struct {
  char *name, *pool, *mac;
  int vlan;
  gboolean all_functions;
} Slot;

static void
slot_clear (Slot *slot) {
  g_free (slot->name);
  g_free (slot->pool);
  g_free (slot->mac);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Slot, slot_clear)

static gboolean
read_slot (const Reader *reader, const xmlNode *element, guint position, Slot *slot, GError **error) {
  g_autofree char *shown = NULL;

  slot->name = domain_request_slot_name (element, position);
  slot->pool = domain_xml_attribute (element, "pool");
  slot->mac = domain_xml_attribute (element, "mac");
  if (!check_attributes (element, slot_attributes, error) || !read_vlan (element, &slot->vlan, error)
      || !read_functions (element, &slot->all_functions, error) || !check_teaming (reader, element, error))
    return FALSE;
  if (!slot->pool || !*slot->pool)
    return bad_input (error, element, " number %u names no pool: expected pool='NAME'", position + 1);
  shown = printable_copy (slot->pool, 60);
  if (element->children)
    return bad_input (error, element, " for the pool '%s' is not empty: expected attributes only", shown);
  return TRUE;
}

static gboolean
add_pool_slot (const Reader *reader, const Slot *slot, GError **error) {
  g_autofree char *shown = printable_copy (slot->pool, 60);

  if (vfpool_request_add_pool (reader->request, slot->name, slot->pool, slot->mac, slot->vlan, error)
      && (!slot->all_functions || vfpool_request_set_all_functions (reader->request, slot->name, error)))
    return TRUE;
  g_prefix_error (error, "the domain's <metadata>: <" PREFIX ":slot> for the pool '%s': ", shown);
  return FALSE;
}

static gboolean
add_slot (Reader *reader, const xmlNode *element, guint position, GError **error) {
  g_auto (Slot) slot = { NULL };
  g_autoptr (DomainDevice) device = NULL;

  if (!read_slot (reader, element, position, &slot, error))
    return FALSE;
  device = take_device (reader, slot.name);
  if (!device) /* an incoming guest's is leased when it starts, and plugged in when it runs */
    return reader->is_incoming || add_pool_slot (reader, &slot, error);
  read_attributes (device, &slot.mac, &slot.vlan);
  if (!reader->is_incoming)
    return add_address_slot (reader->request, device, slot.mac, slot.vlan, error);
  if (slot.all_functions)
    g_ptr_array_add (reader->whole_slots, g_strdup (slot.name));
  return add_pool_slot (reader, &slot, error);
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
add_request (Reader *reader, const xmlNode *element, GError **error) {
  guint position = 0;

  if (!xmlStrEqual (element->name, BAD_CAST "request"))
    return bad_input (error, element, " is unknown: expected <" PREFIX ":request>");
  if (!check_attributes (element, policy_attributes, error) || !read_policy (reader->request, element, error))
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
    if (!add_slot (reader, node, position++, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
add_metadata (Reader *reader, GError **error) {
  const xmlNode *metadata = domain_xml_child (reader->domain, "metadata");
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
    if (!add_request (reader, node, error))
      return FALSE;
    seen = node;
  }
  return TRUE;
}

/* ---- The whole ---- */

static VfpoolRequest *
read_domain (const DomainXml *xml, Reader *reader, GError **error) {
  g_autofree char *uuid = domain_xml_get_uuid (xml, error);
  g_autofree char *name = domain_xml_get_name (xml);
  g_autoptr (VfpoolRequest) request = uuid ? vfpool_request_new (VFPOOL_GUEST_LIBVIRT, uuid, name, error) : NULL;
  g_autoptr (GPtrArray) whole_slots = g_ptr_array_new_with_free_func (g_free);

  if (!request)
    return NULL;
  reader->request = request;
  reader->domain = domain_xml_root (xml);
  reader->whole_slots = whole_slots;
  if ((!reader->devices_only && !add_metadata (reader, error)) || !add_devices (reader, error))
    return NULL;
  if (!vfpool_request_is_empty (request))
    domain_numa_read (request, reader->domain);
  return g_steal_pointer (&request);
}

VfpoolRequest *
domain_request_new (const DomainXml *xml, gboolean with_addresses, GError **error) {
  g_autoptr (GPtrArray) devices = with_addresses ? domain_devices_read (xml, error) : g_ptr_array_new ();

  return devices ? read_domain (xml, &(Reader){ .devices = devices }, error) : NULL;
}

VfpoolRequest *
domain_request_new_incoming (const DomainXml *xml, DomainPoolOf pool_of, gpointer data, GError **error) {
  g_autoptr (GPtrArray) devices = domain_devices_read (xml, error);

  return devices ? read_domain (
             xml, &(Reader){ .devices = devices, .is_incoming = TRUE, .pool_of = pool_of, .pool_of_data = data }, error)
                 : NULL;
}

VfpoolRequest *
domain_request_new_of_devices (const DomainXml *xml, GError **error) {
  g_autoptr (GPtrArray) devices = domain_devices_read (xml, error);

  return devices ? read_domain (xml, &(Reader){ .devices = devices, .devices_only = TRUE }, error) : NULL;
}

/* ---- Its elements ---- */

/* @node or the first of its next siblings that is our element @name; NULL: none. */
static const xmlNode *
ours_from (const xmlNode *node, const char *name) {
  while (node && !(node->type == XML_ELEMENT_NODE && is_ours (node) && xmlStrEqual (node->name, BAD_CAST name)))
    node = node->next;
  return node;
}

const xmlNode *
domain_request_find (const DomainXml *xml) {
  const xmlNode *metadata = domain_xml_child (domain_xml_root (xml), "metadata");

  return metadata ? ours_from (metadata->children, "request") : NULL;
}

const xmlNode *
domain_request_next_slot (const xmlNode *request, const xmlNode *slot) {
  return ours_from (slot ? slot->next : request->children, "slot");
}

char *
domain_request_slot_name (const xmlNode *slot, guint position) {
  char *name = domain_xml_attribute (slot, "name");

  return name ? name : g_strdup_printf (DOMAIN_REQUEST_DEFAULT_SLOT, position);
}

const xmlNode *
domain_request_find_slot (const xmlNode *request, const char *name) {
  const xmlNode *slot = NULL;
  guint position = 0;

  while ((slot = domain_request_next_slot (request, slot))) {
    g_autofree char *found = domain_request_slot_name (slot, position++);

    if (strcmp (found, name) == 0)
      return slot;
  }
  return NULL;
}
