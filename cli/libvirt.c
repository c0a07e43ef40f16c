/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs for which libvirt has to be asked, or a domain's XML to be read. They are understood and explained here like all
 * others; then this process becomes the program that does them, so that a signal to the command reaches who does the work, and
 * no other verb loads libvirt.
 */
#include "part.h"

const CliOption cli_attach_options[] = {
  { "pool", "POOL", "the pool that the VF shall come from", TRUE },
  { "slot", "SLOT", "the guest's own name for this device (default: the first of slot0, slot1 ... that is free)" },
  { "mac", "MAC", "the MAC address that the VF shall have: xx:xx:xx:xx:xx:xx" },
  { "vlan", "VLAN", "the VLAN that the VF shall be in: 1 to 4094, 0 for untagged" },
  {},
};

const CliOption cli_detach_options[] = {
  { "wait", "SECONDS", "how long to wait for the guest to let go, 1 to 3600 (default: 30)" },
  {},
};

const CliOption cli_request_add_options[] = {
  { "pool", "POOL", "the pool that the VF shall come from", TRUE },
  { "slot", "SLOT", "the guest's own name for this device (default: the first of slot0, slot1 ... that is free)" },
  { "mac", "MAC", "the MAC address that the VF shall have: xx:xx:xx:xx:xx:xx" },
  { "vlan", "VLAN", "the VLAN that the VF shall be in: 1 to 4094, 0 for untagged" },
  { "functions", "all", "all functions of the device that is chosen, as far as the pool has them" },
  { "teaming", "ALIAS", "the alias, ua-..., of the guest's virtio interface that the VF is paired with" },
  {},
};

char *
cli_libvirt_find_problem (const CliCall *call) {
  if (!cli_call_value (call, "root"))
    return NULL;
  return g_strdup_printf ("--root does not go with '%s', which knows this host's guests only", call->verb->name);
}

/* The command line of the program: options first, so that no operand is taken for one. */
static GPtrArray *
arguments_for (const CliCall *call, const char *program) {
  GPtrArray *arguments = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (arguments, g_strdup (program));
  g_ptr_array_add (arguments, g_strdup (call->verb->name));
  if (call->verbose)
    g_ptr_array_add (arguments, g_strdup ("--verbose"));
  for (const CliOption *option = call->verb->options; option && option->name; option++)
    if (option->argument && cli_call_value (call, option->name))
      g_ptr_array_add (arguments, g_strdup_printf ("--%s=%s", option->name, cli_call_value (call, option->name)));
  g_ptr_array_add (arguments, g_strdup ("--"));
  if (call->operand)
    g_ptr_array_add (arguments, g_strdup (call->operand));
  if (call->second)
    g_ptr_array_add (arguments, g_strdup (call->second));
  g_ptr_array_add (arguments, NULL);
  return arguments;
}

gboolean
cli_libvirt (Vfpool *vfpool G_GNUC_UNUSED, const CliCall *call, GError **error) {
  g_autofree char *folder = NULL, *program = cli_part_find (&cli_part_libvirt, &folder, error);
  g_autoptr (GPtrArray) arguments = program ? arguments_for (call, program) : NULL;

  return arguments && cli_part_become ((char **)arguments->pdata, folder, error);
}

GVariant *
cli_libvirt_ask (const CliCall *call, GError **error) {
  g_autofree char *folder = NULL, *program = cli_part_find (&cli_part_libvirt, &folder, error);
  g_autoptr (GPtrArray) arguments = program ? arguments_for (call, program) : NULL;
  g_autoptr (GError) failure = NULL;
  g_autoptr (GVariant) answer = arguments ? cli_part_run ((char **)arguments->pdata, folder, -1, &failure) : NULL;

  if (!failure)
    return g_steal_pointer (&answer);
  g_propagate_error (error, g_steal_pointer (&failure));
  return NULL;
}
