/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PVE's PCI mappings: reading pci.cfg as PVE does, checking it against the kernel, and what PVE will choose from it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "pve-hookscript/mapping.h"
#include "pve-hookscript/plan.h"

#define MAP(path) "\tmap id=8086:10ca,node=pve1,path=" path "\n"

/* The paths of a mapping as text: ',' between alternatives, "-" when there are none. */
static char *
describe (const PveMappings *mappings, const char *id) {
  GPtrArray *maps = pve_mappings_find (mappings, id);
  GString *text = g_string_new (maps ? NULL : "-");

  for (guint i = 0; maps && i < maps->len; i++) {
    GPtrArray *paths = ((PveMap *)g_ptr_array_index (maps, i))->paths;

    for (guint j = 0; j < paths->len; j++)
      g_string_append_printf (text, "%s%s", j ? ";" : i ? "," : "", (char *)g_ptr_array_index (paths, j));
  }
  return g_string_free (text, FALSE);
}

static void
test_files (void **state G_GNUC_UNUSED) {
  static const struct {
    const char *data, *expected; /* of the mapping "lan" */
  } cases[] = {
    { "", "-" },
    { "lan\n", "-" },
    { "lan\n" MAP ("a") MAP ("b"), "a,b" },
    { "lan\n" MAP ("a;b") MAP ("c"), "a;b,c" },
    { "lan\r\n\tmap id=1:1,node=pve1,path=a\r\n", "a" },
    { "lan\n\tmap id=1:1,node=pve1,path=a", "a" },
    { "wan\n" MAP ("x") "\nlan\n" MAP ("a") "\nman\n" MAP ("y"), "a" },
    { "lan\n\tdescription: what ever\n\tmdev 1\n" MAP ("a") "\tfrob 1\n", "a" },
    { "lan\n" MAP ("a") "# comment\n   # comment\n" MAP ("b"), "a,b" },
    { "# comment\n\n\nlan\n" MAP ("a"), "a" },
    { "lan\n    map   node=pve1,path=a,id=1:1,iommugroup=1,subsystem-id=1:2,description=x  \n", "a" },
    /* another node's, and lines that PVE drops */
    { "lan\n\tmap id=1:1,node=pve2,path=a\n" MAP ("b"), "b" },
    { "lan\n\tmap id=1:1,path=a\n\tmap node=pve1,path=b\n\tmap id=1:1,node=pve1\n", "-" },
    { "lan\n\tmap id=1:1,node=pve1,path=a,frob=1\n", "-" },
    { "lan\n\tmap id=1:1,id=1:1,node=pve1,path=a\n", "-" },
    { "lan\n\tmap a,id=1:1,node=pve1\n", "-" },
    { "lan\n\tmapped id=1:1,node=pve1,path=a\n\tmap\n", "-" },
    { "lan\nmap id=1:1,node=pve1,path=a\n", "-" },
    /* an empty line ends a section, and only that does */
    { "lan\n" MAP ("a") "\n" MAP ("b"), "a" },
    { "wan\n" MAP ("a") "lan\n" MAP ("b"), "-" },
    { "lan\n" MAP ("a") "wan\n" MAP ("b"), "a,b" },
    { "lan\n" MAP ("a") "  \n" MAP ("b"), "a,b" },
    /* the last section of an ID counts; what is no ID is passed over with its lines */
    { "lan\n" MAP ("a") "\nlan\n" MAP ("b"), "b" },
    { "1lan\n" MAP ("a") "\nlan\n" MAP ("b"), "b" },
    { "lan wan\n\nlan\n" MAP ("b"), "b" },
    { "pci: lan\n\nlan\n" MAP ("b"), "b" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (PveMappings) mappings = pve_mappings_parse (cases[i].data, strlen (cases[i].data), "pve1");
    g_autofree char *text = describe (mappings, "lan");

    if (strcmp (text, cases[i].expected))
      fail_msg ("\"%s\" gave \"%s\"", cases[i].data, text);
  }
}

static void
test_line_numbers (void **state G_GNUC_UNUSED) {
  const char *data = "# one\nlan\n\tmdev 0\n" MAP ("a") "# five\n" MAP ("b");
  g_autoptr (PveMappings) mappings = pve_mappings_parse (data, strlen (data), "pve1");
  GPtrArray *maps = pve_mappings_find (mappings, "lan");

  assert_int_equal (((PveMap *)g_ptr_array_index (maps, 0))->line, 4);
  assert_int_equal (((PveMap *)g_ptr_array_index (maps, 1))->line, 6);
}

/* ---- Against a kernel ---- */

typedef struct {
  char *root;
  PvePaths *paths;
} Fixture;

static void
put (const Fixture *self, const char *bdf, const char *name, const char *data) {
  g_autofree char *path = pve_paths_device (self->paths, bdf, name);
  g_autofree char *folder = g_path_get_dirname (path);

  assert_int_equal (g_mkdir_with_parents (folder, 0755), 0);
  assert_true (g_file_set_contents (path, data, -1, NULL));
}

static int
set_up (void **state) {
  Fixture *self = g_new0 (Fixture, 1);
  g_autofree char *group = NULL;

  self->root = g_dir_make_tmp ("vfpool-test-XXXXXX", NULL);
  self->paths = pve_paths_new (self->root, NULL, NULL);
  g_free (self->paths->node);
  self->paths->node = g_strdup ("pve1");
  put (self, "0000:01:10.0", "vendor", "0x8086\n");
  put (self, "0000:01:10.0", "device", "0x10ca\n");
  put (self, "0000:01:10.0", "subsystem_vendor", "0x8086\n");
  put (self, "0000:01:10.0", "subsystem_device", "0xa03c\n");
  group = pve_paths_device (self->paths, "0000:01:10.0", "iommu_group");
  assert_int_equal (symlink ("../../../../kernel/iommu_groups/17", group), 0);
  put (self, "0000:01:10.2", "vendor", "0x8086\n");
  put (self, "0000:01:10.2", "device", "0x10ca\n");
  put (self, "0000:05:00.0", "vendor", "0x10de\n");
  put (self, "0000:05:00.0", "device", "0x2684\n");
  put (self, "0000:05:00.1", "vendor", "0x10de\n");
  put (self, "0000:05:00.1", "device", "0x22ba\n");
  *state = self;
  return 0;
}

static int
tear_down (void **state) {
  Fixture *self = *state;
  char *remove[] = { "rm", "-rf", self->root, NULL };
  gboolean done = g_spawn_sync (NULL, remove, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);

  pve_paths_free (self->paths);
  g_free (self->root);
  g_free (self);
  return done ? 0 : -1;
}

static void
test_map_problem (void **state) {
  static const struct {
    const char *map, *problem; /* a part of it, NULL: none */
  } cases[] = {
    { "id=8086:10ca,iommugroup=17,path=0000:01:10.0,subsystem-id=8086:a03c", NULL },
    { "id=8086:1520,iommugroup=17,path=0000:01:10.0,subsystem-id=8086:a03c", "id is 8086:1520 there" },
    { "id=8086:10CA,iommugroup=17,path=0000:01:10.0,subsystem-id=8086:a03c", "the kernel says 8086:10ca" },
    { "id=8086:10ca,iommugroup=16,path=0000:01:10.0,subsystem-id=8086:a03c", "iommugroup is 16 there" },
    { "id=8086:10ca,path=0000:01:10.0,subsystem-id=8086:a03c", "iommugroup is left out there, the kernel says 17" },
    { "id=8086:10ca,iommugroup=17,path=0000:01:10.0", "subsystem-id is left out" },
    { "id=8086:10ca,path=0000:01:10.2", NULL },
    { "id=8086:10ca,iommugroup=17,path=0000:01:10.2", "the kernel says it has none" },
    { "id=8086:10ca,path=0000:01:10.4", "no such device" },
  };
  Fixture *self = *state;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *data = g_strdup_printf ("lan\n\tmap node=pve1,%s\n", cases[i].map);
    g_autoptr (PveMappings) mappings = pve_mappings_parse (data, strlen (data), "pve1");
    GPtrArray *maps = pve_mappings_find (mappings, "lan");
    g_autofree char *problem = pve_map_problem (g_ptr_array_index (maps, 0), self->paths);

    if (!problem != !cases[i].problem || (problem && !strstr (problem, cases[i].problem)))
      fail_msg ("%s: %s", cases[i].map, problem);
  }
}

