/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is preferred where several VFs would do. A pool has a policy; a request may want another for itself.
 *
 *   key            word              meaning
 *   numa           required          only VFs on one of the guest's NUMA nodes; one whose node is unknown is none of them
 *                  socket            only VFs on the socket (processor package) of one of the guest's nodes, those on the node
 *                                    itself first; one whose node is unknown is none of them
 *                  preferred         the guest's nodes first, then their sockets, then VFs whose node is unknown, then the rest
 *                  ignore            any VF alike
 *   placement      spread            the PF, port and link with the fewest VFs handed out first
 *                  pack              those with the most first, so that others stay empty
 *   anti-affinity  none              VFs of one guest may lie anywhere
 *                  pf, card          no two VFs of this pool that one guest has are of one PF, or of one card
 *                  pf-preferred,     as far as it goes
 *                  card-preferred
 *
 * A guest that names no nodes has those of the pool (numa-nodes=); without either, NUMA is not looked at. On a host with one
 * node, everything is on that node.
 */
#pragma once

#include <glib.h>

#define VFPOOL_POLICY_UNSET (-1) /* of any part: the pool's */

typedef enum {
  VFPOOL_NUMA_REQUIRED,
  VFPOOL_NUMA_SOCKET,
  VFPOOL_NUMA_PREFERRED,
  VFPOOL_NUMA_IGNORE,
} VfpoolNumaPolicy;

typedef enum {
  VFPOOL_PLACEMENT_SPREAD,
  VFPOOL_PLACEMENT_PACK,
} VfpoolPlacement;

typedef enum {
  VFPOOL_ANTI_AFFINITY_NONE,
  VFPOOL_ANTI_AFFINITY_PF,
  VFPOOL_ANTI_AFFINITY_CARD,
  VFPOOL_ANTI_AFFINITY_PF_PREFERRED,
  VFPOOL_ANTI_AFFINITY_CARD_PREFERRED,
} VfpoolAntiAffinity;

/* Of each part the value as above, or VFPOOL_POLICY_UNSET. */
typedef struct {
  int numa;
  int placement;
  int anti_affinity;
} VfpoolPolicy;

extern const VfpoolPolicy vfpool_policy_default, vfpool_policy_unset;

/**
 * vfpool_policy_set: sets the part @key to @word.
 * @problem: (out): what is wrong, as a sentence without its beginning ("expected ..."), for g_free()
 *
 * Returns: FALSE when there is no such key or word.
 */
gboolean vfpool_policy_set (VfpoolPolicy *self, const char *key, const char *word, char **problem);
/* The word for the part @key, as it is written. */
const char *vfpool_policy_get (const VfpoolPolicy *self, const char *key);
/* @self with what is unset in it taken from @base. */
VfpoolPolicy vfpool_policy_over (const VfpoolPolicy *self, const VfpoolPolicy *base);
