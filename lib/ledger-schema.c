/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables of the ledger, and the look at them that each opening affords. The rules that must never be broken (one
 * lease a VF, one VF a slot of a guest) are constraints, so that they hold whatever the code does.
 *
 * Every VM start opens the ledger, so the look is cheap: the header says whose file it is, the schema that the tables
 * are there, and SQLite's own checks go over the few pages of the leases and cordons, which are read next anyway. The history
 * and what is remembered of guests, the larger part, are not gone over; damage in them shows when they are read or written.
 */
#include "ledger-private.h"

#include <stdlib.h>
#include <string.h>

#define APPLICATION_ID 0x7666706f /* "vfpo", in the header at byte 68, where file(1) looks */
#define SCHEMA_VERSION 5

/* The members of the pools as they were last seen, to tell what appeared and what vanished (members.c). */
#define MEMBER_TABLE "CREATE TABLE member (name TEXT PRIMARY KEY, boot_id TEXT NOT NULL) STRICT, WITHOUT ROWID;"

#define KIND_COLUMN "guest_kind TEXT NOT NULL CHECK (guest_kind IN ('libvirt', 'pve-qemu', 'pve-lxc', 'manual')),"

#define DRIVER_COLUMN "driver TEXT NOT NULL DEFAULT 'vfio' CHECK (driver IN ('vfio', 'host'))"

/* What guests had, and what is cordoned (ledger-memory.c). */
#define MEMORY_TABLES                                                                                                  \
  "CREATE TABLE assignment (" KIND_COLUMN "  guest_id TEXT NOT NULL,"                                                  \
  "  slot TEXT NOT NULL,"                                                                                              \
  "  guest_name TEXT,"                                                                                                 \
  "  pool TEXT NOT NULL,"                                                                                              \
  "  address TEXT NOT NULL,"                                                                                           \
  "  mac TEXT,"                                                                                                        \
  "  seen INTEGER NOT NULL,"                                                                                           \
  "  PRIMARY KEY (guest_kind, guest_id, slot)"                                                                         \
  ") STRICT, WITHOUT ROWID;"                                                                                           \
  "CREATE TABLE cordon (address TEXT PRIMARY KEY, reason TEXT, since INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

/* Serials begin at the time of creation in microseconds and count up from there, so that a new ledger never gives one
 * that an earlier one gave. */
