/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each operation does when nothing goes wrong, by the rules of vfpool.h and reconcile.c. See model.h. */
#include "model.h"

#include <linux/if_ether.h>
#include <string.h>

#define CLOSE_STEP_US (20 * 1000)
#define BUSY_WAIT_US (10 * G_USEC_PER_SEC)
#define MAX_NAMED 8 /* addresses in a message */
#define OK (-1)     /* where else a VfpoolError is returned */

/* As messages name them. */
static const char *const kind_names[] = { "libvirt", "pve-qemu", "pve-lxc", "manual" };

static void tell (Result *result, const char *format, ...) G_GNUC_PRINTF (2, 3);

static Device *
device_of (Model *self, int f) {
  return &self->machine.devices[f];
}

/* ---- What is done to a device ---- */

static void
bind_vfio (Device *device, int f) {
  if (device_is_on_vfio (device))
    return;
  strcpy (device->override, VFIO);
  device_bind (device, f, VFIO);
}

static void
park (Model *self, int f) {
  Device *device = device_of (self, f);

  switch (config_park_of (&self->config, f)) {
  case VFPOOL_PARK_VFIO:
    bind_vfio (device, f);
    return;
  case VFPOOL_PARK_HOST:
    *device->override = '\0';
    if (!*device->driver || device_is_on_vfio (device))
      device_bind (device, f, function_places[f].host_driver);
    return;
  case VFPOOL_PARK_NONE:
    *device->override = '\0';
    device_bind (device, f, "");
  }
}

gboolean
foretell_is_parked (Model *self, int f) {
  const Device *device = device_of (self, f);

  switch (config_park_of (&self->config, f)) {
  case VFPOOL_PARK_VFIO:
    return device_is_on_vfio (device);
  case VFPOOL_PARK_HOST:
    return *device->driver && !device_is_on_vfio (device);
  case VFPOOL_PARK_NONE:
    return !*device->driver;
  }
  g_assert_not_reached ();
}

static VfpoolVfnet
asked_of (const Lease *lease) {
  VfpoolVfnet asked;

  vfpool_vfnet_unset (&asked);
  strcpy (asked.mac, lease->mac);
  asked.vlan = lease->vlan;
  asked.vlan_proto = ETH_P_8021Q;
  return asked;
}

/* What is not asked for is as it was before the guest had it. */
void
foretell_prepared (const Lease *lease, int f, VfpoolVfnet *net) {
  const VfpoolVfnet asked = asked_of (lease);

  if (!has_netdev (f))
    return;
  set_net (net, &lease->saved);
  set_net (net, &asked);
}

static void
prepare (Model *self, int f) {
  foretell_prepared (&self->leases[f], f, &device_of (self, f)->net);
  bind_vfio (device_of (self, f), f);
}

static void
put_back (Model *self, int f) {
  const Lease *lease = &self->leases[f];

  self->is_leased[f] = FALSE;
  if (!device_of (self, f)->exists)
    return;
  if (!lease->has_saved && (device_of (self, f)->host_use || config_pool_of (&self->config, f) == NO_POOL))
    return; /* `up` only held it */
  if (!*device_of (self, f)->driver || device_is_on_vfio (device_of (self, f)))
    device_reset (device_of (self, f), f);
  if (has_netdev (f))
    set_net (&device_of (self, f)->net, &lease->saved);
  park (self, f);
}

/* ---- Release ---- */

static gboolean
wait_closed (Model *self, int f) {
  gint64 end = self->machine.now + self->config.release_wait * G_USEC_PER_SEC;

  while (machine_is_open (&self->machine, f) && self->machine.now < end)
    machine_pass_time (&self->machine, CLOSE_STEP_US);
  return !machine_is_open (&self->machine, f);
}

/* Whether it can be told of the guest whether it lives. */
static gboolean
can_be_told (const Lease *lease) {
  return lease->guest != GUEST_UP && guest_places[lease->guest].kind < VFPOOL_GUEST_PVE_LXC;
}

static gboolean
guest_is_seen (const Model *self, const Lease *lease) {
  return can_be_told (lease) && self->guests[lease->guest].is_running;
}

