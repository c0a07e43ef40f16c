/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's hookscript is set guest by guest, and lies on a storage that may go. Proxmox VE says so when the guest is to start, and of
 * a VM that has none not even that: it finds no free device. A container that has none starts, without its interface. So it is told
 * beforehand.
 *
 * These are warnings: a guest that is being set up does not make the configuration of the host wrong.
 */
#include "guest-check.h"

#include <string.h>

#include "container-config.h"
#include "folders.h"
#include "plan.h"
#include "printable.h"
#include "report.h"
#include "snippet.h"
#include "vm-config.h"

/* What is said of VMs and containers in different words. */
typedef struct {
  const char *folder; /* of their configurations */
  const char *noun;
  const char *command;
  const char *without; /* what becomes of one that has no hookscript */
  /* Whether the guest asks for pooled VFs. @hookscript: (out): its volume, or NULL; @problem: (out): what is wrong with how it asks */
  gboolean (*asks) (const PvePaths *paths, Vfpool *vfpool, const char *file, char **hookscript, char **problem);
} Kind;

/* ---- What a guest asks for ---- */

static gboolean
is_of_pool (const PveSlot *slot, Vfpool *vfpool) {
  for (guint i = 0; slot->devices && i < slot->devices->len; i++)
    if (vfpool_pool_of_address (vfpool, g_ptr_array_index (slot->devices, i)))
      return TRUE;
  return slot->is_pool;
}

static gboolean
vm_asks (const PvePaths *paths, Vfpool *vfpool, const char *file, char **hookscript, char **problem) {
  g_autoptr (PveVmConfig) config = pve_vm_config_load (file, NULL);
  g_autoptr (GPtrArray) plan = config ? pve_plan_new (paths, config, vfpool) : NULL;
  const PveNotes *notes = config ? config->notes : NULL;
  gboolean asks;

  if (!config || config->is_template)
    return FALSE;
  asks = notes->devices->len > 0 || notes->policies->len > 0 || notes->problem;
  for (guint i = 0; i < plan->len; i++)
    asks |= is_of_pool (g_ptr_array_index (plan, i), vfpool);
  *hookscript = g_strdup (config->hookscript);
  *problem = g_strdup (notes->problem);
  return asks;
}

static gboolean
container_asks (const PvePaths *paths G_GNUC_UNUSED, Vfpool *vfpool G_GNUC_UNUSED, const char *file, char **hookscript,
                char **problem) {
  g_autoptr (GError) error = NULL;
  g_autoptr (PveContainerConfig) config = pve_container_config_load (file, &error);

  *hookscript = pve_container_hookscript (file);
  if (config)
    return config->slots->len > 0;
  *problem = error->code == VFPOOL_ERROR_BAD_INPUT ? g_strdup (error->message) : NULL;
  return *problem != NULL;
}

static const Kind kinds[] = {
  { "qemu-server", "VM", "qm", "Proxmox VE will not start it", vm_asks },
  { "lxc", "container", "pct", "it starts without them", container_asks },
};

/* ---- Its hookscript ---- */

/* Whether the hookscript comes to vfpool's: it is that, the program itself, or a script that names one of them. One that is larger
 * than scripts are cannot be told, and is not complained of. */
static gboolean
is_ours (const char *file) {
  g_autofree char *contents = NULL;
  gsize length;

  return !pve_read_file (file, &contents, &length, NULL) || g_strstr_len (contents, (gssize)length, "vfpool") != NULL;
}

static void
warn (const Kind *kind, const char *vmid, const char *what, const char *remedy) {
  g_autofree char *message = g_strdup_printf ("%s %s asks for pooled VFs, but %s%s", kind->noun, vmid, what, remedy);

  report_message (VFPOOL_MESSAGE_WARNING, message, NULL);
}

static void
check_hookscript (const PvePaths *paths, const Kind *kind, const char *vmid, const char *volume) {
  g_autofree char *set = g_strdup_printf ("\"%s set %s --hookscript local:snippets/vfpool\"", kind->command, vmid);
  g_autofree char *problem = NULL, *file = NULL, *what = NULL, *remedy = NULL;
  g_autofree char *shown = volume ? printable_copy (volume, 100) : NULL;

  if (!volume) {
    what = g_strdup_printf ("has no hookscript, so %s: ", kind->without);
    warn (kind, vmid, what, set);
    return;
  }
  file = pve_snippet_find (paths, volume, &problem);
  remedy = g_strconcat (", or ", set, NULL);
  if (problem)
    what = g_strdup_printf ("its hookscript %s cannot be relied on: %s", shown, problem);
  else if (!is_ours (file))
    what =
        g_strdup_printf ("its hookscript %s is another than vfpool's: have it run " LIBEXECDIR "/pve-hookscript with "
                         "its arguments",
                         shown);
  if (what)
    warn (kind, vmid, what, remedy);
}

static void
check_guest (const PvePaths *paths, Vfpool *vfpool, const Kind *kind, const char *vmid, const char *file) {
  g_autofree char *hookscript = NULL, *problem = NULL, *what = NULL;

  if (!kind->asks (paths, vfpool, file, &hookscript, &problem))
    return;
  /* Nobody reads the notes of a guest that has none. */
  if (problem && hookscript) {
    what = g_strdup_printf ("will not start: %s", problem);
    warn (kind, vmid, what, "");
    return;
  }
  check_hookscript (paths, kind, vmid, hookscript);
}

static void
check_kind (const PvePaths *paths, Vfpool *vfpool, const Kind *kind) {
  g_autofree char *folder = g_build_filename (paths->pve_dir, kind->folder, NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *file = g_build_filename (folder, name, NULL), *vmid = g_strndup (name, strcspn (name, "."));

    if (*vmid && !vmid[strspn (vmid, "0123456789")] && !strcmp (name + strlen (vmid), ".conf"))
      check_guest (paths, vfpool, kind, vmid, file);
  }
}

gboolean
pve_guest_check (const PvePaths *paths, GError **error) {
  g_autoptr (Vfpool) vfpool = NULL;

  if (!g_file_test (paths->pve_dir, G_FILE_TEST_IS_DIR))
    return TRUE;
  vfpool = vfpool_open (paths->root, NULL, NULL, error);
  for (guint i = 0; vfpool && i < G_N_ELEMENTS (kinds); i++)
    check_kind (paths, vfpool, &kinds[i]);
  return vfpool != NULL;
}
