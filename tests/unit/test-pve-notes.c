/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VM's notes: which lines are vfpool's, what they say, and what is said about wrong ones; all else is other people's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "pve-hookscript/notes.h"
#include "pve-hookscript/vm-config.h"

/* "N.J:mac,vlan,numa,all" for each device, "KEY=WORD" for each policy, or "!" and the problem. */
static char *
describe (const PveNotes *notes) {
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < notes->devices->len; i++) {
    const PveNote *note = g_ptr_array_index (notes->devices, i);

    g_string_append_printf (text, "%d.%d:%s,%d,%s,%d ", note->index, note->function, note->mac ? note->mac : "",
                            note->vlan, note->numa ? note->numa : "", note->all_functions);
  }
  for (guint i = 0; i < notes->policies->len; i++) {
    const PveNotePolicy *policy = g_ptr_array_index (notes->policies, i);

    g_string_append_printf (text, "%s=%s ", policy->key, policy->word);
  }
  if (notes->problem)
    g_string_printf (text, "!%s", notes->problem);
  return g_strchomp (g_string_free (text, FALSE));
}

static void
test_lines (void **state) {
  static const struct {
    const char *text, *expected; /* expected: beginning with "!": a part of the problem */
  } cases[] = {
    { "", "" },
    { "just text", "" },
    { "# Web server\n\n**owner**: Anna, see [wiki](https://wiki/vfpool)\n", "" },
    { "uses vfpool: hostpci0 vlan=5", "" }, /* within a sentence */
    { "vfpool hostpci0 vlan=5\nvfpooler: x\n", "" },
    { "<b>vfpool</b>: x\n<table><tr><td>vfpool: y</td></tr></table>", "" },
    { "vfpool: hostpci0 vlan=100", "0.0:,100,,0" },
    { "vfpool:hostpci0 vlan=0", "0.0:,0,,0" },
    { "VFPool: hostpci15 vlan=4094", "15.0:,4094,,0" },
    { "vfpool: hostpci0 mac=52:54:00:12:34:56 vlan=100 numa=required functions=all",
      "0.0:52:54:00:12:34:56,100,required,1" },
    { "vfpool: hostpci0, mac=52:54:00:12:34:56, vlan=100", "0.0:52:54:00:12:34:56,100,,0" },
    { "vfpool: hostpci0.3 vlan=7", "0.3:,7,,0" },
    { "vfpool: hostpci0", "0.0:,-1,,0" },
    { "vfpool: numa=required placement=pack anti-affinity=card", "numa=required placement=pack anti-affinity=card" },
    { "vfpool: hostpci0 vlan=1\nmore\nvfpool: hostpci1 vlan=2\nvfpool: hostpci0 mac=x\nvfpool: numa=ignore",
      "0.0:x,1,,0 1.0:,2,,0 numa=ignore" },
    /* as PVE stores it */
    { "vfpool%3A hostpci0 mac=52%3A54%3A00%3A12%3A34%3A56", "0.0:52:54:00:12:34:56,-1,,0" },
    { "vfpool%3a hostpci0 vlan=5%0D\n", "0.0:,5,,0" },
    { "text%0Avfpool%3A hostpci0 vlan=5%0Atext", "0.0:,5,,0" },
    { "100% vfpool%\n%\n%4\n%zz\nvfpool: hostpci0 vlan=5%", "!vlan=5%" },
    { "%00vfpool: hostpci0 vlan=5", "0.0:,5,,0" },
    { "Ger%C3%A4t\nvfpool: hostpci0 vlan=5", "0.0:,5,,0" },
    /* within Markdown and HTML */
    { "- vfpool: hostpci0 vlan=5\n", "0.0:,5,,0" },
    { "> vfpool: hostpci0 vlan=5  \n", "0.0:,5,,0" },
    { "`vfpool: hostpci0 vlan=5`", "0.0:,5,,0" },
    { "    vfpool: hostpci0 vlan=5\\", "0.0:,5,,0" },
    { "**vfpool: hostpci0 vlan=5**<br>", "0.0:,5,,0" },
    { "<!-- vfpool: hostpci0 vlan=5 -->", "0.0:,5,,0" },
    { "<!--\nvfpool: hostpci0 vlan=5\n-->", "0.0:,5,,0" },
    { "<p>vfpool: hostpci0 vlan=5</p>", "0.0:,5,,0" },
    { "vfpool: hostpci0 vlan=5\r\n\r\n", "0.0:,5,,0" },
    /* wrong */
    { "a\nb\nvfpool: hostpci0 vlna=5\n",
      "!line 3 of its notes: unknown key \"vlna\": did you mean \"vlan\"? Expected one of mac, vlan, numa, functions" },
    { "vfpool: nuna=ignore", "!line 1 of its notes: unknown key \"nuna\": did you mean \"numa\"? Expected one of numa, "
                             "placement, anti-affinity" },
    { "vfpool: hostpci0 VLAN=5", "!did you mean \"vlan\"?" },
    { "vfpool: vlan=5", "!vlan= is for one device: write which before it, as in \"vfpool: hostpci0 vlan=...\"" },
    { "vfpool: hostpci0 placement=pack", "!placement= is for the whole VM" },
    { "vfpool: hostpci16 vlan=5", "!\"hostpci16\" is neither" },
    { "vfpool: hostpci00 vlan=5", "0.0:,5,,0" },
    { "vfpool: hostpci0x vlan=5", "!\"hostpci0x\" is neither" },
    { "vfpool: hostpci99999999999999999999 vlan=5", "!is neither" },
    { "vfpool: hostpci0. vlan=5", "!\"hostpci0.\" is neither" },
    { "vfpool: net0 vlan=5", "!\"net0\" is neither KEY=VALUE nor, at the beginning, one of hostpci0 to hostpci15" },
    { "vfpool: vlan=5 hostpci0", "!vlan= is for one device" },
    { "vfpool: hostpci0 hostpci1 vlan=5", "!\"hostpci1\" is neither" },
    { "vfpool: hostpci0 vlan", "!\"vlan\" is neither" },
    { "vfpool: hostpci0 vlan=", "!\"vlan=\" is neither" },
    { "vfpool: hostpci0 =5", "!unknown key \"\"" },
    { "vfpool: hostpci0 vlan=5 vlan=5", "!vlan= stands there twice" },
    { "vfpool: hostpci0 mac=a\nvfpool: hostpci0 mac=b", "!line 2 of its notes: mac= stands there twice" },
    { "vfpool: numa=ignore\nvfpool: numa=ignore", "!line 2 of its notes: numa= stands there twice" },
    { "vfpool: hostpci0 vlan=4095", "!vlan=4095: expected a number from 0 (untagged) to 4094" },
    { "vfpool: hostpci0 vlan=-1", "!vlan=-1" },
    { "vfpool: hostpci0 vlan=0x10", "!vlan=0x10" },
    { "vfpool: hostpci0 functions=2", "!functions=2: expected functions=all" },
    { "vfpool:", "!line 1 of its notes: it says nothing" },
    { "vfpool: see the wiki", "!\"see\" is neither" },
    { "vfpool: hostpci0 vlan=x\nvfpool: frob", "!line 1 of its notes: vlan=x" }, /* the first one is told */
  };
  (void)state;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (PveNotes) notes = pve_notes_parse (cases[i].text);
    g_autofree char *text = describe (notes);
    const char *expected = cases[i].expected;

    if (*expected == '!' ? *text != '!' || !strstr (text, expected + 1) : strcmp (text, expected))
      fail_msg ("\"%s\" gave \"%s\"", cases[i].text, text);
  }
}

