/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM's configuration is lines of "key: value". Lines that start with '#' are its description. The first line that
 * starts with '[' ends what is in force: snapshots, pending changes and cloud-init data follow. A key that stands twice
 * counts as it stands last. All of this is how PVE::QemuServer::parse_vm_config reads it.
 *
 * An entry that cannot be understood is passed over with a warning, not refused: PVE ignores such an entry too, and
 * should it be one of a newer PVE that gives a pool's VF to the VM, then the parking lines (parking.h) refuse it.
 */
#include "vm-config.h"

#include <string.h>

#include "paths.h"
#include "printable.h"

static gboolean
is_hex (const char *text, gsize length) {
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isxdigit (text[i]) || g_ascii_isupper (text[i]))
      return FALSE;
  return length > 0;
}

/* PVE's PCIRE: an optional domain of four digits or more, bus, device, an optional function; lower case only. */
static char *
parse_address (const char *text) {
  g_auto (GStrv) part = g_strsplit (text, ":", -1);
  guint parts = g_strv_length (part);
  const char *bus, *device;

  if (parts != 2 && parts != 3)
    return NULL;
  if (parts == 3 && (strlen (part[0]) < 4 || !is_hex (part[0], strlen (part[0]))))
    return NULL;
  bus = part[parts - 2];
  device = part[parts - 1];
  if (strlen (bus) != 2 || !is_hex (bus, 2) || !is_hex (device, strnlen (device, 2)) || strlen (device) < 2)
    return NULL;
  if (device[2] && (device[2] != '.' || strlen (device) != 4 || !is_hex (device + 3, 1)))
    return NULL;
  return parts == 3 ? g_strdup (text) : g_strconcat ("0000:", text, NULL);
}

static GPtrArray *
parse_addresses (const char *text, char **problem) {
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) items = g_strsplit (text, ";", -1);

  for (char **item = items; *item; item++) {
    char *address = parse_address (*item);

    if (!address) {
      *problem = g_strdup_printf ("\"%s\" is no PCI address such as 0000:01:10.0 (lower case)", *item);
      return NULL;
    }
    g_ptr_array_add (addresses, address);
  }
  return g_steal_pointer (&addresses);
}

/* The three properties that matter; all others are PVE's business, those of newer versions too. */
typedef struct {
  char *host, *mapping, *mdev;
} Properties;

static void
properties_clear (Properties *self) {
  g_free (self->host);
  g_free (self->mapping);
  g_free (self->mdev);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Properties, properties_clear)

static char **
properties_find (Properties *self, const char *key, gsize length) {
  if (strlen ("host") == length && !strncmp (key, "host", length))
    return &self->host;
  if (strlen ("mapping") == length && !strncmp (key, "mapping", length))
    return &self->mapping;
  return strlen ("mdev") == length && !strncmp (key, "mdev", length) ? &self->mdev : NULL;
}

/* "KEY=VALUE,KEY=VALUE": one part may lack its key, that is the host property. */
static gboolean
properties_parse (Properties *self, const char *value, char **problem) {
  g_auto (GStrv) parts = g_strsplit (value, ",", -1);

  for (char **part = parts; *part; part++) {
    const char *equals = strchr (*part, '=');
    char **property;

    if ((*part)[strspn (*part, " \t")] == '\0')
      continue;
    if (equals && (equals == *part || !equals[1])) {
      *problem = g_strdup_printf ("\"%s\" lacks its name or its value", *part);
      return FALSE;
    }
    property = equals ? properties_find (self, *part, (gsize)(equals - *part)) : &self->host;
    if (!property)
      continue;
    if (*property) {
      *problem = g_strdup_printf ("\"%s\" comes on top of \"%s\"", *part, *property);
      return FALSE;
    }
    *property = g_strdup (equals ? equals + 1 : *part);
  }
  return TRUE;
}

