/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See fuzz.h. */
#include "fuzz.h"
#include "tree.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sanitizer/allocator_interface.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Far above the longest sentence and a path, far below the longest input. */
#define LINE_MAX_CHARACTERS 1500

int LLVMFuzzerInitialize (int *argc, char ***argv);

/* ---- The input ---- */

FuzzInput
fuzz_take (FuzzInput *rest, const char *end) {
  const uint8_t *found = rest->size > 0 ? memmem (rest->data, rest->size, end, strlen (end)) : NULL;
  FuzzInput taken = { rest->data, found ? (size_t)(found - rest->data) : rest->size };
  size_t passed = taken.size + (found ? strlen (end) : 0);

  rest->data += passed;
  rest->size -= passed;
  return taken;
}

char *
fuzz_take_text (FuzzInput *rest, const char *end) {
  FuzzInput taken = fuzz_take (rest, end);

  return g_strndup ((const char *)taken.data, taken.size);
}

/* ---- What must hold ---- */

void
fuzz_assert_line (const char *text) {
  g_assert_nonnull (text);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_cmpint (g_utf8_strlen (text, -1), >, 0);
  g_assert_cmpint (g_utf8_strlen (text, -1), <=, LINE_MAX_CHARACTERS);
  for (const char *c = text; *c; c = g_utf8_next_char (c)) {
    GUnicodeType type = g_unichar_type (g_utf8_get_char (c));

    g_assert_cmpint (type, !=, G_UNICODE_CONTROL);
    g_assert_cmpint (type, !=, G_UNICODE_LINE_SEPARATOR);
    g_assert_cmpint (type, !=, G_UNICODE_PARAGRAPH_SEPARATOR);
  }
}

void
fuzz_assert_answer (gboolean has_succeeded, GError **error) {
  g_assert_true (has_succeeded == (*error == NULL));
  if (!*error)
    return;
  g_assert_true ((*error)->domain == VFPOOL_ERROR);
  g_assert_cmpint (vfpool_error_exit_status (*error), !=, 0);
  fuzz_assert_line ((*error)->message);
  g_clear_error (error);
}

/* ---- Memory ---- */

static gboolean is_measuring;
static gssize in_use, most_in_use;

static void
count_malloc (const volatile void *block, size_t size) {
  (void)block;
  if (!is_measuring)
    return;
  in_use += (gssize)size;
  most_in_use = MAX (most_in_use, in_use);
}

static void
count_free (const volatile void *block) {
  if (is_measuring && block)
    in_use -= (gssize)__sanitizer_get_allocated_size (block);
}

void
fuzz_memory_begin (void) {
  in_use = most_in_use = 0;
  is_measuring = TRUE;
}

void
fuzz_memory_end (size_t allowed) {
  is_measuring = FALSE;
  g_assert_cmpint (most_in_use, <=, (gssize)allowed);
}

/* ---- A host made of files ---- */

static char *root;

static void
remove_root (void) {
  remove_tree (root);
  g_clear_pointer (&root, g_free);
}

const char *
fuzz_root (void) {
  const char *memory = "/dev/shm";

  if (root)
    return root;
  if (g_getenv ("TMPDIR") || g_access (memory, W_OK) != 0)
    memory = g_get_tmp_dir ();
  root = g_build_filename (memory, "vfpool-fuzz-XXXXXX", NULL);
  g_assert_nonnull (g_mkdtemp (root));
  atexit (remove_root);
  return root;
}

void
fuzz_write (const char *path, const void *data, size_t size) {
  g_autofree char *full = g_strconcat (fuzz_root (), path, NULL);
  g_autofree char *folder = g_path_get_dirname (full);
  int fd;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  fd = open (full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, data, size), ==, (gssize)size);
  close (fd);
}

void
fuzz_write_text (const char *path, const char *text) {
  fuzz_write (path, text, strlen (text));
}

/* libFuzzer calls it first. What GLib finds to complain about ends the program. */
int
LLVMFuzzerInitialize (int *argc, char ***argv) {
  (void)argc, (void)argv;
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
  g_assert_cmpint (__sanitizer_install_malloc_and_free_hooks (count_malloc, count_free), !=, 0);
  return 0;
}
