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

/* Ends the transaction that begun: commits when @ok, else rolls back. Returns whether all is well. */
gboolean vfpool_handle_end (VfpoolLedger *ledger, gboolean ok, GError **error);

/* Whether a transaction that failed is to be made once more, because it met damage and the next vfpool_handle_ledger() has
 * another ledger: then @failure is cleared. */
gboolean vfpool_handle_try_again (Vfpool *self, GError **failure);

/* Adds to a ledger that stands in for a lost one what the kernel shows (rebuild.c). */
gboolean vfpool_rebuild (Vfpool *self, VfpoolLedger *ledger, GError **error);
