/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cordons: an operator who is about to pull a card, or mistrusts a VF, wants nothing more handed out of it, and those who hold
 * one left alone. A cordon is kept in the ledger, by address, whatever becomes of the device meanwhile: firmware that is
 * loaded, or a card that is moved, takes a reboot or makes the VFs anew.
 */
#include "address.h"
#include "handle.h"

#include <string.h>

static gboolean
has_member (Vfpool *self, VfpoolHost *host, const char *pf) {
  g_autoptr (GPtrArray) vfs = vfpool_host_vfs_of (host, pf);

  for (guint i = 0; i < vfs->len; i++)
    if (vfpool_host_pool_of (self->config, g_ptr_array_index (vfs, i)))
      return TRUE;
  return FALSE;
}

/* Whether VFs of @pf lie in a pool, or will once there are some. */
static gboolean
is_pf_of_pool (Vfpool *self, VfpoolHost *host, const char *pf) {
  for (guint i = 0; i < self->config->pools->len; i++) {
    const VfpoolPool *pool = g_ptr_array_index (self->config->pools, i);
    for (guint k = 0; k < pool->members->len; k++)
      if (g_strcmp0 (((const VfpoolMember *)g_ptr_array_index (pool->members, k))->pf, pf) == 0)
        return TRUE;
  }
  return has_member (self, host, pf);
}

/* Whether vfpool could ever hand out something of @bdf. */
static gboolean
check_device (Vfpool *self, const char *bdf, GError **error) {
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  const VfpoolFunction *function = vfpool_host_function (host, bdf);

  if (!function)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND, "there is no PCI device %s on this host", bdf);
  else if (!vfpool_host_pool_of (self->config, function) && !vfpool_config_find_pf (self->config, bdf)
           && !is_pf_of_pool (self, host, bdf))
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND,
                 "%s lies in no pool, and is no PF whose VFs do: vfpool hands out nothing of it; `vfpool status` shows "
                 "what can be cordoned",
                 bdf);
  else
    return TRUE;
  return FALSE;
}

/* ---- To cordon ---- */

static gboolean
add (VfpoolLedger *ledger, gpointer data, GError **error) {
  return vfpool_ledger_add_cordon (ledger, data, error);
}

gboolean
vfpool_cordon (Vfpool *self, const char *bdf, const char *reason, GError **error) {
  char address[VFPOOL_BDF_SIZE];
  VfpoolCordon cordon = { address, reason && *reason ? (char *)reason : NULL, g_get_real_time () };

  return vfpool_address_normalize (bdf, address, error) && check_device (self, address, error)
         && vfpool_handle_change (self, add, &cordon, error);
}

/* ---- To end it ---- */

typedef struct {
  const char *address;
  gboolean existed;
} Removal;

static gboolean
remove_it (VfpoolLedger *ledger, gpointer data, GError **error) {
  Removal *removal = data;

  return vfpool_ledger_remove_cordon (ledger, removal->address, &removal->existed, error);
}

static gboolean
is_cordoned (Vfpool *self, const char *bdf) {
  VfpoolLedger *ledger = vfpool_handle_ledger (self, NULL);
  g_autoptr (GPtrArray) cordons = ledger ? vfpool_ledger_cordons (ledger, NULL) : NULL;

  for (guint i = 0; cordons && i < cordons->len; i++)
    if (strcmp (((const VfpoolCordon *)g_ptr_array_index (cordons, i))->address, bdf) == 0)
      return TRUE;
  return FALSE;
}

/* Says why nothing ended: mostly it is the PF that is cordoned. */
static gboolean
fail_not_cordoned (Vfpool *self, const char *bdf, GError **error) {
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  const VfpoolFunction *function = vfpool_host_function (host, bdf);

  if (!check_device (self, bdf, error))
    return FALSE;
  if (function && function->pf && is_cordoned (self, function->pf))
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND,
                 "%s is not cordoned by itself, but its PF is: `vfpool uncordon %s` ends that for all VFs of the PF",
                 bdf, function->pf);
  else
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND, "%s is not cordoned: see `vfpool status`", bdf);
  return FALSE;
}

gboolean
vfpool_uncordon (Vfpool *self, const char *bdf, GError **error) {
  char address[VFPOOL_BDF_SIZE];
  Removal removal = { address, FALSE };

  if (!vfpool_address_normalize (bdf, address, error) || !vfpool_handle_change (self, remove_it, &removal, error))
    return FALSE;
  return removal.existed || fail_not_cordoned (self, address, error);
}
