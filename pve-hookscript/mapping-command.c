/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pool as a mapping. The file is all nodes', and the same mapping has lines of each, so each node writes its own, and no other
 * node has to be asked what hardware it has.
 */
#include "mapping-command.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "cluster.h"
#include "mapping-check.h"
#include "mapping-edit.h"
#include "report.h"
#include "section-file.h"

#define FILE_NAME "mapping/pci.cfg"

/* The alternatives that the mapping of @pool should have; NULL with the error when it cannot be one. */
static GPtrArray *
wanted_paths (const PvePaths *paths, const char *pool, GError **error) {
  g_autoptr (Vfpool) vfpool = vfpool_open (paths->root, report_message, NULL, error);
  g_autoptr (GPtrArray) members = vfpool ? vfpool_pool_members (vfpool, pool, error) : NULL;

  if (!members)
    return NULL;
  if (!pve_mapping_is_id (pool)) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_CONFIG,
                 "the pool %s cannot be a mapping of Proxmox VE, whose names have two characters or more and begin "
                 "with a letter: "
                 "give the pool another name",
                 pool);
    return NULL;
  }
  if (members->len == 0) {
    g_set_error (
        error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND,
        "the pool %s has no VF now, so there is nothing that its mapping could list: make them with \"vfpool up\"",
        pool);
    return NULL;
  }
  return pve_mapping_paths (paths, members);
}

gboolean
pve_mapping_print (const PvePaths *paths, const char *pool, GError **error) {
  g_autoptr (GPtrArray) wanted = wanted_paths (paths, pool, error);
  g_autoptr (GString) section = wanted ? pve_mapping_section (paths, pool, wanted) : NULL;

  if (!section)
    return FALSE;
  if (fputs (section->str, stdout) >= 0 && fflush (stdout) == 0)
    return TRUE;
  return pve_fail_errno (error, "write the mapping to", "standard output", errno);
}

/* The contents of @file, "" when there is none. */
static gboolean
read_or_empty (const char *file, char **contents, gsize *length, GError **error) {
  g_autoptr (GError) failure = NULL;

  if (pve_read_file (file, contents, length, &failure))
    return TRUE;
  if (!g_error_matches (failure, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND)) {
    g_propagate_error (error, g_steal_pointer (&failure));
    return FALSE;
  }
  *contents = g_strdup ("");
  *length = 0;
  return TRUE;
}

/* @is_changed: (out): the file was, or for @is_dry would be, another */
static gboolean
apply (const PvePaths *paths, const char *pool, GPtrArray *wanted, gboolean is_dry, gboolean *is_changed,
       GError **error) {
  g_autofree char *file = g_build_filename (paths->pve_dir, FILE_NAME, NULL), *folder = g_path_get_dirname (file);
  g_autofree char *contents = NULL;
  g_autoptr (GString) edited = NULL;
  gsize length;

  if (!read_or_empty (file, &contents, &length, error))
    return FALSE;
  edited = pve_mapping_edit (contents, length, paths, pool, wanted);
  *is_changed = edited->len != length || memcmp (edited->str, contents, length);
  if (is_dry || !*is_changed)
    return TRUE;
  g_mkdir (folder, 0755); /* PVE makes it, too; should it fail, so does what follows, and that is told */
  return pve_replace_file (file, edited, error);
}

/* Looks without the lock first: there mostly is nothing to do, and then no quorum is needed either. */
gboolean
pve_mapping_apply (const PvePaths *paths, const char *pool, GError **error) {
  g_autoptr (GPtrArray) wanted = wanted_paths (paths, pool, error);
  g_autoptr (PveClusterLock) lock = NULL;
  gboolean is_changed = FALSE;

  if (!wanted || !apply (paths, pool, wanted, TRUE, &is_changed, error))
    return FALSE;
  if (is_changed) {
    lock = pve_cluster_lock (paths, FILE_NAME, PVE_CLUSTER_LOCK_WAIT_US, error);
    if (!lock || !apply (paths, pool, wanted, FALSE, &is_changed, error))
      return FALSE;
  }
  printf (is_changed ? "the mapping %s lists %u devices of node %s now\n"
                     : "the mapping %s lists the %u devices of node %s already\n",
          pool, wanted->len, paths->node);
  return TRUE;
}

/* ---- Looking ---- */

/* What is wrong with the lines that are there would keep VMs from starting; that there are none, or that some are missing, may be
 * meant so for now. @first: (inout): the first of those */
static void
check_pool (const PvePaths *paths, const PveMappings *mappings, Vfpool *vfpool, const char *pool, GError **first) {
  gboolean is_mapped = pve_mappings_find (mappings, pool) != NULL;
  g_autoptr (GPtrArray) problems = pve_mapping_problems (paths, mappings, vfpool, pool);
  g_autoptr (GPtrArray) gaps =
      is_mapped && problems->len == 0 ? pve_mapping_gaps (paths, mappings, vfpool, pool) : NULL;

  for (guint i = 0; i < problems->len; i++) {
    g_autofree char *problem =
        g_strdup_printf ("%s/" FILE_NAME ": %s", paths->pve_dir, (char *)g_ptr_array_index (problems, i));

    if (is_mapped && !*first)
      g_set_error_literal (first, VFPOOL_ERROR, VFPOOL_ERROR_BAD_CONFIG, problem);
    else
      report_message (VFPOOL_MESSAGE_WARNING, problem, NULL);
  }
  for (guint i = 0; gaps && i < gaps->len; i++)
    report_message (VFPOOL_MESSAGE_WARNING, g_ptr_array_index (gaps, i), NULL);
}

gboolean
pve_mapping_check (const PvePaths *paths, GError **error) {
  g_autoptr (Vfpool) vfpool = NULL;
  g_autoptr (PveMappings) mappings = NULL;
  g_auto (GStrv) pools = NULL;
  GError *first = NULL;

  if (!g_file_test (paths->pve_dir, G_FILE_TEST_IS_DIR))
    return TRUE;
  vfpool = vfpool_open (paths->root, report_message, NULL, error);
  mappings = vfpool ? pve_mappings_load (paths, error) : NULL;
  pools = mappings ? vfpool_pool_names (vfpool) : NULL;
  if (!pools)
    return FALSE;
  for (char **pool = pools; *pool; pool++)
    if (pve_mapping_is_id (*pool)) /* no VM can ask for another */
      check_pool (paths, mappings, vfpool, *pool, &first);
  if (first)
    g_propagate_error (error, first);
  return first == NULL;
}
