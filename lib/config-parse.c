/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What groups and keys mean. One table says which keys a kind of group knows and what reads them; unknown ones, values
 * that make no sense and things that stand twice are errors, because a setting that is passed over in silence is found
 * out when a guest does not start.
 */
#include "config-parse.h"
#include "address.h"
#include "nearest.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NUMVFS 65535 /* 16 bits in the SR-IOV capability */
#define MAX_START_GRACE 86400
#define MAX_RELEASE_WAIT 600 /* seconds: a hook that waits keeps its hypervisor waiting */
#define MAX_POOL_NAME 32
#define POOL_NAME_CHARACTERS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-"

/* The group being read: exactly one of the three is meant, by kind. */
typedef struct {
  const VfpoolConfigFile *file;
  const char *name; /* of the group, as written */
  int line;         /* of the key at hand */
  VfpoolConfig *config;
  VfpoolPool *pool;
  VfpoolPfConfig *pf;
} Reader;

typedef gboolean (*ReadValue) (Reader *reader, const char *key, const char *value, GError **error);

static gboolean
read_number (Reader *reader, const char *key, const char *value, int max, int *number, GError **error) {
  size_t digits = strspn (value, "0123456789");
  g_autofree char *shown = vfpool_config_shorten (value);

  if (digits == 0 || value[digits] || digits > 6 || atoi (value) > max)
    return vfpool_config_file_fail (reader->file, reader->line, error,
                                    "%s=%s in [%s]: expected a number from 0 to %d%s", key, shown, reader->name, max,
                                    strchr (value, '#') ? "; a comment needs a line of its own" : "");
  *number = atoi (value);
  return TRUE;
}

static gboolean
read_numvfs (Reader *reader, const char *key, const char *value, GError **error) {
  return read_number (reader, key, value, MAX_NUMVFS, &reader->pf->numvfs, error);
}

static gboolean
read_start_grace (Reader *reader, const char *key, const char *value, GError **error) {
  return read_number (reader, key, value, MAX_START_GRACE, &reader->config->start_grace, error);
}

static gboolean
read_release_wait (Reader *reader, const char *key, const char *value, GError **error) {
  return read_number (reader, key, value, MAX_RELEASE_WAIT, &reader->config->release_wait, error);
}

static gboolean
read_park (Reader *reader, const char *key, const char *value, GError **error) {
  static const char *const parks[] = { "vfio", "host", "none", NULL }; /* in the order of VfpoolPark */
  g_autofree char *shown = NULL;

  for (int i = 0; parks[i]; i++) {
    if (!g_str_equal (value, parks[i]))
      continue;
    reader->pf->park = (VfpoolPark)i;
    return TRUE;
  }
  shown = vfpool_config_shorten (value);
  return vfpool_config_file_fail (reader->file, reader->line, error,
                                  "%s=%s in [%s]: did you mean \"%s\"? Expected vfio, host or none", key, shown,
                                  reader->name, vfpool_nearest_word (value, parks));
}

static gboolean
read_members (Reader *reader, const char *key, const char *value, GError **error) {
  g_auto (GStrv) members = g_strsplit (value, ";", -1);
  guint n = g_strv_length (members);

  if (n > 0 && !*g_strstrip (members[n - 1]))
    n--; /* a list may end with its separator */
  if (n == 0)
    return vfpool_config_file_fail (reader->file, reader->line, error,
                                    "%s= in [%s] is empty; expected members like pf=0000:01:00.0", key, reader->name);
  for (guint i = 0; i < n; i++) {
    g_autoptr (GError) local = NULL;
    VfpoolMember *member = vfpool_member_parse (g_strstrip (members[i]), &local);

    if (!member)
      return vfpool_config_file_fail (reader->file, reader->line, error, "%s= in [%s]: %s", key, reader->name,
                                      local->message);
    g_ptr_array_add (reader->pool->members, member);
  }
  return TRUE;
}

typedef struct {
  const char *kind; /* the first word of the group */
  const char *form; /* how it is written */
  const char *key;
  ReadValue read;
} KnownKey;

static const KnownKey known_keys[] = {
  { "pool", "[pool NAME]", "members", read_members },
  { "pf", "[pf ADDRESS]", "numvfs", read_numvfs },
  { "pf", "[pf ADDRESS]", "park", read_park },
  { "vfpool", "[vfpool]", "start-grace", read_start_grace },
  { "vfpool", "[vfpool]", "release-wait", read_release_wait },
};

