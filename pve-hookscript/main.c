/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Proxmox VE hookscript: PVE calls it (through the snippet that stands for it) with a VMID and a phase. Its exit
 * status counts in pre-start only, where anything but 0 ends the start; in the other phases PVE shows a warning.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "cluster-status.h"
#include "cluster.h"
#include "guest-check.h"
#include "hookscript.h"
#include "mapping-command.h"
#include "process.h"
#include "publish.h"
#include "report.h"
#include "watch.h"

static const char usage_text[] =
    "Usage: pve-hookscript [OPTION...] VMID PHASE   as Proxmox VE calls it\n"
    "       pve-hookscript [OPTION...] park         keep Proxmox VE off all free VFs of all pools\n"
    "       pve-hookscript [OPTION...] watch        the service: gives back what VMs leave that end without a "
    "hookscript\n"
    "       pve-hookscript [OPTION...] unit VMID    before a container's unit starts LXC\n"
    "and, for the verbs of vfpool(8):\n"
    "       pve-hookscript [OPTION...] mapping POOL print the pool's mapping for /etc/pve/mapping/pci.cfg\n"
    "       pve-hookscript [OPTION...] apply POOL   write it there\n"
    "       pve-hookscript [OPTION...] check        tell of mappings and hookscripts that Proxmox VE cannot use\n"
    "       pve-hookscript [OPTION...] cluster      what all nodes have published\n"
    "       pve-hookscript [OPTION...] plan VMID    what its start would lease now\n"
    "\n"
    "  --root DIR      use DIR in place of / for every path\n"
    "  --pve-dir DIR   use DIR in place of /etc/pve\n"
    "  --run-dir DIR   use DIR in place of /run/qemu-server\n"
    "  --help          show this\n"
    "  --version       show the version\n";

static gboolean
usage_error (GError **error, const char *what) {
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_USAGE, "%s; call \"pve-hookscript VMID PHASE\", or with --help", what);
  return FALSE;
}

/* PVE's VMIDs: three to nine digits, no leading zero. */
static gboolean
is_vmid (const char *text) {
  gsize length = strlen (text);

  return length >= 3 && length <= 9 && *text != '0' && strspn (text, "0123456789") == length;
}

#define NO_VMID "\"%s\" is no VMID, which is a number from 100 to 999999999"

/* For what comes with the VMID as an option of `vfpool plan`, or as the name of a unit. */
static gboolean
run_for_vmid (const PvePaths *paths, const char *vmid,
              gboolean (*action) (const PvePaths *paths, const char *vmid, GError **error), GError **error) {
  if (is_vmid (vmid))
    return action (paths, vmid, error);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT, NO_VMID, vmid);
  return FALSE;
}

/* What a phase has changed is published when nobody waits for it any more. */
static gboolean
run_phase (const PvePaths *paths, const char *vmid, const char *phase, GError **error) {
  gboolean is_done = pve_hookscript_run (paths, vmid, phase, error);

  if (!strcmp (phase, "post-start") || !strcmp (phase, "post-stop"))
    pve_publish_in_background (paths);
  return is_done;
}

static gboolean
plan (const PvePaths *paths, const char *vmid, GError **error) {
  return run_for_vmid (paths, vmid, pve_hookscript_plan, error);
}

static gboolean
start_unit (const PvePaths *paths, const char *vmid, GError **error) {
  return run_for_vmid (paths, vmid, pve_hookscript_start_unit, error);
}

/* Both look, whatever the first has found. */
static gboolean
check (const PvePaths *paths, GError **error) {
  gboolean is_right = pve_mapping_check (paths, error);

  return pve_guest_check (paths, is_right ? error : NULL) && is_right;
}

static gboolean
run (const PvePaths *paths, int argc, char **argv, GError **error) {
  static const struct {
    const char *name;
    gboolean (*run) (const PvePaths *paths, GError **error);
    gboolean (*run_with) (const PvePaths *paths, const char *argument, GError **error);
  } verbs[] = {
    { "park", .run = pve_hookscript_park },
    { "watch", .run = pve_watch },
    { "check", .run = check },
    { "cluster", .run = pve_cluster_print },
    { "mapping", .run_with = pve_mapping_print },
    { "apply", .run_with = pve_mapping_apply },
    { "plan", .run_with = plan },
    { "unit", .run_with = start_unit },
  };

  for (gsize i = 0; argc > 0 && i < G_N_ELEMENTS (verbs); i++) {
    if (strcmp (argv[0], verbs[i].name))
      continue;
    if (argc == 1 && verbs[i].run)
      return verbs[i].run (paths, error);
    if (argc == 2 && verbs[i].run_with)
      return verbs[i].run_with (paths, argv[1], error);
  }
  if (argc != 2)
    return usage_error (error, argc < 2 ? "an argument is missing" : "there are too many arguments");
  if (!is_vmid (argv[0])) {
    g_autofree char *what = g_strdup_printf (NO_VMID, argv[0]);

    return usage_error (error, what);
  }
  return run_phase (paths, argv[0], argv[1], error);
}

/* Reports @error as well. */
static int
exit_status (const GError *error) {
  int status = report_error (error);

  return error->domain == PVE_QUORUM_ERROR ? EX_CANTCREAT : status;
}

int
main (int argc, char **argv) {
  static const char *const names[] = { "--root", "--pve-dir", "--run-dir" };
  const char *values[G_N_ELEMENTS (names)] = { NULL };
  g_autoptr (PvePaths) paths = NULL;
  g_autoptr (GError) error = NULL;
  int next = 1;

  process_begin_as_hook ();
  umask (S_IWGRP | S_IWOTH); /* PVE's own files get the modes that PVE gives them; the ledger's never depend on it */
  for (; next < argc && g_str_has_prefix (argv[next], "--"); next++) {
    guint option = 0;

    if (!strcmp (argv[next], "--help"))
      return fputs (usage_text, stdout) < 0;
    if (!strcmp (argv[next], "--version"))
      return printf ("pve-hookscript of vfpool %s\n", VFPOOL_VERSION) < 0;
    while (option < G_N_ELEMENTS (names) && strcmp (argv[next], names[option]))
      option++;
    if (option == G_N_ELEMENTS (names) || next + 1 == argc) {
      usage_error (&error, option == G_N_ELEMENTS (names) ? "unknown option" : "an option lacks its folder");
      return report_error (error);
    }
    values[option] = argv[++next];
    if (!g_path_is_absolute (values[option])) {
      usage_error (&error, "an option's folder has to begin with /");
      return report_error (error);
    }
  }
  paths = pve_paths_new (values[0], values[1], values[2]);
  return run (paths, argc - next, argv + next, &error) ? 0 : exit_status (error);
}