/* A VF that stays open: it was never touched, a guest that lives keeps it, and from all others it is kept. */
static int
release_open (Model *self, int f) {
  Lease *lease = &self->leases[f];

  if (!lease->has_saved) {
    self->is_leased[f] = FALSE;
    return OK;
  }
  if (lease->state != VFPOOL_LEASE_QUARANTINED && !guest_is_seen (self, lease))
    lease->state = VFPOOL_LEASE_QUARANTINED;
  if (lease->state == VFPOOL_LEASE_RELEASING)
    lease->state = VFPOOL_LEASE_ACTIVE;
  return VFPOOL_ERROR_IN_USE;
}

/* One who releases may be waiting himself. */
static gint64
busy_wait (const Model *self) {
  return BUSY_WAIT_US + self->config.release_wait * G_USEC_PER_SEC;
}

static int
release_one (Model *self, int f) {
  Lease *lease = &self->leases[f];

  if (lease->worker) {
    machine_pass_time (&self->machine, busy_wait (self));
    return VFPOOL_ERROR_BUSY;
  }
  if (device_of (self, f)->exists && !wait_closed (self, f))
    return release_open (self, f);
  put_back (self, f);
  return OK;
}

static void
keep_first (int *first, int code) {
  if (*first == OK)
    *first = code;
}

static int
release_guest (Model *self, int guest) {
  gboolean wanted[N_FUNCTIONS];
  int first = OK;

  for (int f = 0; f < N_FUNCTIONS; f++)
    wanted[f] =
        self->is_leased[f] && self->leases[f].guest == guest && self->leases[f].state != VFPOOL_LEASE_QUARANTINED;
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (wanted[f])
      keep_first (&first, release_one (self, f));
  return first;
}

static int
release_lease (Model *self, const VfpoolLease *lease) {
  int f = find_function (lease->address);

  if (!self->is_leased[f] || self->leases[f].serial != lease->serial
      || self->leases[f].state == VFPOOL_LEASE_QUARANTINED)
    return OK;
  return release_one (self, f);
}

static int
release_quarantined (Model *self, int f) {
  if (!self->is_leased[f] || self->leases[f].state != VFPOOL_LEASE_QUARANTINED)
    return VFPOOL_ERROR_NOT_FOUND;
  return release_one (self, f);
}

/* ---- Acquire ---- */

typedef struct {
  Model *self;
  const Operation *op;
  Machine snapshot;                /* as it was when the call began */
  gboolean is_marked[N_FUNCTIONS]; /* found open by asking the kernel */
  const Slot *slots[MAX_SLOTS];    /* those that concern vfpool */
  int pools[MAX_SLOTS];
  int n;
  int chosen[MAX_SLOTS]; /* -1: none yet */
  gboolean is_held[MAX_SLOTS];
  Lease old[MAX_SLOTS]; /* as they were before this call took them over */
  gint64 waited;
} Acquire;

static int
find_slots (Acquire *a) {
  for (int i = 0; i < a->op->n_slots; i++) {
    const Slot *slot = &a->op->slots[i];
    int pool = slot->pool;

    if (slot->function < 0 && !config_has_pool (&a->self->config, pool))
      return VFPOOL_ERROR_BAD_INPUT;
    if (slot->function >= 0)
      pool = a->snapshot.devices[slot->function].exists ? config_pool_of (&a->self->config, slot->function) : NO_POOL;
    if (pool == NO_POOL)
      continue;
    a->slots[a->n] = slot;
    a->pools[a->n++] = pool;
  }
  return OK;
}

static gboolean
is_candidate (const Acquire *a, int i, int f) {
  if (!a->snapshot.devices[f].exists)
    return FALSE;
  return a->slots[i]->function >= 0 ? a->slots[i]->function == f : config_pool_of (&a->self->config, f) == a->pools[i];
}

static int
find_own (const Acquire *a, int i) {
  const Model *m = a->self;

  for (int f = 0; f < N_FUNCTIONS; f++)
    if (m->is_leased[f] && m->leases[f].guest == a->op->guest && m->leases[f].state != VFPOOL_LEASE_QUARANTINED
        && strcmp (m->leases[f].slot, a->slots[i]->name) == 0)
      return f;
  return -1;
}

