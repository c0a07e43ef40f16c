/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a Proxmox VE VM's configuration is read: shapes of files, then shapes of hostpci entries. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib/gstdio.h>
#include <string.h>

#include "pve-hookscript/paths.h"
#include "pve-hookscript/vm-config.h"
#include "vfpool.h"

/* What was understood, as text: "N:mapping=ID" or "N:BDF;BDF", blank between entries. */
static char *
describe (const PveVmConfig *config) {
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < config->hostpci->len; i++) {
    const PveHostpci *entry = g_ptr_array_index (config->hostpci, i);

    g_string_append_printf (text, "%s%d:", i ? " " : "", entry->index);
    if (entry->mapping)
      g_string_append_printf (text, "mapping=%s", entry->mapping);
    for (guint j = 0; entry->addresses && j < entry->addresses->len; j++)
      g_string_append_printf (text, "%s%s", j ? ";" : "", (char *)g_ptr_array_index (entry->addresses, j));
  }
  return g_string_free (text, FALSE);
}

static void
assert_config (const char *data, gsize length, const char *name, const char *expected, guint warnings) {
  g_autoptr (PveVmConfig) config = pve_vm_config_parse (data, length);
  g_autofree char *text = describe (config);

  if (g_strcmp0 (config->name, name) || strcmp (text, expected) || config->warnings->len != warnings)
    fail_msg ("\"%s\": name %s, \"%s\", %u warnings", data, config->name, text, config->warnings->len);
}

