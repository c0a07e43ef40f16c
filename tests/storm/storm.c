/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The storm: in each round as many guests as the pool `storm` has VFs acquire at once, half of them are killed at random moments,
 * all release at once, and reconcile runs beside them, until it is killed too. Then it is looked whether everything
 * comes back. Guests are processes with the library in them: starting the `vfpool` command for each would spend the
 * machine's time on starting processes rather than on getting into each other's way.
 *
 * The driver never has the ledger open while it forks: SQLite's locks do not survive that.
 */
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A stage that lasts longer has somebody in it who will wait for ever. */
#define STAGE_MAX_US (200 * G_USEC_PER_SEC)
#define LOOK_EVERY_US 2000
#define SHOW_EVERY_US (20 * G_USEC_PER_SEC)
/* Kills are spread over the time that the stage took in the round before; before the first: */
#define FIRST_SPAN_US (300 * 1000)

StormBoard *storm_board;
const char *storm_root;

/* When a guest is killed; a guest with NEVER lives through its round. */
typedef enum { IN_ACQUIRE, IN_HOLD, IN_RELEASE, NEVER } Doom;

typedef struct {
  pid_t pid;
  Doom doom;
  gint64 kill_after; /* the beginning of its stage, in microseconds */
  gboolean is_dead;
} Child;

typedef struct {
  GRand *random;
  Child children[STORM_MAX_GUESTS + 1];
  pid_t reconciler;
  gint64 spans[NEVER]; /* how long each stage took last */
} Storm;

void
storm_say (const char *format, ...) {
  g_autofree char *text = NULL, *line = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  line = g_strdup_printf ("# %s\n", text);
  if (write (STDERR_FILENO, line, strlen (line)) < 0)
    _exit (74);
}

void
storm_note_message (VfpoolMessageLevel level, const char *message, gpointer user_data G_GNUC_UNUSED) {
  if (level == VFPOOL_MESSAGE_WARNING)
    storm_say ("%s", message);
}

static Vfpool *
open_vfpool (void) {
  g_autoptr (GError) error = NULL;
  Vfpool *vfpool = vfpool_open (storm_root, storm_note_message, NULL, &error);

  if (!vfpool)
    g_error ("%s", error->message);
  return vfpool;
}

/* ---- Who takes part ---- */

static void
make_board (void) {
  storm_board =
      mmap (NULL, sizeof *storm_board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (storm_board == MAP_FAILED)
    g_error ("no memory for the board: %m");
}

/* A third each of guests that reconcile cannot tell the life of, and of both hypervisors. */
static void
make_guests (guint n) {
  static const VfpoolGuestKind kinds[] = { VFPOOL_GUEST_MANUAL, VFPOOL_GUEST_LIBVIRT, VFPOOL_GUEST_PVE_QEMU };

  storm_board->n_guests = n;
  for (guint i = 1; i <= n; i++) {
    StormGuest *guest = &storm_board->guests[i];

    guest->kind = kinds[i % G_N_ELEMENTS (kinds)];
    if (guest->kind == VFPOOL_GUEST_LIBVIRT)
      g_snprintf (guest->id, sizeof guest->id, "00000000-0000-4000-8000-%012u", i);
    else if (guest->kind == VFPOOL_GUEST_PVE_QEMU)
      g_snprintf (guest->id, sizeof guest->id, "%u", 900000 + i);
    else
      g_snprintf (guest->id, sizeof guest->id, "storm-%u", i);
  }
}

/* ---- What status says of the pool's VFs ---- */

typedef struct {
  const char *address, *state, *driver, *reason;
  int group;
} Seen;

static gboolean
read_vf (GVariant *vf, Seen *seen) {
  const char *pool = NULL;

  *seen = (Seen){ .group = -1 };
  g_variant_lookup (vf, "pool", "m&s", &pool);
  g_variant_lookup (vf, "address", "&s", &seen->address);
  g_variant_lookup (vf, "state", "&s", &seen->state);
  g_variant_lookup (vf, "driver", "m&s", &seen->driver);
  g_variant_lookup (vf, "reason", "m&s", &seen->reason);
  g_variant_lookup (vf, "iommu_group", "i", &seen->group);
  return g_strcmp0 (pool, "storm") == 0;
}

/* The next VF of the pool. The strings live as long as the status does. */
static gboolean
next_vf (GVariantIter *iter, Seen *seen) {
  gboolean found = FALSE;
  GVariant *vf;

  while (!found && (vf = g_variant_iter_next_value (iter)) != NULL) {
    found = read_vf (vf, seen);
    g_variant_unref (vf);
  }
  return found;
}

static GVariant *
read_status (Vfpool *vfpool, GVariantIter **iter) {
  g_autoptr (GError) error = NULL;
  GVariant *status = vfpool_status (vfpool, &error);

  if (!status)
    g_error ("%s", error->message);
  g_variant_lookup (status, "vfs", "aa{sv}", iter);
  return status;
}

static void
find_vfs (void) {
  g_autoptr (Vfpool) vfpool = open_vfpool ();
  g_autoptr (GVariantIter) iter = NULL;
  g_autoptr (GVariant) status = read_status (vfpool, &iter);
  Seen seen;

  while (storm_board->n_vfs < STORM_MAX_VFS && next_vf (iter, &seen)) {
    StormVf *vf = &storm_board->vfs[storm_board->n_vfs++];
    g_strlcpy (vf->address, seen.address, sizeof vf->address);
    vf->group = seen.group;
  }
}

/* ---- Processes ---- */

static pid_t
fork_child (void) {
  pid_t parent = getpid (), pid = fork ();

  if (pid < 0)
    g_error ("cannot fork: %m");
  if (pid == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (getppid () != parent)
      _exit (1);
  }
  return pid;
}

/* Runs until it is killed. */
static pid_t
start_reconciler (void) {
  pid_t pid = fork_child ();
  Vfpool *vfpool;

  if (pid != 0)
    return pid;
  vfpool = open_vfpool ();
  for (;;) {
    g_autoptr (GError) error = NULL;

    /* It may meet a guest that is just dying; what it leaves, the next turn or the one after the round does. */
    if (!vfpool_reconcile (vfpool, &error) && !g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY)
        && !g_error_matches (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE)) {
      atomic_fetch_add (&storm_board->failed, 1);
      storm_say ("reconcile: %s", error->message);
    }
    atomic_fetch_add (&storm_board->reconciled, 1);
    g_usleep (20 * 1000);
  }
}

