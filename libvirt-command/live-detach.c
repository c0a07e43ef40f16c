/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `vfpool detach`: a VF of a guest that runs goes back. The lease ends only when the guest has let go of the device; until then the VF
 * is the guest's, whatever was asked. The agent hears of it as well and releases, too: the lease is released as it was read
 * here, so whoever comes second does nothing, also when the guest has got another VF for the slot by then.
 *
 * Killed in the middle, it leaves what the guest makes of the request: it keeps the VF, or the agent releases it; the same line
 * again releases what no device is left of.
 */
#include "call.h"
#include "devices.h"
#include "guest.h"
#include "option.h"
#include "removal.h"

#define WAIT_DEFAULT_S 30
#define WAIT_MAX_S 3600

/* "net0, net1": what the guest has. */
static char *
list_slots (GPtrArray *leases) {
  g_autoptr (GString) list = g_string_new (NULL);

  for (guint i = 0; i < leases->len; i++)
    g_string_append_printf (list, "%s'%s'", list->len ? ", " : "",
                            vfpool_lease_get_slot (g_ptr_array_index (leases, i)));
  return g_string_free (g_steal_pointer (&list), FALSE);
}

static const VfpoolLease *
find_lease (const Call *call, const Guest *guest, GPtrArray *leases, GError **error) {
  const VfpoolLease *lease = guest_find_lease (leases, call->slot);
  g_autofree char *slots = lease ? NULL : list_slots (leases);

  if (lease)
    return lease;
  if (leases->len)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND, "guest %s has no VF in slot '%s', but in %s", guest->name,
                 call->slot, slots);
  else
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND, "guest %s has no VF that vfpool leased to it",
                 guest->name);
  return NULL;
}

static gboolean
take_out (const Call *call, const Guest *guest, const VfpoolLease *lease, int seconds, GError **error) {
  g_autoptr (DomainXml) xml = guest_get_xml (guest, 0, error);
  const xmlNode *device = xml ? devices_find_address (xml, vfpool_lease_get_address (lease)) : NULL;
  g_autofree char *alias = device ? devices_get_alias (device) : NULL;

  if (!xml)
    return FALSE;
  if (!device) {
    call_tell (call->verbose, "guest %s has no device for VF %s: its lease ends", guest->name,
               vfpool_lease_get_address (lease));
    return TRUE;
  }
  if (alias)
    return removal_wait (guest, alias, seconds, error);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL,
               "libvirt shows no alias of the device of guest %s with VF %s: look at `virsh dumpxml`", guest->name,
               vfpool_lease_get_address (lease));
  return FALSE;
}

gboolean
verb_detach (const Call *call, GError **error) {
  g_autoptr (Vfpool) vfpool = NULL;
  g_auto (Guest) guest = { 0 };
  g_autoptr (GPtrArray) leases = NULL;
  const VfpoolLease *lease;
  int seconds = WAIT_DEFAULT_S;

  if (!option_read_number ("wait", call->wait, "number of seconds", 1, WAIT_MAX_S, &seconds, error)
      || !(vfpool = call_open (call, error)) || !guest_open (&guest, call->guest, error)
      || !guest_check_active (&guest, "what it holds, it gives back when it stops", error)
      || !(leases = guest_get_leases (&guest, vfpool, error)) || !(lease = find_lease (call, &guest, leases, error))
      || !take_out (call, &guest, lease, seconds, error))
    return FALSE;
  if (vfpool_release_lease (vfpool, lease, error))
    return TRUE;
  g_prefix_error (error, "guest %s has let go of VF %s, which cannot be released: ", guest.name,
                  vfpool_lease_get_address (lease));
  return FALSE;
}
