/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line. All values are taken as they are, byte by byte: who uses them says what may stand there. */
#include "call.h"

#include "report.h"

gboolean
call_parse (Call *self, int argc, char **argv, GError **error) {
  const GOptionEntry entries[] = {
    { "pool", 0, 0, G_OPTION_ARG_FILENAME, &self->pool, NULL, NULL },
    { "slot", 0, 0, G_OPTION_ARG_FILENAME, &self->slot_option, NULL, NULL },
    { "mac", 0, 0, G_OPTION_ARG_FILENAME, &self->mac, NULL, NULL },
    { "vlan", 0, 0, G_OPTION_ARG_FILENAME, &self->vlan, NULL, NULL },
    { "functions", 0, 0, G_OPTION_ARG_FILENAME, &self->functions, NULL, NULL },
    { "teaming", 0, 0, G_OPTION_ARG_FILENAME, &self->teaming, NULL, NULL },
    { "wait", 0, 0, G_OPTION_ARG_FILENAME, &self->wait, NULL, NULL },
    { "verbose", 0, 0, G_OPTION_ARG_NONE, &self->verbose, NULL, NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self->operands, NULL, NULL },
    {},
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) local = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_help_enabled (context, FALSE);
  if (!g_option_context_parse (context, &argc, &argv, &local)) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_USAGE, "%s: this program is run by `vfpool`, which is for people",
                 local->message);
    return FALSE;
  }
  self->guest = self->operands ? self->operands[0] : NULL;
  self->slot = self->guest ? self->operands[1] : NULL;
  return TRUE;
}

void
call_clear (Call *self) {
  g_free (self->root);
  g_free (self->pool);
  g_free (self->slot_option);
  g_free (self->mac);
  g_free (self->vlan);
  g_free (self->functions);
  g_free (self->teaming);
  g_free (self->wait);
  g_strfreev (self->operands);
}

Vfpool *
call_open (const Call *self, GError **error) {
  return vfpool_open (self->root, report_message, GINT_TO_POINTER (self->verbose), error);
}

void
call_tell (gboolean is_wanted, const char *format, ...) {
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  report_message (VFPOOL_MESSAGE_INFO, message, GINT_TO_POINTER (is_wanted));
}

void
call_warn (const char *format, ...) {
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  report_message (VFPOOL_MESSAGE_WARNING, message, NULL);
}
