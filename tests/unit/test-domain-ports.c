/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be plugged into a domain: refused only where it is certain that there is too little room. */
#include "domain-ports.h"
#include "fixture.h"

#include <string.h>

#define ROOT "<controller type='pci' index='0' model='pcie-root'/>"
#define PORT(index) "<controller type='pci' index='" index "' model='pcie-root-port'/>"
#define MODEL(index, model) "<controller type='pci' index='" index "' model='" model "'/>"
#define ON(bus) "<address type='pci' domain='0x0000' bus='" bus "' slot='0x00' function='0x0'/>"
#define DISK(bus) "<disk type='file'><target dev='vda'/>" ON (bus) "</disk>"

static const struct {
  const char *what;
  const char *devices;
  int n_free; /* -1: any number */
} cases[] = {
  { "nothing", "", -1 },
  { "no root of PCI Express", PORT ("1"), -1 },
  { "a root alone", ROOT, 0 },
  { "two ports", ROOT PORT ("1") PORT ("2"), 2 },
  { "one is taken", ROOT PORT ("1") PORT ("2") DISK ("0x01"), 1 },
  { "one is taken twice", ROOT PORT ("1") PORT ("2") DISK ("0x02") DISK ("0x02"), 1 },
  { "a bus above 9", ROOT PORT ("10") PORT ("16") DISK ("0x10"), 1 },
  { "taken by a controller", ROOT PORT ("1") "<controller type='scsi' index='0'>" ON ("0x01") "</controller>", 0 },
  { "taken by the switch that it leads to",
    ROOT PORT ("1") "<controller type='pci' index='2' model='pcie-switch-upstream-port'>" ON (
        "0x01") "</controller>"
                "<controller type='pci' index='3' model='pcie-switch-downstream-port'>" ON (
                    "0x02") "</controller>"
                            "<controller type='pci' index='4' model='pcie-switch-downstream-port'>" ON (
                                "0x02") "</controller>",
    2 },
  { "taken by a host device",
    ROOT PORT ("1") "<hostdev type='pci'><source>" ON ("0x07") "</source>" ON ("0x01") "</hostdev>", 0 },
  { "a host device's address on the host takes nothing",
    ROOT PORT ("1")
        PORT ("2") "<hostdev type='pci'><source><address type='pci' bus='0x01'/></source>" ON ("0x02") "</hostdev>",
    1 },
  { "an address that is no PCI's", ROOT PORT ("1") "<disk><address type='drive' bus='1'/></disk>", 1 },
  { "a port that nothing can be plugged into",
    ROOT "<controller type='pci' index='1' model='pcie-root-port'><target hotplug='off'/></controller>" PORT ("2"), 1 },
  { "a port that says that one can",
    ROOT "<controller type='pci' index='1' model='pcie-root-port'><target hotplug='on' port='0x8'/></controller>", 1 },
  { "an expander bus", ROOT MODEL ("1", "pcie-expander-bus") PORT ("2"), 1 },
  { "a port without an index", ROOT "<controller type='pci' model='pcie-root-port'/>" DISK ("0x01"), 1 },
  { "an index that is no number", ROOT PORT ("x") DISK ("0x01"), 1 },
  { "other controllers", ROOT "<controller type='usb' index='1' model='pcie-root-port'/>", 0 },
  { "i440fx", "<controller type='pci' index='0' model='pci-root'/>", -1 },
  { "a bridge to conventional PCI", ROOT MODEL ("1", "pcie-to-pci-bridge"), -1 },
  { "an older bridge", ROOT MODEL ("1", "dmi-to-pci-bridge") MODEL ("2", "pci-bridge"), -1 },
  { "the older bridge alone", ROOT MODEL ("1", "dmi-to-pci-bridge"), 0 },
  { "a kind of bus that nobody knows", ROOT MODEL ("1", "cxl-something"), -1 },
  { "a controller without a model", ROOT "<controller type='pci' index='1'/>", -1 },
};

static gboolean
has_room (const char *devices, guint wanted, GError **error) {
  g_autofree char *text = g_strconcat ("<domain><name>web</name><devices>", devices, "</devices></domain>", NULL);
  g_autoptr (DomainXml) xml = domain_xml_parse (text, strlen (text), NULL);

  assert_non_null (xml);
  return domain_ports_check (xml, wanted, error);
}

static void
test_counted (void **state G_GNUC_UNUSED) {
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    gboolean any = cases[i].n_free < 0;
    guint enough = any ? 1000 : (guint)cases[i].n_free;
    GError *error = NULL;

    if (!has_room (cases[i].devices, enough, NULL))
      fail_msg ("%s: has no room for %u", cases[i].what, enough);
    if (has_room (cases[i].devices, enough + 1, &error) != any)
      fail_msg ("%s: has room for %u", cases[i].what, enough + 1);
    if (!any)
      assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "<controller type='pci' model='pcie-root-port'/>");
  }
}

static void
test_said (void **state G_GNUC_UNUSED) {
  GError *error = NULL;

  assert_false (has_room (ROOT PORT ("1"), 3, &error));
  assert_vfpool_error (
      &error, VFPOOL_ERROR_BAD_INPUT,
      "guest 'web' has 1 free PCI Express ports for the 3 devices that it asks for by pool, 2 too few");
}

static void
test_no_devices (void **state G_GNUC_UNUSED) {
  const char *text = "<domain/>";
  g_autoptr (DomainXml) xml = domain_xml_parse (text, strlen (text), NULL);

  assert_true (domain_ports_check (xml, 1, NULL));
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_counted),
    cmocka_unit_test (test_said),
    cmocka_unit_test (test_no_devices),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
