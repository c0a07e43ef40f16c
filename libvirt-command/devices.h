/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host devices in a guest's XML. */
#pragma once

#include "domain-xml.h"

/* The device that has the alias of vfpool's @slot, or NULL. */
const xmlNode *devices_find_slot (const DomainXml *xml, const char *slot);

/* The host device at the host's PCI address @bdf, or NULL. */
const xmlNode *devices_find_address (const DomainXml *xml, const char *bdf);

/* The alias of @device, for g_free(), or NULL. */
char *devices_get_alias (const xmlNode *device);

/* "ua-vfpool-SLOT", for g_free(): the alias of a device that vfpool plugged in or filled in. */
char *devices_alias_of_slot (const char *slot);
