/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The library handle inside: what every operation starts from. */
#pragma once

#include "config.h"
#include "host.h"
#include "ledger.h"

struct _Vfpool {
  char *root; /* in place of "/"; "" for the real one */
  VfpoolConfig *config;
  VfpoolLedger *ledger; /* opened by vfpool_handle_ledger() */
  char *boot_id;
  VfpoolMessageFunc message_func;
  gpointer user_data;
};

/**
 * vfpool_handle_ledger: the ledger, opened and ready: one that had to be replaced is rebuilt from what the kernel
 * shows, and leases of another boot are void and gone. Not to be called with a transaction open: a ledger that another
 * process has replaced meanwhile is closed, and the new one opened.
 *
 * Returns: (transfer none): or NULL with the errors of vfpool_ledger_open().
 */
VfpoolLedger *vfpool_handle_ledger (Vfpool *self, GError **error);

/* Tells the operator something, by the handle's message function. */
void vfpool_handle_say (Vfpool *self, VfpoolMessageLevel level, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* What changes the ledger, within a transaction. It may be called twice: what the first call left in @data must not matter. */
typedef gboolean (*VfpoolChange) (VfpoolLedger *ledger, gpointer data, GError **error);

/* Makes @change in a transaction of its own, all or nothing; and once more when it met damage, on the ledger that then stands in
 * for the damaged one. */
gboolean vfpool_handle_change (Vfpool *self, VfpoolChange change, gpointer data, GError **error);
/* The same on @ledger, once. */
gboolean vfpool_handle_change_once (VfpoolLedger *ledger, VfpoolChange change, gpointer data, GError **error);

/* Adds to a ledger that stands in for a lost one what the kernel shows (rebuild.c). */
gboolean vfpool_rebuild (Vfpool *self, VfpoolLedger *ledger, GError **error);
