/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the ledger remembers beyond leases: that it comes back as it was written and is bounded, that a row or a page of it that
 * is damaged costs no more than itself, and stops nothing.
 */
#include "ledger-fixture.h"
#include "ledger-private.h"
#include "tree.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#define REMEMBERED 300
#define CORDONED 60
#define MOST_REMEMBERED 20000

static void
began (VfpoolLedger *ledger) {
  g_autoptr (GError) error = NULL;
  assert_ok (vfpool_ledger_begin (ledger, &error), error);
}

static void
committed (VfpoolLedger *ledger) {
  g_autoptr (GError) error = NULL;
  assert_ok (vfpool_ledger_commit (ledger, &error), error);
}

/* In the transaction that is open. */
static void
remember (VfpoolLedger *ledger, const char *address, const char *guest, const char *slot, const char *mac) {
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolLease) lease = make_lease (address, guest, slot);

  lease->mac = g_strdup (mac);
  lease->guest_name = g_strdup ("web \xc3\xa4");
  assert_ok (vfpool_ledger_remember (ledger, lease, &error), error);
}

static void
cordon (VfpoolLedger *ledger, const char *address, const char *reason, gint64 since) {
  g_autoptr (GError) error = NULL;
  VfpoolCordon row = { (char *)address, (char *)reason, since };

  assert_ok (vfpool_ledger_add_cordon (ledger, &row, &error), error);
}

/* "GUEST SLOT POOL ADDRESS MAC", a line each. */
static char *
show_assignments (VfpoolLedger *ledger) {
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) all = vfpool_ledger_assignments (ledger, &error);
  GString *text = g_string_new (NULL);

  assert_ok (all != NULL, error);
  for (guint i = 0; i < all->len; i++) {
    const VfpoolAssignment *a = g_ptr_array_index (all, i);
    g_string_append_printf (text, "%s/%s %s %s %s %s\n", vfpool_guest_kind_to_string (a->guest_kind), a->guest_id,
                            a->slot, a->pool, a->address, a->mac ? a->mac : "-");
  }
  return g_string_free (text, FALSE);
}

static void
assert_assignments (VfpoolLedger *ledger, const char *expected) {
  g_autofree char *shown = show_assignments (ledger);
  assert_string_equal (shown, expected);
}

/* "ADDRESS REASON SINCE", a line each. */
static void
assert_cordons (VfpoolLedger *ledger, const char *expected) {
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) all = vfpool_ledger_cordons (ledger, &error);
  g_autoptr (GString) text = g_string_new (NULL);

  assert_ok (all != NULL, error);
  for (guint i = 0; i < all->len; i++) {
    const VfpoolCordon *c = g_ptr_array_index (all, i);
    g_string_append_printf (text, "%s %s %d\n", c->address, c->reason ? c->reason : "-", (int)c->since);
  }
  assert_string_equal (text->str, expected);
}

/* ---- Assignments ---- */

static void
assignments_come_back_sorted (void **state) {
  const LedgerDir *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f);
  g_autoptr (GPtrArray) all = NULL;
  gint64 before = g_get_real_time ();
  const VfpoolAssignment *first;

  assert_assignments (ledger, "");
  began (ledger);
  remember (ledger, ONE, "b", "net1", NULL);
  remember (ledger, TWO, "b", "net0", "02:00:00:00:00:01");
  remember (ledger, ONE, "a", "net0", NULL); /* two guests may have had one VF */
  committed (ledger);
  g_clear_pointer (&ledger, vfpool_ledger_close);
  ledger = opened (f);
  assert_assignments (ledger, "manual/a net0 lan " ONE " -\n"
                              "manual/b net0 lan " TWO " 02:00:00:00:00:01\n"
                              "manual/b net1 lan " ONE " -\n");
  all = vfpool_ledger_assignments (ledger, NULL);
  first = g_ptr_array_index (all, 0);
  assert_string_equal (first->guest_name, "web \xc3\xa4");
  assert_true (first->seen >= before && first->seen <= g_get_real_time ());
}

