/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM that asks for no device starts in whatever state vfpool is: nothing of it is opened then. So does a template, which is never
 * started, but looked at.
 */
#include "vm.h"

#include <string.h>

#include "report.h"

/* While a VM migrates in, it lies still with the node it comes from. */
char *
pve_vm_find_config (const PvePaths *paths, const char *vmid) {
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

void
pve_vm_free (PveVm *self) {
  if (!self)
    return;
  pve_vm_config_free (self->config);
  vfpool_close (self->vfpool);
  g_clear_pointer (&self->plan, g_ptr_array_unref);
  vfpool_request_free (self->request);
  pve_mappings_free (self->mappings);
  g_free (self);
}

gboolean
pve_vm_asks_for_anything (const PveVm *self) {
  return self->request && !vfpool_request_is_empty (self->request);
}

static gboolean
read_request (const PvePaths *paths, PveVm *self, GError **error) {
  self->vfpool = vfpool_open (paths->root, report_message, NULL, error);
  if (!self->vfpool)
    return FALSE;
  self->plan = pve_plan_new (paths, self->config, self->vfpool);
  self->request = pve_plan_request (self->plan, self->vfpool, self->vmid, self->config, NULL, error);
  if (!self->request || vfpool_request_is_empty (self->request))
    return self->request != NULL;
  self->mappings = pve_mappings_load (paths, error);
  return self->mappings && pve_plan_check (self->plan, paths, self->mappings, self->vfpool, error);
}

PveVm *
pve_vm_read (const PvePaths *paths, const char *vmid, GError **error) {
  g_autofree char *file = pve_vm_find_config (paths, vmid);
  g_autoptr (PveVm) self = g_new0 (PveVm, 1);

  self->vmid = vmid;
  self->config = pve_vm_config_load (file, error);
  if (!self->config)
    return NULL;
  for (guint i = 0; i < self->config->warnings->len; i++)
    report_message (VFPOOL_MESSAGE_WARNING, g_ptr_array_index (self->config->warnings, i), NULL);
  if (self->config->hostpci->len > 0 && !self->config->is_template && !read_request (paths, self, error))
    return NULL;
  return g_steal_pointer (&self);
}

/* ---- MACs ---- */

/* The device of @config whose notes ask for @mac, or NULL. */
static const PveNote *
find_mac (const PveVmConfig *config, const char *mac) {
  for (guint i = 0; i < config->notes->devices->len; i++) {
    const PveNote *note = g_ptr_array_index (config->notes->devices, i);

    if (note->mac && !g_ascii_strcasecmp (note->mac, mac))
      return note;
  }
  return NULL;
}

static void
warn_of_vm (const PveVm *self, const PveVmConfig *other, const char *vmid) {
  for (guint i = 0; i < self->config->notes->devices->len; i++) {
    const PveNote *note = g_ptr_array_index (self->config->notes->devices, i);
    g_autofree char *message = NULL;

    if (!note->mac || !find_mac (other, note->mac))
      continue;
    message = g_strdup_printf (
        "the notes of VM %s ask for the MAC %s for hostpci%d, and so do those of VM %s: a clone has the notes of "
        "the VM it was made of, so give one of them another MAC, or none for one that is made for it",
        self->vmid, note->mac, note->index, vmid);
    report_message (VFPOOL_MESSAGE_WARNING, message, NULL);
  }
}

static gboolean
has_mac (const PveVmConfig *config) {
  for (guint i = 0; i < config->notes->devices->len; i++)
    if (((const PveNote *)g_ptr_array_index (config->notes->devices, i))->mac)
      return TRUE;
  return FALSE;
}

/* Who has a MAC at the moment is known by the ledger, and told when it is leased. A VM that does not run, and so has none yet, is
 * known by its notes alone. Nothing is looked at when there is no mac= in the VM's own. */
void
pve_vm_warn_of_shared_macs (const PvePaths *paths, const PveVm *self) {
  g_autofree char *folder = g_build_filename (paths->pve_dir, "qemu-server", NULL);
  g_autofree char *own = g_strconcat (self->vmid, ".conf", NULL);
  g_autoptr (GDir) dir = has_mac (self->config) ? g_dir_open (folder, 0, NULL) : NULL;
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *file = g_build_filename (folder, name, NULL), *vmid = g_strndup (name, strcspn (name, "."));
    g_autoptr (PveVmConfig) other = NULL;

    if (!g_str_has_suffix (name, ".conf") || !strcmp (name, own))
      continue;
    other = pve_vm_config_load (file, NULL);
    if (other && !other->is_template)
      warn_of_vm (self, other, vmid);
  }
}
