/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of the policies, in one table: the configuration, the domain XML and the command line all know the same. */
#include "policy.h"
#include "nearest.h"

#include <string.h>

const VfpoolPolicy vfpool_policy_default = { VFPOOL_NUMA_PREFERRED, VFPOOL_PLACEMENT_SPREAD,
                                             VFPOOL_ANTI_AFFINITY_NONE };
const VfpoolPolicy vfpool_policy_unset = { VFPOOL_POLICY_UNSET, VFPOOL_POLICY_UNSET, VFPOOL_POLICY_UNSET };

/* The words stand in the order of the enumerations. */
static const struct {
  const char *key;
  size_t offset;
  const char *words[6];
} parts[] = {
  { "numa", offsetof (VfpoolPolicy, numa), { "required", "socket", "preferred", "ignore" } },
  { "placement", offsetof (VfpoolPolicy, placement), { "spread", "pack" } },
  { "anti-affinity",
    offsetof (VfpoolPolicy, anti_affinity),
    { "none", "pf", "card", "pf-preferred", "card-preferred" } },
};

#define N_PARTS G_N_ELEMENTS (parts)

static size_t
find_part (const char *key) {
  size_t i = 0;

  while (i < N_PARTS && strcmp (parts[i].key, key) != 0)
    i++;
  return i;
}

gboolean
vfpool_policy_set (VfpoolPolicy *self, const char *key, const char *word, char **problem) {
  size_t part = find_part (key);
  g_autofree char *all = NULL;

  if (part == N_PARTS) {
    *problem = g_strdup ("expected numa, placement or anti-affinity");
    return FALSE;
  }
  for (int i = 0; parts[part].words[i]; i++) {
    if (strcmp (parts[part].words[i], word) != 0)
      continue;
    *(int *)((char *)self + parts[part].offset) = i;
    return TRUE;
  }
  all = g_strjoinv (", ", (char **)parts[part].words);
  *problem =
      g_strdup_printf ("did you mean \"%s\"? Expected one of %s", vfpool_nearest_word (word, parts[part].words), all);
  return FALSE;
}

const char *
vfpool_policy_get (const VfpoolPolicy *self, const char *key) {
  size_t part = find_part (key);
  int value = part == N_PARTS ? VFPOOL_POLICY_UNSET : *(const int *)((const char *)self + parts[part].offset);

  return value == VFPOOL_POLICY_UNSET ? NULL : parts[part].words[value];
}

VfpoolPolicy
vfpool_policy_over (const VfpoolPolicy *self, const VfpoolPolicy *base) {
  VfpoolPolicy both = *base;

  for (size_t i = 0; i < N_PARTS; i++) {
    int value = *(const int *)((const char *)self + parts[i].offset);
    if (value != VFPOOL_POLICY_UNSET)
      *(int *)((char *)&both + parts[i].offset) = value;
  }
  return both;
}
