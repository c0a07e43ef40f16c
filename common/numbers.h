/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set of small numbers (VF indexes, host CPUs, NUMA nodes), written as the kernel and libvirt write them: "0-3,8". Ranges stay
 * ranges, so that no number in a file decides how much memory is taken.
 */
#pragma once

#include <glib.h>

#define VFPOOL_NUMBERS_MAX 65535 /* the largest number that one can hold */

typedef GArray VfpoolNumbers; /* of guint, in pairs first, last (inclusive), ascending, none touching another */

/**
 * vfpool_numbers_parse:
 * @text: numbers and ranges, separated by commas; "^N" and "^N-M" take away from what stands before them, as libvirt has it
 *
 * Returns: (transfer full): for vfpool_numbers_free(); NULL: it is no such list, or the set is empty; @wrong is the part that makes no
 *   sense then, for g_free(), "" for an empty set.
 */
VfpoolNumbers *vfpool_numbers_parse (const char *text, char **wrong);
VfpoolNumbers *vfpool_numbers_new (void);
VfpoolNumbers *vfpool_numbers_copy (const VfpoolNumbers *self);
void vfpool_numbers_free (VfpoolNumbers *self);

void vfpool_numbers_add (VfpoolNumbers *self, guint first, guint last);
/* Adds all that are in @other. */
void vfpool_numbers_add_all (VfpoolNumbers *self, const VfpoolNumbers *other);
gboolean vfpool_numbers_contain (const VfpoolNumbers *self, guint number);
/* Whether any number is in both. */
gboolean vfpool_numbers_meet (const VfpoolNumbers *self, const VfpoolNumbers *other);
/* As it would be written, for g_free(). */
char *vfpool_numbers_to_string (const VfpoolNumbers *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VfpoolNumbers, vfpool_numbers_free)
