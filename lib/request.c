/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest asks for. Everything is checked here, where it enters, so that what follows can trust it: an id or a
 * slot holds only harmless characters and a MAC is one that a guest may have. The display name alone may be any text;
 * it is never more than shown.
 */
#include "address.h"
#include "printable.h"
#include "request.h"

#include <stdio.h>
#include <string.h>

#define SLOT_MAX 32
#define MANUAL_NAME_MAX 64
#define NAME_MAX_CHARS 255
#define VMID_MAX_DIGITS 9 /* Proxmox VE: 100 to 999999999 */
#define VLAN_MAX 4094     /* IEEE 802.1Q: 4095 is reserved */
#define SLOTS_MAX 256     /* far above what any hypervisor plugs; bounds what a request can cost */

static const char *const kind_names[] = { "libvirt", "pve-qemu", "pve-lxc", "manual" };

const char *
vfpool_guest_kind_to_string (VfpoolGuestKind kind) {
  return (guint)kind < G_N_ELEMENTS (kind_names) ? kind_names[kind] : "unknown";
}

gboolean
vfpool_guest_kind_from_string (const char *text, VfpoolGuestKind *kind) {
  for (guint i = 0; i < G_N_ELEMENTS (kind_names); i++) {
    if (strcmp (text, kind_names[i]) == 0) {
      *kind = (VfpoolGuestKind)i;
      return TRUE;
    }
  }
  return FALSE;
}

static gboolean
is_word (const char *text, size_t max, const char *extra) {
  size_t n = strlen (text);

  if (n < 1 || n > max)
    return FALSE;
  for (; *text; text++)
    if (!g_ascii_isalnum (*text) && !strchr (extra, *text))
      return FALSE;
  return TRUE;
}

static gboolean
is_vmid (const char *id) {
  size_t n = strlen (id);

  return n >= 1 && n <= VMID_MAX_DIGITS && id[0] != '0' && strspn (id, "0123456789") == n;
}

char *
vfpool_guest_normalize_id (VfpoolGuestKind kind, const char *id, GError **error) {
  g_autofree char *shown = printable_copy (id ? id : "", 80);
  const char *expected = NULL;

  switch (kind) {
  case VFPOOL_GUEST_LIBVIRT:
    if (id && g_uuid_string_is_valid (id))
      return g_ascii_strdown (id, -1);
    expected = "a UUID, as in 2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90";
    break;
  case VFPOOL_GUEST_PVE_QEMU:
  case VFPOOL_GUEST_PVE_LXC:
    if (id && is_vmid (id))
      return g_strdup (id);
    expected = "a VMID, as in 101";
    break;
  case VFPOOL_GUEST_MANUAL:
    if (id && is_word (id, MANUAL_NAME_MAX, "_-.:@"))
      return g_strdup (id);
    expected = "a name of 1 to 64 of A-Z a-z 0-9 _ - . : @";
    break;
  }
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT, "'%s' is no id of a %s guest: expected %s", shown,
               vfpool_guest_kind_to_string (kind), expected ? expected : "a known kind of guest");
  return NULL;
}

gboolean
vfpool_guest_parse (const char *text, VfpoolGuestKind *kind, char **id, GError **error) {
  g_auto (GStrv) parts = g_strsplit (text, "/", 2);

  if (g_strv_length (parts) != 2 || !vfpool_guest_kind_from_string (parts[0], kind)) {
    g_autofree char *shown = printable_copy (text, 80);
    g_set_error (
        error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
        "'%s' is no guest: expected KIND/ID, where KIND is libvirt, pve-qemu, pve-lxc or manual, as in pve-qemu/101",
        shown);
    return FALSE;
  }
  *id = vfpool_guest_normalize_id (*kind, parts[1], error);
  return *id != NULL;
}

char *
vfpool_guest_describe (VfpoolGuestKind kind, const char *id, const char *name) {
  const char *k = vfpool_guest_kind_to_string (kind);
  g_autofree char *shown = printable_copy (name ? name : "", 80);

  return *shown ? g_strdup_printf ("%s/%s (%s)", k, id, shown) : g_strdup_printf ("%s/%s", k, id);
}

static void
slot_free (gpointer data) {
  VfpoolSlot *slot = data;

  g_free (slot->name);
  g_free (slot->pool);
  g_free (slot->address);
  g_free (slot->preferred);
  g_free (slot->mac);
  g_free (slot);
}

/* libvirt and Proxmox VE allow less; XML that was not theirs must not fill the ledger. */
static char *
shorten_name (const char *name) {
  g_autofree char *valid = g_utf8_make_valid (name, -1);

  return g_utf8_strlen (valid, -1) > NAME_MAX_CHARS ? g_utf8_substring (valid, 0, NAME_MAX_CHARS)
                                                    : g_steal_pointer (&valid);
}

