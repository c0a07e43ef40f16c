/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The choice, by tables: a little host written as text, a request, and what is expected to come out. */
#include "fixture.h"
#include "choice.h"

#include <string.h>

/* One function per entry: "ADDRESS GROUP DRIVER [what]", where what is bridge, host, open or pf. */
typedef struct {
  const char *name;
  const char *functions; /* separated by ';' */
  const char *leases;    /* "ADDRESS GUEST SLOT STATE", separated by ';' */
  const char *slots;     /* "pool" or an address, separated by ';' */
  const char *expected;  /* addresses by slot, separated by blanks; or NULL: refused */
  const char *complaint; /* part of the refusal */
} Case;

#define A "0000:01:10.0"
#define B "0000:01:10.2"
#define C "0000:01:10.4"
#define PF "0000:01:00.0"
#define PORT "0000:00:02.0"

static const Case cases[] = {
  { "first free", A " 1 vfio-pci;" B " 2 vfio-pci", "", "pool", A, NULL },
  { "on its host driver", A " 1 igbvf", "", "pool", A, NULL },
  { "without a driver", A " 1 -", "", "pool", A, NULL },
  { "held by another", A " 1 vfio-pci;" B " 2 vfio-pci", A " other s active", "pool", B, NULL },
  { "reserved by another", A " 1 vfio-pci", A " other s reserved", "pool", NULL, A " is held by manual/other, slot s" },
  { "being released", A " 1 vfio-pci", A " other s releasing", "pool", NULL, "is held by manual/other" },
  { "quarantined", A " 1 vfio-pci", A " other s quarantined", "pool", NULL, A " is quarantined" },
  { "quarantined, own", A " 1 vfio-pci", A " me s quarantined", "pool", NULL, A " is quarantined" },
  { "own other slot", A " 1 vfio-pci", A " me other active", "pool", NULL, "is held by manual/me, slot other" },
  { "empty pool", "", "", "pool", NULL, "vfpool up" },
  { "two slots", A " 1 vfio-pci;" B " 2 vfio-pci", "", "pool;pool", A " " B, NULL },
  { "two slots, one VF", A " 1 vfio-pci", "", "pool;pool", NULL, "goes to another slot of this guest" },
  { "address first", A " 1 vfio-pci;" B " 2 vfio-pci", "", "pool;" A, B " " A, NULL },
  { "address held", A " 1 vfio-pci", A " other s active", A, NULL, "cannot be given to manual/me" },
  { "open group", A " 1 vfio-pci open", "", "pool", NULL, "held open by process 7" },
  { "open group, next free", A " 1 vfio-pci open;" B " 2 vfio-pci", "", "pool", B, NULL },
  { "used by the host", A " 1 igbvf host", "", "pool", NULL,
    "is used by the host: its interface carries the default route" },
  { "no group", A " -1 vfio-pci", "", "pool", NULL, "has no IOMMU group" },
  { "shares with its PF", A " 1 vfio-pci;" PF " 1 igb x", "", "pool", NULL,
    "shares IOMMU group 1 with " PF " (driver igb)" },
  { "shares with a bridge", A " 1 vfio-pci;" PORT " 1 pcieport bridge", "", "pool", A, NULL },
  { "shares with vfio", A " 1 vfio-pci;" B " 1 vfio-pci x", "", "pool", A, NULL },
  { "shares with no driver", A " 1 vfio-pci;" B " 1 - x", "", "pool", NULL, "(driver none)" },
  { "shares with another's", A " 1 vfio-pci;" B " 1 vfio-pci x", B " other s active", "pool", NULL,
    "shares IOMMU group 1 with " B ", which is held by manual/other" },
  { "shares with own", A " 1 vfio-pci;" B " 1 igbvf x", B " me t active", "pool", A, NULL },
  { "shares with own quarantined", A " 1 vfio-pci;" B " 1 igbvf x", B " me t quarantined", "pool", NULL,
    "is quarantined" },
  { "third of three", A " 1 vfio-pci;" B " 2 vfio-pci;" C " 3 vfio-pci", A " x s active;" B " y s active", "pool", C,
    NULL },
  { "a PF with VFs", PF " 1 vfio-pci pf", "", "pool", NULL, "has 4 VFs of its own" },
  { "a bridge as member", PORT " 1 vfio-pci bridge-member", "", "pool", NULL, "is a bridge" },
};

typedef struct {
  GPtrArray *functions, *pool, *leases;
  GArray *choices;
  VfpoolRequest *request;
} World;

static void
free_function (gpointer data) {
  VfpoolFunction *f = data;

  g_free (f->address);
  g_free (f->driver);
  g_ptr_array_unref (f->mates);
  g_free (f->held_by);
  g_free (f->host_use);
  g_free (f);
}

static void
add_function (World *w, const char *text) {
  g_auto (GStrv) part = g_strsplit (text, " ", 4);
  const char *what = part[3] ? part[3] : "";
  VfpoolFunction *f = g_new0 (VfpoolFunction, 1);

  f->address = g_strdup (part[0]);
  f->iommu_group = atoi (part[1]);
  f->driver = strcmp (part[2], "-") == 0 ? NULL : g_strdup (part[2]);
  f->is_on_vfio = g_strcmp0 (f->driver, "vfio-pci") == 0;
  f->is_bridge = g_str_has_prefix (what, "bridge");
  f->numvfs = strcmp (what, "pf") == 0 ? 4 : -1;
  f->held_by = strcmp (what, "open") == 0 ? g_strdup ("process 7 (qemu)") : NULL;
  f->host_use = strcmp (what, "host") == 0 ? g_strdup ("its interface carries the default route") : NULL;
  f->mates = g_ptr_array_new ();
  g_ptr_array_add (w->functions, f);
  /* "x" and a plain bridge are only neighbours. */
  if (strcmp (what, "x") != 0 && strcmp (what, "bridge") != 0)
    g_ptr_array_add (w->pool, f);
}

