/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Within a line of ours everything is ours, and what is not known there is an error: a misspelt key must not become a guest without
 * its VLAN.
 */
#include "notes.h"

#include <string.h>

#include "nearest.h"
#include "note-lines.h"
#include "printable.h"
#include "vfpool.h"
#include "vm-config.h"

#define PREFIX PVE_NOTE_MARK

static const char *const device_keys[] = { "mac", "vlan", "numa", "functions", NULL };
static const char *const vm_keys[] = { "numa", "placement", "anti-affinity", NULL };

static void
note_free (PveNote *self) {
  g_free (self->mac);
  g_free (self->numa);
  g_free (self);
}

static void
policy_free (PveNotePolicy *self) {
  g_free (self->key);
  g_free (self->word);
  g_free (self);
}

void
pve_notes_free (PveNotes *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->devices);
  g_ptr_array_unref (self->policies);
  g_free (self->problem);
  g_free (self);
}

const PveNote *
pve_notes_find (const PveNotes *self, int index, int function) {
  for (guint i = 0; i < self->devices->len; i++) {
    const PveNote *note = g_ptr_array_index (self->devices, i);

    if (note->index == index && note->function == function)
      return note;
  }
  return NULL;
}

/* ---- A line ---- */

/* Keeps the first problem. Returns: FALSE. */
G_GNUC_PRINTF (3, 4)
static gboolean
complain (PveNotes *self, int line, const char *format, ...) {
  g_autofree char *what = NULL, *shown = NULL;
  va_list arguments;

  if (self->problem)
    return FALSE;
  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  shown = printable_copy (what, 300);
  self->problem = g_strdup_printf ("line %d of its notes: %s", line, shown);
  return FALSE;
}

/* "hostpci0", "hostpci0.1"; FALSE: it is none. */
static gboolean
read_device (const char *word, int *index, int *function) {
  const char *number = word + strlen ("hostpci");
  char *end;

  if (!g_str_has_prefix (word, "hostpci") || !g_ascii_isdigit (*number))
    return FALSE;
  *index = (int)g_ascii_strtoull (number, &end, 10);
  *function = 0;
  if (*end == '.' && g_ascii_isdigit (end[1]))
    *function = (int)g_ascii_strtoull (end + 1, &end, 10);
  return !*end && end - number <= 4 && *index < PVE_HOSTPCI_MAX;
}

static gboolean
unknown_key (PveNotes *self, int line, const char *key, const char *const *known) {
  g_autofree char *all = g_strjoinv (", ", (char **)known);
  g_autofree char *shown = printable_copy (key, 60);

  if (known == device_keys && g_strv_contains (vm_keys, key))
    return complain (self, line, "%s= is for the whole VM: write it in a line of its own, as in \"" PREFIX " %s=...\"",
                     key, key);
  if (known == vm_keys && g_strv_contains (device_keys, key))
    return complain (self, line, "%s= is for one device: write which before it, as in \"" PREFIX " hostpci0 %s=...\"",
                     key, key);
  return complain (self, line, "unknown key \"%s\": did you mean \"%s\"? Expected one of %s", shown,
                   vfpool_nearest_word (key, known), all);
}

static gboolean
set_text (PveNotes *self, int line, const char *key, char **text, const char *value) {
  if (*text)
    return complain (self, line, "%s= stands there twice", key);
  *text = g_strdup (value);
  return TRUE;
}

static gboolean
set_vlan (PveNotes *self, PveNote *note, const char *value) {
  guint64 vlan;

  if (note->vlan != VFPOOL_VLAN_UNSET)
    return complain (self, note->line, "vlan= stands there twice");
  if (!g_ascii_string_to_unsigned (value, 10, 0, 4094, &vlan, NULL))
    return complain (self, note->line, "vlan=%.40s: expected a number from 0 (untagged) to 4094", value);
  note->vlan = (int)vlan;
  return TRUE;
}

static gboolean
set_of_device (PveNotes *self, PveNote *note, const char *key, const char *value) {
  if (!strcmp (key, "mac"))
    return set_text (self, note->line, key, &note->mac, value);
  if (!strcmp (key, "numa"))
    return set_text (self, note->line, key, &note->numa, value);
  if (!strcmp (key, "vlan"))
    return set_vlan (self, note, value);
  if (strcmp (key, "functions") != 0)
    return unknown_key (self, note->line, key, device_keys);
  if (strcmp (value, "all") != 0)
    return complain (self, note->line, "functions=%.40s: expected functions=all, or nothing for one function", value);
  note->all_functions = TRUE;
  return TRUE;
}

static gboolean
set_of_vm (PveNotes *self, int line, const char *key, const char *value) {
  PveNotePolicy *policy;

  if (!g_strv_contains (vm_keys, key))
    return unknown_key (self, line, key, vm_keys);
  for (guint i = 0; i < self->policies->len; i++)
    if (!strcmp (((PveNotePolicy *)g_ptr_array_index (self->policies, i))->key, key))
      return complain (self, line, "%s= stands there twice", key);
  policy = g_new0 (PveNotePolicy, 1);
  policy->line = line;
  policy->key = g_strdup (key);
  policy->word = g_strdup (value);
  g_ptr_array_add (self->policies, policy);
  return TRUE;
}

/* The device that a line is about, from an earlier line when there is one. */
static PveNote *
device_note (PveNotes *self, int line, int index, int function) {
  PveNote *note = (PveNote *)pve_notes_find (self, index, function);

  if (!note) {
    note = g_new0 (PveNote, 1);
    note->index = index;
    note->function = function;
    note->vlan = VFPOOL_VLAN_UNSET;
    g_ptr_array_add (self->devices, note);
  }
  note->line = line;
  return note;
}

/* @text: a line of ours, behind "vfpool:" */
static void
read_line (PveNotes *self, int line, const char *text) {
  g_auto (GStrv) words = g_strsplit_set (text, " \t,", -1);
  PveNote *note = NULL;
  gboolean is_empty = TRUE;

  for (char **word = words; *word; word++) {
    g_auto (GStrv) pair = g_strsplit (*word, "=", 2);
    int index, function;

    if (!**word)
      continue;
    if (is_empty && read_device (*word, &index, &function)) {
      note = device_note (self, line, index, function);
      is_empty = FALSE;
      continue;
    }
    if (!pair[1] || !*pair[1]) {
      complain (self, line, "\"%.60s\" is neither KEY=VALUE nor, at the beginning, one of hostpci0 to hostpci%d", *word,
                PVE_HOSTPCI_MAX - 1);
      return;
    }
    is_empty = FALSE;
    if (!(note ? set_of_device (self, note, pair[0], pair[1]) : set_of_vm (self, line, pair[0], pair[1])))
      return;
  }
  if (is_empty)
    complain (self, line, "it says nothing: expected it as in \"" PREFIX " hostpci0 vlan=100\"");
}

PveNotes *
pve_notes_parse (const char *text) {
  PveNotes *self = g_new0 (PveNotes, 1);
  g_autofree char *plain = pve_note_unescape (text);
  char *next = plain;

  self->devices = g_ptr_array_new_with_free_func ((GDestroyNotify)note_free);
  self->policies = g_ptr_array_new_with_free_func ((GDestroyNotify)policy_free);
  for (int number = 1; next; number++) {
    char *line = next, *feed = strchr (line, '\n');
    const char *ours;

    next = feed ? feed + 1 : NULL;
    if (feed)
      *feed = '\0';
    ours = pve_note_find (line);
    if (ours)
      read_line (self, number, ours);
  }
  return self;
}
