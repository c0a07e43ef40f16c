/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leases as rows. What is read is checked as strictly as what is written, by the same function: a damaged row ends in
 * an error that names it, and no row is ever written that could not be read again.
 */
#include "ledger-private.h"
#include "address.h"
#include "printable.h"
#include "request.h"

#include <string.h>

#define MAX_HISTORY 10000
#define MAX_TEXT 256

/* In the order of the columns wherever a whole row is meant. */
#define FIRST_COLUMNS                                                                                                  \
  "address, serial, guest_kind, guest_id, guest_name, slot, pool, state, by_pool, mac, vlan, has_saved, saved_mac, "   \
  "saved_vlan, saved_qos, "
#define LAST_COLUMNS "boot_id, worker_pid, worker_start, since, since_boot, reason, "
#define NAME_OF(name, value) #name ", "
#define VALUE_OF(name, value) #value ", "
#define COLUMNS_BY(new, newer, driver)                                                                                 \
  FIRST_COLUMNS VFPOOL_LEDGER_NEW_COLUMNS (new) VFPOOL_LEDGER_NEWER_COLUMNS (newer) LAST_COLUMNS driver
#define COLUMNS COLUMNS_BY (NAME_OF, NAME_OF, "driver")
/* The same of an older ledger, which is only read when it is damaged: else it is brought up to date. */
#define COLUMNS_OF_1 COLUMNS_BY (VALUE_OF, VALUE_OF, "'vfio'")
#define COLUMNS_OF_2 COLUMNS_BY (NAME_OF, VALUE_OF, "'vfio'")
#define COLUMNS_OF_4 COLUMNS_BY (NAME_OF, NAME_OF, "'vfio'")
#define PLACES "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"

enum {
  ADDRESS,
  SERIAL,
  GUEST_KIND,
  GUEST_ID,
  GUEST_NAME,
  SLOT,
  POOL,
  STATE,
  BY_POOL,
  MAC,
  VLAN,
  HAS_SAVED,
  SAVED_MAC,
  SAVED_VLAN,
  SAVED_QOS,
  SAVED_VLAN_PROTO,
  SAVED_TRUST,
  SAVED_SPOOF_CHECK,
  SAVED_MIN_RATE,
  SAVED_MAX_RATE,
  SAVED_LINK_STATE,
  ATTACHED,
  BOOT_ID,
  WORKER_PID,
  WORKER_START,
  SINCE,
  SINCE_BOOT,
  REASON,
  DRIVER,
  N_COLUMNS,
};

/* ---- What a lease must be ---- */

gboolean
vfpool_ledger_is_word (const char *text) {
  size_t length = text ? strlen (text) : 0;

  if (length == 0 || length > MAX_TEXT)
    return FALSE;
  for (const char *c = text; *c; c++)
    if (!g_ascii_isgraph (*c))
      return FALSE;
  return TRUE;
}

gboolean
vfpool_ledger_is_mac (const char *text) {
  for (int i = 0; i < 17; i++)
    if (i % 3 == 2 ? text[i] != ':' : !g_ascii_isxdigit (text[i]))
      return FALSE;
  return !text[17];
}

static gboolean
is_vlan (int vlan) {
  return vlan == VFPOOL_VLAN_UNSET || (vlan >= 0 && vlan <= 4095);
}

static gboolean
is_switch (int value) {
  return value >= -1 && value <= 1;
}

static gboolean
is_saved (const VfpoolVfnet *saved) {
  return (!*saved->mac || vfpool_ledger_is_mac (saved->mac)) && is_vlan (saved->vlan) && saved->vlan_qos >= 0
         && saved->vlan_qos <= 7 && saved->vlan_proto >= 0 && saved->vlan_proto <= 0xffff && is_switch (saved->trust)
         && is_switch (saved->spoof_check) && saved->min_rate >= 0 && saved->max_rate >= -1 && saved->link_state >= -1
         && saved->link_state <= 2;
}