/* What the guest holds: kept, left alone because it has it open, or given back because it asks for something else. */
static int
settle (Acquire *a, gboolean *again) {
  Model *m = a->self;

  *again = FALSE;
  for (int i = 0; i < a->n; i++) {
    a->chosen[i] = -1;
    a->is_held[i] = FALSE;
  }
  for (int i = 0; i < a->n; i++) {
    int own = find_own (a, i);

    if (own < 0)
      continue;
    if (m->leases[own].worker) {
      machine_pass_time (&m->machine, busy_wait (m));
      return VFPOOL_ERROR_BUSY;
    }
    if (!is_candidate (a, i, own) || strcmp (m->leases[own].pool, pool_names[a->pools[i]]) != 0) {
      *again = TRUE;
      return release_one (m, own);
    }
    a->chosen[i] = own;
    a->is_held[i] = m->leases[own].state == VFPOOL_LEASE_ACTIVE && m->machine.groups[function_places[own].group].pid;
  }
  return OK;
}

static gboolean
is_chosen (const Acquire *a, int f) {
  for (int i = 0; i < a->n; i++)
    if (a->chosen[i] == f)
      return TRUE;
  return FALSE;
}

static gboolean
mate_is_fine (const Acquire *a, int mate) {
  const Model *m = a->self;

  if (is_chosen (a, mate))
    return TRUE;
  if (m->is_leased[mate])
    return m->leases[mate].guest == a->op->guest && m->leases[mate].state != VFPOOL_LEASE_QUARANTINED;
  return device_is_on_vfio (&a->snapshot.devices[mate]);
}

static gboolean
may_have (const Acquire *a, int f) {
  if (a->self->is_leased[f] || is_chosen (a, f) || a->is_marked[f] || a->snapshot.devices[f].host_use)
    return FALSE;
  for (int mate = 0; mate < N_FUNCTIONS; mate++)
    if (mate != f && a->snapshot.devices[mate].exists && function_places[mate].group == function_places[f].group
        && !mate_is_fine (a, mate))
      return FALSE;
  return TRUE;
}

/* ---- Choosing: spread over PFs; the pools have no other policy (config.c) ---- */

static gboolean
is_of_same_pf (int f, int g) {
  return function_places[f].pf == NO_PF ? f == g : function_places[f].pf == function_places[g].pf;
}

/* How many VFs of @f's PF are somebody's, or go to a slot that was served before those that ask for a pool. */
static int
count_given (const Acquire *a, const gboolean *was_chosen, int f) {
  int n = 0;

  for (int g = 0; g < N_FUNCTIONS; g++)
    if (a->snapshot.devices[g].exists && is_of_same_pf (f, g))
      n += a->self->is_leased[g] ? a->self->leases[g].state != VFPOOL_LEASE_QUARANTINED : was_chosen[g];
  return n;
}

/* The same, for slot @i, with what goes to slots that are served from the same pool. */
static int
count_load (const Acquire *a, const gboolean *was_chosen, int i, int f) {
  int n = count_given (a, was_chosen, f);

  for (int k = 0; k < i; k++)
    n += a->slots[k]->function < 0 && a->pools[k] == a->pools[i] && a->chosen[k] >= 0 && !was_chosen[a->chosen[k]]
         && is_of_same_pf (f, a->chosen[k]);
  return n;
}

/* @may: what could be given when the first of these slots was served. */
static int
choose_one (Acquire *a, const gboolean *was_chosen, const gboolean *may, int i) {
  int best = -1, least = 0;

  for (int f = 0; f < N_FUNCTIONS; f++) {
    int load;

    if (!a->snapshot.devices[f].exists || config_pool_of (&a->self->config, f) != a->pools[i] || !may[f]
        || is_chosen (a, f))
      continue;
    load = count_load (a, was_chosen, i, f);
    if (best >= 0 && load >= least)
      continue;
    best = f;
    least = load;
  }
  a->chosen[i] = best;
  return best < 0 ? VFPOOL_ERROR_NO_FREE_VF : OK;
}

