/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvfpool: hands SR-IOV virtual functions (VFs) to guests and takes them back.
 *
 * A caller opens the library (vfpool_open()), describes what a guest asks for (VfpoolRequest), and acquires: free VFs
 * are chosen, recorded in the ledger, prepared (MAC, VLAN, driver) and returned as leases. It releases when
 * the guest is gone: attributes and driver are put back and read back, then the lease ends. Every call can be repeated:
 * acquiring twice for the same guest and slot gives the same VF, releasing twice is no error, and vfpool_reconcile()
 * finishes or undoes what a process that died left half done.
 *
 * The library never prints, never exits and never talks to libvirt. What an operator should know although the call
 * succeeded goes to the message function given to vfpool_open(); what failed is returned as a GError whose message is
 * one sentence to be shown as it is.
 *
 * Strings are UTF-8 or plain ASCII. PCI addresses are in the form DDDD:BB:DD.F (domain, bus, device, function;
 * lower-case hexadecimal), called BDF below. Handles are not thread-safe: use one per thread.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* ---- Errors ---- */

#define VFPOOL_ERROR (vfpool_error_quark ())

/**
 * VfpoolError: what went wrong, by what the caller can do about it.
 * @VFPOOL_ERROR_NOT_FOUND: a device or file that was named does not exist (any more)
 * @VFPOOL_ERROR_NO_FREE_VF: the pool has no VF left that may be handed out; the message says why each was refused
 * @VFPOOL_ERROR_IN_USE: somebody holds the device; nothing was changed
 * @VFPOOL_ERROR_DENIED: the caller lacks the permission; root is needed
 * @VFPOOL_ERROR_BAD_INPUT: a request, XML or VM configuration that cannot be understood, or that
 *   names a pool which does not exist
 * @VFPOOL_ERROR_BAD_CONFIG: vfpool's own configuration is missing or wrong; the message names file, line and key
 * @VFPOOL_ERROR_KERNEL: the kernel refused, or did not do what it acknowledged
 * @VFPOOL_ERROR_CORRUPT: the ledger cannot be used and could not be replaced
 * @VFPOOL_ERROR_BUSY: another process holds the lock or works on the same lease; trying again later may succeed
 * @VFPOOL_ERROR_USAGE: the command line was wrong; the library itself never returns this, its callers share the table
 */
typedef enum {
  VFPOOL_ERROR_NOT_FOUND,
  VFPOOL_ERROR_NO_FREE_VF,
  VFPOOL_ERROR_IN_USE,
  VFPOOL_ERROR_DENIED,
  VFPOOL_ERROR_BAD_INPUT,
  VFPOOL_ERROR_BAD_CONFIG,
  VFPOOL_ERROR_KERNEL,
  VFPOOL_ERROR_CORRUPT,
  VFPOOL_ERROR_BUSY,
  VFPOOL_ERROR_USAGE,
} VfpoolError;

GQuark vfpool_error_quark (void);

/**
 * vfpool_error_exit_status:
 * @error: (nullable): the error that ends the program
 *
 * Returns: the exit status for it after sysexits(3): 0 without an error, 64 usage, 65 bad data, 69 no free VF (or the
 *   device is in use, or what was named does not exist), 70 internal, 71 kernel refused, 75 try again, 77 not
 * permitted, 78 configuration.
 */
int vfpool_error_exit_status (const GError *error);

/* ---- The library handle ---- */

typedef struct _Vfpool Vfpool;

typedef enum {
  VFPOOL_MESSAGE_INFO,    /* what was done, for a log */
  VFPOOL_MESSAGE_WARNING, /* what an operator should look at */
} VfpoolMessageLevel;

/**
 * VfpoolMessageFunc: receives what an operator should know although the call goes on.
 * @level: how much it matters
 * @message: one sentence, no line feed; valid during the call only
 * @user_data: as given to vfpool_open()
 */
typedef void (*VfpoolMessageFunc) (VfpoolMessageLevel level, const char *message, gpointer user_data);

