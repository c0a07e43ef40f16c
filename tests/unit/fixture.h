/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A folder that looks to vfpool like a host: sysfs, /proc, /run and a configuration, made of plain files and links. It
 * serves logic: nothing in it reacts to a write as the kernel does, so its VFs wait on vfio-pci, where nothing has to
 * be written.
 */
#pragma once

#include "private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above, in this order of things. */
#include <cmocka.h>

typedef struct {
  char *root;
} Fixture;

Fixture *fixture_new (void); /* an empty host with a boot id */
void fixture_free (Fixture *self);

void fixture_write (Fixture *self, const char *path, const char *format, ...) G_GNUC_PRINTF (3, 4);
void fixture_link (Fixture *self, const char *path, const char *target);
void fixture_remove (Fixture *self, const char *path);

/* A PCI function. @driver NULL: none; @group -1: none; @class_code as in sysfs, e.g. 0x020000. */
void fixture_add_function (Fixture *self, const char *bdf, const char *driver, int group, int numa_node,
                           guint class_code);
/* A PF at BUS:00.0 with @numvfs VFs at BUS:10.0, 10.2, ... on @vf_driver, each in a group of its own from @first_group
 * on.
 * @bus: "0000:01". */
void fixture_add_pf (Fixture *self, const char *bus, int numvfs, const char *vf_driver, int first_group);
/* Puts an existing function on another driver (NULL: none). */
void fixture_set_driver (Fixture *self, const char *bdf, const char *driver);
/* A process with this command line (arguments separated by blanks) that has the files of @open_files (separated by
 * blanks) open. */
void fixture_add_process (Fixture *self, int pid, const char *command_line, const char *open_files);
void fixture_config (Fixture *self, const char *text);

/* Asserts that @error is of @code in VFPOOL_ERROR and that its message contains @part; frees it. */
void assert_vfpool_error (GError **error, int code, const char *part);
