/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of the policies: each is known by its own name, a wrong one is told what is right, and parts stay apart. */
#include "fixture.h"
#include "policy.h"

#include <string.h>

static const struct {
  const char *key, *word;
  VfpoolPolicy expected;
} words[] = {
  { "numa", "required", { VFPOOL_NUMA_REQUIRED, -1, -1 } },
  { "numa", "socket", { VFPOOL_NUMA_SOCKET, -1, -1 } },
  { "numa", "preferred", { VFPOOL_NUMA_PREFERRED, -1, -1 } },
  { "numa", "ignore", { VFPOOL_NUMA_IGNORE, -1, -1 } },
  { "placement", "spread", { -1, VFPOOL_PLACEMENT_SPREAD, -1 } },
  { "placement", "pack", { -1, VFPOOL_PLACEMENT_PACK, -1 } },
  { "anti-affinity", "none", { -1, -1, VFPOOL_ANTI_AFFINITY_NONE } },
  { "anti-affinity", "pf", { -1, -1, VFPOOL_ANTI_AFFINITY_PF } },
  { "anti-affinity", "card", { -1, -1, VFPOOL_ANTI_AFFINITY_CARD } },
  { "anti-affinity", "pf-preferred", { -1, -1, VFPOOL_ANTI_AFFINITY_PF_PREFERRED } },
  { "anti-affinity", "card-preferred", { -1, -1, VFPOOL_ANTI_AFFINITY_CARD_PREFERRED } },
};

static void
assert_policy (const VfpoolPolicy *policy, const VfpoolPolicy *expected) {
  assert_int_equal (policy->numa, expected->numa);
  assert_int_equal (policy->placement, expected->placement);
  assert_int_equal (policy->anti_affinity, expected->anti_affinity);
}

static void
test_words (void **state) {
  static const char *const keys[] = { "numa", "placement", "anti-affinity" };
  (void)state;

  for (guint i = 0; i < G_N_ELEMENTS (words); i++) {
    VfpoolPolicy policy = vfpool_policy_unset;
    g_autofree char *problem = NULL;

    assert_true (vfpool_policy_set (&policy, words[i].key, words[i].word, &problem));
    assert_null (problem);
    assert_policy (&policy, &words[i].expected);
    for (guint k = 0; k < G_N_ELEMENTS (keys); k++) {
      const char *word = vfpool_policy_get (&policy, keys[k]);
      if (strcmp (keys[k], words[i].key) == 0)
        assert_string_equal (word, words[i].word);
      else
        assert_null (word);
    }
  }
}

static void
test_wrong_words (void **state) {
  static const struct {
    const char *key, *word, *said;
  } cases[] = {
    { "numa", "require", "\"required\"" },
    { "numa", "", "Expected one of required, socket, preferred, ignore" },
    { "numa", "Required", "Expected one of" },
    { "numa", "pack", "Expected one of" },
    { "placement", "packed", "\"pack\"" },
    { "placement", "none", "spread, pack" },
    { "anti-affinity", "pf-", "none, pf, card, pf-preferred, card-preferred" },
    { "antiaffinity", "pf", "numa, placement or anti-affinity" },
    { "", "pf", "numa, placement or anti-affinity" },
  };
  (void)state;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    VfpoolPolicy policy = vfpool_policy_default;
    g_autofree char *problem = NULL;

    assert_false (vfpool_policy_set (&policy, cases[i].key, cases[i].word, &problem));
    if (!strstr (problem, cases[i].said))
      fail_msg ("%s=%s: '%s' does not say: %s", cases[i].key, cases[i].word, problem, cases[i].said);
    assert_policy (&policy, &vfpool_policy_default);
  }
}

static void
test_over (void **state) {
  static const struct {
    VfpoolPolicy over, base, expected;
  } cases[] = {
    { { -1, -1, -1 }, { 1, 1, 1 }, { 1, 1, 1 } }, { { 0, 0, 0 }, { 1, 1, 1 }, { 0, 0, 0 } },
    { { 2, -1, -1 }, { 1, 1, 1 }, { 2, 1, 1 } },  { { -1, 0, -1 }, { 1, 1, 1 }, { 1, 0, 1 } },
    { { -1, -1, 4 }, { 1, 1, 1 }, { 1, 1, 4 } },  { { -1, -1, -1 }, { -1, 1, -1 }, { -1, 1, -1 } },
  };
  (void)state;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    VfpoolPolicy both = vfpool_policy_over (&cases[i].over, &cases[i].base);
    assert_policy (&both, &cases[i].expected);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_words),
    cmocka_unit_test (test_wrong_words),
    cmocka_unit_test (test_over),
  };

  return cmocka_run_group_tests_name ("policy", tests, NULL, NULL);
}
