/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "write-config.h"

char *
write_member (const VfpoolMember *member) {
  g_autoptr (GString) text = g_string_new (NULL);

  if (member->address)
    return g_strconcat ("address=", member->address, NULL);
  g_string_append_printf (text, "pf=%s", member->pf);
  for (guint i = 0; member->indexes && i + 1 < member->indexes->len; i += 2)
    g_string_append_printf (text, "%s%u-%u", i == 0 ? " vfs=" : ",", g_array_index (member->indexes, guint, i),
                            g_array_index (member->indexes, guint, i + 1));
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
write_pool (GString *text, const VfpoolPool *pool) {
  g_string_append_printf (text, "[pool %s]\nmembers=", pool->name);
  for (guint i = 0; i < pool->members->len; i++) {
    g_autofree char *member = write_member (g_ptr_array_index (pool->members, i));

    g_string_append_printf (text, "%s;", member);
  }
  g_string_append_c (text, '\n');
}

static void
write_pf (GString *text, const VfpoolPfConfig *pf) {
  static const char *const parks[] = { "vfio", "host", "none" };

  g_string_append_printf (text, "[pf %s]\npark=%s\n", pf->address, parks[pf->park]);
  if (pf->numvfs >= 0)
    g_string_append_printf (text, "numvfs=%d\n", pf->numvfs);
}

char *
write_config (const VfpoolConfig *config) {
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append_printf (text, "[vfpool]\nstart-grace=%d\n", config->start_grace);
  for (guint i = 0; i < config->pfs->len; i++)
    write_pf (text, g_ptr_array_index (config->pfs, i));
  for (guint i = 0; i < config->pools->len; i++)
    write_pool (text, g_ptr_array_index (config->pools, i));
  return g_string_free (g_steal_pointer (&text), FALSE);
}
