/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PCI devices of the host that stand in a domain's XML. */
#pragma once

#include "domain-xml.h"
#include "vfpool.h"

/* A device that vfpool plugged in, or whose address it changed, has this before the name of its slot as its alias. */
#define DOMAIN_ALIAS_PREFIX "ua-vfpool-"

/* One <hostdev>, or <interface type='hostdev'>. */
typedef struct {
  xmlNode *node;
  xmlNode *address; /* the element in its <source> */
  gboolean is_interface;
  char *bdf;
  char *slot;       /* what the guest calls it */
  gboolean is_ours; /* it has our alias: its slot may be one of the metadata */
} DomainDevice;

/**
 * domain_devices_read:
 * @xml: a domain
 *
 * Returns: (transfer full) (element-type DomainDevice): its PCI host devices, <hostdev> before <interface>; valid as long as
 *   @xml, for g_ptr_array_unref(); NULL: VFPOOL_ERROR_BAD_INPUT.
 */
GPtrArray *domain_devices_read (const DomainXml *xml, GError **error);

void domain_device_free (DomainDevice *self);

/**
 * domain_devices_rewrite: makes each host device that stands for a lease the one that is leased.
 * @leases: (element-type VfpoolLease): found by the slots of the devices
 * @changed: (out): whether any was another one before. Such a device has an alias then from which its slot is known as before.
 *
 * Returns: FALSE with VFPOOL_ERROR_NO_FREE_VF when the guest has a device that came together with another one, and fewer come
 *   together here; VFPOOL_ERROR_BAD_INPUT.
 */
gboolean domain_devices_rewrite (DomainXml *xml, const GPtrArray *leases, gboolean *changed, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DomainDevice, domain_device_free)
