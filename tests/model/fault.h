/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults: an operation is killed, hangs, is refused or lied to at a place chosen before. Each call of the library into the
 * stand-in kernel, and each begin and commit of the ledger, is such a place, before it and (for kills) after it.
 */
#pragma once

#include <glib.h>

typedef enum {
  FAULT_NONE,
  FAULT_CRASH, /* the process dies */
  FAULT_HANG,  /* the process gets no further, but lives */
  FAULT_ERROR, /* the call fails */
  FAULT_LIE,   /* the call does nothing and says that it did; only where the kernel may do so */
  N_FAULTS,
} FaultKind;

typedef enum {
  SCOPE_SYSFS = 1 << 0,
  SCOPE_NET = 1 << 1,
  SCOPE_LEDGER = 1 << 2,
  SCOPE_MODULE = 1 << 3,
  SCOPE_RESET = 1 << 4,
  SCOPE_ALL = SCOPE_SYSFS | SCOPE_NET | SCOPE_LEDGER | SCOPE_MODULE | SCOPE_RESET,
} FaultScope;

typedef struct {
  FaultKind kind;
  guint scope;
  guint at;       /* at which place in the scope, from 1 */
  gboolean lasts; /* all places from there on */
  guint passed;
  gboolean has_happened;
} Fault;

/* To be called before an effect takes place: FAULT_NONE, FAULT_ERROR or FAULT_LIE. Does not return from the others. */
FaultKind fault_before (FaultScope scope);
/* To be called when it has taken place. */
void fault_after (FaultScope scope);
char *fault_describe (const Fault *fault);
