/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables, and what both the stand-in kernel and the model may ask of a state. See machine.h. */
#include "machine.h"

#include <string.h>

const PfPlace pf_places[N_PFS] = {
  { "0000:01:00.0", "eno1", 6, TRUE, TRUE },
  { "0000:02:00.0", "eno2", 4, FALSE, FALSE },
  { "0000:03:00.0", NULL, 3, FALSE, FALSE },
};

const FunctionPlace function_places[N_FUNCTIONS] = {
  { "0000:01:10.0", 0, 0, 0, "igbvf", "flr", TRUE },
  { "0000:01:10.2", 0, 1, 1, "igbvf", "flr", TRUE },
  { "0000:01:10.4", 0, 2, 2, "igbvf", "flr bus", TRUE },
  { "0000:01:10.6", 0, 3, 3, "igbvf", "flr bus", TRUE },
  { "0000:01:11.0", 0, 4, 4, "igbvf", "bus", FALSE },
  { "0000:01:11.2", 0, 5, 5, "igbvf", NULL, FALSE },
  /* The next two are in one group: no ACS there. */
  { "0000:02:10.0", 1, 0, 6, "igbvf", "", TRUE },
  { "0000:02:10.2", 1, 1, 6, "igbvf", "", TRUE },
  { "0000:02:10.4", 1, 2, 7, "igbvf", "", TRUE },
  { "0000:02:10.6", 1, 3, 8, "igbvf", "", TRUE },
  { "0000:03:10.0", 2, 0, 9, "nvme", "flr bus", TRUE },
  { "0000:03:10.2", 2, 1, 10, "nvme", "bus", FALSE },
  { "0000:03:10.4", 2, 2, 11, "nvme", "flr", TRUE },
  { "0000:04:00.0", NO_PF, -1, 12, "e1000e", "", FALSE },
};

const GuestPlace guest_places[N_GUESTS] = {
  { VFPOOL_GUEST_LIBVIRT, "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e90", "web" },
  { VFPOOL_GUEST_LIBVIRT, "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e91", "mail" },
  { VFPOOL_GUEST_LIBVIRT, "2b2f4d1e-0d5c-4f6a-9d0e-5b1f6c7a8e92", "db" },
  { VFPOOL_GUEST_PVE_QEMU, "101", "router" },
  { VFPOOL_GUEST_PVE_QEMU, "102", "proxy" },
  { VFPOOL_GUEST_PVE_LXC, "103", "log" },
  { VFPOOL_GUEST_MANUAL, "dpdk", NULL },
  { VFPOOL_GUEST_MANUAL, "spdk", NULL },
};

/* ---- Network attributes ---- */

gboolean
has_netdev (int f) {
  return function_places[f].pf != NO_PF && pf_places[function_places[f].pf].netdev;
}

void
new_net (int f, VfpoolVfnet *net) {
  vfpool_vfnet_unset (net);
  if (!has_netdev (f))
    return;
  strcpy (net->mac, VFPOOL_MAC_NONE);
  net->vlan = 0;
  net->spoof_check = 1;
  net->max_rate = 0;
  if (pf_places[function_places[f].pf].has_knobs)
    net->trust = net->link_state = 0;
}

gboolean
is_wished (const VfpoolVfnet *wish, NetAttribute which) {
  switch (which) {
  case NET_MAC:
    return *wish->mac != '\0';
  case NET_VLAN:
    return wish->vlan != VFPOOL_VLAN_UNSET;
  case NET_TRUST:
    return wish->trust >= 0;
  case NET_SPOOF_CHECK:
    return wish->spoof_check >= 0;
  case NET_RATE:
    return wish->max_rate >= 0;
  case NET_LINK_STATE:
    return wish->link_state >= 0;
  case N_NET:
    break;
  }
  g_assert_not_reached ();
}

