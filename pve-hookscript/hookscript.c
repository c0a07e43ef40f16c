/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pre-start leases what the VM's configuration asks for and hands it over in PVE's reservation file (parking.h); a
 * failure half-way is undone, because PVE calls nothing more for a VM whose pre-start failed. post-stop parks and gives
 * back; it tries everything, whatever fails. In between, post-start sees to it that the leases say what PVE really took
 * (taken.h). What ends without any of them is seen to by the service (watch.h).
 *
 * vfpool's own lock is never held together with PVE's: the library takes and drops its own inside each call.
 */
#include "hookscript.h"

#include <stdio.h>
#include <string.h>

#include "parking.h"
#include "plan.h"
#include "print-plan.h"
#include "qemu.h"
#include "report.h"
#include "taken.h"

/* ---- pre-start ---- */

/* The VM's configuration file. While a VM migrates in, it lies still with the node it comes from. */
static char *
find_config (const PvePaths *paths, const char *vmid) {
  g_autofree char *name = g_strconcat (vmid, ".conf", NULL);
  g_autofree char *nodes = g_build_filename (paths->pve_dir, "nodes", NULL);
  g_autofree char *file = g_build_filename (paths->pve_dir, "qemu-server", name, NULL);
  g_autoptr (GDir) dir = NULL;
  const char *node;

  if (g_file_test (file, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&file);
  dir = g_dir_open (nodes, 0, NULL);
  while (dir && (node = g_dir_read_name (dir))) {
    g_autofree char *other = g_build_filename (nodes, node, "qemu-server", name, NULL);

    if (g_file_test (other, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&other);
  }
  return g_steal_pointer (&file);
}

static gboolean
is_container (const PvePaths *paths, const char *vmid) {
  g_autofree char *name = g_strconcat (vmid, ".conf", NULL);
  g_autofree char *file = g_build_filename (paths->pve_dir, "lxc", name, NULL);

  return g_file_test (file, G_FILE_TEST_EXISTS);
}

static VfpoolLease *
find_lease (GPtrArray *leases, const char *bdf) {
  for (guint i = 0; i < leases->len; i++)
    if (!strcmp (vfpool_lease_get_address (g_ptr_array_index (leases, i)), bdf))
      return g_ptr_array_index (leases, i);
  return NULL;
}

static GPtrArray *
addresses_of (GPtrArray *leases) {
  GPtrArray *addresses = g_ptr_array_new ();

  for (guint i = 0; i < leases->len; i++)
    g_ptr_array_add (addresses, (gpointer)vfpool_lease_get_address (g_ptr_array_index (leases, i)));
  return addresses;
}

static void
print_lease (const char *slot, const VfpoolLease *lease) {
  const char *mac = vfpool_lease_get_mac (lease);
  int vlan = vfpool_lease_get_vlan (lease);

  printf ("vfpool: %s: %s of pool %s", slot, vfpool_lease_get_address (lease), vfpool_lease_get_pool (lease));
  if (mac)
    printf (", MAC %s", mac);
  if (vlan != VFPOOL_VLAN_UNSET)
    printf (", VLAN %d", vlan);
  printf ("\n");
}

/* A line per slot; for a pool, the VF that PVE will take for it, which need not be the one leased in this slot's name. */
static void
print_slots (GPtrArray *plan, GPtrArray *chosen, GPtrArray *leases) {
  for (guint i = 0; i < plan->len; i++) {
    const PveSlot *slot = g_ptr_array_index (plan, i);
    g_autofree char *name = g_strdup_printf ("hostpci%d", slot->index);

    if (slot->is_pool)
      print_lease (name, find_lease (leases, g_ptr_array_index (chosen, i)));
    for (guint j = 0; slot->devices && j < slot->devices->len; j++) {
      const VfpoolLease *lease = find_lease (leases, g_ptr_array_index (slot->devices, j));

      if (lease)
        print_lease (vfpool_lease_get_slot (lease), lease);
    }
  }
}

/* The leased VFs, and all others of the pools they are of. */
static GPtrArray *
members_of_pools (Vfpool *vfpool, GPtrArray *leases, GError **error) {
  g_autoptr (GPtrArray) vfs = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (leases, i);
    const char *pool = vfpool_lease_get_pool (lease);
    g_autoptr (GPtrArray) members = NULL;

    g_ptr_array_add (vfs, g_strdup (vfpool_lease_get_address (lease)));
    if (!g_hash_table_add (seen, (gpointer)pool))
      continue;
    members = vfpool_pool_members (vfpool, pool, error);
    if (!members)
      return NULL;
    for (guint j = 0; j < members->len; j++)
      g_ptr_array_add (vfs, g_strdup (g_ptr_array_index (members, j)));
  }
  return g_steal_pointer (&vfs);
}

/* Leads PVE to the leased VFs: the last step of pre-start, and all that has to be undone with it. */
static gboolean
hand_over (const PvePaths *paths, Vfpool *vfpool, GPtrArray *plan, const PveMappings *mappings, const char *vmid,
           GPtrArray *leases, GError **error) {
  g_autoptr (GPtrArray) leased = addresses_of (leases);
  g_autoptr (GPtrArray) chosen = pve_plan_walk (plan, paths, mappings, leased, error);
  g_autoptr (GPtrArray) vfs = chosen ? members_of_pools (vfpool, leases, error) : NULL;

  if (!vfs || !pve_parking_update (paths, vfs, leased, g_ascii_strtoull (vmid, NULL, 10), error)) {
    g_prefix_error (error, "VM %s: ", vmid);
    return FALSE;
  }
  print_slots (plan, chosen, leases);
  return TRUE;
}

/* Gives back the leases that were not there before, and parks them; what fails is reported beside the error that led
 * here. */
static void
give_back (const PvePaths *paths, Vfpool *vfpool, const char *vmid, GPtrArray *before, GPtrArray *leases) {
  g_autoptr (GPtrArray) returned = g_ptr_array_new ();

  for (guint i = 0; i < leases->len; i++) {
    g_autoptr (GError) failure = NULL;
    VfpoolLease *lease = g_ptr_array_index (leases, i);

    if (find_lease (before, vfpool_lease_get_address (lease)))
      continue;
    if (!vfpool_release_lease (vfpool, lease, &failure))
      report_error (failure);
    g_ptr_array_add (returned, (gpointer)vfpool_lease_get_address (lease));
  }
  /* Where this fails, the hand-over failed for the same reason, and that is told already. */
  pve_parking_update (paths, returned, NULL, g_ascii_strtoull (vmid, NULL, 10), NULL);
}

/* A VM, and what it asks for. */
typedef struct {
  PveVmConfig *config;
  Vfpool *vfpool;
  GPtrArray *plan; /* of PveSlot */
  VfpoolRequest *request;
  PveMappings *mappings;
} Vm;

static void
vm_clear (Vm *vm) {
  g_clear_pointer (&vm->config, pve_vm_config_free);
  g_clear_pointer (&vm->vfpool, vfpool_close);
  g_clear_pointer (&vm->plan, g_ptr_array_unref);
  g_clear_pointer (&vm->request, vfpool_request_free);
  g_clear_pointer (&vm->mappings, pve_mappings_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Vm, vm_clear)

/* Whether @slot is one of an entry: "hostpciN" itself, or "hostpciN-1" and so on for what goes with it. */
static gboolean
is_in_plan (GPtrArray *plan, const char *slot) {
  for (guint i = 0; i < plan->len; i++) {
    g_autofree char *name = g_strdup_printf ("hostpci%d", ((const PveSlot *)g_ptr_array_index (plan, i))->index);

    if (g_str_has_prefix (slot, name) && (!slot[strlen (name)] || slot[strlen (name)] == '-'))
      return TRUE;
  }
  return FALSE;
}

/* What the VM has from an earlier start, in slots that it no longer asks for, would be missing for this one. */
static void
give_back_leftovers (const PvePaths *paths, const Vm *vm, const char *vmid, GPtrArray *before) {
  if (pve_qemu_pid (paths, g_ascii_strtoull (vmid, NULL, 10)))
    return;
  for (guint i = 0; i < before->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (before, i);
    g_autoptr (GError) failure = NULL;

    if (!is_in_plan (vm->plan, vfpool_lease_get_slot (lease)) && !vfpool_release_lease (vm->vfpool, lease, &failure))
      report_error (failure);
  }
}

static gboolean
lease_all (const PvePaths *paths, const Vm *vm, const char *vmid, GError **error) {
  g_autoptr (GPtrArray) before = vfpool_guest_leases (vm->vfpool, VFPOOL_GUEST_PVE_QEMU, vmid, error);
  g_autoptr (GPtrArray) leases = NULL;

  if (!before)
    return FALSE;
  give_back_leftovers (paths, vm, vmid, before);
  leases = vfpool_acquire (vm->vfpool, vm->request, error);
  if (!leases)
    return FALSE;
  if (hand_over (paths, vm->vfpool, vm->plan, vm->mappings, vmid, leases, error))
    return TRUE;
  give_back (paths, vm->vfpool, vmid, before, leases);
  return FALSE;
}

static gboolean
asks_for_anything (const Vm *vm) {
  return vm->request && !vfpool_request_is_empty (vm->request);
}

/* Reads the VM's configuration, and sees that PVE could use what it asks for; without a request when it has no device. */
static gboolean
read_vm (const PvePaths *paths, const char *vmid, Vm *vm, GError **error) {
  g_autofree char *file = find_config (paths, vmid);

  vm->config = pve_vm_config_load (file, error);
  if (!vm->config)
    return FALSE;
  for (guint i = 0; i < vm->config->warnings->len; i++)
    report_message (VFPOOL_MESSAGE_WARNING, g_ptr_array_index (vm->config->warnings, i), NULL);
  if (vm->config->hostpci->len == 0)
    return TRUE;
  vm->vfpool = vfpool_open (paths->root, report_message, NULL, error);
  if (!vm->vfpool)
    return FALSE;
  vm->plan = pve_plan_new (paths, vm->config, vm->vfpool);
  vm->request = pve_plan_request (vm->plan, vm->vfpool, vmid, vm->config, error);
  if (!vm->request || vfpool_request_is_empty (vm->request))
    return vm->request != NULL;
  vm->mappings = pve_mappings_load (paths, error);
  return vm->mappings && pve_plan_check (vm->plan, paths, vm->mappings, vm->vfpool, error);
}

static gboolean
pre_start (const PvePaths *paths, const char *vmid, GError **error) {
  g_auto (Vm) vm = { NULL };

  return read_vm (paths, vmid, &vm, error) && (!asks_for_anything (&vm) || lease_all (paths, &vm, vmid, error));
}

/* ---- post-start ---- */

/* The VM runs: nothing that goes wrong here is a reason to have PVE warn of its start. A VM without devices hears nothing. */
static gboolean
post_start (const PvePaths *paths, const char *vmid, GError **error G_GNUC_UNUSED) {
  g_autofree char *file = find_config (paths, vmid);
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
  g_autoptr (GPtrArray) vfs = pve_parking_all_vfs (vfpool, error);

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

  if (!vfpool_has_configuration (paths->root) || is_container (paths, vmid))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (phases); i++)
    if (!strcmp (phases[i].name, phase))
      return phases[i].run (paths, vmid, error);
  return TRUE;
}

/* All BDFs that would be leased by vfpool_plan()'s @result, in the order of the slots; NULL when a slot would not be served. */
static GPtrArray *
planned_addresses (GVariant *result) {
  g_autoptr (GVariant) slots = g_variant_lookup_value (result, "slots", G_VARIANT_TYPE ("aa{sv}"));
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; i < g_variant_n_children (slots); i++) {
    g_autoptr (GVariant) slot = g_variant_get_child_value (slots, i);
    g_auto (GStrv) functions = NULL;

    if (!g_variant_lookup (slot, "functions", "^as", &functions) || !*functions)
      return NULL;
    for (char **bdf = functions; *bdf; bdf++)
      g_ptr_array_add (addresses, g_strdup (*bdf));
  }
  return g_steal_pointer (&addresses);
}

