/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads pci.cfg the way PVE::SectionConfig and PVE::Mapping::PCI do, oddities included, because what counts is what PVE
 * will choose from: a section is a line with its ID and then indented properties up to an empty line; an ID that comes
 * without an empty line before it is ignored and its properties fall to the section above; the last section of an ID
 * counts; a map line with a property that PVE does not know is ignored.
 *
 * Before PVE takes anything from a mapping, it compares id, subsystem-id and iommugroup of every line of this node with
 * the devices, and one that differs ends the start for all. pve_map_problem() says so beforehand, in words that help.
 */
#include "mapping.h"

#include <string.h>

#include "vfpool.h"

struct _PveMappings {
  GHashTable *sections; /* ID -> GPtrArray of PveMap */
};

static void
map_free (PveMap *self) {
  g_ptr_array_unref (self->paths);
  g_free (self->id);
  g_free (self->subsystem_id);
  g_free (self->iommugroup);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PveMap, map_free)

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

/* The alternative in a map line, or NULL when it is another node's or none. */
static PveMap *
parse_map (const char *value, int line, const char *node) {
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

  g_auto (GStrv) paths = g_strsplit (path, ";", -1);
  for (char **item = paths; *item; item++)
    g_ptr_array_add (self->paths, g_strdup (*item));
  return g_steal_pointer (&self);
}

/* An ID as PVE accepts it: a letter, then letters, digits, '_' and '-'. */
static gboolean
is_config_id (const char *text) {
  if (!g_ascii_isalpha (*text) || !text[1])
    return FALSE;
  for (; *text; text++)
    if (!g_ascii_isalnum (*text) && *text != '_' && *text != '-')
      return FALSE;
  return TRUE;
}

/* A section starts: @maps is where its lines go, or NULL for a line that is no ID and for a section that PVE skips. */
static gboolean
parse_header (PveMappings *self, const char *line, GPtrArray **maps) {
  g_autofree char *id = g_strchomp (g_strdup (line));

  *maps = NULL;
  if (!*id || g_ascii_isspace (*id) || strpbrk (id, " \t\r"))
    return FALSE;
  if (!is_config_id (id))
    return TRUE;
  *maps = g_ptr_array_new_with_free_func ((GDestroyNotify)map_free);
  g_hash_table_replace (self->sections, g_steal_pointer (&id), *maps);
  return TRUE;
}

static void
parse_property (GPtrArray *maps, const char *line, int number, const char *node) {
  g_autofree char *text = g_strstrip (g_strdup (line));
  PveMap *map;

  if (!maps || !g_ascii_isspace (*line) || !g_str_has_prefix (text, "map") || !g_ascii_isspace (text[3]))
    return;
  map = parse_map (g_strchug (text + 3), number, node);
  if (map)
    g_ptr_array_add (maps, map);
}

PveMappings *
pve_mappings_parse (const char *data, gsize length, const char *node) {
  PveMappings *self = g_new0 (PveMappings, 1);
  const char *end = data + length;
  GPtrArray *maps = NULL;
  gboolean in_section = FALSE;

  self->sections = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  for (int number = 1; data < end; number++) {
    const char *feed = memchr (data, '\n', (gsize)(end - data));
    gsize line_length = (gsize)((feed ? feed : end) - data);
    g_autofree char *line = g_strndup (data, line_length);

    data += line_length + 1;
    if (line[strspn (line, " \t\r\f\v")] == '#')
      continue;
    if (!in_section)
      in_section = parse_header (self, line, &maps);
    else if (!*line)
      in_section = FALSE;
    else
      parse_property (maps, line, number, node);
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

char *
pve_map_problem (const PveMap *map, const PvePaths *paths) {
  const char *bdf = g_ptr_array_index (map->paths, 0);
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

char *
pve_map_line (const PvePaths *paths, const char *bdf) {
  g_autofree char *id = read_id_pair (paths, bdf, "vendor", "device");
  g_autofree char *subsystem_id = read_id_pair (paths, bdf, "subsystem_vendor", "subsystem_device");
  g_autofree char *group = read_iommu_group (paths, bdf);

  if (!id)
    return NULL;
  return g_strconcat ("map id=", id, group ? ",iommugroup=" : "", group ? group : "", ",node=", paths->node,
                      ",path=", bdf, subsystem_id ? ",subsystem-id=" : "", subsystem_id ? subsystem_id : "", NULL);
}
