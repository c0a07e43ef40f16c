/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain that comes from elsewhere: what it needs here for its host devices, and its XML with what it got; which, read as the
 * XML of a guest that starts, asks for the very same leases.
 */
#include "domain-devices.h"
#include "domain-request.h"
#include "fixture.h"
#include "request.h"

#include <string.h>

#define UUID "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90"
#define NS "xmlns:v='urn:vfpool:domain:1'"
#define DOMAIN(slots, devices)                                                                                         \
  "<domain type='kvm'><name>web</name><uuid>" UUID "</uuid><metadata><v:request " NS ">" slots                         \
  "</v:request></metadata><devices>" devices "</devices></domain>"
#define SOURCE(bus) "<source><address type='pci' domain='0x0000' bus='" bus "' slot='0x10' function='0x2'/></source>"
#define GUEST_ADDRESS "<address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>"
#define HOSTDEV(bus, rest) "<hostdev mode='subsystem' type='pci'>" SOURCE (bus) rest GUEST_ADDRESS "</hostdev>"
#define INTERFACE(bus, rest)                                                                                           \
  "<interface type='hostdev'><mac address='52:54:00:aa:bb:cc'/>" SOURCE (bus) rest GUEST_ADDRESS "</interface>"
#define ALIAS(name) "<alias name='" name "'/>"

/* This host's pools: what is on bus 1 lies in lan, on bus 2 in san. */
static const char *
pool_of (gpointer data G_GNUC_UNUSED, const char *bdf) {
  return g_str_has_prefix (bdf, "0000:01:") ? "lan" : g_str_has_prefix (bdf, "0000:02:") ? "san" : NULL;
}

static DomainXml *
parse (const char *text) {
  DomainXml *xml = domain_xml_parse (text, strlen (text), NULL);

  assert_non_null (xml);
  return xml;
}

/* "SLOT POOL-or-ADDRESS PREFERRED[+] MAC VLAN;" for each slot; + for all functions. */
static char *
describe (const VfpoolRequest *request) {
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < request->slots->len; i++) {
    const VfpoolSlot *slot = g_ptr_array_index (request->slots, i);
    g_string_append_printf (text, "%s %s %s%s %s %d;", slot->name, slot->pool ? slot->pool : slot->address,
                            slot->preferred ? slot->preferred : "-", slot->all_functions ? "+" : "",
                            slot->mac ? slot->mac : "-", slot->vlan);
  }
  return g_string_free (text, FALSE);
}

static GPtrArray *
no_leases (void) {
  return g_ptr_array_new_with_free_func ((GDestroyNotify)vfpool_lease_unref);
}

/* "SLOT=ADDRESS ..." */
static GPtrArray *
leases_of (const char *text) {
  GPtrArray *leases = no_leases ();
  g_auto (GStrv) parts = g_strsplit (text, " ", -1);

  for (char **part = parts; *part && **part; part++) {
    g_auto (GStrv) pair = g_strsplit (*part, "=", 2);
    VfpoolLease *lease = vfpool_lease_new ();

    lease->slot = g_strdup (pair[0]);
    lease->address = g_strdup (pair[1]);
    g_ptr_array_add (leases, lease);
  }
  return leases;
}

