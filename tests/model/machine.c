/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables, and what both the stand-in kernel and the model may ask of a state. See machine.h. */
#include "machine.h"

#include <string.h>

const PfPlace pf_places[N_PFS] = {
  { "0000:01:00.0", "eno1", 6 },
  { "0000:02:00.0", "eno2", 4 },
  { "0000:03:00.0", NULL, 3 },
};

const FunctionPlace function_places[N_FUNCTIONS] = {
  { "0000:01:10.0", 0, 0, 0, "igbvf" }, { "0000:01:10.2", 0, 1, 1, "igbvf" },
  { "0000:01:10.4", 0, 2, 2, "igbvf" }, { "0000:01:10.6", 0, 3, 3, "igbvf" },
  { "0000:01:11.0", 0, 4, 4, "igbvf" }, { "0000:01:11.2", 0, 5, 5, "igbvf" },
  { "0000:02:10.0", 1, 0, 6, "igbvf" }, { "0000:02:10.2", 1, 1, 6, "igbvf" }, /* one group: no ACS there */
  { "0000:02:10.4", 1, 2, 7, "igbvf" }, { "0000:02:10.6", 1, 3, 8, "igbvf" },
  { "0000:03:10.0", 2, 0, 9, "nvme" },  { "0000:03:10.2", 2, 1, 10, "nvme" },
  { "0000:03:10.4", 2, 2, 11, "nvme" }, { "0000:04:00.0", NO_PF, -1, 12, "e1000e" },
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

const VfpoolVfnet no_net = { .mac = "00:00:00:00:00:00" };

gboolean
same_net (const VfpoolVfnet *a, const VfpoolVfnet *b) {
  return strcmp (a->mac, b->mac) == 0 && a->vlan == b->vlan && a->qos == b->qos;
}

char *
describe_net (const VfpoolVfnet *net) {
  return g_strdup_printf ("MAC %s, VLAN %d (priority %d)", net->mac, net->vlan, net->qos);
}

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

int
find_function (const char *address) {
  for (int f = 0; f < N_FUNCTIONS; f++)
    if (strcmp (function_places[f].address, address) == 0)
      return f;
  return -1;
}
