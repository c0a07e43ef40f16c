/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is asked for by address goes first: nothing else would do. Slots that ask for whole devices go before those that take one
 * function, for the same reason. All others are served together (choice-round.c).
 *
 * When a slot cannot be served, those before it show what they would get, and of each VF it is said why it is not for this one.
 */
#include "choice-table.h"

#include <string.h>

#define REASONS_SHOWN 8 /* a refusal has to fit the error line of a VM's start; `vfpool plan` shows the rest */

const char *
vfpool_rule_to_string (VfpoolRule rule) {
  static const char *const names[] = { "reserved",  "sticky",    "numa",       "anti-affinity", "pf-load",
                                       "port-load", "link-load", "remembered", "address",       "only",
                                       "asked",     "kept",      "obstacle" };

  return names[rule];
}

void
vfpool_choice_clear (gpointer choice) {
  g_clear_pointer (&((VfpoolChoice *)choice)->with, g_ptr_array_unref);
}

/* ---- Refusals ---- */

/* Why each of the candidates is refused. */
static char *
list_reasons (VfpoolTable *table, const VfpoolChoice *choice) {
  guint at = (guint)(choice - &g_array_index (table->choices, VfpoolChoice, 0)), n = choice->candidates->len;
  g_autoptr (GPtrArray) verdicts = vfpool_table_explain (table, at, REASONS_SHOWN);
  GString *reasons = g_string_new (NULL);

  for (guint i = 0; i < verdicts->len; i++) {
    const VfpoolVerdict *verdict = g_ptr_array_index (verdicts, i);
    g_string_append_printf (reasons, "%s%s %s", i ? "; " : "", verdict->function->address, verdict->reason);
  }
  if (n > verdicts->len)
    g_string_append_printf (reasons, "; and %u more, see `vfpool plan`", n - verdicts->len);
  return g_string_free (reasons, FALSE);
}

static gboolean
fail_slot (VfpoolTable *table, const VfpoolChoice *choice, GError **error) {
  const VfpoolRequest *request = table->situation->request;
  g_autofree char *reasons = list_reasons (table, choice);
  g_autofree char *guest = vfpool_guest_describe (request->kind, request->id, request->name);

  if (choice->slot->address)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE, "%s (pool '%s') cannot be given to %s, slot %s: %s",
                 choice->slot->address, choice->pool->name, guest, choice->slot->name, reasons);
  else
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NO_FREE_VF, "pool '%s' has no free VF for %s, slot %s: %s",
                 choice->pool->name, guest, choice->slot->name,
                 *reasons ? reasons : "none of its members exists on this host; has `vfpool up` been run?");
  return FALSE;
}

/* Counted with what goes together, so before (where one more slot is too many anyway) and after choosing. */
static gboolean
check_quotas (const VfpoolTable *table, GError **error) {
  const VfpoolRequest *request = table->situation->request;

  for (guint i = 0; i < table->choices->len; i++) {
    const VfpoolPool *pool = g_array_index (table->choices, VfpoolChoice, i).pool;
    guint n = pool->quota ? vfpool_table_count_mine (table, pool) : 0;
    g_autofree char *guest = NULL;

    if (n <= pool->quota)
      continue;
    guest = vfpool_guest_describe (request->kind, request->id, request->name);
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NO_FREE_VF,
                 "%s would have %u VFs of pool '%s', whose quota is %u for each guest (quota= in %s)", guest, n,
                 pool->name, pool->quota, pool->file);
    return FALSE;
  }
  return TRUE;
}

/* ---- Choosing ---- */

static gboolean
choose_address (VfpoolTable *table, VfpoolChoice *choice, GError **error) {
  VfpoolEntry *entry = vfpool_table_find (table, choice->slot->address);
  g_auto (VfpoolUnit) unit = { NULL, NULL };
  VfpoolObstacle obstacle;

  if (entry && entry->function)
    vfpool_unit_init (&unit, table, choice, entry);
  if (!unit.first || vfpool_obstacle_find (table, choice, entry, unit.with, &obstacle))
    return fail_slot (table, choice, error);
  vfpool_table_take (table, choice, entry->function, unit.with);
  return TRUE;
}

static gboolean
choose_pools (VfpoolTable *table, gboolean whole_devices, GError **error) {
  g_autoptr (GPtrArray) round = g_ptr_array_new ();

  for (guint i = 0; i < table->choices->len; i++) {
    VfpoolChoice *choice = &g_array_index (table->choices, VfpoolChoice, i);
    gboolean is_last = i + 1 == table->choices->len;
    guint served;

    if (!choice->chosen && !choice->slot->address && choice->slot->all_functions == whole_devices)
      g_ptr_array_add (round, choice);
    if (round->len == 0 || (round->len < VFPOOL_ROUND_MAX && !is_last))
      continue;
    served = (guint)vfpool_choose_round (table, round);
    if (served < round->len)
      return fail_slot (table, g_ptr_array_index (round, served), error);
    g_ptr_array_set_size (round, 0);
  }
  return TRUE;
}

gboolean
vfpool_choose (const VfpoolSituation *situation, GArray *choices, GError **error) {
  g_autoptr (VfpoolTable) table = vfpool_table_new (situation, choices);

  if (!check_quotas (table, error))
    return FALSE;
  for (guint i = 0; i < choices->len; i++) {
    VfpoolChoice *choice = &g_array_index (choices, VfpoolChoice, i);
    if (!choice->chosen && choice->slot->address && !choose_address (table, choice, error))
      return FALSE;
  }
  return choose_pools (table, TRUE, error) && choose_pools (table, FALSE, error) && check_quotas (table, error);
}
