/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host snapshot from inside: what host.c, host-place.c and host-numa.c share. */
#pragma once

#include "host.h"

struct _VfpoolHost {
  char *root;
  GHashTable *functions; /* BDF -> VfpoolFunction, or NULL when there is none */
  GHashTable *places;    /* BDF of a PF -> VfpoolPlace; NULL: none was asked for yet */
  GArray *nodes;         /* see host-numa.c; NULL: not read yet */
};
