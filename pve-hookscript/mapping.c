/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What PVE::Mapping::PCI takes from pci.cfg (section-file.h takes it apart): a map line with a property that PVE does not
 * know, or without a path or an id, is ignored.
 *
 * Before PVE takes anything from a mapping, it compares id, subsystem-id and iommugroup of every line of this node with
 * the devices, and one that differs ends the start for all. pve_map_problem() says so beforehand, in words that help.
 */
#include "mapping.h"

#include <string.h>

#include "section-file.h"
#include "vfpool.h"

struct _PveMappings {
  GHashTable *sections; /* ID -> GPtrArray of PveMap */
};

void
pve_map_free (PveMap *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->paths);
  g_free (self->id);
  g_free (self->subsystem_id);
  g_free (self->iommugroup);
  g_free (self->description);
  g_free (self);
}

/* A map line's properties as a table, or NULL where PVE would drop the line. */
static GHashTable *
parse_properties (const char *value) {
  static const char *const known[] = { "node", "id", "subsystem-id", "path", "iommugroup", "description", NULL };
  g_autoptr (GHashTable) properties = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_auto (GStrv) parts = g_strsplit (value, ",", -1);

  for (char **part = parts; *part; part++) {
    const char *equals = strchr (*part, '=');
    g_autofree char *key = equals ? g_strndup (*part, (gsize)(equals - *part)) : NULL;

    if ((*part)[strspn (*part, " \t")] == '\0')
      continue;
    if (!key || !equals[1] || !g_strv_contains (known, key) || g_hash_table_contains (properties, key))
      return NULL;
    g_hash_table_insert (properties, g_steal_pointer (&key), g_strdup (equals + 1));
  }
  return g_steal_pointer (&properties);
}

PveMap *
pve_map_parse (const char *value, int line, const char *node) {
  g_autoptr (GHashTable) properties = parse_properties (value);
  g_autoptr (PveMap) self = NULL;
  const char *path = properties ? g_hash_table_lookup (properties, "path") : NULL;
  const char *id = properties ? g_hash_table_lookup (properties, "id") : NULL;

  if (!path || !id || g_strcmp0 (g_hash_table_lookup (properties, "node"), node))
    return NULL;
  self = g_new0 (PveMap, 1);
  self->line = line;
  self->paths = g_ptr_array_new_with_free_func (g_free);
  self->id = g_strdup (id);
  self->subsystem_id = g_strdup (g_hash_table_lookup (properties, "subsystem-id"));
  self->iommugroup = g_strdup (g_hash_table_lookup (properties, "iommugroup"));
  self->description = g_strdup (g_hash_table_lookup (properties, "description"));

  g_auto (GStrv) paths = g_strsplit (path, ";", -1);
  for (char **item = paths; *item; item++)
    g_ptr_array_add (self->paths, g_strdup (*item));
  return g_steal_pointer (&self);
}

PveMappings *
pve_mappings_parse (const char *data, gsize length, const char *node) {
  PveMappings *self = g_new0 (PveMappings, 1);
  g_autoptr (GPtrArray) lines = pve_section_lines (data, length, PVE_SECTION_ID);
  GPtrArray *maps = NULL;

  self->sections = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  for (guint i = 0; i < lines->len; i++) {
    const PveSectionLine *line = g_ptr_array_index (lines, i);
    const char *value = pve_section_line_value (line, "map");
    PveMap *map = value ? pve_map_parse (value, (int)i + 1, node) : NULL;

    if (line->id) {
      maps = g_ptr_array_new_with_free_func ((GDestroyNotify)pve_map_free);
      g_hash_table_replace (self->sections, g_strdup (line->id), maps);
    }
    if (map)
      g_ptr_array_add (maps, map);
  }
  return self;
}

PveMappings *
pve_mappings_load (const PvePaths *paths, GError **error) {
  g_autofree char *file = g_build_filename (paths->pve_dir, "mapping", "pci.cfg", NULL);
  g_autofree char *contents = NULL;
  g_autoptr (GError) failure = NULL;
  gsize length = 0;

  if (!pve_read_file (file, &contents, &length, &failure)
      && !g_error_matches (failure, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND)) {
    g_propagate_error (error, g_steal_pointer (&failure));
    return NULL;
  }
  return pve_mappings_parse (contents ? contents : "", length, paths->node);
}