static void
start_guests (Storm *s, int gates[2][2]) {
  for (guint i = 1; i <= storm_board->n_guests; i++) {
    StormGuest *guest = &storm_board->guests[i];

    atomic_store (&guest->phase, STORM_BORN);
    atomic_store (&guest->is_killed, 0);
    atomic_store (&guest->is_given_up, 0);
    s->children[i] = (Child){ .pid = fork_child (), .doom = NEVER };
    if (s->children[i].pid == 0) {
      close (gates[0][1]);
      close (gates[1][1]);
      storm_live ((int)i, gates[0][0], gates[1][0]);
    }
  }
}

/* Half of them, as a shuffled pack would have it. */
static void
choose_doomed (Storm *s) {
  static const Doom dooms[] = { IN_ACQUIRE, IN_ACQUIRE, IN_HOLD, IN_RELEASE, IN_RELEASE };

  for (guint left = storm_board->n_guests, wanted = left / 2; left > 0; left--) {
    Child *child = &s->children[left];

    if ((guint)g_rand_int_range (s->random, 0, (gint32)left) >= wanted)
      continue;
    wanted--;
    child->doom = dooms[g_rand_int_range (s->random, 0, G_N_ELEMENTS (dooms))];
    child->kill_after = (gint64)(g_rand_double (s->random) * (double)s->spans[child->doom]);
  }
}

static void
kill_guest (Child *child, StormGuest *guest) {
  atomic_store (&guest->is_killed, 1);
  kill (child->pid, SIGKILL);
  child->is_dead = TRUE;
}

/* A process that ended although nobody killed it. Left unreaped: nobody may take a dead one for one that lives. */
static gboolean
has_ended (pid_t pid, siginfo_t *info) {
  info->si_pid = 0;
  return waitid (P_PID, (id_t)pid, info, WEXITED | WNOWAIT | WNOHANG) == 0 && info->si_pid == pid;
}

/* Looks at one guest in @stage; whether there is still something to wait for. */
static gboolean
watch_guest (Child *child, StormGuest *guest, Doom stage, StormPhase goal, gint64 since) {
  siginfo_t info;

  if (child->is_dead)
    return FALSE;
  if (child->doom == stage) {
    if (since >= child->kill_after)
      kill_guest (child, guest);
    return !child->is_dead;
  }
  if (atomic_load (&guest->phase) >= (int)goal)
    return FALSE;
  if (!has_ended (child->pid, &info))
    return TRUE;
  if (atomic_load (&guest->phase) < (int)goal) {
    atomic_fetch_add (&storm_board->failed, 1);
    storm_say ("guest %s crashed: status %d", guest->id, info.si_status);
    child->is_dead = TRUE;
  }
  return FALSE;
}