static void
newer_assignment_takes_the_place (void **state) {
  const LedgerDir *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f);
  g_autoptr (VfpoolLease) lease = make_lease (ONE, "a", "net0");
  g_autoptr (GError) error = NULL;

  assert_false (vfpool_ledger_remember (ledger, lease, &error));
  assert_error (error, VFPOOL_ERROR_CORRUPT, "outside a transaction");
  began (ledger);
  remember (ledger, ONE, "a", "net0", "02:00:00:00:00:01");
  remember (ledger, TWO, "a", "net0", NULL);
  assert_assignments (ledger, "manual/a net0 lan " TWO " -\n");
  vfpool_ledger_rollback (ledger);
  assert_assignments (ledger, "");
}

/* The end of a lease is when its guest was last seen; that of one that never became what is remembered says nothing. */
static void
end_of_a_lease_is_seen (void **state) {
  static const struct { const char *remembered, *seen; } cases[] = { { ONE, "1" }, { TWO, "0" } };
  const LedgerDir *f = *state;

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (VfpoolLedger) ledger = NULL;
    g_autoptr (VfpoolLease) lease = NULL;
    g_autoptr (GError) error = NULL;

    remove_tree (f->folder);
    ledger = opened (f);
    added (ledger, ONE, "a", "net0");
    began (ledger);
    remember (ledger, cases[i].remembered, "a", "net0", NULL);
    committed (ledger);
    g_free (sql (f->path, "UPDATE assignment SET seen = 5"));
    lease = found (ledger, ONE);
    began (ledger);
    assert_ok (vfpool_ledger_remove (ledger, lease, &error), error);
    committed (ledger);
    assert_sql (f->path, "SELECT seen > 5 FROM assignment", cases[i].seen);
  }
}

static guint
forget (VfpoolLedger *ledger, const char *id, gint64 before) {
  g_autoptr (GError) error = NULL;
  guint n = 99;

  began (ledger);
  assert_ok (vfpool_ledger_forget (ledger, VFPOOL_GUEST_MANUAL, id, before, &n, &error), error);
  committed (ledger);
  return n;
}

static void
forgets_but_not_what_is_held (void **state) {
  const LedgerDir *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f);

  added (ledger, ONE, "held", "net0");
  added (ledger, TWO, "quarantined", "net0");
  g_free (sql (f->path, "UPDATE lease SET state = 'quarantined' WHERE guest_id = 'quarantined'"));
  began (ledger);
  remember (ledger, ONE, "held", "net0", NULL);
  remember (ledger, THREE, "held", "net1", NULL); /* of which it gave this one back */
  remember (ledger, TWO, "quarantined", "net0", NULL);
  remember (ledger, THREE, "new", "net0", NULL);
  remember (ledger, THREE, "old", "net0", NULL);
  committed (ledger);
  g_free (sql (f->path, "UPDATE assignment SET seen = 10; UPDATE assignment SET seen = 20 WHERE guest_id = 'new'"));
  assert_int_equal (forget (ledger, NULL, 10), 0);
  assert_int_equal (forget (ledger, "nobody", G_MAXINT64), 0);
  assert_int_equal (forget (ledger, "held", G_MAXINT64), 1);
  assert_int_equal (forget (ledger, NULL, 20), 2);
  assert_assignments (ledger, "manual/held net0 lan " ONE " -\nmanual/new net0 lan " THREE " -\n");
  g_free (sql (f->path, "UPDATE assignment SET guest_kind = 'pve-lxc'"));
  assert_int_equal (forget (ledger, "new", G_MAXINT64), 0); /* another guest of that id */
  assert_int_equal (forget (ledger, NULL, G_MAXINT64), 2);
}

