/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See kernel.h. The state is the truth, the tree only shows it: each change is made in both. */
#include "kernel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices/"
#define FIRST_WORKER 100000 /* far from the guests' processes */
#define CLASS_NETWORK 0x020000
#define CLASS_NVME 0x010802

Kernel *kernel;
Fixture *tree;

void
kernel_violation (const char *format, ...) {
  va_list args;

  if (*kernel->violation)
    return;
  va_start (args, format);
  g_vsnprintf (kernel->violation, sizeof kernel->violation, format, args);
  va_end (args);
}

gboolean
tree_has (const char *path) {
  g_autofree char *full = g_strconcat (tree->root, path, NULL);

  return access (full, F_OK) == 0;
}

static char *
attribute (int function, const char *name) {
  return g_strconcat (DEVICES, function_places[function].address, "/", name, NULL);
}

static Device *
device_of (int function) {
  return &kernel->machine.devices[function];
}

/* ---- Groups ---- */

/* The node of a group is there while one of its functions is on vfio-pci. A folder in its place cannot be opened for
 * writing, which is what the library sees of a group that somebody has open. */
static void
show_group (int group) {
  g_autofree char *node = g_strdup_printf ("/dev/vfio/%d", FIRST_GROUP + group);
  g_autofree char *inside = g_strconcat (node, "/x", NULL);
  gboolean has_node = FALSE;

  for (int f = 0; f < N_FUNCTIONS; f++)
    has_node |= function_places[f].group == group && device_of (f)->exists && device_is_on_vfio (device_of (f));
  fixture_remove (tree, node);
  if (kernel->machine.groups[group].is_open)
    fixture_write (tree, inside, "%s", "");
  else if (has_node)
    fixture_write (tree, node, "%s", "");
}

void
kernel_open_group (int group, int pid) {
  kernel->machine.groups[group] = (Group){ .is_open = TRUE, .pid = pid };
  show_group (group);
}

void
kernel_close_group (int group, gint64 delay) {
  Group *g = &kernel->machine.groups[group];

  if (!g->is_open)
    return;
  *g = (Group){ .is_open = delay != 0, .closes_at = delay > 0 ? kernel->machine.now + delay : 0 };
  show_group (group);
}

void
kernel_pass_time (gint64 us) {
  gboolean was_open[N_GROUPS];

  for (int g = 0; g < N_GROUPS; g++)
    was_open[g] = kernel->machine.groups[g].is_open;
  machine_pass_time (&kernel->machine, us);
  for (int g = 0; g < N_GROUPS; g++)
    if (was_open[g] && !kernel->machine.groups[g].is_open)
      show_group (g);
}

/* ---- Drivers ---- */

void
kernel_bind (int function, const char *driver) {
  device_bind (device_of (function), function, driver);
  fixture_set_driver (tree, function_places[function].address, *driver ? driver : NULL);
  show_group (function_places[function].group);
}

void
kernel_override (int function, const char *driver) {
  g_autofree char *path = attribute (function, "driver_override");

  g_strlcpy (device_of (function)->override, driver, sizeof device_of (function)->override);
  fixture_write (tree, path, "%s\n", *driver ? driver : "(null)");
}

/* drivers_probe: the override names the driver; else the kernel's own, which a PF may have forbidden for its VFs. */
static void
probe (int function) {
  const FunctionPlace *place = &function_places[function];
  const Device *device = device_of (function);

  if (*device->driver)
    return;
  if (*device->override) {
    if (strcmp (device->override, VFIO) == 0 ? kernel->has_vfio_module
                                             : strcmp (device->override, place->host_driver) == 0)
      kernel_bind (function, device->override);
  } else if (place->pf == NO_PF || kernel->machine.pfs[place->pf].autoprobe) {
    kernel_bind (function, place->host_driver);
  }
}

/* ---- Functions come and go ---- */

static void
show_links (int function) {
  const FunctionPlace *place = &function_places[function];
  g_autofree char *physfn = attribute (function, "physfn"), *modalias = attribute (function, "modalias");
  g_autofree char *reset = attribute (function, "reset"), *method = attribute (function, "reset_method");

  fixture_write (tree, modalias, "pci:%s\n", place->host_driver);
  if (place->reset_method)
    fixture_write (tree, reset, "%s", "");
  if (place->reset_method && *place->reset_method)
    fixture_write (tree, method, "%s\n", place->reset_method);
  if (place->pf != NO_PF) {
    const char *pf = pf_places[place->pf].address;
    g_autofree char *virtfn = g_strdup_printf (DEVICES "%s/virtfn%d", pf, place->index);
    g_autofree char *up = g_strconcat ("../", pf, NULL), *down = g_strconcat ("../", place->address, NULL);

    fixture_link (tree, physfn, up);
    fixture_link (tree, virtfn, down);
  }
}

