/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the library's answers for display are put together (status.c, plan.c). */
#pragma once

#include "private.h"

/* Adds an entry to a dictionary (a{sv}). Takes a floating @value. */
void vfpool_variant_add (GVariantBuilder *dict, const char *key, GVariant *value);

/* @text as a "ms", nothing for NULL. A process's name, and a guest's that was found on its command line, may be any bytes; a
 * GVariant takes UTF-8 only. */
GVariant *vfpool_variant_text (const char *text);
