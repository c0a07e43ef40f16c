/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A host made of files that is the node pve1 of a Proxmox cluster, with a quorum. */
#pragma once

#include "fixture.h"

#include "pve-hookscript/paths.h"

typedef struct {
  Fixture *fx;
  PvePaths *paths;
} PveFixture;

PveFixture *pve_fixture_new (void);
void pve_fixture_free (PveFixture *self);

/* The node is @node from now on, as far as its programs know. */
void pve_fixture_set_node (PveFixture *self, const char *node);

/* pmxcfs takes the permission to write from its link when there is no quorum; a link of a real file system always has it, so a file
 * stands in. */
void pve_fixture_set_quorum (PveFixture *self, gboolean has_quorum);

/* What @run writes to stderr, for g_free(). */
char *pve_fixture_said (PveFixture *self, void (*run) (PveFixture *self, gpointer data), gpointer data);
