/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Other nodes' files come from other versions of vfpool, or from whoever else writes there. What is not as expected is left out, and
 * a file that makes no sense is told of as its node's; nothing in one node's folder keeps the others from being shown.
 */
#include "cluster-status.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "print-plan.h"
#include "publish.h"
#include "vfpool.h"

#define DEPTH_MAX 16

/* ---- JSON that others wrote ---- */

/* The parser calls itself for each level, so that a file could be too much for it. */
static gboolean
is_shallow (const char *text, gsize length) {
  gboolean in_string = FALSE;
  int depth = 0;

  for (gsize i = 0; i < length; i++) {
    if (in_string && text[i] == '\\')
      i++;
    else if (text[i] == '"')
      in_string = !in_string;
    else if (!in_string && strchr ("[{", text[i]) && ++depth > DEPTH_MAX)
      return FALSE;
    else if (!in_string && strchr ("]}", text[i]))
      depth--;
  }
  return TRUE;
}

/* The object in a file; NULL with a reason in @problem when there is none. */
static JsonParser *
read_object (const char *file, gsize max, JsonObject **object, char **problem) {
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  if (!pve_read_file (file, &text, &length, &error)) {
    *problem = g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND) ? g_strdup ("it publishes nothing")
                                                                             : g_strdup (error->message);
    return NULL;
  }
  if (length > max)
    *problem = g_strdup_printf ("%s is larger than vfpool writes it", file);
  else if (memchr (text, '\0', length) || !is_shallow (text, length)
           || !json_parser_load_from_data (parser, text, (gssize)length, NULL) || !json_parser_get_root (parser)
           || !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    *problem = g_strdup_printf ("%s cannot be understood", file);
  if (*problem)
    return NULL;
  *object = json_node_get_object (json_parser_get_root (parser));
  return g_steal_pointer (&parser);
}

static JsonNode *
find_value (JsonObject *object, const char *name, GType type) {
  JsonNode *node = json_object_get_member (object, name);

  return node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == type ? node : NULL;
}

static const char *
get_string (JsonObject *object, const char *name) {
  JsonNode *node = find_value (object, name, G_TYPE_STRING);

  return node ? json_node_get_string (node) : NULL;
}

static JsonObject *
get_object (JsonObject *object, const char *name) {
  JsonNode *node = json_object_get_member (object, name);

  return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

/* ---- As a dictionary ---- */

static void
add_maybe_string (GVariantDict *dict, const char *key, const char *text) {
  g_variant_dict_insert_value (dict, key,
                               g_variant_new_maybe (G_VARIANT_TYPE_STRING, text ? g_variant_new_string (text) : NULL));
}

static void
add_maybe_number (GVariantDict *dict, const char *key, gboolean is_set, gint64 number) {
  g_variant_dict_insert_value (
      dict, key, g_variant_new_maybe (G_VARIANT_TYPE_INT64, is_set ? g_variant_new_int64 (number) : NULL));
}

static void
copy_strings (GVariantDict *dict, JsonObject *object, const char *const *names) {
  for (; *names; names++)
    add_maybe_string (dict, *names, get_string (object, *names));
}

static GVariant *
read_pool (JsonObject *pool) {
  static const char *const counts[] = { "total", "free", "leased", "quarantined", "foreign", "cordoned" };
  const char *name = get_string (pool, "name");
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&dict, "name", "s", name ? name : "");
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++) {
    JsonNode *count = find_value (pool, counts[i], G_TYPE_INT64);

    g_variant_dict_insert (&dict, counts[i], "x", count ? json_node_get_int (count) : (gint64)0);
  }
  return g_variant_dict_end (&dict);
}

static GVariant *
read_guest (JsonObject *vf) {
  static const char *const names[] = { "kind", "id", "name", NULL };
  JsonObject *guest = get_object (vf, "guest");
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  if (!guest)
    return g_variant_new_maybe (G_VARIANT_TYPE_VARDICT, NULL);
  copy_strings (&dict, guest, names);
  return g_variant_new_maybe (NULL, g_variant_dict_end (&dict));
}

static GVariant *
read_vf (JsonObject *vf) {
  static const char *const names[] = { "address", "pool", "state", "slot", "mac", NULL };
  JsonNode *vlan = find_value (vf, "vlan", G_TYPE_INT64);
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  copy_strings (&dict, vf, names);
  add_maybe_number (&dict, "vlan", vlan != NULL, vlan ? json_node_get_int (vlan) : 0);
  g_variant_dict_insert_value (&dict, "guest", read_guest (vf));
  return g_variant_dict_end (&dict);
}

