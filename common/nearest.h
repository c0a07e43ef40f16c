/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The known word that a mistyped one most likely was meant to be. */
#pragma once

/* Returns: the entry of @known (ends with NULL, not empty, no word longer than 31 bytes) with the smallest edit
 * distance to
 * @word, without regard to case; the first of several. */
const char *vfpool_nearest_word (const char *word, const char *const *known);
