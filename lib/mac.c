/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a MAC is made from must never change between versions of vfpool: guests would be others to their network. */
#include "mac.h"
#include "sysfs.h"
#include "vfnet.h"

#include <string.h>

/* Says how it is done; another way gets another word. */
#define WAY "vfpool-mac-1"

#define CLUSTER_CERTIFICATE "/etc/pve/pve-root-ca.pem"

/* So much of the certificate counts; Proxmox VE's have about 2 KiB. */
#define CERTIFICATE_MAX (64 * 1024)

#define LOCALLY_ADMINISTERED 0x02
#define MULTICAST 0x01

/* ---- The seed ---- */

/* The hash of a file, as text for g_free(); NULL when there is nothing in it. */
static char *
hash_file (const char *root, const char *path) {
  g_autofree char *full = g_strconcat (root, path, NULL), *text = NULL;
  gsize length;

  if (!g_file_get_contents (full, &text, &length, NULL) || length == 0)
    return NULL;
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)text, MIN (length, CERTIFICATE_MAX));
}

char *
vfpool_mac_seed (const char *root, const VfpoolConfig *config, VfpoolGuestKind kind) {
  char *seed = NULL;

  if (config->mac_seed)
    return g_strdup (config->mac_seed);
  if (kind == VFPOOL_GUEST_LIBVIRT)
    return g_strdup ("");
  if (kind != VFPOOL_GUEST_MANUAL)
    seed = hash_file (root, CLUSTER_CERTIFICATE);
  if (!seed)
    seed = vfpool_sysfs_read (root, "/etc/machine-id");
  return seed ? seed : g_strdup ("");
}

/* ---- The address ---- */

/* Blocks from which others make up MACs: libvirt the ones of KVM guests (52:54:00), and, by putting fe in place of the first
 * byte, those of the host's ends of their interfaces. */
static gboolean
is_of_others (const guint8 *mac) {
  return mac[0] == 0xfe || (mac[0] == 0x52 && mac[1] == 0x54 && mac[2] == 0x00);
}

/* Each text with its terminating zero, so that no two lists of texts are one. */
static void
add_text (GChecksum *sum, const char *text) {
  g_checksum_update (sum, (const guchar *)text, (gssize)strlen (text) + 1);
}

