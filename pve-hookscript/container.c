/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pre-start comes after PVE has written LXC's configuration and before LXC reads it: what the container's notes ask for is
 * leased, and lines are added by which LXC takes the VF's network interface, or lets the container open its VFIO group. All
 * that can be wrong with the two files is found before anything is leased; what is leased when a step fails is given back, and
 * the file is written last, whole, so that a failure leaves it as it was.
 *
 * A container that reboots by itself PVE has its unit of systemd start once more: it writes LXC's configuration anew and calls no
 * hookscript, neither for the end nor for the start. And when LXC's process is killed, nobody is left who would call one. So a
 * drop-in for that unit (packaging/pve-container-vfpool.conf) has post-stop done, perhaps again, when LXC has ended; and asks, each
 * time before LXC is started, whether the lines are there: when they are not, it is done what pre-start does.
 *
 * post-stop comes from LXC's own hook for the end, when the interface is back on the host. The library waits for it all the
 * same, and sees to it that nothing the container did to it stays (lib/prepare.c).
 */
#include "container.h"

#include <stdio.h>
#include <string.h>

#include "container-config.h"
#include "leases.h"
#include "lxc-config.h"
#include "print-plan.h"
#include "report.h"

/* A container, and what it asks for. */
typedef struct {
  const PvePaths *paths;
  const char *vmid;
  PveContainerConfig *config;
  char *lxc_path;
  PveLxcConfig *lxc;
  Vfpool *vfpool;
  VfpoolRequest *request;
} Container;

static void
container_clear (Container *self) {
  g_clear_pointer (&self->config, pve_container_config_free);
  g_clear_pointer (&self->lxc_path, g_free);
  g_clear_pointer (&self->lxc, pve_lxc_config_free);
  g_clear_pointer (&self->vfpool, vfpool_close);
  g_clear_pointer (&self->request, vfpool_request_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Container, container_clear)

static char *
config_path (const PvePaths *paths, const char *vmid) {
  return g_strdup_printf ("%s/lxc/%s.conf", paths->pve_dir, vmid);
}

gboolean
pve_is_container (const PvePaths *paths, const char *vmid) {
  g_autofree char *path = config_path (paths, vmid);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* ---- What it asks for ---- */

static gboolean
add_slot (Container *self, const PveContainerSlot *slot, GError **error) {
  g_autofree char *path = config_path (self->paths, self->vmid);

  if (vfpool_request_add_pool (self->request, slot->slot, slot->pool, slot->mac, slot->vlan, error)
      && vfpool_request_set_driver (self->request, slot->slot, slot->driver, error))
    return TRUE;
  g_prefix_error (error, "%s:%d: ", path, slot->line);
  return FALSE;
}

/* Without a request when nothing is asked for. */
static gboolean
read_request (Container *self, GError **error) {
  g_autofree char *path = config_path (self->paths, self->vmid);

  self->config = pve_container_config_load (path, error);
  if (!self->config)
    return FALSE;
  if (self->config->slots->len == 0)
    return TRUE;
  self->vfpool = vfpool_open (self->paths->root, report_message, NULL, error);
  if (!self->vfpool)
    return FALSE;
  self->request = vfpool_request_new (VFPOOL_GUEST_PVE_LXC, self->vmid, self->config->name, error);
  for (guint i = 0; self->request && i < self->config->slots->len; i++)
    if (!add_slot (self, g_ptr_array_index (self->config->slots, i), error))
      return FALSE;
  return self->request != NULL;
}

/* ---- LXC's configuration ---- */

static gboolean
load_lxc (Container *self, GError **error) {
  self->lxc_path = g_strdup_printf ("%s/%s/config", self->paths->lxc_dir, self->vmid);
  self->lxc = pve_lxc_config_load (self->lxc_path, error);
  return self->lxc != NULL;
}

static gboolean
reserve_names (Container *self, GError **error) {
  for (guint i = 0; i < self->config->slots->len; i++) {
    const PveContainerSlot *slot = g_ptr_array_index (self->config->slots, i);

    if (slot->name && !pve_lxc_config_reserve_name (self->lxc, slot->name, error)) {
      g_prefix_error (error, "slot '%s': ", slot->slot);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
add_interface (Container *self, const PveContainerSlot *slot, const char *bdf, GError **error) {
  g_autofree char *folder = pve_paths_device (self->paths, bdf, "net");
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *link = dir ? g_dir_read_name (dir) : NULL;

  if (link)
    return pve_lxc_config_add_interface (self->lxc, link, slot->name, slot->mtu, error);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_IN_USE,
               "the network interface of %s is in another network namespace: container %s seems to run", bdf,
               self->vmid);
  return FALSE;
}

/* @name: what the kernel calls the device in the class @class of /sys. */
static gboolean
add_device (Container *self, const char *class, const char *name, const char *node, GError **error) {
  const char *root = self->paths->root ? self->paths->root : "";
  g_autofree char *path = g_strdup_printf ("%s/sys/class/%s/%s/dev", root, class, name), *numbers = NULL;
  guint major, minor;
  gsize length;

  if (!pve_read_file (path, &numbers, &length, error))
    return FALSE;
  if (sscanf (numbers, "%u:%u", &major, &minor) != 2) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "%s does not hold the numbers of a device", path);
    return FALSE;
  }
  pve_lxc_config_add_device (self->lxc, node, major, minor);
  return TRUE;
}

static gboolean
add_group (Container *self, const char *bdf, GError **error) {
  g_autofree char *link = pve_paths_device (self->paths, bdf, "iommu_group");
  g_autofree char *target = g_file_read_link (link, NULL);
  g_autofree char *group = target ? g_path_get_basename (target) : NULL;
  g_autofree char *node = g_strconcat ("vfio/", group, NULL);

  if (!group) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "%s is in no IOMMU group", bdf);
    return FALSE;
  }
  return add_device (self, "misc", "vfio", "vfio/vfio", error) && add_device (self, "vfio", group, node, error);
}