/**
 * vfpool_open:
 * @root: (nullable): a folder to use in place of "/" for every path (/etc/vfpool, /sys, /proc, /run, /dev, /var/lib),
 * or NULL for the real one; for tests and for looking at a host's saved tree
 * @message_func: (nullable): where messages go; NULL drops them
 * @user_data: passed to @message_func
 *
 * Reads the configuration (/etc/vfpool/vfpool.conf, then /etc/vfpool/conf.d, files ending in .conf, in name order). The
 * ledger is opened at the first call that needs it, the kernel is asked anew by each call.
 *
 * Returns: (transfer full): a handle for vfpool_close(), or NULL: VFPOOL_ERROR_BAD_CONFIG (also when others than root could
 *   have written the configuration) or VFPOOL_ERROR_DENIED.
 */
Vfpool *vfpool_open (const char *root, VfpoolMessageFunc message_func, gpointer user_data, GError **error);

/** vfpool_close: ends @self and frees it; NULL is allowed. */
void vfpool_close (Vfpool *self);

/**
 * vfpool_has_configuration:
 * @root: (nullable): as for vfpool_open()
 *
 * Returns: whether /etc/vfpool/vfpool.conf exists. A hook on a host where vfpool is installed but not configured uses
 * it to leave guests alone that do not ask for a pool.
 */
gboolean vfpool_has_configuration (const char *root);

/** vfpool_has_pool: Returns: whether a pool called @name is configured. */
gboolean vfpool_has_pool (Vfpool *self, const char *name);

/** vfpool_pool_names: Returns: (transfer full): the names of all pools in the order of the configuration, for g_strfreev(). */
char **vfpool_pool_names (Vfpool *self);

/**
 * VfpoolAttachFailure: what becomes of a guest that runs, but that its VF cannot be plugged into.
 * @VFPOOL_ATTACH_FAILURE_KEEP: it runs on without the VF, and the operator is told
 * @VFPOOL_ATTACH_FAILURE_RETRY: it is tried again until it works or the guest stops
 * @VFPOOL_ATTACH_FAILURE_SHUTDOWN: the guest is asked to shut down
 */
typedef enum {
  VFPOOL_ATTACH_FAILURE_KEEP,
  VFPOOL_ATTACH_FAILURE_RETRY,
  VFPOOL_ATTACH_FAILURE_SHUTDOWN,
} VfpoolAttachFailure;

/** vfpool_pool_on_attach_failure: Returns: what is configured for the pool @name; to keep, when there is none of that name. */
VfpoolAttachFailure vfpool_pool_on_attach_failure (Vfpool *self, const char *name);

/**
 * vfpool_pool_members:
 * @name: a pool
 *
 * Returns: (transfer container) (element-type utf8): the BDFs of the pool's VFs that exist on this host now, in the
 *   order in which they are tried, for
 *   g_ptr_array_unref(); or NULL: VFPOOL_ERROR_NOT_FOUND, VFPOOL_ERROR_KERNEL.
 */
GPtrArray *vfpool_pool_members (Vfpool *self, const char *name, GError **error);

/**
 * vfpool_pool_of_address:
 * @bdf: a PCI address
 *
 * Returns: (nullable) (transfer none): the name of the pool that @bdf lies in, owned by @self, or NULL when it lies in
 *   none (@error is not set), does not exist, or is no address.
 */
const char *vfpool_pool_of_address (Vfpool *self, const char *bdf);

/* ---- Guests and requests ---- */

/**
 * VfpoolGuestKind: what sort of guest holds VFs; written libvirt, pve-qemu, pve-lxc, manual.
 * @VFPOOL_GUEST_LIBVIRT: a libvirt domain; its id is its UUID
 * @VFPOOL_GUEST_PVE_QEMU: a Proxmox VE virtual machine; its id is its VMID
 * @VFPOOL_GUEST_PVE_LXC: a Proxmox VE container; its id is its VMID
 * @VFPOOL_GUEST_MANUAL: anything else; its id is a name of the operator's choice, its leases end by vfpool_release() or
 * reboot
 */
typedef enum {
  VFPOOL_GUEST_LIBVIRT,
  VFPOOL_GUEST_PVE_QEMU,
  VFPOOL_GUEST_PVE_LXC,
  VFPOOL_GUEST_MANUAL,
} VfpoolGuestKind;

