/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A little host, written as text, for the choice to choose from. Parts are separated by ';', words by blanks.
 *
 *   functions  ADDRESS GROUP DRIVER [WORD ...]: a member of the pool "lan"; words:
 *              x (no member, only a neighbour), bridge (likewise), bridge-member, pf (has VFs), whole (no VF), host (used by the host),
 *              open (its group is), nN (NUMA node), PN (PF 0000:0N:00.0), RN (port), CN (card), LN (link), san (member of "san" instead)
 *   facts      lease ADDRESS GUEST SLOT STATE [POOL]; had ADDRESS GUEST SLOT [SEEN]; cordon ADDRESS [REASON]
 *   pool       KEY=VALUE of the pools' policy, nodes=N, quota=N, sticky=no, together=yes, keep=GUEST:N, keep=GUEST:ADDRESS
 *   slots      pool (of "lan"), san, all (whole devices of "lan"), or an address; "@N" behind it: the guest's node for this slot;
 *              "pool>ADDRESS": rather that one
 *
 * The guest that asks is manual/me, its slots are s0, s1 ... A VF of PF n hangs on port, card and link n where nothing else is said.
 */
#pragma once

#include "choice.h"

typedef struct {
  GPtrArray *functions, *lan, *san, *leases, *assignments, *cordons, *places, *sets;
  GHashTable *by_address; /* places of all VFs, as the snapshot has them */
  GArray *choices;
  VfpoolPool pools[2]; /* lan, san */
  VfpoolRequest *request;
  VfpoolSituation situation;
} World;

World *world_new (const char *functions, const char *facts, const char *pool, const char *slots);
void world_free (World *self);

/* The parts of a world, for who builds it by numbers; owned by the world. */
VfpoolFunction *world_add_function (World *self, const char *address, int group, const char *driver, const char *words);
void world_add_fact (World *self, const char *fact);
void world_add_slot (World *self, const char *slot);
/* To be called when all is added. */
void world_finish (World *self);

/* The chosen addresses by slot, separated by blanks, those that go with one behind it as "+ADDRESS"; or the error's message. */
char *world_choose (World *self, gboolean *ok);

/* Fails when one of the @n cases in @table, each of @size bytes, is not good; @is_good tells of each what is wrong. */
void assert_all_good (gconstpointer table, guint n, gsize size, gboolean (*is_good) (gconstpointer one));

G_DEFINE_AUTOPTR_CLEANUP_FUNC (World, world_free)
