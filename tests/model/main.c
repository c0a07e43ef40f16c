/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver: `model [-n OPERATIONS] [-s SEED]`. Random operations of the library and random events beside it, one after
 * the other; after each operation the library's answer, its leases, the machine and (every few times) its status are compared with the
 * model. Now and then everything is brought to rest: all guests end, reconcile runs, and then every VF has to be free, as
 * it was, and to be had.
 *
 * The first mismatch ends the run: what follows it would only be its echo. It is shown with what led to it, and the same
 * seed leads there again.
 */
#include "choose.h"
#include "environment.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN 20       /* steps before a mismatch */
#define REST_EVERY 250 /* operations */
#define STATUS_EVERY 3 /* it takes as long as an operation */
#define KNOWN_LEASES 6
#define CALM_GUEST 6 /* a manual one: its leases end by release only */

typedef struct {
  Model model;
  GRand *random;
  GPtrArray *steps;        /* of text: the last ones */
  GPtrArray *known_leases; /* of VfpoolLease */
  Operation last_acquire;  /* a guest that did not start is started again */
  GString *problems;
  int n_operations;
  gboolean is_verbose;
} Run;

static void
note_step (Run *run, char *text) {
  if (run->is_verbose)
    g_print ("%s\n", text);
  g_ptr_array_add (run->steps, text);
  if (run->steps->len > SHOWN)
    g_ptr_array_remove_index (run->steps, 0);
}

static void
happen (Run *run) {
  g_autoptr (GString) text = g_string_new (NULL);

  environment_step (&run->model, run->random, text);
  if (text->len > 0)
    note_step (run, g_strdup_printf ("          %s", text->str));
}

/* Somebody reads the leases, and acts on that some time later. Reading opens the ledger, so it is done right after an
 * operation only, when the model knows it as open. */
static void
remember_lease (Run *run) {
  g_autoptr (GPtrArray) rows = read_leases ();
  guint i;

  if (!rows || rows->len == 0)
    return;
  i = (guint)g_rand_int_range (run->random, 0, (gint32)rows->len);
  g_ptr_array_add (run->known_leases, vfpool_lease_ref (rows->pdata[i]));
  if (run->known_leases->len > KNOWN_LEASES)
    g_ptr_array_remove_index (run->known_leases, 0);
}

static void
note_serials (Model *m) {
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (m->is_leased[f])
      m->max_serial = MAX (m->max_serial, m->leases[f].serial);
}

/* A new ledger that was left half made cannot be told from one that got lost: what is open may then have been adopted. */
static void
judge_fault (const Model *unopened, Model *seen, const Operation *op, GString *problems) {
  g_autoptr (GString) as_absent = g_string_new (NULL);
  Model before = *unopened;

  foretell_open (&before);
  judge (&before, seen, op, as_absent);
  if (as_absent->len > 0 && unopened->ledger == LEDGER_ABSENT) {
    g_string_truncate (as_absent, 0);
    before = *unopened;
    before.ledger = LEDGER_LOST;
    foretell_open (&before);
    judge (&before, seen, op, as_absent);
  }
  g_string_append (problems, as_absent->str);
}

/* Runs @op and compares; the model then is what was seen. */
static void
operate (Run *run, const Operation *op) {
  Model before = run->model, expected, seen;
  Result result, expected_result;
  g_autofree char *described = NULL;
  gboolean has_met_fault;

  foretell_open (&before);
  expected = op->kind == OP_STATUS ? run->model : before;
  foretell (&expected, op, &expected_result);
  if (op->kind == OP_STATUS)
    expected = before;
  operation_run (op);
  result = kernel->result;
  has_met_fault = kernel->fault.has_happened;
  described = operation_describe (op, &result);
  note_step (run, g_strdup_printf ("%8d  %s", ++run->n_operations, described));
  seen = expected;
  seen.machine = kernel->machine;
  if (op->fault.kind == FAULT_HANG && has_met_fault)
    seen.hanging = kernel->worker;
  if (observe_ledger (&seen, run->problems)) {
    if (!has_met_fault) {
      compare_result (op, &expected_result, run->problems);
      compare_state (&expected, &seen, run->problems);
    } else {
      judge_fault (&run->model, &seen, op, run->problems);
    }
    if (result.has_ended && result.is_ok)
      check_success (&before, &seen, op, run->problems);
    if (run->n_operations % STATUS_EVERY == 0)
      compare_status (&seen, run->problems);
  }
  if (*kernel->violation)
    g_string_append_printf (run->problems, "%s\n", kernel->violation);
  note_serials (&seen);
  run->model = seen;
}

/* ---- Rest ---- */

static void
operate_calmly (Run *run, Operation op) {
  if (run->problems->len == 0)
    operate (run, &op);
}

/* Whether a guest that wants all of a pool gets @f: the other one in its group must be on vfio-pci, or be the guest's. */
static gboolean
is_to_be_had (const Machine *machine, int f) {
  if (!machine->devices[f].exists)
    return FALSE;
  for (int mate = 0; mate < N_FUNCTIONS; mate++)
    if (mate != f && machine->devices[mate].exists && function_places[mate].group == function_places[f].group
        && !device_is_on_vfio (&machine->devices[mate]) && !(mate < f && is_to_be_had (machine, mate)))
      return FALSE;
  return TRUE;
}

