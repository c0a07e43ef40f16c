/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text of any bytes through each of the ways out: a message and an error on stderr, a table, JSON. Whatever went in, what
 * comes out is valid UTF-8 without a character that could break a line or steer a terminal, and the line begins with
 * vfpool's own word. Once for each single byte, once for each of the worst that people have thought of.
 */
#include "fixture.h"

#include "printable.h"
#include "report.h"
#include "request.h"
#include "cli/status.h"

#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const samples[] = {
  "a\n<0>forged: all is lost",
  "<0>forged",
  "a\r\nvfpool: forged",
  "\x1b[2J\x1b]0;title\x07\x1b[31m",
  "\xc2\x9b"
  "2J", /* CSI as one C1 control */
  "\xe2\x80\xae"
  "gnp.exe", /* right-to-left override */
  "\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8f\xe2\x80\x8b",
  "a\xe2\x80\xa8"
  "b\xe2\x80\xa9"
  "c\xc2\x85"
  "d",                                                    /* other line ends */
  "\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xfe\xff\xe2\x80", /* overlong, surrogate, beyond, never, cut short */
  "\xf3\xa0\x80\xa0\xf3\xa0\x80\xbf",                     /* invisible tags, beyond the first 65536 */
  "\"},{\"state\":\"free\",\"x\":\"\\u0000\\",
  "%s%n%999999d",
  "\xef\xbb\xbf"
  "bom",
  "",
};

/* Runs @check for each byte alone, in the middle of words, and for each sample. */
static void
for_all (void (*check) (const char *text)) {
  for (int byte = 1; byte < 256; byte++) {
    char alone[] = { (char)byte, 0 };
    char within[] = { 'a', (char)byte, 'z', 0 };

    check (alone);
    check (within);
  }
  for (gsize i = 0; i < G_N_ELEMENTS (samples); i++)
    check (samples[i]);
}

/* The property; line feeds are looked at apart. */
static void
assert_harmless (const char *text) {
  assert_true (g_utf8_validate (text, -1, NULL));
  for (const char *p = text; *p; p = g_utf8_next_char (p))
    if (*p != '\n' && !is_printable (g_utf8_get_char (p)))
      fail_msg ("U+%04X came through", g_utf8_get_char (p));
}

static guint
count_lines (const char *text) {
  guint n = 0;

  for (; *text; text++)
    n += *text == '\n';
  return n;
}

/* ---- Characters ---- */

/* Written down here once more, by number: the property above must not lean on the very function that it tests. */
static void
dangerous_characters_are_known (void **state G_GNUC_UNUSED) {
  static const struct {
    gunichar first, last;
  } ranges[] = { { 1, 0x1f },        { 0x7f, 0x9f },       { 0xad, 0xad },      { 0x061c, 0x061c },
                 { 0x200b, 0x200f }, { 0x2028, 0x202e },   { 0x2060, 0x2069 },  { 0xfeff, 0xfeff },
                 { 0xfff9, 0xfffb }, { 0xe0001, 0xe0001 }, { 0xe0020, 0xe007f } };
  static const gunichar good[] = { ' ', 'a', '~', 0xe4, 0x4e2d, 0x1f600, 0xfffd };

  for (gsize i = 0; i < G_N_ELEMENTS (ranges); i++)
    for (gunichar c = ranges[i].first; c <= ranges[i].last; c++)
      if (is_printable (c))
        fail_msg ("U+%04X is taken for harmless", c);
  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    assert_true (is_printable (good[i]));
}

static void
check_printable (const char *text) {
  g_autofree char *out = printable_copy (text, G_MAXSIZE);

  assert_harmless (out);
  assert_null (strchr (out, '\n'));
}

static void
text_is_made_printable (void **state G_GNUC_UNUSED) {
  for_all (check_printable);
}

static void
copies_are_cut_between_characters (void **state) {
  static const struct {
    const char *text;
    gsize max;
    const char *expected;
  } cases[] = {
    { "", 3, "" },
    { "abc", 3, "abc" },
    { "abcd", 3, "abc..." },
    { "\xc3\xa4\xc3\xb6\xc3\xbc", 2, "\xc3\xa4\xc3\xb6..." }, /* counts characters, and never cuts one */
    { "a\nb\tc\x1b[2J\x7f", 60, "a?b?c?[2J?" },
    { "\xc2\x85\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae", 60, "????" }, /* next line, separators, right to left */
    { "a\xff\xc3", 60, "a\xef\xbf\xbd\xef\xbf\xbd" },
    { "\xe2\x98\xba", G_MAXSIZE, "\xe2\x98\xba" },
  };

  (void)state;
  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *copy = printable_copy (cases[i].text, cases[i].max);

    assert_string_equal (copy, cases[i].expected);
  }
}

/* A name is kept as it is, and cleaned where a message quotes it. */
static void
a_name_is_cleaned_where_it_is_quoted (void **state) {
  g_autoptr (VfpoolRequest) request = vfpool_request_new (VFPOOL_GUEST_PVE_QEMU, "101", "a\nvfpool: all is well", NULL);
  g_autofree char *shown = vfpool_guest_describe (request->kind, request->id, request->name);

  (void)state;
  assert_string_equal (request->name, "a\nvfpool: all is well");
  assert_string_equal (shown, "pve-qemu/101 (a?vfpool: all is well)");
}

/* ---- stderr ---- */

