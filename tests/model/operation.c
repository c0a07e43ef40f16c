/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running an operation as one of vfpool's programs would: a handle of its own, opened and closed, because that is how the
 * library is used; and in a child process where a fault will kill it. Both parties see what became of the machine: it
 * lies in shared memory.
 */
#include "operation.h"
#include "config.h"
#include "handle.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void
note_message (VfpoolMessageLevel level, const char *message, gpointer user_data) {
  Result *result = &kernel->result;

  (void)user_data;
  if (!message || !*message || strchr (message, '\n')) {
    kernel_violation ("a message is empty or has a line feed: %s", message ? message : "NULL");
    return;
  }
  if (level != VFPOOL_MESSAGE_WARNING || !(g_str_has_prefix (message, "pool ") || strstr (message, "prepared again")))
    return;
  /* What follows the colon is advice, it is not compared. */
  const char *end = strstr (message, ": ");
  g_autofree char *fact = g_strndup (message, end ? (gsize)(end - message) : strlen (message));
  g_strlcat (result->told, fact, sizeof result->told);
  g_strlcat (result->told, "\n", sizeof result->told);
}

static void
note_error (Result *result, const GError *error) {
  if (!error || error->domain != VFPOOL_ERROR || !*error->message) {
    kernel_violation ("an operation failed without a proper error");
    return;
  }
  result->code = error->code;
  g_strlcpy (result->message, error->message, sizeof result->message);
}

static gboolean
acquire (Vfpool *vfpool, const Operation *op, GError **error) {
  const GuestPlace *guest = &guest_places[op->guest];
  g_autoptr (VfpoolRequest) request = vfpool_request_new (guest->kind, guest->id, guest->name, error);
  g_autoptr (GPtrArray) leases = NULL;
  Result *result = &kernel->result;

  for (int i = 0; request && i < op->n_slots; i++) {
    const Slot *slot = &op->slots[i];
    const char *mac = *slot->mac ? slot->mac : NULL;
    gboolean ok = slot->function < 0
                      ? vfpool_request_add_pool (request, slot->name, pool_names[slot->pool], mac, slot->vlan, error)
                      : vfpool_request_add_address (request, slot->name, function_places[slot->function].address, mac,
                                                    slot->vlan, error);
    if (!ok)
      return FALSE;
  }
  leases = vfpool_acquire (vfpool, request, error);
  result->n_functions = leases ? (int)leases->len : 0;
  for (int i = 0; i < result->n_functions; i++)
    result->functions[i] = find_function (vfpool_lease_get_address (leases->pdata[i]));
  return leases != NULL;
}

static gboolean
look (Vfpool *vfpool, GError **error) {
  g_autoptr (GVariant) status = vfpool_status (vfpool, error);

  return status != NULL;
}

static gboolean
call (Vfpool *vfpool, const Operation *op, GError **error) {
  switch (op->kind) {
  case OP_ACQUIRE:
    return acquire (vfpool, op, error);
  case OP_RELEASE:
    return vfpool_release (vfpool, guest_places[op->guest].kind, guest_places[op->guest].id, error);
  case OP_RELEASE_LEASE:
    return vfpool_release_lease (vfpool, op->lease, error);
  case OP_RELEASE_QUARANTINED:
    return vfpool_release_quarantined (vfpool, function_places[op->function].address, error);
  case OP_RECONCILE:
    return vfpool_reconcile (vfpool, error);
  case OP_UP:
    return vfpool_up (vfpool, error);
  case OP_STATUS:
    return look (vfpool, error);
  }
  g_assert_not_reached ();
}

static void
run_here (const Operation *op) {
  g_autoptr (GError) error = NULL;
  g_autoptr (Vfpool) vfpool = vfpool_open (tree->root, note_message, NULL, &error);
  Result *result = &kernel->result;

  result->is_ok = vfpool && call (vfpool, op, &error);
  if (!result->is_ok)
    note_error (result, error);
  result->has_ended = TRUE;
}