/* Lets a stage run to its end, and kills those whose time comes. */
static void
watch (Storm *s, Doom stage, StormPhase goal) {
  gint64 begin = g_get_monotonic_time (), since = 0;
  guint pending = 1;

  while (pending > 0 && since < STAGE_MAX_US) {
    since = g_get_monotonic_time () - begin;
    pending = 0;
    for (guint i = 1; i <= storm_board->n_guests; i++)
      pending += watch_guest (&s->children[i], &storm_board->guests[i], stage, goal, since);
    if (pending > 0)
      g_usleep (LOOK_EVERY_US);
  }
  s->spans[stage] = since;
  for (guint i = 1; pending > 0 && i <= storm_board->n_guests; i++) {
    if (!watch_guest (&s->children[i], &storm_board->guests[i], stage, goal, since))
      continue;
    atomic_fetch_add (&storm_board->overdue, 1);
    storm_say ("guest %s is stuck", storm_board->guests[i].id);
    kill_guest (&s->children[i], &storm_board->guests[i]);
  }
}

/* Waits until all have ended, without reaping them. */
static void
wait_for_ends (Storm *s) {
  siginfo_t info;

  kill (s->reconciler, SIGKILL);
  waitid (P_PID, (id_t)s->reconciler, &info, WEXITED | WNOWAIT);
  for (guint i = 1; i <= storm_board->n_guests; i++)
    waitid (P_PID, (id_t)s->children[i].pid, &info, WEXITED | WNOWAIT);
}

static void
reap (Storm *s) {
  waitpid (s->reconciler, NULL, 0);
  for (guint i = 1; i <= storm_board->n_guests; i++)
    waitpid (s->children[i].pid, NULL, 0);
}

/* ---- What is left of a round ---- */

static void
note_lost (const char *address, const char *why) {
  atomic_fetch_add (&storm_board->lost, 1);
  storm_say ("%s is lost: %s", address, why);
}

static void
note_error (const char *what, const GError *error) {
  atomic_fetch_add (&storm_board->failed, 1);
  storm_say ("%s: %s", what, error->message);
}

static GPtrArray *
read_leases (Vfpool *vfpool) {
  g_autoptr (GError) error = NULL;
  GPtrArray *leases = vfpool_leases (vfpool, &error);

  if (!leases)
    g_error ("%s", error->message);
  return leases;
}

/* All are dead. After reconcile the only leases are whole ones of guests whose life it cannot tell. */
static void
check_reconciled (Vfpool *vfpool) {
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) leases = NULL;

  if (!vfpool_reconcile (vfpool, &error))
    note_error ("reconcile after the round", error);
  leases = read_leases (vfpool);
  for (guint i = 0; i < leases->len; i++) {
    const VfpoolLease *lease = leases->pdata[i];

    if (vfpool_lease_get_state (lease) != VFPOOL_LEASE_ACTIVE)
      note_lost (vfpool_lease_get_address (lease), "reconcile left a dead one's work half done");
    else if (vfpool_lease_get_guest_kind (lease) != VFPOOL_GUEST_MANUAL)
      note_lost (vfpool_lease_get_address (lease), "reconcile left it to a dead guest");
  }
}

static void
release_all (Vfpool *vfpool) {
  for (guint i = 1; i <= storm_board->n_guests; i++) {
    StormGuest *guest = &storm_board->guests[i];
    g_autoptr (GError) error = NULL;

    atomic_store (&guest->is_given_up, 1);
    if (!vfpool_release (vfpool, guest->kind, guest->id, &error))
      note_error ("releasing for a guest", error);
  }
  for (guint i = 0; i < storm_board->n_vfs; i++)
    atomic_store (&storm_board->vfs[i].holder, 0);
}

static void
check_all_free (Vfpool *vfpool) {
  g_autoptr (GPtrArray) leases = read_leases (vfpool);
  g_autoptr (GVariantIter) iter = NULL;
  g_autoptr (GVariant) status = read_status (vfpool, &iter);
  guint n = 0;
  Seen seen;

  for (guint i = 0; i < leases->len; i++)
    note_lost (vfpool_lease_get_address (leases->pdata[i]), "its lease outlived its guest's release");
  for (; next_vf (iter, &seen); n++) {
    if (!g_str_equal (seen.state, "free"))
      note_lost (seen.address, seen.reason ? seen.reason : seen.state);
    else if (g_strcmp0 (seen.driver, "vfio-pci") != 0)
      note_lost (seen.address, "it is not on vfio-pci");
  }
  if (n != storm_board->n_vfs)
    note_lost ("a VF", "status does not show it");
}

