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
#define MAX_REMEMBER 36500   /* days */
#define MAX_QUOTA 4096
#define MAX_SEED 200 /* bytes */
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
read_remember (Reader *reader, const char *key, const char *value, GError **error) {
  return read_number (reader, key, value, MAX_REMEMBER, &reader->config->remember, error);
}

static gboolean
read_mac_seed (Reader *reader, const char *key, const char *value, GError **error) {
  if (!*value || strlen (value) > MAX_SEED)
    return vfpool_config_file_fail (reader->file, reader->line, error,
                                    "%s= in [%s]: expected 1 to %d bytes of any text", key, reader->name, MAX_SEED);
  g_free (reader->config->mac_seed);
  reader->config->mac_seed = g_strdup (value);
  return TRUE;
}

static gboolean
read_policy (Reader *reader, const char *key, const char *value, GError **error) {
  g_autofree char *problem = NULL, *shown = vfpool_config_shorten (value);

  if (vfpool_policy_set (&reader->pool->policy, key, value, &problem))
    return TRUE;
  return vfpool_config_file_fail (reader->file, reader->line, error, "%s=%s in [%s]: %s", key, shown, reader->name,
                                  problem);
}

static gboolean
read_numa_nodes (Reader *reader, const char *key, const char *value, GError **error) {
  g_autofree char *wrong = NULL, *shown = vfpool_config_shorten (value);

  reader->pool->numa_nodes = vfpool_numbers_parse (value, &wrong);
  if (reader->pool->numa_nodes)
    return TRUE;
  return vfpool_config_file_fail (reader->file, reader->line, error,
                                  "%s=%s in [%s]: expected the host's NUMA nodes, as in 0-1", key, shown, reader->name);
}

static gboolean
read_quota (Reader *reader, const char *key, const char *value, GError **error) {
  int quota;

  if (!read_number (reader, key, value, MAX_QUOTA, &quota, error))
    return FALSE;
  reader->pool->quota = (guint)quota;
  return TRUE;
}

/* One of two words: @yes or @no. */
static gboolean
read_either (Reader *reader, const char *key, const char *value, const char *yes, const char *no, gboolean *is_yes,
             GError **error) {
  g_autofree char *shown = vfpool_config_shorten (value);

  *is_yes = g_str_equal (value, yes);
  if (*is_yes || g_str_equal (value, no))
    return TRUE;
  return vfpool_config_file_fail (reader->file, reader->line, error, "%s=%s in [%s]: expected %s or %s", key, shown,
                                  reader->name, yes, no);
}

static gboolean
read_sticky (Reader *reader, const char *key, const char *value, GError **error) {
  return read_either (reader, key, value, "yes", "no", &reader->pool->is_sticky, error);
}

static gboolean
read_mac (Reader *reader, const char *key, const char *value, GError **error) {
  return read_either (reader, key, value, "generate", "keep", &reader->pool->generates_mac, error);
}

static gboolean
read_shared_groups (Reader *reader, const char *key, const char *value, GError **error) {
  return read_either (reader, key, value, "together", "single", &reader->pool->groups_together, error);
}

/* One of the three @words; @position: (out): which. */
static gboolean
read_word (Reader *reader, const char *key, const char *value, const char *const *words, int *position,
           GError **error) {
  g_autofree char *shown = NULL;

  for (*position = 0; words[*position]; (*position)++)
    if (g_str_equal (value, words[*position]))
      return TRUE;
  shown = vfpool_config_shorten (value);
  return vfpool_config_file_fail (reader->file, reader->line, error,
                                  "%s=%s in [%s]: did you mean \"%s\"? Expected %s, %s or %s", key, shown, reader->name,
                                  vfpool_nearest_word (value, words), words[0], words[1], words[2]);
}

static gboolean
read_park (Reader *reader, const char *key, const char *value, GError **error) {
  static const char *const parks[] = { "vfio", "host", "none", NULL }; /* in the order of VfpoolPark */
  int park;

  if (!read_word (reader, key, value, parks, &park, error))
    return FALSE;
  reader->pf->park = (VfpoolPark)park;
  return TRUE;
}

