/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See fixture.h. Everything is relative to the root folder, links too, so that a tree can be looked at when a test
 * failed. */
#include "fixture.h"
#include "tree.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT_ID "11111111-2222-3333-4444-555555555555"

static char *
make_path (Fixture *self, const char *path) {
  char *full = g_strconcat (self->root, path, NULL);
  g_autofree char *folder = g_path_get_dirname (full);

  assert_int_equal (g_mkdir_with_parents (folder, 0755), 0);
  return full;
}

Fixture *
fixture_new (void) {
  Fixture *self = g_new0 (Fixture, 1);

  self->root = g_dir_make_tmp ("vfpool-test-XXXXXX", NULL);
  assert_non_null (self->root);
  fixture_write (self, "/proc/sys/kernel/random/boot_id", BOOT_ID "\n");
  fixture_write (self, "/sys/bus/pci/drivers_probe", "%s", "");
  fixture_write (self, "/sys/bus/pci/drivers/vfio-pci/new_id", "%s", "");
  return self;
}

void
fixture_free (Fixture *self) {
  remove_tree (self->root);
  g_free (self->root);
  g_free (self);
}

void
fixture_write (Fixture *self, const char *path, const char *format, ...) {
  g_autofree char *full = make_path (self, path), *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  assert_true (g_file_set_contents (full, text, -1, NULL));
}

void
fixture_link (Fixture *self, const char *path, const char *target) {
  g_autofree char *full = make_path (self, path);

  unlink (full);
  assert_int_equal (symlink (target, full), 0);
}

void
fixture_remove (Fixture *self, const char *path) {
  g_autofree char *full = g_strconcat (self->root, path, NULL);

  remove_tree (full);
}

void
fixture_set_driver (Fixture *self, const char *bdf, const char *driver) {
  g_autofree char *link = g_strdup_printf ("/sys/bus/pci/devices/%s/driver", bdf);
  g_autofree char *target = g_strdup_printf ("../../drivers/%s", driver ? driver : "");

  if (driver)
    fixture_link (self, link, target);
  else
    fixture_remove (self, link);
}

void
fixture_add_function (Fixture *self, const char *bdf, const char *driver, int group, int numa_node, guint class_code) {
  g_autofree char *folder = g_strdup_printf ("/sys/bus/pci/devices/%s", bdf), *path = NULL;

#define ATTRIBUTE(name, ...)                                                                                           \
  do {                                                                                                                 \
    g_autofree char *attribute = g_strdup_printf ("%s/" name, folder);                                                 \
    fixture_write (self, attribute, __VA_ARGS__);                                                                      \
  } while (0)
  ATTRIBUTE ("vendor", "0x8086\n");
  ATTRIBUTE ("device", "0x10ca\n");
  ATTRIBUTE ("class", "0x%06x\n", class_code);
  ATTRIBUTE ("numa_node", "%d\n", numa_node);
  ATTRIBUTE ("driver_override", "(null)\n");
#undef ATTRIBUTE
  fixture_set_driver (self, bdf, driver);
  if (group >= 0) {
    g_autofree char *target = g_strdup_printf ("../../../../kernel/iommu_groups/%d", group);
    g_autofree char *member = g_strdup_printf ("/sys/kernel/iommu_groups/%d/devices/%s", group, bdf);
    path = g_strdup_printf ("%s/iommu_group", folder);
    fixture_link (self, path, target);
    fixture_write (self, member, "%s", "");
  }
}

void
fixture_add_pf (Fixture *self, const char *bus, int numvfs, const char *vf_driver, int first_group) {
  g_autofree char *pf = g_strdup_printf ("%s:00.0", bus);
  g_autofree char *totalvfs = g_strdup_printf ("/sys/bus/pci/devices/%s/sriov_totalvfs", pf);
  g_autofree char *number = g_strdup_printf ("/sys/bus/pci/devices/%s/sriov_numvfs", pf);

  fixture_add_function (self, pf, "igb", first_group - 1, -1, 0x020000);
  fixture_write (self, totalvfs, "64\n");
  fixture_write (self, number, "%d\n", numvfs);
  for (int i = 0; i < numvfs; i++) {
    g_autofree char *vf = g_strdup_printf ("%s:%02x.%d", bus, 0x10 + i / 4, i % 4 * 2);
    g_autofree char *physfn = g_strdup_printf ("/sys/bus/pci/devices/%s/physfn", vf);
    g_autofree char *virtfn = g_strdup_printf ("/sys/bus/pci/devices/%s/virtfn%d", pf, i);
    g_autofree char *up = g_strdup_printf ("../%s", pf), *down = g_strdup_printf ("../%s", vf);

    fixture_add_function (self, vf, vf_driver, first_group + i, -1, 0x020000);
    fixture_link (self, physfn, up);
    fixture_link (self, virtfn, down);
  }
}

void
fixture_add_process (Fixture *self, int pid, const char *command_line, const char *open_files) {
  g_autofree char *folder = g_strdup_printf ("/proc/%d", pid), *cmdline = g_strconcat (folder, "/cmdline", NULL);
  g_autofree char *comm = g_strconcat (folder, "/comm", NULL), *stat = g_strconcat (folder, "/stat", NULL);
  g_autofree char *full = make_path (self, cmdline), *text = g_strdup (command_line);
  g_auto (GStrv) files = g_strsplit (open_files ? open_files : "", " ", -1);
  gsize length = strlen (text) + 1;

  g_strdelimit (text, " ", '\0');
  assert_true (g_file_set_contents (full, text, (gssize)length, NULL));
  fixture_write (self, comm, "%s\n", "qemu (x) 1");
  fixture_write (self, stat, "%d (qemu (x) 1) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 %d 20\n", pid, pid * 10);
  for (int i = 0; files[i] && *files[i]; i++) {
    g_autofree char *fd = g_strdup_printf ("%s/fd/%d", folder, i);
    fixture_link (self, fd, files[i]);
  }
}

void
fixture_config (Fixture *self, const char *text) {
  fixture_write (self, "/etc/vfpool/vfpool.conf", "%s", text);
}

void
assert_vfpool_error (GError **error, int code, const char *part) {
  assert_non_null (*error);
  if ((*error)->domain != VFPOOL_ERROR || (*error)->code != code || !strstr ((*error)->message, part))
    fail_msg ("expected error %d with '%s', got %d: %s", code, part, (*error)->code, (*error)->message);
  g_clear_error (error);
}
