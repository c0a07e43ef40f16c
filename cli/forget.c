/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vfpool forget`: forgets which VFs and MACs guests had, of one guest or of all that were not seen for long. */
#include "cli.h"

#include "printable.h"

const CliOption cli_forget_options[] = {
  { "guest", "KIND/ID", "the guest to forget: libvirt/UUID, pve-qemu/VMID, pve-lxc/VMID or manual/NAME" },
  { "days", "N", "all that did not acquire or release for N days, 0 to 36500 (default: remember= of [vfpool])" },
  {},
};

#define DAYS_MAX 36500

/* Reads --days into @days, -1 when it was not given. */
static gboolean
read_days (const CliCall *call, int *days, GError **error) {
  const char *text = cli_call_value (call, "days");
  guint64 number = 0;

  *days = -1;
  if (!text)
    return TRUE;
  if (!g_ascii_string_to_unsigned (text, 10, 0, DAYS_MAX, &number, NULL)) {
    g_autofree char *shown = printable_copy (text, 40);
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
                 "--days '%s' is no number of days: expected a number from 0 to %d", shown, DAYS_MAX);
    return FALSE;
  }
  *days = (int)number;
  return TRUE;
}

gboolean
cli_forget (Vfpool *vfpool, const CliCall *call, GError **error) {
  const char *guest = cli_call_value (call, "guest");
  VfpoolGuestKind kind = VFPOOL_GUEST_MANUAL;
  g_autofree char *id = NULL, *line = NULL;
  int days;
  guint n;

  if ((guest && !vfpool_guest_parse (guest, &kind, &id, error)) || !read_days (call, &days, error)
      || !vfpool_forget (vfpool, kind, id, days, &n, error))
    return FALSE;
  line = g_strdup_printf ("slots of guests forgotten: %u\n", n);
  return cli_print (line, error);
}
