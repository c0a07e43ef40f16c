/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's log: what is said goes to stderr, or, where that is the journal, into it with fields that can be asked for. */
#pragma once

#include "vfpool.h"

/* What a message is about; each may be NULL or 0. */
typedef struct {
  const char *action;       /* VFPOOL_ACTION: attach, follow, release, reconcile, shutdown, connect */
  const char *guest;        /* VFPOOL_GUEST: KIND/ID */
  const VfpoolLease *lease; /* VFPOOL_VF, VFPOOL_POOL and VFPOOL_SLOT, and the guest */
  gint64 began;             /* by the monotonic clock: VFPOOL_DURATION_US is counted from there */
} JournalSubject;

/* Finds out where stderr leads; before it is called, nothing is taken for the journal. */
void journal_begin (void);

void journal_say (VfpoolMessageLevel level, const JournalSubject *about, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* A VfpoolMessageFunc; @user_data: a JournalSubject. */
void journal_message (VfpoolMessageLevel level, const char *message, gpointer user_data);

/**
 * journal_fields: what goes into the journal, each "NAME=VALUE".
 * @now: by the monotonic clock
 *
 * Returns: (transfer full) (element-type utf8): for g_ptr_array_unref().
 */
GPtrArray *journal_fields (VfpoolMessageLevel level, const JournalSubject *about, const char *message, gint64 now);

/* Whether @stream, as systemd gives it in JOURNAL_STREAM ("DEVICE:INODE"; nullable), is the open file @fd. */
gboolean journal_is_stream (const char *stream, int fd);