gboolean
pve_hookscript_plan (const PvePaths *paths, const char *vmid, GError **error) {
  g_auto (Vm) vm = { NULL };
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GPtrArray) leased = NULL, chosen = NULL;

  if (is_container (paths, vmid)) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
                 "%s is a container: the hookscript leases VFs to virtual machines only", vmid);
    return FALSE;
  }
  if (!vfpool_has_configuration (paths->root))
    return TRUE;
  if (!read_vm (paths, vmid, &vm, error))
    return FALSE;
  if (!asks_for_anything (&vm))
    return TRUE;
  result = vfpool_plan (vm.vfpool, vm.request, error);
  if (!result || !print_plan (result, error))
    return FALSE;
  leased = planned_addresses (result);
  chosen = leased ? pve_plan_walk (vm.plan, paths, vm.mappings, leased, error) : NULL;
  return !leased || chosen;
}

gboolean
pve_hookscript_park (const PvePaths *paths, GError **error) {
  g_autoptr (Vfpool) vfpool = NULL;

  if (!vfpool_has_configuration (paths->root) || !g_file_test (paths->pve_dir, G_FILE_TEST_IS_DIR))
    return TRUE;
  vfpool = vfpool_open (paths->root, report_message, NULL, error);
  return vfpool && park_all (paths, vfpool, 0, error);
}

gboolean
pve_hookscript_print_map (const PvePaths *paths, const char *pool, GError **error) {
  g_autoptr (Vfpool) vfpool = vfpool_open (paths->root, report_message, NULL, error);
  g_autoptr (GPtrArray) members = vfpool ? vfpool_pool_members (vfpool, pool, error) : NULL;

  if (!members)
    return FALSE;
  printf ("%s\n", pool);
  for (guint i = 0; i < members->len; i++) {
    g_autofree char *line = pve_map_line (paths, g_ptr_array_index (members, i));

    if (line)
      printf ("\t%s\n", line);
  }
  return TRUE;
}
