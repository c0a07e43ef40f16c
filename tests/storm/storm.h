/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the processes of the storm share: a board in memory that lives on when one of them is killed. It is the storm's
 * own truth of who has which VF, kept apart from the ledger that is under test.
 */
#pragma once

#include "private.h"

#include <stdatomic.h>
#include <sys/types.h>

#define STORM_MAX_GUESTS 512
#define STORM_MAX_VFS 256
#define STORM_MAX_SAMPLES (1 << 20)

typedef struct {
  char address[VFPOOL_BDF_SIZE];
  int group;
  atomic_int holder; /* number of the guest, from 1; 0: nobody */
} StormVf;

typedef enum {
  STORM_BORN,
  STORM_HOLDS, /* acquired, or was refused: the first stage is over for it */
  STORM_ENDED,
} StormPhase;

typedef struct {
  VfpoolGuestKind kind;
  char id[40];
  atomic_int phase;
  atomic_int is_killed;   /* SIGKILL is on its way: from now on reconcile may take its VF, if its life can be told */
  atomic_int is_given_up; /* the driver releases for it */
} StormGuest;

/* Microseconds each; what does not fit is counted, and not kept. */
typedef struct {
  atomic_uint n;
  guint32 us[STORM_MAX_SAMPLES];
} StormSamples;

typedef struct {
  atomic_uint handed_out, doubled, lost;
  atomic_uint refused; /* though there is a VF for each guest */
  atomic_uint busy;    /* calls that gave up waiting for others, as they must after a while; the guest is not served */
  atomic_uint failed;  /* calls that failed in another way, and processes that crashed */
  atomic_uint overdue; /* calls and waits that took longer than their bounds */
  atomic_uint reconciled;
  guint n_vfs, n_guests;
  StormVf vfs[STORM_MAX_VFS];
  StormGuest guests[STORM_MAX_GUESTS + 1]; /* by number, from 1 */
  StormSamples held, waited, acquires, releases;
} StormBoard;

/* Made by main() before it forks. */
extern StormBoard *storm_board;
/* In place of "/"; NULL for the real one. */
extern const char *storm_root;

/* Writes a line that tells what went wrong. */
void storm_say (const char *format, ...) G_GNUC_PRINTF (1, 2);
void storm_note_message (VfpoolMessageLevel level, const char *message, gpointer user_data);

void storm_add_sample (StormSamples *samples, gint64 us);
/* The sample below which @percent of all lie; sorts them. 0 when there is none. */
guint32 storm_percentile (StormSamples *samples, double percent);

/* The life of guest @number, in a process of its own: acquires when @acquire_gate reaches its end, releases when
 * @release_gate does. */
G_NORETURN void storm_live (int number, int acquire_gate, int release_gate);

/* Makes this process look like the hypervisor of a guest: its arguments, and the PID files that hypervisors keep. */
void storm_disguise (const StormGuest *guest, int number);
/* Gives this program the arguments that storm_disguise() writes over; starts it anew if it has none. */
void storm_prepare_disguise (int *argc, char **argv);
