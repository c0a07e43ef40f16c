/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where on the host a libvirt domain lives. */
#pragma once

#include "domain-xml.h"
#include "vfpool.h"

/**
 * domain_numa_read: tells @request the host's NUMA nodes that the domain's memory is bound to, or else the host's CPUs that
 * its virtual CPUs are pinned to, as far as the domain says so.
 * @domain: its root element
 */
void domain_numa_read (VfpoolRequest *request, const xmlNode *domain);
