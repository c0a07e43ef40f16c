/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line is "BDF VMID time:SECONDS" or "BDF VMID pid:PID". PVE::QemuServer::PCI reads the file, changes it and writes
 * it anew under flock(2) on a lock file beside it, by a temporary file and rename(2); so does this module. PVE drops
 * lines that it does not understand; here they are kept byte for byte, they are somebody else's.
 *
 * PVE waits 2 seconds for the lock when a VM has stopped and 5 when one starts, so the lock is held here for one read
 * and one write, nothing else.
 */
#include "reservation.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qemu.h"
#include "vfpool.h"

/* As PVE::Tools::lock_file waits when it is not told otherwise. */
#define LOCK_WAIT_US (10 * G_USEC_PER_SEC)
#define LOCK_RETRY_US (20 * 1000)

typedef struct {
  char *text;    /* the line with its line feed, if it had one */
  gsize length;  /* of text, which may hold zero bytes */
  char *address; /* NULL: not a line that PVE understands */
  PveReservation reservation;
} Line;

struct _PveReservations {
  int lock;
  char *file;
  GPtrArray *lines;
  gboolean changed;
};

static void
line_free (Line *self) {
  g_free (self->text);
  g_free (self->address);
  g_free (self);
}

/* A decimal number; one that does not fit is as good as endless. */
static gboolean
parse_number (const char *text, guint64 *number) {
  if (!*text || text[strspn (text, "0123456789")])
    return FALSE;
  *number = g_ascii_strtoull (text, NULL, 10);
  return TRUE;
}

/* Fills in what PVE would read from the line. An address of another form than PVE writes is a key nobody asks for. */
static void
parse_line (Line *self) {
  g_autofree char *text = g_strndup (self->text, self->length);
  g_auto (GStrv) part = NULL;
  const char *value;

  if (memchr (self->text, '\0', self->length))
    return;
  if (g_str_has_suffix (text, "\n"))
    text[strlen (text) - 1] = '\0';
  part = g_strsplit_set (text, " \t", -1);
  if (g_strv_length (part) != 3 || !*part[0] || !parse_number (part[1], &self->reservation.vmid))
    return;
  self->reservation.is_pid = g_str_has_prefix (part[2], "pid:");
  if (!self->reservation.is_pid && !g_str_has_prefix (part[2], "time:"))
    return;
  value = strchr (part[2], ':') + 1;
  if (parse_number (value, &self->reservation.value))
    self->address = g_strdup (part[0]);
}

static GPtrArray *
parse_lines (const char *data, gsize length) {
  GPtrArray *lines = g_ptr_array_new_with_free_func ((GDestroyNotify)line_free);
  const char *end = data + length;

  while (data < end) {
    const char *feed = memchr (data, '\n', (gsize)(end - data));
    Line *line = g_new0 (Line, 1);

    line->length = (gsize)((feed ? feed + 1 : end) - data);
    line->text = g_memdup2 (data, line->length);
    parse_line (line);
    g_ptr_array_add (lines, line);
    data += line->length;
  }
  return lines;
}

/* ---- The lock ---- */

static gboolean
wait_for_lock (int lock, const char *path, GError **error) {
  gint64 until = g_get_monotonic_time () + LOCK_WAIT_US;

  while (flock (lock, LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return pve_fail_errno (error, "lock", path, errno);
    if (g_get_monotonic_time () > until) {
      g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BUSY,
                   "somebody has held the lock %s for %d seconds: see who with \"fuser -v %s\", then start again", path,
                   (int)(LOCK_WAIT_US / G_USEC_PER_SEC), path);
      return FALSE;
    }
    g_usleep (LOCK_RETRY_US);
  }
  return TRUE;
}

