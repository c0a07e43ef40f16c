/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading a module is needed once per boot, and seldom even then; libkmod however brings compression and crypto
 * libraries that cost each process that links it more than vfpool itself does. A VM's start waits for that process, so
 * libkmod is opened only when it is needed. Its header gives the types, so the calls are still checked by the compiler.
 */
#include "kmodule.h"
#include "vfpool.h"

#include <dlfcn.h>
#include <errno.h>
#include <libkmod.h>
#include <string.h>

#define LIBKMOD "libkmod.so.2"

/* The functions of libkmod that are used here; the members are named as those are, less their prefix. */
typedef struct {
  void *library;
  struct kmod_ctx *ctx;
  __typeof__ (kmod_new) *new;
  __typeof__ (kmod_unref) *unref;
  __typeof__ (kmod_list_next) *list_next;
  __typeof__ (kmod_module_new_from_lookup) *module_new_from_lookup;
  __typeof__ (kmod_module_get_module) *module_get_module;
  __typeof__ (kmod_module_get_name) *module_get_name;
  __typeof__ (kmod_module_probe_insert_module) *module_probe_insert_module;
  __typeof__ (kmod_module_unref) *module_unref;
  __typeof__ (kmod_module_unref_list) *module_unref_list;
} Kmod;

static void
kmod_close (Kmod *k) {
  if (k->ctx)
    k->unref (k->ctx);
  if (k->library)
    dlclose (k->library);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Kmod, kmod_close)

static gboolean
kmod_open (Kmod *k, GError **error) {
  gboolean ok = TRUE;

  k->library = dlopen (LIBKMOD, RTLD_NOW | RTLD_LOCAL);
  /* POSIX lets dlsym() return functions as data pointers; ISO C wants the copy. */
#define FIND(name)                                                                                                     \
  do {                                                                                                                 \
    void *found = ok && k->library ? dlsym (k->library, "kmod_" #name) : NULL;                                         \
    memcpy (&k->name, &found, sizeof found);                                                                           \
    ok = found != NULL;                                                                                                \
  } while (0)
  FIND (new);
  FIND (unref);
  FIND (list_next);
  FIND (module_new_from_lookup);
  FIND (module_get_module);
  FIND (module_get_name);
  FIND (module_probe_insert_module);
  FIND (module_unref);
  FIND (module_unref_list);
#undef FIND
  if (ok && (k->ctx = k->new (NULL, NULL)))
    return TRUE;
  g_set_error_literal (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL,
                       "cannot use " LIBKMOD " to load a kernel module: is it installed?");
  return FALSE;
}

/* Loads all that @alias (a module's name, or a device's alias) stands for. @names: (nullable): gets the names of those
 * that are there now. Returns 0, or the last failure: a negative errno, or positive when it is on the blacklist. */
static int
load (Kmod *k, const char *alias, GPtrArray *names) {
  struct kmod_list *list = NULL;
  int last = k->module_new_from_lookup (k->ctx, alias, &list);

  if (last == 0 && !list)
    return -ENOENT;
  for (struct kmod_list *item = list; item; item = k->list_next (list, item)) {
    struct kmod_module *module = k->module_get_module (item);
    int rc = k->module_probe_insert_module (module, KMOD_PROBE_APPLY_BLACKLIST, NULL, NULL, NULL, NULL);

    if (rc == 0 && names)
      g_ptr_array_add (names, g_strdup (k->module_get_name (module)));
    if (rc != 0)
      last = rc;
    k->module_unref (module);
  }
  k->module_unref_list (list);
  return last;
}

gboolean
vfpool_kmodule_load (const char *name, GError **error) {
  g_auto (Kmod) k = { 0 };
  int rc;

  if (!kmod_open (&k, error))
    return FALSE;
  rc = load (&k, name, NULL);
  if (rc == 0)
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL,
               "cannot load kernel module %s: %s; `modprobe %s` may tell more", name,
               rc < 0 ? g_strerror (-rc) : "it is on the blacklist (modprobe.d)", name);
  return FALSE;
}

char **
vfpool_kmodule_load_for_alias (const char *modalias) {
  g_auto (Kmod) k = { 0 };
  GPtrArray *names = g_ptr_array_new ();

  if (kmod_open (&k, NULL))
    load (&k, modalias, names);
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_free (names, FALSE);
}
