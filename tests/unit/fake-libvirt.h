/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A libvirt with one guest, in place of the library: it does what it is told to do, keeps what it is given, and writes down what
 * was asked of it. It serves the order of things and the handling of failures; what libvirt really does is tested on the bench.
 */
#pragma once

#include <glib.h>
#include <libvirt/libvirt.h>

/* What becomes of a request to let go of a device. */
typedef enum {
  FAKE_LETS_GO,      /* it is removed, and an event says so */
  FAKE_KEEPS,        /* nothing happens */
  FAKE_KEEPS_SILENT, /* it is removed, but no event comes */
  FAKE_REFUSES,
  FAKE_STOPS,      /* the guest stops */
  FAKE_IS_MISSING, /* libvirt knows no such device */
  FAKE_IS_ASKED,   /* a request stands already, and is fulfilled */
  FAKE_GOES_AWAY,  /* the connection is lost */
} FakeRemoval;

typedef struct {
  gboolean is_down;
  const char *name, *uuid;
  int state, reason; /* virDomainState */
  gboolean is_persistent;
  char *inactive;          /* the definition's XML; NULL: as the live one */
  char *metadata;          /* what stands in <metadata> of the live XML */
  GPtrArray *devices;      /* of char*: the live XML's */
  char *set;               /* the metadata that was last set; NULL also: it was removed */
  gboolean is_overwritten; /* somebody else sets it right afterwards, as it was */
  GString *log;            /* one word a call that changes something */

  gboolean (*on_create) (gpointer data); /* the hook at a start; FALSE: it refuses, with @refusal */
  void (*on_destroy) (gpointer data);    /* and at the end */
  gpointer data;
  const char *refusal;
  int attaches_left;    /* how many devices can still be plugged in; -1: any number */
  gboolean agent_first; /* somebody else plugs in each device just before us */
  gboolean cannot_resume;
  FakeRemoval removal;
} FakeLibvirt;

extern FakeLibvirt fake_libvirt;

void fake_libvirt_begin (const char *name, const char *uuid);
void fake_libvirt_end (void);
