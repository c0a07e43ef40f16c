/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Forgetting which VF and which MAC guests had. It is asked for, and never happens behind an operator's back, because a guest
 * that comes back after a year may have a DHCP server that knows it by its MAC.
 */
#include "handle.h"
#include "request.h"

#include <string.h>

#define DAY (G_GINT64_CONSTANT (86400) * G_USEC_PER_SEC)

/* More days than that are as good as any. */
#define MAX_DAYS 1000000

typedef struct {
  VfpoolGuestKind kind;
  const char *id; /* NULL: anybody */
  gint64 before;
  guint n;
} Forgetting;

static gboolean
is_of (const VfpoolLease *lease, const Forgetting *f) {
  return lease->state != VFPOOL_LEASE_QUARANTINED && lease->guest_kind == f->kind
         && strcmp (lease->guest_id, f->id) == 0;
}

/* What a guest holds it would be remembered by again. */
static gboolean
holds_nothing (VfpoolLedger *ledger, const Forgetting *f, GError **error) {
  g_autoptr (GPtrArray) leases = vfpool_ledger_leases (ledger, error);

  for (guint i = 0; leases && i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);
    g_autofree char *guest = NULL;

    if (!is_of (lease, f))
      continue;
    guest = vfpool_guest_describe (lease->guest_kind, lease->guest_id, lease->guest_name);
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE,
                 "%s holds %s, so nothing of it was forgotten: stop the guest, or release it, then try again", guest,
                 lease->address);
    return FALSE;
  }
  return leases != NULL;
}

static gboolean
forget (VfpoolLedger *ledger, gpointer data, GError **error) {
  Forgetting *f = data;

  return (!f->id || holds_nothing (ledger, f, error))
         && vfpool_ledger_forget (ledger, f->kind, f->id, f->before, &f->n, error);
}

gboolean
vfpool_forget (Vfpool *self, VfpoolGuestKind kind, const char *id, int days, guint *n, GError **error) {
  gint64 kept = MIN (days < 0 ? self->config->remember : days, MAX_DAYS) * DAY;
  g_autofree char *normal = id ? vfpool_guest_normalize_id (kind, id, error) : NULL;
  /* What was remembered a moment ago counts as seen before now. */
  Forgetting f = { kind, normal, normal ? G_MAXINT64 : g_get_real_time () - kept + 1, 0 };

  *n = 0;
  if ((id && !normal) || !vfpool_handle_change (self, forget, &f, error))
    return FALSE;
  *n = f.n;
  return TRUE;
}
