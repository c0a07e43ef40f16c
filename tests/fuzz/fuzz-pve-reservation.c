/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proxmox VE's reservation file: after one device has been reserved anew, that one reads as it was written, every other
 * as before, and no line of others is lost or changed.
 */
#include "fuzz.h"
#include "pve-hookscript/reservation.h"

#include <string.h>

#define FILE_PATH "/run/qemu-server/pci-id-reservations"
#define VMID 101
#define UNTIL 4102444800

typedef struct {
  gboolean is_there;
  PveReservation reservation;
} Said;

/* The first words of the lines: the devices that the file may speak of. */
static GPtrArray *
list_words (FuzzInput input) {
  GPtrArray *words = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (words, g_strdup ("0000:03:10.0"));
  while (input.size > 0) {
    char *line = fuzz_take_text (&input, "\n");

    line[strcspn (line, " \t")] = '\0';
    g_ptr_array_add (words, line);
  }
  return words;
}

static gboolean
is_same (const PveReservation *a, const PveReservation *b) {
  return a->vmid == b->vmid && a->is_pid == b->is_pid && a->value == b->value;
}

static PveReservations *
open_file (const PvePaths *paths) {
  g_autoptr (GError) error = NULL;
  PveReservations *file;

  fuzz_memory_begin ();
  file = pve_reservations_open (paths, &error);
  fuzz_memory_end (PVE_FILE_MAX + 256 * 1024);
  fuzz_assert_answer (file != NULL, &error);
  g_assert_nonnull (file);
  return file;
}

/* Reserves the device, and returns what the file said of each of @words before. */
static Said *
reserve (const PvePaths *paths, const char *bdf, GPtrArray *words) {
  g_autoptr (PveReservations) file = open_file (paths);
  g_autoptr (GError) error = NULL;
  Said *said = g_new0 (Said, words->len);
  gboolean ok;

  for (guint i = 0; i < words->len; i++)
    said[i].is_there = pve_reservations_find (file, g_ptr_array_index (words, i), &said[i].reservation);
  pve_reservations_set (file, bdf, VMID, UNTIL);
  ok = pve_reservations_write (file, &error);
  fuzz_assert_answer (ok, &error);
  return said;
}

static void
check_devices (const PvePaths *paths, const char *bdf, GPtrArray *words, const Said *before) {
  g_autoptr (PveReservations) file = open_file (paths);
  const PveReservation wanted = { VMID, FALSE, UNTIL };

  for (guint i = 0; i < words->len; i++) {
    const char *word = g_ptr_array_index (words, i);
    PveReservation now;
    gboolean is_there = pve_reservations_find (file, word, &now);

    if (strcmp (word, bdf) == 0)
      g_assert_true (is_there && is_same (&now, &wanted));
    else
      g_assert_true (is_there == before[i].is_there && (!is_there || is_same (&now, &before[i].reservation)));
  }
}

/* Each line that is not the device's stands in the new file, in its order. */
static void
check_lines (FuzzInput before, const char *bdf) {
  g_autofree char *path = g_strconcat (fuzz_root (), FILE_PATH, NULL), *text = NULL;
  FuzzInput after;

  g_assert_true (g_file_get_contents (path, &text, &after.size, NULL));
  after.data = (const uint8_t *)text;
  while (before.size > 0) {
    FuzzInput line = fuzz_take (&before, "\n"), other;

    if (line.size >= strlen (bdf) && memcmp (line.data, bdf, strlen (bdf)) == 0)
      continue;
    do {
      g_assert_cmpuint (after.size, >, 0);
      other = fuzz_take (&after, "\n");
    } while (other.size != line.size || memcmp (other.data, line.data, line.size) != 0);
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  static PvePaths *paths;
  FuzzInput input = { data, size };
  g_autoptr (GPtrArray) words = list_words (input);
  const char *bdf = g_ptr_array_index (words, words->len / 2);
  g_autofree Said *before = NULL;

  if (!paths)
    paths = pve_paths_new (fuzz_root (), NULL, NULL);
  if (!*bdf)
    bdf = "0000:03:10.0";
  fuzz_write (FILE_PATH, data, size);
  before = reserve (paths, bdf, words);
  check_devices (paths, bdf, words, before);
  check_lines (input, bdf);
  return 0;
}
