/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening the library, and the ledger behind it. The ledger is opened late: a hook that finds nothing to do for its
 * guest must not depend on it.
 */
#include "address.h"
#include "handle.h"
#include "printable.h"
#include "sysfs.h"

#include <string.h>

Vfpool *
vfpool_open (const char *root, VfpoolMessageFunc message_func, gpointer user_data, GError **error) {
  g_autofree char *prefix = g_strdup (root ? root : "");
  VfpoolConfig *config;
  Vfpool *self;

  while (g_str_has_suffix (prefix, "/"))
    prefix[strlen (prefix) - 1] = '\0';
  config = vfpool_config_load (prefix, error);
  if (!config)
    return NULL;
  self = g_new0 (Vfpool, 1);
  self->root = g_steal_pointer (&prefix);
  self->config = config;
  self->message_func = message_func;
  self->user_data = user_data;
  self->boot_id = vfpool_sysfs_read (self->root, "/proc/sys/kernel/random/boot_id");
  if (!self->boot_id)
    self->boot_id = g_strdup ("unknown");
  return self;
}

void
vfpool_close (Vfpool *self) {
  if (!self)
    return;
  vfpool_ledger_close (self->ledger);
  vfpool_config_free (self->config);
  g_free (self->boot_id);
  g_free (self->root);
  g_free (self);
}

gboolean
vfpool_has_configuration (const char *root) {
  return vfpool_sysfs_exists (root ? root : "", "/etc/vfpool/vfpool.conf");
}

void
vfpool_handle_say (Vfpool *self, VfpoolMessageLevel level, const char *format, ...) {
  g_autofree char *message = NULL, *line = NULL;
  va_list args;

  if (!self->message_func)
    return;
  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  line = printable_copy (message, G_MAXSIZE);
  self->message_func (level, line, self->user_data);
}

gboolean
vfpool_handle_change_once (VfpoolLedger *ledger, VfpoolChange change, gpointer data, GError **error) {
  if (!vfpool_ledger_begin (ledger, error))
    return FALSE;
  if (change (ledger, data, error) && vfpool_ledger_commit (ledger, error))
    return TRUE;
  vfpool_ledger_rollback (ledger);
  return FALSE;
}

static gboolean
is_of_another_boot (const Vfpool *self, const VfpoolLease *lease) {
  return strcmp (lease->boot_id, self->boot_id) != 0;
}

static gboolean
void_leases (VfpoolLedger *ledger, gpointer data, GError **error) {
  g_autoptr (GPtrArray) leases = vfpool_ledger_leases (ledger, error);
  gboolean ok = leases != NULL;

  for (guint i = 0; ok && i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);
    if (is_of_another_boot (data, lease))
      ok = vfpool_ledger_note (ledger, lease, "voided", "the host was rebooted", error)
           && vfpool_ledger_remove (ledger, lease, error);
  }
  return ok;
}

/* After a reboot every VF is made anew and nobody holds one: leases of another boot mean nothing any more. */
static gboolean
void_other_boots (Vfpool *self, VfpoolLedger *ledger, GError **error) {
  g_autoptr (GPtrArray) leases = vfpool_ledger_leases (ledger, error);
  guint n = 0;

  for (guint i = 0; leases && i < leases->len; i++)
    n += is_of_another_boot (self, g_ptr_array_index (leases, i));
  if (!leases || n == 0)
    return leases != NULL;
  if (!vfpool_handle_change_once (ledger, void_leases, self, error))
    return FALSE;
  vfpool_handle_say (self, VFPOOL_MESSAGE_INFO, "%u leases of an earlier boot are void", n);
  return TRUE;
}

static void
say_replaced (Vfpool *self, VfpoolLedger *ledger, const char *kept_as) {
  g_autoptr (GPtrArray) leases = vfpool_ledger_leases (ledger, NULL), cordons = vfpool_ledger_cordons (ledger, NULL);

  vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING,
                     "the ledger is damaged (%s) and was kept aside as %s; a new one has the %u leases and %u cordons "
                     "that could still be read of it and what the kernel shows; is the disk in order?",
                     vfpool_ledger_replaced_because (ledger), kept_as, leases ? leases->len : 0,
                     cordons ? cordons->len : 0);
}

