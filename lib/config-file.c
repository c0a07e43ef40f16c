/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One configuration file. GKeyFile parses it and hands out values; but it forgets where they stood, takes the last of
 * two equal keys and drops keys with a [locale] in silence. So the text is gone over once more for the line of each
 * group and key: from that list come the checks for what is unknown or stands twice, and the line in every message.
 *
 * The file decides which devices guests get, so it is only believed when nobody but root can have written it (trust.c). Windows
 * line ends and a byte order mark do no harm and are accepted.
 */
#include "config-file.h"
#include "printable.h"
#include "private.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* No sane configuration comes near it; it bounds what a file put there by mistake can cost. */
#define MAX_SIZE (1024 * 1024)
#define MAX_SHOWN 60

char *
vfpool_config_shorten (const char *text) {
  return printable_copy (text, MAX_SHOWN);
}

gboolean
vfpool_config_file_fail (const VfpoolConfigFile *self, int line, GError **error, const char *format, ...) {
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_CONFIG, "%s:%d: %s", self->path, line, message);
  return FALSE;
}

/* ---- Reading ---- */

static gboolean
fail_errno (const char *path, int err, GError **error) {
  VfpoolError code = err == ENOENT                   ? VFPOOL_ERROR_NOT_FOUND
                     : err == EACCES || err == EPERM ? VFPOOL_ERROR_DENIED
                                                     : VFPOOL_ERROR_BAD_CONFIG;

  g_set_error (error, VFPOOL_ERROR, code, "cannot read the configuration file %s: %s%s", path, g_strerror (err),
               code == VFPOOL_ERROR_DENIED ? "; try again as root" : "");
  return FALSE;
}

/* Being root does not help against what is wrong here, so it is the configuration that is bad, and not a permission that
 * lacks. Takes @fault. */
static gboolean
is_safe (char *fault, GError **error) {
  g_autofree char *owned = fault;

  if (owned)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_CONFIG, "the configuration cannot be believed: %s", owned);
  return !owned;
}

static gboolean
may_be_believed (const char *path, const struct stat *st, GError **error) {
  if (!S_ISREG (st->st_mode)) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_CONFIG,
                 "cannot read the configuration %s: it is %s, expected a file; move it away", path,
                 S_ISDIR (st->st_mode) ? "a directory" : "no regular file");
    return FALSE;
  }
  return is_safe (vfpool_trust_fault (path, st), error);
}

/* Reads to the end or to one byte more than is allowed, whatever the size was said to be. */
static GString *
read_all (int fd, const char *path, GError **error) {
  g_autoptr (GString) text = g_string_new (NULL);
  char buffer[4096];

  for (;;) {
    ssize_t n = read (fd, buffer, sizeof buffer);

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      fail_errno (path, errno, error);
      return NULL;
    }
    if (n == 0)
      return g_steal_pointer (&text);
    g_string_append_len (text, buffer, n);
    if (text->len > MAX_SIZE) {
      g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_CONFIG,
                   "the configuration file %s has more than the 1 MiB that is allowed; is it the right file?", path);
      return NULL;
    }
  }
}

static GString *
read_text (const char *root, const char *path, GError **error) {
  g_autoptr (GString) text = NULL;
  struct stat st;
  int fd;

  if (!is_safe (vfpool_trust_folders_fault (root, path), error))
    return NULL;
  fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a FIFO must not stop us */
  if (fd < 0) {
    fail_errno (path, errno, error);
    return NULL;
  }
  if (fstat (fd, &st) < 0)
    fail_errno (path, errno, error);
  else if (may_be_believed (path, &st, error))
    text = read_all (fd, path, error);
  close (fd);
  return g_steal_pointer (&text);
}

gboolean
vfpool_config_folder_is_safe (int fd, const char *path, GError **error) {
  struct stat st;

  if (fstat (fd, &st) < 0)
    return fail_errno (path, errno, error);
  return is_safe (vfpool_trust_fault (path, &st), error);
}

/* ---- Taking apart ---- */

static int
line_of_offset (const GString *text, gsize offset) {
  int line = 1;

  for (gsize i = 0; i < offset; i++)
    line += text->str[i] == '\n';
  return line;
}

static gboolean
check_bytes (VfpoolConfigFile *self, GString *text, GError **error) {
  const char *nul;
  const char *bad;

  if (g_str_has_prefix (text->str, "\xef\xbb\xbf"))
    g_string_erase (text, 0, 3);
  nul = memchr (text->str, 0, text->len);
  if (nul)
    return vfpool_config_file_fail (
        self, line_of_offset (text, nul - text->str), error,
        "there is a NUL byte in this line; the file is no text (UTF-16, or damaged?); save it as "
        "UTF-8");
  if (!g_utf8_validate (text->str, text->len, &bad))
    return vfpool_config_file_fail (self, line_of_offset (text, bad - text->str), error,
                                    "byte 0x%02x in this line is not UTF-8; save the file as UTF-8",
                                    (unsigned int)(unsigned char)*bad);
  return TRUE;
}