/* Slots that ask for the same get their VFs in the order of the addresses. */
static void
sort_chosen (Acquire *a, const gboolean *was_chosen) {
  for (int i = 0; i < a->n; i++)
    for (int k = i + 1; k < a->n; k++) {
      int f = a->chosen[i], g = a->chosen[k];

      if (a->pools[i] != a->pools[k] || f < 0 || g < 0 || was_chosen[f] || was_chosen[g] || f < g)
        continue;
      a->chosen[i] = g;
      a->chosen[k] = f;
    }
}

/* Serves slots that ask for a pool, together, up to the first that cannot be. @n: (out): how many. */
static int
choose_round (Acquire *a, int *n) {
  gboolean was_chosen[N_FUNCTIONS], may[N_FUNCTIONS];
  int code = OK;

  *n = 0;
  for (int f = 0; f < N_FUNCTIONS; f++) {
    was_chosen[f] = is_chosen (a, f);
    may[f] = may_have (a, f);
  }
  for (int i = 0; i < a->n && code == OK; i++) {
    if (a->chosen[i] >= 0)
      continue;
    code = choose_one (a, was_chosen, may, i);
    *n += code == OK;
  }
  sort_chosen (a, was_chosen);
  return code;
}

/* First what is asked for by address, then all others; what was given may make way for its neighbours. */
static int
choose (Acquire *a) {
  int code, n;

  for (int i = 0; i < a->n; i++) {
    if (a->chosen[i] >= 0 || a->slots[i]->function < 0)
      continue;
    if (!may_have (a, a->slots[i]->function))
      return VFPOOL_ERROR_IN_USE;
    a->chosen[i] = a->slots[i]->function;
  }
  do {
    code = choose_round (a, &n);
  } while (code != OK && n > 0);
  return code;
}

static Lease
new_lease (int guest, int boot) {
  Lease lease = { .guest = guest, .boot = boot };

  vfpool_vfnet_unset (&lease.saved);
  return lease;
}

static void
reserve (Acquire *a) {
  Model *m = a->self;

  for (int i = 0; i < a->n; i++) {
    const Slot *slot = a->slots[i];
    Lease *lease = &m->leases[a->chosen[i]];

    if (a->is_held[i])
      continue;
    a->old[i] = *lease;
    if (!m->is_leased[a->chosen[i]])
      *lease = new_lease (a->op->guest, m->boot);
    m->is_leased[a->chosen[i]] = TRUE;
    g_strlcpy (lease->slot, slot->name, NAME_SIZE);
    g_strlcpy (lease->pool, pool_names[a->pools[i]], NAME_SIZE);
    g_strlcpy (lease->mac, slot->mac, sizeof lease->mac);
    lease->vlan = slot->vlan;
    lease->by_pool = slot->function < 0;
    lease->state = VFPOOL_LEASE_RESERVED;
    lease->serial = SERIAL_NEW;
    lease->since = m->machine.now;
  }
}

static gboolean
asks_for_net (const Slot *slot) {
  return *slot->mac || slot->vlan != VFPOOL_VLAN_UNSET;
}

/* The VF is still what was asked for before; what was never active does not become so by being asked for in vain. */
static void
leave_as_before (Lease *lease, const Lease *old) {
  strcpy (lease->mac, old->mac);
  lease->vlan = old->vlan;
  lease->by_pool = old->by_pool;
  lease->state = old->state == VFPOOL_LEASE_RESERVED ? VFPOOL_LEASE_RESERVED : VFPOOL_LEASE_ACTIVE;
}

static void
undo (Acquire *a) {
  Model *m = a->self;

  for (int i = 0; i < a->n; i++) {
    int f = a->chosen[i];

    if (a->is_held[i])
      continue;
    if (m->leases[f].has_saved && (a->is_marked[f] || machine_is_open (&m->machine, f)))
      leave_as_before (&m->leases[f], &a->old[i]);
    else if (!m->leases[f].has_saved)
      m->is_leased[f] = FALSE;
    else
      put_back (m, f);
  }
}

