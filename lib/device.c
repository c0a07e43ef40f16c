/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Three writes move a function: driver_override (who may have it), driver/unbind (let go), drivers_probe (who wants
 * it). None of them says whether it worked: drivers_probe succeeds when no driver took the device, so the driver link
 * is read after each. Kernel: drivers/pci/pci-driver.c, drivers/base/bus.c, Documentation/ABI/testing/sysfs-bus-pci.
 */
#include "device.h"
#include "kmodule.h"
#include "sysfs.h"

#include <string.h>

#define VFIO_DRIVER "vfio-pci"
#define VFIO_MODULE "vfio_pci"

static char *
read_driver (const char *root, const char *bdf) {
  return vfpool_sysfs_link_name (root, "/sys/bus/pci/devices/%s/driver", bdf);
}

/* vfio-pci, or a variant for one device model (mlx5-vfio-pci ...), which shows by the vfio device it registered. */
static gboolean
is_vfio (const char *root, const char *bdf, const char *driver) {
  return driver
         && (strcmp (driver, VFIO_DRIVER) == 0 || vfpool_sysfs_exists (root, "/sys/bus/pci/devices/%s/vfio-dev", bdf));
}

static gboolean
check_exists (const char *root, const char *bdf, GError **error) {
  if (vfpool_sysfs_exists (root, "/sys/bus/pci/devices/%s", bdf))
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND,
               "%s is not there any more: it was unplugged, or the number of VFs was lowered", bdf);
  return FALSE;
}

/* @driver NULL: any driver may have it again; the kernel shows that as "(null)". */
static gboolean
set_override (const char *root, const char *bdf, const char *driver, GError **error) {
  const char *wanted = driver ? driver : "(null)";
  g_autofree char *before = vfpool_sysfs_read (root, "/sys/bus/pci/devices/%s/driver_override", bdf), *after = NULL;

  if (g_strcmp0 (before, wanted) == 0)
    return TRUE;
  if (!vfpool_sysfs_write (root, driver ? driver : "\n", error, "/sys/bus/pci/devices/%s/driver_override", bdf))
    return FALSE;
  after = vfpool_sysfs_read (root, "/sys/bus/pci/devices/%s/driver_override", bdf);
  if (g_strcmp0 (after, wanted) == 0)
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "the kernel took driver_override '%s' for %s but shows '%s'",
               wanted, bdf, after ? after : "nothing");
  return FALSE;
}

static gboolean
unbind (const char *root, const char *bdf, GError **error) {
  g_autofree char *driver = read_driver (root, bdf), *left = NULL;
  g_autoptr (GError) local = NULL;

  if (!driver)
    return TRUE;
  vfpool_sysfs_write (root, bdf, &local, "/sys/bus/pci/devices/%s/driver/unbind", bdf);
  left = read_driver (root, bdf);
  if (!left)
    return TRUE;
  if (local) {
    g_propagate_prefixed_error (error, g_steal_pointer (&local), "cannot unbind %s from %s: ", bdf, driver);
    return FALSE;
  }
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "%s is still on driver %s after it was unbound", bdf, left);
  return FALSE;
}

static gboolean
probe (const char *root, const char *bdf, GError **error) {
  return vfpool_sysfs_write (root, bdf, error, "/sys/bus/pci/drivers_probe");
}

static gboolean
ensure_vfio_module (const char *root, GError **error) {
  if (vfpool_sysfs_exists (root, "/sys/bus/pci/drivers/" VFIO_DRIVER))
    return TRUE;
  if (!vfpool_kmodule_load (VFIO_MODULE, error))
    return FALSE;
  if (vfpool_sysfs_exists (root, "/sys/bus/pci/drivers/" VFIO_DRIVER))
    return TRUE;
  g_set_error_literal (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL,
                       "module " VFIO_MODULE " was loaded, but the kernel shows no driver " VFIO_DRIVER);
  return FALSE;
}

gboolean
vfpool_device_bind_vfio (const char *root, const char *bdf, GError **error) {
  g_autofree char *before = read_driver (root, bdf), *after = NULL;
  g_autoptr (GError) local = NULL;

  if (!check_exists (root, bdf, error))
    return FALSE;
  if (is_vfio (root, bdf, before))
    return TRUE;
  if (!ensure_vfio_module (root, error) || !set_override (root, bdf, VFIO_DRIVER, error) || !unbind (root, bdf, error))
    return FALSE;
  probe (root, bdf, &local);
  after = read_driver (root, bdf);
  if (is_vfio (root, bdf, after))
    return TRUE;
  if (local) {
    g_propagate_prefixed_error (error, g_steal_pointer (&local), "cannot bind %s to " VFIO_DRIVER ": ", bdf);
    return FALSE;
  }
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL,
               "%s did not bind to " VFIO_DRIVER " (its driver is %s): the kernel log says why", bdf,
               after ? after : "none");
  return FALSE;
}

