/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said of each candidate, by tables: for each rule a host on which that rule decides, and its words. */
#include "choice-fixture.h"
#include "fixture.h"

#include <string.h>

#define A "0000:01:10.0"
#define B "0000:01:10.2"
#define D "0000:02:10.0"
#define E "0000:02:10.2"
#define TWO A " 1 vfio-pci P1;" B " 2 vfio-pci P1;" D " 3 vfio-pci P2;" E " 4 vfio-pci P2"
#define PAIR A " 1 vfio-pci P1;" D " 2 vfio-pci P2"

typedef struct {
  const char *name, *functions, *facts, *pool, *slots;
  guint slot;             /* the one that is explained */
  const char *decided;    /* by what, of the chosen one; NULL: none is chosen */
  const char *of;         /* another candidate */
  const char *rule, *why; /* what is said of it */
} Case;

static const Case cases[] = {
  { "reserved", PAIR, "", "keep=me:" D, "pool", 0, "reserved", A, "reserved",
    "is not reserved for this guest, as " D " is" },
  { "sticky", PAIR, "had " D " me s0", "", "pool", 0, "sticky", A, "sticky",
    "is not what this guest had in this slot, as " D " is" },
  { "numa", A " 1 vfio-pci P1 n0;" D " 2 vfio-pci P2 n2", "", "", "pool@2", 0, "numa", A, "numa",
    "is on NUMA node 0; the guest is on node 2" },
  { "numa, unknown", A " 1 vfio-pci P1;" D " 2 vfio-pci P2 n2", "", "", "pool@2", 0, "numa", A, "numa",
    "is on no known NUMA node; the guest is on node 2" },
  { "anti-affinity", TWO, "lease " A " me t active", "anti-affinity=pf-preferred", "pool", 0, "address", B,
    "anti-affinity", "is nearer to this guest's other VFs than " D " (anti-affinity=pf-preferred)" },
  { "pf-load", TWO, "lease " A " other t active", "", "pool", 0, "address", B, "pf-load",
    "is of the PF 0000:01:00.0, of which 1 VFs are handed out, of 0000:02:00.0 0 (placement=spread)" },
  { "pf-load, pack", PAIR ";" E " 3 vfio-pci P2", "lease " E " other t active", "placement=pack", "pool", 0, "pf-load",
    A, "pf-load", "of which 0 VFs are handed out, of 0000:02:00.0 1 (placement=pack)" },
  { "pack, what the request itself takes does not draw", TWO, "had " B " x s", "placement=pack", "pool;pool", 0,
    "address", B, "remembered", "is what manual/x had in its slot s" },
  { "port-load", A " 1 vfio-pci P1 R1 C1;" B " 2 vfio-pci P3 R1 C1;" D " 3 vfio-pci P2 R2 C1",
    "lease " A " other t active", "", "pool", 0, "port-load", B, "port-load",
    "is of the port port1, of which 1 VFs are handed out, of port2 0" },
  { "link-load", A " 1 vfio-pci P1 L1;" B " 2 vfio-pci P3 L1;" D " 3 vfio-pci P2 L2", "lease " A " other t active", "",
    "pool", 0, "link-load", B, "link-load", "is of the link link1, of which 1 VFs are handed out, of link2 0" },
  { "remembered", PAIR, "had " A " other s", "", "pool", 0, "remembered", A, "remembered",
    "is what manual/other had in its slot s" },
  { "address", PAIR, "", "", "pool", 0, "address", D, "address", "is as good as " A ", and comes after it by address" },
  { "only", PAIR, "lease " A " other t active", "", "pool", 0, "only", A, "obstacle",
    "is held by manual/other, slot t" },
  { "asked", PAIR, "", "", D, 0, "asked", NULL, NULL, NULL },
  { "obstacle", PAIR, "cordon " A " cable", "", "pool", 0, "only", A, "obstacle", "is cordoned (cable)" },
  { "another slot's", PAIR, "", "", "pool;pool", 0, "only", D, "obstacle", "goes to another slot of this guest, s1" },
  { "goes with it", A " 1 igbvf;" B " 1 igbvf", "", "together=yes", "pool", 0, "only", B, "obstacle",
    "goes to this slot, too, together with " A },
  { "what shares a group with it", A " 1 igbvf;" B " 1 vfio-pci;" D " 2 vfio-pci P2", "had " A " me s0", "", "pool", 0,
    "sticky", B, "obstacle", "shares IOMMU group 1 with " A " (driver igbvf)" },
  { "what a later slot takes does not weigh", "0000:00:05.0 5 - whole L1;0000:00:06.0 6 - whole L2;" A " 1 igbvf L1 n1",
    "", "numa=required", "all;pool@1", 0, "address", "0000:00:06.0", "address", "comes after it by address" },
  { "kept by number", PAIR, "", "keep=other:2", "pool", 0, NULL, A, "obstacle",
    "is kept: of the pool's free VFs 2 are reserved for manual/other" },
  { "over the quota", PAIR, "", "quota=1", "pool;pool", 0, NULL, A, "obstacle",
    "is free, but this guest may have 1 VFs of the pool 'lan' at most (quota)" },
  { "behind one that is refused", A " 1 vfio-pci n0;" D " 2 vfio-pci P2 n1", "", "numa=required", "pool@3;pool@1", 1,
    NULL, D, "obstacle", "is free, but this guest's slot s0 cannot be served" },
  { "taken by others before", A " 1 vfio-pci;" D " 2 vfio-pci P2 n1", "", "numa=required", "pool@1;pool@1", 1, NULL, D,
    "obstacle", "goes to another slot of this guest, s0" },
};

