/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VF is refused for a reason that can be told, and the first reason that an operator would want to hear comes first:
 * who has it, then what the host does with it, then what is wrong with its place in the machine.
 *
 * The IOMMU group is the unit of isolation: a device that the guest does not control but that shares the group can
 * reach, and be reached by, the guest's memory accesses. So all of a group must be bridges, on vfio, or the same
 * guest's.
 *
 * Choosing is done under the ledger's lock, so reasons are put into words only when nothing can be chosen: on a host with many VFs
 * most of them are somebody's.
 */
#include "choice.h"

#include <string.h>

#define REASONS_SHOWN 8 /* a refusal has to fit the error line of a VM's start; `vfpool status` shows the rest */

static const VfpoolLease *
find_lease (GPtrArray *leases, const char *address) {
  for (guint i = 0; i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);
    if (strcmp (lease->address, address) == 0)
      return lease;
  }
  return NULL;
}

static gboolean
is_same_guest (const VfpoolRequest *request, const VfpoolLease *lease) {
  return lease->guest_kind == request->kind && strcmp (lease->guest_id, request->id) == 0;
}

static char *
describe_lease (const VfpoolLease *lease) {
  g_autofree char *guest = vfpool_guest_describe (lease->guest_kind, lease->guest_id, lease->guest_name);

  if (lease->state == VFPOOL_LEASE_QUARANTINED)
    return g_strdup_printf ("is quarantined (%s)", lease->reason ? lease->reason : "no reason was recorded");
  return g_strdup_printf ("is held by %s, slot %s", guest, lease->slot);
}

/* Whether @mate, in the same group, stands in the way of @request. */
static char *
why_mate_forbids (const VfpoolRequest *request, int group, const VfpoolFunction *mate, GPtrArray *leases,
                  GPtrArray *taken) {
  const VfpoolLease *lease = find_lease (leases, mate->address);

  if (mate->is_bridge || (taken && g_ptr_array_find (taken, mate, NULL)))
    return NULL;
  if (lease && is_same_guest (request, lease) && lease->state != VFPOOL_LEASE_QUARANTINED)
    return NULL;
  if (lease) {
    g_autofree char *held = describe_lease (lease);
    return g_strdup_printf ("shares IOMMU group %d with %s, which %s", group, mate->address, held);
  }
  if (mate->is_on_vfio)
    return NULL;
  return g_strdup_printf ("shares IOMMU group %d with %s (driver %s): its port does not isolate them (no ACS)", group,
                          mate->address, mate->driver ? mate->driver : "none");
}

char *
vfpool_why_not (const VfpoolRequest *request, const VfpoolFunction *function, GPtrArray *leases, GPtrArray *taken) {
  const VfpoolLease *lease = find_lease (leases, function->address);

  if (lease)
    return describe_lease (lease);
  if (taken && g_ptr_array_find (taken, function, NULL))
    return g_strdup ("goes to another slot of this guest");
  if (function->held_by)
    return g_strdup_printf ("is in use: IOMMU group %d is held open by %s", function->iommu_group, function->held_by);
  if (function->host_use)
    return g_strdup_printf ("is used by the host: %s", function->host_use);
  if (function->numvfs > 0)
    return g_strdup_printf ("has %d VFs of its own", function->numvfs);
  if (function->is_bridge)
    return g_strdup ("is a bridge");
  if (function->iommu_group < 0)
    return g_strdup ("has no IOMMU group: switch on the IOMMU in the firmware and on the kernel's command line");
  for (guint i = 0; i < function->mates->len; i++) {
    char *why =
        why_mate_forbids (request, function->iommu_group, g_ptr_array_index (function->mates, i), leases, taken);
    if (why)
      return why;
  }
  return NULL;
}

/* The first candidate that may be given to @request, or NULL. */
static VfpoolFunction *
find_allowed (const VfpoolRequest *request, const VfpoolChoice *choice, GPtrArray *leases, GPtrArray *taken) {
  for (guint i = 0; i < choice->candidates->len; i++) {
    VfpoolFunction *f = g_ptr_array_index (choice->candidates, i);
    g_autofree char *why = NULL;

    if (find_lease (leases, f->address))
      continue;
    why = vfpool_why_not (request, f, leases, taken);
    if (!why)
      return f;
  }
  return NULL;
}

/* Why each of the candidates is refused. */
static char *
list_reasons (const VfpoolRequest *request, const VfpoolChoice *choice, GPtrArray *leases, GPtrArray *taken) {
  GString *reasons = g_string_new (NULL);
  guint n = choice->candidates->len;

  for (guint i = 0; i < MIN (n, REASONS_SHOWN); i++) {
    const VfpoolFunction *f = g_ptr_array_index (choice->candidates, i);
    g_autofree char *why = vfpool_why_not (request, f, leases, taken);
    g_string_append_printf (reasons, "%s%s %s", i ? "; " : "", f->address, why);
  }
  if (n > REASONS_SHOWN)
    g_string_append_printf (reasons, "; and %u more, see `vfpool status`", n - REASONS_SHOWN);
  return g_string_free (reasons, FALSE);
}

static gboolean
choose_one (const VfpoolRequest *request, VfpoolChoice *choice, GPtrArray *leases, GPtrArray *taken, GError **error) {
  g_autofree char *reasons = NULL, *guest = NULL;

  choice->chosen = find_allowed (request, choice, leases, taken);
  if (choice->chosen)
    return TRUE;
  reasons = list_reasons (request, choice, leases, taken);
  guest = vfpool_guest_describe (request->kind, request->id, request->name);
  if (choice->slot->address)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE, "%s (pool '%s') cannot be given to %s, slot %s: %s",
                 choice->slot->address, choice->pool, guest, choice->slot->name, reasons);
  else
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NO_FREE_VF, "pool '%s' has no free VF for %s, slot %s: %s",
                 choice->pool, guest, choice->slot->name,
                 *reasons ? reasons : "none of its members exists on this host; has `vfpool up` been run?");
  return FALSE;
}

gboolean
vfpool_choose (const VfpoolRequest *request, GArray *choices, GPtrArray *leases, GError **error) {
  g_autoptr (GPtrArray) taken = g_ptr_array_new ();

  /* What is kept, and what was asked for by address, goes first: a pool slot must not take it away. */
  for (guint i = 0; i < choices->len; i++) {
    VfpoolChoice *choice = &g_array_index (choices, VfpoolChoice, i);
    if (choice->chosen)
      g_ptr_array_add (taken, choice->chosen);
  }
  for (int by_pool = 0; by_pool <= 1; by_pool++) {
    for (guint i = 0; i < choices->len; i++) {
      VfpoolChoice *choice = &g_array_index (choices, VfpoolChoice, i);
      if (choice->chosen || (choice->slot->address == NULL) != by_pool)
        continue;
      if (!choose_one (request, choice, leases, taken, error))
        return FALSE;
      g_ptr_array_add (taken, choice->chosen);
    }
  }
  return TRUE;
}
