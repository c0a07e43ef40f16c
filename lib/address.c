/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI addresses come in many spellings: libvirt writes four hexadecimal attributes, lspci leaves the domain out, people
 * use upper case. Inside there is only the kernel's own, as in /sys/bus/pci/devices.
 */
#include "address.h"
#include "printable.h"

#include <string.h>

typedef struct {
  guint32 domain;
  guint8 bus, device, function;
} Address;

/* Reads 1 to @most hexadecimal digits that must be followed by @end, and steps over both. */
static gboolean
read_hex (const char **text, int most, char end, guint32 *value) {
  const char *c = *text;

  *value = 0;
  for (; g_ascii_isxdigit (*c) && c - *text < most; c++)
    *value = *value * 16 + (guint32)g_ascii_xdigit_value (*c);
  if (c == *text || *c != end)
    return FALSE;
  *text = *c ? c + 1 : c;
  return TRUE;
}

static gboolean
parse (const char *text, Address *out) {
  const char *c = text, *first = strchr (text, ':');
  guint32 bus, device, function;

  out->domain = 0;
  if (first && strchr (first + 1, ':') && !read_hex (&c, 8, ':', &out->domain))
    return FALSE;
  if (!read_hex (&c, 2, ':', &bus) || !read_hex (&c, 2, '.', &device) || !read_hex (&c, 1, '\0', &function))
    return FALSE;
  if (device > 0x1f || function > 7)
    return FALSE;
  out->bus = (guint8)bus;
  out->device = (guint8)device;
  out->function = (guint8)function;
  return TRUE;
}

gboolean
vfpool_address_normalize (const char *text, char bdf[VFPOOL_BDF_SIZE], GError **error) {
  Address a;

  if (!text || strlen (text) >= VFPOOL_BDF_SIZE || !parse (text, &a)) {
    g_autofree char *shown = printable_copy (text ? text : "", 40);
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
                 "'%s' is no PCI address: expected DOMAIN:BUS:DEVICE.FUNCTION in hexadecimal, as in 0000:03:10.0",
                 shown);
    return FALSE;
  }
  g_snprintf (bdf, VFPOOL_BDF_SIZE, "%04x:%02x:%02x.%x", a.domain, a.bus, a.device, a.function);
  return TRUE;
}

gboolean
vfpool_address_is_normal (const char *text) {
  const size_t rest = strlen (":03:10.0"), shortest = strlen ("0000:03:10.0");
  size_t length = strlen (text);
  const char *end = text + length;
  Address a;

  if (length < shortest || length >= VFPOOL_BDF_SIZE || (length > shortest && *text == '0'))
    return FALSE;
  for (const char *c = text; *c; c++)
    if (g_ascii_isupper (*c))
      return FALSE;
  return end[-(ssize_t)rest] == ':' && end[-5] == ':' && end[-2] == '.' && parse (text, &a);
}

int
vfpool_address_compare (const char *a, const char *b) {
  size_t la = strlen (a), lb = strlen (b);

  /* In normal form only the domain varies in length, and it has no leading zeros beyond four digits. */
  if (la != lb)
    return la < lb ? -1 : 1;
  return strcmp (a, b);
}

guint64
vfpool_address_key (const char *bdf) {
  guint64 key = 0;

  /* The digits before the function are of fixed width from the right, so that reading all of them as one number keeps the order. */
  for (; *bdf; bdf++)
    if (*bdf != ':' && *bdf != '.')
      key = key << 4 | (guint64)((*bdf & 0xf) + (*bdf >> 6) * 9); /* "a" is 0x61 */
  return key;
}
