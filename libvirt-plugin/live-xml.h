/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The XML of a guest that runs, and of what is plugged into it: all that can be told without libvirt. */
#pragma once

#include "domain-xml.h"

/* What a device that vfpool plugs in for SLOT is called: this and SLOT. libvirt keeps "ua-" aliases as they were given. */
#define LIVE_XML_ALIAS_PREFIX "ua-vfpool-"

/* Whether it is the XML of a guest that runs, rather than that of one that may be started. */
gboolean live_xml_is_running (const DomainXml *xml);

/* Whether the guest has a device of this alias. */
gboolean live_xml_has_alias (const DomainXml *xml, const char *alias);

/* The alias of the interface that the slot @slot of the guest's request is paired with (its attribute `teaming`), for g_free();
 * NULL: none. */
char *live_xml_teaming (const DomainXml *xml, const char *slot);

/**
 * live_xml_hostdev: the XML that plugs in a function.
 * @bdf: its address, in vfpool's form
 * @alias: what it is called
 * @teaming: (nullable): the alias of the interface that it is paired with
 *
 * Returns: (transfer full): for g_free().
 */
char *live_xml_hostdev (const char *bdf, const char *alias, const char *teaming);
