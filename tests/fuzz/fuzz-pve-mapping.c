/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proxmox VE's resource mappings: what was read can be written again; and whatever stands in the mapping of a pool, the
 * check before a start answers in one line. Behind a line "#### vm" may stand the configuration of the VM that starts.
 */
#include "fuzz.h"
#include "pve-hookscript/mapping-edit.h"
#include "pve-hookscript/mapping.h"
#include "pve-hookscript/plan.h"
#include "pve-hookscript/section-file.h"

#include <string.h>

#define NODE "node1"
#define VF "0000:03:10.0"
#define OTHER_VF "0000:03:10.2"
#define DEVICES "/sys/bus/pci/devices/"
#define VM_CONFIG "#### vm\n"
#define DEFAULT_VM "hostpci0: mapping=lan\n"

static void
write_device (const char *bdf) {
  static const char *const attributes[][2] = {
    { "vendor", "0x8086\n" },
    { "device", "0x10ca\n" },
    { "subsystem_vendor", "0x8086\n" },
    { "subsystem_device", "0xa03c\n" },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (attributes); i++) {
    g_autofree char *path = g_strconcat (DEVICES, bdf, "/", attributes[i][0], NULL);

    fuzz_write_text (path, attributes[i][1]);
  }
}

static PvePaths *
make_host (Vfpool **vfpool) {
  PvePaths *paths = pve_paths_new (fuzz_root (), NULL, NULL);

  g_free (paths->node);
  paths->node = g_strdup (NODE);
  write_device (VF);
  write_device (OTHER_VF);
  fuzz_write_text ("/etc/vfpool/vfpool.conf", "[pool lan]\nmembers=address=" VF "\n");
  *vfpool = vfpool_open (fuzz_root (), NULL, NULL, NULL);
  g_assert_nonnull (*vfpool);
  return paths;
}

static void
write_map (GString *text, const PveMap *map) {
  g_string_append_printf (text, "\tmap id=%s,node=" NODE ",path=", map->id);
  for (guint i = 0; i < map->paths->len; i++)
    g_string_append_printf (text, "%s%s", i == 0 ? "" : ";", (char *)g_ptr_array_index (map->paths, i));
  if (map->subsystem_id)
    g_string_append_printf (text, ",subsystem-id=%s", map->subsystem_id);
  if (map->iommugroup)
    g_string_append_printf (text, ",iommugroup=%s", map->iommugroup);
  g_string_append (text, ",description=x\n"); /* keeps blanks at the end of the one before it */
}

static GString *
write_mapping (const char *id, GPtrArray *maps) {
  GString *text = g_string_new (id);

  g_string_append_c (text, '\n');
  for (guint i = 0; i < maps->len; i++)
    write_map (text, g_ptr_array_index (maps, i));
  return text;
}

/* The line that messages name is the one from which the alternative was read. */
static void
check_line (const PveMap *map, FuzzInput text) {
  FuzzInput line = { NULL, 0 };

  for (int i = 0; i < map->line; i++) {
    g_assert_cmpuint (text.size, >, 0);
    line = fuzz_take (&text, "\n");
  }
  g_assert_nonnull (memmem (line.data, line.size, "map", strlen ("map")));
  g_assert_nonnull (memmem (line.data, line.size, map->id, strlen (map->id)));
}

static void
check_mapping (const PveMappings *mappings, const char *id, FuzzInput input) {
  GPtrArray *maps = pve_mappings_find (mappings, id), *again;
  g_autoptr (PveMappings) second = NULL;
  g_autoptr (GString) text = NULL, second_text = NULL;

  if (!maps)
    return;
  g_assert_cmpuint (maps->len, >, 0);
  for (guint i = 0; i < maps->len; i++) {
    const PveMap *map = g_ptr_array_index (maps, i);

    check_line (map, input);
    g_assert_cmpuint (map->paths->len, >, 0);
  }
  text = write_mapping (id, maps);
  second = pve_mappings_parse (text->str, text->len, NODE);
  again = pve_mappings_find (second, id);
  g_assert_nonnull (again);
  second_text = write_mapping (id, again);
  g_assert_cmpstr (text->str, ==, second_text->str);
}

