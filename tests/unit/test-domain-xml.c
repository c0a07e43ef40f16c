/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From domain XML to request: what is asked for, what is passed over, and what is refused in which words. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain-request.h"
#include "request.h"
#include "schema.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define UUID "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90"
#define HEAD "<domain type='kvm'><name>web</name><uuid>" UUID "</uuid>"
#define NS "xmlns:v='urn:vfpool:domain:1'"
#define REQUEST(slots) HEAD "<metadata><v:request " NS ">" slots "</v:request></metadata></domain>"
#define DEVICES(devices) HEAD "<devices>" devices "</devices></domain>"
#define ADDRESS "<address domain='0x0000' bus='0x01' slot='0x10' function='0x2'/>"
#define PCI_ADDRESS "<address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x2'/>"
#define HOSTDEV(attributes) "<hostdev mode='subsystem' type='pci'" attributes "><source>" ADDRESS "</source></hostdev>"
#define INTERFACE(rest)                                                                                                \
  "<interface type='hostdev' managed='yes'><mac address='52:54:00:AA:BB:CC'/><source>" PCI_ADDRESS "</source>" rest    \
  "</interface>"

#define ALIASED(alias)                                                                                                 \
  "<hostdev mode='subsystem' type='pci'><source>" ADDRESS "</source><alias name='" alias "'/></hostdev>"
#define BOTH(slots, devices)                                                                                           \
  HEAD "<metadata><v:request " NS ">" slots "</v:request></metadata><devices>" devices "</devices></domain>"
#define OTHER_ALIASED(alias)                                                                                           \
  "<hostdev mode='subsystem' type='pci'><source><address bus='2'/></source><alias name='" alias "'/></hostdev>"
#define PARTNER                                                                                                        \
  "<interface type='network'><model type='virtio'/><teaming type='persistent'/><alias name='ua-net0'/></interface>"
#define LONG "x12345678901234567890123456789012" /* one more than a slot's name may have */

static VfpoolRequest *
request_of (const char *text, gsize length, gboolean with_addresses, GError **error) {
  g_autoptr (DomainXml) xml = domain_xml_parse (text, length, error);

  return xml ? domain_request_new (xml, with_addresses, error) : NULL;
}

/* What the grammar says of a domain that has a request; SCHEMA_NO_REQUEST also when it is no domain. */
static SchemaVerdict
verdict_of (const char *text) {
  g_autoptr (DomainXml) xml = domain_xml_parse (text, strlen (text), NULL);

  return xml ? schema_verdict (xml) : SCHEMA_NO_REQUEST;
}

/* "SLOT POOL-or-ADDRESS MAC VLAN;" for each slot */
static char *
describe (const VfpoolRequest *request) {
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < request->slots->len; i++) {
    const VfpoolSlot *slot = g_ptr_array_index (request->slots, i);
    g_string_append_printf (text, "%s %s%s %s %d;", slot->name, slot->pool ? "pool " : "",
                            slot->pool ? slot->pool : slot->address, slot->mac ? slot->mac : "-", slot->vlan);
  }
  return g_string_free (text, FALSE);
}

