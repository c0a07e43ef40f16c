/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small stand-in for the kernel. The library runs on a tree of plain files (tests/unit/fixture.h), which do not react
 * to a write; what is linked in place of vfpool_sysfs_write() and its like (wrap.c) calls these functions instead, which
 * do to the machine what the kernel does, and show it in the tree.
 *
 * It is for logic: which steps the library takes, in which order, and what is left when one of them fails or is the last.
 * It is not a proof of any kernel path: drivers do not probe, groups are not opened, netlink is not spoken. Those are
 * proved on the bench. Where it takes a side, it is strict: a write to a function whose group is open, or that the host
 * uses, is noted as a violation, though the kernel would only block, or do harm.
 */
#pragma once

#include "fault.h"
#include "fixture.h"
#include "machine.h"

/* What one operation of the library came to; written by the process that ran it. */
typedef struct {
  gboolean has_ended;
  gboolean is_ok;
  int code; /* of VfpoolError */
  char message[512];
  char told[2048]; /* what the operator has to hear of VFs that came, went or were moved; a line each */
  int n_functions;
  int functions[N_FUNCTIONS]; /* what acquire returned */
} Result;

/* All of it lies in memory that is shared with the children which run operations that are killed. */
typedef struct {
  Machine machine;
  gboolean has_vfio_module;
  int worker; /* the thread id that the library sees */
  int boot;
  Fault fault;
  Result result;
  char violation[512]; /* "": none */
} Kernel;

extern Kernel *kernel;
extern Fixture *tree;

void kernel_start (void);
void kernel_stop (void);

/* Files of the tree. */
gboolean tree_has (const char *path);

/* What happens to the machine from outside. */
void kernel_set_function (int function, gboolean exists); /* one appears or vanishes */
void kernel_make_vfs (int pf, int numvfs);                /* all of before vanish */
void kernel_bind (int function, const char *driver);      /* "": none */
void kernel_override (int function, const char *driver);
void kernel_use (int function, gboolean host_use);
void kernel_open_group (int group, int pid);
/* After @delay microseconds; 0: now; -1: not by itself, but who holds it cannot be seen any more. */
void kernel_close_group (int group, gint64 delay);
void kernel_pass_time (gint64 us);
void kernel_reboot (void);

/* What the library's calls do. */
int kernel_write (const char *path, const char *value);  /* returns an errno, 0: done */
int kernel_vf_of_netdev (const char *netdev, int index); /* the function, -1: none */
gboolean kernel_load_vfio (void);
const char *kernel_driver_for_alias (const char *modalias);
/* Notes what must never happen; the first one stands. */
void kernel_violation (const char *format, ...) G_GNUC_PRINTF (1, 2);
void kernel_check_touch (int function, const char *what);
