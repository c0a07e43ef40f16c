/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system's libvirt alone is asked: who attaches devices of the host has to be its master. A guest may be called like another
 * one's UUID; the UUID goes first, since it is what vfpool itself knows guests by.
 */
#include "guest.h"

#include "attacher.h"
#include "failure.h"
#include "printable.h"

#include <errno.h>
#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

#define URI "qemu:///system" /* libvirtd's or virtqemud's socket, whichever there is */

#define HOLD_STEP_US (100 * 1000)
#define HOLD_MAX_US (60 * G_USEC_PER_SEC) /* a start takes seconds, and half a minute more where libvirt is busy */

static gboolean
refuse_connection (GError **error) {
  const virError *failure = virGetLastError ();
  gboolean is_denied =
      failure && failure->code == VIR_ERR_SYSTEM_ERROR && (failure->int1 == EACCES || failure->int1 == EPERM);

  failure_set (error, "libvirt cannot be reached at " URI);
  /* That nothing answers is neither the guest's nor the kernel's refusal. */
  if (error && *error && (*error)->code != VFPOOL_ERROR_DENIED)
    (*error)->code = is_denied ? VFPOOL_ERROR_DENIED : VFPOOL_ERROR_NOT_FOUND;
  return FALSE;
}

static virDomainPtr
find (virConnectPtr libvirt, const char *text) {
  virDomainPtr domain = g_uuid_string_is_valid (text) ? virDomainLookupByUUIDString (libvirt, text) : NULL;

  return domain ? domain : virDomainLookupByName (libvirt, text);
}

gboolean
guest_open (Guest *self, const char *text, GError **error) {
  g_autofree char *shown = printable_copy (text, 80);

  if (!(self->libvirt = virConnectOpen (URI)))
    return refuse_connection (error);
  self->domain = find (self->libvirt, text);
  if (!self->domain && virGetLastErrorCode () == VIR_ERR_NO_DOMAIN) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND,
                 "libvirt knows no guest '%s': expected a name or a UUID that `virsh list --all` shows", shown);
    return FALSE;
  }
  if (!self->domain || virDomainGetUUIDString (self->domain, self->uuid) < 0)
    return failure_set (error, "guest '%s' cannot be looked up", shown);
  self->name = printable_copy (virDomainGetName (self->domain), 80);
  return TRUE;
}

void
guest_clear (Guest *self) {
  if (self->domain)
    virDomainFree (self->domain);
  if (self->libvirt)
    virConnectClose (self->libvirt);
  g_free (self->name);
}

gboolean
guest_hold (const Guest *self, const char *root, GError **error) {
  for (gint64 waited = 0;; waited += HOLD_STEP_US) {
    g_autoptr (GError) local = NULL;

    if (attacher_hold (root, self->uuid, &local))
      return TRUE;
    if (waited >= HOLD_MAX_US || !g_error_matches (local, VFPOOL_ERROR, VFPOOL_ERROR_BUSY)) {
      g_propagate_prefixed_error (error, g_steal_pointer (&local), "guest %s: ", self->name);
      return FALSE;
    }
    g_usleep (HOLD_STEP_US);
  }
}

gboolean
guest_get_state (const Guest *self, int *state, int *reason, GError **error) {
  return virDomainGetState (self->domain, state, reason, 0) == 0
         || failure_set (error, "the state of guest %s cannot be told", self->name);
}

gboolean
guest_check_active (const Guest *self, const char *advice, GError **error) {
  switch (virDomainIsActive (self->domain)) {
  case 1:
    return TRUE;
  case 0:
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND, "guest %s does not run: %s", self->name, advice);
    return FALSE;
  default:
    return failure_set (error, "the state of guest %s cannot be told", self->name);
  }
}

DomainXml *
guest_get_xml (const Guest *self, unsigned int flags, GError **error) {
  char *text = virDomainGetXMLDesc (self->domain, flags);
  DomainXml *xml = text ? domain_xml_parse (text, strlen (text), error) : NULL;

  if (!text)
    failure_set (error, "the XML of guest %s cannot be read", self->name);
  else if (!xml)
    g_prefix_error (error, "guest %s: ", self->name);
  free (text);
  return xml;
}

GPtrArray *
guest_get_leases (const Guest *self, Vfpool *vfpool, GError **error) {
  GPtrArray *leases = vfpool_guest_leases (vfpool, VFPOOL_GUEST_LIBVIRT, self->uuid, error);

  if (!leases)
    g_prefix_error (error, "the leases of guest %s cannot be read: ", self->name);
  return leases;
}

const VfpoolLease *
guest_find_lease (GPtrArray *leases, const char *slot) {
  for (guint i = 0; i < leases->len; i++)
    if (strcmp (vfpool_lease_get_slot (g_ptr_array_index (leases, i)), slot) == 0)
      return g_ptr_array_index (leases, i);
  return NULL;
}
