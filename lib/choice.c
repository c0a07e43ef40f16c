/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is asked for by address goes first: nothing else would do. Then who prefers one very VF. Slots that ask for whole devices go
 * before those that take one function: little else would do. All others are served together (choice-round.c).
 *
 * When a slot cannot be served, those before it show what they would get, and of each VF it is said why it is not for this one.
 */
#include "choice-table.h"

#include <string.h>

#define REASONS_LOOKED_AT 64 /* this is done under the ledger's lock */
#define REASONS_SHOWN 8      /* a refusal has to fit the error line of a VM's start; `vfpool plan` shows the rest */

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

/* How many of @verdicts from number @i on have the reason of that one; none when an earlier one has it, too. */
static guint
count_alike (GPtrArray *verdicts, guint i) {
  const VfpoolVerdict *verdict = g_ptr_array_index (verdicts, i);
  guint n = 0;

  for (guint k = 0; k < verdicts->len; k++) {
    gboolean is_alike = strcmp (((const VfpoolVerdict *)g_ptr_array_index (verdicts, k))->reason, verdict->reason) == 0;
    if (is_alike && k < i)
      return 0;
    n += is_alike;
  }
  return n;
}

/* Why each of the candidates is refused, those with the same reason as one. */
static char *
list_reasons (VfpoolTable *table, const VfpoolChoice *choice) {
  guint at = (guint)(choice - &g_array_index (table->choices, VfpoolChoice, 0)), shown = 0, told = 0;
  g_autoptr (GPtrArray) verdicts = vfpool_table_explain (table, at, REASONS_LOOKED_AT);
  GString *reasons = g_string_new (NULL);

  for (guint i = 0; i < verdicts->len && shown < REASONS_SHOWN; i++) {
    const VfpoolVerdict *verdict = g_ptr_array_index (verdicts, i);
    guint n = count_alike (verdicts, i);

    if (n == 0)
      continue;
    g_string_append_printf (reasons, "%s%s", shown++ ? "; " : "", verdict->function->address);
    if (n > 1)
      g_string_append_printf (reasons, " (and %u more)", n - 1);
    g_string_append_printf (reasons, " %s", verdict->reason);
    told += n;
  }
  if (told < choice->candidates->len)
    g_string_append_printf (reasons, "; and %u more, see `vfpool plan`", choice->candidates->len - told);
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

/* Whether enough of the pool is left for those for whom some are kept by number, when @unit is given away. */
static gboolean
leaves_enough (const VfpoolTable *table, const VfpoolChoice *choice, const VfpoolUnit *unit) {
  const GPtrArray *members = choice->slot->address ? choice->members : choice->candidates;
  guint kept = vfpool_table_kept (table, choice->pool, NULL), left = 0;

  if (kept == 0 || !members || vfpool_unit_is_reserved (unit, table))
    return TRUE;
  for (guint i = 0; i < members->len; i++) {
    const VfpoolFunction *function = g_ptr_array_index (members, i);
    const VfpoolEntry *entry = vfpool_table_find (table, function->address);
    VfpoolObstacle obstacle;

    left += !entry->reservation && !vfpool_unit_contains (unit, entry)
            && !vfpool_obstacle_find_but_policy (table, choice, entry, NULL, &obstacle);
  }
  return left >= kept;
}

static gboolean
choose_address (VfpoolTable *table, VfpoolChoice *choice, guint stage, GError **error) {
  VfpoolEntry *entry = vfpool_table_find (table, choice->slot->address);
  g_auto (VfpoolUnit) unit = { NULL, NULL };
  VfpoolObstacle obstacle;

  choice->stage = stage;
  if (entry && entry->function)
    vfpool_unit_init (&unit, table, choice, entry);
  if (!unit.first || vfpool_obstacle_find (table, choice, entry, unit.with, &obstacle)
      || !leaves_enough (table, choice, &unit))
    return fail_slot (table, choice, error);
  vfpool_table_take (table, choice, entry->function, unit.with);
  return TRUE;
}

/* A slot that would rather have one very VF than any other gets it, when it can be had. */
static void
choose_preferred (VfpoolTable *table, VfpoolChoice *choice, guint *stage) {
  VfpoolEntry *entry = vfpool_table_find (table, choice->slot->preferred);
  g_auto (VfpoolUnit) unit = { NULL, NULL };
  VfpoolObstacle obstacle;

  if (!entry || !entry->function || entry->pool != choice->pool)
    return;
  vfpool_unit_init (&unit, table, choice, entry);
  choice->stage = *stage + 1;
  if (vfpool_obstacle_find (table, choice, entry, unit.with, &obstacle) || !leaves_enough (table, choice, &unit)) {
    choice->stage = G_MAXUINT;
    return;
  }
  ++*stage;
  vfpool_table_take (table, choice, entry->function, unit.with);
}

/* What is given may make way for its neighbours in the IOMMU group: so who was left over is served once more. */
static gboolean
serve (VfpoolTable *table, GPtrArray *round, guint *stage, GError **error) {
  while (round->len > 0) {
    int served;

    ++*stage;
    for (guint i = 0; i < round->len; i++)
      ((VfpoolChoice *)g_ptr_array_index (round, i))->stage = *stage;
    served = vfpool_choose_round (table, round);
    if (served == 0)
      return fail_slot (table, g_ptr_array_index (round, 0), error);
    g_ptr_array_remove_range (round, 0, (guint)served);
  }
  return TRUE;
}

static gboolean
choose_pools (VfpoolTable *table, gboolean whole_devices, guint *stage, GError **error) {
  g_autoptr (GPtrArray) round = g_ptr_array_new ();

  for (guint i = 0; i < table->choices->len; i++) {
    VfpoolChoice *choice = &g_array_index (table->choices, VfpoolChoice, i);

    if (choice->chosen || choice->slot->address || choice->slot->all_functions != whole_devices)
      continue;
    g_ptr_array_add (round, choice);
    if (round->len == VFPOOL_ROUND_MAX && !serve (table, round, stage, error))
      return FALSE;
  }
  return serve (table, round, stage, error);
}

/* Serves all slots; with @prefer those that prefer one very VF get it where that is free. */
static gboolean
choose_all (const VfpoolSituation *situation, GArray *choices, gboolean prefer, GError **error) {
  g_autoptr (VfpoolTable) table = vfpool_table_new (situation, choices);
  guint stage = 0;

  for (guint i = 0; i < choices->len; i++) {
    VfpoolChoice *choice = &g_array_index (choices, VfpoolChoice, i);
    choice->stage = choice->chosen ? 0 : G_MAXUINT;
  }
  if (!check_quotas (table, error))
    return FALSE;
  for (guint i = 0; i < choices->len; i++) {
    VfpoolChoice *choice = &g_array_index (choices, VfpoolChoice, i);
    if (!choice->chosen && choice->slot->address && !choose_address (table, choice, ++stage, error))
      return FALSE;
  }
  for (guint i = 0; prefer && i < choices->len; i++) {
    VfpoolChoice *choice = &g_array_index (choices, VfpoolChoice, i);
    if (!choice->chosen && choice->slot->preferred)
      choose_preferred (table, choice, &stage);
  }
  return choose_pools (table, TRUE, &stage, error) && choose_pools (table, FALSE, &stage, error)
         && check_quotas (table, error);
}

gboolean
vfpool_choose (const VfpoolSituation *situation, GArray *choices, GError **error) {
  g_autofree gboolean *is_open = g_new0 (gboolean, choices->len);
  gboolean prefer = FALSE;

  for (guint i = 0; i < choices->len; i++) {
    const VfpoolChoice *choice = &g_array_index (choices, VfpoolChoice, i);
    is_open[i] = !choice->chosen;
    prefer = prefer || (is_open[i] && choice->slot->preferred);
  }
  if (prefer && choose_all (situation, choices, TRUE, NULL))
    return TRUE;
  /* What one slot prefers may be all that another can have: a preference makes nothing impossible. */
  for (guint i = 0; i < choices->len; i++) {
    VfpoolChoice *choice = &g_array_index (choices, VfpoolChoice, i);
    if (is_open[i]) {
      choice->chosen = NULL;
      g_clear_pointer (&choice->with, g_ptr_array_unref);
    }
  }
  return choose_all (situation, choices, FALSE, error);
}