static gboolean
take_lock (PveReservations *self, const PvePaths *paths, GError **error) {
  g_autofree char *path = g_strconcat (self->file, ".lock", NULL);

  /* PVE makes this folder too, whichever of its programs comes first. */
  if (g_mkdir (paths->run_dir, 0755) < 0 && errno != EEXIST)
    return pve_fail_errno (error, "make the folder", paths->run_dir, errno);
  self->lock = open (path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (self->lock < 0)
    return pve_fail_errno (error, "open the lock", path, errno);
  return wait_for_lock (self->lock, path, error);
}

static PveReservations *
new_unread (const PvePaths *paths) {
  PveReservations *self = g_new0 (PveReservations, 1);

  self->lock = -1;
  self->file = g_build_filename (paths->run_dir, "pci-id-reservations", NULL);
  return self;
}

static gboolean
read_lines (PveReservations *self, GError **error) {
  g_autoptr (GError) failure = NULL;
  g_autofree char *contents = NULL;
  gsize length = 0;

  if (!pve_read_file (self->file, &contents, &length, &failure)
      && !g_error_matches (failure, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND)) {
    g_propagate_error (error, g_steal_pointer (&failure));
    return FALSE;
  }
  self->lines = parse_lines (contents ? contents : "", length);
  return TRUE;
}

PveReservations *
pve_reservations_open (const PvePaths *paths, GError **error) {
  g_autoptr (PveReservations) self = new_unread (paths);

  return take_lock (self, paths, error) && read_lines (self, error) ? g_steal_pointer (&self) : NULL;
}

PveReservations *
pve_reservations_look (const PvePaths *paths, GError **error) {
  g_autoptr (PveReservations) self = new_unread (paths);

  return read_lines (self, error) ? g_steal_pointer (&self) : NULL;
}

void
pve_reservations_close (PveReservations *self) {
  if (!self)
    return;
  if (self->lock >= 0)
    close (self->lock);
  g_free (self->file);
  g_clear_pointer (&self->lines, g_ptr_array_unref);
  g_free (self);
}

/* ---- Reading and changing ---- */

gboolean
pve_reservations_find (const PveReservations *self, const char *bdf, PveReservation *reservation) {
  for (guint i = self->lines->len; i > 0; i--) {
    const Line *line = g_ptr_array_index (self->lines, i - 1);

    if (g_strcmp0 (line->address, bdf))
      continue;
    *reservation = line->reservation;
    return TRUE;
  }
  return FALSE;
}

gboolean
pve_reservation_is_valid (const PvePaths *paths, const PveReservation *reservation) {
  if (!reservation->is_pid)
    return reservation->value > (guint64)(g_get_real_time () / G_USEC_PER_SEC);
  return reservation->value > 0 && (guint64)pve_qemu_pid (paths, reservation->vmid) == reservation->value;
}

gboolean
pve_reservation_is_same (const PveReservation *a, const PveReservation *b) {
  return a->vmid == b->vmid && a->is_pid == b->is_pid && a->value == b->value;
}

void
pve_reservations_set (PveReservations *self, const char *bdf, guint64 vmid, guint64 until) {
  const PveReservation wanted = { .vmid = vmid, .value = until };
  PveReservation present;
  Line *line;

  if (pve_reservations_find (self, bdf, &present) && pve_reservation_is_same (&present, &wanted))
    return;
  for (guint i = self->lines->len; i > 0; i--) {
    line = g_ptr_array_index (self->lines, i - 1);
    if (!g_strcmp0 (line->address, bdf))
      g_ptr_array_remove_index (self->lines, i - 1);
  }
  line = g_new0 (Line, 1);
  line->text = g_strdup_printf ("%s %" G_GUINT64_FORMAT " time:%" G_GUINT64_FORMAT "\n", bdf, vmid, until);
  line->length = strlen (line->text);
  line->address = g_strdup (bdf);
  line->reservation = wanted;
  g_ptr_array_add (self->lines, line);
  self->changed = TRUE;
}

/* ---- Writing ---- */

static GString *
join_lines (const PveReservations *self) {
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < self->lines->len; i++) {
    const Line *line = g_ptr_array_index (self->lines, i);

    /* Only a last line may lack its line feed, and it is not the last one any more. */
    if (text->len > 0 && text->str[text->len - 1] != '\n')
      g_string_append_c (text, '\n');
    g_string_append_len (text, line->text, (gssize)line->length);
  }
  return text;
}

gboolean
pve_reservations_write (PveReservations *self, GError **error) {
  g_autoptr (GString) text = NULL;

  if (!self->changed)
    return TRUE;
  text = join_lines (self);
  if (!pve_replace_file (self->file, text, error))
    return FALSE;
  self->changed = FALSE;
  return TRUE;
}
