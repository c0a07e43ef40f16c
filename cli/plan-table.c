/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `vfpool plan` for people: for each slot what is asked for, what it would get and by which rule, then all other VFs of the pool in
 * the order of preference, each with the reason why not. None is left out: that is what a plan is read for.
 */
#include "plan.h"
#include "printable.h"
#include "status.h"
#include "table.h"

#include <string.h>

static const CliColumn vf_columns[] = { { "VF" }, { "PF" }, { "NODE", TRUE }, { "WHY NOT" }, {} };

/* Appends a line, whatever is in it. */
static void
G_GNUC_PRINTF (2, 3) append_line (GString *out, const char *format, ...) {
  g_autofree char *text = NULL, *clean = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  clean = printable_copy (text, G_MAXSIZE);
  g_string_append_printf (out, "%s\n", clean);
}

static void
append_head (GString *out, GVariant *plan) {
  g_autofree char *guest = cli_status_guest_name (plan), *refusal = cli_status_string (plan, "refusal");

  if (guest)
    append_line (out, "guest %s", guest);
  if (refusal)
    append_line (out, "the request would be refused, so nothing leased; what could be given:");
}

/* What the rule @rule means of the VF that was chosen. */
static const char *
describe_rule (const char *rule, gboolean is_pack) {
  static const struct {
    const char *rule, *meaning, *pack;
  } rules[] = {
    { "reserved", "it is reserved for this guest" },
    { "sticky", "this guest had it in this slot" },
    { "numa", "it is nearer to the guest's NUMA nodes than the next" },
    { "anti-affinity", "it is farther from the guest's other VFs than the next" },
    { "pf-load", "fewer VFs of its PF are handed out than of the next one's",
      "more VFs of its PF are handed out than of the next one's" },
    { "port-load", "fewer VFs of its port are handed out than of the next one's",
      "more VFs of its port are handed out than of the next one's" },
    { "link-load", "fewer VFs of its link are handed out than of the next one's",
      "more VFs of its link are handed out than of the next one's" },
    { "remembered", "no other guest may come back for it" },
    { "address", "its address is the lowest of those that are as good" },
    { "only", "no other VF can be given" },
    { "asked", "the slot asks for this address" },
    { "kept", "the guest holds it in this slot already" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    if (g_strcmp0 (rule, rules[i].rule) == 0)
      return is_pack && rules[i].pack ? rules[i].pack : rules[i].meaning;
  return rule;
}

/* "preferred (nodes 0-1)": where the guest is, as far as that counts. */
static char *
describe_numa (const char *word, const char *nodes) {
  if (g_strcmp0 (word, "ignore") == 0)
    return g_strdup (word);
  if (!nodes)
    return g_strdup_printf ("%s (no node named)", word);
  return g_strdup_printf ("%s (%s %s)", word, strpbrk (nodes, ",-") ? "nodes" : "node", nodes);
}

static void
append_wish (GString *out, GVariant *slot, const char *nodes, const char *placement, GVariant *policy) {
  g_autofree char *name = cli_status_string (slot, "slot"), *pool = cli_status_string (slot, "pool");
  g_autofree char *numa = policy ? cli_status_string (policy, "numa") : NULL;
  g_autofree char *apart = policy ? cli_status_string (policy, "anti-affinity") : NULL;
  g_autofree char *where = describe_numa (numa, nodes);

  append_line (out, "slot %s: pool %s, numa=%s, placement=%s, anti-affinity=%s", name, pool, where, placement, apart);
}

/* @functions: what would be leased, the chosen one first. */
static void
append_answer (GString *out, GVariant *slot, char **functions, const char *placement) {
  g_autofree char *rule = cli_status_string (slot, "rule"), *mac = cli_status_string (slot, "mac");
  g_autofree char *others = functions && *functions ? g_strjoinv (", ", functions + 1) : NULL;
  const char *why = cli_status_is (slot, "kept") ? "kept" : describe_rule (rule, g_strcmp0 (placement, "pack") == 0);

  if (!others) {
    append_line (out, "-> none");
    return;
  }
  append_line (out, "-> %s%s%s%s%s (%s)", *functions, *others ? " with " : "", others, mac ? ", MAC " : "",
               mac ? mac : "", why);
}

static void
append_others (GString *out, GVariant *slot, char **functions) {
  g_autoptr (CliTable) table = cli_table_new (vf_columns);
  g_autoptr (GVariant) vfs = cli_status_array (slot, "vfs");
  guint n = 0;

  for (gsize i = 0; i < g_variant_n_children (vfs); i++) {
    g_autoptr (GVariant) vf = g_variant_get_child_value (vfs, i);
    g_autofree char *address = cli_status_string (vf, "address");

    if (address && functions && g_strv_contains ((const char *const *)functions, address))
      continue;
    cli_table_add (table, (char *[]){ g_steal_pointer (&address), cli_status_string (vf, "pf"),
                                      cli_status_number (vf, "numa_node"), cli_status_string (vf, "reason") });
    n++;
  }
  if (n > 0)
    cli_table_print (table, out);
}

static void
append_slot (GString *out, GVariant *slot, const char *nodes) {
  g_autoptr (GVariant) policy = cli_status_value (slot, "policy");
  g_autofree char *placement = policy ? cli_status_string (policy, "placement") : NULL;
  g_auto (GStrv) functions = NULL;

  g_variant_lookup (slot, "functions", "^as", &functions);
  g_string_append_c (out, '\n');
  append_wish (out, slot, nodes, placement, policy);
  append_answer (out, slot, functions, placement);
  append_others (out, slot, functions);
}

char *
cli_plan_to_table (GVariant *plan) {
  g_autoptr (GString) out = g_string_new (NULL);
  g_autoptr (GVariant) slots = cli_status_array (plan, "slots");
  g_autofree char *nodes = cli_status_string (plan, "nodes");

  if (cli_plan_is_empty (plan))
    return g_strdup ("this guest asks for nothing that vfpool serves\n");
  append_head (out, plan);
  for (gsize i = 0; i < g_variant_n_children (slots); i++) {
    g_autoptr (GVariant) slot = g_variant_get_child_value (slots, i);
    append_slot (out, slot, nodes);
  }
  return g_string_free (g_steal_pointer (&out), FALSE);
}