static void
audit (void) {
  g_autoptr (Vfpool) vfpool = open_vfpool ();

  check_reconciled (vfpool);
  release_all (vfpool);
  check_all_free (vfpool);
}

/* ---- Rounds ---- */

static void
run_round (Storm *s) {
  int gates[2][2];

  /* Before the gates are made: it would hold them shut. */
  s->reconciler = start_reconciler ();
  for (int i = 0; i < 2; i++)
    if (pipe2 (gates[i], O_CLOEXEC) < 0)
      g_error ("no pipe: %m");
  start_guests (s, gates);
  choose_doomed (s);
  close (gates[0][1]);
  watch (s, IN_ACQUIRE, STORM_HOLDS);
  watch (s, IN_HOLD, STORM_HOLDS);
  close (gates[1][1]);
  watch (s, IN_RELEASE, STORM_ENDED);
  close (gates[0][0]);
  close (gates[1][0]);
  wait_for_ends (s);
  audit ();
  reap (s);
}

static void
print_times (const char *what, StormSamples *samples) {
  printf ("%-16s %8u times: median %" G_GUINT32_FORMAT " us, p99 %" G_GUINT32_FORMAT " us, max %" G_GUINT32_FORMAT
          " us\n",
          what, atomic_load (&samples->n), storm_percentile (samples, 50), storm_percentile (samples, 99),
          storm_percentile (samples, 100));
}

/* The last line is for machines. */
static void
print_results (int rounds) {
  StormBoard *b = storm_board;

  print_times ("lock held", &b->held);
  print_times ("lock waited for", &b->waited);
  print_times ("acquire", &b->acquires);
  print_times ("release", &b->releases);
  printf ("rounds=%d handed_out=%u doubled=%u lost=%u refused=%u busy=%u failed=%u overdue=%u reconciled=%u "
          "lock_p99_us=%u lock_max_us=%u\n",
          rounds, b->handed_out, b->doubled, b->lost, b->refused, b->busy, b->failed, b->overdue, b->reconciled,
          storm_percentile (&b->held, 99), storm_percentile (&b->held, 100));
}

static void
show_round (const Storm *s, int round, int rounds, gint64 us) {
  printf ("round %d of %d: acquiring %d ms, releasing %d ms, all %d ms; so far %u handed out, %u doubled, %u lost\n",
          round, rounds, (int)(s->spans[IN_ACQUIRE] / 1000), (int)(s->spans[IN_RELEASE] / 1000), (int)(us / 1000),
          storm_board->handed_out, storm_board->doubled, storm_board->lost);
  fflush (stdout);
}

static void
run_rounds (int rounds, guint32 seed) {
  g_autofree Storm *s = g_new0 (Storm, 1);
  gint64 shown = 0;

  s->random = g_rand_new_with_seed (seed);
  s->spans[IN_ACQUIRE] = s->spans[IN_RELEASE] = FIRST_SPAN_US;
  for (int round = 1; round <= rounds; round++) {
    gint64 begin = g_get_monotonic_time (), end;

    run_round (s);
    end = g_get_monotonic_time ();
    if (round == 1 || round == rounds || end - shown > SHOW_EVERY_US) {
      show_round (s, round, rounds, end - begin);
      shown = end;
    }
  }
  g_rand_free (s->random);
}

static gboolean
all_is_well (void) {
  const StormBoard *b = storm_board;

  return b->handed_out > 0 && b->reconciled > 0 && b->doubled + b->lost + b->refused + b->failed + b->overdue == 0;
}

int
main (int argc, char **argv) {
  int rounds = 10;
  gint64 seed = -1;
  const GOptionEntry entries[] = {
    { "rounds", 0, 0, G_OPTION_ARG_INT, &rounds, "how many rounds", "N" },
    { "seed", 0, 0, G_OPTION_ARG_INT64, &seed, "for the random moments", "N" },
    { "root", 0, 0, G_OPTION_ARG_FILENAME, &storm_root, "a folder in place of /", "FOLDER" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- many guests at once on the pool `storm`");
  g_autoptr (GError) error = NULL;

  storm_prepare_disguise (&argc, argv);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    storm_say ("%s", error->message);
    return 64;
  }
  if (seed < 0)
    seed = g_random_int ();
  make_board ();
  find_vfs ();
  if (storm_board->n_vfs == 0)
    g_error ("the pool `storm` has no VF");
  make_guests (storm_board->n_vfs);
  printf ("%u guests for %u VFs, %d rounds, seed %u\n", storm_board->n_guests, storm_board->n_vfs, rounds,
          (guint32)seed);
  fflush (stdout);
  run_rounds (rounds, (guint32)seed);
  print_results (rounds);
  return all_is_well () ? 0 : 1;
}
