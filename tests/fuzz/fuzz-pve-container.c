/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A container's configuration on Proxmox VE, then a line "=", then the configuration that was generated for LXC. Whatever the
 * first says, what is added to the second has the lines that it should have and no other; and it can be taken out again.
 */
#include "fuzz.h"
#include "pve-hookscript/container-config.h"
#include "pve-hookscript/lxc-config.h"

#include <string.h>

static guint
count_lines (const char *text) {
  guint n = 0;

  for (; *text; text++)
    n += *text == '\n';
  return n;
}

/* Returns: how many lines it must have added, without the two around them. */
static guint
add_slots (PveLxcConfig *lxc, const PveContainerConfig *config) {
  guint lines = 0;

  for (guint i = 0; i < config->slots->len; i++) {
    const PveContainerSlot *slot = g_ptr_array_index (config->slots, i);

    g_assert_true (!slot->name == (slot->driver == VFPOOL_DRIVER_VFIO));
    if (!slot->name)
      continue;
    g_assert_true (pve_is_interface_name (slot->name));
    g_assert_true (pve_lxc_config_add_interface (lxc, "enp1s0v0", slot->name, slot->mtu, NULL));
    lines += slot->mtu ? 5 : 4;
  }
  return lines;
}

static void
check_lxc (const char *text, const PveContainerConfig *config) {
  g_autoptr (GError) error = NULL;
  g_autoptr (PveLxcConfig) lxc = pve_lxc_config_parse (text, &error), again = NULL;
  g_autofree char *before = lxc ? pve_lxc_config_to_string (lxc) : NULL, *with = NULL, *after = NULL;
  guint lines;

  fuzz_assert_answer (lxc != NULL, &error);
  if (!lxc)
    return;
  lines = add_slots (lxc, config);
  with = pve_lxc_config_to_string (lxc);
  g_assert_true (g_str_has_prefix (with, before));
  g_assert_cmpuint (count_lines (with), ==, count_lines (before) + (lines ? lines + 2 : 0));
  again = pve_lxc_config_parse (with, NULL);
  g_assert_nonnull (again);
  after = pve_lxc_config_to_string (again);
  g_assert_cmpstr (after, ==, before);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  FuzzInput rest = { data, size }, first = fuzz_take (&rest, "\n=\n");
  g_autofree char *lxc = fuzz_take_text (&rest, "\n=\n");
  g_autoptr (GError) error = NULL;
  g_autoptr (PveContainerConfig) config = NULL;

  fuzz_memory_begin ();
  config = pve_container_config_parse ((const char *)first.data, first.size, &error);
  fuzz_memory_end (16384 + 256 * size);
  fuzz_assert_answer (config != NULL, &error);
  if (config)
    check_lxc (lxc, config);
  return 0;
}