static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE lease ("
    "  address TEXT PRIMARY KEY,"
    "  serial INTEGER NOT NULL,"
    "  " KIND_COLUMN "  guest_id TEXT NOT NULL,"
    "  guest_name TEXT,"
    "  slot TEXT NOT NULL,"
    "  pool TEXT NOT NULL,"
    "  state TEXT NOT NULL CHECK (state IN ('reserved', 'active', 'releasing', 'quarantined')),"
    "  by_pool INTEGER NOT NULL CHECK (by_pool IN (0, 1)),"
    "  mac TEXT,"
    "  vlan INTEGER NOT NULL,"
    "  has_saved INTEGER NOT NULL CHECK (has_saved IN (0, 1)),"
    "  saved_mac TEXT,"
    "  saved_vlan INTEGER NOT NULL,"
    "  saved_qos INTEGER NOT NULL,"
    "  saved_vlan_proto INTEGER NOT NULL,"
    "  saved_trust INTEGER NOT NULL,"
    "  saved_spoof_check INTEGER NOT NULL,"
    "  saved_min_rate INTEGER NOT NULL,"
    "  saved_max_rate INTEGER NOT NULL,"
    "  saved_link_state INTEGER NOT NULL,"
    "  attached INTEGER NOT NULL,"
    "  boot_id TEXT NOT NULL,"
    "  worker_pid INTEGER NOT NULL,"
    "  worker_start INTEGER NOT NULL,"
    "  since INTEGER NOT NULL,"
    "  since_boot INTEGER NOT NULL,"
    "  reason TEXT,"
    "  " DRIVER_COLUMN ") STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX lease_slot ON lease (guest_kind, guest_id, slot) WHERE state <> 'quarantined';"
    "CREATE TABLE history ("
    "  id INTEGER PRIMARY KEY,"
    "  time INTEGER NOT NULL," /* microseconds since 1970 UTC */
    "  event TEXT NOT NULL,"
    "  address TEXT NOT NULL,"
    "  guest_kind TEXT NOT NULL,"
    "  guest_id TEXT NOT NULL,"
    "  guest_name TEXT,"
    "  slot TEXT NOT NULL,"
    "  pool TEXT NOT NULL,"
    "  detail TEXT"
    ") STRICT;"
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO meta VALUES"
    "  ('serial', CAST ((julianday ('now') - 2440587.5) * 86400000000 AS INTEGER)),"
    "  ('rebuild', %d);" MEMBER_TABLE MEMORY_TABLES "PRAGMA application_id = %d;"
    "PRAGMA user_version = %d;"
    "COMMIT;";

#define ADD_COLUMN(name, value) "ALTER TABLE lease ADD COLUMN " #name " INTEGER NOT NULL DEFAULT " #value ";"

/* From each version to the next one, from 1 on. */
static const char *const upgrades[SCHEMA_VERSION - 1] = {
  VFPOOL_LEDGER_NEW_COLUMNS (ADD_COLUMN) MEMBER_TABLE "PRAGMA user_version = 2;",
  MEMORY_TABLES "PRAGMA user_version = 3;",
  VFPOOL_LEDGER_NEWER_COLUMNS (ADD_COLUMN) "PRAGMA user_version = 4;",
  "ALTER TABLE lease ADD COLUMN " DRIVER_COLUMN ";PRAGMA user_version = 5;",
};

gboolean
vfpool_ledger_create_tables (VfpoolLedger *self, gboolean needs_rebuild, GError **error) {
  g_autofree char *sql = g_strdup_printf (schema, needs_rebuild ? 1 : 0, APPLICATION_ID, SCHEMA_VERSION);

  /* Nobody sees the file before it is whole, so nothing needs to be safe on the way. It becomes one with a log last, so
   * that the file alone holds it all. */
  return vfpool_ledger_run (self, "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY", "make the ledger", error)
         && vfpool_ledger_run (self, sql, "make the ledger", error)
         && vfpool_ledger_run (self, "PRAGMA journal_mode = WAL", "make the ledger", error);
}

/* The first column of the first row, as text, for g_free(); SQLITE_ROW, or what SQLite said instead. */
static int
read_first (sqlite3 *db, const char *sql, char **text) {
  sqlite3_stmt *stmt = NULL;
  int rc = sqlite3_prepare_v2 (db, sql, -1, &stmt, NULL);

  if (rc == SQLITE_OK)
    rc = sqlite3_step (stmt);
  if (rc == SQLITE_ROW)
    *text = g_strdup ((const char *)sqlite3_column_text (stmt, 0));
  sqlite3_finalize (stmt);
  return rc;
}

/* A write-ahead log with something in it that does not begin as one: SQLite would pass over it in silence, and with it
 * over the newest leases. */
static gboolean
log_is_garbage (sqlite3 *db) {
  static const guint8 magic[] = { 0x37, 0x7f, 0x06 }; /* then 0x82 or 0x83, by the byte order of its checksums */
  sqlite3_file *file = NULL;
  sqlite3_int64 size = 0;
  guint8 header[32];

  if (sqlite3_file_control (db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK || !file || !file->pMethods
      || file->pMethods->xFileSize (file, &size) != SQLITE_OK || size == 0)
    return FALSE;
  if (size < (sqlite3_int64)sizeof header)
    return TRUE;
  return file->pMethods->xRead (file, header, sizeof header, 0) == SQLITE_OK
         && memcmp (header, magic, sizeof magic) != 0;
}

static const struct {
  const char *sql;
  const char *expected;
  const char *damage;
} checks[] = {
  { "SELECT count (*) FROM sqlite_schema WHERE name IN ('lease', 'lease_slot', 'history', 'meta', 'member', "
    "'assignment', 'cordon')",
    "7", "some of its tables are missing" },
  { "PRAGMA quick_check (lease)", "ok", "the pages of the leases do not fit together" },
  { "PRAGMA integrity_check (cordon)", "ok", "the pages of the cordons do not fit together" },
  { "SELECT count (*) FROM meta WHERE name IN ('serial', 'rebuild')", "2", "its counters are missing" },
};

/* What the failure @rc of a statement that is known to be right says of the ledger: it can only be wrong (SQLITE_ERROR) against
 * tables that are. */
static VfpoolLedgerHealth
judge (VfpoolLedger *self, int rc, const char *doing, char **damage, GError **error) {
  if (rc != SQLITE_ERROR && !vfpool_ledger_rc_is_damage (rc)) {
    vfpool_ledger_fail (self, rc, doing, error);
    return VFPOOL_LEDGER_FAILED;
  }
  *damage = vfpool_ledger_said (self);
  return VFPOOL_LEDGER_DAMAGED;
}

static void
fail_newer (const VfpoolLedger *self, const char *version, GError **error) {
  g_set_error (
      error, VFPOOL_ERROR, VFPOOL_ERROR_CORRUPT,
      "the ledger %s was written by a newer vfpool (version %s of its tables, this one knows %d); it was left as "
      "it is: install that vfpool again, or restart the service that still runs this one",
      self->path, version, SCHEMA_VERSION);
}

gboolean
vfpool_ledger_is_known_still (VfpoolLedger *self, GError **error) {
  g_autofree char *version = NULL;

  if (read_first (self->db, "PRAGMA user_version", &version) != SQLITE_ROW || atoi (version) <= SCHEMA_VERSION)
    return TRUE;
  fail_newer (self, version, error);
  return FALSE;
}

/* A version is only believed in a file that says it is ours; zero was never one. */
static VfpoolLedgerHealth
examine_header (VfpoolLedger *self, char **damage, GError **error) {
  g_autofree char *id = NULL;
  g_autofree char *version = NULL;
  int rc = read_first (self->db, "PRAGMA application_id", &id);

  if (rc == SQLITE_ROW)
    rc = read_first (self->db, "PRAGMA user_version", &version);
  if (rc != SQLITE_ROW)
    return judge (self, rc, "read the ledger", damage, error);
  if (atoi (id) != APPLICATION_ID || atoi (version) < 1) {
    *damage = g_strdup ("it does not begin as a ledger");
    return VFPOOL_LEDGER_DAMAGED;
  }
  if (atoi (version) > SCHEMA_VERSION) {
    fail_newer (self, version, error);
    return VFPOOL_LEDGER_FAILED;
  }
  return atoi (version) < SCHEMA_VERSION ? VFPOOL_LEDGER_OLDER : VFPOOL_LEDGER_GOOD;
}

static VfpoolLedgerHealth
examine_tables (VfpoolLedger *self, char **damage, GError **error) {
  for (size_t i = 0; i < G_N_ELEMENTS (checks); i++) {
    g_autofree char *answer = NULL;
    int rc = read_first (self->db, checks[i].sql, &answer);

    if (rc != SQLITE_ROW)
      return judge (self, rc, "read the ledger", damage, error);
    if (g_strcmp0 (answer, checks[i].expected) == 0)
      continue;
    *damage = g_strdup (checks[i].damage);
    return VFPOOL_LEDGER_DAMAGED;
  }
  return VFPOOL_LEDGER_GOOD;
}

VfpoolLedgerHealth
vfpool_ledger_examine (VfpoolLedger *self, char **damage, GError **error) {
  VfpoolLedgerHealth health;

  /* One read transaction around all of it: locks are taken once. */
  if (!vfpool_ledger_run (self, "BEGIN", "read the ledger", error))
    return VFPOOL_LEDGER_FAILED;
  health = examine_header (self, damage, error);
  if (health == VFPOOL_LEDGER_GOOD)
    health = examine_tables (self, damage, error);
  if (health == VFPOOL_LEDGER_GOOD && log_is_garbage (self->db)) {
    *damage = g_strdup ("its write-ahead log does not begin as one");
    health = VFPOOL_LEDGER_DAMAGED;
  }
  sqlite3_exec (self->db, "ROLLBACK", NULL, NULL, NULL);
  return health;
}

static int
upgrade_from (VfpoolLedger *self, int version) {
  int rc = SQLITE_OK;

  for (int v = MAX (version, 1); rc == SQLITE_OK && v < SCHEMA_VERSION; v++)
    rc = sqlite3_exec (self->db, upgrades[v - 1], NULL, NULL, NULL);
  return rc;
}

VfpoolLedgerHealth
vfpool_ledger_upgrade (VfpoolLedger *self, char **damage, GError **error) {
  static const char doing[] = "bring the ledger up to date";
  g_autofree char *version = NULL;
  VfpoolLedgerHealth health = VFPOOL_LEDGER_GOOD;
  int rc;

  if (!vfpool_ledger_begin (self, error))
    return VFPOOL_LEDGER_FAILED;
  rc = read_first (self->db, "PRAGMA user_version", &version);
  if (rc == SQLITE_ROW) /* which may be the newest one now: another process was first */
    rc = upgrade_from (self, atoi (version));
  if (rc != SQLITE_OK)
    health = judge (self, rc, doing, damage, error);
  if (health == VFPOOL_LEDGER_GOOD && vfpool_ledger_commit (self, error))
    return vfpool_ledger_examine (self, damage, error);
  vfpool_ledger_rollback (self);
  return health == VFPOOL_LEDGER_GOOD ? VFPOOL_LEDGER_FAILED : health;
}