static void
show_removal (int function) {
  const FunctionPlace *place = &function_places[function];
  g_autofree char *folder = attribute (function, "");
  g_autofree char *member =
      g_strdup_printf ("/sys/kernel/iommu_groups/%d/devices/%s", FIRST_GROUP + place->group, place->address);

  folder[strlen (folder) - 1] = '\0';
  fixture_remove (tree, folder);
  fixture_remove (tree, member);
  if (place->pf != NO_PF) {
    g_autofree char *virtfn = g_strdup_printf (DEVICES "%s/virtfn%d", pf_places[place->pf].address, place->index);
    fixture_remove (tree, virtfn);
  }
}

void
kernel_set_function (int function, gboolean exists) {
  const FunctionPlace *place = &function_places[function];
  Device *device = device_of (function);

  if (device->exists == exists)
    return;
  if (device->host_use)
    kernel_use (function, FALSE);
  *device = (Device){ .exists = exists };
  new_net (function, &device->net);
  if (exists) {
    fixture_add_function (tree, place->address, NULL, FIRST_GROUP + place->group, -1,
                          place->pf == 2 ? CLASS_NVME : CLASS_NETWORK);
    show_links (function);
    probe (function);
  } else {
    show_removal (function);
  }
  show_group (place->group);
}

static void
show_numvfs (int pf) {
  g_autofree char *numvfs = g_strdup_printf (DEVICES "%s/sriov_numvfs", pf_places[pf].address);
  g_autofree char *autoprobe = g_strdup_printf (DEVICES "%s/sriov_drivers_autoprobe", pf_places[pf].address);

  fixture_write (tree, numvfs, "%d\n", kernel->machine.pfs[pf].numvfs);
  fixture_write (tree, autoprobe, "%d\n", kernel->machine.pfs[pf].autoprobe);
}

void
kernel_make_vfs (int pf, int numvfs) {
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (function_places[f].pf == pf)
      kernel_set_function (f, FALSE);
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (function_places[f].pf == pf && function_places[f].index < numvfs)
      kernel_set_function (f, TRUE);
  kernel->machine.pfs[pf].numvfs = numvfs;
  show_numvfs (pf);
}

void
kernel_use (int function, gboolean host_use) {
  g_autofree char *net = attribute (function, "net"), *name = g_strdup_printf ("eth%d", function);
  g_autofree char *netdev = g_strconcat (net, "/", name, NULL), *class = g_strconcat ("/sys/class/net/", name, NULL);
  g_autofree char *master = g_strconcat (class, "/master", NULL);

  device_of (function)->host_use = host_use;
  if (host_use) {
    fixture_write (tree, netdev, "%s", "");
    fixture_link (tree, master, "../br0");
  } else {
    fixture_remove (tree, net);
    fixture_remove (tree, class);
  }
}

/* ---- What is written to sysfs ---- */

void
kernel_check_touch (int function, const char *what) {
  const char *address = function_places[function].address;

  if (machine_is_open (&kernel->machine, function))
    kernel_violation ("%s of %s was written while its group is open", what, address);
  if (device_of (function)->host_use)
    kernel_violation ("%s of %s was written while the host uses it", what, address);
}

static int
write_numvfs (int pf, const char *value) {
  int wanted = atoi (value), now = kernel->machine.pfs[pf].numvfs;

  if (wanted == now)
    return 0;
  if (wanted > pf_places[pf].totalvfs)
    return ERANGE;
  if (wanted != 0 && now != 0)
    return EBUSY;
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (function_places[f].pf == pf && device_of (f)->exists)
      kernel_check_touch (f, "sriov_numvfs of the PF");
  kernel_make_vfs (pf, wanted);
  return 0;
}

static int
write_to_pf (int pf, const char *name, const char *value) {
  if (strcmp (name, "sriov_numvfs") == 0)
    return write_numvfs (pf, value);
  if (strcmp (name, "sriov_drivers_autoprobe") != 0)
    return ENOENT;
  kernel->machine.pfs[pf].autoprobe = atoi (value) != 0;
  show_numvfs (pf);
  return 0;
}

static int
reset (int function) {
  const Device *device = device_of (function);

  if (!function_places[function].has_flr)
    kernel_violation ("%s was reset with all that is beside it", function_places[function].address);
  if (*device->driver && !device_is_on_vfio (device))
    kernel_violation ("%s was reset under its driver %s", function_places[function].address, device->driver);
  device_reset (device_of (function), function);
  return 0;
}

