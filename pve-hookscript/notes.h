/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a VM's notes (its description) say to vfpool. A line that begins with "vfpool:" is meant for it, in one of two forms:
 *
 *   vfpool: hostpci0 mac=52:54:00:12:34:56 vlan=100 numa=required functions=all
 *   vfpool: numa=required placement=pack anti-affinity=card
 *
 * The first is about one device (hostpci0.1: the second function of an entry with several), the second about the whole VM. Around
 * such a line may stand what Markdown and HTML need to show or hide it: "- ", "> ", "*", "`", "<!-- -->", "<br>". All other lines
 * are other people's.
 */
#pragma once

#include <glib.h>

/* A line about one device. */
typedef struct {
  int line;     /* of the notes, from 1 */
  int index;    /* N of hostpciN */
  int function; /* J of hostpciN.J, else 0 */
  char *mac;    /* nullable, unchecked */
  int vlan;     /* or VFPOOL_VLAN_UNSET */
  char *numa;   /* nullable, unchecked */
  gboolean all_functions;
} PveNote;

/* A policy of the whole VM. */
typedef struct {
  int line;
  char *key, *word; /* word: unchecked */
} PveNotePolicy;

typedef struct {
  GPtrArray *devices;  /* of PveNote */
  GPtrArray *policies; /* of PveNotePolicy */
  char *problem; /* nullable: what is wrong with the first line that cannot be understood, "line 3 of its notes: ..." */
} PveNotes;

/* @text: the description as PVE stores it: lines without their '#', URI-escaped. Never fails; see problem. */
PveNotes *pve_notes_parse (const char *text);
void pve_notes_free (PveNotes *self);

/* What they say about the device hostpci@index.@function; (nullable). */
const PveNote *pve_notes_find (const PveNotes *self, int index, int function);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PveNotes, pve_notes_free)
