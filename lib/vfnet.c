/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each attribute goes in a request of its own: drivers handle them one by one anyway, and an error then says which one
 * was refused. The PF's link is asked for by itself, never in a dump of all links: such dumps break at some number of
 * VFs. Kernel: IFLA_VFINFO_LIST in include/uapi/linux/if_link.h, net/core/rtnetlink.c (do_setvfinfo).
 */
#include "vfnet.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/sriov.h>
#include <netlink/socket.h>
#include <string.h>

/* A VF's entry takes some 250 bytes; 256 VFs of a PF must fit one message. */
#define RECEIVE_BYTES (256 * 1024)

typedef struct nl_sock Socket;
typedef struct rtnl_link Link;
typedef struct rtnl_link_vf Vf;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Socket, nl_socket_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Link, rtnl_link_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Vf, rtnl_link_vf_put)

/* Sets an error from libnl's negative code @rc, where what was tried is "@what". */
static gboolean
fail (GError **error, int rc, const char *netdev, int index, const char *what) {
  int code = rc == -NLE_PERM || rc == -NLE_NOACCESS ? VFPOOL_ERROR_DENIED : VFPOOL_ERROR_KERNEL;

  g_set_error (error, VFPOOL_ERROR, code, "cannot %s of VF %d through its PF's interface %s: %s", what, index, netdev,
               nl_geterror (rc));
  return FALSE;
}

static Socket *
open_socket (GError **error) {
  g_autoptr (Socket) socket = nl_socket_alloc ();
  int rc = socket ? nl_connect (socket, NETLINK_ROUTE) : -NLE_NOMEM;

  if (rc < 0) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "cannot open a route netlink socket: %s", nl_geterror (rc));
    return NULL;
  }
  nl_socket_set_msg_buf_size (socket, RECEIVE_BYTES);
  return g_steal_pointer (&socket);
}

/* ---- The attributes ---- */

/* One attribute: how it is shown, which is also how two of them are compared, and how it is put into a request. */
typedef struct {
  const char *name;
  char *(*show) (const VfpoolVfnet *self); /* for g_free(); NULL: unset */
  int (*fill) (Vf *vf, const VfpoolVfnet *wanted);
} Attribute;

static char *
show_mac (const VfpoolVfnet *self) {
  return *self->mac ? g_strdup (self->mac) : NULL;
}

static int
fill_mac (Vf *vf, const VfpoolVfnet *wanted) {
  struct nl_addr *addr;
  int rc = nl_addr_parse (wanted->mac, AF_LLC, &addr);

  if (rc < 0)
    return rc;
  rtnl_link_vf_set_addr (vf, addr);
  nl_addr_put (addr);
  return 0;
}

static char *
show_vlan (const VfpoolVfnet *self) {
  if (self->vlan == VFPOOL_VLAN_UNSET)
    return NULL;
  if (self->vlan == 0 && self->vlan_qos == 0)
    return g_strdup ("none");
  return g_strdup_printf ("%d (priority %d, protocol 0x%x)", self->vlan, self->vlan_qos, (guint)self->vlan_proto);
}

static int
fill_vlan (Vf *vf, const VfpoolVfnet *wanted) {
  nl_vf_vlans_t *vlans;
  int rc = rtnl_link_vf_vlan_alloc (&vlans, 1);

  if (rc < 0)
    return rc;
  vlans->vlans[0].vf_vlan = (guint32)wanted->vlan;
  vlans->vlans[0].vf_vlan_qos = (guint32)wanted->vlan_qos;
  vlans->vlans[0].vf_vlan_proto = (guint16)wanted->vlan_proto;
  rtnl_link_vf_set_vlans (vf, vlans);
  rtnl_link_vf_vlan_put (vlans);
  return 0;
}

static char *
show_switch (int value) {
  return value < 0 ? NULL : g_strdup (value ? "on" : "off");
}

static char *
show_trust (const VfpoolVfnet *self) {
  return show_switch (self->trust);
}

static int
fill_trust (Vf *vf, const VfpoolVfnet *wanted) {
  rtnl_link_vf_set_trust (vf, (guint32)wanted->trust);
  return 0;
}

static char *
show_spoof_check (const VfpoolVfnet *self) {
  return show_switch (self->spoof_check);
}

static int
fill_spoof_check (Vf *vf, const VfpoolVfnet *wanted) {
  rtnl_link_vf_set_spoofchk (vf, (guint32)wanted->spoof_check);
  return 0;
}