/* Whatever stands there, a problem is one short printable line. */
static void
test_odd_bytes (void **state) {
  g_autofree char *huge = g_strnfill (900000, 'x'), *line = g_strconcat ("vfpool: hostpci0 ", huge, "=1", NULL);
  g_autofree char *many = g_strnfill (900000, '%'), *long_mac = g_strconcat ("vfpool: hostpci0 mac=", huge, NULL);
  const char *texts[] = {
    line, many, long_mac, "vfpool: hostpci0 \x1b[31m=1", "vfpool: hostpci0 %0a%1b%00=1", "vfpool: \xff\xfe"
  };
  (void)state;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (PveNotes) notes = pve_notes_parse (texts[i]);

    assert_true (!notes->problem || strlen (notes->problem) < 500);
    for (const char *c = notes->problem; c && *c; c++)
      assert_true ((guchar)*c >= 0x20);
  }
}

/* Where the notes stand in a VM's configuration. */
static void
test_in_config (void **state) {
  static const struct {
    const char *config, *expected;
  } cases[] = {
    { "#vfpool%3A hostpci0 vlan=5\nhostpci0: mapping=lan\n", "0.0:,5,,0" },
    { "hostpci0: mapping=lan\n# hand%3A x\n# vfpool: hostpci0 vlan=5", "0.0:,5,,0" },
    { "#a\r\n#vfpool: hostpci0 vlan=5\r\nhostpci0: mapping=lan\r\n", "0.0:,5,,0" },
    { "description: a%0Avfpool%3A hostpci0 vlan=5%0A\n", "0.0:,5,,0" },
    { "vfpool: hostpci0 vlan=5\n #vfpool: hostpci0 vlan=6\n", "" },
    { "name: x\n[PENDING]\n#vfpool: hostpci0 vlan=5\n", "" },
    { "name: x\n\n[snap]\n#vfpool: frob\n", "" },
    { "#qmdump#map:scsi0:drive-scsi0:rbd::\n#vfpool: hostpci0 vlan=5\n", "0.0:,5,,0" },
    { "#\n#\n#vfpool: x\n", "!line 3 of its notes" },
  };
  (void)state;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (PveVmConfig) config = pve_vm_config_parse (cases[i].config, strlen (cases[i].config));
    g_autofree char *text = describe (config->notes);

    if (*cases[i].expected == '!' ? !strstr (text, cases[i].expected + 1) : strcmp (text, cases[i].expected))
      fail_msg ("\"%s\" gave \"%s\"", cases[i].config, text);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_lines),
    cmocka_unit_test (test_odd_bytes),
    cmocka_unit_test (test_in_config),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