static gboolean
make_ready (Vfpool *self, VfpoolLedger *ledger, GError **error) {
  gboolean needs_rebuild = FALSE;

  return vfpool_ledger_needs_rebuild (ledger, &needs_rebuild, error)
         && (!needs_rebuild || vfpool_rebuild (self, ledger, error)) && void_other_boots (self, ledger, error);
}

/* @again: (out): damage was met; another try has another ledger. */
static VfpoolLedger *
open_ledger (Vfpool *self, gboolean *again, GError **error) {
  g_autofree char *replaced = NULL;
  g_autoptr (VfpoolLedger) ledger = vfpool_ledger_open (self->root, &replaced, error);

  *again = FALSE;
  if (ledger && replaced)
    say_replaced (self, ledger, replaced);
  if (!ledger || make_ready (self, ledger, error))
    return g_steal_pointer (&ledger);
  *again = vfpool_ledger_has_met_damage (ledger);
  return NULL;
}

VfpoolLedger *
vfpool_handle_ledger (Vfpool *self, GError **error) {
  GError *local = NULL;
  gboolean again;

  /* Another process may have found it damaged and replaced it; what this one has written is in the new one. */
  if (self->ledger && (!vfpool_ledger_is_at_path (self->ledger) || vfpool_ledger_has_met_damage (self->ledger)))
    g_clear_pointer (&self->ledger, vfpool_ledger_close);
  if (self->ledger)
    return self->ledger;
  self->ledger = open_ledger (self, &again, &local);
  if (!self->ledger && again) {
    g_clear_error (&local);
    self->ledger = open_ledger (self, &again, &local);
  }
  if (local)
    g_propagate_error (error, local);
  return self->ledger;
}

gboolean
vfpool_handle_change (Vfpool *self, VfpoolChange change, gpointer data, GError **error) {
  VfpoolLedger *ledger = vfpool_handle_ledger (self, error);
  GError *local = NULL;

  if (!ledger)
    return FALSE;
  if (vfpool_handle_change_once (ledger, change, data, &local))
    return TRUE;
  if (!vfpool_ledger_has_met_damage (ledger)) {
    if (local)
      g_propagate_error (error, local);
    return FALSE;
  }
  g_clear_error (&local);
  ledger = vfpool_handle_ledger (self, error);
  return ledger && vfpool_handle_change_once (ledger, change, data, error);
}

/* ---- What callers ask about pools ---- */

gboolean
vfpool_has_pool (Vfpool *self, const char *name) {
  return vfpool_config_find_pool (self->config, name) != NULL;
}

char **
vfpool_pool_names (Vfpool *self) {
  char **names = g_new0 (char *, self->config->pools->len + 1);

  for (guint i = 0; i < self->config->pools->len; i++)
    names[i] = g_strdup (((const VfpoolPool *)g_ptr_array_index (self->config->pools, i))->name);
  return names;
}

VfpoolAttachFailure
vfpool_pool_on_attach_failure (Vfpool *self, const char *name) {
  const VfpoolPool *pool = vfpool_config_find_pool (self->config, name);

  return pool ? pool->on_attach_failure : VFPOOL_ATTACH_FAILURE_KEEP;
}

GPtrArray *
vfpool_pool_members (Vfpool *self, const char *name, GError **error) {
  const VfpoolPool *pool = vfpool_config_find_pool (self->config, name);
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  g_autoptr (GPtrArray) functions = NULL;
  GPtrArray *addresses;

  if (!pool) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND, "there is no pool '%s' in the configuration", name);
    return NULL;
  }
  functions = vfpool_host_members (host, pool);
  addresses = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < functions->len; i++)
    g_ptr_array_add (addresses, g_strdup (((VfpoolFunction *)g_ptr_array_index (functions, i))->address));
  return addresses;
}

const char *
vfpool_pool_of_address (Vfpool *self, const char *bdf) {
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  char normal[VFPOOL_BDF_SIZE];
  const VfpoolFunction *function;

  if (!vfpool_address_normalize (bdf, normal, NULL))
    return NULL;
  function = vfpool_host_function (host, normal);
  return function ? vfpool_host_pool_of (self->config, function) : NULL;
}