/* Returns: the field of @lease that makes no sense, or NULL. */
static const char *
wrong_field (const VfpoolLease *lease) {
  if (!lease->address || !vfpool_address_is_normal (lease->address))
    return "address";
  if ((guint)lease->guest_kind > VFPOOL_GUEST_MANUAL)
    return "guest_kind";
  if (!vfpool_ledger_is_word (lease->guest_id))
    return "guest_id";
  if (!vfpool_ledger_is_word (lease->slot))
    return "slot";
  if (!vfpool_ledger_is_word (lease->pool))
    return "pool";
  if ((guint)lease->state > VFPOOL_LEASE_QUARANTINED)
    return "state";
  if (lease->mac && !vfpool_ledger_is_mac (lease->mac))
    return "mac";
  if (!is_vlan (lease->vlan))
    return "vlan";
  if (!is_saved (&lease->saved))
    return "saved_*";
  if (!vfpool_ledger_is_word (lease->boot_id))
    return "boot_id";
  if (lease->worker_pid < 0 || lease->worker_start < 0)
    return "worker";
  return NULL;
}

/* ---- Reading ---- */

char *
vfpool_ledger_column_text (sqlite3_stmt *stmt, int column) {
  const char *text = (const char *)sqlite3_column_text (stmt, column);

  if (!text || strlen (text) != (size_t)sqlite3_column_bytes (stmt, column))
    return NULL;
  return g_utf8_make_valid (text, -1);
}

static gboolean
state_from_string (const char *text, VfpoolLeaseState *state) {
  for (int s = VFPOOL_LEASE_RESERVED; s <= VFPOOL_LEASE_QUARANTINED; s++) {
    if (g_strcmp0 (text, vfpool_lease_state_to_string ((VfpoolLeaseState)s)) != 0)
      continue;
    *state = (VfpoolLeaseState)s;
    return TRUE;
  }
  return FALSE;
}

/* Returns FALSE when the MAC cannot be one; the rest is looked at by wrong_field(). */
static gboolean
read_saved (sqlite3_stmt *stmt, VfpoolVfnet *saved) {
  g_autofree char *mac = vfpool_ledger_column_text (stmt, SAVED_MAC);

  saved->vlan = sqlite3_column_int (stmt, SAVED_VLAN);
  saved->vlan_qos = sqlite3_column_int (stmt, SAVED_QOS);
  saved->vlan_proto = sqlite3_column_int (stmt, SAVED_VLAN_PROTO);
  saved->trust = sqlite3_column_int (stmt, SAVED_TRUST);
  saved->spoof_check = sqlite3_column_int (stmt, SAVED_SPOOF_CHECK);
  saved->min_rate = sqlite3_column_int (stmt, SAVED_MIN_RATE);
  saved->max_rate = sqlite3_column_int (stmt, SAVED_MAX_RATE);
  saved->link_state = sqlite3_column_int (stmt, SAVED_LINK_STATE);
  return g_strlcpy (saved->mac, mac ? mac : "", sizeof saved->mac) < sizeof saved->mac;
}

static void
read_columns (sqlite3_stmt *stmt, VfpoolLease *lease) {
  lease->address = vfpool_ledger_column_text (stmt, ADDRESS);
  lease->serial = sqlite3_column_int64 (stmt, SERIAL);
  lease->guest_id = vfpool_ledger_column_text (stmt, GUEST_ID);
  lease->guest_name = vfpool_ledger_column_text (stmt, GUEST_NAME);
  lease->slot = vfpool_ledger_column_text (stmt, SLOT);
  lease->pool = vfpool_ledger_column_text (stmt, POOL);
  lease->by_pool = sqlite3_column_int (stmt, BY_POOL) != 0;
  lease->mac = vfpool_ledger_column_text (stmt, MAC);
  lease->vlan = sqlite3_column_int (stmt, VLAN);
  lease->has_saved = sqlite3_column_int (stmt, HAS_SAVED) != 0;
  lease->is_attached = sqlite3_column_int (stmt, ATTACHED) != 0;
  lease->boot_id = vfpool_ledger_column_text (stmt, BOOT_ID);
  lease->worker_pid = sqlite3_column_int64 (stmt, WORKER_PID);
  lease->worker_start = sqlite3_column_int64 (stmt, WORKER_START);
  lease->since = sqlite3_column_int64 (stmt, SINCE);
  lease->since_boot = sqlite3_column_int64 (stmt, SINCE_BOOT);
  lease->reason = vfpool_ledger_column_text (stmt, REASON);
}

