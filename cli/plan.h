/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two faces of `vfpool plan`. */
#pragma once

#include <glib.h>

/* Whether the guest asks for nothing that vfpool serves. */
gboolean cli_plan_is_empty (GVariant *plan);

/* @plan is what vfpool_plan() returns, or an empty dictionary; text for g_free(). */
char *cli_plan_to_json (GVariant *plan);
char *cli_plan_to_table (GVariant *plan);
