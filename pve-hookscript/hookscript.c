/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pre-start leases what the VM's configuration asks for and hands it over in PVE's reservation file (lease.h). post-stop parks and
 * gives back; it tries everything, whatever fails. In between, post-start sees to it that the leases say what PVE really took
 * (taken.h). What ends without any of them is seen to by the service (watch.h).
 *
 * Containers are served by container.c, in the same phases.
 *
 * vfpool's own lock is never held together with PVE's: the library takes and drops its own inside each call.
 */
#include "hookscript.h"

#include <stdio.h>
#include <string.h>

#include "container.h"
#include "lease.h"
#include "parking.h"
#include "pools.h"
#include "print-plan.h"
#include "report.h"
#include "taken.h"

/* ---- pre-start ---- */

static gboolean
pre_start (const PvePaths *paths, const char *vmid, GError **error) {
  g_autoptr (PveVm) vm = pve_vm_read (paths, vmid, error);

  return vm && (!pve_vm_asks_for_anything (vm) || pve_lease_for_start (paths, vm, error));
}

/* ---- post-start ---- */

/* The VM runs: nothing that goes wrong here is a reason to have PVE warn of its start. A VM without devices hears nothing. */
static gboolean
post_start (const PvePaths *paths, const char *vmid, GError **error G_GNUC_UNUSED) {
  g_autofree char *file = pve_vm_find_config (paths, vmid);
  g_autoptr (PveVmConfig) config = pve_vm_config_load (file, NULL);
  g_autoptr (GError) failure = NULL;
  g_autoptr (Vfpool) vfpool = NULL;

  if (config && config->hostpci->len == 0)
    return TRUE;
  vfpool = vfpool_open (paths->root, report_message, NULL, &failure);
  if (vfpool)
    pve_taken_follow (paths, vfpool, vmid);
  else
    report_error (failure);
  return TRUE;
}

/* ---- post-stop ---- */

static gboolean
park_all (const PvePaths *paths, Vfpool *vfpool, guint64 vmid, GError **error) {
  g_autoptr (GPtrArray) vfs = pve_pool_vfs (vfpool, error);

  return vfs && pve_parking_update (paths, vfs, NULL, vmid, error);
}

static gboolean
post_stop (const PvePaths *paths, const char *vmid, GError **error) {
  g_autoptr (Vfpool) vfpool = vfpool_open (paths->root, report_message, NULL, error);
  g_autoptr (GError) failure = NULL;
  gboolean parked;

  if (!vfpool)
    return FALSE;
  /* PVE has dropped the VM's lines just now: another VM that starts must not find its VFs open. */
  parked = park_all (paths, vfpool, g_ascii_strtoull (vmid, NULL, 10), error);
  if (!vfpool_release (vfpool, VFPOOL_GUEST_PVE_QEMU, vmid, &failure))
    report_error (failure);
  if (!parked)
    return FALSE;
  if (!failure)
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, failure->code, "VM %s has not given back all its VFs; \"vfpool status\" shows them",
               vmid);
  return FALSE;
}

/* ---- All together ---- */

gboolean
pve_hookscript_run (const PvePaths *paths, const char *vmid, const char *phase, GError **error) {
  static const struct {
    const char *name;
    gboolean (*run) (const PvePaths *paths, const char *vmid, GError **error);
  } phases[] = { { "pre-start", pre_start }, { "post-start", post_start }, { "post-stop", post_stop } };

  if (!vfpool_has_configuration (paths->root))
    return TRUE;
  if (pve_is_container (paths, vmid))
    return pve_container_run (paths, vmid, phase, error);
  for (guint i = 0; i < G_N_ELEMENTS (phases); i++)
    if (!strcmp (phases[i].name, phase))
      return phases[i].run (paths, vmid, error);
  return TRUE;
}

gboolean
pve_hookscript_start_unit (const PvePaths *paths, const char *vmid, GError **error) {
  return !vfpool_has_configuration (paths->root) || !pve_is_container (paths, vmid)
         || pve_container_start_unit (paths, vmid, error);
}

gboolean
pve_hookscript_plan (const PvePaths *paths, const char *vmid, GError **error) {
  g_autoptr (PveVm) vm = NULL;
  g_autoptr (GVariant) result = NULL;
  gboolean is_right;

  if (!vfpool_has_configuration (paths->root))
    return TRUE;
  if (pve_is_container (paths, vmid))
    return pve_container_plan (paths, vmid, error);
  vm = pve_vm_read (paths, vmid, error);
  if (!vm || !pve_vm_asks_for_anything (vm))
    return vm != NULL;
  is_right = pve_lease_plan (paths, vm, &result, error);
  return (!result || print_plan (result, is_right ? error : NULL)) && is_right;
}

gboolean
pve_hookscript_park (const PvePaths *paths, GError **error) {
  g_autoptr (Vfpool) vfpool = NULL;

  if (!vfpool_has_configuration (paths->root) || !g_file_test (paths->pve_dir, G_FILE_TEST_IS_DIR))
    return TRUE;
  vfpool = vfpool_open (paths->root, report_message, NULL, error);
  return vfpool && park_all (paths, vfpool, 0, error);
}
