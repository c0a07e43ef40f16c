/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an operation may leave behind that was killed, or was refused something on its way. Not one outcome is expected but
 * a set of them, function by function:
 *  - what the operation was not about is untouched;
 *  - without a lease, a VF is as it was before anybody had it: done or not done, never half;
 *  - with a lease, whatever has been changed of the VF can be put back: what it was like stands in the lease;
 *  - an active lease is of a VF that is prepared, whole.
 */
#include "model.h"

#include <string.h>

typedef struct {
  const Model *before;
  Model *seen;
  const Operation *op;
  GString *problems;
} Judge;

static void
complain (const Judge *j, int f, const char *what) {
  const Device *was = &j->before->machine.devices[f], *is = &j->seen->machine.devices[f];
  g_autofree char *net_was = describe_net (&was->net), *net_is = describe_net (&is->net);
  g_autofree char *lease_was = j->before->is_leased[f] ? describe_lease (&j->before->leases[f]) : g_strdup ("none");
  g_autofree char *lease_is = j->seen->is_leased[f] ? describe_lease (&j->seen->leases[f]) : g_strdup ("none");

  g_string_append_printf (
      j->problems,
      "%s: %s\n    lease before: %s\n    lease now: %s\n    before: driver '%s', override '%s', %s\n"
      "    now: driver '%s', override '%s', %s\n",
      function_places[f].address, what, lease_was, lease_is, was->driver, was->override, net_was, is->driver,
      is->override, net_is);
}

static gboolean
is_candidate (const Judge *j, int f) {
  for (int i = 0; i < j->op->n_slots; i++) {
    const Slot *slot = &j->op->slots[i];

    if (slot->function >= 0 ? slot->function == f : config_pool_of (&j->seen->config, f) == slot->pool)
      return TRUE;
  }
  return FALSE;
}

/* Whether acquire may have taken back what is left of a guest that is gone. */
static gboolean
may_be_taken_back (const Judge *j, int f) {
  return j->op->kind == OP_ACQUIRE && is_candidate (j, f)
         && foretell_has_to_end_at (j->before, f, j->seen->machine.now);
}

static gboolean
may_touch (const Judge *j, int f) {
  gboolean is_own = j->before->is_leased[f] && j->before->leases[f].guest == j->op->guest;

  switch (j->op->kind) {
  case OP_ACQUIRE:
    return is_own || (!j->before->is_leased[f] && is_candidate (j, f)) || may_be_taken_back (j, f);
  case OP_RELEASE:
    return is_own;
  case OP_RELEASE_LEASE:
    return find_function (j->op->lease->address) == f;
  case OP_RELEASE_QUARANTINED:
    return j->op->function == f;
  case OP_RECONCILE:
    return j->before->is_leased[f]
           && (j->before->leases[f].state != VFPOOL_LEASE_QUARANTINED || !j->before->machine.devices[f].exists);
  case OP_UP:
    return !j->before->is_leased[f] || j->before->leases[f].guest == GUEST_UP;
  case OP_STATUS:
    return FALSE;
  }
  g_assert_not_reached ();
}

static gboolean
same_device (const Device *a, const Device *b) {
  return a->exists == b->exists && strcmp (a->driver, b->driver) == 0 && strcmp (a->override, b->override) == 0
         && same_net (&a->net, &b->net) && a->resets == b->resets;
}

static gboolean
is_untouched (const Judge *j, int f) {
  const Lease *was = &j->before->leases[f], *is = &j->seen->leases[f];

  if (j->before->is_leased[f] != j->seen->is_leased[f])
    return FALSE;
  if (j->seen->is_leased[f] && (!same_lease (was, is) || (was->serial != SERIAL_NEW && was->serial != is->serial)))
    return FALSE;
  return same_device (&j->before->machine.devices[f], &j->seen->machine.devices[f]);
}