/* @again: (out): a VF turned out to be open; choose anew. */
static int
save (Acquire *a, gboolean *again) {
  Model *m = a->self;

  for (int i = 0; i < a->n; i++) {
    int f = a->chosen[i];
    Lease *lease = &m->leases[f];

    if (a->is_held[i])
      continue;
    if (lease->has_saved && !wait_closed (m, f)) {
      a->is_marked[f] = TRUE;
      return VFPOOL_ERROR_IN_USE;
    }
    if (machine_is_open (&m->machine, f)) {
      a->is_marked[f] = TRUE;
      *again = TRUE;
      return OK;
    }
    if (asks_for_net (a->slots[i]) && !has_netdev (f))
      return VFPOOL_ERROR_BAD_INPUT;
    if (lease->has_saved)
      continue;
    lease->has_saved = TRUE;
    lease->has_saved_net = has_netdev (f);
    if (lease->has_saved_net)
      lease->saved = m->machine.devices[f].net;
  }
  return OK;
}

static int
finish (Acquire *a, gboolean *again) {
  Model *m = a->self;
  int code = save (a, again);

  if (code != OK || *again) {
    undo (a);
    return code;
  }
  for (int i = 0; i < a->n; i++) {
    if (a->is_held[i])
      continue;
    prepare (m, a->chosen[i]);
    m->leases[a->chosen[i]].state = VFPOOL_LEASE_ACTIVE;
  }
  return OK;
}

/* What is left of guests that are gone, and nobody has open, is taken back. Whether there was any. */
static gboolean
take_back (Acquire *a) {
  Model *m = a->self;
  gboolean is_wanted[N_FUNCTIONS], any = FALSE;

  for (int f = 0; f < N_FUNCTIONS; f++) {
    is_wanted[f] = FALSE;
    for (int i = 0; i < a->n; i++)
      is_wanted[f] |= is_candidate (a, i, f) && !is_chosen (a, f);
  }
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (is_wanted[f] && m->is_leased[f] && foretell_has_to_end (m, f) && !machine_is_open (&m->machine, f))
      any |= release_one (m, f) == OK;
  return any;
}

static void
begin_acquire (Acquire *a, Model *self, const Operation *op) {
  *a = (Acquire){ .self = self, .op = op, .snapshot = self->machine };
}

static int
acquire (Model *self, const Operation *op, Result *result) {
  gboolean has_taken_back = FALSE, again;
  Acquire a;
  int code;

  begin_acquire (&a, self, op);
  code = find_slots (&a);
  again = code == OK && a.n > 0;

  while (code == OK && again) {
    code = settle (&a, &again);
    if (code != OK || again)
      continue;
    code = choose (&a);
    if (code != OK && !has_taken_back) {
      has_taken_back = TRUE;
      if (!take_back (&a))
        continue;
      begin_acquire (&a, self, op);
      code = find_slots (&a);
      again = TRUE;
      continue;
    }
    if (code != OK)
      continue;
    reserve (&a);
    code = finish (&a, &again);
  }
  if (code != OK)
    return code;
  result->n_functions = a.n;
  for (int i = 0; i < a.n; i++)
    result->functions[i] = a.chosen[i];
  return OK;
}

/* ---- Members ---- */

static void
tell (Result *result, const char *format, ...) {
  gsize length = strlen (result->told);
  va_list args;

  va_start (args, format);
  g_vsnprintf (result->told + length, sizeof result->told - length, format, args);
  va_end (args);
  g_strlcat (result->told, "\n", sizeof result->told);
}

/* Tells which functions of @pool are in @these, but not in @those. */
static void
tell_new (Result *result, int pool, const char *what, const Members *these, const Members *those) {
  g_autoptr (GString) list = g_string_new (NULL);
  int n = 0;

  for (int f = 0; f < N_FUNCTIONS; f++)
    if (these->has[pool][f] && !those->has[pool][f] && n++ < MAX_NAMED)
      g_string_append_printf (list, "%s%s", list->len ? ", " : "", function_places[f].address);
  if (n > MAX_NAMED)
    g_string_append_printf (list, " and %d more", n - MAX_NAMED);
  if (n > 0)
    tell (result, "pool %s %s %s", pool_names[pool], what, list->str);
}

