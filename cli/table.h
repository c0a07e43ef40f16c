/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Aligned columns for people. */
#pragma once

#include <glib.h>

typedef struct _CliTable CliTable;

/* A column: its title, and whether its cells are numbers, which stand to the right. */
typedef struct {
  const char *title;
  gboolean is_number;
} CliColumn;

/* @columns: (transfer none): ends with a NULL title; must outlive the table. */
CliTable *cli_table_new (const CliColumn *columns);
void cli_table_free (CliTable *self);

/* Adds a row. @cells: (transfer full) (nullable) each, as many as columns; NULL is shown as "-". */
void cli_table_add (CliTable *self, char **cells);
/* Puts a line of its own below the newest row and its other notes: "    LABEL: TEXT". */
void cli_table_note (CliTable *self, const char *label, const char *text);
/* Appends the table to @out. A column in which no row has anything is left out. */
void cli_table_print (const CliTable *self, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliTable, cli_table_free)