void
pve_mappings_free (PveMappings *self) {
  if (!self)
    return;
  g_hash_table_unref (self->sections);
  g_free (self);
}

GPtrArray *
pve_mappings_find (const PveMappings *self, const char *id) {
  GPtrArray *maps = g_hash_table_lookup (self->sections, id);

  return maps && maps->len > 0 ? maps : NULL;
}

/* ---- Against the kernel ---- */

/* A hexadecimal id of a function as PVE writes it, without the kernel's 0x; NULL when there is none. */
static char *
read_id (const PvePaths *paths, const char *bdf, const char *name) {
  g_autofree char *file = pve_paths_device (paths, bdf, name);
  g_autofree char *contents = NULL;
  gsize length;

  if (!pve_read_file (file, &contents, &length, NULL))
    return NULL;
  g_strchomp (contents);
  return g_strdup (g_str_has_prefix (contents, "0x") ? contents + 2 : contents);
}

static char *
read_id_pair (const PvePaths *paths, const char *bdf, const char *vendor, const char *device) {
  g_autofree char *vendor_id = read_id (paths, bdf, vendor);
  g_autofree char *device_id = read_id (paths, bdf, device);

  return vendor_id && device_id ? g_strconcat (vendor_id, ":", device_id, NULL) : NULL;
}

static char *
read_iommu_group (const PvePaths *paths, const char *bdf) {
  g_autofree char *link = pve_paths_device (paths, bdf, "iommu_group");
  g_autofree char *target = g_file_read_link (link, NULL);

  return target ? g_path_get_basename (target) : NULL;
}

static char *
compare (const char *name, const char *configured, const char *real) {
  if (!g_strcmp0 (configured, real))
    return NULL;
  return g_strdup_printf ("its %s is %s there, the kernel says %s", name, configured ? configured : "left out",
                          real ? real : "it has none");
}

/* PVE looks at the first function of a whole device. */
static char *
first_function (const char *path) {
  return strchr (path, '.') ? g_strdup (path) : g_strconcat (path, ".0", NULL);
}

GPtrArray *
pve_map_functions (const PveMap *map, const PvePaths *paths) {
  GPtrArray *functions = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < map->paths->len; i++)
    pve_paths_add_functions (paths, g_ptr_array_index (map->paths, i), functions);
  return functions;
}

char *
pve_map_problem (const PveMap *map, const PvePaths *paths) {
  g_autofree char *bdf = first_function (g_ptr_array_index (map->paths, 0));
  g_autofree char *id = read_id_pair (paths, bdf, "vendor", "device");
  g_autofree char *subsystem_id = read_id_pair (paths, bdf, "subsystem_vendor", "subsystem_device");
  g_autofree char *group = read_iommu_group (paths, bdf);
  char *problem;

  if (!id)
    return g_strdup ("there is no such device now");
  problem = compare ("id", map->id, id);
  if (!problem)
    problem = compare ("iommugroup", map->iommugroup, group);
  return problem ? problem : compare ("subsystem-id", map->subsystem_id, subsystem_id);
}

/* PVE writes a line's properties in the order of their names. */
char *
pve_map_line (const PvePaths *paths, const char *path, const char *description) {
  g_autofree char *bdf = first_function (path);
  g_autofree char *id = read_id_pair (paths, bdf, "vendor", "device");
  g_autofree char *subsystem_id = read_id_pair (paths, bdf, "subsystem_vendor", "subsystem_device");
  g_autofree char *group = read_iommu_group (paths, bdf);
  GString *line = g_string_new ("map ");

  if (description)
    g_string_append_printf (line, "description=%s,", description);
  g_string_append_printf (line, "id=%s", id);
  if (group)
    g_string_append_printf (line, ",iommugroup=%s", group);
  g_string_append_printf (line, ",node=%s,path=%s", paths->node, path);
  if (subsystem_id)
    g_string_append_printf (line, ",subsystem-id=%s", subsystem_id);
  return g_string_free (line, !id);
}
