/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the library's dictionaries without believing in them: a key that is missing or of another type reads as
 * absent, so that a command and a library of different versions still show what both know.
 */
#include "status.h"

GVariant *
cli_status_value (GVariant *dict, const char *key) {
  g_autoptr (GVariant) value = g_variant_lookup_value (dict, key, NULL);

  if (value && g_variant_is_of_type (value, G_VARIANT_TYPE_MAYBE))
    return g_variant_get_maybe (value);
  return g_steal_pointer (&value);
}

char *
cli_status_string (GVariant *dict, const char *key) {
  g_autoptr (GVariant) value = cli_status_value (dict, key);

  if (!value || !g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return NULL;
  return g_utf8_make_valid (g_variant_get_string (value, NULL), -1);
}

gboolean
cli_status_integer (GVariant *dict, const char *key, gint64 *number) {
  g_autoptr (GVariant) value = cli_status_value (dict, key);

  switch (value ? g_variant_classify (value) : G_VARIANT_CLASS_VARIANT) {
  case G_VARIANT_CLASS_INT32:
    *number = g_variant_get_int32 (value);
    return TRUE;
  case G_VARIANT_CLASS_UINT32:
    *number = g_variant_get_uint32 (value);
    return TRUE;
  case G_VARIANT_CLASS_INT64:
    *number = g_variant_get_int64 (value);
    return TRUE;
  default:
    return FALSE;
  }
}

gboolean
cli_status_is (GVariant *dict, const char *key) {
  g_autoptr (GVariant) value = cli_status_value (dict, key);

  return value && g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN) && g_variant_get_boolean (value);
}

GVariant *
cli_status_array (GVariant *status, const char *key) {
  GVariant *array = g_variant_lookup_value (status, key, G_VARIANT_TYPE ("aa{sv}"));

  return array ? array : g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE_VARDICT, NULL, 0));
}

GVariant *
cli_status_guest (GVariant *vf) {
  g_autoptr (GVariant) value = cli_status_value (vf, "guest");

  /* The dictionary may come in a tuple of one. */
  if (value && g_variant_is_of_type (value, G_VARIANT_TYPE ("(a{sv})")))
    return g_variant_get_child_value (value, 0);
  if (value && g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT))
    return g_steal_pointer (&value);
  return NULL;
}

char *
cli_status_number (GVariant *dict, const char *key) {
  gint64 number;

  if (!cli_status_integer (dict, key, &number) || number < 0)
    return NULL;
  return g_strdup_printf ("%" G_GINT64_FORMAT, number);
}

char *
cli_status_guest_name (GVariant *vf) {
  g_autoptr (GVariant) guest = cli_status_guest (vf);
  g_autofree char *kind = guest ? cli_status_string (guest, "kind") : NULL;
  g_autofree char *id = guest ? cli_status_string (guest, "id") : NULL;
  g_autofree char *name = guest ? cli_status_string (guest, "name") : NULL;

  if (!kind || !id)
    return NULL;
  return name && *name ? g_strdup_printf ("%s/%s (%s)", kind, id, name) : g_strdup_printf ("%s/%s", kind, id);
}

char *
cli_status_device_name (GVariant *dict, CliDeviceNames *names) {
  gint64 vendor, device;

  if (!names || !cli_status_integer (dict, "vendor", &vendor) || !cli_status_integer (dict, "device", &device))
    return NULL;
  return cli_device_names_lookup (names, vendor, device);
}
