/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Model names of PCI functions, from libpci's database (pci.ids). */
#pragma once

#include <glib.h>

typedef struct _CliDeviceNames CliDeviceNames;

/* @file: (nullable): a database in place of the system's. Nothing is read before the first lookup. */
CliDeviceNames *cli_device_names_new (const char *file);
void cli_device_names_free (CliDeviceNames *self);

/* "Intel Corporation 82576 Virtual Function" for 0x8086, 0x10ca: valid UTF-8 for g_free(); NULL when it is not known. */
char *cli_device_names_lookup (CliDeviceNames *self, unsigned vendor, unsigned device);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliDeviceNames, cli_device_names_free)