/* Offers @bdf to the PCI driver @driver by name. A driver that does not want it is no error; a write that fails is. */
static gboolean
offer_to (const char *root, const char *bdf, const char *driver, GError **error) {
  gboolean ok = set_override (root, bdf, driver, error) && probe (root, bdf, error);

  /* Whatever came of it, the name must not stay. */
  return set_override (root, bdf, NULL, ok ? error : NULL) && ok;
}

/*
 * Finds the driver that serves the function, loads it, and binds by name. It is needed for VFs whose PF has
 * `sriov_drivers_autoprobe` 0: the kernel then binds them to nothing but what `driver_override` names
 * (pci_device_can_probe() in drivers/pci/pci-driver.c). The drivers of a module are the links
 * /sys/module/NAME/drivers/pci:DRIVER.
 */
static gboolean
bind_by_alias (const char *root, const char *bdf, GError **error) {
  g_autofree char *modalias = vfpool_sysfs_read (root, "/sys/bus/pci/devices/%s/modalias", bdf);
  g_auto (GStrv) modules = modalias ? vfpool_kmodule_load_for_alias (modalias) : NULL;

  for (char **module = modules; module && *module; module++) {
    g_auto (GStrv) drivers = vfpool_sysfs_list (root, "/sys/module/%s/drivers", *module);

    for (char **driver = drivers; *driver; driver++) {
      g_autofree char *bound = read_driver (root, bdf);
      if (!bound && g_str_has_prefix (*driver, "pci:") && !offer_to (root, bdf, *driver + strlen ("pci:"), error))
        return FALSE;
    }
  }
  return TRUE;
}

/* Gives the function back to the kernel's own choice of driver. */
static gboolean
park_host (const char *root, const char *bdf, GError **error) {
  g_autofree char *before = read_driver (root, bdf), *probed = NULL, *after = NULL;

  if (!set_override (root, bdf, NULL, error))
    return FALSE;
  if (before && !is_vfio (root, bdf, before))
    return TRUE;
  if (!unbind (root, bdf, error) || !probe (root, bdf, error))
    return FALSE;
  probed = read_driver (root, bdf);
  if (!probed && !bind_by_alias (root, bdf, error))
    return FALSE;
  after = read_driver (root, bdf);
  if (!is_vfio (root, bdf, after))
    return set_override (root, bdf, NULL, error);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL,
               "%s went back to %s when its own driver was asked for: does another rule bind it there?", bdf, after);
  return FALSE;
}

gboolean
vfpool_device_park (const char *root, const char *bdf, VfpoolPark park, GError **error) {
  if (!check_exists (root, bdf, error))
    return FALSE;
  switch (park) {
  case VFPOOL_PARK_VFIO:
    return vfpool_device_bind_vfio (root, bdf, error);
  case VFPOOL_PARK_HOST:
    return park_host (root, bdf, error);
  case VFPOOL_PARK_NONE:
    return set_override (root, bdf, NULL, error) && unbind (root, bdf, error);
  }
  g_return_val_if_reached (FALSE);
}

/* Whether the kernel resets the function at @bdf, and nothing else, when `reset` is written to. Kernels before 5.15 do not
 * tell; a VF always can, the specification of SR-IOV demands it. */
static gboolean
has_function_reset (const char *root, const char *bdf) {
  g_autofree char *methods = vfpool_sysfs_read (root, "/sys/bus/pci/devices/%s/reset_method", bdf);

  if (!vfpool_sysfs_exists (root, "/sys/bus/pci/devices/%s/reset", bdf))
    return FALSE;
  return methods ? strstr (methods, "flr") != NULL : vfpool_sysfs_exists (root, "/sys/bus/pci/devices/%s/physfn", bdf);
}

gboolean
vfpool_device_reset (const char *root, const char *bdf, GError **error) {
  g_autofree char *driver = read_driver (root, bdf);

  if (!check_exists (root, bdf, error))
    return FALSE;
  if ((driver && !is_vfio (root, bdf, driver)) || !has_function_reset (root, bdf))
    return TRUE;
  if (vfpool_sysfs_write (root, "1", error, "/sys/bus/pci/devices/%s/reset", bdf))
    return TRUE;
  g_prefix_error (error, "cannot reset %s: ", bdf);
  return FALSE;
}

gboolean
vfpool_device_is_parked (const char *root, const char *bdf, VfpoolPark park) {
  g_autofree char *driver = read_driver (root, bdf);

  switch (park) {
  case VFPOOL_PARK_VFIO:
    return is_vfio (root, bdf, driver);
  case VFPOOL_PARK_HOST:
    return driver && !is_vfio (root, bdf, driver);
  case VFPOOL_PARK_NONE:
    return !driver;
  }
  g_return_val_if_reached (FALSE);
}
