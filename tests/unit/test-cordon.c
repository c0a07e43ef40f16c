/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cordons and forgetting, over a tree of files: what may be cordoned, what status says of it, what outlives a reboot. What a
 * damaged ledger does to them is in test-ledger-memory.c.
 */
#include "fixture.h"
#include "handle.h"

#include <sqlite3.h>
#include <string.h>

#define DAY (G_GINT64_CONSTANT (86400) * G_USEC_PER_SEC)
#define PF "0000:01:00.0"
#define ONE "0000:01:10.0"
#define TWO "0000:01:10.2"
#define STRAY_PF "0000:03:00.0" /* in no pool, configured nowhere */
#define OTHER_VF "0000:02:10.0" /* the one VF of its PF that lies in a pool does so by its address */
#define CONFIG                                                                                                         \
  "[pool lan]\nmembers=pf=" PF "\n[pool other]\nmembers=address=" OTHER_VF "\n[pf 0000:04:00.0]\nnumvfs=0\n"           \
  "[vfpool]\nremember=10\n"

typedef struct {
  Fixture *fx;
  Vfpool *vfpool;
} Test;

static void
reopen (Test *t) {
  vfpool_close (t->vfpool);
  t->vfpool = vfpool_open (t->fx->root, NULL, NULL, NULL);
  assert_non_null (t->vfpool);
}

static int
setup (void **state) {
  Test *t = g_new0 (Test, 1);

  t->fx = fixture_new ();
  fixture_add_pf (t->fx, "0000:01", 2, "vfio-pci", 10);
  fixture_add_pf (t->fx, "0000:02", 2, "vfio-pci", 20);
  fixture_add_pf (t->fx, "0000:03", 1, "vfio-pci", 30);
  fixture_add_pf (t->fx, "0000:04", 0, "vfio-pci", 40);
  fixture_config (t->fx, CONFIG);
  reopen (t);
  *state = t;
  return 0;
}

static int
teardown (void **state) {
  Test *t = *state;

  vfpool_close (t->vfpool);
  fixture_free (t->fx);
  g_free (t);
  return 0;
}

static void
assert_cordons (Test *t, const char *bdf, const char *reason) {
  g_autoptr (GError) error = NULL;

  if (!vfpool_cordon (t->vfpool, bdf, reason, &error))
    fail_msg ("%s: %s", bdf, error->message);
}

static void
assert_uncordons (Test *t, const char *bdf) {
  g_autoptr (GError) error = NULL;

  if (!vfpool_uncordon (t->vfpool, bdf, &error))
    fail_msg ("%s: %s", bdf, error->message);
}

/* What status says of @address in the array @key: "STATE CORDONED REASON". */
static char *
shown (Test *t, const char *key, const char *address) {
  g_autoptr (GVariant) status = vfpool_status (t->vfpool, NULL);
  g_autoptr (GVariant) array = g_variant_lookup_value (status, key, NULL);

  for (gsize i = 0; i < g_variant_n_children (array); i++) {
    g_autoptr (GVariant) dict = g_variant_get_child_value (array, i);
    const char *found = NULL, *state = "-";
    g_autofree char *reason = NULL;
    gboolean is_cordoned;

    g_variant_lookup (dict, "address", "&s", &found);
    g_variant_lookup (dict, "state", "&s", &state);
    assert_true (g_variant_lookup (dict, "cordoned", "b", &is_cordoned));
    assert_true (g_variant_lookup (dict, "cordon_reason", "ms", &reason));
    if (g_strcmp0 (found, address) == 0)
      return g_strdup_printf ("%s %s %s", state, is_cordoned ? "cordoned" : "-", reason ? reason : "-");
  }
  return NULL;
}

static void
assert_shown (Test *t, const char *key, const char *address, const char *expected) {
  g_autofree char *text = shown (t, key, address);
  assert_string_equal (text, expected);
}

/* "TOTAL FREE LEASED CORDONED" of the first pool. */
static void
assert_counts (Test *t, const char *expected) {
  g_autoptr (GVariant) status = vfpool_status (t->vfpool, NULL);
  g_autoptr (GVariant) pools = g_variant_lookup_value (status, "pools", NULL);
  g_autoptr (GVariant) pool = g_variant_get_child_value (pools, 0);
  static const char *const keys[] = { "total", "free", "leased", "cordoned" };
  g_autoptr (GString) text = g_string_new (NULL);
  guint n;

  for (size_t i = 0; i < G_N_ELEMENTS (keys); i++) {
    assert_true (g_variant_lookup (pool, keys[i], "u", &n));
    g_string_append_printf (text, "%s%u", i ? " " : "", n);
  }
  assert_string_equal (text->str, expected);
}

