/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The library is opened anew for each thing that is done: a configuration that was changed, or has only now been
 * written, holds from the next guest on, and one that is broken stops nothing but what needs it. It is complained about
 * once, until the complaint changes.
 */
#include "guests.h"

#include "attach.h"
#include "report.h"

#include <libvirt/virterror.h>
#include <string.h>

static void
G_GNUC_PRINTF (2, 3) say (VfpoolMessageLevel level, const char *format, ...) {
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  report_message (level, message, GINT_TO_POINTER (TRUE));
}

static Vfpool *
open_library (void) {
  static char *last_complaint;
  g_autoptr (GError) error = NULL;
  Vfpool *vfpool = vfpool_open (NULL, report_message, GINT_TO_POINTER (TRUE), &error);

  if (vfpool) {
    g_clear_pointer (&last_complaint, g_free);
    return vfpool;
  }
  if (g_strcmp0 (last_complaint, error->message) != 0)
    say (VFPOOL_MESSAGE_WARNING, "%s; until then no VF is attached or released by the agent", error->message);
  g_free (last_complaint);
  last_complaint = g_strdup (error->message);
  return NULL;
}

/* The leases of @domain, or NULL when there are none or they cannot be read, which is logged. */
static GPtrArray *
leases_of (Vfpool *vfpool, virDomainPtr domain) {
  g_autoptr (GPtrArray) leases = NULL;
  g_autoptr (GError) error = NULL;
  char uuid[VIR_UUID_STRING_BUFLEN];

  if (!vfpool || virDomainGetUUIDString (domain, uuid) < 0)
    return NULL;
  leases = vfpool_guest_leases (vfpool, VFPOOL_GUEST_LIBVIRT, uuid, &error);
  if (!leases)
    say (VFPOOL_MESSAGE_WARNING, "guest %s: its leases cannot be read: %s", virDomainGetName (domain), error->message);
  return leases && leases->len ? g_steal_pointer (&leases) : NULL;
}

/* ---- Started ---- */

static void
attach_one (virDomainPtr domain, const VfpoolLease *lease) {
  const char *name = virDomainGetName (domain);
  g_autoptr (GError) error = NULL;
  gboolean attached;

  if (attach_lease (domain, lease, &attached, &error)) {
    if (attached)
      say (VFPOOL_MESSAGE_INFO, "guest %s: attached VF %s as slot '%s'", name, vfpool_lease_get_address (lease),
           vfpool_lease_get_slot (lease));
    return;
  }
  /* A guest that has stopped meanwhile needs no device. */
  if (virDomainIsActive (domain) == 1)
    say (VFPOOL_MESSAGE_WARNING, "guest %s runs without VF %s of its slot '%s', which cannot be attached: %s", name,
         vfpool_lease_get_address (lease), vfpool_lease_get_slot (lease), error->message);
}

void
guests_attach (virDomainPtr domain) {
  g_autoptr (Vfpool) vfpool = open_library ();
  g_autoptr (GPtrArray) leases = leases_of (vfpool, domain);

  for (guint i = 0; leases && i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);

    if (vfpool_lease_is_by_pool (lease) && vfpool_lease_get_state (lease) == VFPOOL_LEASE_ACTIVE)
      attach_one (domain, lease);
  }
}

/* ---- Stopped ---- */

/* Asked of libvirt now; a guest that it does not know (a transient one that has ended) does not run. When libvirt
 * cannot answer, the guest is taken to run: what is not released now is found by the next reconcile. */
static gboolean
runs (virDomainPtr domain) {
  virDomainPtr found = NULL;
  unsigned char uuid[VIR_UUID_BUFLEN];
  int active;

  if (virDomainGetUUID (domain, uuid) < 0)
    return TRUE;
  found = virDomainLookupByUUID (virDomainGetConnect (domain), uuid);
  if (!found)
    return virGetLastErrorCode () != VIR_ERR_NO_DOMAIN;
  active = virDomainIsActive (found);
  if (active < 0)
    active = virGetLastErrorCode () != VIR_ERR_NO_DOMAIN;
  virDomainFree (found);
  return active != 0;
}

static void
release_one (Vfpool *vfpool, virDomainPtr domain, const VfpoolLease *lease) {
  g_autoptr (GError) error = NULL;

  if (vfpool_release_lease (vfpool, lease, &error))
    return;
  /* The hook of the same stop may be at it right now. */
  if (g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY))
    say (VFPOOL_MESSAGE_INFO, "guest %s: %s", virDomainGetName (domain), error->message);
  else
    say (VFPOOL_MESSAGE_WARNING, "guest %s has stopped, but its VF %s cannot be released: %s",
         virDomainGetName (domain), vfpool_lease_get_address (lease), error->message);
}

/* The order matters. The leases are read first, then libvirt is asked: if the guest has started again in between, the
 * hook has acquired its leases anew, and vfpool_release_lease() leaves alone what is not the lease that was read. */
void
guests_release (virDomainPtr domain) {
  g_autoptr (Vfpool) vfpool = open_library ();
  g_autoptr (GPtrArray) leases = leases_of (vfpool, domain);

  if (!leases || runs (domain))
    return;
  for (guint i = 0; i < leases->len; i++)
    release_one (vfpool, domain, g_ptr_array_index (leases, i));
}

void
guests_reconcile (void) {
  g_autoptr (Vfpool) vfpool = open_library ();
  g_autoptr (GError) error = NULL;

  if (vfpool && !vfpool_reconcile (vfpool, &error))
    say (VFPOOL_MESSAGE_WARNING, "not everything could be reconciled: %s", error->message);
}