VfpoolLease *
vfpool_ledger_read_row (sqlite3_stmt *stmt, char **wrong) {
  g_autoptr (VfpoolLease) lease = vfpool_lease_new ();
  g_autofree char *kind = vfpool_ledger_column_text (stmt, GUEST_KIND);
  g_autofree char *state = vfpool_ledger_column_text (stmt, STATE);
  g_autofree char *driver = vfpool_ledger_column_text (stmt, DRIVER);
  g_autofree char *shown = NULL;
  const char *field;

  read_columns (stmt, lease);
  if (!kind || !vfpool_guest_kind_from_string (kind, &lease->guest_kind))
    field = "guest_kind";
  else if (!state_from_string (state, &lease->state))
    field = "state";
  else if (!read_saved (stmt, &lease->saved))
    field = "saved_mac";
  else if (!vfpool_driver_from_string (driver, &lease->driver))
    field = "driver";
  else
    field = wrong_field (lease);
  if (!field)
    return g_steal_pointer (&lease);
  shown = printable_copy (lease->address ? lease->address : "(no address)", 40);
  *wrong = g_strdup_printf ("in the row of %s the %s makes no sense", shown, field);
  return NULL;
}

static int
compare_leases (gconstpointer a, gconstpointer b) {
  const VfpoolLease *const *first = a;
  const VfpoolLease *const *second = b;

  return vfpool_address_compare ((*first)->address, (*second)->address);
}

static GPtrArray *
read_rows (VfpoolLedger *self, sqlite3_stmt *stmt, GError **error) {
  g_autoptr (GPtrArray) leases = g_ptr_array_new_with_free_func ((GDestroyNotify)vfpool_lease_unref);
  int rc;

  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW) {
    g_autofree char *wrong = NULL;
    VfpoolLease *lease = vfpool_ledger_read_row (stmt, &wrong);

    if (!lease) {
      g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_CORRUPT,
                   "the ledger %s is damaged: %s; nothing was changed; " VFPOOL_LEDGER_WHAT_NEXT, self->path, wrong);
      return NULL;
    }
    g_ptr_array_add (leases, lease);
  }
  if (rc != SQLITE_DONE) {
    vfpool_ledger_fail (self, rc, "read the leases", error);
    return NULL;
  }
  g_ptr_array_sort (leases, compare_leases);
  return g_steal_pointer (&leases);
}

static gboolean
has_column (VfpoolLedger *self, const char *name) {
  return sqlite3_table_column_metadata (self->db, "main", "lease", name, NULL, NULL, NULL, NULL, NULL) == SQLITE_OK;
}

sqlite3_stmt *
vfpool_ledger_select_leases (VfpoolLedger *self, const char *rest, GError **error) {
  const char *columns = has_column (self, "driver")             ? COLUMNS
                        : has_column (self, "attached")         ? COLUMNS_OF_4
                        : has_column (self, "saved_link_state") ? COLUMNS_OF_2
                                                                : COLUMNS_OF_1;
  g_autofree char *sql = g_strconcat ("SELECT ", columns, " FROM lease ", rest, NULL);

  return vfpool_ledger_prepare (self, sql, "read the leases", error);
}

