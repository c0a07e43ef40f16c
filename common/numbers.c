/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list is read from left to right, because "^2" takes away only what stands before it. */
#include "numbers.h"

#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 5   /* of VFPOOL_NUMBERS_MAX */
#define PARTS_MAX 8192 /* more than any host has CPUs: bounds what a list from outside can cost */

VfpoolNumbers *
vfpool_numbers_new (void) {
  return g_array_new (FALSE, FALSE, sizeof (guint));
}

VfpoolNumbers *
vfpool_numbers_copy (const VfpoolNumbers *self) {
  return g_array_copy ((GArray *)self);
}

void
vfpool_numbers_free (VfpoolNumbers *self) {
  if (self)
    g_array_unref (self);
}

static guint
at (const VfpoolNumbers *self, guint i) {
  return g_array_index (self, guint, i);
}

static void
subtract (VfpoolNumbers *self, guint first, guint last) {
  g_autoptr (VfpoolNumbers) rest = vfpool_numbers_new ();

  for (guint i = 0; i < self->len; i += 2) {
    guint low[2] = { at (self, i), at (self, i + 1) }, high[2] = { low[0], low[1] };

    if (low[0] < first) {
      low[1] = MIN (low[1], first - 1);
      g_array_append_vals (rest, low, 2);
    }
    if (high[1] > last) {
      high[0] = MAX (high[0], last + 1);
      g_array_append_vals (rest, high, 2);
    }
  }
  g_array_set_size (self, 0);
  g_array_append_vals (self, rest->data, rest->len);
}

void
vfpool_numbers_add (VfpoolNumbers *self, guint first, guint last) {
  guint range[2] = { first, last }, begin = 0, end;

  while (begin < self->len && at (self, begin + 1) + 1 < first)
    begin += 2;
  /* What overlaps or touches becomes part of the new range. */
  for (end = begin; end < self->len && at (self, end) <= last + 1; end += 2) {
    range[0] = MIN (range[0], at (self, end));
    range[1] = MAX (range[1], at (self, end + 1));
  }
  if (end > begin)
    g_array_remove_range (self, begin, end - begin);
  g_array_insert_vals (self, begin, range, 2);
}

void
vfpool_numbers_add_all (VfpoolNumbers *self, const VfpoolNumbers *other) {
  for (guint i = 0; i < other->len; i += 2)
    vfpool_numbers_add (self, at (other, i), at (other, i + 1));
}

/* A number at the start of *@text, which is moved behind it. */
static gboolean
parse_number (const char **text, guint *number) {
  size_t digits = strspn (*text, "0123456789");

  if (digits == 0 || digits > DIGITS_MAX)
    return FALSE;
  *number = (guint)strtoul (*text, NULL, 10);
  *text += digits;
  return *number <= VFPOOL_NUMBERS_MAX;
}

static gboolean
add_part (VfpoolNumbers *self, const char *part) {
  gboolean is_less = *part == '^';
  const char *p = part + is_less;
  guint first, last;

  if (!parse_number (&p, &first))
    return FALSE;
  last = first;
  if (*p == '-' && (p++, !parse_number (&p, &last)))
    return FALSE;
  if (*p || last < first)
    return FALSE;
  if (is_less)
    subtract (self, first, last);
  else
    vfpool_numbers_add (self, first, last);
  return TRUE;
}

VfpoolNumbers *
vfpool_numbers_parse (const char *text, char **wrong) {
  g_autoptr (VfpoolNumbers) self = vfpool_numbers_new ();
  guint parts = 0;

  for (const char *rest = text; rest;) {
    /* What is too much stays one part, which cannot be read. */
    const char *comma = ++parts < PARTS_MAX ? strchr (rest, ',') : NULL;
    g_autofree char *part = g_strstrip (comma ? g_strndup (rest, (gsize)(comma - rest)) : g_strdup (rest));

    if (!add_part (self, part)) {
      *wrong = g_steal_pointer (&part);
      return NULL;
    }
    rest = comma ? comma + 1 : NULL;
  }
  if (self->len > 0)
    return g_steal_pointer (&self);
  *wrong = g_strdup ("");
  return NULL;
}

gboolean
vfpool_numbers_contain (const VfpoolNumbers *self, guint number) {
  for (guint i = 0; i < self->len; i += 2)
    if (number >= at (self, i) && number <= at (self, i + 1))
      return TRUE;
  return FALSE;
}

gboolean
vfpool_numbers_meet (const VfpoolNumbers *self, const VfpoolNumbers *other) {
  for (guint i = 0; i < self->len; i += 2)
    for (guint k = 0; k < other->len; k += 2)
      if (at (self, i) <= at (other, k + 1) && at (other, k) <= at (self, i + 1))
        return TRUE;
  return FALSE;
}

char *
vfpool_numbers_to_string (const VfpoolNumbers *self) {
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < self->len; i += 2) {
    g_string_append_printf (text, "%s%u", i ? "," : "", at (self, i));
    if (at (self, i) != at (self, i + 1))
      g_string_append_printf (text, "-%u", at (self, i + 1));
  }
  return g_string_free (text, FALSE);
}