static void
test_files (void **state G_GNUC_UNUSED) {
  static const struct {
    const char *data, *name, *expected;
  } cases[] = {
    { "", NULL, "" },
    { "\n\n", NULL, "" },
    { "name: web\nhostpci0: mapping=lan\n", "web", "0:mapping=lan" },
    { "hostpci0: mapping=lan", NULL, "0:mapping=lan" },
    { "hostpci0:mapping=lan", NULL, "0:mapping=lan" },
    { "name: web\r\nhostpci0: mapping=lan,pcie=1\r\n", "web", "0:mapping=lan" },
    { "hostpci1: mapping=b\nhostpci0: mapping=a\nhostpci15: 01:00.0\n", NULL,
      "0:mapping=a 1:mapping=b 15:0000:01:00.0" },
    { "hostpci0: mapping=a\nhostpci0: mapping=b\n", NULL, "0:mapping=b" },
    { "hostpci16: mapping=lan\nhostpci00: mapping=lan\nhostpci-1: mapping=lan\nhostpci: mapping=lan\n", NULL, "" },
    { "#hostpci0: mapping=lan\n# %0Ahostpci1%3A mapping=lan\nhostpci2: mapping=lan\n", NULL, "2:mapping=lan" },
    { "hostpci0: mapping=a\n[before]\nhostpci1: mapping=b\n", NULL, "0:mapping=a" },
    { "hostpci0: mapping=a\n\n[PENDING]\nhostpci0: mapping=b\ndelete: hostpci0\n", NULL, "0:mapping=a" },
    { "[special:cloudinit]\nhostpci0: mapping=a\n", NULL, "" },
    { "agent: 1\nfrob: x=y\nno colon here\n:\n: x\nhostpci0: mapping=a\nnet0: virtio=02:00:00:00:00:01\n", NULL,
      "0:mapping=a" },
    { "hostpci0:\nhostpci1:   \nname:\n", NULL, "" },
    { " hostpci0: mapping=lan\n", NULL, "" },
    { "args: -name x,hostpci0: mapping=lan\n", NULL, "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_config (cases[i].data, strlen (cases[i].data), cases[i].name, cases[i].expected, 0);
}

static void
test_home (void **state G_GNUC_UNUSED) {
  static const struct {
    const char *data, *nodes, *cpus;
  } cases[] = {
    { "name: x\n", NULL, NULL },
    { "numa: 1\n", NULL, NULL },
    { "numa: 1\nnuma0: cpus=0-1,hostnodes=1,memory=512,policy=bind\n", "1", NULL },
    { "numa0: hostnodes=0;2-3,cpus=0\nnuma: 1\nnuma7: cpus=1,hostnodes=7\n", "0,2-3,7", NULL },
    { "numa: on\nnuma0: hostnodes=1,cpus=0\nnuma1: cpus=1\nnuma2: hostnodes=0,cpus=2\n", "1,0", NULL },
    { "numa: 1\nnuma8: cpus=0,hostnodes=1\nnuma00: cpus=0,hostnodes=1\n", NULL, NULL },
    { "numa: 1\nnuma0: cpus=0,hostnodes=1\nnuma0: cpus=0,hostnodes=2\n", "2", NULL },
    { "numa: 1\nnuma0: cpus=0,xhostnodes=1,hostnodesx=2\n", NULL, NULL },
    { "numa: 1\nnuma0: cpus=0,hostnodes=1,2\n", "1", NULL },
    { "numa: 1\nnuma0: cpus=0,hostnodes=\nnuma1: cpus=0,hostnodes=all\nnuma2: cpus=0,hostnodes=^1\n", NULL, NULL },
    { "numa: 0\nnuma0: cpus=0,hostnodes=1\n", NULL, NULL },
    { "numa0: cpus=0,hostnodes=1\n", NULL, NULL },
    { "numa: 1\n[snap]\nnuma0: cpus=0,hostnodes=1\naffinity: 1\n", NULL, NULL },
    { "affinity: 0,5,8-11\n", NULL, "0,5,8-11" },
    { "affinity: 0, 5\n", NULL, "0, 5" },
    { "affinity: 0-3,^2\n", NULL, NULL },
    { "affinity: none\n", NULL, NULL },
    { "affinity: 4\nnuma: yes\nnuma0: cpus=0,hostnodes=1\n", "1", "4" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (PveVmConfig) config = pve_vm_config_parse (cases[i].data, strlen (cases[i].data));

    if (g_strcmp0 (config->nodes, cases[i].nodes) || g_strcmp0 (config->cpus, cases[i].cpus))
      fail_msg ("\"%s\": nodes %s, cpus %s", cases[i].data, config->nodes, config->cpus);
    assert_int_equal (config->warnings->len, 0);
  }
}

static void
test_zero_bytes (void **state G_GNUC_UNUSED) {
  static const char data[] = "hostpci0: mapping=lan\0evil\nhostpci1: mapping=b\n\0\0\nname: w\0b\n";

  assert_config (data, sizeof data - 1, NULL, "1:mapping=b", 0);
}

static void
test_entries (void **state G_GNUC_UNUSED) {
  static const struct {
    const char *value, *expected; /* expected NULL: passed over without, "!": with a problem */
  } cases[] = {
    { "mapping=lan", "0:mapping=lan" },
    { "pcie=1,mapping=lan,rombar=0", "0:mapping=lan" },
    { "host=0000:01:10.0", "0:0000:01:10.0" },
    { "0000:01:10.0", "0:0000:01:10.0" },
    { "01:10.0", "0:0000:01:10.0" },
    { "01:10", "0:0000:01:10" },
    { "0000:01:10,pcie=1", "0:0000:01:10" },
    { "10000:e1:00.4", "0:10000:e1:00.4" },
    { "pcie=1,01:10.2,x-vga=1", "0:0000:01:10.2" },
    { "host=01:10.0;01:10.2;0000:02:00", "0:0000:01:10.0;0000:01:10.2;0000:02:00" },
    { "01:10.0,legacy-igd=1,romfile=a.rom,device-id=0x1234,vendor-id=0x8086,sub-device-id=0x1,new-thing=yes",
      "0:0000:01:10.0" },
    { ",01:10.0,,", "0:0000:01:10.0" },
    /* Proxmox VE 9: who binds the device; what the GUI writes; a domain of VMD */
    { "01:10.0,driver=keep", "0:0000:01:10.0" },
    { "driver=vfio,mapping=lan,pcie=1", "0:mapping=lan" },
    { "mapping=lan,pcie=1,rombar=0,x-vga=1,romfile=vbios.bin", "0:mapping=lan" },
    { "host=0000:01:10.0,sub-vendor-id=0x8086,sub-device-id=0xa03c,legacy-igd=1", "0:0000:01:10.0" },
    { "host=0000:01:10.0;0000:01:10.2;01:11,pcie=on", "0:0000:01:10.0;0000:01:10.2;0000:01:11" },
    { "mdev=nvidia-63,host=01:10.0,driver=keep", NULL },
    { "01:10.0,mdev=nvidia-63", NULL },
    { "mapping=gpu,mdev=i915-GVTg_V5_4", NULL },
    { "", "!" },
    { "pcie=1", "!" },
    { "host=01:10.0,mapping=lan", "!" },
    { "01:10.0,02:00.0", "!" },
    { "mapping=a,mapping=b", "!" },
    { "mapping=", "!" },
    { "=lan", "!" },
    { " mapping=lan", "!" },
    { "0000:01:1F.0", "!" },
    { "01:10.0;", "!" },
    { "01:10.0;;02:00.0", "!" },
    { "01:10.", "!" },
    { "01:10.00", "!" },
    { "01:1", "!" },
    { "1:10.0", "!" },
    { "000:01:10.0", "!" },
    { ":01:10.0", "!" },
    { "0000:0000:01:10.0", "!" },
    { "01:10.0 ", "!" },
    { "../../../etc", "!" },
    { "0000:01:10.g", "!" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (PveVmConfig) config = pve_vm_config_parse ("", 0);
    g_autofree char *problem = NULL;
    PveHostpci *entry = pve_hostpci_parse (0, cases[i].value, &problem);
    g_autofree char *text = NULL;

    if (entry)
      g_ptr_array_add (config->hostpci, entry);
    text = entry ? describe (config) : g_strdup (problem ? "!" : NULL);
    if (g_strcmp0 (text, cases[i].expected))
      fail_msg ("\"%s\" gave \"%s\" (%s)", cases[i].value, text, problem);
  }
}

/* Whole files of the shapes that Proxmox VE 8 and 9 write: a description, keys by name, then sections of five sorts. */
static void
test_whole_files (void **state G_GNUC_UNUSED) {
  static const struct {
    const char *data, *name, *expected;
    gboolean is_template;
  } cases[] = {
    { "#Router of floor 3\n#\n#%23 Markdown%3A *yes*\nagent: 1\nbios: ovmf\nboot: order=scsi0;net0\ncores: 4\ncpu: "
      "host\n"
      "efidisk0: tank:vm-101-disk-0,efitype=4m,size=1M\nhookscript: local:snippets/vfpool\nhostpci0: "
      "mapping=lan,pcie=1\n"
      "hostpci1: mapping=wan,pcie=1,rombar=0\nmachine: q35\nmemory: 4096\nmeta: creation-qemu=10.0.2,ctime=1755000000\n"
      "name: router\nnet0: virtio=BC:24:11:00:00:01,bridge=vmbr0\nnuma: 1\nonboot: 1\nostype: l26\nprotection: 1\n"
      "scsi0: tank:vm-101-disk-1,iothread=1,size=32G\nscsihw: virtio-scsi-single\n"
      "smbios1: uuid=0d9b4e3a-1111-4222-8333-944455556666\nsockets: 1\ntags: a;b\n"
      "vmgenid: 1b2c3d4e-1111-4222-8333-944455556666\n",
      "router", "0:mapping=lan 1:mapping=wan", FALSE },
    { "hostpci0: 0000:01:10.0,pcie=1\nname: a\nparent: before\n\n[PENDING]\nhostpci0: mapping=lan\ndelete: hostpci1\n\n"
      "[special:cloudinit]\nname: other\nhostpci3: mapping=lan\n\n[special:fleecing]\nfleecing-images: "
      "tank:vm-1-fleece-0\n\n"
      "[before]\n#%0Aof the snapshot\nhostpci0: mapping=old\nname: older\nsnaptime: 1755000001\nvmstate: tank:state\n\n"
      "[PENDING]\nhostpci5: mapping=lan\n",
      "a", "0:0000:01:10.0", FALSE },
    { "lock: migrate\nname: moving\nhostpci2: mapping=lan", "moving", "2:mapping=lan", FALSE },
    { "hostpci0: mapping=lan\nname: base\ntemplate: 1\n", "base", "0:mapping=lan", TRUE },
    { "template: 0\nname: x\n", "x", "", FALSE },
    { "name: x\n[snap]\ntemplate: 1\n", "x", "", FALSE },
    { "#\n#x%\n#%\n#%%%0\nname: x\nhostpci0: mapping=lan\nsnapstate: delete\ndigest: 0\n", "x", "0:mapping=lan",
      FALSE },
    { "name: x\n\n\n[unknown section]\nhostpci0: mapping=lan\n", "x", "", FALSE },
    { "args: -device vfio-pci,host=01:10.0\nname: x\nlxc.hostpci0: 1\n", "x", "", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (PveVmConfig) config = pve_vm_config_parse (cases[i].data, strlen (cases[i].data));

    assert_config (cases[i].data, strlen (cases[i].data), cases[i].name, cases[i].expected, 0);
    assert_int_equal (config->is_template, cases[i].is_template);
    assert_null (config->notes->problem);
  }
}

/* A description as large as a file can be, with a line for vfpool at its end. */
static void
test_huge_description (void **state G_GNUC_UNUSED) {
  g_autoptr (GString) data = g_string_new (NULL);
  g_autoptr (PveVmConfig) config = NULL;

  while (data->len < PVE_FILE_MAX - 200)
    g_string_append (data, "#%E2%9A%99 a line of the description%3A with what people write there\n");
  g_string_append (data, "#vfpool%3A hostpci0 vlan=5\nhostpci0: mapping=lan\n");
  config = pve_vm_config_parse (data->str, data->len);
  assert_int_equal (config->hostpci->len, 1);
  assert_non_null (pve_notes_find (config->notes, 0, 0));
}

static void
test_malformed_entry_is_a_warning (void **state G_GNUC_UNUSED) {
  const char *data = "hostpci0: 0000:01:1F.0\nhostpci1: mapping=lan\nhostpci2: x=1\n";

  assert_config (data, strlen (data), NULL, "1:mapping=lan", 2);
}

static void
test_load (void **state G_GNUC_UNUSED) {
  g_autofree char *folder = g_dir_make_tmp ("vfpool-test-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, "101.conf", NULL);
  g_autofree char *huge = g_strnfill (PVE_FILE_MAX + 1, '#');
  g_autoptr (GError) missing = NULL;
  g_autoptr (GError) large = NULL;
  g_autoptr (GError) not_a_file = NULL;
  PveVmConfig *config;

  assert_null (pve_vm_config_load (file, &missing));
  assert_true (g_error_matches (missing, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND));
  assert_non_null (strstr (missing->message, file));

  assert_null (pve_vm_config_load (folder, &not_a_file));
  assert_true (g_error_matches (not_a_file, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT));

  assert_true (g_file_set_contents (file, huge, -1, NULL));
  assert_null (pve_vm_config_load (file, &large));
  assert_true (g_error_matches (large, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT));

  assert_true (g_file_set_contents (file, huge, PVE_FILE_MAX, NULL));
  config = pve_vm_config_load (file, NULL);
  assert_non_null (config);
  assert_int_equal (config->hostpci->len, 0);
  pve_vm_config_free (config);

  g_unlink (file);
  g_rmdir (folder);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_files),
    cmocka_unit_test (test_home),
    cmocka_unit_test (test_zero_bytes),
    cmocka_unit_test (test_entries),
    cmocka_unit_test (test_whole_files),
    cmocka_unit_test (test_huge_description),
    cmocka_unit_test (test_malformed_entry_is_a_warning),
    cmocka_unit_test (test_load),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