VfpoolRequest *
vfpool_request_new (VfpoolGuestKind kind, const char *id, const char *name, GError **error) {
  g_autofree char *normal = vfpool_guest_normalize_id (kind, id, error);
  VfpoolRequest *self;

  if (!normal)
    return NULL;
  self = g_new0 (VfpoolRequest, 1);
  self->kind = kind;
  self->id = g_steal_pointer (&normal);
  self->name = name ? shorten_name (name) : NULL;
  self->slots = g_ptr_array_new_with_free_func (slot_free);
  self->policy = vfpool_policy_unset;
  return self;
}

void
vfpool_request_free (VfpoolRequest *self) {
  if (!self)
    return;
  g_free (self->id);
  g_free (self->name);
  g_ptr_array_unref (self->slots);
  vfpool_numbers_free (self->nodes);
  vfpool_numbers_free (self->cpus);
  g_free (self);
}

/* "52:54:00:aa:bb:cc" in lower case. A guest's address is a unicast one that is not all zeros: the kernel would take
 * the zeros as "no address set" and answer success. */
static char *
normalize_mac (const char *mac, GError **error) {
  g_autofree char *shown = NULL;
  unsigned int b[6];
  int end = 0;

  if (strlen (mac) == 17 && sscanf (mac, "%2x:%2x:%2x:%2x:%2x:%2x%n", b, b + 1, b + 2, b + 3, b + 4, b + 5, &end) == 6
      && end == 17 && strspn (mac, "0123456789abcdefABCDEF:") == 17 && !(b[0] & 1)
      && (b[0] | b[1] | b[2] | b[3] | b[4] | b[5]))
    return g_ascii_strdown (mac, -1);
  shown = printable_copy (mac, 40);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
               "'%s' is no MAC address for a guest: expected a unicast address, as in 52:54:00:12:34:56", shown);
  return NULL;
}

static VfpoolSlot *
find_slot (const VfpoolRequest *self, const char *name) {
  for (guint i = 0; i < self->slots->len; i++) {
    VfpoolSlot *slot = g_ptr_array_index (self->slots, i);
    if (strcmp (slot->name, name) == 0)
      return slot;
  }
  return NULL;
}

static gboolean
slot_is_new (const VfpoolRequest *self, const char *name, GError **error) {
  if (!is_word (name, SLOT_MAX, "_-")) {
    g_autofree char *shown = printable_copy (name, 40);
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
                 "'%s' is no name for a slot: expected 1 to %d of A-Z a-z 0-9 _ -", shown, SLOT_MAX);
    return FALSE;
  }
  if (self->slots->len >= SLOTS_MAX) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT, "the request has more than %d slots", SLOTS_MAX);
    return FALSE;
  }
  if (!find_slot (self, name))
    return TRUE;
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT, "slot '%s' stands twice in the request", name);
  return FALSE;
}

static gboolean
add_slot (VfpoolRequest *self, const char *name, const char *pool, const char *address, const char *mac, int vlan,
          GError **error) {
  g_autofree char *normal_mac = NULL;
  VfpoolSlot *slot;

  if (!slot_is_new (self, name, error))
    return FALSE;
  if (vlan != VFPOOL_VLAN_UNSET && (vlan < 0 || vlan > VLAN_MAX)) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT, "slot '%s': VLAN %d is out of range: expected 0 to %d",
                 name, vlan, VLAN_MAX);
    return FALSE;
  }
  if (mac && !(normal_mac = normalize_mac (mac, error))) {
    g_prefix_error (error, "slot '%s': ", name);
    return FALSE;
  }
  slot = g_new0 (VfpoolSlot, 1);
  slot->name = g_strdup (name);
  slot->pool = g_strdup (pool);
  slot->address = g_strdup (address);
  slot->mac = g_steal_pointer (&normal_mac);
  slot->vlan = vlan;
  slot->policy = vfpool_policy_unset;
  g_ptr_array_add (self->slots, slot);
  return TRUE;
}

gboolean
vfpool_request_add_pool (VfpoolRequest *self, const char *slot, const char *pool, const char *mac, int vlan,
                         GError **error) {
  if (!is_word (pool, SLOT_MAX, "_-")) {
    g_autofree char *shown = printable_copy (pool, 40), *shown_slot = printable_copy (slot, 40);
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
                 "slot '%s': '%s' is no name of a pool: expected 1 to %d of A-Z a-z 0-9 _ -", shown_slot, shown,
                 SLOT_MAX);
    return FALSE;
  }
  return add_slot (self, slot, pool, NULL, mac, vlan, error);
}

