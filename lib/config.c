/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration as a whole: which files are read, in which order, and the questions that others ask of it. Order
 * matters twice: pools and members are tried as they stand, and a message about something that stands twice points at
 * the first.
 */
#include "config-parse.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#define CONFIG_FILE "/etc/vfpool/vfpool.conf"
#define CONFIG_FOLDER "/etc/vfpool/conf.d"
#define DEFAULT_START_GRACE 120
#define DEFAULT_RELEASE_WAIT 10
#define DEFAULT_REMEMBER 90

static void
pool_free (gpointer data) {
  VfpoolPool *pool = data;

  g_ptr_array_unref (pool->members);
  g_ptr_array_unref (pool->reservations);
  vfpool_numbers_free (pool->numa_nodes);
  g_free (pool->name);
  g_free (pool->file);
  g_free (pool);
}

static void
pf_free (gpointer data) {
  VfpoolPfConfig *pf = data;

  g_free (pf->address);
  g_free (pf->file);
  g_free (pf);
}

static VfpoolConfig *
config_new (void) {
  VfpoolConfig *self = g_new0 (VfpoolConfig, 1);

  self->pools = g_ptr_array_new_with_free_func (pool_free);
  self->pfs = g_ptr_array_new_with_free_func (pf_free);
  self->start_grace = DEFAULT_START_GRACE;
  self->release_wait = DEFAULT_RELEASE_WAIT;
  self->remember = DEFAULT_REMEMBER;
  return self;
}

void
vfpool_config_free (VfpoolConfig *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->pools);
  g_ptr_array_unref (self->pfs);
  g_free (self->mac_seed);
  g_free (self);
}

/* ---- Reading ---- */

static int
compare_names (gconstpointer a, gconstpointer b) {
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* The names of the files in conf.d that count, sorted; empty when there is no such folder. */
static GPtrArray *
list_folder (const char *path, GError **error) {
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const struct dirent *entry;
  DIR *dir = opendir (path);
  int err;

  if (!dir && errno == ENOENT)
    return g_steal_pointer (&names);
  if (dir && !vfpool_config_folder_is_safe (dirfd (dir), path, error)) {
    closedir (dir);
    return NULL;
  }
  if (dir) {
    while (errno = 0, (entry = readdir (dir)))
      if (entry->d_name[0] != '.' && g_str_has_suffix (entry->d_name, ".conf"))
        g_ptr_array_add (names, g_strdup (entry->d_name));
    err = errno;
    closedir (dir);
  } else {
    err = errno;
  }
  if (err) {
    g_set_error (error, VFPOOL_ERROR, err == EACCES ? VFPOOL_ERROR_DENIED : VFPOOL_ERROR_BAD_CONFIG,
                 "cannot list the configuration folder %s: %s", path, g_strerror (err));
    return NULL;
  }
  g_ptr_array_sort (names, compare_names);
  return g_steal_pointer (&names);
}

static gboolean
add_path (VfpoolConfig *self, const char *root, const char *path, GHashTable *vfpool_keys, GError **error) {
  g_autoptr (VfpoolConfigFile) file = vfpool_config_file_read (root, path, error);

  return file && vfpool_config_add_file (self, file, vfpool_keys, error);
}

static gboolean
add_main_file (VfpoolConfig *self, const char *root, GHashTable *vfpool_keys, GError **error) {
  g_autofree char *path = g_strconcat (root, CONFIG_FILE, NULL);
  g_autoptr (GError) local = NULL;

  if (add_path (self, root, path, vfpool_keys, &local))
    return TRUE;
  if (!g_error_matches (local, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND)) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  g_set_error (
      error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_CONFIG,
      "there is no configuration: %s does not exist; write one, which may begin with the two lines \"[pool NAME]\" and "
      "\"members=pf=ADDRESS\" (the PCI address of a PF, like 0000:01:00.0)",
      path);
  return FALSE;
}

static gboolean
add_folder (VfpoolConfig *self, const char *root, GHashTable *vfpool_keys, GError **error) {
  g_autofree char *folder = g_strconcat (root, CONFIG_FOLDER, NULL);
  g_autoptr (GPtrArray) names = list_folder (folder, error);

  if (!names)
    return FALSE;
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path = g_build_filename (folder, names->pdata[i], NULL);
    g_autoptr (GError) local = NULL;

    if (add_path (self, root, path, vfpool_keys, &local))
      continue;
    if (local->code == VFPOOL_ERROR_NOT_FOUND) /* listed, but leads nowhere: a symbolic link that dangles */
      local->code = VFPOOL_ERROR_BAD_CONFIG;
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  return TRUE;
}

VfpoolConfig *
vfpool_config_load (const char *root, GError **error) {
  g_autoptr (VfpoolConfig) self = config_new ();
  g_autoptr (GHashTable) vfpool_keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  if (!add_main_file (self, root, vfpool_keys, error) || !add_folder (self, root, vfpool_keys, error))
    return NULL;
  return g_steal_pointer (&self);
}

/* ---- Questions ---- */

const VfpoolPool *
vfpool_config_find_pool (const VfpoolConfig *self, const char *name) {
  for (guint i = 0; i < self->pools->len; i++) {
    const VfpoolPool *pool = self->pools->pdata[i];

    if (g_strcmp0 (pool->name, name) == 0)
      return pool;
  }
  return NULL;
}

const VfpoolPfConfig *
vfpool_config_find_pf (const VfpoolConfig *self, const char *bdf) {
  for (guint i = 0; i < self->pfs->len; i++) {
    const VfpoolPfConfig *pf = self->pfs->pdata[i];

    if (g_strcmp0 (pf->address, bdf) == 0)
      return pf;
  }
  return NULL;
}

VfpoolPark
vfpool_config_park_of (const VfpoolConfig *self, const char *pf) {
  const VfpoolPfConfig *config = pf ? vfpool_config_find_pf (self, pf) : NULL;

  return config ? config->park : VFPOOL_PARK_VFIO;
}
