/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `vfpool acquire`: one VF of a pool for one slot of a guest. Its address is all that goes to stdout, for scripts. When
 * it cannot be written the lease stands, and the message says so: acquiring again prints the same address.
 */
#include "cli.h"

#include "printable.h"

const CliOption cli_acquire_options[] = {
  { "guest", "KIND/ID", "who asks: libvirt/UUID, pve-qemu/VMID, pve-lxc/VMID or manual/NAME", TRUE },
  { "pool", "POOL", "the pool that the VF shall come from", TRUE },
  { "slot", "SLOT", "the guest's own name for this device (default: slot0)" },
  { "mac", "MAC", "the MAC address that the VF shall have: xx:xx:xx:xx:xx:xx" },
  { "vlan", "VLAN", "the VLAN that the VF shall be in: 1 to 4094, 0 for untagged" },
  {},
};

#define DEFAULT_SLOT "slot0"
#define VLAN_MAX 4094

/* Reads --vlan into @vlan, VFPOOL_VLAN_UNSET when it was not given. */
static gboolean
read_vlan (const CliCall *call, int *vlan, GError **error) {
  const char *text = cli_call_value (call, "vlan");
  guint64 number = 0;

  *vlan = VFPOOL_VLAN_UNSET;
  if (!text)
    return TRUE;
  if (!g_ascii_string_to_unsigned (text, 10, 0, VLAN_MAX, &number, NULL)) {
    g_autofree char *shown = printable_copy (text, 40);
    g_set_error (error, VFPOOL_ERROR, VFPOOL_ERROR_BAD_INPUT,
                 "--vlan '%s' is no VLAN: expected a number from 0 (untagged) to %d", shown, VLAN_MAX);
    return FALSE;
  }
  *vlan = number;
  return TRUE;
}

static VfpoolRequest *
read_request (const CliCall *call, GError **error) {
  g_autoptr (VfpoolRequest) request = NULL;
  const char *slot = cli_call_value (call, "slot");
  VfpoolGuestKind kind;
  g_autofree char *id = NULL;
  int vlan;

  if (!vfpool_guest_parse (cli_call_value (call, "guest"), &kind, &id, error) || !read_vlan (call, &vlan, error))
    return NULL;
  request = vfpool_request_new (kind, id, NULL, error);
  if (!request
      || !vfpool_request_add_pool (request, slot ? slot : DEFAULT_SLOT, cli_call_value (call, "pool"),
                                   cli_call_value (call, "mac"), vlan, error))
    return NULL;
  return g_steal_pointer (&request);
}

gboolean
cli_acquire (Vfpool *vfpool, const CliCall *call, GError **error) {
  g_autoptr (VfpoolRequest) request = read_request (call, error);
  g_autoptr (GPtrArray) leases = request ? vfpool_acquire (vfpool, request, error) : NULL;
  g_autofree char *line = NULL;
  const char *address;

  if (!leases)
    return FALSE;
  address = vfpool_lease_get_address (g_ptr_array_index (leases, 0));
  line = g_strconcat (address, "\n", NULL);
  if (cli_print (line, error))
    return TRUE;
  g_prefix_error (error, "%s is leased to %s, but ", address, cli_call_value (call, "guest"));
  return FALSE;
}