static char *
lease_fault (sqlite3_stmt *stmt) {
  char *wrong = NULL;

  vfpool_lease_unref (vfpool_ledger_read_row (stmt, &wrong));
  return wrong;
}

static char *
cordon_fault (sqlite3_stmt *stmt) {
  return vfpool_ledger_is_cordon (stmt) ? NULL : g_strdup ("the row of a cordon makes no sense");
}

/* Whether all rows of @stmt (nullable: its error is set), which is freed, make sense: @fault says what does not, or NULL. */
static VfpoolLedgerHealth
examine_each (VfpoolLedger *self, sqlite3_stmt *stmt, char *(*fault) (sqlite3_stmt *), char **damage, GError **error) {
  int rc = SQLITE_DONE;

  if (!stmt)
    return VFPOOL_LEDGER_FAILED;
  while (!*damage && (rc = sqlite3_step (stmt)) == SQLITE_ROW)
    *damage = fault (stmt);
  if (vfpool_ledger_rc_is_damage (rc))
    *damage = g_strdup (sqlite3_errmsg (self->db));
  else if (rc != SQLITE_DONE && rc != SQLITE_ROW)
    vfpool_ledger_fail (self, rc, "read the ledger", error);
  sqlite3_finalize (stmt);
  if (*damage)
    return VFPOOL_LEDGER_DAMAGED;
  return rc == SQLITE_DONE ? VFPOOL_LEDGER_GOOD : VFPOOL_LEDGER_FAILED;
}

VfpoolLedgerHealth
vfpool_ledger_examine_rows (VfpoolLedger *self, char **damage, GError **error) {
  VfpoolLedgerHealth health =
      examine_each (self, vfpool_ledger_select_leases (self, "", error), lease_fault, damage, error);

  if (health != VFPOOL_LEDGER_GOOD)
    return health;
  return examine_each (self, vfpool_ledger_select_cordons (self, error), cordon_fault, damage, error);
}

GPtrArray *
vfpool_ledger_leases (VfpoolLedger *self, GError **error) {
  sqlite3_stmt *stmt = vfpool_ledger_select_leases (self, "", error);
  GPtrArray *leases = stmt ? read_rows (self, stmt, error) : NULL;

  sqlite3_finalize (stmt);
  return leases;
}

/* The one lease for which @condition holds, its parameters filled from the strings that follow, up to three. */
static gboolean
find_one (VfpoolLedger *self, const char *condition, const char *const *values, VfpoolLease **lease, GError **error) {
  g_autofree char *where = g_strconcat ("WHERE ", condition, NULL);
  sqlite3_stmt *stmt = vfpool_ledger_select_leases (self, where, error);
  g_autoptr (GPtrArray) leases = NULL;

  *lease = NULL;
  for (int i = 0; stmt && values[i]; i++)
    sqlite3_bind_text (stmt, i + 1, values[i], -1, SQLITE_TRANSIENT);
  leases = stmt ? read_rows (self, stmt, error) : NULL;
  sqlite3_finalize (stmt);
  if (leases && leases->len > 0)
    *lease = vfpool_lease_ref (leases->pdata[0]);
  return leases != NULL;
}

gboolean
vfpool_ledger_find (VfpoolLedger *self, const char *bdf, VfpoolLease **lease, GError **error) {
  return find_one (self, "address = ?", (const char *[]){ bdf, NULL }, lease, error);
}

/* ---- Writing ---- */

static gboolean
can_be_written (const VfpoolLedger *self, const VfpoolLease *lease, GError **error) {
  const char *wrong = wrong_field (lease);

  if (!vfpool_ledger_is_in_transaction (self, error))
    return FALSE;
  if (!wrong)
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
               "cannot record a lease of %s for %s: its %s makes no sense; nothing was changed",
               lease->address ? lease->address : "(no address)", lease->guest_id ? lease->guest_id : "(no guest)",
               wrong);
  return FALSE;
}

