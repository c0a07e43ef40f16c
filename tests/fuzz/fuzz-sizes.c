/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files about as large as is allowed: up to the limit they are read whole, beyond it they are refused (or, for a
 * command line, cut) without reading on. The input is "KIND DIFFERENCE", where the difference is that between the
 * file's size and the limit, then a line feed and the text that the file repeats.
 */
#include "config-file.h"
#include "domain-xml.h"
#include "fuzz.h"
#include "guest.h"
#include "pve-hookscript/paths.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_PATH "/file"
#define COMMAND_LINE_END                                                                                               \
  "\0-uuid\0"                                                                                                          \
  "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90"
#define CONFIG_MAX (1024 * 1024) /* the configuration's own limit, as the documentation gives it */
#define READ_STEP 65536          /* the most that one read() may take beyond the limit */

static void
read_domain (const char *path, gboolean is_allowed, size_t size) {
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize length = 0;
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  fuzz_memory_begin ();
  text = domain_xml_read (fd, &length, &error);
  fuzz_memory_end (3 * DOMAIN_XML_MAX + READ_STEP);
  fuzz_assert_answer (text != NULL, &error);
  g_assert_true ((text != NULL) == (is_allowed && size > 0));
  g_assert_true (!text || length == size);
  g_assert_cmpint (lseek (fd, 0, SEEK_CUR), <=, (off_t)DOMAIN_XML_MAX + READ_STEP);
  close (fd);
}

static void
read_pve_file (const char *path, gboolean is_allowed, size_t size) {
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize length = 0;
  gboolean ok;

  fuzz_memory_begin ();
  ok = pve_read_file (path, &text, &length, &error);
  fuzz_memory_end (PVE_FILE_MAX + READ_STEP);
  fuzz_assert_answer (ok, &error);
  g_assert_true (ok == is_allowed);
  g_assert_true (!ok || length == size);
}

/* Beyond the limit the refusal must come before the text is gone over. */
static void
read_config_file (const char *path, gboolean is_allowed, size_t size) {
  g_autoptr (GError) error = NULL;
  g_autoptr (VfpoolConfigFile) file = NULL;

  (void)size;
  fuzz_memory_begin ();
  file = vfpool_config_file_read (fuzz_root (), path, &error);
  fuzz_memory_end (is_allowed ? 400 * CONFIG_MAX : 4 * CONFIG_MAX);
  g_assert_true (is_allowed || strstr (error->message, "more than"));
  fuzz_assert_answer (file != NULL, &error);
}

/* The UUID stands at the end of the file, so it is seen if, and only if, the file is read to there. */
static void
read_command_line (const char *path, gboolean is_allowed, size_t size) {
  g_autofree char *id = NULL, *name = NULL;
  VfpoolGuestKind kind;
  gboolean is_found;

  (void)path;
  fuzz_memory_begin ();
  is_found = vfpool_guest_of_process (fuzz_root (), 1, &kind, &id, &name);
  fuzz_memory_end (32 * VFPOOL_COMMAND_LINE_MAX);
  g_assert_true (is_found == is_allowed || size <= VFPOOL_COMMAND_LINE_MAX + sizeof COMMAND_LINE_END);
}

static const struct {
  const char *name;
  size_t limit;
  const char *path;
  void (*read) (const char *path, gboolean is_allowed, size_t size);
  const char *end; /* of the file */
  size_t end_size;
} kinds[] = {
  { "domain", DOMAIN_XML_MAX, FILE_PATH, read_domain },
  { "pve", PVE_FILE_MAX, FILE_PATH, read_pve_file },
  { "config", CONFIG_MAX, FILE_PATH, read_config_file },
  { "cmdline", VFPOOL_COMMAND_LINE_MAX, "/proc/1/cmdline", read_command_line, COMMAND_LINE_END,
    sizeof COMMAND_LINE_END },
};

/* A '-' would begin an option of the command line, of which the first counts. */
static void
write_file (guint kind, FuzzInput pattern, size_t size) {
  g_autofree uint8_t *text = g_malloc (size);
  size_t repeated = size - kinds[kind].end_size;

  for (size_t i = 0; i < repeated; i++) {
    text[i] = pattern.size > 0 ? pattern.data[i % pattern.size] : 'x';
    if (kinds[kind].end && text[i] == '-')
      text[i] = '+';
  }
  if (kinds[kind].end)
    memcpy (text + repeated, kinds[kind].end, kinds[kind].end_size);
  fuzz_write (kinds[kind].path, text, size);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  FuzzInput rest = { data, size };
  g_autofree char *line = fuzz_take_text (&rest, "\n");
  char name[16];
  int difference;

  if (sscanf (line, "%15s %d", name, &difference) != 2)
    return 0;
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    g_autofree char *path = NULL;
    size_t length = kinds[i].limit + (size_t)CLAMP (difference, -READ_STEP, READ_STEP);

    if (strcmp (name, kinds[i].name) != 0)
      continue;
    path = g_strconcat (fuzz_root (), kinds[i].path, NULL);
    write_file (i, rest, length);
    kinds[i].read (path, length <= kinds[i].limit, length);
  }
  return 0;
}