static const char *const known_kinds[] = { "pool", "pf", "vfpool", NULL };

static gboolean
fail_unknown_key (const Reader *reader, const char *kind, const char *key, GError **error) {
  const char *here[G_N_ELEMENTS (known_keys) + 1] = { NULL };
  const KnownKey *elsewhere = NULL;
  g_autofree char *shown = vfpool_config_shorten (key);
  g_autofree char *all = NULL;
  int n = 0;

  for (size_t i = 0; i < G_N_ELEMENTS (known_keys); i++) {
    if (g_str_equal (known_keys[i].kind, kind))
      here[n++] = known_keys[i].key;
    else if (g_str_equal (known_keys[i].key, key))
      elsewhere = &known_keys[i];
  }
  if (elsewhere)
    return vfpool_config_file_fail (reader->file, reader->line, error,
                                    "the key \"%s\" is unknown in [%s]; it belongs in %s", shown, reader->name,
                                    elsewhere->form);
  all = g_strjoinv (", ", (char **)here);
  return vfpool_config_file_fail (reader->file, reader->line, error,
                                  "unknown key \"%s\" in [%s]; did you mean \"%s\"? Known here: %s", shown,
                                  reader->name, vfpool_nearest_word (key, here), all);
}

/* ---- Groups ---- */

static gboolean
begin_pool (Reader *reader, const char *name, GError **error) {
  VfpoolPool *pool;
  const VfpoolPool *other = vfpool_config_find_pool (reader->config, name);
  size_t length = strspn (name, POOL_NAME_CHARACTERS);

  if (length == 0 || length > MAX_POOL_NAME || name[length])
    return vfpool_config_file_fail (
        reader->file, reader->line, error,
        "[%s]: expected [pool NAME] with a name of 1 to %d of the characters A-Z a-z 0-9 _ -", reader->name,
        MAX_POOL_NAME);
  if (other)
    return vfpool_config_file_fail (
        reader->file, reader->line, error,
        "the pool \"%s\" stands here a second time, first in %s:%d; put all its members there", name, other->file,
        other->line);
  pool = g_new0 (VfpoolPool, 1);
  pool->name = g_strdup (name);
  pool->members = g_ptr_array_new_with_free_func (vfpool_member_free);
  pool->file = g_strdup (reader->file->path);
  pool->line = reader->line;
  g_ptr_array_add (reader->config->pools, pool);
  reader->pool = pool;
  return TRUE;
}

static gboolean
begin_pf (Reader *reader, const char *address, GError **error) {
  VfpoolPfConfig *pf;
  const VfpoolPfConfig *other;
  char bdf[VFPOOL_BDF_SIZE];

  if (!vfpool_address_normalize (address, bdf, NULL))
    return vfpool_config_file_fail (
        reader->file, reader->line, error,
        "[%s] names no PCI address; expected one like [pf 0000:01:00.0], as lspci -D shows it", reader->name);
  other = vfpool_config_find_pf (reader->config, bdf);
  if (other)
    return vfpool_config_file_fail (reader->file, reader->line, error,
                                    "the PF %s stands here a second time, first in %s:%d; put all its keys there", bdf,
                                    other->file, other->line);
  pf = g_new0 (VfpoolPfConfig, 1);
  pf->address = g_strdup (bdf);
  pf->numvfs = -1;
  pf->park = VFPOOL_PARK_VFIO;
  pf->file = g_strdup (reader->file->path);
  pf->line = reader->line;
  g_ptr_array_add (reader->config->pfs, pf);
  reader->pf = pf;
  return TRUE;
}

/* The kind is the first word, what it is about all the rest. */
static gboolean
begin_group (Reader *reader, const char *kind, const char *about, GError **error) {
  if (g_str_equal (kind, "pool"))
    return begin_pool (reader, about, error);
  if (g_str_equal (kind, "pf"))
    return begin_pf (reader, about, error);
  if (!g_str_equal (kind, "vfpool"))
    return vfpool_config_file_fail (
        reader->file, reader->line, error,
        "unknown group [%s]; did you mean \"%s\"? Known groups: [pool NAME], [pf ADDRESS], [vfpool]", reader->name,
        vfpool_nearest_word (kind, known_kinds));
  if (*about)
    return vfpool_config_file_fail (reader->file, reader->line, error, "[%s]: expected [vfpool] and nothing more",
                                    reader->name);
  return TRUE;
}