static const struct {
  const char *what;
  const char *xml;
  const char *asked;
  const char *leases; /* that it gets */
  const char *then;   /* what the new XML asks for; NULL: it is as it was */
} cases[] = {
  { "nothing", DOMAIN ("", ""), "", "", NULL },
  { "by pool, not plugged in", DOMAIN ("<v:slot name='net0' pool='lan'/>", ""), "", "", NULL },
  { "of no pool", DOMAIN ("", HOSTDEV ("0x07", "")), "", "", NULL },
  { "of a slot",
    DOMAIN ("<v:slot name='net0' pool='lan' mac='52:54:00:12:34:56' vlan='7'/>",
            HOSTDEV ("0x07", ALIAS ("ua-vfpool-net0"))),
    "net0 lan - 52:54:00:12:34:56 7;", "net0=0000:01:10.4", "net0 0000:01:10.4 - 52:54:00:12:34:56 7;" },
  { "of a slot, the same address",
    DOMAIN ("<v:slot name='net0' pool='lan'/>", HOSTDEV ("0x01", ALIAS ("ua-vfpool-net0"))), "net0 lan - - -1;",
    "net0=0000:01:10.2", NULL },
  { "of a slot, beside one that is not plugged in",
    DOMAIN ("<v:slot name='net0' pool='lan'/><v:slot name='net1' pool='lan'/>",
            HOSTDEV ("0x07", ALIAS ("ua-vfpool-net1"))),
    "net1 lan - - -1;", "net1=0000:01:10.4", "net0 lan - - -1;net1 0000:01:10.4 - - -1;" },
  { "of a slot, as an interface",
    DOMAIN ("<v:slot name='net0' pool='lan' vlan='7'/>", INTERFACE ("0x07", ALIAS ("ua-vfpool-net0"))),
    "net0 lan - 52:54:00:aa:bb:cc 7;", "net0=0000:01:11.0", "net0 0000:01:11.0 - 52:54:00:aa:bb:cc 7;" },
  { "by address", DOMAIN ("", HOSTDEV ("0x01", "")), "hostdev-0000-01-10-2 lan 0000:01:10.2 - -1;",
    "hostdev-0000-01-10-2=0000:01:10.6", "hostdev-0000-01-10-2 0000:01:10.6 - - -1;" },
  { "by address, the same", DOMAIN ("", HOSTDEV ("0x01", "")), "hostdev-0000-01-10-2 lan 0000:01:10.2 - -1;",
    "hostdev-0000-01-10-2=0000:01:10.2", NULL },
  { "by address, with libvirt's alias", DOMAIN ("", HOSTDEV ("0x01", ALIAS ("hostdev0"))),
    "hostdev-0000-01-10-2 lan 0000:01:10.2 - -1;", "hostdev-0000-01-10-2=0000:01:10.6",
    "hostdev-0000-01-10-2 0000:01:10.6 - - -1;" },
  { "by address, with a user's alias", DOMAIN ("", HOSTDEV ("0x02", ALIAS ("ua-nic"))), "ua-nic san 0000:02:10.2 - -1;",
    "ua-nic=0000:02:10.6", "ua-nic 0000:02:10.6 - - -1;" },
  { "by address, moved before", DOMAIN ("", HOSTDEV ("0x02", ALIAS ("ua-vfpool-hostdev-0000-01-10-2"))),
    "hostdev-0000-01-10-2 san 0000:02:10.2 - -1;", "hostdev-0000-01-10-2=0000:02:10.6",
    "hostdev-0000-01-10-2 0000:02:10.6 - - -1;" },
  { "an interface by address", DOMAIN ("", INTERFACE ("0x01", "<vlan><tag id='42'/></vlan>")),
    "hostdev-0000-01-10-2 lan 0000:01:10.2 52:54:00:aa:bb:cc 42;", "hostdev-0000-01-10-2=0000:01:10.6",
    "hostdev-0000-01-10-2 0000:01:10.6 - 52:54:00:aa:bb:cc 42;" },
  { "a domain above 0xffff", DOMAIN ("", HOSTDEV ("0x01", "")), "hostdev-0000-01-10-2 lan 0000:01:10.2 - -1;",
    "hostdev-0000-01-10-2=10000:e1:00.7", "hostdev-0000-01-10-2 10000:e1:00.7 - - -1;" },
  { "two that change places", DOMAIN ("", HOSTDEV ("0x01", "") HOSTDEV ("0x02", "")),
    "hostdev-0000-01-10-2 lan 0000:01:10.2 - -1;hostdev-0000-02-10-2 san 0000:02:10.2 - -1;",
    "hostdev-0000-01-10-2=0000:02:10.2 hostdev-0000-02-10-2=0000:01:10.2",
    "hostdev-0000-01-10-2 0000:02:10.2 - - -1;hostdev-0000-02-10-2 0000:01:10.2 - - -1;" },
  { "all functions",
    DOMAIN ("<v:slot name='gpu' pool='gpu' functions='all'/>",
            HOSTDEV ("0x07", ALIAS ("ua-vfpool-gpu")) HOSTDEV ("0x01", ALIAS ("ua-vfpool-gpu-1"))),
    "gpu gpu -+ - -1;", "gpu=0000:09:00.0 gpu-1=0000:09:00.1", "gpu 0000:09:00.0 - - -1;gpu-1 0000:09:00.1 - - -1;" },
  { "a slot that only sounds like one of them",
    DOMAIN ("<v:slot name='gpu' pool='gpu'/>",
            HOSTDEV ("0x07", ALIAS ("ua-vfpool-gpu")) HOSTDEV ("0x01", ALIAS ("ua-vfpool-gpu-1"))),
    "gpu gpu - - -1;gpu-1 lan 0000:01:10.2 - -1;", "gpu=0000:09:00.0 gpu-1=0000:01:10.4",
    "gpu 0000:09:00.0 - - -1;gpu-1 0000:01:10.4 - - -1;" },
};