static void
acquired (Test *t, const char *guest, const char *address) {
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_MANUAL, guest, NULL, NULL);
  g_autoptr (GPtrArray) leases = NULL;

  assert_true (vfpool_request_add_address (request, "net0", address, NULL, VFPOOL_VLAN_UNSET, NULL));
  leases = vfpool_acquire (t->vfpool, request, &error);
  if (!leases)
    fail_msg ("%s", error->message);
}

/* ---- Cordons ---- */

static void
vf_is_cordoned_by_itself (void **state) {
  Test *t = *state;

  assert_counts (t, "2 2 0 0");
  assert_cordons (t, "01:10.0", "it hangs"); /* any spelling */
  assert_shown (t, "vfs", ONE, "free cordoned it hangs");
  assert_shown (t, "vfs", TWO, "free - -");
  assert_shown (t, "pfs", PF, "- - -");
  assert_counts (t, "2 1 0 1");
  assert_cordons (t, ONE, ""); /* the newer reason stays, also when it is none */
  assert_shown (t, "vfs", ONE, "free cordoned -");
  assert_uncordons (t, "0000:01:10.0");
  assert_counts (t, "2 2 0 0");
}

static void
pf_cordons_its_vfs (void **state) {
  Test *t = *state;

  acquired (t, "a", ONE);
  assert_cordons (t, PF, "new card");
  assert_shown (t, "pfs", PF, "- cordoned new card");
  assert_shown (t, "vfs", ONE, "active cordoned new card");
  assert_shown (t, "vfs", TWO, "free cordoned new card");
  assert_counts (t, "2 0 1 1");
  assert_cordons (t, TWO, "it hangs");
  assert_shown (t, "vfs", TWO, "free cordoned it hangs");
  assert_uncordons (t, PF);
  assert_shown (t, "vfs", ONE, "active - -");
  assert_counts (t, "2 0 1 1");
}

static void
only_what_is_handed_out_can_be_cordoned (void **state) {
  static const struct {
    const char *bdf;
    int code; /* -1: it can be */
    const char *part;
  } cases[] = {
    { PF, -1, NULL },
    { OTHER_VF, -1, NULL },
    { "0000:02:00.0", -1, NULL }, /* has a member */
    { "0000:04:00.0", -1, NULL }, /* is configured */
    { "0000:02:10.2", VFPOOL_ERROR_NOT_FOUND, "0000:02:10.2 lies in no pool, and is no PF whose VFs do" },
    { STRAY_PF, VFPOOL_ERROR_NOT_FOUND, STRAY_PF " lies in no pool" },
    { "0000:09:00.0", VFPOOL_ERROR_NOT_FOUND, "there is no PCI device 0000:09:00.0 on this host" },
    { "eth0", VFPOOL_ERROR_BAD_INPUT, "'eth0' is no PCI address" },
    { "", VFPOOL_ERROR_BAD_INPUT, "is no PCI address" },
  };
  Test *t = *state;

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;

    if (cases[i].code < 0) {
      assert_cordons (t, cases[i].bdf, NULL);
      assert_uncordons (t, cases[i].bdf);
      continue;
    }
    assert_false (vfpool_cordon (t->vfpool, cases[i].bdf, NULL, &error));
    assert_vfpool_error (&error, cases[i].code, cases[i].part);
    assert_false (vfpool_uncordon (t->vfpool, cases[i].bdf, &error));
    assert_vfpool_error (&error, cases[i].code, cases[i].part);
  }
}