/* The line that operators are told to write is one that has no problem. */
static void
test_map_line (void **state) {
  Fixture *self = *state;
  g_autofree char *line = pve_map_line (self->paths, "0000:01:10.0", NULL);
  g_autofree char *bare = pve_map_line (self->paths, "0000:01:10.2", NULL);
  g_autofree char *data = g_strdup_printf ("lan\n\t%s\n\t%s\n", line, bare);
  g_autoptr (PveMappings) mappings = pve_mappings_parse (data, strlen (data), "pve1");
  GPtrArray *maps = pve_mappings_find (mappings, "lan");

  assert_string_equal (line, "map id=8086:10ca,iommugroup=17,node=pve1,path=0000:01:10.0,subsystem-id=8086:a03c");
  assert_null (pve_map_line (self->paths, "0000:01:10.4", NULL));
  assert_int_equal (maps->len, 2);
  assert_null (pve_map_problem (g_ptr_array_index (maps, 0), self->paths));
  assert_null (pve_map_problem (g_ptr_array_index (maps, 1), self->paths));
}

static void
test_missing_file_is_empty (void **state) {
  Fixture *self = *state;
  g_autoptr (PveMappings) mappings = pve_mappings_load (self->paths, NULL);

  assert_non_null (mappings);
  assert_null (pve_mappings_find (mappings, "lan"));
}

/* ---- What PVE will choose ---- */