char *
vfpool_mac_generate (const char *seed, VfpoolGuestKind kind, const char *id, const char *slot, guint attempt) {
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree char *number = g_strdup_printf ("%u", attempt);
  guint8 b[32];
  gsize length = sizeof b;

  add_text (sum, WAY);
  add_text (sum, seed);
  add_text (sum, vfpool_guest_kind_to_string (kind));
  add_text (sum, id);
  add_text (sum, slot);
  add_text (sum, number);
  g_checksum_get_digest (sum, b, &length);
  b[0] = (guint8)((b[0] | LOCALLY_ADMINISTERED) & ~MULTICAST);
  if (is_of_others (b))
    b[0] ^= 0x08;
  return g_strdup_printf ("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
}

/* ---- Who has which ---- */

static gboolean
is_asking (const VfpoolSituation *situation, VfpoolGuestKind kind, const char *id) {
  return kind == situation->request->kind && strcmp (id, situation->request->id) == 0;
}

const VfpoolLease *
vfpool_mac_find_other (const VfpoolSituation *situation, const char *mac) {
  for (guint i = 0; i < situation->leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (situation->leases, i);
    if (g_strcmp0 (lease->mac, mac) == 0 && !is_asking (situation, lease->guest_kind, lease->guest_id))
      return lease;
  }
  return NULL;
}

/* Whether @mac is leased, or given to a slot of the request, for anything but @slot of the guest that asks. */
static gboolean
is_taken (const VfpoolSituation *situation, const char *slot, const char *mac) {
  for (guint i = 0; i < situation->leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (situation->leases, i);
    if (g_strcmp0 (lease->mac, mac) == 0
        && (!is_asking (situation, lease->guest_kind, lease->guest_id) || strcmp (lease->slot, slot) != 0))
      return TRUE;
  }
  for (guint i = 0; i < situation->request->slots->len; i++) {
    const VfpoolSlot *other = g_ptr_array_index (situation->request->slots, i);
    if (g_strcmp0 (other->mac, mac) == 0)
      return TRUE;
  }
  return FALSE;
}

/* Whether it is remembered as anybody's. */
static gboolean
is_remembered (const VfpoolSituation *situation, const char *mac) {
  for (guint i = 0; i < situation->assignments->len; i++) {
    const VfpoolAssignment *a = g_ptr_array_index (situation->assignments, i);
    if (g_strcmp0 (a->mac, mac) == 0)
      return TRUE;
  }
  return FALSE;
}

/* The MAC that the guest that asks has or had in @slot, or NULL. */
static const char *
find_had (const VfpoolSituation *situation, const char *slot) {
  for (guint i = 0; i < situation->leases->len; i++) {
    const VfpoolLease *lease = g_ptr_array_index (situation->leases, i);
    if (lease->mac && lease->state != VFPOOL_LEASE_QUARANTINED
        && is_asking (situation, lease->guest_kind, lease->guest_id) && strcmp (lease->slot, slot) == 0)
      return lease->mac;
  }
  for (guint i = 0; i < situation->assignments->len; i++) {
    const VfpoolAssignment *a = g_ptr_array_index (situation->assignments, i);
    if (a->mac && is_asking (situation, a->guest_kind, a->guest_id) && strcmp (a->slot, slot) == 0)
      return a->mac;
  }
  return NULL;
}

gboolean
vfpool_mac_is_made (const char *root, const VfpoolChoice *choice) {
  const VfpoolFunction *f = choice->chosen;

  return !choice->slot->mac && choice->pool->generates_mac && f->pf && f->index >= 0 && f->place->is_network
         && vfpool_vfnet_sees (root);
}

char *
vfpool_mac_choose (const VfpoolSituation *situation, const char *slot, const char *seed, GHashTable *used) {
  const VfpoolRequest *request = situation->request;
  const char *had = find_had (situation, slot);

  if (had && !is_taken (situation, slot, had))
    return g_strdup (had);
  for (guint attempt = 0; used; attempt++) {
    g_autofree char *mac = vfpool_mac_generate (seed, request->kind, request->id, slot, attempt);
    if (!g_hash_table_contains (used, mac) && !is_taken (situation, slot, mac) && !is_remembered (situation, mac))
      return g_steal_pointer (&mac);
  }
  return NULL;
}

/* The loopback's, and that of a VF that has none, is nobody's. */
GHashTable *
vfpool_mac_used (const char *root) {
  g_auto (GStrv) names = vfpool_sysfs_list (root, "/sys/class/net");
  GHashTable *macs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (char **name = names; *name; name++) {
    g_autofree char *address = vfpool_sysfs_read (root, "/sys/class/net/%s/address", *name);
    if (address && strlen (address) == strlen (VFPOOL_MAC_NONE) && strcmp (address, VFPOOL_MAC_NONE) != 0)
      g_hash_table_add (macs, g_ascii_strdown (address, -1));
  }
  return macs;
}

static void
add_of_pf (GHashTable *macs, VfpoolHost *host, const char *pf) {
  g_autofree char *netdev = vfpool_host_netdev (vfpool_host_root (host), pf);

  if (netdev)
    vfpool_vfnet_add_macs (netdev, macs, NULL);
}

void
vfpool_mac_add_of_vfs (GHashTable *macs, VfpoolHost *host, const VfpoolConfig *config) {
  g_autoptr (GHashTable) asked = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; vfpool_vfnet_sees (vfpool_host_root (host)) && i < config->pools->len; i++) {
    g_autoptr (GPtrArray) members = vfpool_host_members (host, g_ptr_array_index (config->pools, i));

    for (guint k = 0; k < members->len; k++) {
      const VfpoolFunction *member = g_ptr_array_index (members, k);
      if (member->pf && g_hash_table_add (asked, member->pf))
        add_of_pf (macs, host, member->pf);
    }
  }
}