/* The objects in the array @name, as dictionaries; none when @object is NULL. */
static GVariant *
read_array (JsonObject *object, const char *name, GVariant *(*read) (JsonObject *)) {
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;
  JsonArray *array = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  GVariantBuilder all;

  g_variant_builder_init (&all, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; array && i < json_array_get_length (array); i++) {
    JsonNode *one = json_array_get_element (array, i);

    if (JSON_NODE_HOLDS_OBJECT (one))
      g_variant_builder_add_value (&all, read (json_node_get_object (one)));
  }
  return g_variant_builder_end (&all);
}

/* ---- Nodes ---- */

/* What a node's "published" says, in microseconds since 1970; 0: nothing. */
static gint64
read_time (JsonObject *object) {
  const char *text = object ? get_string (object, "published") : NULL;
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autoptr (GDateTime) time = text ? g_date_time_new_from_iso8601 (text, utc) : NULL;

  return time ? g_date_time_to_unix (time) * G_USEC_PER_SEC : 0;
}

/* Whether the cluster says that @node is online; a node that is not in its list was removed from it. */
static GVariant *
read_online (JsonObject *members, const char *node) {
  JsonObject *list = members ? get_object (members, "nodelist") : NULL;
  JsonObject *member = list ? get_object (list, node) : NULL;
  JsonNode *online = member ? find_value (member, "online", G_TYPE_INT64) : NULL;
  gboolean is_online = online && json_node_get_int (online) != 0;

  return g_variant_new_maybe (G_VARIANT_TYPE_BOOLEAN, list ? g_variant_new_boolean (is_online) : NULL);
}

static GVariant *
read_node (const PvePaths *paths, JsonObject *members, const char *node) {
  g_autofree char *file = g_build_filename (paths->pve_dir, "nodes", node, PVE_PUBLISHED_NAME, NULL);
  g_autofree char *problem = NULL, *valid = g_utf8_make_valid (node, -1);
  JsonObject *object = NULL;
  g_autoptr (JsonParser) parser = read_object (file, PVE_PUBLISHED_MAX, &object, &problem);
  gint64 published = read_time (object), now = g_get_real_time ();
  JsonNode *truncated = object ? find_value (object, "truncated", G_TYPE_BOOLEAN) : NULL;
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  if (parser && published == 0) {
    problem = g_strdup_printf ("%s does not say when it was written", file);
    object = NULL;
  }
  g_variant_dict_insert (&dict, "name", "s", valid);
  g_variant_dict_insert_value (&dict, "online", read_online (members, valid));
  add_maybe_number (&dict, "published", object != NULL, published);
  add_maybe_number (&dict, "age", object != NULL, (now - published) / G_USEC_PER_SEC);
  add_maybe_string (&dict, "problem", problem);
  g_variant_dict_insert (&dict, "truncated", "b", object && truncated && json_node_get_boolean (truncated));
  g_variant_dict_insert_value (&dict, "pools", read_array (object, "pools", read_pool));
  g_variant_dict_insert_value (&dict, "vfs", read_array (object, "vfs", read_vf));
  return g_variant_dict_end (&dict);
}

static int
compare_names (gconstpointer a, gconstpointer b) {
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* The names of the nodes' folders. */
static GPtrArray *
list_nodes (const PvePaths *paths, GError **error) {
  g_autofree char *folder = g_build_filename (paths->pve_dir, "nodes", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  GPtrArray *names;
  const char *name;

  if (!dir) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND,
                 "there is no %s: this is no node of a Proxmox VE cluster, or pve-cluster.service does not run",
                 folder);
    return NULL;
  }
  names = g_ptr_array_new_with_free_func (g_free);
  while ((name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);

    if (g_file_test (path, G_FILE_TEST_IS_DIR))
      g_ptr_array_add (names, g_strdup (name));
  }
  g_ptr_array_sort (names, compare_names);
  return names;
}

GVariant *
pve_cluster_status (const PvePaths *paths, GError **error) {
  g_autofree char *file = g_build_filename (paths->pve_dir, ".members", NULL), *problem = NULL;
  g_autoptr (GPtrArray) names = list_nodes (paths, error);
  g_autoptr (JsonParser) parser = NULL;
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  JsonObject *members = NULL;
  GVariantBuilder nodes;

  if (!names)
    return NULL;
  parser = read_object (file, PVE_FILE_MAX, &members, &problem);
  g_variant_builder_init (&nodes, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < names->len; i++)
    g_variant_builder_add_value (&nodes, read_node (paths, members, g_ptr_array_index (names, i)));
  g_variant_dict_insert_value (&dict, "nodes", g_variant_builder_end (&nodes));
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

gboolean
pve_cluster_print (const PvePaths *paths, GError **error) {
  g_autoptr (GVariant) status = pve_cluster_status (paths, error);

  return status && print_plan (status, error);
}
