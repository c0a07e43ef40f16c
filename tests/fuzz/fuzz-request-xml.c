/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The request in a domain's <metadata>, edited as by `vfpool request`. The first line of the input is the slot that is added and
 * taken out again (name, pool, MAC, VLAN, functions, teaming, between tabs; an empty one is left out), the rest is the domain.
 *
 * What was added is listed; taken out again, the others are there as they were; and what is handed to libvirt, which puts
 * our namespace on it, is the same request.
 */
#include "domain-request.h"
#include "fuzz.h"
#include "libvirt-command/request-xml.h"

#include <libxml/parser.h>
#include <string.h>

#define REQUEST_START "<request"

/* NULL for an empty one. */
static char *
take_field (FuzzInput *line) {
  char *text = fuzz_take_text (line, "\t");

  if (!*text)
    g_clear_pointer (&text, g_free);
  return text;
}

/* All slots as text; NULL: the request is refused. */
static char *
list_slots (const DomainXml *xml) {
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) slots = request_xml_list (xml, &error);

  fuzz_assert_answer (slots != NULL, &error);
  return slots ? g_variant_print (slots, FALSE) : NULL;
}

/* The slots as they are read from what libvirt is given. Another's default namespace on the request would become ours; libvirt
 * writes none. */
static void
check_metadata (const DomainXml *xml, const char *slots) {
  g_autofree char *metadata = request_xml_to_metadata (xml), *text = NULL, *again = NULL;
  g_autoptr (DomainXml) second = NULL;

  if (!metadata || !slots || strstr (metadata, "xmlns"))
    return;
  g_assert_true (g_str_has_prefix (metadata, REQUEST_START));
  text = g_strconcat ("<domain><uuid>2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90</uuid><metadata>" REQUEST_START
                      " xmlns='" DOMAIN_REQUEST_NAMESPACE "'",
                      metadata + strlen (REQUEST_START), "</metadata></domain>", NULL);
  second = domain_xml_parse (text, strlen (text), NULL);
  g_assert_nonnull (second);
  /* What a slot is paired with stands elsewhere in the domain. */
  if (strstr (metadata, "teaming"))
    return;
  again = list_slots (second);
  g_assert_cmpstr (again, ==, slots);
}

static void
check_added (DomainXml *xml, const RequestSlot *slot, const char *name) {
  g_autofree char *slots = list_slots (xml), *quoted = g_strdup_printf ("'slot': <'%s'>", name);

  g_assert_true (slot->name ? strcmp (name, slot->name) == 0 : g_str_has_prefix (name, "slot"));
  g_assert_true (request_xml_has (xml, name));
  g_assert_nonnull (slots);
  g_assert_nonnull (strstr (slots, quoted));
  check_metadata (xml, slots);
}

static void
check_removed (DomainXml *xml, const char *name, const char *before) {
  g_autofree char *slots = NULL;
  g_autoptr (GError) error = NULL;

  fuzz_assert_answer (request_xml_remove (xml, name, &error), &error);
  slots = list_slots (xml);
  if (before)
    g_assert_cmpstr (slots, ==, before);
  check_metadata (xml, slots);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  FuzzInput rest = { data, size }, line = fuzz_take (&rest, "\n");
  g_autofree char *name = take_field (&line), *pool = take_field (&line), *mac = take_field (&line);
  g_autofree char *vlan = take_field (&line), *functions = take_field (&line), *teaming = take_field (&line);
  const RequestSlot slot = { name, pool ? pool : "lan", mac, vlan, functions, teaming };
  g_autoptr (DomainXml) xml = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL, *added = NULL;

  xmlInitParser ();
  xml = domain_xml_parse ((const char *)rest.data, rest.size, NULL);
  if (!xml)
    return 0;
  before = list_slots (xml);
  check_metadata (xml, before);
  added = request_xml_add (xml, &slot, &error);
  fuzz_assert_answer (added != NULL, &error);
  if (added)
    check_added (xml, &slot, added);
  if (name)
    check_removed (xml, name, added ? before : NULL);
  return 0;
}
