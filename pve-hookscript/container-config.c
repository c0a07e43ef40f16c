/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A container has no hostpciN, so it asks in its notes: "vfpool: net1 pool=lan name=eth1 vlan=100 mtu=9000". Other than an
 * entry of a VM that PVE itself would pass over, a line that cannot be understood refuses the start: a container that comes
 * up without the interface that its operator wrote down is worse. MAC, VLAN, slot and pool are checked by the library, where
 * they go; what goes into LXC's configuration is checked here.
 */
#include "container-config.h"

#include <string.h>

#include "nearest.h"
#include "note-lines.h"
#include "paths.h"
#include "printable.h"

#define INTERFACE_NAME_MAX 15 /* IFNAMSIZ less the zero byte */
#define MTU_MIN 68            /* what IPv4 needs, RFC 791 */
#define MTU_MAX 65535

static void
slot_free (gpointer data) {
  PveContainerSlot *self = data;

  g_free (self->slot);
  g_free (self->pool);
  g_free (self->name);
  g_free (self->mac);
  g_free (self);
}

gboolean
pve_is_interface_name (const char *name) {
  gsize length = strlen (name);

  for (const char *c = name; *c; c++)
    if (!g_ascii_isalnum (*c) && !strchr ("_.-", *c))
      return FALSE;
  return length >= 1 && length <= INTERFACE_NAME_MAX && strcmp (name, ".") != 0 && strcmp (name, "..") != 0;
}

/* ---- A request line ---- */

/* What is wrong with a value: what was expected instead. NULL: nothing. */
typedef const char *(*SetValue) (PveContainerSlot *slot, const char *value);

static const char *
set_pool (PveContainerSlot *slot, const char *value) {
  slot->pool = g_strdup (value);
  return NULL;
}

static const char *
set_name (PveContainerSlot *slot, const char *value) {
  if (!pve_is_interface_name (value))
    return "1 to 15 of A-Z a-z 0-9 _ . -";
  slot->name = g_strdup (value);
  return NULL;
}

static const char *
set_mac (PveContainerSlot *slot, const char *value) {
  slot->mac = g_strdup (value);
  return NULL;
}

static gboolean
set_number (int *number, const char *value, guint min, guint max) {
  guint64 read;

  if (!g_ascii_string_to_unsigned (value, 10, min, max, &read, NULL))
    return FALSE;
  *number = (int)read;
  return TRUE;
}

static const char *
set_vlan (PveContainerSlot *slot, const char *value) {
  return set_number (&slot->vlan, value, 0, 4094) ? NULL : "a number from 0 to 4094";
}

static const char *
set_mtu (PveContainerSlot *slot, const char *value) {
  return set_number (&slot->mtu, value, MTU_MIN, MTU_MAX) ? NULL : "a number from 68 to 65535";
}

static const char *
set_driver (PveContainerSlot *slot, const char *value) {
  gboolean is_vfio = !strcmp (value, "vfio");

  if (!is_vfio && strcmp (value, "host") != 0)
    return "host or vfio";
  slot->driver = is_vfio ? VFPOOL_DRIVER_VFIO : VFPOOL_DRIVER_HOST;
  return NULL;
}

static const char *const keys[] = { "pool", "name", "mac", "vlan", "mtu", "driver", NULL };
static const SetValue set_value[] = { set_pool, set_name, set_mac, set_vlan, set_mtu, set_driver };

G_GNUC_PRINTF (3, 4)
static gboolean
fail (GError **error, const PveNoteLine *line, const char *format, ...) {
  g_autofree char *message = NULL, *shown = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  shown = printable_copy (message, 300);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT, "%d: %s", line->number, shown);
  return FALSE;
}

/* Whether @key= stands in the line before its word @i. */
static gboolean
stands_before (const PveNoteLine *line, guint i, const char *key) {
  const gsize length = strlen (key);

  for (guint k = 1; k < i; k++)
    if (g_str_has_prefix (line->words[k], key) && line->words[k][length] == '=')
      return TRUE;
  return FALSE;
}

