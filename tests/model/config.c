/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See config.h. */
#include "config.h"

#include <string.h>

const char *const pool_names[N_POOLS] = { "lan", "wan", "disk", "spare" };

/* What can be a member: functions first to last of the table, and how the configuration writes it. */
static const struct {
  const char *member;
  int first, last;
} units[N_UNITS] = {
  { "pf=0000:01:00.0 vfs=0-2", 0, 2 }, { "pf=0000:01:00.0 vfs=3,4-5", 3, 5 }, { "pf=0000:02:00.0", 6, 9 },
  { "pf=0000:03:00.0", 10, 12 },       { "address=0000:04:00.0", 13, 13 },
};

static int
choose_pool (GRand *random) {
  /* Few pools rather than many: what lies in no pool, or alone, meets nobody. */
  return g_rand_int_range (random, 0, 8) == 0 ? NO_POOL : g_rand_int_range (random, 0, N_POOLS - 1);
}

static void
choose_order (PoolConfig *self, GRand *random) {
  for (int i = 0; i < N_UNITS; i++)
    self->order[i] = i;
  for (int i = N_UNITS - 1; i > 0; i--) {
    int k = g_rand_int_range (random, 0, i + 1), kept = self->order[i];
    self->order[i] = self->order[k];
    self->order[k] = kept;
  }
}

static int
choose_numvfs (GRand *random, int pf) {
  switch (g_rand_int_range (random, 0, 4)) {
  case 0:
    return -1;
  case 1:
    return g_rand_int_range (random, 0, pf_places[pf].totalvfs + 1);
  default:
    return pf_places[pf].totalvfs;
  }
}

static int
choose_release_wait (GRand *random) {
  static const int seconds[] = { 0, 2, 10 };

  return seconds[g_rand_int_range (random, 0, G_N_ELEMENTS (seconds))];
}

void
config_choose (PoolConfig *self, GRand *random) {
  for (int u = 0; u < N_UNITS; u++)
    self->pool_of_unit[u] = choose_pool (random);
  choose_order (self, random);
  for (int pf = 0; pf < N_PFS; pf++) {
    self->parks[pf] = (VfpoolPark)g_rand_int_range (random, 0, 3);
    self->numvfs[pf] = choose_numvfs (random, pf);
  }
  self->start_grace = g_rand_boolean (random) ? 0 : 60;
  self->release_wait = choose_release_wait (random);
}

/* A pool gets another name: as if it were removed, and another one made of its members. */
static void
rename_pool (PoolConfig *self, GRand *random) {
  int from = g_rand_int_range (random, 0, N_POOLS), to = g_rand_int_range (random, 0, N_POOLS);

  for (int u = 0; u < N_UNITS; u++)
    if (self->pool_of_unit[u] == from)
      self->pool_of_unit[u] = to;
}

void
config_change (PoolConfig *self, GRand *random) {
  int pf = g_rand_int_range (random, 0, N_PFS), unit = g_rand_int_range (random, 0, N_UNITS);

  switch (g_rand_int_range (random, 0, 8)) {
  case 0:
    rename_pool (self, random);
    break;
  case 1:
  case 2:
    self->pool_of_unit[unit] = choose_pool (random);
    break;
  case 3:
    choose_order (self, random);
    break;
  case 4:
    self->numvfs[pf] = choose_numvfs (random, pf);
    break;
  case 5:
    self->start_grace = self->start_grace ? 0 : 60;
    break;
  case 6:
    self->release_wait = choose_release_wait (random);
    break;
  default:
    self->parks[pf] = (VfpoolPark)g_rand_int_range (random, 0, 3);
  }
}

char *
config_to_text (const PoolConfig *self) {
  static const char *const parks[] = { "vfio", "host", "none" };
  GString *text = g_string_new (NULL);

  for (int pf = 0; pf < N_PFS; pf++) {
    g_string_append_printf (text, "[pf %s]\npark=%s\n", pf_places[pf].address, parks[self->parks[pf]]);
    if (self->numvfs[pf] >= 0)
      g_string_append_printf (text, "numvfs=%d\n", self->numvfs[pf]);
  }
  for (int pool = 0; pool < N_POOLS; pool++) {
    if (!config_has_pool (self, pool))
      continue;
    g_string_append_printf (text, "[pool %s]\nmembers=", pool_names[pool]);
    for (int i = 0; i < N_UNITS; i++)
      if (self->pool_of_unit[self->order[i]] == pool)
        g_string_append_printf (text, "%s; ", units[self->order[i]].member);
    /* What is remembered would have to be foretold through every crash, too; tests/unit and the bench have that. */
    g_string_append (text, "\nsticky=no\nmac=keep\n");
  }
  g_string_append_printf (text, "[vfpool]\nstart-grace=%d\nrelease-wait=%d\n", self->start_grace, self->release_wait);
  return g_string_free (text, FALSE);
}

int
config_members (const PoolConfig *self, int pool, int members[N_FUNCTIONS]) {
  int n = 0;

  for (int i = 0; i < N_UNITS; i++)
    if (self->pool_of_unit[self->order[i]] == pool)
      for (int f = units[self->order[i]].first; f <= units[self->order[i]].last; f++)
        members[n++] = f;
  return n;
}

gboolean
config_has_pool (const PoolConfig *self, int pool) {
  int members[N_FUNCTIONS];

  return config_members (self, pool, members) > 0;
}

int
config_pool_of (const PoolConfig *self, int function) {
  for (int u = 0; u < N_UNITS; u++)
    if (function >= units[u].first && function <= units[u].last)
      return self->pool_of_unit[u];
  return NO_POOL;
}

VfpoolPark
config_park_of (const PoolConfig *self, int function) {
  int pf = function_places[function].pf;

  return pf == NO_PF ? VFPOOL_PARK_VFIO : self->parks[pf];
}