/* @result: NULL: nobody has to hear of it. */
static void
look_at_members (Model *self, Result *result) {
  const Members before = self->members;
  Members now = { 0 };

  for (int pool = 0; pool < N_POOLS; pool++) {
    now.is_known[pool] = config_has_pool (&self->config, pool);
    for (int f = 0; f < N_FUNCTIONS; f++)
      now.has[pool][f] = device_of (self, f)->exists && config_pool_of (&self->config, f) == pool;
    if (!result || !now.is_known[pool] || !before.is_known[pool])
      continue;
    tell_new (result, pool, "lost", &before, &now);
    tell_new (result, pool, "gained", &now, &before);
  }
  self->members = now;
}

/* ---- Reconcile ---- */

static gboolean
guest_is_gone (const Model *self, const Lease *lease) {
  return can_be_told (lease) && self->machine.now - lease->since >= self->config.start_grace * G_USEC_PER_SEC
         && !guest_is_seen (self, lease);
}

gboolean
foretell_has_to_end (Model *self, int f) {
  const Lease *lease = &self->leases[f];

  if (lease->worker)
    return FALSE;
  if (!device_of (self, f)->exists || lease->state == VFPOOL_LEASE_QUARANTINED)
    return !device_of (self, f)->exists;
  return lease->state != VFPOOL_LEASE_ACTIVE || guest_is_gone (self, lease);
}

gboolean
foretell_has_to_end_at (const Model *self, int f, gint64 now) {
  Model then = *self;

  then.machine.now = now;
  return then.is_leased[f] && foretell_has_to_end (&then, f);
}

/* Whether the VF is on vfio-pci with what was asked for; other attributes are not what a guest counts on. */
static gboolean
is_as_asked (const Lease *lease, int f, const Device *device) {
  VfpoolVfnet net = device->net;
  const VfpoolVfnet asked = asked_of (lease);

  if (has_netdev (f))
    set_net (&net, &asked);
  return device_is_on_vfio (device) && same_net (&net, &device->net);
}

gboolean
foretell_has_to_be_mended (Model *self, int f) {
  const Lease *lease = &self->leases[f];

  return !lease->worker && lease->state == VFPOOL_LEASE_ACTIVE && device_of (self, f)->exists
         && (!can_be_told (lease) || guest_is_seen (self, lease)) && !machine_is_open (&self->machine, f)
         && !is_as_asked (lease, f, device_of (self, f));
}

static void
mend (Model *self, int f, Result *result) {
  const GuestPlace *guest = &guest_places[self->leases[f].guest];

  prepare (self, f);
  tell (result, "%s was not as its lease to %s/%s says", function_places[f].address, kind_names[guest->kind],
        guest->id);
}

static int
reconcile (Model *self, Result *result) {
  int first = OK;

  for (int f = 0; f < N_FUNCTIONS; f++) {
    if (!self->is_leased[f])
      continue;
    if (foretell_has_to_end (self, f))
      keep_first (&first, release_one (self, f));
    else if (foretell_has_to_be_mended (self, f))
      mend (self, f, result);
  }
  look_at_members (self, result);
  return first;
}

/* ---- Up ---- */

static void
make_anew (Device *device, int f, gboolean exists) {
  *device = (Device){ .exists = exists };
  new_net (f, &device->net);
}

static int
make_vfs (Model *self, int pf) {
  int wanted = self->config.numvfs[pf];

  if (wanted < 0 || wanted == self->machine.pfs[pf].numvfs)
    return OK;
  for (int f = 0; f < N_FUNCTIONS; f++) {
    if (function_places[f].pf != pf || !device_of (self, f)->exists)
      continue;
    if (self->is_leased[f] || machine_is_open (&self->machine, f) || device_of (self, f)->host_use)
      return VFPOOL_ERROR_IN_USE;
  }
  self->machine.pfs[pf] = (Pf){ .numvfs = wanted, .autoprobe = FALSE };
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (function_places[f].pf == pf)
      make_anew (device_of (self, f), f, function_places[f].index < wanted);
  return OK;
}