gboolean
vfpool_request_add_address (VfpoolRequest *self, const char *slot, const char *bdf, const char *mac, int vlan,
                            GError **error) {
  char normal[VFPOOL_BDF_SIZE];

  if (!vfpool_address_normalize (bdf, normal, error)) {
    g_autofree char *shown = printable_copy (slot, 40);
    g_prefix_error (error, "slot '%s': ", shown);
    return FALSE;
  }
  for (guint i = 0; i < self->slots->len; i++) {
    const VfpoolSlot *other = g_ptr_array_index (self->slots, i);
    if (g_strcmp0 (other->address, normal) == 0) {
      g_autofree char *shown = printable_copy (slot, 40);
      g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT, "slots '%s' and '%s' both ask for %s", other->name,
                   shown, normal);
      return FALSE;
    }
  }
  return add_slot (self, slot, NULL, normal, mac, vlan, error);
}

static gboolean
set_numbers (VfpoolNumbers **numbers, const char *text, const char *what, GError **error) {
  g_autofree char *wrong = NULL, *shown = NULL;
  VfpoolNumbers *parsed = vfpool_numbers_parse (text, &wrong);

  if (parsed) {
    vfpool_numbers_free (*numbers);
    *numbers = parsed;
    return TRUE;
  }
  shown = printable_copy (*wrong ? wrong : text, 40);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
               "'%s' is no list of the host's %s: expected one as in 0-3,8", shown, what);
  return FALSE;
}

gboolean
vfpool_request_set_nodes (VfpoolRequest *self, const char *nodes, GError **error) {
  return set_numbers (&self->nodes, nodes, "NUMA nodes", error);
}

gboolean
vfpool_request_set_cpus (VfpoolRequest *self, const char *cpus, GError **error) {
  return set_numbers (&self->cpus, cpus, "CPUs", error);
}

static gboolean
set_policy (VfpoolPolicy *policy, const char *key, const char *word, GError **error) {
  g_autofree char *problem = NULL, *shown = NULL, *shown_key = NULL;

  if (vfpool_policy_set (policy, key, word, &problem))
    return TRUE;
  shown = printable_copy (word, 40);
  shown_key = printable_copy (key, 40);
  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT, "there is no policy %s=%s: %s", shown_key, shown, problem);
  return FALSE;
}

gboolean
vfpool_request_set_policy (VfpoolRequest *self, const char *key, const char *word, GError **error) {
  return set_policy (&self->policy, key, word, error);
}

static void
fail_no_slot (const char *name, const char *which, GError **error) {
  g_autofree char *shown = printable_copy (name, 40);

  g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT, "the request has no slot '%s'%s", shown, which);
}

/* The slot @name, which was added by pool. */
static VfpoolSlot *
find_pool_slot (const VfpoolRequest *self, const char *name, GError **error) {
  VfpoolSlot *slot = find_slot (self, name);

  if (slot && slot->pool)
    return slot;
  fail_no_slot (name, " that asks for a pool", error);
  return NULL;
}

gboolean
vfpool_request_set_all_functions (VfpoolRequest *self, const char *slot, GError **error) {
  VfpoolSlot *found = find_pool_slot (self, slot, error);

  if (found)
    found->all_functions = TRUE;
  return found != NULL;
}

gboolean
vfpool_request_set_preferred (VfpoolRequest *self, const char *slot, const char *bdf, GError **error) {
  VfpoolSlot *found = find_pool_slot (self, slot, error);
  char normal[VFPOOL_BDF_SIZE];

  if (!found || !vfpool_address_normalize (bdf, normal, error))
    return FALSE;
  g_free (found->preferred);
  found->preferred = g_strdup (normal);
  return TRUE;
}

gboolean
vfpool_request_set_slot_numa (VfpoolRequest *self, const char *slot, const char *word, GError **error) {
  VfpoolSlot *found = find_pool_slot (self, slot, error);

  return found && set_policy (&found->policy, "numa", word, error);
}

gboolean
vfpool_request_set_driver (VfpoolRequest *self, const char *slot, VfpoolDriver driver, GError **error) {
  VfpoolSlot *found = find_slot (self, slot);

  if (found)
    found->driver = driver;
  else
    fail_no_slot (slot, "", error);
  return found != NULL;
}

gboolean
vfpool_request_is_empty (const VfpoolRequest *self) {
  return self->slots->len == 0;
}

guint
vfpool_request_count_pool_slots (const VfpoolRequest *self) {
  guint n = 0;

  for (guint i = 0; i < self->slots->len; i++)
    n += ((const VfpoolSlot *)g_ptr_array_index (self->slots, i))->pool != NULL;
  return n;
}

gboolean
vfpool_request_names_pool (const VfpoolRequest *self) {
  return vfpool_request_count_pool_slots (self) > 0;
}
