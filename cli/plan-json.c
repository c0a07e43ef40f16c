/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vfpool plan --json`: a contract as status-json.c is. vfpool(8) documents it. */
#include "json.h"
#include "plan.h"
#include "status.h"

static const char *const plan_keys[] = { "guest", "nodes", "refusal", NULL };
static const char *const slot_keys[] = { "slot", "pool", "chosen", "mac", "kept", "rule", NULL };
static const char *const vf_keys[] = { "address", "pf", "numa_node", "chosen", "rule", "reason", NULL };

static void
add_functions (JsonBuilder *builder, GVariant *slot) {
  g_auto (GStrv) functions = NULL;

  g_variant_lookup (slot, "functions", "^as", &functions);
  json_builder_set_member_name (builder, "functions");
  json_builder_begin_array (builder);
  for (char **function = functions; function && *function; function++)
    cli_json_add_string (builder, *function);
  json_builder_end_array (builder);
}

/* Under names that need no quotes in a program. */
static void
add_policy (JsonBuilder *builder, GVariant *slot) {
  static const char *const keys[][2] = { { "numa", "numa" },
                                         { "placement", "placement" },
                                         { "anti-affinity", "anti_affinity" } };
  g_autoptr (GVariant) policy = cli_status_value (slot, "policy");

  json_builder_set_member_name (builder, "policy");
  json_builder_begin_object (builder);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++) {
    g_autofree char *word = policy ? cli_status_string (policy, keys[i][0]) : NULL;
    json_builder_set_member_name (builder, keys[i][1]);
    cli_json_add_string (builder, word);
  }
  json_builder_end_object (builder);
}

static void
add_vf (JsonBuilder *builder, GVariant *vf, gconstpointer data G_GNUC_UNUSED) {
  cli_json_add_members (builder, vf, vf_keys);
}

static void
add_slot (JsonBuilder *builder, GVariant *slot, gconstpointer data G_GNUC_UNUSED) {
  cli_json_add_members (builder, slot, slot_keys);
  add_functions (builder, slot);
  add_policy (builder, slot);
  cli_json_add_array (builder, slot, "vfs", add_vf, NULL);
}

char *
cli_plan_to_json (GVariant *plan) {
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  cli_json_add_members (builder, plan, plan_keys);
  cli_json_add_array (builder, plan, "slots", add_slot, NULL);
  json_builder_end_object (builder);
  return cli_json_to_text (builder);
}