/* Adds the lines for all slots, and writes the file. @leases: the slots' in their order, then what goes with them. */
static gboolean
hand_over (Container *self, GPtrArray *leases, GError **error) {
  for (guint i = 0; i < self->config->slots->len; i++) {
    const PveContainerSlot *slot = g_ptr_array_index (self->config->slots, i);
    const char *bdf = vfpool_lease_get_address (g_ptr_array_index (leases, i));
    gboolean ok =
        slot->driver == VFPOOL_DRIVER_HOST ? add_interface (self, slot, bdf, error) : add_group (self, bdf, error);

    if (!ok) {
      g_prefix_error (error, "slot '%s': ", slot->slot);
      return FALSE;
    }
  }
  return pve_lxc_config_save (self->lxc, self->lxc_path, error);
}

/* ---- pre-start ---- */

static void
print_slots (const Container *self, GPtrArray *leases) {
  for (guint i = 0; i < self->config->slots->len; i++) {
    const PveContainerSlot *slot = g_ptr_array_index (self->config->slots, i);
    g_autofree char *as = slot->name ? g_strconcat ("as ", slot->name, NULL) : g_strdup ("on vfio-pci");

    pve_print_lease (slot->slot, g_ptr_array_index (leases, i), as);
  }
}

/* Its /dev/vfio/GROUP belongs to the host's root. */
static void
warn_unprivileged (const Container *self) {
  g_autofree char *message = NULL;

  for (guint i = 0; pve_lxc_config_is_unprivileged (self->lxc) && !message && i < self->config->slots->len; i++) {
    const PveContainerSlot *slot = g_ptr_array_index (self->config->slots, i);
    if (slot->driver == VFPOOL_DRIVER_VFIO)
      message = g_strdup_printf (
          "slot '%s': container %s is unprivileged: it can open the VFIO group only if the owner or the mode of its "
          "file in the host's /dev/vfio let it (by a rule for udev)",
          slot->slot, self->vmid);
  }
  if (message)
    report_message (VFPOOL_MESSAGE_WARNING, message, NULL);
}