/* A hanging process is one that is gone but still shown: it holds no lock, as one that hangs outside a transaction. */
static void
run_in_child (const Operation *op) {
  g_autofree char *process = g_strdup_printf ("/proc/%d", kernel->worker);
  int status = 0;
  pid_t pid;

  fixture_add_process (tree, kernel->worker, "vfpool", NULL);
  pid = fork ();
  if (pid == 0) {
    run_here (op);
    _exit (0);
  }
  if (pid < 0 || waitpid (pid, &status, 0) != pid || status != 0)
    kernel_violation ("the process of the operation ended with status %d: see above", status);
  if (op->fault.kind == FAULT_CRASH || !kernel->fault.has_happened)
    fixture_remove (tree, process);
}

void
operation_run (const Operation *self) {
  kernel->result = (Result){ 0 };
  kernel->fault = self->fault;
  kernel->worker++;
  if (self->fault.kind == FAULT_CRASH || self->fault.kind == FAULT_HANG)
    run_in_child (self);
  else
    run_here (self);
  kernel->fault.kind = FAULT_NONE;
}

GPtrArray *
read_leases (void) {
  g_autoptr (GError) error = NULL;
  g_autoptr (Vfpool) vfpool = vfpool_open (tree->root, note_message, NULL, &error);
  GPtrArray *leases = vfpool ? vfpool_leases (vfpool, &error) : NULL;

  if (!leases)
    kernel_violation ("the leases cannot be read: %s", error->message);
  return leases;
}

GHashTable *
read_members (void) {
  g_autoptr (GError) error = NULL;
  g_autoptr (Vfpool) vfpool = vfpool_open (tree->root, note_message, NULL, &error);
  VfpoolLedger *ledger = vfpool ? vfpool_handle_ledger (vfpool, &error) : NULL;
  GHashTable *members = ledger ? vfpool_ledger_members (ledger, vfpool->boot_id, &error) : NULL;

  if (!members)
    kernel_violation ("the members cannot be read: %s", error->message);
  return members;
}

GVariant *
read_status (GError **error) {
  g_autoptr (Vfpool) vfpool = vfpool_open (tree->root, note_message, NULL, error);

  return vfpool ? vfpool_status (vfpool, error) : NULL;
}

/* ---- Showing ---- */

static void
describe_slots (const Operation *self, GString *text) {
  for (int i = 0; i < self->n_slots; i++) {
    const Slot *slot = &self->slots[i];

    g_string_append_printf (text, " %s=%s", slot->name,
                            slot->function < 0 ? pool_names[slot->pool] : function_places[slot->function].address);
    if (*slot->mac)
      g_string_append_printf (text, ",%s", slot->mac);
    if (slot->vlan != VFPOOL_VLAN_UNSET)
      g_string_append_printf (text, ",vlan %d", slot->vlan);
  }
}

char *
operation_describe (const Operation *self, const Result *result) {
  static const char *const names[] = { "acquire",   "release", "release lease", "release quarantined",
                                       "reconcile", "up",      "status" };
  g_autofree char *fault = NULL;
  GString *text = g_string_new (names[self->kind]);
  Fault shown = self->fault;

  if (self->kind == OP_ACQUIRE || self->kind == OP_RELEASE)
    g_string_append_printf (text, " %s", guest_places[self->guest].id);
  if (self->kind == OP_RELEASE_LEASE)
    g_string_append_printf (text, " %s, serial %" G_GINT64_FORMAT, self->lease->address, self->lease->serial);
  if (self->kind == OP_RELEASE_QUARANTINED)
    g_string_append_printf (text, " %s", function_places[self->function].address);
  describe_slots (self, text);
  shown.has_happened = kernel->fault.has_happened;
  fault = fault_describe (&shown);
  g_string_append (text, fault);
  if (!result->has_ended)
    g_string_append (text, ": no end");
  else if (!result->is_ok)
    g_string_append_printf (text, ": error %d: %s", result->code, result->message);
  else
    g_string_append (text, ": done");
  for (int i = 0; i < result->n_functions; i++)
    g_string_append_printf (text, " %s", function_places[result->functions[i]].address);
  return g_string_free (text, FALSE);
}
