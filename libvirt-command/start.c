/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `vfpool start`: libvirt starts the guest with its processors halted, the hook leases on the way as at any start, the VFs are
 * plugged in, and only then the processors run. So the firmware finds the devices as if they had been built in, which no
 * hot-plug after the start can promise.
 *
 * While this runs, others see that it attaches for this guest, so the hook lets the guest through without an agent. An agent that
 * runs hears of the start too, and attaches as well: who comes second finds the device there.
 *
 * Killed in the middle, it leaves a guest that is paused and has some of its VFs. Nobody resumes it by himself; the next `vfpool
 * start` does. Which pauses are meant for somebody else (a failed disk, a snapshot, a migration) libvirt tells by the reason.
 */
#include "call.h"
#include "devices.h"
#include "domain-request.h"
#include "failure.h"
#include "guest.h"
#include "libvirt-plugin/attach.h"

#include <libvirt/virterror.h>

/* ---- Attaching ---- */

static gboolean
attach_one (const Call *call, const Guest *guest, const VfpoolLease *lease, GError **error) {
  gboolean attached;

  if (!attach_lease (guest->domain, lease, &attached, error)) {
    g_prefix_error (error, "VF %s of its slot '%s' cannot be attached: ", vfpool_lease_get_address (lease),
                    vfpool_lease_get_slot (lease));
    return FALSE;
  }
  call_tell (call->verbose, "guest %s: VF %s is attached as slot '%s'", guest->name, vfpool_lease_get_address (lease),
             vfpool_lease_get_slot (lease));
  return TRUE;
}

/* A guest that asks for a pool and has no lease went past the hook. */
static gboolean
check_leased (const Guest *guest, guint n_leases, GError **error) {
  g_autoptr (DomainXml) xml = n_leases ? NULL : guest_get_xml (guest, 0, error);
  g_autoptr (VfpoolRequest) request = xml ? domain_request_new (xml, FALSE, error) : NULL;

  if (n_leases)
    return TRUE;
  if (!request || !vfpool_request_names_pool (request))
    return request != NULL;
  g_set_error_literal (
      error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND,
      "it asks for a pool, but libvirt has not run vfpool's hook: is /etc/libvirt/hooks/qemu.d/vfpool there, "
      "and was libvirt's daemon restarted since it was installed?");
  return FALSE;
}

static gboolean
attach_all (const Call *call, Vfpool *vfpool, const Guest *guest, GError **error) {
  g_autoptr (GPtrArray) leases = guest_get_leases (guest, vfpool, error);

  if (!leases || !check_leased (guest, leases->len, error))
    return FALSE;
  for (guint i = 0; i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);

    if (vfpool_lease_is_by_pool (lease) && vfpool_lease_get_state (lease) == VFPOOL_LEASE_ACTIVE
        && !attach_one (call, guest, lease, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
attach_and_resume (const Call *call, Vfpool *vfpool, const Guest *guest, GError **error) {
  return attach_all (call, vfpool, guest, error)
         && (virDomainResume (guest->domain) == 0 || failure_set (error, "it cannot be resumed"));
}

/* ---- Starting ---- */

/* The guest has not run: nothing is lost with it. The hook gives back what it leased; what is left then, because no hook ran,
 * is given back here, if it is still as it was read. */
static void
undo (Vfpool *vfpool, const Guest *guest) {
  g_autoptr (GError) local = NULL;
  g_autoptr (GPtrArray) leases = guest_get_leases (guest, vfpool, &local);

  if (virDomainDestroy (guest->domain) < 0 && virDomainIsActive (guest->domain) != 0) {
    call_warn ("guest %s could not be ended and stays paused: %s", guest->name, virGetLastErrorMessage ());
    return;
  }
  for (guint i = 0; leases && i < leases->len && !local; i++)
    vfpool_release_lease (vfpool, g_ptr_array_index (leases, i), &local);
  if (local)
    call_warn ("guest %s: %s", guest->name, local->message);
}

static gboolean
start_stopped (const Call *call, Vfpool *vfpool, const Guest *guest, GError **error) {
  if (virDomainCreateWithFlags (guest->domain, VIR_DOMAIN_START_PAUSED) < 0)
    return failure_set (error, "guest %s was not started", guest->name);
  if (attach_and_resume (call, vfpool, guest, error))
    return TRUE;
  undo (vfpool, guest);
  g_prefix_error (error, "guest %s was not started: ", guest->name);
  return FALSE;
}

static gboolean
start_paused (const Call *call, Vfpool *vfpool, const Guest *guest, int reason, GError **error) {
  if (reason != VIR_DOMAIN_PAUSED_USER && reason != VIR_DOMAIN_PAUSED_STARTING_UP
      && reason != VIR_DOMAIN_PAUSED_UNKNOWN) {
    g_set_error (
        error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE,
        "guest %s is paused, but neither by `vfpool start` nor by an operator: `virsh domstate --reason %s` says why",
        guest->name, guest->name);
    return FALSE;
  }
  if (attach_and_resume (call, vfpool, guest, error))
    return TRUE;
  g_prefix_error (error, "guest %s stays paused: ", guest->name);
  return FALSE;
}

gboolean
verb_start (const Call *call, GError **error) {
  g_autoptr (Vfpool) vfpool = call_open (call, error);
  g_auto (Guest) guest = { 0 };
  int state, reason;

  if (!vfpool || !guest_open (&guest, call->guest, error) || !guest_hold (&guest, call->root, error)
      || !guest_get_state (&guest, &state, &reason, error))
    return FALSE;
  if (state == VIR_DOMAIN_SHUTOFF || state == VIR_DOMAIN_CRASHED)
    return start_stopped (call, vfpool, &guest, error);
  if (state == VIR_DOMAIN_PAUSED)
    return start_paused (call, vfpool, &guest, reason, error);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE,
               "guest %s runs already: `vfpool attach` gives it a VF while it runs", guest.name);
  return FALSE;
}