static gboolean
read_key (Reader *reader, const char *kind, const VfpoolConfigEntry *entry, GError **error) {
  g_autofree char *value = NULL;

  for (size_t i = 0; i < G_N_ELEMENTS (known_keys); i++) {
    if (!g_str_equal (known_keys[i].kind, kind) || !g_str_equal (known_keys[i].key, entry->key))
      continue;
    value = g_key_file_get_value (reader->file->keys, entry->group, entry->key, NULL);
    return known_keys[i].read (reader, entry->key, value ? g_strstrip (value) : "", error);
  }
  return fail_unknown_key (reader, kind, entry->key, error);
}

/* An earlier line of this file, in the same group, with the same key; heads of groups are compared with one another. */
static gboolean
stands_once (const VfpoolConfigFile *file, const VfpoolConfigEntry *entry, GError **error) {
  int first = vfpool_config_file_find_line (file, entry->group, entry->key);
  g_autofree char *group = vfpool_config_shorten (entry->group);
  g_autofree char *key = NULL;

  if (first == entry->line)
    return TRUE;
  if (!entry->key)
    return vfpool_config_file_fail (
        file, entry->line, error, "the group [%s] stands here a second time, first in line %d; put all its keys there",
        group, first);
  key = vfpool_config_shorten (entry->key);
  return vfpool_config_file_fail (file, entry->line, error,
                                  "the key \"%s\" of [%s] stands here a second time, first in line %d; keep one", key,
                                  group, first);
}

static gboolean
vfpool_key_is_new (const VfpoolConfigFile *file, const VfpoolConfigEntry *entry, GHashTable *seen, GError **error) {
  const char *first = g_hash_table_lookup (seen, entry->key);

  if (first)
    return vfpool_config_file_fail (file, entry->line, error,
                                    "the key \"%s\" of [vfpool] stands here a second time, first in %s; keep one",
                                    entry->key, first);
  g_hash_table_insert (seen, g_strdup (entry->key), g_strdup_printf ("%s:%d", file->path, entry->line));
  return TRUE;
}

static gboolean
pool_is_complete (const Reader *reader, GError **error) {
  if (!reader->pool || reader->pool->members->len > 0)
    return TRUE;
  return vfpool_config_file_fail (reader->file, reader->pool->line, error,
                                  "the pool \"%s\" has no members; expected a line like members=pf=0000:01:00.0",
                                  reader->pool->name);
}

/* Reads the group whose head is entry *@i, and moves *@i behind its last key. */
static gboolean
add_group (VfpoolConfig *self, const VfpoolConfigFile *file, guint *i, GHashTable *vfpool_keys, GError **error) {
  const VfpoolConfigEntry *entry = file->entries->pdata[*i];
  g_autofree char *name = vfpool_config_shorten (entry->group);
  g_autofree char *kind = g_strstrip (g_strdup (entry->group));
  size_t length = strcspn (kind, " \t");
  const char *about = kind[length] ? g_strchug (kind + length + 1) : "";
  Reader reader = { .file = file, .name = name, .line = entry->line, .config = self };

  kind[length] = '\0';
  if (!stands_once (file, entry, error) || !begin_group (&reader, kind, about, error))
    return FALSE;
  for (++*i; *i < file->entries->len; ++*i) {
    entry = file->entries->pdata[*i];
    if (!entry->key)
      break;
    reader.line = entry->line;
    if (!read_key (&reader, kind, entry, error) || !stands_once (file, entry, error))
      return FALSE;
    if (g_str_equal (kind, "vfpool") && !vfpool_key_is_new (file, entry, vfpool_keys, error))
      return FALSE;
  }
  return pool_is_complete (&reader, error);
}

gboolean
vfpool_config_add_file (VfpoolConfig *self, const VfpoolConfigFile *file, GHashTable *vfpool_keys, GError **error) {
  guint i = 0;

  while (i < file->entries->len)
    if (!add_group (self, file, &i, vfpool_keys, error))
      return FALSE;
  return TRUE;
}