static void
take_whole_pool (Run *run, int pool) {
  Operation op = { .kind = OP_ACQUIRE, .guest = CALM_GUEST };
  int members[N_FUNCTIONS], n = config_members (&run->model.config, pool, members);

  for (int i = 0; i < n; i++) {
    Slot *slot = &op.slots[op.n_slots];

    if (!is_to_be_had (&run->model.machine, members[i]))
      continue;
    *slot = (Slot){ .pool = pool, .function = -1, .vlan = VFPOOL_VLAN_UNSET };
    g_snprintf (slot->name, NAME_SIZE, "s%d", op.n_slots++);
  }
  if (op.n_slots == 0)
    return;
  operate_calmly (run, op);
  if (kernel->result.n_functions != op.n_slots)
    g_string_append_printf (run->problems, "at rest, %d VFs of pool %s were expected, and %d handed out\n", op.n_slots,
                            pool_names[pool], kernel->result.n_functions);
  operate_calmly (run, (Operation){ .kind = OP_RELEASE, .guest = CALM_GUEST });
}

static void
check_nothing_is_leased (Run *run) {
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (run->model.is_leased[f])
      g_string_append_printf (run->problems, "at rest, %s is still leased\n", function_places[f].address);
}

static void
rest (Run *run) {
  note_step (run, g_strdup ("          rest: all guests and others end, nothing hangs"));
  environment_calm (&run->model);
  operate_calmly (run, (Operation){ .kind = OP_RECONCILE });
  for (int guest = 0; guest < N_GUESTS; guest++)
    if (guest_places[guest].kind >= VFPOOL_GUEST_PVE_LXC)
      operate_calmly (run, (Operation){ .kind = OP_RELEASE, .guest = guest });
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (run->model.is_leased[f])
      operate_calmly (run, (Operation){ .kind = OP_RELEASE_QUARANTINED, .function = f });
  check_nothing_is_leased (run);
  for (int pool = 0; pool < N_POOLS; pool++)
    take_whole_pool (run, pool);
  check_nothing_is_leased (run);
}

/* ---- The run ---- */

static void
run_begin (Run *run, guint32 seed) {
  run->random = g_rand_new_with_seed (seed);
  run->steps = g_ptr_array_new_with_free_func (g_free);
  run->known_leases = g_ptr_array_new_with_free_func ((GDestroyNotify)vfpool_lease_unref);
  run->problems = g_string_new (NULL);
  kernel_start ();
  run->model.machine = kernel->machine;
  run->model.boot = kernel->boot;
  config_choose (&run->model.config, run->random);
  environment_write_config (&run->model);
}

static void
run_end (Run *run) {
  kernel_stop ();
  g_rand_free (run->random);
  g_ptr_array_unref (run->steps);
  g_ptr_array_unref (run->known_leases);
  g_string_free (run->problems, TRUE);
}

static void
run_step (Run *run) {
  Operation op;

  if (g_rand_int_range (run->random, 0, REST_EVERY) == 0) {
    rest (run);
    return;
  }
  for (int n = g_rand_int_range (run->random, 0, 3); n > 0; n--)
    happen (run);
  choose_operation (&op, &run->model, &run->last_acquire, run->known_leases, run->random);
  if (op.kind == OP_ACQUIRE)
    run->last_acquire = op;
  operate (run, &op);
  if (run->problems->len == 0 && g_rand_int_range (run->random, 0, 4) == 0)
    remember_lease (run);
}

static void
show_mismatch (const Run *run) {
  g_print ("mismatch at operation %d; the last steps were:\n", run->n_operations);
  for (guint i = 0; i < run->steps->len; i++)
    g_print ("%s\n", (const char *)run->steps->pdata[i]);
  g_print ("what is wrong:\n%s", run->problems->str);
}

int
main (int argc, char **argv) {
  int n_operations = 20000;
  gint64 seed = -1;
  Run run = { 0 };
  const GOptionEntry entries[] = { { "operations", 'n', 0, G_OPTION_ARG_INT, &n_operations, "How many operations",
                                     "N" },
                                   { "seed", 's', 0, G_OPTION_ARG_INT64, &seed, "Replay the run of this seed", "SEED" },
                                   { "verbose", 'v', 0, G_OPTION_ARG_NONE, &run.is_verbose, "Show each step", NULL },
                                   { NULL } };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  gboolean is_wrong;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc > 1) {
    g_printerr ("model: %s\n", error ? error->message : "expected options only");
    return 2;
  }
  if (seed < 0)
    seed = g_random_int ();
  run_begin (&run, (guint32)seed);
  while (run.n_operations < n_operations && run.problems->len == 0)
    run_step (&run);
  if (run.problems->len == 0)
    rest (&run);
  is_wrong = run.problems->len > 0;
  if (is_wrong)
    show_mismatch (&run);
  g_print ("model: %d operations, %d mismatches, seed %u\n", run.n_operations, is_wrong, (guint)seed);
  run_end (&run);
  return is_wrong;
}