static void
check_plan (const PvePaths *paths, const PveMappings *mappings, Vfpool *vfpool, FuzzInput vm) {
  gboolean is_default = vm.size == 0;
  const char *text = is_default ? DEFAULT_VM : (const char *)vm.data;
  g_autoptr (PveVmConfig) config = pve_vm_config_parse (text, is_default ? strlen (text) : vm.size);
  g_autoptr (GPtrArray) plan = pve_plan_new (paths, config, vfpool), leased = g_ptr_array_new (), chosen = NULL;
  g_autoptr (VfpoolRequest) request = NULL;
  g_autoptr (GError) error = NULL;
  gboolean ok;

  request = pve_plan_request (plan, vfpool, "101", config, NULL, &error);
  fuzz_assert_answer (request != NULL, &error);
  ok = pve_plan_check (plan, paths, mappings, vfpool, &error);
  fuzz_assert_answer (ok, &error);
  g_ptr_array_add (leased, (gpointer)VF);
  chosen = pve_plan_walk (plan, paths, mappings, leased, &error);
  fuzz_assert_answer (chosen != NULL, &error);
  if (ok && is_default) /* the one VF of the pool is listed, so it is found */
    g_assert_cmpstr (g_ptr_array_index ((GPtrArray *)g_ptr_array_index (chosen, 0), 0), ==, VF);
}

static guint
count_maps (const char *data, gsize length, const char *id, const char *node) {
  g_autoptr (PveMappings) mappings = pve_mappings_parse (data, length, node);
  GPtrArray *maps = pve_mappings_find (mappings, id);

  return maps ? maps->len : 0;
}

/* Putting the pool's lines in: they are there afterwards, once; another node's are as many as before; and doing it again changes
 * nothing. */
static void
check_edit (const PvePaths *paths, FuzzInput mapping) {
  const char *data = (const char *)mapping.data;
  g_autoptr (GPtrArray) wanted = g_ptr_array_new ();
  g_autoptr (GString) text = NULL, again = NULL;

  g_ptr_array_add (wanted, (gpointer)VF);
  g_ptr_array_add (wanted, (gpointer)OTHER_VF);
  text = pve_mapping_edit (data, mapping.size, paths, "lan", wanted);
  again = pve_mapping_edit (text->str, text->len, paths, "lan", wanted);
  g_assert_cmpmem (again->str, again->len, text->str, text->len);
  g_assert_cmpuint (count_maps (text->str, text->len, "lan", NODE), ==, 2);
  g_assert_cmpuint (count_maps (text->str, text->len, "lan", "node2"), ==,
                    count_maps (data, mapping.size, "lan", "node2"));
  g_assert_cmpuint (count_maps (text->str, text->len, "wan", NODE), ==, count_maps (data, mapping.size, "wan", NODE));
}

/* As storage.cfg, too: the lines are the file, and each belongs to a section that has begun. */
static void
check_sections (FuzzInput file) {
  const char *data = (const char *)file.data;
  g_autoptr (GPtrArray) lines = pve_section_lines (data, file.size, PVE_SECTION_TYPE_ID);
  gsize offset = 0;

  for (guint i = 0; i < lines->len; i++) {
    const PveSectionLine *line = g_ptr_array_index (lines, i), *header;

    g_assert_true (line->text == data + offset);
    offset += line->length;
    g_assert_true (!line->value || line->key);
    if (line->header < 0) {
      g_assert_true (!line->id && !line->key);
      continue;
    }
    g_assert_cmpint (line->header, <=, (int)i);
    header = g_ptr_array_index (lines, (guint)line->header);
    g_assert_true (header->id && *header->id && header->type && *header->type && header->header == line->header);
  }
  g_assert_cmpuint (offset, ==, file.size);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  static PvePaths *paths;
  static Vfpool *vfpool;
  FuzzInput vm = { data, size }, mapping = fuzz_take (&vm, VM_CONFIG), rest = mapping;
  g_autoptr (PveMappings) mappings = NULL;

  if (!paths)
    paths = make_host (&vfpool);
  fuzz_memory_begin ();
  mappings = pve_mappings_parse ((const char *)mapping.data, mapping.size, NODE);
  fuzz_memory_end (32768 + 128 * size);
  while (rest.size > 0) {
    g_autofree char *id = g_strchomp (fuzz_take_text (&rest, "\n"));

    check_mapping (mappings, id, mapping);
  }
  check_edit (paths, mapping);
  check_sections (mapping);
  check_plan (paths, mappings, vfpool, vm);
  return 0;
}