static void
those_not_seen_for_longest_are_dropped (void **state) {
  const LedgerDir *f = *state;
  g_autofree char *fill = g_strdup_printf (
      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO assignment "
      "SELECT 'manual', printf ('g%%06d', %d - i), 'net0', NULL, 'lan', '" ONE "', NULL, i FROM n",
      MOST_REMEMBERED, MOST_REMEMBERED);
  g_autoptr (VfpoolLedger) ledger = opened (f);

  g_free (sql (f->path, fill));
  began (ledger);
  remember (ledger, TWO, "g000000", "net0", NULL); /* is known */
  committed (ledger);
  assert_sql (f->path, "SELECT count (*) FROM assignment", "20000");
  began (ledger);
  remember (ledger, TWO, "new", "net0", NULL);
  committed (ledger);
  assert_sql (f->path, "SELECT count (*) FROM assignment", "19001");
  assert_sql (f->path, "SELECT min (seen) FROM assignment", "1001");
  assert_sql (f->path, "SELECT count (*) FROM assignment WHERE guest_id IN ('new', 'g000000')", "2");
}

/* ---- Cordons ---- */

static void
cordons_come_and_go (void **state) {
  const LedgerDir *f = *state;
  g_autoptr (VfpoolLedger) ledger = opened (f);
  g_autoptr (GError) error = NULL;
  VfpoolCordon outside = { (char *)ONE, NULL, 1 };
  gboolean existed = FALSE;

  assert_cordons (ledger, "");
  assert_false (vfpool_ledger_add_cordon (ledger, &outside, &error));
  assert_error (error, VFPOOL_ERROR_CORRUPT, "outside a transaction");
  g_clear_error (&error);
  assert_false (vfpool_ledger_remove_cordon (ledger, ONE, &existed, &error));
  assert_error (error, VFPOOL_ERROR_CORRUPT, "outside a transaction");
  began (ledger);
  cordon (ledger, "10000:00:00.0", "far \xff away", 3);
  cordon (ledger, TWO, NULL, 2);
  cordon (ledger, ONE, "old", 1);
  cordon (ledger, ONE, "new", 4);
  committed (ledger);
  g_clear_pointer (&ledger, vfpool_ledger_close);
  ledger = opened (f);
  assert_cordons (ledger, ONE " new 4\n" TWO " - 2\n10000:00:00.0 far \xef\xbf\xbd away 3\n");
  began (ledger);
  assert_true (vfpool_ledger_remove_cordon (ledger, TWO, &existed, NULL));
  assert_true (existed);
  assert_true (vfpool_ledger_remove_cordon (ledger, TWO, &existed, NULL));
  assert_false (existed);
  committed (ledger);
  assert_cordons (ledger, ONE " new 4\n10000:00:00.0 far \xef\xbf\xbd away 3\n");
}

/* ---- Damage ---- */

static void
make_small (const LedgerDir *f) {
  g_autoptr (VfpoolLedger) ledger = opened (f);

  began (ledger);
  remember (ledger, ONE, "a", "net0", "02:00:00:00:00:01");
  remember (ledger, TWO, "b", "net0", NULL);
  cordon (ledger, ONE, "why", 1);
  cordon (ledger, TWO, NULL, 2);
  committed (ledger);
}

static void
nonsense_of_a_guest_is_passed_over (void **state) {
  static const char *const updates[] = {
    "guest_kind = 'vmware'",
    "guest_id = ''",
    "guest_id = 'a' || char (0) || 'b'",
    "guest_id = CAST (x'61ff' AS TEXT)",
    "slot = 'a b'",
    "pool = ''",
    "address = 'zz'",
    "address = '01:10.0'",
    "mac = 'no'",
    "mac = ''",
  };
  const LedgerDir *f = *state;

  for (size_t i = 0; i < G_N_ELEMENTS (updates); i++) {
    g_autofree char *update = g_strdup_printf (
        "PRAGMA ignore_check_constraints = 1; UPDATE assignment SET %s WHERE guest_id = 'a'", updates[i]);
    g_autoptr (VfpoolLedger) ledger = NULL;

    remove_tree (f->folder);
    make_small (f);
    g_free (sql (f->path, update));
    ledger = opened (f);
    assert_assignments (ledger, "manual/b net0 lan " TWO " -\n");
    began (ledger);
    remember (ledger, ONE, "a", "net0", NULL);
    committed (ledger);
    assert_assignments (ledger, "manual/a net0 lan " ONE " -\nmanual/b net0 lan " TWO " -\n");
  }
}