/* What @text as an error, and as a message of both levels, writes to stderr; for g_free(). */
static char *
written (const char *text) {
  g_autoptr (GError) error = g_error_new_literal (VFPOOL_ERROR, VFPOOL_ERROR_BUSY, text);
  g_autofree char *out = NULL;
  FILE *file = tmpfile ();
  int saved = dup (STDERR_FILENO);

  assert_non_null (file);
  dup2 (fileno (file), STDERR_FILENO);
  report_error (error);
  report_message (VFPOOL_MESSAGE_WARNING, text, NULL);
  report_message (VFPOOL_MESSAGE_INFO, text, GINT_TO_POINTER (TRUE));
  fflush (stderr);
  dup2 (saved, STDERR_FILENO);
  close (saved);
  rewind (file);
  out = g_malloc0 (1024 * 1024);
  (void)!fread (out, 1, 1024 * 1024 - 1, file);
  fclose (file);
  return g_steal_pointer (&out);
}

static void
check_report (const char *text) {
  g_autofree char *out = written (text);
  g_auto (GStrv) lines = g_strsplit (out, "\n", -1);

  assert_harmless (out);
  assert_int_equal (count_lines (out), 3);
  for (int i = 0; i < 3; i++)
    assert_true (g_str_has_prefix (lines[i], "vfpool: "));
}

static void
messages_are_one_line (void **state G_GNUC_UNUSED) {
  for_all (check_report);
}

/* The journal would cut a longer line, and look at its second half for a priority. */
static void
lines_are_shorter_than_the_journals (void **state G_GNUC_UNUSED) {
  for (gsize filler = 0; filler < 4; filler++) {
    g_autofree char *start = g_strnfill (39990 + filler, 'a');
    g_autoptr (GString) text = g_string_new (start);
    g_autofree char *out = NULL;
    g_auto (GStrv) lines = NULL;

    while (text->len < 100000)
      g_string_append (text, "\xf0\x9f\x98\x80");
    out = written (text->str);
    lines = g_strsplit (out, "\n", -1);
    assert_harmless (out);
    assert_int_equal (count_lines (out), 3);
    for (int i = 0; i < 3; i++)
      assert_in_range (strlen (lines[i]), 39000, 48 * 1024 - 1);
  }
}

/* ---- Status ---- */

static GVariant *
maybe (const char *text) {
  return g_variant_new ("ms", text);
}

/* A status in which all that can be somebody else's text is @text. A GVariant's strings are UTF-8; the library sees to it,
 * which a test of its own looks at. */
static GVariant *
status_of (const char *text) {
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GVariantBuilder pool, vf, guest, all;

  g_variant_builder_init (&pool, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_add_parsed (&pool, "{'name': <%s>, 'total': <%u>}", valid, 1);
  g_variant_builder_init (&guest, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&guest, "{sv}", "kind", g_variant_new_string ("libvirt"));
  g_variant_builder_add (&guest, "{sv}", "id", g_variant_new_string (valid));
  g_variant_builder_add (&guest, "{sv}", "name", maybe (valid));
  g_variant_builder_init (&vf, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_add_parsed (&vf,
                                "{'address': <%s>, 'pool': <%s>, 'driver': <%s>, 'slot': <%s>, 'mac': <%s>, "
                                "'state': <%s>, 'reason': <%s>, 'guest': %v}",
                                valid, valid, valid, valid, valid, valid, valid, g_variant_builder_end (&guest));
  g_variant_builder_init (&all, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&all, "{sv}", "pools", g_variant_builder_end (&pool));
  g_variant_builder_add (&all, "{sv}", "vfs", g_variant_builder_end (&vf));
  return g_variant_ref_sink (g_variant_builder_end (&all));
}

static void
check_table (const char *text) {
  g_autoptr (GVariant) status = status_of (text), plain = status_of ("plain");
  g_autofree char *out = cli_status_to_table (status, NULL), *wanted = cli_status_to_table (plain, NULL);

  assert_harmless (out);
  /* An empty reason has no line. */
  assert_int_equal (count_lines (out), count_lines (wanted) - (*text ? 0 : 1));
}

static void
tables_keep_their_lines (void **state G_GNUC_UNUSED) {
  for_all (check_table);
}

/* Harmless to look at, and what a program reads from it is the text as it was. */
static void
check_json (const char *text) {
  g_autoptr (GVariant) status = status_of (text);
  g_autofree char *out = cli_status_to_json (status, NULL), *valid = g_utf8_make_valid (text, -1);
  g_autoptr (JsonNode) root = json_from_string (out, NULL);
  JsonObject *vf;

  assert_harmless (out);
  assert_non_null (root);
  vf = json_array_get_object_element (json_object_get_array_member (json_node_get_object (root), "vfs"), 0);
  assert_string_equal (json_object_get_string_member (vf, "reason"), valid);
  assert_string_equal (json_object_get_string_member (json_object_get_object_member (vf, "guest"), "name"), valid);
}

static void
json_keeps_the_text (void **state G_GNUC_UNUSED) {
  for_all (check_json);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (copies_are_cut_between_characters),
    cmocka_unit_test (a_name_is_cleaned_where_it_is_quoted),
    cmocka_unit_test (dangerous_characters_are_known),
    cmocka_unit_test (text_is_made_printable),
    cmocka_unit_test (messages_are_one_line),
    cmocka_unit_test (lines_are_shorter_than_the_journals),
    cmocka_unit_test (tables_keep_their_lines),
    cmocka_unit_test (json_keeps_the_text),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