void
vfpool_ledger_bind_text (sqlite3_stmt *stmt, int column, const char *text) {
  g_autofree char *valid = text ? g_utf8_make_valid (text, -1) : NULL;

  sqlite3_bind_text (stmt, column + 1, valid, -1, SQLITE_TRANSIENT); /* NULL binds NULL */
}

static void
bind_columns (sqlite3_stmt *stmt, const VfpoolLease *lease, gint64 serial) {
  vfpool_ledger_bind_text (stmt, ADDRESS, lease->address);
  sqlite3_bind_int64 (stmt, SERIAL + 1, serial);
  vfpool_ledger_bind_text (stmt, GUEST_KIND, vfpool_guest_kind_to_string (lease->guest_kind));
  vfpool_ledger_bind_text (stmt, GUEST_ID, lease->guest_id);
  vfpool_ledger_bind_text (stmt, GUEST_NAME, lease->guest_name);
  vfpool_ledger_bind_text (stmt, SLOT, lease->slot);
  vfpool_ledger_bind_text (stmt, POOL, lease->pool);
  vfpool_ledger_bind_text (stmt, STATE, vfpool_lease_state_to_string (lease->state));
  sqlite3_bind_int (stmt, BY_POOL + 1, lease->by_pool != 0);
  vfpool_ledger_bind_text (stmt, MAC, lease->mac);
  sqlite3_bind_int (stmt, VLAN + 1, lease->vlan);
  sqlite3_bind_int (stmt, HAS_SAVED + 1, lease->has_saved != 0);
  vfpool_ledger_bind_text (stmt, SAVED_MAC, *lease->saved.mac ? lease->saved.mac : NULL);
  sqlite3_bind_int (stmt, SAVED_VLAN + 1, lease->saved.vlan);
  sqlite3_bind_int (stmt, SAVED_QOS + 1, lease->saved.vlan_qos);
  sqlite3_bind_int (stmt, SAVED_VLAN_PROTO + 1, lease->saved.vlan_proto);
  sqlite3_bind_int (stmt, SAVED_TRUST + 1, lease->saved.trust);
  sqlite3_bind_int (stmt, SAVED_SPOOF_CHECK + 1, lease->saved.spoof_check);
  sqlite3_bind_int (stmt, SAVED_MIN_RATE + 1, lease->saved.min_rate);
  sqlite3_bind_int (stmt, SAVED_MAX_RATE + 1, lease->saved.max_rate);
  sqlite3_bind_int (stmt, SAVED_LINK_STATE + 1, lease->saved.link_state);
  sqlite3_bind_int (stmt, ATTACHED + 1, lease->is_attached != 0);
  vfpool_ledger_bind_text (stmt, BOOT_ID, lease->boot_id);
  sqlite3_bind_int64 (stmt, WORKER_PID + 1, lease->worker_pid);
  sqlite3_bind_int64 (stmt, WORKER_START + 1, lease->worker_start);
  sqlite3_bind_int64 (stmt, SINCE + 1, lease->since);
  sqlite3_bind_int64 (stmt, SINCE_BOOT + 1, lease->since_boot);
  vfpool_ledger_bind_text (stmt, REASON, lease->reason);
  vfpool_ledger_bind_text (stmt, DRIVER, vfpool_driver_to_string (lease->driver));
}

static gboolean
next_serial (VfpoolLedger *self, gint64 *serial, GError **error) {
  sqlite3_stmt *stmt = vfpool_ledger_prepare (
      self, "UPDATE meta SET value = value + 1 WHERE name = 'serial' RETURNING value", "number a lease", error);
  int rc;

  if (!stmt)
    return FALSE;
  rc = sqlite3_step (stmt);
  if (rc == SQLITE_ROW) {
    *serial = sqlite3_column_int64 (stmt, 0);
    rc = sqlite3_step (stmt);
  } else if (rc == SQLITE_DONE) {
    rc = SQLITE_CORRUPT; /* the counter is gone */
  }
  if (rc != SQLITE_DONE)
    vfpool_ledger_fail (self, rc, "number a lease", error);
  sqlite3_finalize (stmt);
  return rc == SQLITE_DONE;
}

