/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What only makes sense on a Proxmox VE node. Who knows Proxmox's files is the hookscript's program, so it does the work, as for
 * `vfpool plan --vmid`.
 */
#include "pve.h"

#include "part.h"

const CliOption cli_pve_mapping_options[] = {
  { "apply", NULL, "write it to /etc/pve/mapping/pci.cfg (root)" },
  {},
};

gboolean
cli_pve_is_node (const CliCall *call) {
  g_autofree char *folder = g_build_filename (call->root ? call->root : "/", "etc", "pve", NULL);

  return g_file_test (folder, G_FILE_TEST_IS_DIR);
}

char **
cli_pve_command (const CliCall *call, const char *verb, const char *argument, char **folder, GError **error) {
  g_autofree char *program = cli_part_find (&cli_part_hookscript, folder, error);
  g_autofree char *root = call->root ? g_canonicalize_filename (call->root, NULL) : NULL;
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();

  if (!program)
    return NULL;
  g_strv_builder_add (words, program);
  if (root)
    g_strv_builder_add_many (words, "--root", root, NULL);
  g_strv_builder_add (words, verb);
  if (argument)
    g_strv_builder_add (words, argument);
  return g_strv_builder_end (words);
}

gboolean
cli_pve_run (const CliCall *call, const char *verb, const char *argument, GError **error) {
  g_autofree char *folder = NULL;
  g_auto (GStrv) command = cli_pve_command (call, verb, argument, &folder, error);

  return command && cli_part_pass (command, folder, error);
}

gboolean
cli_pve_mapping (Vfpool *vfpool G_GNUC_UNUSED, const CliCall *call, GError **error) {
  return cli_pve_run (call, cli_call_value (call, "apply") ? "apply" : "mapping", call->operand, error);
}