static gboolean
first_lines_parse (char **lines, guint n) {
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GKeyFile) keys = g_key_file_new ();

  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "%s\n", lines[i]);
  return g_key_file_load_from_data (keys, text->str, text->len, G_KEY_FILE_NONE, NULL);
}

/* GKeyFile does not say where it stumbled. It reads line by line, so all beginnings of the file that hold the bad line
 * fail and all shorter ones pass: bisect. */
static guint
bad_line (char **lines) {
  guint good = 0;
  guint bad = g_strv_length (lines);

  while (bad - good > 1) {
    guint middle = good + (bad - good) / 2;

    if (first_lines_parse (lines, middle))
      good = middle;
    else
      bad = middle;
  }
  return bad;
}

static gboolean
parse (VfpoolConfigFile *self, const GString *text, char **lines, GError **error) {
  g_autoptr (GError) local = NULL;
  g_autofree char *shown = NULL;
  guint line;

  if (text->len == 0 || g_key_file_load_from_data (self->keys, text->str, text->len, G_KEY_FILE_NONE, &local))
    return TRUE;
  line = bad_line (lines);
  shown = vfpool_config_shorten (g_strstrip (lines[line - 1]));
  if (g_error_matches (local, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_GROUP_NOT_FOUND))
    return vfpool_config_file_fail (self, line, error,
                                    "\"%s\" stands before the first group; put it below a line like [pool NAME], "
                                    "[pf ADDRESS] or [vfpool]",
                                    shown);
  return vfpool_config_file_fail (
      self, line, error, "\"%s\" cannot be understood; expected [GROUP], KEY=VALUE, or a comment that starts with #",
      shown);
}

static void
entry_free (gpointer data) {
  VfpoolConfigEntry *entry = data;

  g_free (entry->group);
  g_free (entry->key);
  g_free (entry);
}

/* A line feed can be in neither, so it keeps them apart. */
static char *
place_name (const char *group, const char *key) {
  return key ? g_strconcat (group, "\n", key, NULL) : g_strdup (group);
}

int
vfpool_config_file_find_line (const VfpoolConfigFile *self, const char *group, const char *key) {
  g_autofree char *name = place_name (group, key);

  return GPOINTER_TO_INT (g_hash_table_lookup (self->first, name));
}

static void
add_entry (VfpoolConfigFile *self, int line, const char *group, char *key) {
  VfpoolConfigEntry *entry = g_new0 (VfpoolConfigEntry, 1);

  entry->line = line;
  entry->group = g_strdup (group);
  entry->key = key;
  g_ptr_array_add (self->entries, entry);
  if (vfpool_config_file_find_line (self, group, key) == 0)
    g_hash_table_insert (self->first, place_name (group, key), GINT_TO_POINTER (line));
}

/* Lists groups and keys of a text that GKeyFile found well-formed, so only the kinds of line must be told apart. */
static void
scan (VfpoolConfigFile *self, char **lines) {
  g_autofree char *group = NULL;

  for (int i = 0; lines[i]; i++) {
    const char *start = lines[i];

    while (g_ascii_isspace (*start))
      start++;
    if (*start == '[') {
      g_free (group);
      group = g_strndup (start + 1, strcspn (start + 1, "]"));
      add_entry (self, i + 1, group, NULL);
    } else if (*start && *start != '#') {
      add_entry (self, i + 1, group, g_strchomp (g_strndup (start, strcspn (start, "="))));
    }
  }
}

VfpoolConfigFile *
vfpool_config_file_read (const char *root, const char *path, GError **error) {
  g_autoptr (VfpoolConfigFile) self = g_new0 (VfpoolConfigFile, 1);
  g_autoptr (GString) text = NULL;
  g_auto (GStrv) lines = NULL;

  self->path = g_strdup (path);
  self->keys = g_key_file_new ();
  self->entries = g_ptr_array_new_with_free_func (entry_free);
  self->first = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  text = read_text (root, path, error);
  if (!text || !check_bytes (self, text, error))
    return NULL;
  lines = g_strsplit (text->str, "\n", -1);
  if (!parse (self, text, lines, error))
    return NULL;
  scan (self, lines);
  return g_steal_pointer (&self);
}

void
vfpool_config_file_free (VfpoolConfigFile *self) {
  if (!self)
    return;
  g_clear_pointer (&self->keys, g_key_file_free);
  g_clear_pointer (&self->entries, g_ptr_array_unref);
  g_clear_pointer (&self->first, g_hash_table_unref);
  g_free (self->path);
  g_free (self);
}