static void
says_what_to_uncordon (void **state) {
  Test *t = *state;
  g_autoptr (GError) error = NULL;

  assert_false (vfpool_uncordon (t->vfpool, ONE, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_NOT_FOUND, ONE " is not cordoned: see `vfpool status`");
  assert_cordons (t, PF, NULL);
  assert_false (vfpool_uncordon (t->vfpool, ONE, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_NOT_FOUND, "but its PF is: `vfpool uncordon " PF "`");
}

static void
cordon_outlives_reboot_and_device (void **state) {
  Test *t = *state;
  g_autoptr (GError) error = NULL;

  assert_cordons (t, ONE, "it hangs");
  fixture_write (t->fx, "/proc/sys/kernel/random/boot_id", "11111111-0000-4000-8000-000000000002\n");
  reopen (t);
  assert_shown (t, "vfs", ONE, "free cordoned it hangs");
  fixture_remove (t->fx, "/sys/bus/pci/devices/" ONE);
  reopen (t);
  assert_uncordons (t, ONE);
  assert_false (vfpool_uncordon (t->vfpool, ONE, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_NOT_FOUND, "there is no PCI device " ONE);
}

/* ---- Forgetting ---- */

static gboolean
remember (VfpoolLedger *ledger, gpointer data, GError **error) {
  g_autoptr (VfpoolLease) lease = vfpool_lease_new ();

  lease->address = g_strdup (TWO);
  lease->guest_kind = VFPOOL_GUEST_MANUAL;
  lease->guest_id = g_strdup (data);
  lease->slot = g_strdup ("net0");
  lease->pool = g_strdup ("lan");
  lease->boot_id = g_strdup ("boot");
  return vfpool_ledger_remember (ledger, lease, error);
}

static void
remembered (Test *t, const char *guest) {
  g_autoptr (GError) error = NULL;

  if (!vfpool_handle_change (t->vfpool, remember, (gpointer)guest, &error))
    fail_msg ("%s", error->message);
}

static guint
forgotten (Test *t, const char *guest, int days) {
  g_autoptr (GError) error = NULL;
  guint n = 99;

  if (!vfpool_forget (t->vfpool, VFPOOL_GUEST_MANUAL, guest, days, &n, &error))
    fail_msg ("%s", error->message);
  return n;
}

static void
named_guest_is_forgotten_unless_it_holds (void **state) {
  Test *t = *state;
  g_autoptr (GError) error = NULL;
  guint n = 99;

  remembered (t, "a");
  remembered (t, "b");
  acquired (t, "a", ONE);
  assert_false (vfpool_forget (t->vfpool, VFPOOL_GUEST_MANUAL, "a", -1, &n, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_IN_USE, "manual/a holds " ONE ", so nothing of it was forgotten");
  assert_int_equal (n, 0);
  assert_int_equal (forgotten (t, "b", 1000), 1); /* the days are not looked at */
  assert_int_equal (forgotten (t, "b", 0), 0);
  assert_true (vfpool_release (t->vfpool, VFPOOL_GUEST_MANUAL, "a", NULL));
  assert_int_equal (forgotten (t, "a", 0), 1);
  assert_false (vfpool_forget (t->vfpool, VFPOOL_GUEST_PVE_QEMU, "web", -1, &n, &error));
  assert_vfpool_error (&error, VFPOOL_ERROR_BAD_INPUT, "web");
}

/* Sets the time at which all guests were last seen. */
static void
all_seen (Test *t, int days_ago) {
  g_autofree char *path = g_strconcat (t->fx->root, "/var/lib/vfpool/ledger.db", NULL);
  g_autofree char *update =
      g_strdup_printf ("UPDATE assignment SET seen = %" G_GINT64_FORMAT, g_get_real_time () - days_ago * DAY);
  sqlite3 *db;

  assert_int_equal (sqlite3_open (path, &db), SQLITE_OK);
  assert_int_equal (sqlite3_exec (db, update, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close (db);
}

/* The configuration says 10. */
static void
days_are_counted (void **state) {
  Test *t = *state;

  remembered (t, "a");
  all_seen (t, 9);
  assert_int_equal (forgotten (t, NULL, -1), 0);
  all_seen (t, 11);
  assert_int_equal (forgotten (t, NULL, 12), 0);
  assert_int_equal (forgotten (t, NULL, G_MAXINT), 0);
  assert_int_equal (forgotten (t, NULL, -1), 1);
  remembered (t, "a");
  assert_int_equal (forgotten (t, NULL, 1), 0);
  assert_int_equal (forgotten (t, NULL, 0), 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown (test, setup, teardown)

int
main (void) {
  const struct CMUnitTest tests[] = {
    CASE (vf_is_cordoned_by_itself),
    CASE (pf_cordons_its_vfs),
    CASE (only_what_is_handed_out_can_be_cordoned),
    CASE (says_what_to_uncordon),
    CASE (cordon_outlives_reboot_and_device),
    CASE (named_guest_is_forgotten_unless_it_holds),
    CASE (days_are_counted),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
