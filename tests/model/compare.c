/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Expected against seen: what an operation returned, the leases, the machine, and what status makes of them. */
#include "model.h"

#include <string.h>

static char *
describe_result (const Result *result) {
  GString *text = g_string_new (NULL);

  if (!result->has_ended)
    g_string_append (text, "no end");
  else if (!result->is_ok)
    g_string_append_printf (text, "error %d %s", result->code, result->message);
  else
    g_string_append (text, "success");
  for (int i = 0; i < result->n_functions; i++)
    g_string_append_printf (text, " %s", function_places[result->functions[i]].address);
  return g_string_free (text, FALSE);
}

void
compare_result (const Operation *op, const Result *expected, GString *problems) {
  const Result *seen = &kernel->result;
  g_autofree char *is = describe_result (seen), *should = describe_result (expected);
  gboolean is_same = seen->has_ended && seen->is_ok == expected->is_ok && seen->n_functions == expected->n_functions
                     && (seen->is_ok || seen->code == expected->code);

  for (int i = 0; is_same && i < seen->n_functions; i++)
    is_same = seen->functions[i] == expected->functions[i];
  if (!is_same)
    g_string_append_printf (problems, "operation %d: expected %s\n    seen %s\n", op->kind, should, is);
  if (strcmp (seen->told, expected->told) != 0)
    g_string_append_printf (problems, "expected to be told:\n%sbut was told:\n%s", expected->told, seen->told);
}

static char *
describe_device (const Device *device) {
  g_autofree char *net = describe_net (&device->net);

  if (!device->exists)
    return g_strdup ("not there");
  return g_strdup_printf ("driver '%s', override '%s', %s, %d resets, traces of guest %d%s", device->driver,
                          device->override, net, device->resets, device->traces,
                          device->host_use ? ", used by the host" : "");
}

static void
compare_device (int f, const Device *expected, const Device *seen, GString *problems) {
  g_autofree char *should = describe_device (expected), *is = describe_device (seen);

  if (strcmp (should, is) != 0)
    g_string_append_printf (problems, "%s: expected %s\n    seen %s\n", function_places[f].address, should, is);
}

static void
compare_lease (int f, const Model *expected, const Model *seen, GString *problems) {
  const Lease *a = &expected->leases[f], *b = &seen->leases[f];
  gboolean should_be = expected->is_leased[f], is = seen->is_leased[f];
  g_autofree char *should = should_be ? describe_lease (a) : g_strdup ("no lease");
  g_autofree char *found = is ? describe_lease (b) : g_strdup ("no lease");
  gboolean is_same = should_be == is && (!is || same_lease (a, b));

  if (is_same && is)
    is_same = a->serial == SERIAL_NEW ? b->serial > expected->max_serial : a->serial == b->serial;
  if (!is_same)
    g_string_append_printf (problems, "%s: expected %s\n    seen %s\n", function_places[f].address, should, found);
}

void
compare_state (const Model *expected, const Model *seen, GString *problems) {
  for (int f = 0; f < N_FUNCTIONS; f++) {
    compare_lease (f, expected, seen, problems);
    compare_device (f, &expected->machine.devices[f], &seen->machine.devices[f], problems);
  }
  for (int g = 0; g < N_GROUPS; g++)
    if (expected->machine.groups[g].is_open != seen->machine.groups[g].is_open)
      g_string_append_printf (problems, "group %d: expected %s\n", g + FIRST_GROUP,
                              expected->machine.groups[g].is_open ? "open" : "closed");
  for (int pf = 0; pf < N_PFS; pf++)
    if (expected->machine.pfs[pf].numvfs != seen->machine.pfs[pf].numvfs)
      g_string_append_printf (problems, "%s: expected %d VFs, seen %d\n", pf_places[pf].address,
                              expected->machine.pfs[pf].numvfs, seen->machine.pfs[pf].numvfs);
  if (memcmp (&expected->members, &seen->members, sizeof seen->members) != 0)
    g_string_append (problems, "the ledger remembers other members of the pools than expected\n");
}

/* ---- Status ---- */

