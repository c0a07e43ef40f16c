/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One reservation of a pool: "guest=KIND/ID count=N" keeps so many VFs for the guest, "guest=KIND/ID address=ADDRESS" one very VF.
 * Guests are named by what cannot be given to another guest: a name can.
 */
#include "config-parse.h"
#include "address.h"
#include "nearest.h"

#include <string.h>

#define MAX_COUNT 4096

static const char *const known_conditions[] = { "guest", "count", "address", NULL };

void
vfpool_reservation_free (gpointer reservation) {
  VfpoolReservation *self = reservation;

  if (!self)
    return;
  g_free (self->guest_id);
  g_free (self->address);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VfpoolReservation, vfpool_reservation_free)

static gboolean fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
fail (GError **error, const char *format, ...) {
  va_list args;

  va_start (args, format);
  if (error)
    *error = g_error_new_valist (VFPOOL_ERROR, VFPOOL_ERROR_BAD_CONFIG, format, args);
  va_end (args);
  return FALSE;
}

static gboolean
parse_guest (VfpoolReservation *self, const char *value, GError **error) {
  g_autoptr (GError) local = NULL;

  if (self->guest_id)
    return fail (error, "guest= stands twice in one reservation; separate two reservations with ;");
  if (vfpool_guest_parse (value, &self->guest_kind, &self->guest_id, &local))
    return TRUE;
  return fail (error, "guest=: %s", local->message);
}

static gboolean
parse_count (VfpoolReservation *self, const char *value, GError **error) {
  g_autofree char *shown = vfpool_config_shorten (value);
  guint64 count;

  if (self->count)
    return fail (error, "count= stands twice in one reservation; separate two reservations with ;");
  if (!g_ascii_string_to_unsigned (value, 10, 1, MAX_COUNT, &count, NULL))
    return fail (error, "count=%s: expected a number from 1 to %d", shown, MAX_COUNT);
  self->count = (guint)count;
  return TRUE;
}

static gboolean
parse_address (VfpoolReservation *self, const char *value, GError **error) {
  g_autofree char *shown = vfpool_config_shorten (value);
  char bdf[VFPOOL_BDF_SIZE];

  if (self->address)
    return fail (error, "address= stands twice in one reservation; separate two reservations with ;");
  if (!vfpool_address_normalize (value, bdf, NULL))
    return fail (error, "address=%s is no PCI address; expected one like 0000:01:10.0, as lspci -D shows it", shown);
  self->address = g_strdup (bdf);
  return TRUE;
}

static gboolean
parse_condition (VfpoolReservation *self, const char *text, GError **error) {
  g_autofree char *shown = vfpool_config_shorten (text), *key = NULL;
  const char *equals = strchr (text, '=');

  if (!equals)
    return fail (
        error, "\"%s\" is no KEY=VALUE (without blanks around the =); a reservation is like guest=pve-qemu/101 count=2",
        shown);
  key = g_strndup (text, equals - text);
  if (g_str_equal (key, "guest"))
    return parse_guest (self, equals + 1, error);
  if (g_str_equal (key, "count"))
    return parse_count (self, equals + 1, error);
  if (g_str_equal (key, "address"))
    return parse_address (self, equals + 1, error);
  return fail (error, "\"%s\": did you mean \"%s\"? A reservation knows guest, count and address", shown,
               vfpool_nearest_word (key, known_conditions));
}

VfpoolReservation *
vfpool_reservation_parse (const char *text, GError **error) {
  g_autoptr (VfpoolReservation) self = g_new0 (VfpoolReservation, 1);
  g_auto (GStrv) words = g_strsplit_set (text, " \t\r", -1);
  g_autofree char *shown = vfpool_config_shorten (text);
  gboolean is_good = TRUE;

  for (int i = 0; is_good && words[i]; i++)
    if (*words[i])
      is_good = parse_condition (self, words[i], error);
  if (is_good && !self->guest_id)
    is_good =
        fail (error, "the reservation \"%s\" has no guest=; say for whom, as in guest=pve-qemu/101 count=2", shown);
  if (is_good && !self->count == !self->address)
    is_good = fail (error, "the reservation \"%s\" needs either count= or address=", shown);
  return is_good ? g_steal_pointer (&self) : NULL;
}
