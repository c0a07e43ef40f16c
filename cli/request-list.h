/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two faces of `vfpool request list`. */
#pragma once

#include <glib.h>

/*
 * @answer is a dictionary: "guest" a{sv} (kind s, id s, name ms) and "slots" aa{sv} (slot s, pool s, mac ms, vlan mi, functions ms,
 * teaming ms); text for g_free().
 */
char *cli_request_list_to_table (GVariant *answer);
char *cli_request_list_to_json (GVariant *answer);
