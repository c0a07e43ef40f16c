/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the linker puts in place of the library's ways to the outside (`--wrap`, see model.mk): writes to sysfs, network
 * attributes, modules, clocks and sleep, its own thread id, and the two ends of a ledger's transaction. So the library
 * is tested as it is, without a hook for tests in it, and nothing in a run depends on the time, on process ids, or on
 * the machine it runs on.
 */
#include "kernel.h"
#include "kmodule.h"
#include "ledger.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

gboolean __wrap_vfpool_sysfs_write (const char *root, const char *value, GError **error, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
gboolean __wrap_vfpool_vfnet_sees (const char *root);
gboolean __wrap_vfpool_vfnet_read (const char *netdev, int index, VfpoolVfnet *out, GError **error);
gboolean __wrap_vfpool_vfnet_set (const char *netdev, int index, const VfpoolVfnet *wanted, GError **error);
gboolean __wrap_vfpool_kmodule_load (const char *name, GError **error);
char **__wrap_vfpool_kmodule_load_for_alias (const char *modalias);
gboolean __wrap_vfpool_ledger_begin (VfpoolLedger *self, GError **error);
gboolean __wrap_vfpool_ledger_commit (VfpoolLedger *self, GError **error);
gboolean __real_vfpool_ledger_begin (VfpoolLedger *self, GError **error);
gboolean __real_vfpool_ledger_commit (VfpoolLedger *self, GError **error);
int __wrap_rename (const char *from, const char *to);
int __real_rename (const char *from, const char *to);
void __wrap_g_usleep (gulong us);
gint64 __wrap_g_get_real_time (void);
int __wrap_clock_gettime (clockid_t id, struct timespec *t);
pid_t __wrap_gettid (void);

static gboolean
refuse (GError **error, int code, const char *what) {
  g_set_error (error, VFPOOL_ERROR, code, "%s: %s", what, g_strerror (EIO));
  return FALSE;
}

gboolean
__wrap_vfpool_sysfs_write (const char *root, const char *value, GError **error, const char *format, ...) {
  g_autofree char *path = NULL;
  FaultScope scope;
  va_list args;
  int err = 0;

  va_start (args, format);
  path = g_strdup_vprintf (format, args);
  va_end (args);
  if (strcmp (root, tree->root) != 0)
    kernel_violation ("%s was written outside the tree", path);
  scope = g_str_has_suffix (path, "/reset") ? SCOPE_RESET : SCOPE_SYSFS;
  switch (fault_before (scope)) {
  case FAULT_ERROR:
    err = EIO;
    break;
  case FAULT_LIE:
    break;
  default:
    err = kernel_write (path, value);
    fault_after (scope);
  }
  if (err)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "cannot write to %s: %s", path, g_strerror (err));
  return err == 0;
}

/* ---- Network attributes ---- */

gboolean
__wrap_vfpool_vfnet_sees (const char *root) {
  return strcmp (root, tree->root) == 0;
}

static int
find_vf (const char *netdev, int index, GError **error) {
  int function = kernel_vf_of_netdev (netdev, index);

  if (function < 0)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND, "interface %s knows no VF %d", netdev, index);
  return function;
}

gboolean
__wrap_vfpool_vfnet_read (const char *netdev, int index, VfpoolVfnet *out, GError **error) {
  int function = find_vf (netdev, index, error);

  if (function < 0)
    return FALSE;
  if (fault_before (SCOPE_NET) == FAULT_ERROR)
    return refuse (error, VFPOOL_ERROR_KERNEL, "cannot read the attributes");
  *out = kernel->machine.devices[function].net;
  return TRUE;
}

/* One attribute, which may be left as it is. */
static gboolean
set_one (int function, const VfpoolVfnet *wanted, NetAttribute which, GError **error) {
  static const char *const names[] = {
    "the MAC", "the VLAN", "trust", "the spoof check", "the rate", "the link state"
  };
  VfpoolVfnet *now = &kernel->machine.devices[function].net;

  if (!is_wished (wanted, which) || same_attribute (now, wanted, which))
    return TRUE;
  if (fault_before (SCOPE_NET) == FAULT_ERROR)
    return refuse (error, VFPOOL_ERROR_KERNEL, names[which]);
  kernel_check_touch (function, names[which]);
  if (!is_wished (now, which))
    kernel_violation ("%s of %s was set, which its driver does not have", names[which],
                      function_places[function].address);
  set_attribute (now, wanted, which);
  fault_after (SCOPE_NET);
  return TRUE;
}

gboolean
__wrap_vfpool_vfnet_set (const char *netdev, int index, const VfpoolVfnet *wanted, GError **error) {
  int function = find_vf (netdev, index, error);

  if (function < 0)
    return FALSE;
  for (NetAttribute which = 0; which < N_NET; which++)
    if (!set_one (function, wanted, which, error))
      return FALSE;
  return TRUE;
}

/* ---- Modules ---- */

gboolean
__wrap_vfpool_kmodule_load (const char *name, GError **error) {
  if (fault_before (SCOPE_MODULE) == FAULT_ERROR)
    return refuse (error, VFPOOL_ERROR_KERNEL, name);
  return kernel_load_vfio ();
}

char **
__wrap_vfpool_kmodule_load_for_alias (const char *modalias) {
  GPtrArray *names = g_ptr_array_new ();

  if (fault_before (SCOPE_MODULE) == FAULT_NONE)
    g_ptr_array_add (names, g_strdup (kernel_driver_for_alias (modalias)));
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_free (names, FALSE);
}

/* ---- The ledger ---- */

gboolean
__wrap_vfpool_ledger_begin (VfpoolLedger *self, GError **error) {
  gboolean ok;

  if (fault_before (SCOPE_LEDGER) == FAULT_ERROR)
    return refuse (error, VFPOOL_ERROR_CORRUPT, "cannot change the ledger");
  ok = __real_vfpool_ledger_begin (self, error);
  fault_after (SCOPE_LEDGER);
  return ok;
}

gboolean
__wrap_vfpool_ledger_commit (VfpoolLedger *self, GError **error) {
  gboolean ok;

  if (fault_before (SCOPE_LEDGER) == FAULT_ERROR)
    return refuse (error, VFPOOL_ERROR_CORRUPT, "cannot change the ledger");
  ok = __real_vfpool_ledger_commit (self, error);
  fault_after (SCOPE_LEDGER);
  return ok;
}

/* How a new ledger gets into its place, and one that cannot be used out of it. */
int
__wrap_rename (const char *from, const char *to) {
  int rc;

  if (fault_before (SCOPE_LEDGER) == FAULT_ERROR) {
    errno = EIO;
    return -1;
  }
  rc = __real_rename (from, to);
  fault_after (SCOPE_LEDGER);
  return rc;
}

/* ---- Time, and who one is ---- */

void
__wrap_g_usleep (gulong us) {
  kernel_pass_time ((gint64)us);
}

gint64
__wrap_g_get_real_time (void) {
  return kernel->machine.now;
}

int
__wrap_clock_gettime (clockid_t id, struct timespec *t) {
  (void)id;
  t->tv_sec = (time_t)(kernel->machine.now / G_USEC_PER_SEC);
  t->tv_nsec = (long)(kernel->machine.now % G_USEC_PER_SEC) * 1000;
  return 0;
}

pid_t
__wrap_gettid (void) {
  return kernel->worker;
}