/* A name is only shown. */
static void
nonsense_in_a_name_is_left_out (void **state) {
  const LedgerDir *f = *state;
  g_autoptr (VfpoolLedger) ledger = NULL;
  g_autoptr (GPtrArray) all = NULL;

  make_small (f);
  g_free (sql (f->path, "UPDATE assignment SET guest_name = CAST (x'61ff' AS TEXT)"));
  ledger = opened (f);
  all = vfpool_ledger_assignments (ledger, NULL);
  assert_int_equal (all->len, 2);
  assert_null (((VfpoolAssignment *)g_ptr_array_index (all, 0))->guest_name);
}

/* As with a lease; who only looks is shown the rest. */
static void
nonsense_of_a_cordon_is_damage (void **state) {
  static const char *const addresses[] = { "zz", "", "01:10.0", "0000:01:10.A", "00000:01:10.0", "0000:01:10.8" };
  const LedgerDir *f = *state;

  for (size_t i = 0; i < G_N_ELEMENTS (addresses); i++) {
    g_autofree char *update =
        g_strdup_printf ("UPDATE cordon SET address = '%s' WHERE address = '" ONE "'", addresses[i]);
    g_autoptr (VfpoolLedger) reader = NULL, ledger = NULL;
    g_autoptr (GError) error = NULL;
    g_autofree char *replaced = NULL;

    remove_tree (f->folder);
    make_small (f);
    g_free (sql (f->path, update));
    reader = vfpool_ledger_open_readonly (f->root, &error);
    assert_ok (reader != NULL, error);
    assert_cordons (reader, TWO " - 2\n");
    ledger = vfpool_ledger_open (f->root, &replaced, &error);
    assert_ok (ledger != NULL, error);
    assert_non_null (replaced);
    assert_string_equal (vfpool_ledger_replaced_because (ledger), "the row of a cordon makes no sense");
    assert_cordons (ledger, TWO " - 2\n");
    assert_assignments (ledger, "manual/a net0 lan " ONE " 02:00:00:00:00:01\nmanual/b net0 lan " TWO " -\n");
  }
}

/* Each row makes sense, but the second would not be found where it is looked for. */
static void
cordons_out_of_order_are_damage (void **state) {
  static const char first[] = ONE "why";
  const LedgerDir *f = *state;
  g_autoptr (VfpoolLedger) ledger = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *whole = NULL, *replaced = NULL;
  gsize length;
  char *at;

  make_small (f);
  g_free (sql (f->path, FOLD));
  assert_true (g_file_get_contents (f->path, &whole, &length, NULL));
  at = memmem (whole, length, first, strlen (first));
  assert_non_null (at);
  at[strlen (ONE) - 1] = '7';
  put (f->path, whole, length);
  ledger = vfpool_ledger_open (f->root, &replaced, &error);
  assert_ok (ledger != NULL, error);
  assert_non_null (replaced);
  assert_string_equal (vfpool_ledger_replaced_because (ledger), "the pages of the cordons do not fit together");
  assert_cordons (ledger, TWO " - 2\n0000:01:10.7 why 1\n");
}

/* ---- What is saved ---- */

