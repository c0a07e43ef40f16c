/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vfpool status`: asks the library, looks up the model names, and shows the answer to a person or to a program. */
#include "cli.h"
#include "cluster.h"
#include "status.h"

const CliOption cli_status_options[] = {
  { "cluster", NULL, "show what all nodes of a Proxmox VE cluster have published, and how old that is" },
  { "json", NULL, "print one JSON object, for programs; vfpool(8) documents its fields" },
  {},
};

gboolean
cli_status (Vfpool *vfpool, const CliCall *call, GError **error) {
  g_autoptr (GVariant) status = NULL;
  g_autoptr (CliDeviceNames) names = NULL;
  g_autofree char *text = NULL;

  if (cli_call_value (call, "cluster"))
    return cli_cluster_status (call, error);
  status = vfpool_status (vfpool, error);
  if (!status)
    return FALSE;
  names = cli_device_names_new (NULL);
  text = cli_call_value (call, "json") ? cli_status_to_json (status, names) : cli_status_to_table (status, names);
  return cli_print (text, error);
}
