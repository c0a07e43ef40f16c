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

static gboolean
read_vlan (Vf *vf, VfpoolVfnet *out) {
  nl_vf_vlans_t *vlans = NULL;

  if (rtnl_link_vf_get_vlans (vf, &vlans) < 0 || !vlans)
    return FALSE;
  if (vlans->size > 0) {
    out->vlan = (int)vlans->vlans[0].vf_vlan;
    out->qos = (int)vlans->vlans[0].vf_vlan_qos;
  }
  rtnl_link_vf_vlan_put (vlans);
  return TRUE;
}

static gboolean
read_attributes (Socket *socket, const char *netdev, int index, VfpoolVfnet *out, GError **error) {
  g_autoptr (Link) link = NULL;
  g_autoptr (Vf) vf = NULL;
  struct nl_addr *mac = NULL;
  int rc = rtnl_link_get_kernel (socket, 0, netdev, &link);

  memset (out, 0, sizeof *out);
  if (rc < 0)
    return fail (error, rc, netdev, index, "read the attributes");
  /* libnl follows the list without looking whether there is one. */
  vf = rtnl_link_has_vf_list (link) ? rtnl_link_vf_get (link, (guint32)index) : NULL;
  if (!vf) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_NOT_FOUND, "interface %s knows no VF %d", netdev, index);
    return FALSE;
  }
  if (rtnl_link_vf_get_addr (vf, &mac) < 0 || !mac || nl_addr_get_len (mac) < ETH_ALEN)
    return fail (error, -NLE_MISSING_ATTR, netdev, index, "read the MAC");
  const guint8 *b = nl_addr_get_binary_addr (mac);
  g_snprintf (out->mac, sizeof out->mac, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
  read_vlan (vf, out);
  return TRUE;
}

/* Sends one attribute of VF @index: @mac, or (when that is NULL) the VLAN. */
static int
send_change (Socket *socket, int ifindex, int index, const char *mac, int vlan, int qos) {
  g_autoptr (Link) link = rtnl_link_alloc (), changes = rtnl_link_alloc ();
  g_autoptr (Vf) vf = rtnl_link_vf_alloc ();
  struct nl_addr *addr = NULL;
  nl_vf_vlans_t *vlans = NULL;
  int rc = 0;

  if (!link || !changes || !vf)
    return -NLE_NOMEM;
  rtnl_link_set_ifindex (link, ifindex);
  rtnl_link_set_ifindex (changes, ifindex);
  rtnl_link_vf_set_index (vf, (guint32)index);
  if (mac) {
    rc = nl_addr_parse (mac, AF_LLC, &addr);
    if (rc == 0)
      rtnl_link_vf_set_addr (vf, addr);
  } else {
    rc = rtnl_link_vf_vlan_alloc (&vlans, 1);
    if (rc == 0) {
      vlans->vlans[0].vf_vlan = (guint32)vlan;
      vlans->vlans[0].vf_vlan_qos = (guint32)qos;
      vlans->vlans[0].vf_vlan_proto = ETH_P_8021Q;
      rtnl_link_vf_set_vlans (vf, vlans);
    }
  }
  if (rc == 0)
    rc = rtnl_link_vf_add (changes, vf);
  if (rc == 0)
    rc = rtnl_link_change (socket, link, changes, 0);
  if (addr)
    nl_addr_put (addr);
  if (vlans)
    rtnl_link_vf_vlan_put (vlans);
  return rc;
}

gboolean
vfpool_vfnet_read (const char *pf_netdev, int index, VfpoolVfnet *out, GError **error) {
  g_autoptr (Socket) socket = open_socket (error);

  return socket && read_attributes (socket, pf_netdev, index, out, error);
}

static gboolean
check_result (const VfpoolVfnet *now, const char *netdev, int index, const char *mac, int vlan, int qos,
              GError **error) {
  if (mac && strcmp (now->mac, mac) != 0) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL, "VF %d of %s was given MAC %s, but the kernel shows %s",
                 index, netdev, mac, now->mac);
    return FALSE;
  }
  if (vlan != VFPOOL_VLAN_UNSET && (now->vlan != vlan || now->qos != qos)) {
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_KERNEL,
                 "VF %d of %s was given VLAN %d (priority %d), but the kernel shows %d (%d)", index, netdev, vlan, qos,
                 now->vlan, now->qos);
    return FALSE;
  }
  return TRUE;
}

gboolean
vfpool_vfnet_set (const char *pf_netdev, int index, const char *mac, int vlan, int qos, GError **error) {
  g_autoptr (Socket) socket = open_socket (error);
  int ifindex = (int)if_nametoindex (pf_netdev), rc;
  VfpoolVfnet now;

  if (!socket)
    return FALSE;
  if (ifindex == 0)
    return fail (error, -NLE_NODEV, pf_netdev, index, "set the attributes");
  if (!read_attributes (socket, pf_netdev, index, &now, error))
    return FALSE;
  if (check_result (&now, pf_netdev, index, mac, vlan, qos, NULL))
    return TRUE;
  if (mac && strcmp (mac, now.mac) != 0 && (rc = send_change (socket, ifindex, index, mac, 0, 0)) < 0)
    return fail (error, rc, pf_netdev, index, "set the MAC");
  if (vlan != VFPOOL_VLAN_UNSET && (vlan != now.vlan || qos != now.qos)
      && (rc = send_change (socket, ifindex, index, NULL, vlan, qos)) < 0)
    return fail (error, rc, pf_netdev, index, "set the VLAN");
  return read_attributes (socket, pf_netdev, index, &now, error)
         && check_result (&now, pf_netdev, index, mac, vlan, qos, error);
}
