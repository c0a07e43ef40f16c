/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vfpool request list`: what a libvirt guest asks for at each start, as a table or as JSON. */
#include "json.h"
#include "part.h"
#include "request-list.h"
#include "status.h"
#include "table.h"

const CliOption cli_request_list_options[] = {
  { "json", NULL, "print one JSON object, for programs; vfpool(8) documents its fields" },
  {},
};

static const CliColumn columns[] = { { "SLOT" },      { "POOL" },    { "MAC" }, { "VLAN", TRUE },
                                     { "FUNCTIONS" }, { "TEAMING" }, {} };
static const char *const slot_keys[] = { "slot", "pool", "mac", "vlan", "functions", "teaming", NULL };
static const char *const guest_keys[] = { "guest", NULL };

static void
add_row (CliTable *table, GVariant *slot) {
  char *cells[] = { cli_status_string (slot, "slot"),      cli_status_string (slot, "pool"),
                    cli_status_string (slot, "mac"),       cli_status_number (slot, "vlan"),
                    cli_status_string (slot, "functions"), cli_status_string (slot, "teaming") };

  cli_table_add (table, cells);
}

char *
cli_request_list_to_table (GVariant *answer) {
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GVariant) slots = cli_status_array (answer, "slots");
  g_autoptr (CliTable) table = cli_table_new (columns);

  for (gsize i = 0; i < g_variant_n_children (slots); i++) {
    g_autoptr (GVariant) slot = g_variant_get_child_value (slots, i);

    add_row (table, slot);
  }
  if (g_variant_n_children (slots))
    cli_table_print (table, text);
  else
    g_string_append (text, "the guest asks for no VF of a pool\n");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
add_slot (JsonBuilder *builder, GVariant *slot, gconstpointer data G_GNUC_UNUSED) {
  cli_json_add_members (builder, slot, slot_keys);
}

char *
cli_request_list_to_json (GVariant *answer) {
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  cli_json_add_members (builder, answer, guest_keys);
  cli_json_add_array (builder, answer, "slots", add_slot, NULL);
  json_builder_end_object (builder);
  return cli_json_to_text (builder);
}

gboolean
cli_request_list (Vfpool *vfpool G_GNUC_UNUSED, const CliCall *call, GError **error) {
  g_autoptr (GVariant) answer = cli_libvirt_ask (call, error);
  g_autofree char *text = NULL;

  if (!answer)
    return FALSE;
  text = cli_call_value (call, "json") ? cli_request_list_to_json (answer) : cli_request_list_to_table (answer);
  return cli_print (text, error);
}
