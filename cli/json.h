/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The library's dictionaries (a{sv}) as JSON. */
#pragma once

#include <json-glib/json-glib.h>

/* A string, or null for NULL. */
void cli_json_add_string (JsonBuilder *builder, const char *text);
/* Adds the members @keys (ends with NULL) of @dict to the open object. */
void cli_json_add_members (JsonBuilder *builder, GVariant *dict, const char *const *keys);

/* Adds the members of one dictionary to the open object. */
typedef void (*CliJsonAdd) (JsonBuilder *builder, GVariant *dict, gconstpointer data);
/* Adds the member @key: an array of objects, one for each dictionary under @key in @dict. */
void cli_json_add_array (JsonBuilder *builder, GVariant *dict, const char *key, CliJsonAdd add, gconstpointer data);

/* All of it, ending in a line feed, for g_free(). Nothing in it steers a terminal. */
char *cli_json_to_text (JsonBuilder *builder);