static void
make_large (const LedgerDir *f) {
  g_autoptr (VfpoolLedger) ledger = opened (f);
  g_autofree char *reason = g_strnfill (500, 'r');

  added (ledger, ONE, "a", "net0");
  began (ledger);
  for (int i = 0; i < REMEMBERED; i++) {
    g_autofree char *guest = g_strdup_printf ("a-guest-with-quite-a-long-name-%03d", i);
    remember (ledger, ONE, guest, "net0", "02:00:00:00:00:01");
  }
  for (int i = 0; i < CORDONED; i++) {
    g_autofree char *address = g_strdup_printf ("0000:%02x:%02x.0", i / 32 + 1, i % 32);
    cordon (ledger, address, reason, i);
  }
  committed (ledger);
  g_clear_pointer (&ledger, vfpool_ledger_close);
  g_free (sql (f->path, FOLD));
}

typedef struct {
  guint assignments, cordons, leases;
} Found;

static gboolean
read_all (VfpoolLedger *ledger, Found *n) {
  g_autoptr (GPtrArray) assignments = NULL, cordons = NULL;

  began (ledger);
  assignments = vfpool_ledger_assignments (ledger, NULL);
  cordons = assignments ? vfpool_ledger_cordons (ledger, NULL) : NULL;
  if (cordons)
    *n = (Found){ assignments->len, cordons->len, count (ledger) };
  vfpool_ledger_rollback (ledger);
  return cordons != NULL;
}

/* What vfpool does with any ledger: opens it and reads it; when damage is met on the way, once more. */
static Found
assert_usable (const LedgerDir *f) {
  for (int tries = 0;; tries++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *replaced = NULL;
    g_autoptr (VfpoolLedger) ledger = vfpool_ledger_open (f->root, &replaced, &error);
    Found n = {};

    assert_ok (ledger != NULL, error);
    if (read_all (ledger, &n))
      return n;
    assert_true (tries == 0 && vfpool_ledger_has_met_damage (ledger));
  }
}

/* Each page in turn: one takes no more with it than was on it, but for the one at the top of a table. */
static void
one_bad_page_takes_its_own_rows_only (void **state) {
  const LedgerDir *f = *state;
  g_autofree char *whole = NULL;
  int assignments = 0, cordons = 0, tops = 0;
  gsize length;

  make_large (f);
  assert_true (g_file_get_contents (f->path, &whole, &length, NULL));
  for (gsize page = 1; page < length / 4096; page++) {
    g_autofree char *bytes = g_memdup2 (whole, length);
    Found n;

    remove_tree (f->folder);
    g_mkdir_with_parents (f->folder, 0700);
    memset (bytes + page * 4096, 0x5a, 4096);
    put (f->path, bytes, length);
    n = assert_usable (f);
    assert_in_range ((n.assignments < REMEMBERED) + (n.cordons < CORDONED) + (n.leases < 1), 0, 1);
    tops += n.assignments == 0 || n.cordons == 0;
    assignments += n.assignments > 0 ? REMEMBERED - (int)n.assignments : 0;
    cordons += n.cordons > 0 ? CORDONED - (int)n.cordons : 0;
  }
  print_message ("           lost in turn: %d assignments, %d cordons, %d tables\n", assignments, cordons, tops);
  assert_int_equal (tops, 2);
  assert_in_range (assignments, REMEMBERED * 3 / 4, REMEMBERED); /* the rest is on the top page */
  assert_in_range (cordons, CORDONED * 3 / 4, CORDONED);
}

#define CASE(test) cmocka_unit_test_setup_teardown (test, ledger_setup, ledger_teardown)

int
main (void) {
  const struct CMUnitTest tests[] = {
    CASE (assignments_come_back_sorted),
    CASE (newer_assignment_takes_the_place),
    CASE (end_of_a_lease_is_seen),
    CASE (forgets_but_not_what_is_held),
    CASE (those_not_seen_for_longest_are_dropped),
    CASE (cordons_come_and_go),
    CASE (nonsense_of_a_guest_is_passed_over),
    CASE (nonsense_in_a_name_is_left_out),
    CASE (nonsense_of_a_cordon_is_damage),
    CASE (cordons_out_of_order_are_damage),
    CASE (one_bad_page_takes_its_own_rows_only),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