static char *
show_rate (const VfpoolVfnet *self) {
  return self->max_rate < 0 ? NULL : g_strdup_printf ("%d to %d Mbit/s", self->min_rate, self->max_rate);
}

static int
fill_rate (Vf *vf, const VfpoolVfnet *wanted) {
  struct nl_vf_rate rate = {
    .api = RTNL_LINK_VF_RATE_API_NEW,
    .min_tx_rate = (guint32)wanted->min_rate,
    .max_tx_rate = (guint32)wanted->max_rate,
  };

  rtnl_link_vf_set_rate (vf, &rate);
  return 0;
}

static char *
show_link_state (const VfpoolVfnet *self) {
  static const char *const names[] = { "auto", "enable", "disable" };

  return (guint)self->link_state < G_N_ELEMENTS (names) ? g_strdup (names[self->link_state]) : NULL;
}

static int
fill_link_state (Vf *vf, const VfpoolVfnet *wanted) {
  rtnl_link_vf_set_linkstate (vf, (guint32)wanted->link_state);
  return 0;
}

static const Attribute attributes[] = {
  { "MAC", show_mac, fill_mac },          { "VLAN", show_vlan, fill_vlan },
  { "trust", show_trust, fill_trust },    { "spoof check", show_spoof_check, fill_spoof_check },
  { "rate limit", show_rate, fill_rate }, { "link state", show_link_state, fill_link_state },
};

static gboolean
is_as (const Attribute *attribute, const VfpoolVfnet *now, const VfpoolVfnet *wanted) {
  g_autofree char *shown = attribute->show (now), *expected = attribute->show (wanted);

  return !expected || g_strcmp0 (shown, expected) == 0;
}

/* ---- Reading ---- */

/* libnl leaves out a VLAN and a rate of zero. */
static void
read_vlan (Vf *vf, VfpoolVfnet *out) {
  nl_vf_vlans_t *vlans = NULL;

  out->vlan = 0;
  if (rtnl_link_vf_get_vlans (vf, &vlans) < 0 || !vlans)
    return;
  if (vlans->size > 0) {
    out->vlan = (int)vlans->vlans[0].vf_vlan;
    out->vlan_qos = (int)vlans->vlans[0].vf_vlan_qos;
    out->vlan_proto = vlans->vlans[0].vf_vlan_proto;
  }
  if (out->vlan_proto == 0) /* drivers from before there was a choice leave it out */
    out->vlan_proto = ETH_P_8021Q;
  rtnl_link_vf_vlan_put (vlans);
}

/* What the driver does not have stays unset. */
static void
read_switches (Vf *vf, VfpoolVfnet *out) {
  struct nl_vf_rate rate;
  guint32 value;

  if (rtnl_link_vf_get_trust (vf, &value) == 0)
    out->trust = value != 0;
  if (rtnl_link_vf_get_spoofchk (vf, &value) == 0)
    out->spoof_check = value != 0;
  if (rtnl_link_vf_get_linkstate (vf, &value) == 0)
    out->link_state = (int)value;
  out->max_rate = 0;
  if (rtnl_link_vf_get_rate (vf, &rate) == 0) {
    gboolean is_new = rate.api == RTNL_LINK_VF_RATE_API_NEW;
    out->min_rate = is_new ? (int)rate.min_tx_rate : 0;
    out->max_rate = (int)(is_new ? rate.max_tx_rate : rate.rate);
  }
}

/* FALSE: the driver tells none. */
static gboolean
read_mac (Vf *vf, char mac[18]) {
  struct nl_addr *addr = NULL;
  const guint8 *b;

  if (rtnl_link_vf_get_addr (vf, &addr) < 0 || !addr || nl_addr_get_len (addr) < ETH_ALEN)
    return FALSE;
  b = nl_addr_get_binary_addr (addr);
  g_snprintf (mac, 18, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
  return TRUE;
}

static gboolean
read_attributes (Socket *socket, const char *netdev, int index, VfpoolVfnet *out, GError **error) {
  g_autoptr (Link) link = NULL;
  g_autoptr (Vf) vf = NULL;
  int rc = rtnl_link_get_kernel (socket, 0, netdev, &link);

  vfpool_vfnet_unset (out);
  if (rc < 0)
    return fail (error, rc, netdev, index, "read the attributes");
  /* libnl follows the list without looking whether there is one. */
  vf = rtnl_link_has_vf_list (link) ? rtnl_link_vf_get (link, (guint32)index) : NULL;
  if (!vf) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND, "interface %s knows no VF %d", netdev, index);
    return FALSE;
  }
  if (!read_mac (vf, out->mac))
    return fail (error, -NLE_MISSING_ATTR, netdev, index, "read the MAC");
  read_vlan (vf, out);
  read_switches (vf, out);
  return TRUE;
}