static char *
asked_when_starting (const DomainXml *xml) {
  g_autofree char *text = domain_xml_to_string (xml);
  g_autoptr (DomainXml) read_again = parse (text);
  g_autoptr (VfpoolRequest) request = domain_request_new (read_again, TRUE, NULL);

  assert_non_null (request);
  return describe (request);
}

static void
test_cases (void **state G_GNUC_UNUSED) {
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (DomainXml) xml = parse (cases[i].xml);
    g_autoptr (GError) error = NULL;
    g_autoptr (VfpoolRequest) request = domain_request_new_incoming (xml, pool_of, NULL, &error);
    g_autoptr (GPtrArray) leases = leases_of (cases[i].leases);
    g_autofree char *asked = NULL, *then = NULL;
    gboolean changed;

    if (!request)
      fail_msg ("%s: %s", cases[i].what, error->message);
    asked = describe (request);
    if (strcmp (asked, cases[i].asked) != 0)
      fail_msg ("%s: asks for '%s', expected '%s'", cases[i].what, asked, cases[i].asked);
    assert_true (domain_devices_rewrite (xml, leases, &changed, NULL));
    if (changed != (cases[i].then != NULL))
      fail_msg ("%s: was %schanged", cases[i].what, changed ? "" : "not ");
    then = changed ? asked_when_starting (xml) : NULL;
    if (g_strcmp0 (then, cases[i].then) != 0)
      fail_msg ("%s: then asks for '%s', expected '%s'", cases[i].what, then, cases[i].then);
  }
}

#define REST(domain, bus, slot, function, alias)                                                                       \
  "<domain type='kvm'><name>web</name><uuid>" UUID "</uuid><metadata><o:x xmlns:o='http://o/'>&lt;&amp;</o:x>"         \
  "</metadata><devices><disk type='file'><address type='pci' bus='0x01'/></disk>"                                      \
  "<hostdev mode='subsystem' type='pci' managed='no'><driver name='vfio'/><source><address domain='" domain            \
  "' bus='" bus "' slot='" slot "' function='" function "'/></source>" GUEST_ADDRESS "<rom bar='off'/>" alias          \
  "</hostdev></devices></domain>"

/* Nothing but the address on the host and the alias is changed. */
static void
test_rest_stays (void **state G_GNUC_UNUSED) {
  g_autoptr (DomainXml) xml = parse (REST ("0x0000", "0x01", "0x10", "0x2", ""));
  g_autoptr (DomainXml) expected =
      parse (REST ("0x0000", "0x82", "0x11", "0x6", ALIAS ("ua-vfpool-hostdev-0000-01-10-2")));
  g_autoptr (GPtrArray) leases = leases_of ("hostdev-0000-01-10-2=0000:82:11.6");
  g_autofree char *text = NULL, *expected_text = domain_xml_to_string (expected);
  gboolean changed;

  assert_true (domain_devices_rewrite (xml, leases, &changed, NULL));
  text = domain_xml_to_string (xml);
  assert_string_equal (text, expected_text);
}

static void
test_refused (void **state G_GNUC_UNUSED) {
  g_autoptr (DomainXml) bad = parse (DOMAIN ("<v:slot pool='lan' vlna='1'/>", HOSTDEV ("0x01", "")));
  g_autoptr (DomainXml) junk = parse (DOMAIN ("", HOSTDEV ("junk", "")));
  g_autoptr (DomainXml) whole =
      parse (DOMAIN ("<v:slot name='gpu' pool='gpu' functions='all'/>",
                     HOSTDEV ("0x07", ALIAS ("ua-vfpool-gpu")) HOSTDEV ("0x01", ALIAS ("ua-vfpool-gpu-1"))));
  g_autoptr (GPtrArray) leases = leases_of ("gpu=0000:09:00.0");
  GError *error = NULL;
  gboolean changed;

  assert_null (domain_request_new_incoming (bad, pool_of, NULL, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "'vlna'");
  assert_null (domain_request_new_incoming (junk, pool_of, NULL, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "source <address>");
  assert_false (domain_devices_rewrite (whole, leases, &changed, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_NO_FREE_VF, "'gpu-1'");
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_cases),
    cmocka_unit_test (test_rest_stays),
    cmocka_unit_test (test_refused),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
