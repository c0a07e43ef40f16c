/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Columns as wide as their widest cell, measured as a terminal shows them. What stands in a cell may come from a
 * guest's configuration, so control characters and marks that turn the direction of writing never reach the terminal,
 * and a monstrous name is cut, so that one guest cannot push the others off the screen.
 */
#include "table.h"

#include "printable.h"

/* Longer cells are cut, except in the last column, after which nothing has to line up. */
#define CELL_WIDTH_MAX 60

typedef struct {
  char **cells; /* n_columns of them, each nullable */
  char *note;   /* lines; nullable */
} Row;

struct _CliTable {
  const CliColumn *columns;
  guint n_columns;
  GPtrArray *rows; /* of Row */
};

static void
free_row (gpointer data) {
  Row *row = data;

  g_strfreev (row->cells);
  g_free (row->note);
  g_free (row);
}

CliTable *
cli_table_new (const CliColumn *columns) {
  CliTable *self = g_new0 (CliTable, 1);

  self->columns = columns;
  while (columns[self->n_columns].title)
    self->n_columns++;
  self->rows = g_ptr_array_new_with_free_func (free_row);
  return self;
}

void
cli_table_free (CliTable *self) {
  if (!self)
    return;
  g_ptr_array_unref (self->rows);
  g_free (self);
}

/* How many columns of a terminal @c takes. */
static guint
char_width (gunichar c) {
  if (g_unichar_iszerowidth (c))
    return 0;
  return g_unichar_iswide (c) ? 2 : 1;
}

static guint
text_width (const char *text) {
  guint width = 0;

  for (; *text; text = g_utf8_next_char (text))
    width += char_width (g_utf8_get_char (text));
  return width;
}

/* Cuts @text (printable) to CELL_WIDTH_MAX, with "..." at its end when something was cut; takes and returns ownership. */
static char *
cut (char *text) {
  const char *end = text;
  guint width = 0;
  char *shorter;

  if (text_width (text) <= CELL_WIDTH_MAX)
    return text;
  for (; width + char_width (g_utf8_get_char (end)) <= CELL_WIDTH_MAX - 3; end = g_utf8_next_char (end))
    width += char_width (g_utf8_get_char (end));
  shorter = g_strdup_printf ("%.*s...", (int)(end - text), text);
  g_free (text);
  return shorter;
}

void
cli_table_add (CliTable *self, char **cells) {
  Row *row = g_new0 (Row, 1);

  /* One more for the NULL that ends it; a NULL cell before that is replaced, or the vector would end there. */
  row->cells = g_new0 (char *, self->n_columns + 1);
  for (guint i = 0; i < self->n_columns; i++) {
    g_autofree char *cell = cells[i];
    char *clean = printable_copy (cell ? cell : "", G_MAXSIZE);

    row->cells[i] = i + 1 < self->n_columns ? cut (clean) : clean;
  }
  g_ptr_array_add (self->rows, row);
}

void
cli_table_note (CliTable *self, const char *label, const char *text) {
  Row *row = g_ptr_array_index (self->rows, self->rows->len - 1);
  g_autofree char *clean = printable_copy (text, G_MAXSIZE);

  g_autofree char *before = row->note;

  row->note = g_strdup_printf ("%s%s    %s: %s", before ? before : "", before ? "\n" : "", label, clean);
}

/* The width of column @i, 0 when no row has anything in it. */
static guint
column_width (const CliTable *self, guint i) {
  guint width = 0;

  for (guint r = 0; r < self->rows->len; r++) {
    const Row *row = g_ptr_array_index (self->rows, r);

    width = MAX (width, text_width (row->cells[i]));
  }
  return width ? MAX (width, text_width (self->columns[i].title)) : 0;
}

static void
append_spaces (GString *line, guint n) {
  while (n--)
    g_string_append_c (line, ' ');
}

/* Appends a line of cells (@cells NULL: the titles) to @out, without blanks at its end. */
static void
append_line (const CliTable *self, char **cells, const guint *widths, GString *out) {
  g_autoptr (GString) line = g_string_new (NULL);

  for (guint i = 0; i < self->n_columns; i++) {
    const char *cell = !cells ? self->columns[i].title : *cells[i] ? cells[i] : "-";
    guint pad = widths[i] ? widths[i] - text_width (cell) : 0;

    if (!widths[i])
      continue;
    append_spaces (line, line->len ? 2 : 0);
    append_spaces (line, self->columns[i].is_number ? pad : 0);
    g_string_append (line, cell);
    append_spaces (line, self->columns[i].is_number ? 0 : pad);
  }
  g_strchomp (line->str);
  g_string_append (out, line->str);
  g_string_append_c (out, '\n');
}

void
cli_table_print (const CliTable *self, GString *out) {
  g_autofree guint *widths = g_new0 (guint, self->n_columns);

  for (guint i = 0; i < self->n_columns; i++)
    widths[i] = column_width (self, i);
  append_line (self, NULL, widths, out);
  for (guint r = 0; r < self->rows->len; r++) {
    const Row *row = g_ptr_array_index (self->rows, r);

    append_line (self, row->cells, widths, out);
    if (row->note)
      g_string_append_printf (out, "%s\n", row->note);
  }
}