gboolean
vfpool_vfnet_sees (const char *root) {
  return !*root;
}

gboolean
vfpool_vfnet_read (const char *pf_netdev, int index, VfpoolVfnet *out, GError **error) {
  g_autoptr (Socket) socket = open_socket (error);

  return socket && read_attributes (socket, pf_netdev, index, out, error);
}

gboolean
vfpool_vfnet_add_macs (const char *pf_netdev, GHashTable *macs, GError **error) {
  g_autoptr (Socket) socket = open_socket (error);
  g_autoptr (Link) link = NULL;
  guint32 n = 0;
  int rc = socket ? rtnl_link_get_kernel (socket, 0, pf_netdev, &link) : 0;

  if (rc < 0)
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "cannot read the MACs of the VFs of interface %s: %s",
                 pf_netdev, nl_geterror (rc));
  if (!link)
    return FALSE;
  if (!rtnl_link_has_vf_list (link) || rtnl_link_get_num_vf (link, &n) < 0)
    return TRUE;
  for (guint32 i = 0; i < n; i++) {
    g_autoptr (Vf) vf = rtnl_link_vf_get (link, i);
    char mac[18];

    if (vf && read_mac (vf, mac) && strcmp (mac, VFPOOL_MAC_NONE) != 0)
      g_hash_table_add (macs, g_strdup (mac));
  }
  return TRUE;
}

gboolean
vfpool_vfnet_is_as (const VfpoolVfnet *now, const VfpoolVfnet *wanted) {
  for (size_t i = 0; i < G_N_ELEMENTS (attributes); i++)
    if (!is_as (&attributes[i], now, wanted))
      return FALSE;
  return TRUE;
}

/* ---- Setting ---- */

static int
send_change (Socket *socket, int ifindex, int index, const Attribute *attribute, const VfpoolVfnet *wanted) {
  g_autoptr (Link) link = rtnl_link_alloc (), changes = rtnl_link_alloc ();
  g_autoptr (Vf) vf = rtnl_link_vf_alloc ();
  int rc;

  if (!link || !changes || !vf)
    return -NLE_NOMEM;
  rtnl_link_set_ifindex (link, ifindex);
  rtnl_link_set_ifindex (changes, ifindex);
  rtnl_link_vf_set_index (vf, (guint32)index);
  rc = attribute->fill (vf, wanted);
  if (rc == 0)
    rc = rtnl_link_vf_add (changes, vf);
  return rc == 0 ? rtnl_link_change (socket, link, changes, 0) : rc;
}

static gboolean
check_result (const VfpoolVfnet *now, const VfpoolVfnet *wanted, const char *netdev, int index, GError **error) {
  for (size_t i = 0; i < G_N_ELEMENTS (attributes); i++) {
    g_autofree char *shown = attributes[i].show (now), *expected = attributes[i].show (wanted);

    if (is_as (&attributes[i], now, wanted))
      continue;
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "VF %d of %s was given %s %s, but the kernel shows %s",
                 index, netdev, attributes[i].name, expected, shown ? shown : "nothing");
    return FALSE;
  }
  return TRUE;
}

gboolean
vfpool_vfnet_set (const char *pf_netdev, int index, const VfpoolVfnet *wanted, GError **error) {
  g_autoptr (Socket) socket = open_socket (error);
  int ifindex = (int)if_nametoindex (pf_netdev);
  VfpoolVfnet now;

  if (!socket)
    return FALSE;
  if (ifindex == 0)
    return fail (error, -NLE_NODEV, pf_netdev, index, "set the attributes");
  if (!read_attributes (socket, pf_netdev, index, &now, error))
    return FALSE;
  if (vfpool_vfnet_is_as (&now, wanted))
    return TRUE;
  for (size_t i = 0; i < G_N_ELEMENTS (attributes); i++) {
    g_autofree char *what = g_strdup_printf ("set the %s", attributes[i].name);
    int rc = is_as (&attributes[i], &now, wanted) ? 0 : send_change (socket, ifindex, index, &attributes[i], wanted);

    if (rc < 0)
      return fail (error, rc, pf_netdev, index, what);
  }
  return read_attributes (socket, pf_netdev, index, &now, error)
         && check_result (&now, wanted, pf_netdev, index, error);
}