/* Says which lease is in the way of @lease; the constraint itself only knows that one is. */
static gboolean
fail_in_use (VfpoolLedger *self, const VfpoolLease *lease, GError **error) {
  g_autofree char *guest = vfpool_guest_describe (lease->guest_kind, lease->guest_id, lease->guest_name);
  g_autofree char *holder = NULL;
  g_autoptr (VfpoolLease) other = NULL;
  const char *slot[] = { vfpool_guest_kind_to_string (lease->guest_kind), lease->guest_id, lease->slot, NULL };

  if (find_one (self, "guest_kind = ? AND guest_id = ? AND slot = ? AND state <> 'quarantined'", slot, &other, NULL)
      && other && !g_str_equal (other->address, lease->address)) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE,
                 "%s already holds %s for its slot \"%s\", so %s was not leased to it", guest, other->address,
                 lease->slot, lease->address);
    return FALSE;
  }
  g_clear_pointer (&other, vfpool_lease_unref);
  if (vfpool_ledger_find (self, lease->address, &other, NULL) && other)
    holder = vfpool_guest_describe (other->guest_kind, other->guest_id, other->guest_name);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE, "%s is already leased to %s, so it was not leased to %s",
               lease->address, holder ? holder : "another guest", guest);
  return FALSE;
}

static gboolean
fail_changed (const VfpoolLease *lease, GError **error) {
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY,
               "the lease of %s for %s/%s was changed by another process meanwhile; nothing was changed, try again",
               lease->address, vfpool_guest_kind_to_string (lease->guest_kind), lease->guest_id);
  return FALSE;
}

/* Runs a change of one row to its end and frees @stmt. */
static gboolean
change_row (VfpoolLedger *self, sqlite3_stmt *stmt, const VfpoolLease *lease, GError **error) {
  int rc = sqlite3_step (stmt);

  sqlite3_finalize (stmt);
  if ((rc & 0xff) == SQLITE_CONSTRAINT)
    return fail_in_use (self, lease, error);
  if (rc != SQLITE_DONE)
    return vfpool_ledger_fail (self, rc, "record a lease", error);
  return sqlite3_changes (self->db) == 1 || fail_changed (lease, error);
}

static gboolean
insert_row (VfpoolLedger *self, const VfpoolLease *lease, gint64 serial, GError **error) {
  sqlite3_stmt *stmt;

  stmt = vfpool_ledger_prepare (self, "INSERT INTO lease (" COLUMNS ") VALUES (" PLACES ")", "record a lease", error);
  if (!stmt)
    return FALSE;
  bind_columns (stmt, lease, serial);
  return change_row (self, stmt, lease, error);
}

gboolean
vfpool_ledger_add (VfpoolLedger *self, VfpoolLease *lease, GError **error) {
  gint64 serial;

  if (!can_be_written (self, lease, error) || !next_serial (self, &serial, error)
      || !insert_row (self, lease, serial, error))
    return FALSE;
  lease->serial = serial;
  return TRUE;
}

gboolean
vfpool_ledger_add_as_is (VfpoolLedger *self, const VfpoolLease *lease, GError **error) {
  return can_be_written (self, lease, error) && insert_row (self, lease, lease->serial, error);
}

gboolean
vfpool_ledger_update (VfpoolLedger *self, VfpoolLease *lease, gboolean new_serial, GError **error) {
  sqlite3_stmt *stmt;
  gint64 serial = lease->serial;

  if (!can_be_written (self, lease, error) || (new_serial && !next_serial (self, &serial, error)))
    return FALSE;
  stmt =
      vfpool_ledger_prepare (self, "UPDATE lease SET (" COLUMNS ") = (" PLACES ") WHERE address = ?1 AND serial = ?30",
                             "record a lease", error);
  if (!stmt)
    return FALSE;
  bind_columns (stmt, lease, serial);
  sqlite3_bind_int64 (stmt, N_COLUMNS + 1, lease->serial);
  if (!change_row (self, stmt, lease, error))
    return FALSE;
  lease->serial = serial;
  return TRUE;
}

