/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The request inside the library: a guest and its slots, already checked. */
#pragma once

#include "numbers.h"
#include "policy.h"
#include "private.h"

typedef struct {
  char *name;
  char *pool;      /* asked for by pool, or NULL */
  char *address;   /* asked for by address in normal form, or NULL */
  char *preferred; /* with a pool: the address of the VF that goes before all others, or NULL */
  char *mac;       /* lower case, or NULL */
  int vlan;
  VfpoolDriver driver;
  gboolean all_functions; /* of the device that is chosen, as far as they lie in the pool */
  VfpoolPolicy policy;    /* numa, where not unset, goes before the request's */
} VfpoolSlot;

struct _VfpoolRequest {
  VfpoolGuestKind kind;
  char *id;
  char *name;           /* nullable */
  GPtrArray *slots;     /* of VfpoolSlot */
  VfpoolPolicy policy;  /* what is not unset goes before the pool's */
  VfpoolNumbers *nodes; /* the host's NUMA nodes that the guest's memory is on, or NULL */
  VfpoolNumbers *cpus;  /* the host's CPUs that it runs on, or NULL; nodes count where both are there */
};

/* Checks @id for @kind and returns it in its one spelling (UUIDs in lower case), for g_free(); NULL: BAD_INPUT. */
char *vfpool_guest_normalize_id (VfpoolGuestKind kind, const char *id, GError **error);
/* "libvirt", ... to the kind; FALSE when it is none. */
gboolean vfpool_guest_kind_from_string (const char *text, VfpoolGuestKind *kind);
/* For messages: "libvirt/UUID (NAME)", for g_free(). */
char *vfpool_guest_describe (VfpoolGuestKind kind, const char *id, const char *name);