static const struct {
  const char *what;
  const char *xml;
  const char *expected;
} understood[] = {
  { "a plain guest",
    DEVICES ("<disk type='file'/><interface type='network'><mac address='52:54:00:00:00:01'/></interface>"), "" },
  { "a slot with everything", REQUEST ("<v:slot name='net0' pool='lan' mac='52:54:00:12:34:56' vlan='100'/>"),
    "net0 pool lan 52:54:00:12:34:56 100;" },
  { "slots without a name, in order", REQUEST ("\n <!-- c --><v:slot pool='a'/>\n<v:slot pool='b' vlan='0'/>"),
    "slot0 pool a - -1;slot1 pool b - 0;" },
  { "an empty request", REQUEST (""), "" },
  { "the default namespace",
    HEAD "<metadata><request xmlns='urn:vfpool:domain:1'><slot pool='a'/></request></metadata></domain>",
    "slot0 pool a - -1;" },
  { "others' metadata",
    HEAD "<metadata><o:x xmlns:o='http://o/'><o:slot "
         "pool='a'/>text</o:x><u:nobody-declared-u/><request/></metadata></domain>",
    "" },
  { "our namespace outside of metadata", HEAD "<v:request " NS "><v:slot/></v:request></domain>", "" },
  { "a hostdev", DEVICES (HOSTDEV (" managed='no'")), "hostdev-0000-01-10-2 0000:01:10.2 - -1;" },
  { "a hostdev without a domain",
    DEVICES ("<hostdev type='pci'><source><address bus='1' slot='16' function='2'/></source></hostdev>"),
    "hostdev-0000-01-10-2 0000:01:10.2 - -1;" },
  { "a domain above 0xffff",
    DEVICES ("<hostdev type='pci'><source><address domain='0x10000' bus='0x01' slot='0x00' "
             "function='0x0'/></source></hostdev>"),
    "hostdev-10000-01-00-0 10000:01:00.0 - -1;" },
  { "other hostdevs",
    DEVICES ("<hostdev mode='subsystem' type='usb'><source><address bus='9' device='999'/></source></hostdev>"
             "<hostdev mode='subsystem' type='mdev'><source><address uuid='x'/></source></hostdev>"
             "<hostdev mode='capabilities' type='storage'><source><block>/dev/x</block></source></hostdev>"),
    "" },
  { "an interface with a VLAN", DEVICES (INTERFACE ("<vlan><tag id='42'/></vlan>")),
    "hostdev-0000-01-10-2 0000:01:10.2 52:54:00:aa:bb:cc 42;" },
  { "an interface with a trunk", DEVICES (INTERFACE ("<vlan trunk='yes'><tag id='42'/></vlan>")),
    "hostdev-0000-01-10-2 0000:01:10.2 52:54:00:aa:bb:cc -1;" },
  { "an interface with two tags", DEVICES (INTERFACE ("<vlan><tag id='42'/><tag id='43'/></vlan>")),
    "hostdev-0000-01-10-2 0000:01:10.2 52:54:00:aa:bb:cc -1;" },
  { "an interface on USB",
    DEVICES ("<interface type='hostdev'><source><address type='usb' bus='0' device='2'/></source></interface>"), "" },
  { "a hostdev with an alias of its own", DEVICES (ALIASED ("ua-nic")), "ua-nic 0000:01:10.2 - -1;" },
  { "a hostdev with libvirt's alias", DEVICES (ALIASED ("hostdev0")), "hostdev-0000-01-10-2 0000:01:10.2 - -1;" },
  { "a hostdev with an alias that is no slot's name", DEVICES (ALIASED ("ua-vfpool-" LONG)),
    "hostdev-0000-01-10-2 0000:01:10.2 - -1;" },
  { "our alias, without such a slot", DEVICES (ALIASED ("ua-vfpool-net0")), "net0 0000:01:10.2 - -1;" },
  { "our alias, the device of a slot",
    BOTH ("<v:slot pool='a'/><v:slot name='net0' pool='lan' mac='52:54:00:12:34:56' vlan='100'/>",
          ALIASED ("ua-vfpool-net0")),
    "slot0 pool a - -1;net0 0000:01:10.2 52:54:00:12:34:56 100;" },
  { "our alias, a slot without a name", BOTH ("<v:slot pool='a'/>", ALIASED ("ua-vfpool-slot0")),
    "slot0 0000:01:10.2 - -1;" },
  { "our alias, all functions", BOTH ("<v:slot name='gpu' pool='a' functions='all'/>", ALIASED ("ua-vfpool-gpu")),
    "gpu 0000:01:10.2 - -1;" },
  { "our alias, an interface with attributes of its own",
    BOTH ("<v:slot name='net0' pool='lan' mac='52:54:00:12:34:56' vlan='100'/>",
          INTERFACE ("<vlan><tag id='42'/></vlan><alias name='ua-vfpool-net0'/>")),
    "net0 0000:01:10.2 52:54:00:aa:bb:cc 42;" },
  { "a user's alias that is like a slot's name", BOTH ("<v:slot name='nic' pool='lan'/>", ALIASED ("ua-nic")),
    "nic pool lan - -1;ua-nic 0000:01:10.2 - -1;" },
  { "a pair", BOTH ("<v:slot name='net0' pool='lan' teaming='ua-net0'/>", PARTNER), "net0 pool lan - -1;" },
  { "hostdevs inside something else", HEAD "<devices><x>" HOSTDEV ("") "</x></devices>" HOSTDEV ("") "</domain>", "" },
};

