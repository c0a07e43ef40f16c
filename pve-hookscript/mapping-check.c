/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PVE looks at a mapping when a VM starts, and says then that the "hardware probably changed". vfpool looks beforehand, and says
 * which line is wrong and how it would be right; `vfpool pve mapping POOL --apply` writes it so.
 */
#include "mapping-check.h"

#include <string.h>

#define MEND "\"vfpool pve mapping %s --apply\" mends it"

G_GNUC_PRINTF (2, 3)
static void
add (GPtrArray *problems, const char *format, ...) {
  va_list arguments;

  va_start (arguments, format);
  g_ptr_array_add (problems, g_strdup_vprintf (format, arguments));
  va_end (arguments);
}

/* The first function of @map that does not lie in the pool, or NULL. */
static const char *
find_stranger (GPtrArray *functions, const char *pool, Vfpool *vfpool) {
  for (guint i = 0; i < functions->len; i++)
    if (g_strcmp0 (vfpool_pool_of_address (vfpool, g_ptr_array_index (functions, i)), pool))
      return g_ptr_array_index (functions, i);
  return NULL;
}

static void
check_map (const PveMap *map, const char *pool, const PvePaths *paths, Vfpool *vfpool, GPtrArray *problems) {
  const char *path = g_ptr_array_index (map->paths, 0);
  g_autoptr (GPtrArray) functions = pve_map_functions (map, paths);
  const char *stranger = find_stranger (functions, pool, vfpool);
  g_autofree char *problem = pve_map_problem (map, paths);
  g_autofree char *line = pve_map_line (paths, path, NULL);

  if (map->paths->len > 1)
    add (problems,
         "line %d: the mapping %s is a vfpool pool, so each of its map lines must have one VF in path=, such as "
         "0000:01:10.0; " MEND,
         map->line, pool, pool);
  else if (problem && line)
    add (
        problems,
        "line %d: Proxmox VE will not start a VM with the mapping %s because of %s, %s: write there instead: %s; " MEND,
        map->line, pool, path, problem, line, pool);
  else if (problem)
    add (problems,
         "line %d: Proxmox VE will not start a VM with the mapping %s because of %s, %s: make the VFs with \"vfpool "
         "up\", or remove "
         "the line; " MEND,
         map->line, pool, path, problem, pool);
  else if (stranger)
    add (problems,
         "line %d: %s is in the mapping %s but not in the vfpool pool of that name, so Proxmox VE could give it out "
         "without a lease: "
         "remove the line, or add it to the pool; \"vfpool pve mapping %s --apply\" removes it",
         map->line, stranger, pool, pool);
}

GPtrArray *
pve_mapping_problems (const PvePaths *paths, const PveMappings *mappings, Vfpool *vfpool, const char *pool) {
  GPtrArray *problems = g_ptr_array_new_with_free_func (g_free);
  GPtrArray *maps = pve_mappings_find (mappings, pool);

  for (guint i = 0; maps && i < maps->len; i++)
    check_map (g_ptr_array_index (maps, i), pool, paths, vfpool, problems);
  if (!maps)
    add (problems,
         "the mapping %s, which is a vfpool pool, has no line for node %s: \"vfpool pve mapping %s --apply\" writes "
         "one for each VF "
         "of the pool",
         pool, paths->node, pool);
  return problems;
}

static gboolean
is_listed (GPtrArray *maps, const char *bdf) {
  for (guint i = 0; maps && i < maps->len; i++) {
    const PveMap *map = g_ptr_array_index (maps, i);

    if (map->paths->len == 1 && !strcmp (g_ptr_array_index (map->paths, 0), bdf))
      return TRUE;
  }
  return FALSE;
}

GPtrArray *
pve_mapping_gaps (const PvePaths *paths, const PveMappings *mappings, Vfpool *vfpool, const char *pool) {
  GPtrArray *problems = g_ptr_array_new_with_free_func (g_free);
  GPtrArray *maps = pve_mappings_find (mappings, pool);
  g_autoptr (GPtrArray) members = vfpool_pool_members (vfpool, pool, NULL);

  for (guint i = 0; members && i < members->len; i++) {
    const char *bdf = g_ptr_array_index (members, i);

    if (!is_listed (maps, bdf))
      add (problems, "the mapping %s does not list %s for node %s, so a VM that is leased it will not start: " MEND,
           pool, bdf, paths->node, pool);
  }
  return problems;
}