static const char *
foretell_status (const Model *m, int f) {
  const Device *device = &m->machine.devices[f];

  if (m->is_leased[f])
    return vfpool_lease_state_to_string (m->leases[f].state);
  if (device_is_on_vfio (device) && m->machine.groups[function_places[f].group].pid)
    return "foreign";
  return device->host_use && *device->driver && !device_is_on_vfio (device) ? "foreign" : "free";
}

/* Whether status shows @f at all. */
static gboolean
is_shown (const Model *m, int f) {
  if (!m->machine.devices[f].exists)
    return m->is_leased[f];
  return function_places[f].pf != NO_PF || config_pool_of (&m->config, f) != NO_POOL || m->is_leased[f];
}

static void
compare_vf (const Model *m, GVariant *vf, gboolean shown[N_FUNCTIONS], GString *problems) {
  const char *address = "", *state = "", *pool = NULL, *driver = NULL, *slot = NULL;
  int f, in_pool;

  g_variant_lookup (vf, "address", "&s", &address);
  g_variant_lookup (vf, "state", "&s", &state);
  g_variant_lookup (vf, "pool", "m&s", &pool);
  g_variant_lookup (vf, "driver", "m&s", &driver);
  g_variant_lookup (vf, "slot", "m&s", &slot);
  f = find_function (address);
  if (f < 0 || shown[f]) {
    g_string_append_printf (problems, "status shows %s, which is not there or shown already\n", address);
    return;
  }
  shown[f] = TRUE;
  in_pool = config_pool_of (&m->config, f);
  if (strcmp (state, foretell_status (m, f)) != 0)
    g_string_append_printf (problems, "status: %s: expected %s, seen %s\n", address, foretell_status (m, f), state);
  if (m->machine.devices[f].exists && g_strcmp0 (pool, in_pool == NO_POOL ? NULL : pool_names[in_pool]) != 0)
    g_string_append_printf (problems, "status: %s: unexpected pool %s\n", address, pool ? pool : "none");
  if (strcmp (driver ? driver : "", m->machine.devices[f].driver) != 0)
    g_string_append_printf (problems, "status: %s: unexpected driver %s\n", address, driver ? driver : "none");
  if (g_strcmp0 (slot, m->is_leased[f] ? m->leases[f].slot : NULL) != 0)
    g_string_append_printf (problems, "status: %s: unexpected slot %s\n", address, slot ? slot : "none");
}

static void
compare_pool (const Model *m, GVariant *pool, GString *problems) {
  static const char *const keys[] = { "free", "leased", "quarantined", "foreign", "total" };
  guint expected[G_N_ELEMENTS (keys)] = { 0 };
  const char *name = "";

  g_variant_lookup (pool, "name", "&s", &name);
  for (int f = 0; f < N_FUNCTIONS; f++) {
    const char *state = foretell_status (m, f);
    int in_pool = config_pool_of (&m->config, f);

    if (in_pool == NO_POOL || strcmp (pool_names[in_pool], name) != 0 || !m->machine.devices[f].exists)
      continue;
    expected[4]++;
    expected[strcmp (state, "free") == 0          ? 0
             : strcmp (state, "foreign") == 0     ? 3
             : strcmp (state, "quarantined") == 0 ? 2
                                                  : 1]++;
  }
  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++) {
    guint seen = 999;

    g_variant_lookup (pool, keys[i], "u", &seen);
    if (seen != expected[i])
      g_string_append_printf (problems, "status: pool %s: expected %u %s, seen %u\n", name, expected[i], keys[i], seen);
  }
}

void
compare_status (const Model *m, GString *problems) {
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) status = read_status (&error), vfs = NULL, pools = NULL;
  gboolean shown[N_FUNCTIONS] = { FALSE };
  guint n_pools = 0;

  if (!status) {
    g_string_append_printf (problems, "status: %s\n", error->message);
    return;
  }
  vfs = g_variant_lookup_value (status, "vfs", G_VARIANT_TYPE ("aa{sv}"));
  pools = g_variant_lookup_value (status, "pools", G_VARIANT_TYPE ("aa{sv}"));
  for (gsize i = 0; i < g_variant_n_children (vfs); i++) {
    g_autoptr (GVariant) vf = g_variant_get_child_value (vfs, i);
    compare_vf (m, vf, shown, problems);
  }
  for (gsize i = 0; i < g_variant_n_children (pools); i++) {
    g_autoptr (GVariant) pool = g_variant_get_child_value (pools, i);
    compare_pool (m, pool, problems);
  }
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (shown[f] != is_shown (m, f))
      g_string_append_printf (problems, "status: %s is %s\n", function_places[f].address,
                              shown[f] ? "shown" : "not shown");
  for (int p = 0; p < N_POOLS; p++)
    n_pools += config_has_pool (&m->config, p);
  if (n_pools != g_variant_n_children (pools))
    g_string_append_printf (problems, "status: expected %u pools\n", n_pools);
}

