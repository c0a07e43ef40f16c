/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A libvirt guest, as it was named on the command line. */
#pragma once

#include "domain-xml.h"
#include "vfpool.h"

#include <libvirt/libvirt.h>

typedef struct {
  virConnectPtr libvirt;
  virDomainPtr domain;
  char uuid[VIR_UUID_STRING_BUFLEN];
  char *name; /* without anything that could break a line */
} Guest;

/**
 * guest_open: connects to libvirt and finds the guest.
 * @text: its name or UUID
 *
 * Returns: FALSE with VFPOOL_ERROR_NOT_FOUND (libvirt cannot be reached, or does not know it), VFPOOL_ERROR_DENIED.
 */
gboolean guest_open (Guest *self, const char *text, GError **error);
void guest_clear (Guest *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Guest, guest_clear)

/**
 * guest_hold: has others see that this process attaches for the guest, until it ends; waits while another one does.
 * @root: (nullable): as for vfpool_open()
 *
 * Returns: FALSE with VFPOOL_ERROR_BUSY, or as attacher_hold().
 */
gboolean guest_hold (const Guest *self, const char *root, GError **error);

/* Its state, a virDomainState, and the reason for it; FALSE: @error is set. */
gboolean guest_get_state (const Guest *self, int *state, int *reason, GError **error);

/* Whether it runs or is paused; FALSE with VFPOOL_ERROR_NOT_FOUND when not, the sentence ending in @advice. */
gboolean guest_check_active (const Guest *self, const char *advice, GError **error);

/* Its XML, for domain_xml_free(); @flags as for virDomainGetXMLDesc(). NULL: @error is set. */
DomainXml *guest_get_xml (const Guest *self, unsigned int flags, GError **error);

/* Its leases, as vfpool_guest_leases(). */
GPtrArray *guest_get_leases (const Guest *self, Vfpool *vfpool, GError **error);

/* Of @leases the one for @slot; NULL: there is none. */
const VfpoolLease *guest_find_lease (GPtrArray *leases, const char *slot);