gboolean
vfpool_ledger_remove (VfpoolLedger *self, const VfpoolLease *lease, GError **error) {
  sqlite3_stmt *stmt;

  if (!vfpool_ledger_is_in_transaction (self, error))
    return FALSE;
  stmt = vfpool_ledger_prepare (self, "DELETE FROM lease WHERE address = ? AND serial = ?", "end a lease", error);
  if (!stmt)
    return FALSE;
  vfpool_ledger_bind_text (stmt, 0, lease->address);
  sqlite3_bind_int64 (stmt, 2, lease->serial);
  return change_row (self, stmt, lease, error) && vfpool_ledger_see (self, lease, error);
}

/* ---- History ---- */

static gboolean
fail_history (VfpoolLedger *self, int rc, GError **error) {
  return vfpool_ledger_fail_lesser (self, rc, "write the history", error);
}

static gboolean
drop_old_history (VfpoolLedger *self, GError **error) {
  g_autofree char *sql = g_strdup_printf ("DELETE FROM history WHERE id <= %" G_GINT64_FORMAT,
                                          (gint64)sqlite3_last_insert_rowid (self->db) - MAX_HISTORY);
  int rc = sqlite3_exec (self->db, sql, NULL, NULL, NULL);

  return rc == SQLITE_OK || fail_history (self, rc, error);
}

gboolean
vfpool_ledger_note (VfpoolLedger *self, const VfpoolLease *lease, const char *event, const char *detail,
                    GError **error) {
  const char *texts[] = {
    event,
    lease->address,
    vfpool_guest_kind_to_string (lease->guest_kind),
    lease->guest_id,
    lease->guest_name,
    lease->slot,
    lease->pool,
    detail,
  };
  sqlite3_stmt *stmt;
  int rc;

  if (!can_be_written (self, lease, error))
    return FALSE;
  stmt = vfpool_ledger_prepare (
      self,
      "INSERT INTO history (event, address, guest_kind, guest_id, guest_name, slot, pool, detail, time) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      "write the history", error);
  if (!stmt)
    return FALSE;
  for (size_t i = 0; i < G_N_ELEMENTS (texts); i++)
    vfpool_ledger_bind_text (stmt, (int)i, texts[i]);
  sqlite3_bind_int64 (stmt, G_N_ELEMENTS (texts) + 1, g_get_real_time ());
  rc = sqlite3_step (stmt);
  sqlite3_finalize (stmt);
  return rc == SQLITE_DONE ? drop_old_history (self, error) : fail_history (self, rc, error);
}

/* ---- Rebuilding ---- */

gboolean
vfpool_ledger_needs_rebuild (VfpoolLedger *self, gboolean *needs, GError **error) {
  sqlite3_stmt *stmt =
      vfpool_ledger_prepare (self, "SELECT value FROM meta WHERE name = 'rebuild'", "read the ledger", error);
  int rc;

  if (!stmt)
    return FALSE;
  rc = sqlite3_step (stmt);
  *needs = rc != SQLITE_ROW || sqlite3_column_int (stmt, 0) != 0; /* no such row: damaged, so in doubt yes */
  sqlite3_finalize (stmt);
  return rc == SQLITE_ROW || rc == SQLITE_DONE || vfpool_ledger_fail (self, rc, "read the ledger", error);
}

gboolean
vfpool_ledger_set_rebuilt (VfpoolLedger *self, GError **error) {
  return vfpool_ledger_is_in_transaction (self, error)
         && vfpool_ledger_run (self, "UPDATE meta SET value = 0 WHERE name = 'rebuild'", "write the ledger", error);
}
