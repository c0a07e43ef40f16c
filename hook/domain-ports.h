/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a libvirt domain has places for what will be plugged in. */
#pragma once

#include "domain-xml.h"

/**
 * domain_ports_check:
 * @xml: a domain as libvirt writes it at its start: all devices have their addresses
 * @wanted: how many devices will be plugged in
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT when it is certain that the domain has fewer free places than @wanted; the message has
 *   what to add.
 */
gboolean domain_ports_check (const DomainXml *xml, guint wanted, GError **error);
