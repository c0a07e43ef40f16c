/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VM's configuration on Proxmox VE: what was understood can be written again; what was not is told in one line. */
#include "fuzz.h"
#include "pve-hookscript/vm-config.h"

#include <string.h>

/* The properties around the one that matters keep blanks at its ends in place. */
static void
write_entry (GString *text, const PveHostpci *entry) {
  g_string_append_printf (text, "hostpci%d: pcie=1,", entry->index);
  if (entry->mapping)
    g_string_append_printf (text, "mapping=%s", entry->mapping);
  for (guint i = 0; entry->addresses && i < entry->addresses->len; i++)
    g_string_append_printf (text, "%s%s", i == 0 ? "host=" : ";", (char *)g_ptr_array_index (entry->addresses, i));
  g_string_append (text, ",x-vga=0\n");
}

static void
check_address (const char *address) {
  g_auto (GStrv) part = g_strsplit_set (address, ":.", -1);
  guint parts = g_strv_length (part);

  g_assert_true (parts == 3 || parts == 4);
  g_assert_cmpuint (strlen (part[0]), >=, 4);
  g_assert_cmpuint (strlen (part[1]), ==, 2);
  g_assert_cmpuint (strlen (part[2]), ==, 2);
  g_assert_cmpuint (strspn (address, "0123456789abcdef:."), ==, strlen (address));
}

static void
check_entry (const PveHostpci *entry, int after) {
  g_assert_cmpint (entry->index, >, after);
  g_assert_cmpint (entry->index, <, PVE_HOSTPCI_MAX);
  g_assert_true (!entry->mapping != !entry->addresses);
  for (guint i = 0; entry->addresses && i < entry->addresses->len; i++)
    check_address (g_ptr_array_index (entry->addresses, i));
}

static GString *
write_config (const PveVmConfig *config) {
  GString *text = g_string_new (NULL);

  if (config->name)
    g_string_append_printf (text, "name: %s\n", config->name);
  if (config->nodes) {
    g_autofree char *nodes = g_strdelimit (g_strdup (config->nodes), ",", ';');
    g_string_append_printf (text, "numa: 1\nnuma0: hostnodes=%s,cpus=0\n", nodes);
  }
  if (config->cpus)
    g_string_append_printf (text, "affinity: %s\n", config->cpus);
  for (guint i = 0; i < config->hostpci->len; i++)
    write_entry (text, g_ptr_array_index (config->hostpci, i));
  return text;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  g_autoptr (PveVmConfig) config = NULL, again = NULL;
  g_autoptr (GString) text = NULL, second_text = NULL;
  int index = -1;

  fuzz_memory_begin ();
  config = pve_vm_config_parse ((const char *)data, size);
  fuzz_memory_end (16384 + 64 * size);
  for (guint i = 0; i < config->hostpci->len; i++) {
    const PveHostpci *entry = g_ptr_array_index (config->hostpci, i);

    check_entry (entry, index);
    index = entry->index;
  }
  for (guint i = 0; i < config->warnings->len; i++)
    fuzz_assert_line (g_ptr_array_index (config->warnings, i));
  if (config->notes->problem)
    fuzz_assert_line (config->notes->problem);
  text = write_config (config);
  again = pve_vm_config_parse (text->str, text->len);
  g_assert_cmpuint (again->warnings->len, ==, 0);
  second_text = write_config (again);
  g_assert_cmpstr (text->str, ==, second_text->str);
  return 0;
}