/* ---- What success means ---- */

static void
check_acquired (const Model *before, const Model *seen, const Operation *op, int f, GString *problems) {
  const char *address = function_places[f].address;
  const Lease *lease = &seen->leases[f];
  const Device *device = &seen->machine.devices[f];
  gboolean was_own = before->is_leased[f] && before->leases[f].guest == op->guest;
  VfpoolVfnet net = device->net;

#define COMPLAIN(what) g_string_append_printf (problems, "%s was handed out, but " what "\n", address)
  if (!seen->is_leased[f] || lease->guest != op->guest || lease->state != VFPOOL_LEASE_ACTIVE || lease->worker)
    COMPLAIN ("is not the guest's");
  if (before->is_leased[f] && (!was_own || before->leases[f].state == VFPOOL_LEASE_QUARANTINED)
      && !foretell_has_to_end_at (before, f, seen->machine.now))
    COMPLAIN ("was another's, or quarantined");
  if (!device->exists || config_pool_of (&seen->config, f) == NO_POOL)
    COMPLAIN ("is in no pool");
  if (before->machine.devices[f].host_use)
    COMPLAIN ("the host uses it");
  if (device->traces && device->traces != op->guest + 1)
    COMPLAIN ("was not reset since another guest had it");
  if (was_own && lease->serial == before->leases[f].serial)
    return; /* the guest has it open, and nothing was touched */
  if (machine_is_open (&seen->machine, f))
    COMPLAIN ("somebody has it open");
  foretell_prepared (lease, f, &net);
  if (!device_is_on_vfio (device) || !same_net (&net, &device->net))
    COMPLAIN ("is not prepared");
#undef COMPLAIN
}

static void
check_up (Model *seen, const Operation *op, GString *problems) {
  for (int pf = 0; pf < N_PFS; pf++)
    if (seen->config.numvfs[pf] >= 0 && seen->machine.pfs[pf].numvfs != seen->config.numvfs[pf])
      g_string_append_printf (problems, "%s has not as many VFs as configured\n", pf_places[pf].address);
  for (int f = 0; f < N_FUNCTIONS; f++) {
    const Device *device = &seen->machine.devices[f];

    if (!device->exists || config_pool_of (&seen->config, f) == NO_POOL || seen->is_leased[f] || device->host_use
        || machine_is_open (&seen->machine, f) || foretell_is_parked (seen, f))
      continue;
    /* A driver that seems not to want the VF is no error. */
    if (op->fault.kind == FAULT_NONE || *device->driver)
      g_string_append_printf (problems, "%s is not parked\n", function_places[f].address);
  }
}

void
check_success (const Model *before, Model *seen, const Operation *op, GString *problems) {
  if (op->kind == OP_UP)
    check_up (seen, op, problems);
  if (op->kind == OP_ACQUIRE)
    for (int i = 0; i < kernel->result.n_functions; i++)
      check_acquired (before, seen, op, kernel->result.functions[i], problems);
  for (int f = 0; f < N_FUNCTIONS; f++) {
    if (!seen->is_leased[f])
      continue;
    if (op->kind == OP_RELEASE && seen->leases[f].guest == op->guest
        && seen->leases[f].state != VFPOOL_LEASE_QUARANTINED)
      g_string_append_printf (problems, "%s was released, but is still leased\n", function_places[f].address);
    if (op->kind == OP_RECONCILE && foretell_has_to_end (seen, f))
      g_string_append_printf (problems, "%s is still leased after reconcile\n", function_places[f].address);
    if (op->kind == OP_RECONCILE && foretell_has_to_be_mended (seen, f))
      g_string_append_printf (problems, "%s is not as its lease says after reconcile\n", function_places[f].address);
  }
}
