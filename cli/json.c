/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The library's dictionaries as JSON, the same way for all verbs: a key that is asked for is always there, and what is unknown
 * or does not apply is null.
 */
#include "json.h"

#include "printable.h"
#include "status.h"

static const char *const guest_keys[] = { "kind", "id", "name", NULL };

/* Numbers of which -1 means "there is none". That of numa_node is the kernel's own word and stays as it is. */
static const char *const absent_when_negative[] = { "index", "iommu_group", NULL };

void
cli_json_add_string (JsonBuilder *builder, const char *text) {
  if (text)
    json_builder_add_string_value (builder, text);
  else
    json_builder_add_null_value (builder);
}

static void
add_guest (JsonBuilder *builder, GVariant *vf) {
  g_autoptr (GVariant) guest = cli_status_guest (vf);

  if (!guest) {
    json_builder_add_null_value (builder);
    return;
  }
  json_builder_begin_object (builder);
  cli_json_add_members (builder, guest, guest_keys);
  json_builder_end_object (builder);
}

/* The keys that are moments. */
static const char *const times[] = { "since", "published", NULL };

/* Microseconds since 1970 as "2026-11-21T07:18:30Z": whole seconds, because common readers of ISO 8601 take no
 * fraction. */
static void
add_time (JsonBuilder *builder, GVariant *dict, const char *key) {
  gint64 since = 0;
  gboolean is_set = cli_status_integer (dict, key, &since);
  g_autoptr (GDateTime) time = is_set ? g_date_time_new_from_unix_utc (since / G_USEC_PER_SEC) : NULL;
  g_autofree char *text = time ? g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ") : NULL;

  cli_json_add_string (builder, text);
}

static void
add_plain (JsonBuilder *builder, GVariant *dict, const char *key) {
  g_autofree char *text = cli_status_string (dict, key);
  g_autoptr (GVariant) truth = cli_status_value (dict, key);
  gint64 number;

  if (truth && g_variant_is_of_type (truth, G_VARIANT_TYPE_BOOLEAN))
    json_builder_add_boolean_value (builder, g_variant_get_boolean (truth));
  else if (!cli_status_integer (dict, key, &number))
    cli_json_add_string (builder, text);
  else if (number < 0 && g_strv_contains (absent_when_negative, key))
    json_builder_add_null_value (builder);
  else
    json_builder_add_int_value (builder, number);
}

void
cli_json_add_members (JsonBuilder *builder, GVariant *dict, const char *const *keys) {
  for (; *keys; keys++) {
    json_builder_set_member_name (builder, *keys);
    if (g_str_equal (*keys, "guest"))
      add_guest (builder, dict);
    else if (g_strv_contains (times, *keys))
      add_time (builder, dict, *keys);
    else
      add_plain (builder, dict, *keys);
  }
}

void
cli_json_add_array (JsonBuilder *builder, GVariant *dict, const char *key, CliJsonAdd add, gconstpointer data) {
  g_autoptr (GVariant) array = cli_status_array (dict, key);

  json_builder_set_member_name (builder, key);
  json_builder_begin_array (builder);
  for (gsize i = 0; i < g_variant_n_children (array); i++) {
    g_autoptr (GVariant) one = g_variant_get_child_value (array, i);

    json_builder_begin_object (builder);
    add (builder, one, data);
    json_builder_end_object (builder);
  }
  json_builder_end_array (builder);
}

/* JSON escapes what JSON must; a terminal would obey more. Programs read the same text either way. Outside of strings all
 * is printable ASCII but for the line feeds. */
static char *
escape_unprintable (const char *text) {
  g_autoptr (GString) out = g_string_new (NULL);

  for (const char *p = text; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);

    if (c == '\n' || is_printable (c))
      g_string_append_unichar (out, c);
    else if (c < 0x10000)
      g_string_append_printf (out, "\\u%04x", c);
    else
      g_string_append_printf (out, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
  }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

char *
cli_json_to_text (JsonBuilder *builder) {
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *text = NULL, *safe = NULL;

  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  text = json_generator_to_data (generator, NULL);
  safe = escape_unprintable (text);
  return g_strconcat (safe, "\n", NULL);
}