/* What the VF was like before the guest that may have had it. What is not known of that is left as it is. */
static VfpoolVfnet
original_net (const Judge *j, int f) {
  VfpoolVfnet net = j->before->machine.devices[f].net;

  if (j->before->is_leased[f] && has_netdev (f))
    set_net (&net, &j->before->leases[f].saved);
  return net;
}

/* The same, or with the MAC that a host's driver made up because there was none. */
static gboolean
is_as (int f, const VfpoolVfnet *net, VfpoolVfnet original) {
  if (strcmp (original.mac, VFPOOL_MAC_NONE) == 0 && is_made_up_mac (f, net->mac))
    strcpy (original.mac, net->mac);
  return same_net (net, &original);
}

static VfpoolVfnet
net_when_new (int f) {
  VfpoolVfnet net;

  new_net (f, &net);
  return net;
}

/* Whether `up` may have made the VF anew. */
static gboolean
may_be_new (const Judge *j, int f) {
  int pf = function_places[f].pf;

  return j->op->kind == OP_UP && pf != NO_PF && j->seen->config.numvfs[pf] >= 0
         && j->seen->config.numvfs[pf] != j->before->machine.pfs[pf].numvfs;
}

static void
judge_free (const Judge *j, int f) {
  const Device *was = &j->before->machine.devices[f], *is = &j->seen->machine.devices[f];
  gboolean is_new = may_be_new (j, f), is_same = strcmp (was->driver, is->driver) == 0;

  if (!is_as (f, &is->net, original_net (j, f)) && !(is_new && is_as (f, &is->net, net_when_new (f))))
    complain (j, f, "it has no lease and is not as it was");
  if (j->before->is_leased[f] && j->before->leases[f].has_saved && is->traces)
    complain (j, f, "its lease has ended and it was not reset");
  /* `up` says what it could not park, and leaves that: it is free all the same, and the next one tries again. */
  if (is_new || (j->op->kind == OP_UP && !kernel->result.is_ok))
    return;
  /* A driver that seems not to want the VF is no error. */
  if (!is_same && !foretell_is_parked (j->seen, f)
      && !(config_park_of (&j->seen->config, f) == VFPOOL_PARK_HOST && !*is->driver))
    complain (j, f, "it has no lease and is on a driver that nobody asked for");
  if (j->before->is_leased[f] && j->before->leases[f].has_saved && !foretell_is_parked (j->seen, f)
      && config_park_of (&j->seen->config, f) != VFPOOL_PARK_HOST)
    complain (j, f, "its lease has ended and it is not parked");
  if (!is_same && !device_is_on_vfio (is) && *is->override)
    complain (j, f, "it has no lease and its driver_override was left behind");
}

/* Each by itself: as it was, as it is to be put back, or as was asked for. */
static gboolean
is_one_of (int f, const VfpoolVfnet *net, const VfpoolVfnet *was, const VfpoolVfnet *original, const Lease *lease) {
  VfpoolVfnet asked = *original;

  foretell_prepared (lease, f, &asked);
  for (NetAttribute which = 0; which < N_NET; which++)
    if (!same_attribute (net, was, which) && !same_attribute (net, original, which)
        && !same_attribute (net, &asked, which)
        && !(which == NET_MAC && strcmp (original->mac, VFPOOL_MAC_NONE) == 0 && is_made_up_mac (f, net->mac)))
      return FALSE;
  return TRUE;
}

static void
judge_active (const Judge *j, int f) {
  const Lease *was = &j->before->leases[f], *is = &j->seen->leases[f];
  const Device *device = &j->seen->machine.devices[f];
  gboolean is_as_before = j->before->is_leased[f] && same_device (&j->before->machine.devices[f], device)
                          && strcmp (was->mac, is->mac) == 0 && was->vlan == is->vlan;
  /* One that was not prepared before may be prepared half: the next reconcile does the rest. */
  Model before = *j->before;
  gboolean is_mended = j->op->kind == OP_RECONCILE && j->before->is_leased[f] && foretell_has_to_be_mended (&before, f);
  VfpoolVfnet net = device->net;

  if (is->worker && !is_mended)
    complain (j, f, "it is active and still worked on");
  foretell_prepared (is, f, &net);
  if (!is_as_before && !is_mended && (!same_net (&net, &device->net) || !device_is_on_vfio (device)))
    complain (j, f, "it is active, but not prepared");
}