/** vfpool_guest_kind_to_string: Returns: (transfer none): "libvirt", "pve-qemu", "pve-lxc" or "manual". */
const char *vfpool_guest_kind_to_string (VfpoolGuestKind kind);

/**
 * vfpool_guest_parse:
 * @text: KIND/ID, e.g. "libvirt/2b2f4d1e-...", "pve-qemu/101", "manual/dpdk"
 * @kind: (out): the kind
 * @id: (out) (transfer full): the id, checked for its kind (a UUID is returned in lower case), for g_free()
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT when @text is no guest.
 */
gboolean vfpool_guest_parse (const char *text, VfpoolGuestKind *kind, char **id, GError **error);

/** VFPOOL_VLAN_UNSET: no VLAN was asked for: the VF keeps the one it has. 0 asks for untagged. */
#define VFPOOL_VLAN_UNSET (-1)

typedef struct _VfpoolRequest VfpoolRequest;

/**
 * vfpool_request_new:
 * @kind: what sort of guest asks
 * @id: its UUID, VMID or name; checked
 * @name: (nullable): its display name, any text
 *
 * Returns: (transfer full): an empty request for vfpool_request_free(), or NULL: VFPOOL_ERROR_BAD_INPUT.
 */
VfpoolRequest *vfpool_request_new (VfpoolGuestKind kind, const char *id, const char *name, GError **error);
void vfpool_request_free (VfpoolRequest *self);

/**
 * vfpool_request_add_pool: asks for any free VF of a pool.
 * @slot: the guest's own name for this device, unique in the request: 1 to 32 of A-Z a-z 0-9 _ -
 * @pool: the pool's name
 * @mac: (nullable): the MAC address the VF shall have, "xx:xx:xx:xx:xx:xx", set through the PF
 * @vlan: 0 to 4094, or VFPOOL_VLAN_UNSET
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT on a bad or repeated slot, MAC or VLAN.
 */
gboolean vfpool_request_add_pool (VfpoolRequest *self, const char *slot, const char *pool, const char *mac, int vlan,
                                  GError **error);

/**
 * vfpool_request_add_address: asks for one very device, if it lies in a pool.
 * @bdf: its PCI address. An address that lies in no pool is not vfpool's business: acquiring passes over it.
 *
 * Otherwise as vfpool_request_add_pool().
 */
gboolean vfpool_request_add_address (VfpoolRequest *self, const char *slot, const char *bdf, const char *mac, int vlan,
                                     GError **error);

/**
 * vfpool_request_set_nodes: says on which NUMA nodes of the host the guest lives, for the policy "numa".
 * @nodes: "0-1,3"; "^N" takes away, as libvirt writes it
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT when @nodes is no such list.
 */
gboolean vfpool_request_set_nodes (VfpoolRequest *self, const char *nodes, GError **error);

/** vfpool_request_set_cpus: the same by the host's CPUs that the guest is pinned to; the nodes count where both are known. */
gboolean vfpool_request_set_cpus (VfpoolRequest *self, const char *cpus, GError **error);

/**
 * vfpool_request_set_policy: asks for another policy than the pools have.
 * @key: "numa", "placement" or "anti-affinity"
 * @word: as in the configuration: numa: required, socket, preferred, ignore; placement: spread, pack; anti-affinity: none, pf,
 *   card, pf-preferred, card-preferred
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT.
 */
gboolean vfpool_request_set_policy (VfpoolRequest *self, const char *key, const char *word, GError **error);

/**
 * vfpool_request_set_slot_numa: asks for another policy "numa" than the request or the pool has, for one slot.
 * @slot: a slot that was added by pool
 * @word: required, socket, preferred or ignore
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT, also when there is no such slot.
 */
gboolean vfpool_request_set_slot_numa (VfpoolRequest *self, const char *slot, const char *word, GError **error);

/**
 * vfpool_request_set_all_functions: asks for all functions of the device that is chosen for @slot, as far as they lie in the
 * slot's pool.
 * @slot: a slot that was added by pool. Its further functions are leased as slots of their own: "SLOT-1", "SLOT-2" ...
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT when there is no such slot.
 */
