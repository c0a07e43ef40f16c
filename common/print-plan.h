/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan on its way from a program that reads a hypervisor's configuration to `vfpool plan`, which shows it. */
#pragma once

#include <glib.h>

/**
 * print_plan: writes @plan (of vfpool_plan()) to stdout as GVariant's text with types, for g_variant_parse().
 *
 * Returns: FALSE with VFPOOL_ERROR_KERNEL when not all of it could be written.
 */
gboolean print_plan (GVariant *plan, GError **error);
