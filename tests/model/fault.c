/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See fault.h. A process ends by _exit(), as by kill -9: nothing of it is tidied up but what the kernel closes. */
#include "kernel.h"

#include <unistd.h>

static gboolean
is_due (Fault *fault, FaultScope scope) {
  if (fault->kind == FAULT_NONE || !(fault->scope & scope))
    return FALSE;
  fault->passed++;
  return fault->passed == fault->at || (fault->lasts && fault->passed > fault->at);
}

static gboolean
kills (const Fault *fault) {
  return fault->kind == FAULT_CRASH || fault->kind == FAULT_HANG;
}

FaultKind
fault_before (FaultScope scope) {
  Fault *fault = &kernel->fault;

  /* Only a sysfs write that moves a driver can be acknowledged and not done; others say what they did. */
  if ((fault->kind == FAULT_LIE && scope != SCOPE_SYSFS) || !is_due (fault, scope))
    return FAULT_NONE;
  fault->has_happened = TRUE;
  if (kills (fault))
    _exit (0);
  return fault->kind;
}

void
fault_after (FaultScope scope) {
  Fault *fault = &kernel->fault;

  if (!kills (fault) || !is_due (fault, scope))
    return;
  fault->has_happened = TRUE;
  _exit (0);
}

char *
fault_describe (const Fault *fault) {
  static const char *const names[] = { "", "killed", "hangs", "refused", "lied to" };

  if (fault->kind == FAULT_NONE)
    return g_strdup ("");
  return g_strdup_printf (" [%s %s place %u of scope %u%s]", names[fault->kind], fault->lasts ? "from" : "at",
                          fault->at, fault->scope, fault->has_happened ? "" : ", not reached");
}
