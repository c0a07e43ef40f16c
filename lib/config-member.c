/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One member of a pool: conditions KEY=VALUE, separated by blanks, that all hold for the functions meant.
 */
#include "config-parse.h"
#include "address.h"
#include "nearest.h"

#include <string.h>

static const char *const known_conditions[] = { "pf", "vfs", "address", NULL };

void
vfpool_member_free (gpointer member) {
  VfpoolMember *self = member;

  if (!self)
    return;
  vfpool_numbers_free (self->indexes);
  g_free (self->pf);
  g_free (self->address);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VfpoolMember, vfpool_member_free)

static gboolean fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
fail (GError **error, const char *format, ...) {
  va_list args;

  va_start (args, format);
  if (error)
    *error = g_error_new_valist (VFPOOL_ERROR, VFPOOL_ERROR_BAD_CONFIG, format, args);
  va_end (args);
  return FALSE;
}

static gboolean
parse_address (const char *key, const char *value, char **address, GError **error) {
  char bdf[VFPOOL_BDF_SIZE];
  g_autofree char *shown = vfpool_config_shorten (value);

  if (*address)
    return fail (error, "%s= stands twice in one member; separate two members with ;", key);
  if (!vfpool_address_normalize (value, bdf, NULL))
    return fail (error, "%s=%s is no PCI address; expected one like 0000:01:00.0, as lspci -D shows it", key, shown);
  *address = g_strdup (bdf);
  return TRUE;
}

static gboolean
parse_indexes (const char *value, VfpoolNumbers **indexes, GError **error) {
  g_autofree char *wrong = NULL, *shown = NULL;

  if (*indexes)
    return fail (error, "vfs= stands twice in one member; separate ranges with a comma, like vfs=0-3,5");
  if (!*value)
    return fail (error, "vfs= is empty; expected VF numbers like vfs=0-3,5, or leave vfs= out for all VFs of the PF");
  if ((*indexes = vfpool_numbers_parse (value, &wrong)))
    return TRUE;
  shown = vfpool_config_shorten (wrong);
  return fail (error, "\"%s\" in vfs= is no VF number or range; expected numbers from 0 to %d, like vfs=0-3,5", shown,
               VFPOOL_NUMBERS_MAX);
}

static gboolean
parse_condition (VfpoolMember *member, const char *text, GError **error) {
  const char *equals = strchr (text, '=');
  char bdf[VFPOOL_BDF_SIZE];
  g_autofree char *shown = vfpool_config_shorten (text);
  g_autofree char *key = NULL;

  if (!equals && vfpool_address_normalize (text, bdf, NULL))
    return fail (
        error, "the address %s must say what it is: pf=%s for the VFs of this PF, or address=%s for this one function",
        bdf, bdf, bdf);
  if (!equals)
    return fail (error,
                 "\"%s\" is no KEY=VALUE (without blanks around the =); a member is like pf=0000:01:00.0 vfs=0-3, or "
                 "address=0000:03:10.0",
                 shown);
  key = g_strndup (text, equals - text);
  if (g_str_equal (key, "pf"))
    return parse_address (key, equals + 1, &member->pf, error);
  if (g_str_equal (key, "address"))
    return parse_address (key, equals + 1, &member->address, error);
  if (g_str_equal (key, "vfs"))
    return parse_indexes (equals + 1, &member->indexes, error);
  g_free (g_steal_pointer (&shown));
  shown = vfpool_config_shorten (key);
  return fail (error, "unknown key \"%s\" in a member; did you mean \"%s\"? A member knows pf, vfs and address", shown,
               vfpool_nearest_word (key, known_conditions));
}

VfpoolMember *
vfpool_member_parse (const char *text, GError **error) {
  g_autoptr (VfpoolMember) member = g_new0 (VfpoolMember, 1);
  g_auto (GStrv) words = g_strsplit_set (text, " \t\r", -1);
  g_autofree char *shown = vfpool_config_shorten (text);
  gboolean is_good = TRUE;

  for (int i = 0; is_good && words[i]; i++)
    if (*words[i])
      is_good = parse_condition (member, words[i], error);
  if (!is_good)
    return NULL;
  if (member->pf && member->address)
    is_good = fail (error, "the member \"%s\" has both pf= and address=; separate two members with ;", shown);
  else if (member->indexes && !member->pf)
    is_good = fail (error, "the member \"%s\" has vfs= but no pf=; say of which PF", shown);
  else if (!member->pf && !member->address)
    is_good = fail (error, "there is an empty member; expected pf=ADDRESS or address=ADDRESS between two ;");
  return is_good ? g_steal_pointer (&member) : NULL;
}

gboolean
vfpool_member_matches (const VfpoolMember *member, const char *bdf, const char *pf, int index) {
  if (member->address)
    return g_strcmp0 (member->address, bdf) == 0;
  if (!pf || !g_str_equal (member->pf, pf))
    return FALSE;
  return !member->indexes || (index >= 0 && vfpool_numbers_contain (member->indexes, (guint)index));
}
