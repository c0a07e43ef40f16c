/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What acquiring would choose, and why, for display: the same snapshot and the same choice, over the ledger as it is read. It
 * takes no lock, opens no VFIO group and does not make or mend the ledger, like status.c. Between a plan and the acquire after it
 * others may have acquired.
 *
 * What acquire asks the kernel only when it has leased a VF for itself (who has its group open), is told here by looking
 * through /proc.
 */
#include "holder.h"
#include "mac.h"
#include "snapshot.h"
#include "variant.h"

#include <string.h>

typedef struct {
  Vfpool *self;
  const VfpoolRequest *request;
  VfpoolSnapshot snapshot;
  GPtrArray *leases, *assignments, *cordons;
  VfpoolSituation situation;
} Plan;

static void
plan_clear (Plan *plan) {
  vfpool_snapshot_clear (&plan->snapshot);
  g_clear_pointer (&plan->leases, g_ptr_array_unref);
  g_clear_pointer (&plan->assignments, g_ptr_array_unref);
  g_clear_pointer (&plan->cordons, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Plan, plan_clear)

/* ---- What is known ---- */

/* Leases of another boot are void. */
static GPtrArray *
valid_leases (const Plan *plan, GPtrArray *all) {
  GPtrArray *leases = g_ptr_array_new_with_free_func ((GDestroyNotify)vfpool_lease_unref);

  for (guint i = 0; i < all->len; i++) {
    VfpoolLease *lease = g_ptr_array_index (all, i);
    if (strcmp (lease->boot_id, plan->self->boot_id) == 0)
      g_ptr_array_add (leases, vfpool_lease_ref (lease));
  }
  return leases;
}

static gboolean
read_ledger (Plan *plan, GError **error) {
  g_autoptr (GError) local = NULL;
  g_autoptr (VfpoolLedger) ledger = vfpool_ledger_open_readonly (plan->self->root, &local);
  g_autoptr (GPtrArray) all = ledger ? vfpool_ledger_leases (ledger, error) : NULL;

  if (g_error_matches (local, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND)) {
    plan->leases = g_ptr_array_new ();
    plan->assignments = g_ptr_array_new ();
    plan->cordons = g_ptr_array_new ();
    return TRUE;
  }
  if (local)
    g_propagate_error (error, g_steal_pointer (&local));
  if (!all)
    return FALSE;
  plan->leases = valid_leases (plan, all);
  plan->assignments = vfpool_ledger_assignments (ledger, error);
  plan->cordons = plan->assignments ? vfpool_ledger_cordons (ledger, error) : NULL;
  return plan->cordons != NULL;
}

/* What the guest holds already is kept, as by acquire. */
static void
keep (Plan *plan, VfpoolChoice *choice) {
  for (guint i = 0; i < plan->leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (plan->leases, i);

    if (lease->state == VFPOOL_LEASE_QUARANTINED || lease->guest_kind != plan->request->kind
        || strcmp (lease->guest_id, plan->request->id) != 0 || strcmp (lease->slot, choice->slot->name) != 0
        || strcmp (lease->pool, choice->pool->name) != 0)
      continue;
    choice->chosen = vfpool_snapshot_candidate (choice, lease->address);
  }
}

static void
note_holders (Plan *plan) {
  g_autoptr (GHashTable) holders = vfpool_holder_scan (plan->self->root);

  for (guint i = 0; i < plan->snapshot.choices->len; i++) {
    const VfpoolChoice *choice = &g_array_index (plan->snapshot.choices, VfpoolChoice, i);

    for (guint k = 0; k < choice->candidates->len; k++) {
      VfpoolFunction *f = g_ptr_array_index (choice->candidates, k);
      int pid = f->is_on_vfio && f->iommu_group >= 0
                    ? GPOINTER_TO_INT (g_hash_table_lookup (holders, GINT_TO_POINTER (f->iommu_group)))
                    : 0;
      if (pid && !f->held_by)
        f->held_by = vfpool_holder_describe (plan->self->root, pid);
    }
  }
}

/* ---- MACs ---- */

/* The MAC that the VF of @choice would get, for g_free(), or NULL: it keeps its own. */
static char *
plan_mac (const Plan *plan, const VfpoolChoice *choice) {
  g_autofree char *seed = NULL;
  g_autoptr (GHashTable) used = NULL;

  if (choice->slot->mac || !vfpool_mac_is_made (plan->self->root, choice))
    return g_strdup (choice->slot->mac);
  seed = vfpool_mac_seed (plan->self->root, plan->self->config, plan->request->kind);
  used = vfpool_mac_used (plan->self->root);
  vfpool_mac_add_of_vfs (used, plan->snapshot.host, plan->self->config);
  return vfpool_mac_choose (&plan->situation, choice->slot->name, seed, used);
}

/* ---- Description ---- */

static GVariant *
describe_verdict (const VfpoolChoice *choice, const VfpoolVerdict *verdict) {
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  vfpool_variant_add (&dict, "address", g_variant_new_string (verdict->function->address));
  vfpool_variant_add (&dict, "pf", vfpool_variant_text (verdict->function->pf));
  vfpool_variant_add (&dict, "numa_node", g_variant_new_int32 (verdict->function->numa_node));
  vfpool_variant_add (&dict, "chosen", g_variant_new_boolean (verdict->function == choice->chosen));
  vfpool_variant_add (&dict, "rule",
                      vfpool_variant_text (verdict->reason ? vfpool_rule_to_string (verdict->rule) : NULL));
  vfpool_variant_add (&dict, "reason", vfpool_variant_text (verdict->reason));
  return g_variant_builder_end (&dict);
}

static GVariant *
describe_functions (const VfpoolChoice *choice) {
  GVariantBuilder functions;

  g_variant_builder_init (&functions, G_VARIANT_TYPE ("as"));
  if (choice->chosen)
    g_variant_builder_add (&functions, "s", choice->chosen->address);
  for (guint i = 0; choice->with && i < choice->with->len; i++)
    g_variant_builder_add (&functions, "s", ((const VfpoolFunction *)g_ptr_array_index (choice->with, i))->address);
  return g_variant_builder_end (&functions);
}

static GVariant *
describe_policy (const VfpoolChoice *choice) {
  static const char *const keys[] = { "numa", "placement", "anti-affinity" };
  GVariantBuilder policy;

  g_variant_builder_init (&policy, G_VARIANT_TYPE ("a{ss}"));
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    g_variant_builder_add (&policy, "{ss}", keys[i], vfpool_policy_get (&choice->policy, keys[i]));
  return g_variant_builder_end (&policy);
}

static GVariant *
describe_slot (Plan *plan, guint i, gboolean is_kept) {
  const VfpoolChoice *choice = &g_array_index (plan->snapshot.choices, VfpoolChoice, i);
  g_autoptr (GPtrArray) verdicts = vfpool_choose_explain (&plan->situation, plan->snapshot.choices, i);
  g_autofree char *mac = choice->chosen ? plan_mac (plan, choice) : NULL;
  const char *rule = NULL;
  GVariantBuilder dict, vfs;

  g_variant_builder_init (&vfs, G_VARIANT_TYPE ("aa{sv}"));
  for (guint k = 0; k < verdicts->len; k++) {
    const VfpoolVerdict *verdict = g_ptr_array_index (verdicts, k);
    if (!verdict->reason)
      rule = vfpool_rule_to_string (verdict->rule);
    g_variant_builder_add_value (&vfs, describe_verdict (choice, verdict));
  }
  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  vfpool_variant_add (&dict, "slot", g_variant_new_string (choice->slot->name));
  vfpool_variant_add (&dict, "pool", g_variant_new_string (choice->pool->name));
  vfpool_variant_add (&dict, "chosen", vfpool_variant_text (choice->chosen ? choice->chosen->address : NULL));
  vfpool_variant_add (&dict, "functions", describe_functions (choice));
  vfpool_variant_add (&dict, "mac", vfpool_variant_text (mac));
  vfpool_variant_add (&dict, "kept", g_variant_new_boolean (is_kept));
  vfpool_variant_add (&dict, "policy", describe_policy (choice));
  vfpool_variant_add (&dict, "rule", vfpool_variant_text (rule));
  vfpool_variant_add (&dict, "vfs", g_variant_builder_end (&vfs));
  return g_variant_builder_end (&dict);
}

static GVariant *
describe_guest (const VfpoolRequest *request) {
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  vfpool_variant_add (&dict, "kind", g_variant_new_string (vfpool_guest_kind_to_string (request->kind)));
  vfpool_variant_add (&dict, "id", g_variant_new_string (request->id));
  vfpool_variant_add (&dict, "name", vfpool_variant_text (request->name));
  return g_variant_builder_end (&dict);
}

/* The nodes that count for the first slot that any count for: a request's own are the same for all. */
static GVariant *
describe_nodes (const Plan *plan) {
  g_autofree char *nodes = NULL;

  for (guint i = 0; i < plan->snapshot.choices->len && !nodes; i++) {
    const VfpoolChoice *choice = &g_array_index (plan->snapshot.choices, VfpoolChoice, i);
    if (choice->nodes)
      nodes = vfpool_numbers_to_string (choice->nodes);
  }
  return vfpool_variant_text (nodes);
}

GVariant *
vfpool_plan (Vfpool *self, const VfpoolRequest *request, GError **error) {
  g_auto (Plan) plan = { .self = self, .request = request };
  g_autoptr (GError) refusal = NULL;
  g_autoptr (GArray) kept = g_array_new (FALSE, TRUE, sizeof (gboolean));
  GVariantBuilder slots, result;

  if (!vfpool_snapshot_take (&plan.snapshot, self, request, error) || !read_ledger (&plan, error))
    return NULL;
  note_holders (&plan);
  for (guint i = 0; i < plan.snapshot.choices->len; i++) {
    VfpoolChoice *choice = &g_array_index (plan.snapshot.choices, VfpoolChoice, i);
    gboolean is_kept = (keep (&plan, choice), choice->chosen != NULL);
    g_array_append_val (kept, is_kept);
  }
  plan.situation = (VfpoolSituation){ request, plan.leases, plan.assignments, plan.cordons, plan.snapshot.places };
  vfpool_choose (&plan.situation, plan.snapshot.choices, &refusal);

  g_variant_builder_init (&slots, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < plan.snapshot.choices->len; i++)
    g_variant_builder_add_value (&slots, describe_slot (&plan, i, g_array_index (kept, gboolean, i)));
  g_variant_builder_init (&result, G_VARIANT_TYPE_VARDICT);
  vfpool_variant_add (&result, "guest", describe_guest (request));
  vfpool_variant_add (&result, "nodes", describe_nodes (&plan));
  vfpool_variant_add (&result, "refusal", vfpool_variant_text (refusal ? refusal->message : NULL));
  vfpool_variant_add (&result, "slots", g_variant_builder_end (&slots));
  return g_variant_ref_sink (g_variant_builder_end (&result));
}