static gboolean
lease_all (Container *self, GError **error) {
  g_autoptr (GPtrArray) before = vfpool_guest_leases (self->vfpool, VFPOOL_GUEST_PVE_LXC, self->vmid, error);
  g_autoptr (GPtrArray) leases = before ? vfpool_acquire (self->vfpool, self->request, error) : NULL;

  if (!leases)
    return FALSE;
  if (hand_over (self, leases, error)) {
    print_slots (self, leases);
    return TRUE;
  }
  pve_give_back (self->vfpool, before, leases);
  return FALSE;
}

/* Whether the lines are there, and the VFs leased: what is done at the end of the start before this one may come late, and undo
 * what pre-start has done. */
static gboolean
is_served (const Container *self) {
  g_autoptr (GPtrArray) leases = vfpool_guest_leases (self->vfpool, VFPOOL_GUEST_PVE_LXC, self->vmid, NULL);
  guint n = 0;

  for (guint i = 0; leases && i < leases->len; i++)
    n += vfpool_lease_get_state (g_ptr_array_index (leases, i)) == VFPOOL_LEASE_ACTIVE;
  return pve_lxc_config_had_lines (self->lxc) && n >= self->config->slots->len;
}

/* @is_new: what stands in LXC's configuration is of an earlier start. */
static gboolean
serve (Container *self, gboolean is_new, GError **error) {
  gboolean ok = load_lxc (self, error);

  if (ok && !is_new && is_served (self))
    return TRUE;
  if (!ok || !reserve_names (self, error) || !lease_all (self, error)) {
    g_prefix_error (error, "container %s: ", self->vmid);
    return FALSE;
  }
  warn_unprivileged (self);
  return TRUE;
}

static gboolean
pre_start (Container *self, GError **error) {
  return read_request (self, error) && (!self->request || serve (self, TRUE, error));
}

gboolean
pve_container_start_unit (const PvePaths *paths, const char *vmid, GError **error) {
  g_auto (Container) container = { .paths = paths, .vmid = vmid };
  g_autofree char *path = config_path (paths, vmid), *hookscript = pve_container_hookscript (path);

  return !hookscript || (read_request (&container, error) && (!container.request || serve (&container, FALSE, error)));
}

/* ---- post-stop ---- */

/* Nobody shall start the container by the lines of this start: the VFs will be somebody else's. The file may be gone. */
static void
remove_lines (Container *self) {
  g_autoptr (GError) failure = NULL;

  if ((!load_lxc (self, &failure) || !pve_lxc_config_save (self->lxc, self->lxc_path, &failure))
      && !g_error_matches (failure, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND))
    report_error (failure);
}

static gboolean
post_stop (Container *self, GError **error) {
  g_autoptr (GError) failure = NULL;

  remove_lines (self);
  self->vfpool = vfpool_open (self->paths->root, report_message, NULL, error);
  if (!self->vfpool)
    return FALSE;
  if (vfpool_release (self->vfpool, VFPOOL_GUEST_PVE_LXC, self->vmid, &failure))
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, failure->code,
               "container %s has not given back all its VFs; \"vfpool status\" shows them: %s", self->vmid,
               failure->message);
  return FALSE;
}

/* ---- All together ---- */

gboolean
pve_container_run (const PvePaths *paths, const char *vmid, const char *phase, GError **error) {
  g_auto (Container) container = { .paths = paths, .vmid = vmid };

  if (!strcmp (phase, "pre-start"))
    return pre_start (&container, error);
  return strcmp (phase, "post-stop") != 0 || post_stop (&container, error);
}

gboolean
pve_container_plan (const PvePaths *paths, const char *vmid, GError **error) {
  g_auto (Container) container = { .paths = paths, .vmid = vmid };
  g_autoptr (GVariant) result = NULL;

  if (!read_request (&container, error))
    return FALSE;
  if (!container.request)
    return TRUE;
  result = vfpool_plan (container.vfpool, container.request, error);
  return result && print_plan (result, error);
}
