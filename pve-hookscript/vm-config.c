/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM's configuration is lines of "key: value". Lines that start with '#' are its description. The first line that
 * starts with '[' ends what is in force: snapshots, pending changes and cloud-init data follow. A key that stands twice
 * counts as it stands last. All of this is how PVE::QemuServer::parse_vm_config reads it.
 *
 * An entry that cannot be understood is passed over with a warning, not refused: PVE ignores such an entry too, and
 * should it be one of a newer PVE that gives a pool's VF to the VM, then the parking lines (parking.h) refuse it.
 *
 * Where the VM lives is told by "numaN: cpus=0-1,hostnodes=0;2-3,...", which PVE heeds when "numa" is on, and by
 * "affinity: 0,5,8-11". PVE passes over such a value when it cannot read it (and warns), so that is done here, too.
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

/* The number in "STEMn", or -1. PVE knows no other spelling of it than "0", "1" and so on below @count. */
static int
key_index (const char *key, const char *stem, int count) {
  for (int i = 0; i < count; i++) {
    char name[sizeof "hostpci15"];

    g_snprintf (name, sizeof name, "%s%d", stem, i);
    if (!strcmp (key, name))
      return i;
  }
  return -1;
}

/* What the keys that matter say, still unread, so that a later line can replace it. */
typedef struct {
  char *name, *hookscript, *numa, *affinity, *template;
  char *hostpci[PVE_HOSTPCI_MAX];
  char *nodes[PVE_NUMA_MAX];
  GString *description; /* as it is stored, a line feed behind each line */
} Values;

static void
values_clear (Values *self) {
  g_free (self->name);
  g_free (self->hookscript);
  g_free (self->numa);
  g_free (self->affinity);
  g_free (self->template);
  g_string_free (self->description, TRUE);
  for (int i = 0; i < PVE_HOSTPCI_MAX; i++)
    g_free (self->hostpci[i]);
  for (int i = 0; i < PVE_NUMA_MAX; i++)
    g_free (self->nodes[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Values, values_clear)

static char **
values_find (Values *self, const char *key) {
  int hostpci = key_index (key, "hostpci", PVE_HOSTPCI_MAX), node = key_index (key, "numa", PVE_NUMA_MAX);

  if (hostpci >= 0)
    return &self->hostpci[hostpci];
  if (node >= 0)
    return &self->nodes[node];
  return !strcmp (key, "name")         ? &self->name
         : !strcmp (key, "hookscript") ? &self->hookscript
         : !strcmp (key, "numa")       ? &self->numa
         : !strcmp (key, "affinity")   ? &self->affinity
         : !strcmp (key, "template")   ? &self->template
                                       : NULL;
}

/* One line ("#name: x" is no key here either). Old versions of PVE kept the description under a key. */
static void
parse_line (const char *line, Values *values) {
  const char *colon = strchr (line, ':');
  g_autofree char *key = NULL;
  g_autofree char *value = NULL;
  char **place;

  if (*line == '#' || g_str_has_prefix (line, "description:")) {
    g_string_append_printf (values->description, "%s\n", *line == '#' ? line + 1 : colon + 1);
    return;
  }
  if (!colon)
    return;
  key = g_strndup (line, (gsize)(colon - line));
  value = g_strstrip (g_strdup (colon + 1));
  if (!*value || !(place = values_find (values, key)))
    return;
  g_free (*place);
  *place = g_steal_pointer (&value);
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

/* PVE's boolean. */
static gboolean
is_on (const char *value) {
  static const char *const words[] = { "1", "on", "yes", "true" };

  for (guint i = 0; value && i < G_N_ELEMENTS (words); i++)
    if (!g_ascii_strcasecmp (value, words[i]))
      return TRUE;
  return FALSE;
}

/* The value of the property @key in "KEY=VALUE,KEY=VALUE", or NULL. */
static char *
property_value (const char *value, const char *key) {
  g_auto (GStrv) parts = g_strsplit (value, ",", -1);

  for (char **part = parts; *part; part++) {
    const char *equals = strchr (*part, '=');
    if (equals && strlen (key) == (gsize)(equals - *part) && g_str_has_prefix (*part, key))
      return g_strdup (equals + 1);
  }
  return NULL;
}

/* What numbers and ranges consist of, without what separates them; which ones they are is looked at by who uses them. */
#define NUMBER_SET "0123456789- \t"

static gboolean
has_only (const char *text, const char *allowed) {
  return text[strspn (text, allowed)] == '\0';
}

/* The host's nodes of all of the VM's nodes; NULL when it does not say any. */
static char *
collect_nodes (const Values *values) {
  g_autoptr (GString) all = g_string_new (NULL);

  for (int i = 0; is_on (values->numa) && i < PVE_NUMA_MAX; i++) {
    g_autofree char *nodes = values->nodes[i] ? property_value (values->nodes[i], "hostnodes") : NULL;

    if (nodes && *nodes && has_only (nodes, NUMBER_SET ";"))
      g_string_append_printf (all, "%s%s", all->len ? "," : "", g_strdelimit (nodes, ";", ','));
  }
  return all->len ? g_string_free (g_steal_pointer (&all), FALSE) : NULL;
}

PveVmConfig *
pve_vm_config_parse (const char *data, gsize length) {
  PveVmConfig *self = g_new0 (PveVmConfig, 1);
  g_auto (Values) values = { NULL };
  const char *end = data + length;

  values.description = g_string_new (NULL);
  self->hostpci = g_ptr_array_new_with_free_func ((GDestroyNotify)pve_hostpci_free);
  self->warnings = g_ptr_array_new_with_free_func (g_free);
  while (data < end && *data != '[') {
    const char *feed = memchr (data, '\n', (gsize)(end - data));
    gsize line_length = (gsize)((feed ? feed : end) - data);
    g_autofree char *line = g_strndup (data, line_length);

    /* A zero byte would make the rest of the line invisible here, but not to PVE. */
    if (!memchr (data, '\0', line_length))
      parse_line (line, &values);
    data += line_length + 1;
  }
  for (int i = 0; i < PVE_HOSTPCI_MAX; i++)
    if (values.hostpci[i])
      add_hostpci (self, i, values.hostpci[i]);
  self->name = g_steal_pointer (&values.name);
  self->hookscript = g_steal_pointer (&values.hookscript);
  self->nodes = collect_nodes (&values);
  self->is_template = is_on (values.template);
  self->notes = pve_notes_parse (values.description->str);
  if (values.affinity && has_only (values.affinity, NUMBER_SET ","))
    self->cpus = g_steal_pointer (&values.affinity);
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
  g_free (self->hookscript);
  g_free (self->nodes);
  g_free (self->cpus);
  pve_notes_free (self->notes);
  g_ptr_array_unref (self->hostpci);
  g_ptr_array_unref (self->warnings);
  g_free (self);
}