static void
test_understood (void **state G_GNUC_UNUSED) {
  for (gsize i = 0; i < G_N_ELEMENTS (understood); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VfpoolRequest) request = request_of (understood[i].xml, strlen (understood[i].xml), TRUE, &error);
    g_autofree char *got = NULL;

    if (!request)
      fail_msg ("%s: %s", understood[i].what, error->message);
    got = describe (request);
    if (strcmp (got, understood[i].expected) != 0)
      fail_msg ("%s: got '%s', expected '%s'", understood[i].what, got, understood[i].expected);
    if (verdict_of (understood[i].xml) == SCHEMA_REFUSED)
      fail_msg ("%s: the grammar refuses it", understood[i].what);
    assert_string_equal (request->id, UUID);
    assert_string_equal (request->name, "web");
    assert_int_equal (request->kind, VFPOOL_GUEST_LIBVIRT);
  }
}

static const struct {
  const char *what;
  const char *xml;
  const char *said[3];      /* all stand in the message */
  gboolean is_past_grammar; /* the grammar allows it */
} refused[] = {
  { "nothing", " ", { "not well-formed" } },
  { "no XML", "hello", { "not well-formed", "line 1" } },
  { "half of it", "<domain>\n<name>x</name>\n", { "not well-formed", "line 3" } },
  { "another root", "<network/>", { "<network>", "<domain>" } },
  { "a root in a namespace", "<domain xmlns='urn:x'/>", { "<domain>" } },
  { "no uuid", "<domain><name>x</name></domain>", { "no <uuid>" } },
  { "a bad uuid", "<domain><uuid>../../x</uuid></domain>", { "'../../x'", "UUID" } },
  { "an entity that expands itself",
    "<!DOCTYPE domain [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
    "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;'>]>" HEAD
    "<description>&d;&d;&d;&d;</description></domain>",
    { "document type" } },
  { "a file of the host",
    "<!DOCTYPE domain [<!ENTITY f SYSTEM 'file:///etc/hostname'>]>" HEAD "<title>&f;</title></domain>",
    { "document type" } },
  { "a document type alone", "<!DOCTYPE domain>" HEAD "</domain>", { "document type" } },
  { "an undeclared entity", HEAD "<title>&f;</title></domain>", { "not well-formed" } },
  { "an unknown attribute",
    REQUEST ("<v:slot pool='lan' vlna='1'/>"),
    { "'vlna'", "name, pool, mac, vlan, functions, teaming" } },
  { "a prefixed attribute", REQUEST ("<v:slot v:pool='lan'/>"), { "'v:pool'", "without a prefix" } },
  { "a slot's attribute on the request",
    HEAD "<metadata><v:request " NS " pool='a'/></metadata></domain>",
    { "'pool'", "numa, placement, anti-affinity" } },
  { "the request's attribute on a slot", REQUEST ("<v:slot pool='lan' numa='required'/>"), { "'numa'", "functions" } },
  { "a policy that is none",
    HEAD "<metadata><v:request " NS " numa='require'/></metadata></domain>",
    { "request>", "\"required\"", "numa=require" } },
  { "another policy's word",
    HEAD "<metadata><v:request " NS " placement='pf'/></metadata></domain>",
    { "placement=pf", "spread, pack" } },
  { "an empty policy",
    HEAD "<metadata><v:request " NS " anti-affinity=''/></metadata></domain>",
    { "anti-affinity=", "pf-preferred" } },
  { "some functions", REQUEST ("<v:slot pool='lan' functions='2'/>"), { "functions='2'", "functions='all'" } },
  { "a pair with nobody",
    REQUEST ("<v:slot pool='lan' teaming='ua-net0'/>"),
    { "'ua-net0'", "<teaming type='persist" },
    TRUE },
  { "a pair with one that is not asked",
    BOTH ("<v:slot pool='lan' teaming='ua-net0'/>", "<interface><alias name='ua-net0'/></interface>"),
    { "'ua-net0'", "<teaming type='persist" },
    TRUE },
  { "a pair by an alias that does not last",
    BOTH ("<v:slot pool='lan' teaming='net0'/>",
          "<interface><teaming type='persistent'/><alias name='net0'/></interface>"),
    { "teaming='net0'", "ua-net0" } },
  { "one alias twice", DEVICES (ALIASED ("ua-a") OTHER_ALIASED ("ua-a")), { "'ua-a' stands twice" } },
  { "an unknown element", REQUEST ("<v:slut pool='lan'/>"), { "<v:slut>", ":slot" } },
  { "a slot in no namespace", REQUEST ("<slot pool='lan'/>"), { "<slot>", ":slot" } },
  { "an unknown element beside the request",
    HEAD "<metadata><v:slot " NS " pool='a'/></metadata></domain>",
    { "slot> is unknown", ":request" } },
  { "two requests", HEAD "<metadata><v:request " NS "/><v:request " NS "/></metadata></domain>", { "one <" }, TRUE },
  { "a later namespace",
    HEAD "<metadata><v:request xmlns:v='urn:vfpool:domain:2'/></metadata></domain>",
    { "urn:vfpool:domain:2", "urn:vfpool:domain:1" } },
  { "text", REQUEST ("lan"), { "text" } },
  { "a slot with content", REQUEST ("<v:slot pool='lan'>x</v:slot>"), { "'lan'", "not empty" } },
  { "no pool", REQUEST ("<v:slot pool='a'/><v:slot name='n'/>"), { "number 2", "pool='NAME'" } },
  { "a bad VLAN", REQUEST ("<v:slot pool='lan' vlan='4095'/>"), { "'4095'", "4094" } },
  { "a VLAN with a sign", REQUEST ("<v:slot pool='lan' vlan='-1'/>"), { "'-1'", "4094" } },
  { "a bad MAC", REQUEST ("<v:slot pool='lan' mac='52:54:00:12:34'/>"), { "'52:54:00:12:34'", "'lan'" } },
  { "a bad slot name", REQUEST ("<v:slot name='a b' pool='lan'/>"), { "'a b'" } },
  { "a slot twice", REQUEST ("<v:slot name='a' pool='p'/><v:slot name='a' pool='q'/>"), { "'a' stands twice" }, TRUE },
  { "a bus out of range",
    DEVICES ("<hostdev type='pci'><source><address bus='0x100'/></source></hostdev>"),
    { "source <address>" } },
  { "a bus that is no number",
    DEVICES ("<hostdev type='pci'><source><address bus='0xZ'/></source></hostdev>"),
    { "source <address>" } },
};