static void
add_lease (World *w, const char *text) {
  g_auto (GStrv) part = g_strsplit (text, " ", 4);
  VfpoolLease *lease = vfpool_lease_new ();

  lease->address = g_strdup (part[0]);
  lease->guest_kind = VFPOOL_GUEST_MANUAL;
  lease->guest_id = g_strdup (part[1]);
  lease->slot = g_strdup (part[2]);
  for (int i = VFPOOL_LEASE_RESERVED; i <= VFPOOL_LEASE_QUARANTINED; i++)
    if (strcmp (vfpool_lease_state_to_string ((VfpoolLeaseState)i), part[3]) == 0)
      lease->state = (VfpoolLeaseState)i;
  g_ptr_array_add (w->leases, lease);
}

static void
add_choice (World *w, guint i, const char *text) {
  g_autofree char *slot = g_strdup_printf ("s%u", i);
  VfpoolChoice choice = { .pool = "lan", .candidates = w->pool };
  gboolean by_pool = strcmp (text, "pool") == 0;

  assert_true (by_pool ? vfpool_request_add_pool (w->request, slot, "lan", NULL, -1, NULL)
                       : vfpool_request_add_address (w->request, slot, text, NULL, -1, NULL));
  choice.slot = w->request->slots->pdata[i];
  if (!by_pool) {
    choice.candidates = g_ptr_array_new ();
    for (guint k = 0; k < w->functions->len; k++)
      if (strcmp (((VfpoolFunction *)w->functions->pdata[k])->address, text) == 0)
        g_ptr_array_add (choice.candidates, w->functions->pdata[k]);
  } else {
    g_ptr_array_ref (w->pool);
  }
  g_array_append_val (w->choices, choice);
}

static void
link_mates (World *w) {
  for (guint i = 0; i < w->functions->len; i++)
    for (guint k = 0; k < w->functions->len; k++) {
      VfpoolFunction *a = w->functions->pdata[i], *b = w->functions->pdata[k];
      if (i != k && a->iommu_group == b->iommu_group)
        g_ptr_array_add (a->mates, b);
    }
}

static void
for_each_part (World *w, const char *text, void (*use) (World *, guint, const char *)) {
  g_auto (GStrv) parts = g_strsplit (text, ";", -1);

  for (guint i = 0; *text && parts[i]; i++)
    use (w, i, parts[i]);
}

static void
use_function (World *w, guint i, const char *text) {
  (void)i;
  add_function (w, text);
}

static void
use_lease (World *w, guint i, const char *text) {
  (void)i;
  add_lease (w, text);
}

static void
run_case (const Case *c) {
  World w = { g_ptr_array_new_with_free_func (free_function), g_ptr_array_new (),
              g_ptr_array_new_with_free_func ((GDestroyNotify)vfpool_lease_unref),
              g_array_new (FALSE, TRUE, sizeof (VfpoolChoice)),
              vfpool_request_new (VFPOOL_GUEST_MANUAL, "me", NULL, NULL) };
  g_autoptr (GString) got = g_string_new (NULL);
  GError *error = NULL;
  gboolean ok;

  for_each_part (&w, c->functions, use_function);
  for_each_part (&w, c->leases, use_lease);
  for_each_part (&w, c->slots, add_choice);
  link_mates (&w);
  ok = vfpool_choose (w.request, w.choices, w.leases, &error);
  for (guint i = 0; ok && i < w.choices->len; i++)
    g_string_append_printf (got, "%s%s", i ? " " : "", g_array_index (w.choices, VfpoolChoice, i).chosen->address);

  if (ok != (c->expected != NULL))
    fail_msg ("%s: %s", c->name, ok ? got->str : error->message);
  if (ok && strcmp (got->str, c->expected) != 0)
    fail_msg ("%s: chose %s, expected %s", c->name, got->str, c->expected);
  if (!ok && !strstr (error->message, c->complaint))
    fail_msg ("%s: said '%s', expected '%s'", c->name, error->message, c->complaint);

  g_clear_error (&error);
  for (guint i = 0; i < w.choices->len; i++)
    g_ptr_array_unref (g_array_index (w.choices, VfpoolChoice, i).candidates);
  g_array_unref (w.choices);
  g_ptr_array_unref (w.pool);
  g_ptr_array_unref (w.functions);
  g_ptr_array_unref (w.leases);
  vfpool_request_free (w.request);
}

static void
test_cases (void **state) {
  (void)state;
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    run_case (&cases[i]);
}

/* A refusal over a large pool stays a line that fits an error message. */
static void
test_long_refusal (void **state) {
  g_autoptr (GString) functions = g_string_new (NULL), leases = g_string_new (NULL);
  Case c = { "long", NULL, NULL, "pool", NULL, "and 56 more" };
  (void)state;

  for (int i = 0; i < 64; i++) {
    g_string_append_printf (functions, "%s0000:01:%02x.%d %d vfio-pci", i ? ";" : "", i / 8, i % 8, i);
    g_string_append_printf (leases, "%s0000:01:%02x.%d g%d s active", i ? ";" : "", i / 8, i % 8, i);
  }
  c.functions = functions->str;
  c.leases = leases->str;
  run_case (&c);
}

int
main (void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test (test_cases), cmocka_unit_test (test_long_refusal) };

  return cmocka_run_group_tests_name ("choice", tests, NULL, NULL);
}
