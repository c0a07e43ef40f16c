/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two faces of `vfpool status`, the table and the JSON object, share, and those of `vfpool plan`: reading the library's dictionaries. */
#pragma once

#include "device-names.h"

/* The value of @key in the dictionary @dict (a{sv}), taken out of its maybe; NULL when it is absent. For
 * g_variant_unref(). */
GVariant *cli_status_value (GVariant *dict, const char *key);
/* The same as a string of valid UTF-8, for g_free(); NULL when absent or no string. */
char *cli_status_string (GVariant *dict, const char *key);
/* The same as a number; FALSE when absent or no integer. */
gboolean cli_status_integer (GVariant *dict, const char *key, gint64 *number);
/* The same as text, for g_free(); NULL also when it is negative. */
char *cli_status_number (GVariant *dict, const char *key);
/* The same as a truth value; FALSE also when absent. */
gboolean cli_status_is (GVariant *dict, const char *key);
/* The array of dictionaries under @key, empty when absent, for g_variant_unref(). */
GVariant *cli_status_array (GVariant *status, const char *key);
/* The dictionary of the guest that holds @vf, or NULL; for g_variant_unref(). */
GVariant *cli_status_guest (GVariant *vf);
/* "KIND/ID (NAME)" of it, for g_free(), or NULL. */
char *cli_status_guest_name (GVariant *vf);
/* The model name of the function described by @dict, or NULL; for g_free(). */
char *cli_status_device_name (GVariant *dict, CliDeviceNames *names);

/* @status is what vfpool_status() returns, @names may be NULL; text for g_free(). */
char *cli_status_to_json (GVariant *status, CliDeviceNames *names);
char *cli_status_to_table (GVariant *status, CliDeviceNames *names);
