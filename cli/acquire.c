/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `vfpool acquire`: VFs of a pool for a guest. Their addresses are all that goes to stdout, a line each, for scripts. When
 * they cannot be written the leases stand, and the message says so: acquiring again prints the same addresses.
 */
#include "cli.h"

static char *
join_addresses (GPtrArray *leases, const char *separator) {
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < leases->len; i++)
    g_string_append_printf (text, "%s%s", i ? separator : "", vfpool_lease_get_address (g_ptr_array_index (leases, i)));
  return g_string_free (text, FALSE);
}

gboolean
cli_acquire (Vfpool *vfpool, const CliCall *call, GError **error) {
  g_autoptr (VfpoolRequest) request = cli_request_new (call, error);
  g_autoptr (GPtrArray) leases = request ? vfpool_acquire (vfpool, request, error) : NULL;
  g_autofree char *lines = NULL, *text = NULL, *listed = NULL;

  if (!leases)
    return FALSE;
  lines = join_addresses (leases, "\n");
  text = g_strconcat (lines, "\n", NULL);
  if (cli_print (text, error))
    return TRUE;
  listed = join_addresses (leases, ", ");
  g_prefix_error (error, "%s %s leased to %s, but ", listed, leases->len == 1 ? "is" : "are",
                  cli_call_value (call, "guest"));
  return FALSE;
}