static int
up (Model *self) {
  int first = release_guest (self, GUEST_UP);

  if (first != OK)
    return first;
  for (int pf = 0; pf < N_PFS; pf++)
    keep_first (&first, make_vfs (self, pf));
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (device_of (self, f)->exists && config_pool_of (&self->config, f) != NO_POOL && !self->is_leased[f]
        && !device_of (self, f)->host_use && !machine_is_open (&self->machine, f) && !foretell_is_parked (self, f))
      park (self, f);
  look_at_members (self, NULL);
  return first;
}

/* ---- Opening the ledger ---- */

static void
adopt (Model *self, int f, int guest) {
  Lease *lease = &self->leases[f];

  *lease = (Lease){ .guest = guest,
                    .state = VFPOOL_LEASE_ACTIVE,
                    .vlan = VFPOOL_VLAN_UNSET,
                    .has_saved = TRUE,
                    .has_saved_net = has_netdev (f),
                    .serial = SERIAL_NEW,
                    .since = self->machine.now,
                    .boot = self->boot };
  vfpool_vfnet_unset (&lease->saved);
  if (lease->has_saved_net) {
    strcpy (lease->saved.mac, VFPOOL_MAC_NONE);
    lease->saved.vlan = 0;
  }
  g_snprintf (lease->slot, NAME_SIZE, "recovered-%s", function_places[f].address);
  g_strlcpy (lease->pool, pool_names[config_pool_of (&self->config, f)], NAME_SIZE);
  self->is_leased[f] = TRUE;
}

/* The guest whose hypervisor process is seen to have @f open, or -1. */
static int
find_holder (const Model *self, int f) {
  int pid = self->machine.groups[function_places[f].group].pid;

  for (int g = 0; pid && g < N_GUESTS; g++)
    if (self->guests[g].is_running && self->guests[g].pid == pid && guest_places[g].kind < VFPOOL_GUEST_PVE_LXC)
      return g;
  return -1;
}

/* Whether a lease that was saved goes on although @guest has the VF open. */
static gboolean
goes_on (const Model *self, int f, int guest) {
  const Lease *lease = &self->leases[f];

  return self->is_leased[f] && lease->boot == self->boot
         && (lease->state == VFPOOL_LEASE_QUARANTINED || lease->guest == guest);
}

static void
rebuild (Model *self) {
  for (int pool = 0; pool < N_POOLS; pool++) {
    int members[N_FUNCTIONS], n = config_members (&self->config, pool, members);

    for (int i = 0; i < n; i++) {
      int guest = find_holder (self, members[i]);
      if (guest >= 0 && device_of (self, members[i])->exists && !goes_on (self, members[i], guest))
        adopt (self, members[i], guest);
    }
  }
}

void
foretell_open (Model *self) {
  if (self->ledger == LEDGER_ABSENT || self->ledger == LEDGER_LOST)
    memset (self->is_leased, 0, sizeof self->is_leased);
  if (self->ledger != LEDGER_GOOD || self->members_boot != self->boot)
    self->members = (Members){ 0 };
  self->members_boot = self->boot;
  if (self->ledger == LEDGER_LOST || self->ledger == LEDGER_DAMAGED)
    rebuild (self);
  self->ledger = LEDGER_GOOD;
  self->is_garbage = FALSE;
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (self->leases[f].boot != self->boot)
      self->is_leased[f] = FALSE;
}

void
foretell (Model *self, const Operation *op, Result *result) {
  int code = OK;

  *result = (Result){ .has_ended = TRUE };
  switch (op->kind) {
  case OP_ACQUIRE:
    code = acquire (self, op, result);
    break;
  case OP_RELEASE:
    code = release_guest (self, op->guest);
    break;
  case OP_RELEASE_LEASE:
    code = release_lease (self, op->lease);
    break;
  case OP_RELEASE_QUARANTINED:
    code = release_quarantined (self, op->function);
    break;
  case OP_RECONCILE:
    code = reconcile (self, result);
    break;
  case OP_UP:
    code = up (self);
    break;
  case OP_STATUS:
    code = self->is_garbage ? VFPOOL_ERROR_CORRUPT : OK;
    break;
  }
  result->is_ok = code == OK;
  result->code = code == OK ? 0 : code;
}