gboolean vfpool_request_set_all_functions (VfpoolRequest *self, const char *slot, GError **error);

/**
 * vfpool_request_set_preferred: asks for one very VF of the slot's pool before all others, as long as it may be had.
 * @slot: a slot that was added by pool
 * @bdf: its PCI address; one that is none of the pool's is passed over
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT when there is no such slot, or @bdf is no address.
 */
gboolean vfpool_request_set_preferred (VfpoolRequest *self, const char *slot, const char *bdf, GError **error);

/**
 * VfpoolDriver: which driver a VF is on while it is leased.
 * @VFPOOL_DRIVER_VFIO: vfio-pci, for a virtual machine, or a program that drives the VF itself (DPDK, VPP)
 * @VFPOOL_DRIVER_HOST: the kernel's own; the VF has a network interface then, which can be moved into a container
 */
typedef enum {
  VFPOOL_DRIVER_VFIO,
  VFPOOL_DRIVER_HOST,
} VfpoolDriver;

/**
 * vfpool_request_set_driver: says which driver the VF of @slot shall be on; VFPOOL_DRIVER_VFIO where nothing is said.
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT when there is no such slot.
 */
gboolean vfpool_request_set_driver (VfpoolRequest *self, const char *slot, VfpoolDriver driver, GError **error);

/** vfpool_request_is_empty: Returns: whether nothing was added. */
gboolean vfpool_request_is_empty (const VfpoolRequest *self);

/** vfpool_request_names_pool: Returns: whether any slot asks for a pool by name (rather than for an address). */
gboolean vfpool_request_names_pool (const VfpoolRequest *self);

/** vfpool_request_count_pool_slots: Returns: how many slots do. */
guint vfpool_request_count_pool_slots (const VfpoolRequest *self);

/* ---- Leases ---- */

/**
 * VfpoolLeaseState: how far a lease is.
 * @VFPOOL_LEASE_RESERVED: the VF is promised to the guest and being prepared
 * @VFPOOL_LEASE_ACTIVE: the VF is prepared, read back, and the guest's
 * @VFPOOL_LEASE_RELEASING: the VF is being put back
 * @VFPOOL_LEASE_QUARANTINED: the VF could not be put back; it is not handed out until an operator looked
 */
typedef enum {
  VFPOOL_LEASE_RESERVED,
  VFPOOL_LEASE_ACTIVE,
  VFPOOL_LEASE_RELEASING,
  VFPOOL_LEASE_QUARANTINED,
} VfpoolLeaseState;

/** VfpoolLease: one VF held by one guest for one slot, as it was when it was read. */
typedef struct _VfpoolLease VfpoolLease;

VfpoolLease *vfpool_lease_ref (VfpoolLease *self);
void vfpool_lease_unref (VfpoolLease *self);

VfpoolGuestKind vfpool_lease_get_guest_kind (const VfpoolLease *self);
const char *vfpool_lease_get_guest_id (const VfpoolLease *self);
const char *vfpool_lease_get_guest_name (const VfpoolLease *self); /* (nullable) */
const char *vfpool_lease_get_slot (const VfpoolLease *self);
const char *vfpool_lease_get_address (const VfpoolLease *self); /* the VF's BDF */
const char *vfpool_lease_get_pool (const VfpoolLease *self);
VfpoolLeaseState vfpool_lease_get_state (const VfpoolLease *self);
const char *vfpool_lease_get_mac (const VfpoolLease *self); /* (nullable): the MAC asked for, or made */
int vfpool_lease_get_vlan (const VfpoolLease *self);        /* the VLAN asked for, or VFPOOL_VLAN_UNSET */
VfpoolDriver vfpool_lease_get_driver (const VfpoolLease *self);
gint64 vfpool_lease_get_since (const VfpoolLease *self); /* when acquired, microseconds since 1970 UTC */

/**
 * vfpool_lease_is_by_pool: Returns: whether the guest asked for the pool, so that the device's address is not in its
 * own configuration and somebody has to attach it; FALSE when it asked for this address.
 */