gboolean
same_attribute (const VfpoolVfnet *a, const VfpoolVfnet *b, NetAttribute which) {
  switch (which) {
  case NET_MAC:
    return strcmp (a->mac, b->mac) == 0;
  case NET_VLAN:
    return a->vlan == b->vlan && a->vlan_qos == b->vlan_qos && (a->vlan <= 0 || a->vlan_proto == b->vlan_proto);
  case NET_TRUST:
    return a->trust == b->trust;
  case NET_SPOOF_CHECK:
    return a->spoof_check == b->spoof_check;
  case NET_RATE:
    return a->min_rate == b->min_rate && a->max_rate == b->max_rate;
  case NET_LINK_STATE:
    return a->link_state == b->link_state;
  case N_NET:
    break;
  }
  g_assert_not_reached ();
}

void
set_attribute (VfpoolVfnet *net, const VfpoolVfnet *wish, NetAttribute which) {
  switch (which) {
  case NET_MAC:
    strcpy (net->mac, wish->mac);
    return;
  case NET_VLAN:
    net->vlan = wish->vlan;
    net->vlan_qos = wish->vlan_qos;
    net->vlan_proto = wish->vlan > 0 ? wish->vlan_proto : 0;
    return;
  case NET_TRUST:
    net->trust = wish->trust;
    return;
  case NET_SPOOF_CHECK:
    net->spoof_check = wish->spoof_check;
    return;
  case NET_RATE:
    net->min_rate = wish->min_rate;
    net->max_rate = wish->max_rate;
    return;
  case NET_LINK_STATE:
    net->link_state = wish->link_state;
    return;
  case N_NET:
    break;
  }
  g_assert_not_reached ();
}

gboolean
same_net (const VfpoolVfnet *a, const VfpoolVfnet *b) {
  for (NetAttribute which = 0; which < N_NET; which++)
    if (!same_attribute (a, b, which))
      return FALSE;
  return TRUE;
}

void
set_net (VfpoolVfnet *net, const VfpoolVfnet *wish) {
  for (NetAttribute which = 0; which < N_NET; which++)
    if (is_wished (wish, which))
      set_attribute (net, wish, which);
}

char *
describe_net (const VfpoolVfnet *net) {
  return g_strdup_printf (
      "MAC %s, VLAN %d (priority %d, protocol %x), trust %d, spoof check %d, rate %d to %d, link %d", net->mac,
      net->vlan, net->vlan_qos, net->vlan > 0 ? (guint)net->vlan_proto : 0, net->trust, net->spoof_check, net->min_rate,
      net->max_rate, net->link_state);
}

void
make_up_mac (int f, VfpoolVfnet *net) {
  g_snprintf (net->mac, sizeof net->mac, "02:00:00:00:00:%02x", (guint)f);
}

gboolean
is_made_up_mac (int f, const char *mac) {
  VfpoolVfnet net;

  make_up_mac (f, &net);
  return strcmp (net.mac, mac) == 0;
}

/* ---- The rest ---- */

void
machine_pass_time (Machine *machine, gint64 us) {
  machine->now += us;
  for (int g = 0; g < N_GROUPS; g++)
    if (machine->groups[g].closes_at && machine->groups[g].closes_at <= machine->now)
      machine->groups[g] = (Group){ 0 };
}

gboolean
machine_is_open (const Machine *machine, int function) {
  return machine->groups[function_places[function].group].is_open;
}

gboolean
device_is_on_vfio (const Device *device) {
  return strcmp (device->driver, VFIO) == 0;
}

/* A host's driver makes the function ready for itself, so nothing of a guest is left in it. */
void
device_bind (Device *device, int f, const char *driver) {
  g_strlcpy (device->driver, driver, sizeof device->driver);
  if (!*driver || device_is_on_vfio (device))
    return;
  device->traces = 0;
  if (has_netdev (f) && pf_places[function_places[f].pf].takes_mac && strcmp (device->net.mac, VFPOOL_MAC_NONE) == 0)
    make_up_mac (f, &device->net);
}

void
device_reset (Device *device, int f) {
  if (!function_places[f].has_flr)
    return;
  device->resets++;
  device->traces = 0;
}

int
find_function (const char *address) {
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (strcmp (function_places[f].address, address) == 0)
      return f;
  return -1;
}