/* A plan from text: entries "lan" (a pool), "=old" (a mapping that is no pool), "@a;b" (addresses), between blanks. */
static GPtrArray *
plan_from (const char *text) {
  GPtrArray *plan = g_ptr_array_new_with_free_func ((GDestroyNotify)pve_slot_free);
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  for (int i = 0; words[i]; i++) {
    PveSlot *slot = g_new0 (PveSlot, 1);
    g_auto (GStrv) devices = g_strsplit (words[i] + 1, ";", -1);

    slot->index = i;
    slot->is_pool = g_ascii_isalpha (*words[i]);
    if (*words[i] != '@')
      slot->mapping = g_strdup (words[i] + (slot->is_pool ? 0 : 1));
    else
      slot->devices = g_ptr_array_new_with_free_func (g_free);
    for (char **device = devices; slot->devices && *device; device++)
      g_ptr_array_add (slot->devices, g_strdup (*device));
    g_ptr_array_add (plan, slot);
  }
  return plan;
}

static char *
walk (const PvePaths *paths, const char *text, const PveMappings *mappings, const char *leased_text) {
  g_autoptr (GPtrArray) plan = plan_from (text);
  g_autoptr (GPtrArray) leased = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) chosen = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) words = g_strsplit (leased_text, " ", -1);
  GString *result;

  for (char **word = words; *word; word++)
    g_ptr_array_add (leased, g_strdup (*word));
  chosen = pve_plan_walk (plan, paths, mappings, leased, &error);
  if (!chosen)
    return g_strdup (error->message);
  result = g_string_new (NULL);
  for (guint i = 0; i < chosen->len; i++) {
    GPtrArray *functions = g_ptr_array_index (chosen, i);

    g_string_append (result, i ? " " : "");
    for (guint j = 0; functions && j < functions->len; j++)
      g_string_append_printf (result, "%s%s", j ? "+" : "", (char *)g_ptr_array_index (functions, j));
    g_string_append (result, functions ? "" : "-");
  }
  return g_string_free (result, FALSE);
}

static void
test_walk (void **state) {
  static const char data[] = "lan\n" MAP ("a.0") MAP ("b.0") MAP ("c.0") "\nwan\n" MAP ("x.0") "\nold\n" MAP ("a.0")
      MAP ("y.0") "\npair\n" MAP ("a.0;b.0") "\ndevice\n" MAP ("0000:05:00") MAP ("0000:05:00.0") MAP ("0000:05:00.1");
  static const struct {
    const char *plan, *leased, *expected; /* expected: the choices, or a part of the error */
  } cases[] = {
    { "lan", "b.0", "b.0" },
    { "lan", "c.0", "c.0" },
    { "lan lan", "c.0 a.0", "a.0 c.0" }, /* in the mapping's order, not the leases' */
    { "lan wan", "b.0 x.0", "b.0 x.0" },
    { "wan =new lan", "x.0 c.0", "x.0 - c.0" },
    { "@a.0 lan", "a.0 b.0", "- b.0" },
    { "@q.0;r.0 lan", "b.0", "- b.0" },
    { "lan @c.0", "a.0 c.0", "a.0 -" },
    { "device", "0000:05:00.0 0000:05:00.1", "0000:05:00.0+0000:05:00.1" },
    { "device", "0000:05:00.1", "0000:05:00.1" },
    { "device device", "0000:05:00.1 0000:05:00.0", "would find no VF of the mapping device for hostpci1" },
    { "pair", "a.0 b.0", "a.0+b.0" },
    { "lan @a.0", "a.0 b.0", "would give a.0 to an earlier entry than hostpci1" },
    { "=old lan", "a.0", "would find no VF of the mapping lan for hostpci1" },
    { "lan", "z.0", "does not list z.0, so Proxmox VE cannot give it to hostpci0" },
    { "lan lan", "a.0 z.0", "does not list z.0, so Proxmox VE cannot give it to hostpci1" },
    { "pair", "a.0", "would find no VF" },
    { "nowhere", "a.0", "does not list a.0" },
  };
  Fixture *self = *state;
  g_autoptr (PveMappings) mappings = pve_mappings_parse (data, strlen (data), "pve1");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *result = walk (self->paths, cases[i].plan, mappings, cases[i].leased);

    if (!strstr (result, cases[i].expected)
        || (!strchr (cases[i].expected, 'V') && !strstr (cases[i].expected, "not")
            && !strstr (cases[i].expected, "would") && strcmp (result, cases[i].expected)))
      fail_msg ("\"%s\" with \"%s\" gave \"%s\"", cases[i].plan, cases[i].leased, result);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_files),
    cmocka_unit_test (test_line_numbers),
    cmocka_unit_test_setup_teardown (test_map_problem, set_up, tear_down),
    cmocka_unit_test_setup_teardown (test_map_line, set_up, tear_down),
    cmocka_unit_test_setup_teardown (test_missing_file_is_empty, set_up, tear_down),
    cmocka_unit_test_setup_teardown (test_walk, set_up, tear_down),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