/* Whether the lease is one of the guest that the operation was for, that had none before. */
static gboolean
is_handed_on (const Judge *j, int f) {
  return may_be_taken_back (j, f) && j->seen->leases[f].guest == j->op->guest
         && j->before->leases[f].guest != j->op->guest;
}

static gboolean
is_saved_right (const Judge *j, int f, const VfpoolVfnet *original) {
  const Lease *was = &j->before->leases[f], *is = &j->seen->leases[f];

  if (!is->has_saved || !has_netdev (f))
    return TRUE;
  if (is_handed_on (j, f))
    return is->has_saved_net && is_as (f, &is->saved, *original);
  return is->has_saved_net && same_net (&is->saved, j->before->is_leased[f] && was->has_saved ? &was->saved : original);
}

static void
judge_leased (const Judge *j, int f) {
  const Lease *is = &j->seen->leases[f];
  const VfpoolVfnet *was = &j->before->machine.devices[f].net, *now = &j->seen->machine.devices[f].net;
  const VfpoolVfnet original = original_net (j, f);

  if (!is_handed_on (j, f)
      && (j->before->is_leased[f] ? is->guest != j->before->leases[f].guest
                                  : is->guest != (j->op->kind == OP_UP ? GUEST_UP : j->op->guest)))
    complain (j, f, "it is in other hands than before, or than asked for");
  if (j->op->kind != OP_ACQUIRE && j->before->is_leased[f] && j->before->leases[f].state == VFPOOL_LEASE_RESERVED
      && is->state != VFPOOL_LEASE_RESERVED && is->state != VFPOOL_LEASE_QUARANTINED)
    complain (j, f, "it was only reserved, and counts as handed out now");
  if (is->boot != j->seen->boot)
    complain (j, f, "its lease is of another boot");
  if (!j->seen->machine.devices[f].exists || may_be_new (j, f))
    return;
  if (!is_saved_right (j, f, &original))
    complain (j, f, "what is saved is not what it was like");
  /* It may have been given back, and then reserved for another slot. */
  if (!is->has_saved && !is_as (f, now, *was) && !is_as (f, now, original))
    complain (j, f, "it was changed, but nothing is saved");
  if (!is_one_of (f, now, was, &original, is))
    complain (j, f, "it has attributes that nobody asked for");
  if (is->state == VFPOOL_LEASE_ACTIVE)
    judge_active (j, f);
}

static void
judge_function (const Judge *j, int f) {
  if (!may_touch (j, f)) {
    if (!is_untouched (j, f) && !may_be_new (j, f))
      complain (j, f, "it was touched by an operation that was not about it");
    return;
  }
  if (j->seen->is_leased[f])
    judge_leased (j, f);
  else if (j->seen->machine.devices[f].exists && j->before->machine.devices[f].exists)
    judge_free (j, f);
}

void
judge (const Model *before, Model *seen, const Operation *op, GString *problems) {
  const Judge j = { before, seen, op, problems };

  for (int f = 0; f < N_FUNCTIONS; f++)
    judge_function (&j, f);
  for (int pf = 0; pf < N_PFS; pf++) {
    int was = before->machine.pfs[pf].numvfs, is = seen->machine.pfs[pf].numvfs;

    if (is != was && !(op->kind == OP_UP && (is == 0 || is == seen->config.numvfs[pf])))
      g_string_append_printf (problems, "%s has %d VFs, before %d\n", pf_places[pf].address, is, was);
  }
}
