/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI addresses as text: one spelling everywhere inside, so that comparing two is strcmp(). */
#pragma once

#include "private.h"

/**
 * vfpool_address_normalize:
 * @text: DDDD:BB:DD.F or BB:DD.F (domain 0000), hexadecimal of either case
 * @bdf: where the normal form is written: lower case, with domain
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT when @text is no PCI address.
 */
gboolean vfpool_address_normalize (const char *text, char bdf[VFPOOL_BDF_SIZE], GError **error);

/* Whether @text is a BDF in normal form. Cheap: it is asked of thousands in a row. */
gboolean vfpool_address_is_normal (const char *text);

/* Orders two BDFs in normal form by domain, bus, device, function: a GCompareFunc over `const char *`. */
int vfpool_address_compare (const char *a, const char *b);

/* A BDF in normal form as a number, which orders alike: cheaper to compare and to look up in a large table. */
guint64 vfpool_address_key (const char *bdf);
