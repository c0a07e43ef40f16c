/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests: guests, slots, pools, MACs and VLANs, a line each:
 *
 *   KIND/ID
 *   pool SLOT POOL MAC VLAN         address SLOT ADDRESS MAC VLAN
 *   nodes LIST     cpus LIST        numa WORD (or another part of a policy)
 *   functions SLOT
 *
 * with tabs between the fields; an empty MAC is none. The text before the first tab of the first line is the
 * guest, what follows it its display name.
 */
#include "address.h"
#include "fuzz.h"
#include "request.h"

#include <string.h>

static VfpoolRequest *
read_guest (const char *line) {
  g_auto (GStrv) field = g_strsplit (line, "\t", 2);
  const char *text = field[0] ? field[0] : "", *name = field[0] && field[1] ? field[1] : NULL;
  g_autofree char *id = NULL, *second_id = NULL, *written = NULL, *shown = NULL;
  g_autoptr (GError) error = NULL;
  VfpoolGuestKind kind, second_kind;
  VfpoolRequest *request;
  gboolean ok;

  fuzz_memory_begin ();
  ok = vfpool_guest_parse (text, &kind, &id, &error);
  fuzz_memory_end (4096 + 8 * strlen (line));
  fuzz_assert_answer (ok, &error);
  if (!ok)
    return vfpool_request_new (VFPOOL_GUEST_MANUAL, "fuzz", name, NULL);
  written = vfpool_guest_describe (kind, id, NULL);
  g_assert_true (vfpool_guest_parse (written, &second_kind, &second_id, NULL));
  g_assert_cmpint (kind, ==, second_kind);
  g_assert_cmpstr (id, ==, second_id);
  request = vfpool_request_new (kind, id, name, &error);
  fuzz_assert_answer (request != NULL, &error);
  shown = vfpool_guest_describe (kind, request->id, request->name);
  fuzz_assert_line (shown);
  return request;
}

static void
set_line (VfpoolRequest *request, const char *what, const char *value) {
  g_autoptr (GError) error = NULL;
  gboolean ok;

  fuzz_memory_begin ();
  ok = strcmp (what, "nodes") == 0       ? vfpool_request_set_nodes (request, value, &error)
       : strcmp (what, "cpus") == 0      ? vfpool_request_set_cpus (request, value, &error)
       : strcmp (what, "functions") == 0 ? vfpool_request_set_all_functions (request, value, &error)
                                         : vfpool_request_set_policy (request, what, value, &error);
  fuzz_memory_end (16384 + 64 * strlen (value));
  fuzz_assert_answer (ok, &error);
}

static void
add_line (VfpoolRequest *request, const char *line) {
  g_auto (GStrv) field = g_strsplit (line, "\t", 5);
  g_autoptr (GError) error = NULL;
  const char *mac;
  gint64 vlan;
  gboolean ok;

  if (g_strv_length (field) == 2)
    set_line (request, field[0], field[1]);
  if (g_strv_length (field) < 5)
    return;
  mac = *field[3] ? field[3] : NULL;
  vlan = g_ascii_strtoll (field[4], NULL, 10);
  fuzz_memory_begin ();
  ok = strcmp (field[0], "pool") == 0
           ? vfpool_request_add_pool (request, field[1], field[2], mac, (int)vlan, &error)
           : vfpool_request_add_address (request, field[1], field[2], mac, (int)vlan, &error);
  fuzz_memory_end (16384);
  fuzz_assert_answer (ok, &error);
}

/* A MAC is in its one spelling, and one that a guest may have. */
static void
check_mac (const char *mac) {
  g_auto (GStrv) part = g_strsplit (mac, ":", -1);
  guint64 all = 0;

  g_assert_cmpuint (g_strv_length (part), ==, 6);
  g_assert_cmpuint (strspn (mac, "0123456789abcdef:"), ==, strlen (mac));
  for (int i = 0; i < 6; i++) {
    g_assert_cmpuint (strlen (part[i]), ==, 2);
    all = all << 8 | g_ascii_strtoull (part[i], NULL, 16);
  }
  g_assert_true (all != 0 && !(all >> 40 & 1));
}

/* Each slot could be asked for again just as it stands. */
static void
check_again (const VfpoolRequest *request) {
  g_autoptr (VfpoolRequest) again = vfpool_request_new (request->kind, request->id, request->name, NULL);

  g_assert_nonnull (again);
  g_assert_cmpstr (again->id, ==, request->id);
  for (guint i = 0; i < request->slots->len; i++) {
    const VfpoolSlot *slot = g_ptr_array_index (request->slots, i), *second;

    g_assert_true (!slot->pool != !slot->address);
    g_assert_true (slot->pool
                       ? vfpool_request_add_pool (again, slot->name, slot->pool, slot->mac, slot->vlan, NULL)
                       : vfpool_request_add_address (again, slot->name, slot->address, slot->mac, slot->vlan, NULL));
    second = g_ptr_array_index (again->slots, i);
    g_assert_cmpstr (second->name, ==, slot->name);
    g_assert_cmpstr (second->pool, ==, slot->pool);
    g_assert_cmpstr (second->address, ==, slot->address);
    g_assert_cmpstr (second->mac, ==, slot->mac);
    g_assert_cmpint (second->vlan, ==, slot->vlan);
    g_assert_cmpuint (strlen (slot->name), <=, 32);
    if (slot->mac)
      check_mac (slot->mac);
    g_assert_true (slot->vlan >= VFPOOL_VLAN_UNSET && slot->vlan <= 4094);
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  FuzzInput rest = { data, size };
  g_autofree char *guest = fuzz_take_text (&rest, "\n");
  g_autoptr (VfpoolRequest) request = read_guest (guest);

  while (rest.size > 0) {
    g_autofree char *line = fuzz_take_text (&rest, "\n");

    add_line (request, line);
  }
  check_again (request);
  return 0;
}
