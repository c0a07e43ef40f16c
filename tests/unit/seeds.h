/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cases made at random: some that are the same in every run, and as many new ones. What a case is made of follows from its seed
 * alone, which is told when it fails: TEST_SEED=N in the environment runs that one and no other.
 */
#pragma once

#include <glib.h>

/* Makes a case by @random and tries it. Returns: what is wrong, for g_free(), or NULL. */
typedef char *(*SeededCase) (GRand *random);

/* Asserts that @n fixed cases and @n new ones are good. */
void assert_all_seeds (SeededCase try_case, guint n);