gboolean vfpool_lease_is_by_pool (const VfpoolLease *self);

/** vfpool_lease_get_reason: Returns: (nullable): why it is quarantined, or what vfpool_set_problem() said of it. */
const char *vfpool_lease_get_reason (const VfpoolLease *self);

/** vfpool_lease_is_attached: Returns: whether the guest was seen to have the device, by vfpool_follow(), since it acquired. */
gboolean vfpool_lease_is_attached (const VfpoolLease *self);

/* ---- What the library does ---- */

/**
 * vfpool_acquire:
 * @request: what the guest asks for
 *
 * Serves all slots of @request or none, over all of them as the pools' policies prefer. Each VF is chosen, leased (`reserved`),
 * given its MAC and VLAN through its PF, bound to its driver, read back, and then `active`. One on VFPOOL_DRIVER_HOST has its
 * network interface then, with that MAC and with the name that udev gives it. A slot that the guest already holds keeps its VF;
 * it is prepared again unless the guest has it in use. Before it is refused for want of a free VF, what is left of guests that are
 * gone is taken back, of the VFs that would do, as vfpool_reconcile() would. A failure half-way is undone before the call returns.
 *
 * Returns: (transfer container) (element-type VfpoolLease): the leases in the order of the slots, then those of what had to be
 * leased together with them (in slots of their own: "SLOT-1" ...), for g_ptr_array_unref(); or NULL: any VFPOOL_ERROR.
 */
GPtrArray *vfpool_acquire (Vfpool *self, const VfpoolRequest *request, GError **error);

/**
 * vfpool_release: gives back all that a guest holds.
 * @kind: the guest's kind
 * @id: its id
 *
 * A guest that holds nothing is no error. All leases are tried even when one fails. A VF that somebody still has open, whose
 * network interface is still in a container, or whose container still runs, is waited for as long as the configuration's
 * release-wait says, and never touched (VFPOOL_ERROR_IN_USE): it stays the guest's when the guest is known to live, and is
 * quarantined when not. One that cannot be put back is quarantined, too (VFPOOL_ERROR_KERNEL), and so is one that the host uses
 * now (VFPOOL_ERROR_IN_USE: the message says for what).
 *
 * Returns: FALSE with the first failure.
 */
gboolean vfpool_release (Vfpool *self, VfpoolGuestKind kind, const char *id, GError **error);

/**
 * vfpool_release_lease: gives back one lease, if it is still the very one that @lease was read as.
 *
 * A lease that has ended, or that its guest acquired again since it was read, is left alone and TRUE is returned: this
 * is what makes it safe to decide on yesterday's knowledge ("the guest stopped") while the guest may be starting again.
 *
 * Returns: FALSE as vfpool_release().
 */
gboolean vfpool_release_lease (Vfpool *self, const VfpoolLease *lease, GError **error);

/**
 * vfpool_release_quarantined: tries once more to put a quarantined VF back, after an operator has looked.
 * @bdf: its PCI address
 *
 * Returns: FALSE with VFPOOL_ERROR_NOT_FOUND when that VF is not quarantined, VFPOOL_ERROR_IN_USE when somebody has it
 *   open, VFPOOL_ERROR_KERNEL when it still cannot be put back; it stays quarantined then.
 */
gboolean vfpool_release_quarantined (Vfpool *self, const char *bdf, GError **error);

/** vfpool_leases: Returns: (transfer container) (element-type VfpoolLease): every lease, by address; NULL on error. */
GPtrArray *vfpool_leases (Vfpool *self, GError **error);

/** vfpool_guest_leases: Returns: as vfpool_leases(), of one guest, quarantined VFs left out. */
GPtrArray *vfpool_guest_leases (Vfpool *self, VfpoolGuestKind kind, const char *id, GError **error);

