/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest asks for, from the command line: the verbs that ask take the same options. How a value is written is the
 * library's to say; numbers alone are read here.
 */
#include "request-options.h"

#include "option.h"

const CliOption cli_request_options[] = { CLI_REQUEST_OPTIONS (TRUE), {} };

#define DEFAULT_SLOT "slot0"
#define VLAN_MAX 4094
#define COUNT_MAX 64

/* Reads the number in --@name into @number, which stays as it is when the option was not given. */
static gboolean
read_number (const CliCall *call, const char *name, const char *what, int min, int max, int *number, GError **error) {
  return option_read_number (name, cli_call_value (call, name), what, min, max, number, error);
}

static gboolean
add_slot (VfpoolRequest *request, const CliCall *call, const char *slot, int vlan, GError **error) {
  return vfpool_request_add_pool (request, slot, cli_call_value (call, "pool"), cli_call_value (call, "mac"), vlan,
                                  error)
         && (!cli_call_value (call, "all-functions") || vfpool_request_set_all_functions (request, slot, error));
}

static gboolean
add_slots (VfpoolRequest *request, const CliCall *call, GError **error) {
  const char *slot = cli_call_value (call, "slot") ? cli_call_value (call, "slot") : DEFAULT_SLOT;
  int count = 1, vlan = VFPOOL_VLAN_UNSET;

  if (!read_number (call, "vlan", "VLAN", 0, VLAN_MAX, &vlan, error)
      || !read_number (call, "count", "number of VFs", 1, COUNT_MAX, &count, error))
    return FALSE;
  if (count == 1)
    return add_slot (request, call, slot, vlan, error);
  if (cli_call_value (call, "mac")) {
    g_set_error (
        error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
        "--mac with --count %d would give %d VFs the same MAC address: ask for each by itself, or leave --mac out",
        count, count);
    return FALSE;
  }
  for (int i = 0; i < count; i++) {
    g_autofree char *name = g_strdup_printf ("%s-%d", slot, i);
    if (!add_slot (request, call, name, vlan, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
set_policy (VfpoolRequest *request, const CliCall *call, GError **error) {
  static const char *const keys[] = { "numa", "placement", "anti-affinity" };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++) {
    const char *word = cli_call_value (call, keys[i]);
    if (word && !vfpool_request_set_policy (request, keys[i], word, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
set_home (VfpoolRequest *request, const CliCall *call, GError **error) {
  const char *nodes = cli_call_value (call, "nodes"), *cpus = cli_call_value (call, "cpus");

  return (!nodes || vfpool_request_set_nodes (request, nodes, error))
         && (!cpus || vfpool_request_set_cpus (request, cpus, error));
}

VfpoolRequest *
cli_request_new (const CliCall *call, GError **error) {
  g_autoptr (VfpoolRequest) request = NULL;
  VfpoolGuestKind kind;
  g_autofree char *id = NULL;

  if (!vfpool_guest_parse (cli_call_value (call, "guest"), &kind, &id, error))
    return NULL;
  request = vfpool_request_new (kind, id, NULL, error);
  if (!request || !add_slots (request, call, error) || !set_policy (request, call, error)
      || !set_home (request, call, error))
    return NULL;
  return g_steal_pointer (&request);
}
