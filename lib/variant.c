/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "variant.h"

void
vfpool_variant_add (GVariantBuilder *dict, const char *key, GVariant *value) {
  g_variant_builder_add (dict, "{sv}", key, value);
}

GVariant *
vfpool_variant_text (const char *text) {
  g_autofree char *valid = text ? g_utf8_make_valid (text, -1) : NULL;

  return g_variant_new ("ms", valid);
}
