/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What other processes say of themselves: /proc/PID/cmdline, stat and comm, and the PID files of hypervisors. The input
 * holds them in this order, with a line "--" between two. In the command line a line feed stands for the zero byte
 * between two arguments, a carriage return for a line feed in one, and "@" for the folder that stands for "/".
 */
#include "fuzz.h"
#include "guest.h"
#include "holder.h"
#include "pve-hookscript/reservation.h"
#include "request.h"

#include <string.h>

#define PID 4711
#define AS_TEXT(number) #number
#define PROC(pid) "/proc/" AS_TEXT (pid)
#define UUID "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90"
#define VMID "101"

static void
write_cmdline (FuzzInput input) {
  g_autoptr (GString) text = g_string_new (NULL);

  for (size_t i = 0; i < input.size; i++) {
    char c = (char)input.data[i];

    if (c == '@')
      g_string_append (text, fuzz_root ());
    else
      g_string_append_c (text, c == '\n' ? '\0' : c == '\r' ? '\n' : c);
  }
  fuzz_write (PROC (PID) "/cmdline", text->str, text->len);
}

static void
write_next (const char *path, FuzzInput *rest) {
  FuzzInput text = fuzz_take (rest, "\n--\n");

  fuzz_write (path, text.data, text.size);
}

static void
check_guest (void) {
  g_autofree char *id = NULL, *name = NULL, *normal = NULL, *shown = NULL;
  VfpoolGuestKind kind;

  if (!vfpool_guest_of_process (fuzz_root (), PID, &kind, &id, &name)) {
    g_assert_null (id);
    return;
  }
  normal = vfpool_guest_normalize_id (kind, id, NULL);
  g_assert_cmpstr (normal, ==, id);
  shown = vfpool_guest_describe (kind, id, name);
  fuzz_assert_line (shown);
}

static void
check_reservation (void) {
  static PvePaths *paths;
  const PveReservation reservation = { 101, TRUE, PID };

  if (!paths)
    paths = pve_paths_new (fuzz_root (), NULL, NULL);
  if (pve_reservation_is_valid (paths, &reservation)) {
    g_autofree char *text = NULL, *path = g_strconcat (fuzz_root (), "/run/qemu-server/" VMID ".pid", NULL);

    g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
    g_assert_cmpuint (g_ascii_strtoull (text, NULL, 10), ==, PID);
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  FuzzInput rest = { data, size };
  g_autofree char *holder = NULL;
  gboolean is_libvirt, is_pve;
  g_autofree char *id = NULL, *name = NULL;

  write_cmdline (fuzz_take (&rest, "\n--\n"));
  write_next (PROC (PID) "/stat", &rest);
  write_next (PROC (PID) "/comm", &rest);
  write_next ("/run/libvirt/qemu/guest.pid", &rest);
  write_next ("/run/qemu-server/" VMID ".pid", &rest);
  fuzz_memory_begin ();
  is_libvirt = vfpool_guest_life (fuzz_root (), VFPOOL_GUEST_LIBVIRT, UUID) == VFPOOL_GUEST_ALIVE;
  is_pve = vfpool_guest_life (fuzz_root (), VFPOOL_GUEST_PVE_QEMU, VMID) == VFPOOL_GUEST_ALIVE;
  fuzz_memory_end (128 * 1024 + 128 * size);
  g_assert_false (is_libvirt && !memmem (data, size, "-uuid", strlen ("-uuid")));
  g_assert_false (is_pve && !memmem (data, size, "-pidfile", strlen ("-pidfile")));
  check_guest ();
  check_reservation ();
  vfpool_process_start_time (fuzz_root (), PID);
  holder = vfpool_holder_describe (fuzz_root (), PID);
  fuzz_assert_line (holder);
  return 0;
}
