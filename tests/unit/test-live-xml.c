/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The live XML of a guest, and what is plugged into it; and the devices that it is found to have. */
#include "fixture.h"

#include "domain-request.h"
#include "live-xml.h"
#include "request.h"

#include <string.h>

#define UUID "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90"
#define HEAD "<domain type='qemu'><name>web</name><uuid>" UUID "</uuid>"
#define REQUEST(slots) "<metadata><v:request xmlns:v='urn:vfpool:domain:1'>" slots "</v:request></metadata>"
#define ADDRESS(bus) "<source><address type='pci' domain='0x0000' bus='0x" bus "' slot='0x10' function='0x2'/></source>"

static DomainXml *
parse (const char *text) {
  g_autoptr (GError) error = NULL;
  DomainXml *xml = domain_xml_parse (text, strlen (text), &error);

  if (!xml)
    fail_msg ("%s", error->message);
  return xml;
}

static void
test_alias (void **state G_GNUC_UNUSED) {
  g_autoptr (DomainXml) xml = parse (HEAD "<devices><disk><alias name='ua-vfpool-net1'/></disk>"
                                          "<hostdev><alias name='ua-vfpool-net0'/></hostdev></devices>"
                                          "<alias name='ua-vfpool-out'/></domain>");
  g_autoptr (DomainXml) empty = parse (HEAD "</domain>");

  assert_true (live_xml_has_alias (xml, "ua-vfpool-net0"));
  assert_true (live_xml_has_alias (xml, "ua-vfpool-net1"));
  assert_false (live_xml_has_alias (xml, "ua-vfpool-net"));
  assert_false (live_xml_has_alias (xml, "ua-vfpool-out"));
  assert_false (live_xml_has_alias (empty, "ua-vfpool-net0"));
}

static void
test_running (void **state G_GNUC_UNUSED) {
  g_autoptr (DomainXml) live = parse ("<domain type='qemu' id='3'/>");
  g_autoptr (DomainXml) inactive = parse (HEAD "</domain>");

  assert_true (live_xml_is_running (live));
  assert_false (live_xml_is_running (inactive));
}

static void
test_teaming (void **state G_GNUC_UNUSED) {
  static const struct {
    const char *slots, *slot, *expected;
  } cases[] = {
    { "<v:slot name='net0' pool='lan' teaming='ua-net0'/>", "net0", "ua-net0" },
    { "<v:slot name='net0' pool='lan' teaming='ua-net0'/>", "net1", NULL },
    { "<v:slot name='net0' pool='lan'/>", "net0", NULL },
    { "<v:slot pool='lan'/><!-- x --> <v:slot pool='lan' teaming='ua-b'/>", "slot1", "ua-b" },
    { "<v:slot pool='lan'/><v:slot pool='lan' teaming='ua-b'/>", "slot0", NULL },
    { "<slot name='net0' teaming='ua-other'/>", "net0", NULL },
    { "", "net0", NULL },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = g_strdup_printf (HEAD REQUEST ("%s") "</domain>", cases[i].slots);
    g_autoptr (DomainXml) xml = parse (text);
    g_autofree char *found = live_xml_teaming (xml, cases[i].slot);

    if (g_strcmp0 (found, cases[i].expected) != 0)
      fail_msg ("%s: %s", cases[i].slots, found ? found : "(none)");
  }
}

static void
test_hostdev (void **state G_GNUC_UNUSED) {
  g_autofree char *plain = live_xml_hostdev ("10000:01:1f.7", "ua-vfpool-net0", NULL);
  g_autofree char *paired = live_xml_hostdev ("0000:01:10.2", "ua-vfpool-net0", "ua-a'/><b c='");

  assert_string_equal (plain, "<hostdev mode='subsystem' type='pci' managed='no'>"
                              "<source><address domain='0x10000' bus='0x01' slot='0x1f' function='0x7'/></source>"
                              "<alias name='ua-vfpool-net0'/></hostdev>");
  assert_non_null (strstr (paired, "<teaming type='transient' persistent='ua-a&apos;/&gt;&lt;b c=&apos;'/></hostdev>"));
}

/* Also when the request in the metadata has become nonsense. */
static void
test_devices (void **state G_GNUC_UNUSED) {
  g_autoptr (DomainXml) xml =
      parse (HEAD REQUEST ("<v:nonsense/>") "<devices><hostdev mode='subsystem' type='pci'>" ADDRESS (
          "01") "</hostdev><interface type='hostdev'><mac "
                "address='52:54:00:00:00:01'/>" ADDRESS ("02") "</interface>"
                                                               "<hostdev mode='subsystem' "
                                                               "type='usb'/><interface "
                                                               "type='network'/></"
                                                               "devices></domain>");
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolRequest) has = domain_request_new_of_devices (xml, &error);

  if (!has)
    fail_msg ("%s", error->message);
  assert_string_equal (has->id, UUID);
  assert_string_equal (has->name, "web");
  assert_int_equal (has->slots->len, 2);
  assert_string_equal (((VfpoolSlot *)has->slots->pdata[0])->address, "0000:01:10.2");
  assert_string_equal (((VfpoolSlot *)has->slots->pdata[0])->name, "hostdev-0000-01-10-2");
  assert_string_equal (((VfpoolSlot *)has->slots->pdata[1])->address, "0000:02:10.2");
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_alias),   cmocka_unit_test (test_running), cmocka_unit_test (test_teaming),
    cmocka_unit_test (test_hostdev), cmocka_unit_test (test_devices),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