static void
test_refused (void **state G_GNUC_UNUSED) {
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VfpoolRequest) request = request_of (refused[i].xml, strlen (refused[i].xml), TRUE, &error);

    if (request)
      fail_msg ("%s: was understood", refused[i].what);
    assert_non_null (error);
    if (error->domain != VFPOOL_ERROR || error->code != VFPOOL_ERROR_BAD_INPUT)
      fail_msg ("%s: is not BAD_INPUT: %s", refused[i].what, error->message);
    for (const char *const *said = refused[i].said; said < refused[i].said + 3 && *said; said++)
      if (!strstr (error->message, *said))
        fail_msg ("%s: '%s' does not say: %s", refused[i].what, error->message, *said);
    if (verdict_of (refused[i].xml) == (refused[i].is_past_grammar ? SCHEMA_REFUSED : SCHEMA_ALLOWED))
      fail_msg ("%s: the grammar says otherwise", refused[i].what);
  }
}

static void
test_policy (void **state G_GNUC_UNUSED) {
  static const struct {
    const char *attributes, *slot, *numa, *placement, *anti_affinity;
    gboolean all_functions;
  } cases[] = {
    { "", "", NULL, NULL, NULL, FALSE },
    { "numa='required' placement='pack' anti-affinity='card'", "", "required", "pack", "card", FALSE },
    { "anti-affinity='pf-preferred'", "functions='all'", NULL, NULL, "pf-preferred", TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *xml =
        g_strdup_printf (HEAD "<metadata><v:request " NS " %s><v:slot pool='lan' %s/></v:request></metadata></domain>",
                         cases[i].attributes, cases[i].slot);
    g_autoptr (VfpoolRequest) request = request_of (xml, strlen (xml), TRUE, NULL);

    assert_non_null (request);
    assert_true (g_strcmp0 (vfpool_policy_get (&request->policy, "numa"), cases[i].numa) == 0);
    assert_true (g_strcmp0 (vfpool_policy_get (&request->policy, "placement"), cases[i].placement) == 0);
    assert_true (g_strcmp0 (vfpool_policy_get (&request->policy, "anti-affinity"), cases[i].anti_affinity) == 0);
    assert_int_equal (((VfpoolSlot *)request->slots->pdata[0])->all_functions, cases[i].all_functions);
  }
}

/* ---- Where the guest lives ---- */

/* "nodes LIST" or "cpus LIST" or "", of a domain that has @tuning and asks for a VF. */
static char *
home_of (const char *tuning) {
  g_autofree char *xml = g_strconcat (HEAD "<metadata><v:request " NS "><v:slot pool='lan'/></v:request></metadata>",
                                      tuning, "</domain>", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolRequest) request = request_of (xml, strlen (xml), TRUE, &error);
  g_autofree char *nodes = NULL, *cpus = NULL;

  if (!request)
    fail_msg ("%.200s: %s", tuning, error->message);
  nodes = request->nodes ? vfpool_numbers_to_string (request->nodes) : NULL;
  cpus = request->cpus ? vfpool_numbers_to_string (request->cpus) : NULL;
  assert_false (nodes && cpus);
  return nodes ? g_strconcat ("nodes ", nodes, NULL) : cpus ? g_strconcat ("cpus ", cpus, NULL) : g_strdup ("");
}

#define TUNE(in) "<numatune>" in "</numatune>"
#define PIN(vcpu, cpuset) "<vcpupin vcpu='" vcpu "' cpuset='" cpuset "'/>"

static void
test_home (void **state G_GNUC_UNUSED) {
  static const struct {
    const char *tuning, *expected;
  } cases[] = {
    { "", "" },
    { TUNE ("<memory mode='strict' nodeset='0-1'/>"), "nodes 0-1" },
    { TUNE ("<memory mode='strict' placement='static' nodeset='0-3,^2'/>"), "nodes 0-1,3" },
    { TUNE ("<memory mode='preferred' nodeset='1'/>"), "nodes 1" },
    { TUNE ("<memnode cellid='0' mode='strict' nodeset='2'/><memnode cellid='1' mode='strict' nodeset='0,^1'/>"),
      "nodes 0,2" },
    /* Each list is by itself: what one takes away, another may have. */
    { TUNE ("<memory nodeset='3'/><memnode cellid='0' nodeset='0-3,^3'/>"), "nodes 0-3" },
    { TUNE ("<memory mode='strict' placement='auto'/>"), "" },
    { TUNE ("<memory mode='strict' placement='auto' nodeset='1'/>"), "" },
    { TUNE ("<memory nodeset='1'/>") "<vcpu cpuset='4'>1</vcpu>", "nodes 1" },
    { "<numatune xmlns='urn:x'><memory nodeset='1'/></numatune>", "" },
    { "<x>" TUNE ("<memory nodeset='1'/>") "</x>", "" },

    { "<vcpu>2</vcpu>", "" },
    { "<vcpu placement='static' cpuset='0-3,^1'>2</vcpu>", "cpus 0,2-3" },
    { "<vcpu placement='auto' cpuset='0-3'>2</vcpu>", "" },
    { "<vcpu>2</vcpu><cputune>" PIN ("0", "4") PIN ("1", "6") "</cputune>", "cpus 4,6" },
    { "<vcpu cpuset='0-3'>2</vcpu><cputune>" PIN ("0", "4") PIN ("1", "6") "</cputune>", "cpus 4,6" },
    { "<vcpu cpuset='0-3'>2</vcpu><cputune>" PIN ("0", "8") "</cputune>", "cpus 0-3,8" },
    { "<vcpu placement='auto'>2</vcpu><cputune>" PIN ("0", "8") "</cputune>", "cpus 8" },
    { "<vcpu>2</vcpu><cputune>" PIN ("0", "8") "</cputune>", "cpus 8" },
    /* Virtual CPUs that may be plugged later do not count. */
    { "<vcpu cpuset='0-3' current='1'>4</vcpu><cputune>" PIN ("0", "8") PIN ("3", "12") "</cputune>", "cpus 8" },
    { "<vcpu cpuset='0-3' current='2'>4</vcpu><cputune>" PIN ("0", "8") PIN ("3", "12") "</cputune>", "cpus 0-3,8" },
    { "<vcpu>\n 1 </vcpu><cputune>" PIN ("0", "8,^9") PIN ("1", "9") "</cputune>", "cpus 8" },
    { "<cputune>" PIN ("0", "8") "</cputune>", "cpus 8" },

    /* What cannot be read is libvirt's own affair. */
    { TUNE ("<memory nodeset='all'/><memnode cellid='0' nodeset='1'/>"), "nodes 1" },
    { TUNE ("<memory nodeset='0-70000'/>"), "" },
    { TUNE ("<memory nodeset=''/>") "<vcpu cpuset='4'>1</vcpu>", "cpus 4" },
    { TUNE ("<memory nodeset='0,^0'/>") "<vcpu cpuset='4'>1</vcpu>", "cpus 4" },
    { "<vcpu cpuset='x'>1</vcpu>", "" },
    { "<vcpu cpuset='5'>many</vcpu><cputune>" PIN ("0", "8") "</cputune>", "cpus 5,8" },
    { "<vcpu cpuset='5' current='0'>1</vcpu><cputune>" PIN ("0", "8") "</cputune>", "cpus 5,8" },
    { "<vcpu>2</vcpu><cputune>" PIN ("x", "8") "<vcpupin/><vcpupin vcpu='1'/>" PIN ("0", "9-") "</cputune>", "" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *got = home_of (cases[i].tuning);

    if (strcmp (got, cases[i].expected) != 0)
      fail_msg ("%s: got '%s', expected '%s'", cases[i].tuning, got, cases[i].expected);
  }
}

/* A domain that asks for nothing is not looked at. */
static void
test_home_of_nobody (void **state G_GNUC_UNUSED) {
  const char *xml = HEAD TUNE ("<memory nodeset='1'/>") "</domain>";
  g_autoptr (VfpoolRequest) request = request_of (xml, strlen (xml), TRUE, NULL);

  assert_non_null (request);
  assert_null (request->nodes);
}

/* However many pins there are, and however long their lists: what goes beyond what any guest has is not read. */
static void
test_many_pins (void **state G_GNUC_UNUSED) {
  g_autoptr (GString) same = g_string_new ("<vcpu>100000</vcpu><cputune>");
  g_autoptr (GString) different = g_string_new ("<vcpu>100000</vcpu><cputune>");
  g_autofree char *blanks = g_strnfill (70000, ' ');
  g_autofree char *huge = g_strconcat ("<vcpu>3</vcpu><cputune>" PIN ("0", "7") "<vcpupin vcpu='1' cpuset='", blanks,
                                       "1'/>" PIN ("2", "9") "</cputune>", NULL);
  g_autofree char *same_home = NULL, *different_home = NULL, *huge_home = NULL;
  guint64 last;

  for (int i = 0; i < 100000; i++) {
    g_string_append_printf (same, "<vcpupin vcpu='%d' cpuset='2-5,^3'/>", i);
    g_string_append_printf (different, "<vcpupin vcpu='%d' cpuset='%d'/>", i, i % 65536);
  }
  g_string_append (same, PIN ("7", "12") "</cputune>");
  g_string_append (different, "</cputune>");
  same_home = home_of (same->str);
  assert_string_equal (same_home, "cpus 2,4-5,12");
  huge_home = home_of (huge);
  assert_string_equal (huge_home, "cpus 7,9");
  different_home = home_of (different->str);
  assert_true (g_str_has_prefix (different_home, "cpus 0-"));
  last = g_ascii_strtoull (different_home + strlen ("cpus 0-"), NULL, 10);
  assert_in_range (last, 8192, 16384);
}

/* On a host without a configuration no host device is vfpool's business, not even one that cannot be understood. */
static void
test_without_addresses (void **state G_GNUC_UNUSED) {
  const char *xml = DEVICES ("<hostdev type='pci'><source><address bus='junk'/></source></hostdev>" HOSTDEV (""));
  g_autoptr (VfpoolRequest) request = request_of (xml, strlen (xml), FALSE, NULL);
  const char *both = HEAD "<metadata><v:request " NS
                          "><v:slot pool='p'/></v:request></metadata><devices>" HOSTDEV ("") "</devices></domain>";
  g_autoptr (VfpoolRequest) pools = request_of (both, strlen (both), FALSE, NULL);

  assert_non_null (request);
  assert_true (vfpool_request_is_empty (request));
  assert_non_null (pools);
  assert_true (vfpool_request_names_pool (pools));
  assert_int_equal (pools->slots->len, 1);
}

/* Whatever is cut off or overwritten: an answer or a sentence, and no memory error for the sanitizers to see. */
static void
test_damaged (void **state G_GNUC_UNUSED) {
  const char *xml = HEAD "<metadata><v:request " NS "><v:slot name='a' pool='p' vlan='1'/></v:request></metadata>"
                         "<devices>" INTERFACE ("<vlan><tag id='42'/></vlan>") "</devices></domain>";
  static const char damage[] = { '\xff', '<', '&', '\'', '>', '\0' };
  gsize length = strlen (xml);

  for (gsize i = 0; i < length; i++) {
    g_autoptr (VfpoolRequest) cut = request_of (xml, i, TRUE, NULL);

    assert_null (cut);
    for (gsize c = 0; c < sizeof damage; c++) {
      g_autofree char *copy = g_memdup2 (xml, length);
      g_autoptr (GError) error = NULL;
      g_autoptr (VfpoolRequest) request = NULL;

      copy[i] = damage[c];
      request = request_of (copy, length, TRUE, &error);
      assert_true ((request != NULL) != (error != NULL));
    }
  }
}

/* ---- Reading ---- */

static int
memory_file (gsize length) {
  g_autofree char *text = g_malloc (length + 1);
  int fd = memfd_create ("domain", 0);

  memset (text, ' ', length);
  assert_true (fd >= 0);
  assert_int_equal (write (fd, text, length), length);
  assert_int_equal (lseek (fd, 0, SEEK_SET), 0);
  return fd;
}

static void
test_read_bounds (void **state G_GNUC_UNUSED) {
  static const struct {
    gsize length;
    const char *said;
  } cases[] = {
    { 0, "empty" },
    { 1, NULL },
    { DOMAIN_XML_MAX, NULL },
    { DOMAIN_XML_MAX + 1, "larger than 8 MiB" },
    { (gsize)10 * 1024 * 1024, "larger than 8 MiB" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    int fd = memory_file (cases[i].length);
    gsize length = 0;
    g_autofree char *text = domain_xml_read (fd, &length, &error);

    close (fd);
    if (cases[i].said) {
      assert_null (text);
      assert_true (g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT));
      assert_non_null (strstr (error->message, cases[i].said));
      continue;
    }
    assert_non_null (text);
    assert_int_equal (length, cases[i].length);
    assert_int_equal (text[length], 0);
  }
}

static void
test_read_closed (void **state G_GNUC_UNUSED) {
  g_autoptr (GError) error = NULL;
  gsize length;

  assert_null (domain_xml_read (-1, &length, &error));
  assert_true (g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT));
  assert_non_null (strstr (error->message, "standard input"));
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_understood),  cmocka_unit_test (test_refused), cmocka_unit_test (test_without_addresses),
    cmocka_unit_test (test_policy),      cmocka_unit_test (test_home),    cmocka_unit_test (test_home_of_nobody),
    cmocka_unit_test (test_many_pins),   cmocka_unit_test (test_damaged), cmocka_unit_test (test_read_bounds),
    cmocka_unit_test (test_read_closed),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