PveHostpci *
pve_hostpci_parse (int index, const char *value, char **problem) {
  g_autoptr (PveHostpci) self = g_new0 (PveHostpci, 1);
  g_auto (Properties) properties = { NULL };

  *problem = NULL;
  self->index = index;
  if (!properties_parse (&properties, value, problem))
    return NULL;
  if (!properties.host == !properties.mapping) {
    *problem = g_strdup_printf ("it needs either host= or mapping=, and has %s", properties.host ? "both" : "neither");
    return NULL;
  }
  if (properties.mdev)
    return NULL;
  self->mapping = g_steal_pointer (&properties.mapping);
  if (!self->mapping && !(self->addresses = parse_addresses (properties.host, problem)))
    return NULL;
  return g_steal_pointer (&self);
}

void
pve_hostpci_free (PveHostpci *self) {
  if (!self)
    return;
  g_free (self->mapping);
  g_clear_pointer (&self->addresses, g_ptr_array_unref);
  g_free (self);
}

/* The number in "hostpciN", or -1. PVE knows no other spelling of it than "0" to "15". */
static int
hostpci_index (const char *key) {
  for (int i = 0; i < PVE_HOSTPCI_MAX; i++) {
    char name[sizeof "hostpci15"];

    g_snprintf (name, sizeof name, "hostpci%d", i);
    if (!strcmp (key, name))
      return i;
  }
  return -1;
}

/* One line ("#name: x" is no key here either); what matters goes to @name or, still unread, to @values, so that a later
 * line can replace it. */
static void
parse_line (const char *line, char **name, char *values[PVE_HOSTPCI_MAX]) {
  const char *colon = strchr (line, ':');
  g_autofree char *key = NULL;
  g_autofree char *value = NULL;
  int index;

  if (!colon)
    return;
  key = g_strndup (line, (gsize)(colon - line));
  value = g_strstrip (g_strdup (colon + 1));
  if (!*value)
    return;
  index = hostpci_index (key);
  if (index >= 0) {
    g_free (values[index]);
    values[index] = g_steal_pointer (&value);
  } else if (!strcmp (key, "name")) {
    g_free (*name);
    *name = g_steal_pointer (&value);
  }
}

static void
add_hostpci (PveVmConfig *self, int index, const char *value) {
  g_autofree char *problem = NULL;
  PveHostpci *entry = pve_hostpci_parse (index, value, &problem);

  g_autofree char *shown = NULL;

  if (entry)
    g_ptr_array_add (self->hostpci, entry);
  if (!problem)
    return;
  shown = printable_copy (problem, 200);
  g_ptr_array_add (self->warnings,
                   g_strdup_printf ("hostpci%d is passed over, Proxmox VE cannot use it either: %s", index, shown));
}

PveVmConfig *
pve_vm_config_parse (const char *data, gsize length) {
  PveVmConfig *self = g_new0 (PveVmConfig, 1);
  char *values[PVE_HOSTPCI_MAX] = { NULL };
  const char *end = data + length;

  self->hostpci = g_ptr_array_new_with_free_func ((GDestroyNotify)pve_hostpci_free);
  self->warnings = g_ptr_array_new_with_free_func (g_free);
  while (data < end && *data != '[') {
    const char *feed = memchr (data, '\n', (gsize)(end - data));
    gsize line_length = (gsize)((feed ? feed : end) - data);
    g_autofree char *line = g_strndup (data, line_length);

    /* A zero byte would make the rest of the line invisible here, but not to PVE. */
    if (!memchr (data, '\0', line_length))
      parse_line (line, &self->name, values);
    data += line_length + 1;
  }
  for (int i = 0; i < PVE_HOSTPCI_MAX; i++) {
    if (values[i])
      add_hostpci (self, i, values[i]);
    g_free (values[i]);
  }
  return self;
}

PveVmConfig *
pve_vm_config_load (const char *path, GError **error) {
  g_autofree char *contents = NULL;
  gsize length;

  if (!pve_read_file (path, &contents, &length, error))
    return NULL;
  return pve_vm_config_parse (contents, length);
}

void
pve_vm_config_free (PveVmConfig *self) {
  if (!self)
    return;
  g_free (self->name);
  g_ptr_array_unref (self->hostpci);
  g_ptr_array_unref (self->warnings);
  g_free (self);
}
