/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proving a configuration against the host, by looking only. What would make a start fail for sure is an error; what
 * may be right but deserves a look (a pool that is empty until `vfpool up`, a VF that is not isolated) is told.
 */
#include "choice.h"
#include "handle.h"

#include <string.h>

typedef struct {
  Vfpool *self;
  VfpoolHost *host;
  GHashTable *pool_of; /* BDF -> VfpoolPool: who claimed it first */
  GError *first;
} Check;

/* Keeps the first error for the return value and tells the others, so that one run shows all. */
G_GNUC_PRINTF (3, 4)
static void
complain (Check *check, int code, const char *format, ...) {
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  if (check->first)
    vfpool_handle_say (check->self, VFPOOL_MESSAGE_WARNING, "%s", message);
  else
    check->first = g_error_new_literal (VFPOOL_ERROR, code, message);
}

static void
check_pf (Check *check, const VfpoolPfConfig *config) {
  g_autoptr (GError) local = NULL;

  if (!vfpool_host_check_pf (check->host, check->self->config, config, &local))
    complain (check, local->code, "%s", local->message);
}

/* How many VFs @pf has, or will have after `vfpool up`. */
static int
expected_numvfs (Check *check, const VfpoolFunction *pf) {
  const VfpoolPfConfig *config = vfpool_config_find_pf (check->self->config, pf->address);

  return config && config->numvfs >= 0 ? config->numvfs : pf->numvfs;
}

static void
check_member (Check *check, const VfpoolPool *pool, const VfpoolMember *member) {
  const VfpoolFunction *pf = member->pf ? vfpool_host_function (check->host, member->pf) : NULL;

  if (member->address && !vfpool_host_function (check->host, member->address))
    vfpool_handle_say (check->self, VFPOOL_MESSAGE_WARNING, "%s:%d: pool '%s': %s is not there (yet?)", pool->file,
                       pool->line, pool->name, member->address);
  if (!member->pf)
    return;
  if (!pf) {
    complain (check, VFPOOL_ERROR_BAD_CONFIG, "%s:%d: pool '%s': there is no PF %s on this host", pool->file,
              pool->line, pool->name, member->pf);
    return;
  }
  if (pf->totalvfs < 0) {
    complain (check, VFPOOL_ERROR_BAD_CONFIG, "%s:%d: pool '%s': %s cannot have VFs: it is no SR-IOV physical function",
              pool->file, pool->line, pool->name, member->pf);
    return;
  }
  for (guint i = 0; member->indexes && i + 1 < member->indexes->len; i += 2) {
    guint last = g_array_index (member->indexes, guint, i + 1);
    if ((int)last >= expected_numvfs (check, pf))
      complain (check, VFPOOL_ERROR_BAD_CONFIG,
                "%s:%d: pool '%s': VF %u of %s is meant, but it has %d (numbered from 0)", pool->file, pool->line,
                pool->name, last, member->pf, expected_numvfs (check, pf));
  }
}

/* A function of a pool that exists: does another pool claim it too, and could it be handed out if nobody had it? */
static void
check_function (Check *check, const VfpoolPool *pool, VfpoolFunction *function) {
  const VfpoolPool *other = g_hash_table_lookup (check->pool_of, function->address);
  g_autofree char *why = NULL;

  if (other && other != pool) {
    complain (check, VFPOOL_ERROR_BAD_CONFIG,
              "%s:%d: %s lies in pool '%s' and in pool '%s' (%s:%d): it may be in one only", pool->file, pool->line,
              function->address, pool->name, other->name, other->file, other->line);
    return;
  }
  g_hash_table_insert (check->pool_of, function->address, (gpointer)pool);
  vfpool_host_load_group (check->host, function);
  vfpool_host_load_use (check->host, function);
  for (guint i = 0; i < function->mates->len; i++)
    vfpool_host_load_group (check->host, g_ptr_array_index (function->mates, i));
  why = vfpool_why_not_viable (function, pool);
  if (why)
    vfpool_handle_say (check->self, VFPOOL_MESSAGE_WARNING, "pool '%s': %s cannot be handed out: it %s", pool->name,
                       function->address, why);
}

static void
check_pool (Check *check, const VfpoolPool *pool) {
  g_autoptr (GPtrArray) functions = vfpool_host_members (check->host, pool);

  for (guint i = 0; i < pool->members->len; i++)
    check_member (check, pool, g_ptr_array_index (pool->members, i));
  for (guint i = 0; i < functions->len; i++)
    check_function (check, pool, g_ptr_array_index (functions, i));
  if (functions->len == 0)
    vfpool_handle_say (check->self, VFPOOL_MESSAGE_WARNING,
                       "pool '%s' has no VF now: `vfpool up` makes them as configured", pool->name);
}

gboolean
vfpool_check (Vfpool *self, GError **error) {
  g_autoptr (VfpoolHost) host = vfpool_host_new (self->root);
  g_autoptr (GHashTable) pool_of = g_hash_table_new (g_str_hash, g_str_equal);
  Check check = { self, host, pool_of, NULL };

  for (guint i = 0; i < self->config->pfs->len; i++)
    check_pf (&check, g_ptr_array_index (self->config->pfs, i));
  for (guint i = 0; i < self->config->pools->len; i++)
    check_pool (&check, g_ptr_array_index (self->config->pools, i));
  if (self->config->pools->len == 0)
    vfpool_handle_say (self, VFPOOL_MESSAGE_WARNING, "no pool is configured: no guest can ask for one");
  if (check.first)
    g_propagate_error (error, check.first);
  return check.first == NULL;
}
