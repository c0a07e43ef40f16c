/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `vfpool plan`: what acquiring would choose, and why, for a guest that is described by options, or by its hypervisor's
 * configuration. The plan is printed also when the request would be refused; then the refusal is the error, as acquire's would be.
 */
#include "part.h"
#include "plan.h"
#include "pve.h"
#include "request-options.h"
#include "status.h"

#include "printable.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const CliOption cli_plan_options[] = {
  CLI_REQUEST_OPTIONS (FALSE),
  { "domain", "FILE", "plan for a libvirt guest: its XML, as virsh dumpxml prints it; - is standard input" },
  { "vmid", "VMID", "plan for a Proxmox VE virtual machine of this node" },
  { "json", NULL, "print one JSON object, for programs; vfpool(8) documents its fields" },
  {},
};

/* ---- The command line ---- */

static char *
find_problem_of_guest (const CliCall *call) {
  if (!cli_call_value (call, "guest"))
    return g_strdup ("'plan' needs one of --guest KIND/ID, --domain FILE and --vmid VMID");
  return cli_call_value (call, "pool") ? NULL : g_strdup ("--guest needs --pool POOL");
}

char *
cli_plan_find_problem (const CliCall *call) {
  gboolean has_domain = cli_call_value (call, "domain") != NULL, has_vmid = cli_call_value (call, "vmid") != NULL;

  if (has_domain && has_vmid)
    return g_strdup ("--domain and --vmid name two guests: plan for one at a time");
  if (!has_domain && !has_vmid)
    return find_problem_of_guest (call);
  for (const CliOption *option = cli_request_options; option->name; option++)
    if (cli_call_value (call, option->name))
      return g_strdup_printf ("--%s does not go with --%s: who asks for what stands in the %s", option->name,
                              has_domain ? "domain" : "vmid",
                              has_domain ? "domain's XML" : "virtual machine's configuration");
  if (has_domain && cli_call_value (call, "root"))
    return g_strdup ("--root does not go with --domain: libvirt's hook, which reads the XML, knows this host only");
  return NULL;
}

/* ---- Where the plan comes from ---- */

static GVariant *
plan_by_options (const CliCall *call, GError **error) {
  g_autoptr (Vfpool) vfpool = cli_open (call, error);
  g_autoptr (VfpoolRequest) request = vfpool ? cli_request_new (call, error) : NULL;

  return request ? vfpool_plan (vfpool, request, error) : NULL;
}

/* @file open for reading, or -1. */
static int
open_domain (const char *file, GError **error) {
  g_autofree char *shown = printable_copy (file, 200);
  int fd = strcmp (file, "-") == 0 ? dup (STDIN_FILENO) : open (file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

  if (fd < 0)
    g_set_error (error, VFPOOL_ERROR,
                 errno == EACCES   ? VFPOOL_ERROR_DENIED
                 : errno == ENOENT ? VFPOOL_ERROR_NOT_FOUND
                                   : VFPOOL_ERROR_BAD_INPUT,
                 "cannot read %s: %s; expected a file with the XML of a domain, as `virsh dumpxml` prints it", shown,
                 g_strerror (errno));
  return fd;
}

static GVariant *
plan_by_domain (const char *file, GError **error) {
  g_autofree char *folder = NULL, *program = cli_part_find (&cli_part_hook, &folder, error);
  int fd = program ? open_domain (file, error) : -1;
  GVariant *plan;

  if (fd < 0)
    return NULL;
  plan = cli_part_run ((char *[]){ program, "plan", NULL }, folder, fd, error);
  close (fd);
  return plan;
}

static GVariant *
plan_by_vmid (const char *vmid, const CliCall *call, GError **error) {
  g_autofree char *folder = NULL;
  g_auto (GStrv) command = cli_pve_command (call, "plan", vmid, &folder, error);

  return command ? cli_part_run (command, folder, -1, error) : NULL;
}

static GVariant *
make_plan (const CliCall *call, GError **error) {
  const char *file = cli_call_value (call, "domain"), *vmid = cli_call_value (call, "vmid");

  return file ? plan_by_domain (file, error) : vmid ? plan_by_vmid (vmid, call, error) : plan_by_options (call, error);
}

/* ---- The verb ---- */

gboolean
cli_plan_is_empty (GVariant *plan) {
  g_autoptr (GVariant) slots = cli_status_array (plan, "slots");

  return g_variant_n_children (slots) == 0;
}

static gboolean
show (GVariant *plan, const CliCall *call, GError **error) {
  g_autofree char *text = cli_call_value (call, "json") ? cli_plan_to_json (plan) : cli_plan_to_table (plan);

  return cli_print (text, error);
}

gboolean
cli_plan (Vfpool *vfpool G_GNUC_UNUSED, const CliCall *call, GError **error) {
  g_autoptr (GError) failure = NULL;
  g_autoptr (GVariant) plan = make_plan (call, &failure);
  g_autofree char *refusal = plan ? cli_status_string (plan, "refusal") : NULL;

  if (plan && !show (plan, call, error))
    return FALSE;
  if (failure)
    g_propagate_error (error, g_steal_pointer (&failure));
  else if (refusal)
    g_set_error_literal (error, VFPOOL_ERROR, VFPOOL_ERROR_NO_FREE_VF, refusal);
  else
    return TRUE;
  return FALSE;
}