static gboolean
read_on_attach_failure (Reader *reader, const char *key, const char *value, GError **error) {
  /* in the order of VfpoolAttachFailure */
  static const char *const outcomes[] = { "keep", "retry", "shutdown", NULL };
  int outcome;

  if (!read_word (reader, key, value, outcomes, &outcome, error))
    return FALSE;
  reader->pool->on_attach_failure = (VfpoolAttachFailure)outcome;
  return TRUE;
}

/* Reads a list, its parts separated by semicolons, each by @parse, into @list. */
static gboolean
read_list (Reader *reader, const char *key, const char *value, GPtrArray *list,
           gpointer (*parse) (const char *text, GError **error), const char *example, GError **error) {
  g_auto (GStrv) parts = g_strsplit (value, ";", -1);
  guint n = g_strv_length (parts);

  if (n > 0 && !*g_strstrip (parts[n - 1]))
    n--; /* a list may end with its separator */
  if (n == 0)
    return vfpool_config_file_fail (reader->file, reader->line, error, "%s= in [%s] is empty; expected %s", key,
                                    reader->name, example);
  for (guint i = 0; i < n; i++) {
    g_autoptr (GError) local = NULL;
    gpointer part = parse (g_strstrip (parts[i]), &local);

    if (!part)
      return vfpool_config_file_fail (reader->file, reader->line, error, "%s= in [%s]: %s", key, reader->name,
                                      local->message);
    g_ptr_array_add (list, part);
  }
  return TRUE;
}

static gpointer
parse_member (const char *text, GError **error) {
  return vfpool_member_parse (text, error);
}

static gboolean
read_members (Reader *reader, const char *key, const char *value, GError **error) {
  return read_list (reader, key, value, reader->pool->members, parse_member, "members like pf=0000:01:00.0", error);
}

static gpointer
parse_reservation (const char *text, GError **error) {
  return vfpool_reservation_parse (text, error);
}

static gboolean
read_reserve (Reader *reader, const char *key, const char *value, GError **error) {
  return read_list (reader, key, value, reader->pool->reservations, parse_reservation,
                    "reservations like guest=pve-qemu/101 count=2", error);
}

typedef struct {
  const char *kind; /* the first word of the group */
  const char *form; /* how it is written */
  const char *key;
  ReadValue read;
} KnownKey;

static const KnownKey known_keys[] = {
  { "pool", "[pool NAME]", "members", read_members },
  { "pool", "[pool NAME]", "numa", read_policy },
  { "pool", "[pool NAME]", "placement", read_policy },
  { "pool", "[pool NAME]", "anti-affinity", read_policy },
  { "pool", "[pool NAME]", "numa-nodes", read_numa_nodes },
  { "pool", "[pool NAME]", "sticky", read_sticky },
  { "pool", "[pool NAME]", "mac", read_mac },
  { "pool", "[pool NAME]", "quota", read_quota },
  { "pool", "[pool NAME]", "reserve", read_reserve },
  { "pool", "[pool NAME]", "shared-groups", read_shared_groups },
  { "pool", "[pool NAME]", "on-attach-failure", read_on_attach_failure },
  { "pf", "[pf ADDRESS]", "numvfs", read_numvfs },
  { "pf", "[pf ADDRESS]", "park", read_park },
  { "vfpool", "[vfpool]", "start-grace", read_start_grace },
  { "vfpool", "[vfpool]", "release-wait", read_release_wait },
  { "vfpool", "[vfpool]", "remember", read_remember },
  { "vfpool", "[vfpool]", "mac-seed", read_mac_seed },
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
  pool->reservations = g_ptr_array_new_with_free_func (vfpool_reservation_free);
  pool->policy = vfpool_policy_default;
  pool->is_sticky = TRUE;
  pool->generates_mac = TRUE;
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