static int
write_to_function (int function, const char *name, const char *value) {
  if (!device_of (function)->exists)
    return ENOENT;
  kernel_check_touch (function, name);
  if (strcmp (name, "driver_override") == 0) {
    kernel_override (function, strcmp (value, "\n") == 0 ? "" : value);
    return 0;
  }
  if (strcmp (name, "reset") == 0)
    return reset (function);
  if (strcmp (name, "driver/unbind") != 0)
    return ENOENT;
  if (!*device_of (function)->driver)
    return ENODEV;
  kernel_bind (function, "");
  return 0;
}

int
kernel_write (const char *path, const char *value) {
  char address[VFPOOL_BDF_SIZE] = "";
  const char *name = g_str_has_prefix (path, DEVICES) ? strchr (path + strlen (DEVICES), '/') : NULL;
  int function;

  if (strcmp (path, "/sys/bus/pci/drivers_probe") == 0) {
    function = find_function (value);
    if (function < 0 || !device_of (function)->exists)
      return ENODEV;
    kernel_check_touch (function, "drivers_probe");
    probe (function);
    return 0;
  }
  if (name) {
    g_strlcpy (address, path + strlen (DEVICES), MIN (sizeof address, (gsize)(name - path) - strlen (DEVICES) + 1));
    function = find_function (address);
    if (function >= 0)
      return write_to_function (function, name + 1, value);
    for (int pf = 0; pf < N_PFS; pf++)
      if (strcmp (pf_places[pf].address, address) == 0)
        return write_to_pf (pf, name + 1, value);
  }
  kernel_violation ("'%s' was written to %s, which the stand-in kernel does not know", value, path);
  return ENOENT;
}

int
kernel_vf_of_netdev (const char *netdev, int index) {
  for (int f = 0; f < N_FUNCTIONS; f++) {
    const FunctionPlace *place = &function_places[f];
    if (place->pf != NO_PF && g_strcmp0 (pf_places[place->pf].netdev, netdev) == 0 && place->index == index
        && device_of (f)->exists)
      return f;
  }
  return -1;
}

/* ---- Modules ---- */

gboolean
kernel_load_vfio (void) {
  fixture_write (tree, "/sys/bus/pci/drivers/" VFIO "/new_id", "%s", "");
  kernel->has_vfio_module = TRUE;
  return TRUE;
}

const char *
kernel_driver_for_alias (const char *modalias) {
  return g_str_has_prefix (modalias, "pci:") ? modalias + strlen ("pci:") : NULL;
}

/* ---- Power ---- */

void
kernel_reboot (void) {
  for (int g = 0; g < N_GROUPS; g++)
    kernel_close_group (g, 0);
  for (int f = 0; f < N_FUNCTIONS; f++)
    kernel_set_function (f, FALSE);
  for (int pf = 0; pf < N_PFS; pf++) {
    kernel->machine.pfs[pf] = (Pf){ .autoprobe = TRUE };
    show_numvfs (pf);
  }
  fixture_remove (tree, "/sys/bus/pci/drivers/" VFIO);
  fixture_remove (tree, "/run");
  kernel->has_vfio_module = FALSE;
  kernel->machine.now = G_USEC_PER_SEC;
  kernel->boot++;
  fixture_write (tree, "/proc/sys/kernel/random/boot_id", "boot-%d\n", kernel->boot);
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (function_places[f].pf == NO_PF)
      kernel_set_function (f, TRUE);
}

void
kernel_start (void) {
  kernel = mmap (NULL, sizeof *kernel, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert (kernel != MAP_FAILED);
  kernel->worker = FIRST_WORKER;
  tree = fixture_new ();
  for (int pf = 0; pf < N_PFS; pf++) {
    g_autofree char *total = g_strdup_printf (DEVICES "%s/sriov_totalvfs", pf_places[pf].address);
    g_autofree char *netdev = g_strdup_printf (DEVICES "%s/net/%s", pf_places[pf].address, pf_places[pf].netdev);

    fixture_add_function (tree, pf_places[pf].address, "pf", 100 + pf, -1, CLASS_NETWORK);
    fixture_write (tree, total, "%d\n", pf_places[pf].totalvfs);
    if (pf_places[pf].netdev)
      fixture_write (tree, netdev, "%s", "");
  }
  for (int f = 0; f < N_FUNCTIONS; f++) {
    const char *driver = function_places[f].host_driver;
    g_autofree char *path = g_strdup_printf ("/sys/module/%s/drivers/pci:%s", driver, driver);
    fixture_write (tree, path, "%s", "");
  }
  kernel_reboot ();
}

void
kernel_stop (void) {
  fixture_free (tree);
  munmap (kernel, sizeof *kernel);
}
