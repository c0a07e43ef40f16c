/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program that does the verbs of the `vfpool` command for which libvirt is needed, a file a verb. The command has
 * understood and explained the line; here it arrives as
 *
 *   vfpool-libvirt VERB [--NAME=VALUE]... -- [GUEST [SLOT]]
 */
#pragma once

#include "vfpool.h"

/* What is not given is NULL. */
typedef struct {
  char *root; /* never given: for tests, as for vfpool_open() */
  char *pool, *slot_option, *mac, *vlan, *functions, *teaming, *wait;
  gboolean verbose;
  char **operands;
  const char *guest; /* a name or a UUID */
  const char *slot;  /* an operand */
} Call;

/**
 * call_parse:
 * @argv: the command line behind the verb, argv[0] being the verb
 *
 * Returns: FALSE with VFPOOL_ERROR_USAGE.
 */
gboolean call_parse (Call *self, int argc, char **argv, GError **error);
void call_clear (Call *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Call, call_clear)

/* An open library for @self, whose messages go to stderr; NULL: as vfpool_open(). */
Vfpool *call_open (const Call *self, GError **error);

/* Says on stderr what was done, if that is wanted. */
void call_tell (gboolean is_wanted, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Says what an operator should look at. */
void call_warn (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* The verbs, a file each. Each returns FALSE with the error that ends the program. */
gboolean verb_start (const Call *call, GError **error);
gboolean verb_attach (const Call *call, GError **error);
gboolean verb_detach (const Call *call, GError **error);
gboolean verb_resolve (const Call *call, GError **error);
gboolean verb_request_add (const Call *call, GError **error);
gboolean verb_request_list (const Call *call, GError **error);
gboolean verb_request_remove (const Call *call, GError **error);
