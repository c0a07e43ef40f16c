/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration that the library reads and the model knows. Pools are made of a few fixed units, each in one pool at
 * most, as `vfpool check` demands.
 */
#pragma once

#include "machine.h"

#define N_UNITS 5
#define N_POOLS 4
#define NO_POOL (-1)

extern const char *const pool_names[N_POOLS];

typedef struct {
  int pool_of_unit[N_UNITS]; /* or NO_POOL */
  int order[N_UNITS];        /* in which units stand in their pools */
  VfpoolPark parks[N_PFS];
  int numvfs[N_PFS]; /* -1: left out */
  int start_grace;   /* seconds */
  int release_wait;  /* seconds */
} PoolConfig;

/* Chooses all of it anew, or only the parts that an operator would change at one time. */
void config_choose (PoolConfig *self, GRand *random);
void config_change (PoolConfig *self, GRand *random);
char *config_to_text (const PoolConfig *self);

/* The functions of a pool in the order in which they are tried, whether they exist or not; the number of them. */
int config_members (const PoolConfig *self, int pool, int members[N_FUNCTIONS]);
gboolean config_has_pool (const PoolConfig *self, int pool);
int config_pool_of (const PoolConfig *self, int function); /* or NO_POOL */
VfpoolPark config_park_of (const PoolConfig *self, int function);