/**
 * vfpool_follow: makes the leases of a guest that runs say what it really has. A device may be plugged in and pulled out while a
 * guest runs; who gets to know of it calls this.
 * @has: the guest, and by address each host device in its live configuration; slots by pool are passed over
 * @before: (element-type VfpoolLease): the guest's leases by vfpool_guest_leases(), read before its configuration was looked at
 * @with_first: whether also what the guest was started with is adopted, rather than only what was plugged in since
 *
 * A VF of a pool that the guest has open and nobody has leased is adopted: an active lease in the slot that @has names it by. A
 * lease whose device is not there any more is released. One by pool whose device was never seen is left alone, since it may be
 * about to be plugged in; one by address was there from the guest's start. What somebody has open is left alone, too. A VF that is
 * leased to another guest stays so, whoever has it open.
 *
 * Returns: FALSE with the first failure, the rest was tried: VFPOOL_ERROR_IN_USE: the guest has what is another's, or was
 *   quarantined; or the errors of vfpool_release_lease() and of the ledger.
 */
gboolean vfpool_follow (Vfpool *self, const VfpoolRequest *has, const GPtrArray *before, gboolean with_first,
                        GError **error);

/**
 * vfpool_set_problem: says what is wrong with an active lease, for who looks at vfpool_status(), until it is acquired anew or its
 * device is seen in the guest.
 * @problem: (nullable): a sentence; NULL: nothing is wrong any more
 *
 * A lease that has ended, or that its guest acquired again since it was read, is left alone and TRUE is returned.
 *
 * Returns: FALSE with the errors of the ledger.
 */
gboolean vfpool_set_problem (Vfpool *self, const VfpoolLease *lease, const char *problem, GError **error);

/**
 * vfpool_reconcile: brings ledger and kernel together after something died.
 *
 * Leases of another boot are void. Steps that a dead process left half done are finished (`releasing`) or undone
 * (`reserved`). Leases whose guest is gone are released; a guest that acquired less than the start-grace ago and was not
 * seen yet is given that time to start. A VF that nobody has open and that is not as its lease says is prepared again. What
 * was done, and which VFs appeared in the pools or vanished, goes to the message function.
 *
 * Returns: FALSE with the first failure; the rest was tried all the same.
 */
gboolean vfpool_reconcile (Vfpool *self, GError **error);

/**
 * vfpool_lease_grace: Returns: for how long, in microseconds, the guest of @lease may still be about to start; 0: not any more, so
 *   that vfpool_reconcile() takes the VF back when the guest does not run.
 */
gint64 vfpool_lease_grace (Vfpool *self, const VfpoolLease *lease);

/**
 * vfpool_process_members: which VFs of the pools a process has open, by their IOMMU groups.
 * @pid: the process
 *
 * Returns: (transfer container) (element-type utf8): their BDFs, by pool, for g_ptr_array_unref(); or NULL when the process's open
 *   files cannot be seen: VFPOOL_ERROR_NOT_FOUND.
 */
GPtrArray *vfpool_process_members (Vfpool *self, gint64 pid, GError **error);

/**
 * vfpool_plan: what vfpool_acquire() would choose for @request, and why, without touching anything.
 *
 * The result is a dictionary (a{sv}):
 *
 *   "guest":   a{sv}: kind s, id s, name ms
 *   "nodes":   ms: the host's NUMA nodes that count for the guest ("0-1"); absent: NUMA is not looked at
 *   "refusal": ms: why the request would fail, the sentence that vfpool_acquire() fails with; the next is about what is left then
 *   "slots":   aa{sv}: slot s; pool s; chosen ms (address); functions as (all that are leased with it, itself first);
 *              mac ms (that the VF would get); kept b (the guest has it already); policy a{ss} (numa, placement, anti-affinity);
 *              rule ms: what decided (reserved, sticky, numa, anti-affinity, pf-load, port-load, link-load, remembered,
 *              address, only: no other VF was left, asked: the slot asks for this address), and
 *              vfs aa{sv}: every member of the pool in the order of preference: address s; pf ms; numa_node i; chosen b (for
 *              this slot); rule ms and reason ms (why it was not, as the end of a sentence that begins with the address)
 *
 * Returns: (transfer full): a non-floating variant for g_variant_unref(); or NULL: VFPOOL_ERROR_BAD_INPUT (a pool that is not
 *   configured), VFPOOL_ERROR_DENIED, VFPOOL_ERROR_KERNEL. That no VF is free is no error here.
 */
