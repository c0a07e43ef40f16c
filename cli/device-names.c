/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libpci is only asked for names. pci_init() is not called: it would look for a way to read config space, and end the
 * program where there is none. The network, which libpci can ask too, is not: a status must not wait for a name server.
 *
 * libpci ends the program when it finds its database damaged, and its error handler may not return; but a status
 * without model names is still a status. So the handler jumps back here, and no name is asked for any more.
 */
#include "device-names.h"

#include <pci/pci.h>
#include <setjmp.h>

struct _CliDeviceNames {
  struct pci_access *access;
  gboolean is_damaged;
};

static jmp_buf libpci_gave_up;

static void G_GNUC_NORETURN
leave_libpci (char *format G_GNUC_UNUSED, ...) {
  longjmp (libpci_gave_up, 1);
}

static void
ignore_message (char *format G_GNUC_UNUSED, ...) {
}

CliDeviceNames *
cli_device_names_new (const char *file) {
  CliDeviceNames *self = g_new0 (CliDeviceNames, 1);

  self->access = pci_alloc ();
  self->access->error = leave_libpci;
  self->access->warning = ignore_message;
  self->access->debug = ignore_message;
  /* By default it would also read a cache of network answers from the user's home. */
  self->access->id_lookup_mode = 0;
  if (file)
    pci_set_name_list_path (self->access, g_strdup (file), 1);
  return self;
}

void
cli_device_names_free (CliDeviceNames *self) {
  if (!self)
    return;
  pci_cleanup (self->access);
  g_free (self);
}

char *
cli_device_names_lookup (CliDeviceNames *self, unsigned vendor, unsigned device) {
  const int flags = PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB;
  char buffer[256];
  const char *name;

  if (self->is_damaged)
    return NULL;
  if (setjmp (libpci_gave_up) != 0) {
    self->is_damaged = TRUE;
    return NULL;
  }
  name = pci_lookup_name (self->access, buffer, sizeof buffer, flags, (int)vendor, (int)device);
  return name ? g_utf8_make_valid (name, -1) : NULL;
}
