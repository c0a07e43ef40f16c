/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * systemd says in JOURNAL_STREAM which file it has connected to the journal; somebody may have redirected stderr since, so the
 * two are compared. The text is made printable as on stderr: what reads the journal shows it on terminals.
 */
#define SD_JOURNAL_SUPPRESS_LOCATION

#include "journal.h"

#include "printable.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

static gboolean stderr_is_journal;

gboolean
journal_is_stream (const char *stream, int fd) {
  unsigned long long device, inode;
  struct stat file;

  return stream && sscanf (stream, "%llu:%llu", &device, &inode) == 2 && fstat (fd, &file) == 0
         && file.st_dev == (dev_t)device && file.st_ino == (ino_t)inode;
}

void
journal_begin (void) {
  stderr_is_journal = journal_is_stream (getenv ("JOURNAL_STREAM"), STDERR_FILENO);
}

static void
add (GPtrArray *fields, const char *name, const char *value) {
  if (value)
    g_ptr_array_add (fields, g_strconcat (name, "=", value, NULL));
}

static void
add_lease (GPtrArray *fields, const VfpoolLease *lease) {
  g_autofree char *guest = g_strdup_printf ("%s/%s", vfpool_guest_kind_to_string (vfpool_lease_get_guest_kind (lease)),
                                            vfpool_lease_get_guest_id (lease));

  add (fields, "VFPOOL_GUEST", guest);
  add (fields, "VFPOOL_VF", vfpool_lease_get_address (lease));
  add (fields, "VFPOOL_POOL", vfpool_lease_get_pool (lease));
  add (fields, "VFPOOL_SLOT", vfpool_lease_get_slot (lease));
}

GPtrArray *
journal_fields (VfpoolMessageLevel level, const JournalSubject *about, const char *message, gint64 now) {
  GPtrArray *fields = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *text = printable_copy (message, G_MAXSIZE);

  add (fields, "MESSAGE", text);
  g_ptr_array_add (fields, g_strdup_printf ("PRIORITY=%d", level == VFPOOL_MESSAGE_WARNING ? LOG_WARNING : LOG_INFO));
  add (fields, "VFPOOL_ACTION", about->action);
  if (about->lease)
    add_lease (fields, about->lease);
  else
    add (fields, "VFPOOL_GUEST", about->guest);
  if (about->began)
    g_ptr_array_add (fields, g_strdup_printf ("VFPOOL_DURATION_US=%" G_GINT64_FORMAT, now - about->began));
  return fields;
}

static gboolean
send_fields (const GPtrArray *fields) {
  g_autofree struct iovec *parts = g_new (struct iovec, fields->len);

  for (guint i = 0; i < fields->len; i++)
    parts[i] = (struct iovec){ fields->pdata[i], strlen (fields->pdata[i]) };
  return sd_journal_sendv (parts, (int)fields->len) == 0;
}

void
journal_message (VfpoolMessageLevel level, const char *message, gpointer user_data) {
  if (stderr_is_journal) {
    g_autoptr (GPtrArray) fields = journal_fields (level, user_data, message, g_get_monotonic_time ());
    if (send_fields (fields))
      return;
  }
  report_message (level, message, GINT_TO_POINTER (TRUE));
}

void
journal_say (VfpoolMessageLevel level, const JournalSubject *about, const char *format, ...) {
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  journal_message (level, message, (gpointer)about);
}
