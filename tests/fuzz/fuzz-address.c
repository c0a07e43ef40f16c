/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI addresses, one a line: any spelling becomes one normal form, and normal forms sort as their numbers do. */
#include "address.h"
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  unsigned int domain, bus, device, function;
} Numbers;

static void
check_normal (const char *bdf, Numbers *n) {
  char again[VFPOOL_BDF_SIZE];
  g_autofree char *written = NULL;

  g_assert_cmpuint (strlen (bdf), <, VFPOOL_BDF_SIZE);
  g_assert_cmpint (sscanf (bdf, "%x:%x:%x.%x", &n->domain, &n->bus, &n->device, &n->function), ==, 4);
  g_assert_true (n->bus <= 0xff && n->device <= 0x1f && n->function <= 7);
  written = g_strdup_printf ("%04x:%02x:%02x.%x", n->domain, n->bus, n->device, n->function);
  g_assert_cmpstr (written, ==, bdf);
  g_assert_true (vfpool_address_normalize (bdf, again, NULL));
  g_assert_cmpstr (again, ==, bdf);
}

/* The numbers are those that were written, part by part, and none had more digits than it may have. */
static void
check_meaning (const char *text, const Numbers *n) {
  g_auto (GStrv) part = g_strsplit_set (text, ":.", -1);
  guint parts = g_strv_length (part);
  const guint64 expected[] = { n->domain, n->bus, n->device, n->function };
  const size_t digits[] = { 8, 2, 2, 1 };

  g_assert_true (parts == 3 || parts == 4);
  g_assert_true (parts == 4 || n->domain == 0);
  for (guint i = 0; i < parts; i++) {
    g_assert_cmpuint (strlen (part[i]), <=, digits[i + 4 - parts]);
    g_assert_cmpuint (g_ascii_strtoull (part[i], NULL, 16), ==, expected[i + 4 - parts]);
  }
}

static guint64
sort_key (const Numbers *n) {
  return (guint64)n->domain << 16 | n->bus << 8 | n->device << 3 | n->function;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  FuzzInput rest = { data, size };
  char bdf[2][VFPOOL_BDF_SIZE] = { "0000:00:00.0", "0000:00:00.0" };
  Numbers n[2] = { { 0 }, { 0 } };

  for (int i = 0; rest.size > 0; i = !i) {
    g_autofree char *text = fuzz_take_text (&rest, "\n");
    g_autoptr (GError) error = NULL;
    char out[VFPOOL_BDF_SIZE];
    gboolean ok;
    guint64 a, b;

    fuzz_memory_begin ();
    ok = vfpool_address_normalize (text, out, &error);
    fuzz_memory_end (4096);
    fuzz_assert_answer (ok, &error);
    if (!ok)
      continue;
    check_normal (out, &n[i]);
    check_meaning (text, &n[i]);
    memcpy (bdf[i], out, sizeof out);
    a = sort_key (&n[0]);
    b = sort_key (&n[1]);
    g_assert_cmpint ((vfpool_address_compare (bdf[0], bdf[1]) > 0), ==, a > b);
    g_assert_cmpint ((vfpool_address_compare (bdf[0], bdf[1]) < 0), ==, a < b);
  }
  return 0;
}