GVariant *vfpool_plan (Vfpool *self, const VfpoolRequest *request, GError **error);

/**
 * vfpool_cordon: hands out nothing more of a VF, or of all VFs of a PF, until vfpool_uncordon(). Who holds one keeps it. Survives a
 * reboot.
 * @bdf: a PF, or a function that lies in a pool
 * @reason: (nullable): for those who read `vfpool status`; any text
 *
 * Cordoning twice is no error; the newer reason stays.
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT (no address), VFPOOL_ERROR_NOT_FOUND (no such device, or none of vfpool's), or the errors of
 *   the ledger.
 */
gboolean vfpool_cordon (Vfpool *self, const char *bdf, const char *reason, GError **error);

/** vfpool_uncordon: ends it. Returns: FALSE as vfpool_cordon(); VFPOOL_ERROR_NOT_FOUND also when @bdf is not cordoned. */
gboolean vfpool_uncordon (Vfpool *self, const char *bdf, GError **error);

/**
 * vfpool_forget: forgets which VF and which generated MAC a guest had.
 * @kind, @id: the guest; @id NULL: all guests that were not seen for @days
 * @days: since a guest last acquired or released; -1: as the configuration says (remember=). Not looked at with an @id.
 * @n: (out): how many slots of guests were forgotten
 *
 * Who holds a VF now is not forgotten.
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_INPUT (@id is none), VFPOOL_ERROR_IN_USE (the guest that was named holds a VF), or the errors
 *   of the ledger.
 */
gboolean vfpool_forget (Vfpool *self, VfpoolGuestKind kind, const char *id, int days, guint *n, GError **error);

/**
 * vfpool_up: makes the configured number of VFs on each configured PF and parks the free ones on their driver.
 *
 * A PF that already has its number of VFs keeps them. Otherwise the number is only changed when no VF of that PF is
 * leased and no IOMMU group of them is open: VFPOOL_ERROR_IN_USE names who is in the way. All PFs are tried.
 *
 * Returns: FALSE with the first failure.
 */
gboolean vfpool_up (Vfpool *self, GError **error);

/**
 * vfpool_check: proves the configuration against the host without changing anything: PFs exist and can have that many
 * VFs, members exist (or will after vfpool_up()), no VF lies in two pools, VFs are viable.
 *
 * What an operator should look at but that is no error goes to the message function.
 *
 * Returns: FALSE with VFPOOL_ERROR_BAD_CONFIG.
 */
gboolean vfpool_check (Vfpool *self, GError **error);

/**
 * vfpool_status: everything that is known, for display.
 *
 * The result is a dictionary (a{sv}) with three entries, each an array of dictionaries (aa{sv}). A value that may be
 * absent is of a maybe type.
 *
 * "pfs":   address s; driver ms; netdev ms; numa_node i (-1 unknown); totalvfs u; numvfs u;
 *          vendor u, device u (PCI ids); cordoned b; cordon_reason ms
 *
 * "pools": name s; total u; free u (handed out next); leased u (reserved, active, releasing); quarantined u; foreign u;
 *          cordoned u (would be free)
 *
 * "vfs":   address s; pf ms; index i (of the VF on its PF, from 0; -1 for a function that is no VF); pool ms;
 *          driver ms; iommu_group i (-1 none); numa_node i; vendor u; device u;
 *          state s: free (nobody holds it; one whose pool is absent is never handed out), reserved, active, releasing,
 *                   quarantined, or foreign (held by somebody vfpool did not lease to);
 *          guest m(a{sv}): kind s, id s, name ms; slot ms; mac ms and vlan mi (asked for in the lease);
 *          since mx (microseconds since 1970 UTC); reason ms (why quarantined; who holds a foreign one; what
 *          is wrong with an active one);
 *          cordoned b (itself or its PF); cordon_reason ms
 *
 * Returns: (transfer full): a non-floating variant for g_variant_unref(), or NULL.
 */
GVariant *vfpool_status (Vfpool *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Vfpool, vfpool_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VfpoolRequest, vfpool_request_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VfpoolLease, vfpool_lease_unref)

G_END_DECLS