static gboolean
set_attribute (PveContainerSlot *slot, const PveNoteLine *line, guint i, GError **error) {
  g_auto (GStrv) pair = g_strsplit (line->words[i], "=", 2);
  const char *expected;

  if (!pair[1] || !*pair[1])
    return fail (error, line, "'%s' is no KEY=VALUE, as in pool=lan", line->words[i]);
  if (stands_before (line, i, pair[0]))
    return fail (error, line, "%s= stands there twice", pair[0]);
  for (guint k = 0; keys[k]; k++) {
    if (strcmp (keys[k], pair[0]) != 0)
      continue;
    expected = set_value[k](slot, pair[1]);
    return !expected || fail (error, line, "%s=%s: expected %s", pair[0], pair[1], expected);
  }
  return fail (error, line, "unknown key '%s': did you mean '%s'? Expected one of pool, name, mac, vlan, mtu, driver",
               pair[0], vfpool_nearest_word (pair[0], keys));
}

/* What goes together in the line, and what follows where it says nothing. */
static gboolean
complete (PveContainerSlot *slot, const PveNoteLine *line, GError **error) {
  if (!slot->pool)
    return fail (error, line, "it names no pool: expected one as in pool=lan");
  if (slot->driver == VFPOOL_DRIVER_VFIO && (slot->name || slot->mtu))
    return fail (error, line,
                 "name= and mtu= are a network interface's, which the container does not get with driver=vfio");
  if (slot->driver == VFPOOL_DRIVER_VFIO || slot->name)
    return TRUE;
  if (!pve_is_interface_name (slot->slot))
    return fail (error, line, "say with name= what the interface is called in the container, as in name=eth1");
  slot->name = g_strdup (slot->slot);
  return TRUE;
}

static PveContainerSlot *
read_slot (const PveNoteLine *line, GError **error) {
  PveContainerSlot *slot;
  gboolean ok = TRUE;

  if (!line->words[0] || strchr (line->words[0], '=')) {
    fail (error, line, "the slot that it is for comes first, as in \"vfpool: net1 pool=lan\"");
    return NULL;
  }
  slot = g_new0 (PveContainerSlot, 1);
  slot->line = line->number;
  slot->slot = g_strdup (line->words[0]);
  slot->driver = VFPOOL_DRIVER_HOST;
  slot->vlan = VFPOOL_VLAN_UNSET;
  for (guint i = 1; ok && line->words[i]; i++)
    ok = set_attribute (slot, line, i, error);
  if (ok && complete (slot, line, error))
    return slot;
  slot_free (slot);
  return NULL;
}

/* ---- The file ---- */

/* The value of @key ("hostname:"), for g_free(), or NULL; the last one counts. */
static char *
read_key (const char *data, gsize length, const char *key) {
  g_autofree char *text = g_strndup (data, length);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  const char *value = NULL;

  for (char **line = lines; *line && **line != '['; line++)
    if (g_str_has_prefix (*line, key))
      value = *line + strlen (key);
  return value ? g_strstrip (g_strdup (value)) : NULL;
}

PveContainerConfig *
pve_container_config_parse (const char *data, gsize length, GError **error) {
  g_autoptr (PveContainerConfig) self = g_new0 (PveContainerConfig, 1);
  g_autoptr (GPtrArray) lines = pve_note_lines (data, length);

  self->name = read_key (data, length, "hostname:");
  self->slots = g_ptr_array_new_with_free_func (slot_free);
  for (guint i = 0; i < lines->len; i++) {
    PveContainerSlot *slot = read_slot (g_ptr_array_index (lines, i), error);

    if (!slot)
      return NULL;
    g_ptr_array_add (self->slots, slot);
  }
  return g_steal_pointer (&self);
}

PveContainerConfig *
pve_container_config_load (const char *path, GError **error) {
  g_autofree char *contents = NULL;
  PveContainerConfig *self;
  gsize length;

  if (!pve_read_file (path, &contents, &length, error))
    return NULL;
  self = pve_container_config_parse (contents, length, error);
  if (!self)
    g_prefix_error (error, "%s:", path);
  return self;
}

char *
pve_container_hookscript (const char *path) {
  g_autofree char *contents = NULL;
  gsize length;

  return pve_read_file (path, &contents, &length, NULL) ? read_key (contents, length, "hookscript:") : NULL;
}

void
pve_container_config_free (PveContainerConfig *self) {
  if (!self)
    return;
  g_free (self->name);
  g_clear_pointer (&self->slots, g_ptr_array_unref);
  g_free (self);
}
