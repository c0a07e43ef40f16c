/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt has some hundred codes; what matters here is what the caller can do. A start that the hook refused reads
 *
 *   Hook script execution failed: internal error: Child process (LC_ALL=C ... HOOK web prepare begin -) unexpected exit
 *   status 69: vfpool: pool lan has no VF left ...
 *
 * of which only the end is for people, and the status says what it was.
 */
#include "failure.h"

#include <libvirt/virterror.h>
#include <string.h>

static const VfpoolError hook_codes[] = { VFPOOL_ERROR_NO_FREE_VF, VFPOOL_ERROR_BAD_INPUT, VFPOOL_ERROR_BAD_CONFIG,
                                          VFPOOL_ERROR_DENIED,     VFPOOL_ERROR_BUSY,      VFPOOL_ERROR_CORRUPT };

static VfpoolError
code_of_status (guint64 status) {
  for (gsize i = 0; i < G_N_ELEMENTS (hook_codes); i++) {
    g_autoptr (GError) error = g_error_new_literal (VFPOOL_ERROR, (int)hook_codes[i], "");

    if ((guint64)vfpool_error_exit_status (error) == status)
      return hook_codes[i];
  }
  return VFPOOL_ERROR_KERNEL;
}

/* The last line that is vfpool's: warnings may stand before it. */
static const char *
last_line (const char *text) {
  const char *found = g_str_has_prefix (text, "vfpool: ") ? text : NULL, *next = text;

  while ((next = strstr (next, "\nvfpool: ")))
    found = ++next;
  return found ? found + strlen ("vfpool: ") : NULL;
}

char *
failure_of_hook (const char *message, VfpoolError *code) {
  static const char mark[] = "unexpected exit status ";
  const char *number = strstr (message, mark), *line;
  char *end;
  guint64 status;

  if (!number)
    return NULL;
  status = g_ascii_strtoull (number + strlen (mark), &end, 10);
  line = g_str_has_prefix (end, ": ") ? last_line (end + 2) : NULL;
  *code = code_of_status (status);
  return line ? g_strstrip (g_strdup (line)) : NULL;
}

static VfpoolError
code_of (const virError *failure) {
  switch (failure ? failure->code : VIR_ERR_OK) {
  case VIR_ERR_NO_DOMAIN:
  case VIR_ERR_NO_CONNECT:
    return VFPOOL_ERROR_NOT_FOUND;
  case VIR_ERR_OPERATION_TIMEOUT: /* another client's job holds the guest */
    return VFPOOL_ERROR_BUSY;
  case VIR_ERR_AUTH_FAILED:
  case VIR_ERR_AUTH_CANCELLED:
  case VIR_ERR_AUTH_UNAVAILABLE:
  case VIR_ERR_ACCESS_DENIED:
  case VIR_ERR_OPERATION_DENIED:
    return VFPOOL_ERROR_DENIED;
  default:
    /* The daemon went away. */
    return failure && failure->domain == VIR_FROM_RPC ? VFPOOL_ERROR_NOT_FOUND : VFPOOL_ERROR_KERNEL;
  }
}

gboolean
failure_set (GError **error, const char *format, ...) {
  const virError *failure = virGetLastError ();
  const char *message = failure && failure->message ? failure->message : "no reason given";
  VfpoolError code = code_of (failure);
  g_autofree char *of_hook = failure_of_hook (message, &code), *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  if (of_hook)
    g_set_error (error, VFPOOL_ERROR, code, "%s: %s", what, of_hook);
  else
    g_set_error (error, VFPOOL_ERROR, code_of (failure), "%s: libvirt says: %s", what, message);
  return FALSE;
}
