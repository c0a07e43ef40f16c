/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A folder with a ledger in it, a root of its own, and what tests of the ledger do to it: leases put in and read back,
 * SQL run behind its back, bytes spoilt, processes that race.
 */
#pragma once

#include "ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
/* cmocka.h needs the four above, in this order of things. */
#include <cmocka.h>

#define ONE "0000:01:10.0"
#define TWO "0000:01:10.2"
#define THREE "0000:01:10.4"
#define UUID "2b2f4d1e-0000-4000-8000-000000000001"

/* SQL that puts all of the log into the file. */
#define FOLD "PRAGMA wal_checkpoint (TRUNCATE);"

typedef struct {
  char *root;
  char *folder; /* of the ledger */
  char *path;   /* of ledger.db */
} LedgerDir;

/* For cmocka: an empty root, and its end. */
int ledger_setup (void **state);
int ledger_teardown (void **state);

void put (const char *path, const void *data, size_t length);
void assert_error (const GError *error, VfpoolError code, const char *part);
void assert_ok (gboolean ok, const GError *error);

/* The ledger, which must be in order. */
VfpoolLedger *opened (const LedgerDir *f);
/* A manual guest's lease in pool "lan" of boot "boot". */
VfpoolLease *make_lease (const char *address, const char *guest, const char *slot);
/* Adds such a lease with its line of history in a transaction of its own. */
gboolean add (VfpoolLedger *ledger, const char *address, const char *guest, const char *slot, GError **error);
void added (VfpoolLedger *ledger, const char *address, const char *guest, const char *slot);
/* Makes a ledger with leases of ONE and TWO. */
void make_ledger (const LedgerDir *f);
VfpoolLease *found (VfpoolLedger *ledger, const char *address);
guint count (VfpoolLedger *ledger);

/* Runs SQL on the file behind the ledger's back; the first column of the last row as text, for g_free(). */
char *sql (const char *path, const char *statement);
void assert_sql (const char *path, const char *statement, const char *expected);
void spoil_bytes (const char *path, off_t offset, size_t length, int byte);

/* Starts @n children that all wait for one moment, and returns how many ended with 0; more than 1 is a failure of its
 * own. */
int race (const LedgerDir *f, int n, int (*child) (const LedgerDir *f, int i));