static const VfpoolVerdict *
find_verdict (GPtrArray *verdicts, const char *address) {
  for (guint i = 0; i < verdicts->len; i++)
    if (strcmp (((VfpoolVerdict *)verdicts->pdata[i])->function->address, address) == 0)
      return verdicts->pdata[i];
  return NULL;
}

/* Whether all is said as expected; else that is told. */
static gboolean
is_good (gconstpointer one) {
  const Case *c = one;
  g_autoptr (World) w = world_new (c->functions, c->facts, c->pool, c->slots);
  gboolean ok;
  g_autofree char *got = world_choose (w, &ok);
  g_autoptr (GPtrArray) verdicts = vfpool_choose_explain (&w->situation, w->choices, c->slot);
  const VfpoolVerdict *first = g_ptr_array_index (verdicts, 0), *other = c->of ? find_verdict (verdicts, c->of) : NULL;
  const char *decided = ok ? vfpool_rule_to_string (first->rule) : NULL;

  if (g_strcmp0 (decided, c->decided) == 0 && (!ok || !first->reason)
      && (!c->of
          || (strcmp (vfpool_rule_to_string (other->rule), c->rule) == 0 && other->reason
              && strstr (other->reason, c->why))))
    return TRUE;
  print_error ("%s: %s; decided by %s; of %s: %s, %s\n", c->name, got, decided ? decided : "nothing", c->of,
               other ? vfpool_rule_to_string (other->rule) : "", other ? other->reason : "");
  return FALSE;
}

static void
test_cases (void **state) {
  (void)state;
  assert_all_good (cases, G_N_ELEMENTS (cases), sizeof *cases, is_good);
}

/* What the guest holds already is kept, and said to be. */
static void
test_kept (void **state) {
  g_autoptr (World) w = world_new (PAIR, "lease " D " me s0 active", "", "pool");
  g_autoptr (GPtrArray) verdicts = NULL;
  const VfpoolVerdict *first;
  (void)state;

  g_array_index (w->choices, VfpoolChoice, 0).chosen = w->functions->pdata[1];
  assert_true (vfpool_choose (&w->situation, w->choices, NULL));
  verdicts = vfpool_choose_explain (&w->situation, w->choices, 0);
  first = verdicts->pdata[0];
  assert_string_equal (first->function->address, D);
  assert_int_equal (first->rule, VFPOOL_RULE_KEPT);
  assert_null (first->reason);
}

int
main (void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test (test_cases), cmocka_unit_test (test_kept) };

  return cmocka_run_group_tests_name ("choice, explained", tests, NULL, NULL);
}
