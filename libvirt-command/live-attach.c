/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `vfpool attach`: one more VF for a guest that runs. libvirt runs no hook for that, so it is leased here, and released again when it
 * cannot be plugged in. Only one process attaches for a guest at a time, or two could take the same free slot for theirs and be
 * served with the same VF.
 *
 * Killed before libvirt was asked, it leaves a lease without a device: the same line again finishes it, and so does an agent that
 * connects; `vfpool detach` ends it, and so does the guest's stop. Killed after that, it leaves a device, which the agent sees.
 */
#include "call.h"
#include "cli/cli.h"
#include "devices.h"
#include "domain-numa.h"
#include "guest.h"
#include "libvirt-plugin/attach.h"
#include "option.h"
#include "removal.h"

#define VLAN_MAX 4094
#define UNDO_WAIT_S 10

/* ---- The slot ---- */

/* The VF that the guest has in @slot, or NULL: none. */
static const char *
find_vf (const DomainXml *xml, GPtrArray *leases, const char *slot) {
  const VfpoolLease *lease = guest_find_lease (leases, slot);
  const char *address = lease ? vfpool_lease_get_address (lease) : "unknown to the ledger";

  return devices_find_slot (xml, slot) || (lease && devices_find_address (xml, address)) ? address : NULL;
}

/* The name of the first slot that the guest has neither a lease nor a device for. */
static char *
find_free_slot (const DomainXml *xml, GPtrArray *leases) {
  for (guint i = 0;; i++) {
    g_autofree char *name = g_strdup_printf ("slot%u", i);

    if (!guest_find_lease (leases, name) && !devices_find_slot (xml, name))
      return g_steal_pointer (&name);
  }
}

/* The slot's name, for g_free(); NULL with VFPOOL_ERROR_IN_USE when the guest has it already. */
static char *
choose_slot (const Call *call, const Guest *guest, const DomainXml *xml, GPtrArray *leases, GError **error) {
  const char *vf = call->slot_option ? find_vf (xml, leases, call->slot_option) : NULL;

  if (!call->slot_option)
    return find_free_slot (xml, leases);
  if (!vf)
    return g_strdup (call->slot_option);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE,
               "guest %s has a device in slot '%s' already (VF %s): choose another slot, or `vfpool detach` it first",
               guest->name, call->slot_option, vf);
  return NULL;
}

/* ---- The lease ---- */

static GPtrArray *
acquire (const Call *call, Vfpool *vfpool, const Guest *guest, const DomainXml *xml, const char *slot, GError **error) {
  g_autoptr (VfpoolRequest) request = NULL;
  int vlan = VFPOOL_VLAN_UNSET;

  if (!option_read_number ("vlan", call->vlan, "VLAN", 0, VLAN_MAX, &vlan, error))
    return NULL;
  request = vfpool_request_new (VFPOOL_GUEST_LIBVIRT, guest->uuid, virDomainGetName (guest->domain), error);
  if (!request || !vfpool_request_add_pool (request, slot, call->pool, call->mac, vlan, error))
    return NULL;
  domain_numa_read (request, domain_xml_root (xml));
  return vfpool_acquire (vfpool, request, error);
}

/* ---- Plugging in ---- */

/* What is leased and was not plugged in goes back; what was (a pool can hand out several together) is taken out first. */
static void
undo (Vfpool *vfpool, const Guest *guest, GPtrArray *leases) {
  g_autoptr (DomainXml) xml = guest_get_xml (guest, 0, NULL);

  for (guint i = 0; i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);
    const xmlNode *device = xml ? devices_find_slot (xml, vfpool_lease_get_slot (lease)) : NULL;
    g_autofree char *alias = device ? devices_get_alias (device) : NULL;
    g_autoptr (GError) local = NULL;

    if ((alias && !removal_wait (guest, alias, UNDO_WAIT_S, &local)) || !vfpool_release_lease (vfpool, lease, &local))
      call_warn ("guest %s keeps VF %s as slot '%s': %s", guest->name, vfpool_lease_get_address (lease),
                 vfpool_lease_get_slot (lease), local->message);
  }
}

static gboolean
attach_all (Vfpool *vfpool, const Guest *guest, GPtrArray *leases, GError **error) {
  for (guint i = 0; i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);
    gboolean attached;

    if (attach_lease (guest->domain, lease, &attached, error))
      continue;
    g_prefix_error (error, "guest %s was not given VF %s: ", guest->name, vfpool_lease_get_address (lease));
    undo (vfpool, guest, leases);
    return FALSE;
  }
  return TRUE;
}

static gboolean
print_addresses (GPtrArray *leases, GError **error) {
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < leases->len; i++)
    g_string_append_printf (text, "%s\n", vfpool_lease_get_address (g_ptr_array_index (leases, i)));
  return cli_print (text->str, error);
}

gboolean
verb_attach (const Call *call, GError **error) {
  g_autoptr (Vfpool) vfpool = call_open (call, error);
  g_auto (Guest) guest = { 0 };
  g_autoptr (DomainXml) xml = NULL;
  g_autoptr (GPtrArray) held = NULL, leases = NULL;
  g_autofree char *slot = NULL;

  if (!vfpool || !guest_open (&guest, call->guest, error) || !guest_hold (&guest, call->root, error)
      || !guest_check_active (&guest, "`vfpool request add` has it ask for a VF at each start", error)
      || !(xml = guest_get_xml (&guest, 0, error)) || !(held = guest_get_leases (&guest, vfpool, error))
      || !(slot = choose_slot (call, &guest, xml, held, error)))
    return FALSE;
  leases = acquire (call, vfpool, &guest, xml, slot, error);
  if (!leases) {
    g_prefix_error (error, "guest %s: ", guest.name);
    return FALSE;
  }
  return attach_all (vfpool, &guest, leases, error) && print_addresses (leases, error);
}
