/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of verbs: what `vfpool` can do, and all that is said about it. */
#include "cli.h"

#include <string.h>

const CliVerb cli_verbs[] = {
  {
      .name = "status",
      .function = cli_status,
      .summary = "show the pools, the VFs and who holds them (no verb means this)",
      .details =
          "Shows each pool with its counts, each VF with its state and holder, and the physical functions (PFs).\n"
          "States: free, reserved (being prepared), active (the guest's), releasing (being put back), quarantined\n"
          "(could not be put back; needs a look), foreign (held by somebody vfpool did not lease it to). Of what is\n"
          "cordoned nothing more is handed out. With --cluster, the same in short for all nodes of a Proxmox VE "
          "cluster, as\n"
          "each published it when something last changed there.\n",
      .example =
          "vfpool status\n"
          "vfpool status --json | jq -r '.vfs[] | select(.state == \"free\" and (.cordoned | not)) | .address'\n",
      .options = cli_status_options,
      .needs_library = TRUE,
  },
  {
      .name = "plan",
      .function = cli_plan,
      .summary = "show which VF a guest would get and why, change nothing",
      .details =
          "Shows for each slot of a guest the VF that acquiring would choose now, by which rule, and of each other VF "
          "of\n"
          "the pool why it was not. The guest is described by the options of acquire, or it is a libvirt guest's XML\n"
          "(--domain), or a Proxmox VE virtual machine (--vmid). Others may acquire between a plan and its guest's "
          "start.\n"
          "Exit status 69: the request would be refused; what could not be given is shown all the same.\n",
      .example = "vfpool plan --guest manual/dpdk --pool lan --nodes 0\n"
                 "virsh dumpxml web | vfpool plan --domain -\n"
                 "vfpool plan --vmid 101 --json | jq -r '.slots[].chosen'\n",
      .options = cli_plan_options,
      .find_problem = cli_plan_find_problem,
  },
  {
      .name = "acquire",
      .function = cli_acquire,
      .summary = "lease free VFs of a pool to a guest, prepare them, print their addresses",
      .details =
          "Chooses free VFs, records the leases, sets MAC and VLAN through the PF, binds the VFs to vfio-pci, reads "
          "all\n"
          "of it back, and prints each VF's PCI address alone on a line. The same guest and slot get the same VF\n"
          "again. Exit status 69: too few VFs are free, and the message says why each was refused.\n",
      .example = "vfpool acquire --guest manual/dpdk --pool lan --vlan 100\n"
                 "0000:01:10.0\n"
                 "vfpool acquire --guest manual/dpdk2 --pool lan --count 2 --anti-affinity card --nodes 0\n"
                 "0000:01:10.2\n"
                 "0000:41:10.0\n",
      .options = cli_request_options,
      .needs_library = TRUE,
      .needs_root = TRUE,
  },
  {
      .name = "release",
      .function = cli_release,
      .summary = "take back all VFs that a guest holds",
      .details =
          "Puts MAC, VLAN and driver back as they were and ends the leases. A guest that holds nothing is no error. A\n"
          "VF that somebody has open is not touched (exit status 69); one that cannot be put back is quarantined\n"
          "with the reason, and not handed out until --quarantined has put it back, or the host is rebooted.\n",
      .example = "vfpool release --guest manual/dpdk\nvfpool release --quarantined 0000:03:10.2\n",
      .options = cli_release_options,
      .needs_one_option = TRUE,
      .needs_library = TRUE,
      .needs_root = TRUE,
  },
  {
      .name = "reconcile",
      .function = cli_reconcile,
      .summary = "bring the ledger and the kernel together after something died",
      .details =
          "Voids leases of an earlier boot, finishes or undoes steps that a dead process left half done, and releases\n"
          "what guests hold that are gone. It can be run at any time; --verbose tells what it did.\n",
      .example = "vfpool --verbose reconcile\n",
      .needs_library = TRUE,
      .needs_root = TRUE,
  },
  {
      .name = "start",
      .function = cli_libvirt,
      .summary = "start a libvirt guest with its VFs in place before it runs",
      .details =
          "Starts the guest paused, plugs in the VFs that it asks for by pool, and lets it run: the devices are there\n"
          "before the first instruction of its firmware. The agent need not run. When a VF cannot be had or plugged "
          "in, the\n"
          "guest does not start, and nothing stays leased. GUEST is a name or a UUID. A paused guest, such as a start\n"
          "leaves that was killed, gets what it lacks and goes on.\n",
      .example = "vfpool start web\n",
      .operand = "GUEST",
      .needs_operand = TRUE,
      .find_problem = cli_libvirt_find_problem,
      .needs_root = TRUE,
  },
  {
      .name = "attach",
      .function = cli_libvirt,
      .summary = "give a libvirt guest that runs a VF of a pool",
      .details = "Leases a VF, prepares it, plugs it in and prints its PCI address. When it cannot be plugged in, it "
                 "is released\n"
                 "again. The guest keeps it until it stops, or until detach.\n",
      .example = "vfpool attach web --pool lan --vlan 100\n0000:01:10.0\n",
      .options = cli_attach_options,
      .operand = "GUEST",
      .needs_operand = TRUE,
      .find_problem = cli_libvirt_find_problem,
      .needs_root = TRUE,
  },
  {
      .name = "detach",
      .function = cli_libvirt,
      .summary = "take a VF from a libvirt guest that runs",
      .details = "Asks the guest to let go of the device in SLOT, waits until it has, and releases the VF. A guest "
                 "that does not\n"
                 "let go in time keeps it (exit status 69). SLOT is as vfpool status shows it.\n",
      .example = "vfpool detach web slot0 --wait 60\n",
      .options = cli_detach_options,
      .operand = "GUEST",
      .second_operand = "SLOT",
      .needs_operand = TRUE,
      .find_problem = cli_libvirt_find_problem,
      .needs_root = TRUE,
  },
  {
      .name = "resolve",
      .function = cli_libvirt,
      .summary = "lease what a domain XML asks for, print it with the addresses filled in",
      .details = "Reads a domain's XML and prints the same XML with a <hostdev> for each VF that it asks for by pool; "
                 "all are\n"
                 "leased, or none. For tools that make transient guests. A domain without <uuid> is given one; one "
                 "that asks for\n"
                 "no pool is printed as it is.\n",
      .example = "vfpool resolve < web.xml | virsh create /dev/stdin\n",
      .find_problem = cli_libvirt_find_problem,
      .needs_root = TRUE,
  },
  {
      .name = "request add",
      .function = cli_libvirt,
      .summary = "have a libvirt guest ask for a VF of a pool at each start",
      .details = "Writes the request into the guest's definition. A guest that runs has the VF from its next start on; "
                 "vfpool\n"
                 "attach gives it one now.\n",
      .example = "vfpool request add web --pool lan --slot net0 --mac 52:54:00:12:34:56 --vlan 100\n",
      .options = cli_request_add_options,
      .operand = "GUEST",
      .needs_operand = TRUE,
      .find_problem = cli_libvirt_find_problem,
  },
  {
      .name = "request list",
      .function = cli_request_list,
      .summary = "show what a libvirt guest asks for at each start",
      .details = "Shows the request in the guest's definition, slot by slot.\n",
      .example = "vfpool request list web\nvfpool request list web --json | jq -r '.slots[].pool'\n",
      .options = cli_request_list_options,
      .operand = "GUEST",
      .needs_operand = TRUE,
      .find_problem = cli_libvirt_find_problem,
  },
  {
      .name = "request remove",
      .function = cli_libvirt,
      .summary = "have a libvirt guest no longer ask for a VF",
      .details =
          "Takes SLOT out of the request in the guest's definition. A guest that runs keeps its VF until it stops;\n"
          "vfpool detach takes it now.\n",
      .example = "vfpool request remove web net0\n",
      .operand = "GUEST",
      .second_operand = "SLOT",
      .needs_operand = TRUE,
      .find_problem = cli_libvirt_find_problem,
  },
  {
      .name = "cordon",
      .function = cli_cordon,
      .summary = "hand out nothing more of a VF, or of all VFs of a PF",
      .details = "Before a card is pulled, moved or given new firmware, or when a VF is not to be trusted. Who holds a "
                 "VF keeps\n"
                 "it; once it is given back, nobody gets it. It lasts until 'vfpool uncordon', also over reboots. "
                 "Cordoning once\n"
                 "more gives it another reason.\n",
      .example = "vfpool cordon 0000:03:00.0 --reason 'new firmware on Friday'\nvfpool status\n",
      .options = cli_cordon_options,
      .operand = "ADDRESS",
      .needs_operand = TRUE,
      .needs_library = TRUE,
      .needs_root = TRUE,
  },
  {
      .name = "uncordon",
      .function = cli_uncordon,
      .summary = "hand out again what was cordoned",
      .details =
          "Ends the cordon of this very address, also when the device is gone: a VF whose PF is cordoned stays so.\n",
      .example = "vfpool uncordon 0000:03:00.0\n",
      .operand = "ADDRESS",
      .needs_operand = TRUE,
      .needs_library = TRUE,
      .needs_root = TRUE,
  },
  {
      .name = "forget",
      .function = cli_forget,
      .summary = "forget which VFs and MACs guests had that are not used any more",
      .details =
          "A guest that comes back gets the VF that it had, if that is free, and the MAC that was made for it. This\n"
          "forgets both: of one guest, or of all that neither acquired nor released for long. What a guest holds now "
          "is\n"
          "not forgotten (exit status 69 if that guest was named). Prints how many slots of guests were.\n",
      .example = "vfpool forget --guest pve-qemu/101\nvfpool forget --days 30\n",
      .options = cli_forget_options,
      .takes_one_option = TRUE,
      .needs_library = TRUE,
      .needs_root = TRUE,
  },
  {
      .name = "check",
      .function = cli_check,
      .summary = "prove the configuration against this host, change nothing",
      .details =
          "Reads the configuration and looks whether its PFs exist and can have that many VFs, whether the members of\n"
          "the pools exist, whether a VF lies in two pools, and whether the VFs can be handed out safely. On a Proxmox "
          "VE\n"
          "node it looks at the pools' mappings and the guests' hookscripts, too.\n",
      .example = "vfpool check && systemctl restart vfpool\n",
      .needs_library = TRUE,
  },
  {
      .name = "up",
      .function = cli_up,
      .summary = "make the configured number of VFs, park the free ones on their driver",
      .details =
          "Runs at boot (vfpool.service), before libvirt and Proxmox VE start guests. A PF that has its number of VFs\n"
          "keeps them. The number of another is only changed while no VF of it is leased or open (exit status 69).\n",
      .example = "vfpool up\n",
      .needs_library = TRUE,
      .needs_root = TRUE,
  },
  {
      .name = "pve mapping",
      .function = cli_pve_mapping,
      .summary = "print a pool's mapping for Proxmox VE, or write it",
      .details = "Prints the section of /etc/pve/mapping/pci.cfg that lists the pool's VFs on this node. With --apply "
                 "it is written\n"
                 "there, beside what other nodes and other mappings have, under the cluster's lock, and only when "
                 "something has to\n"
                 "be changed: on each node once, and again after a change of hardware, kernel or pool. Exit status 73: "
                 "the node has\n"
                 "no quorum, so /etc/pve is read-only.\n",
      .example = "vfpool pve mapping lan\nvfpool pve mapping lan --apply\n",
      .options = cli_pve_mapping_options,
      .operand = "POOL",
      .needs_operand = TRUE,
  },
  {
      .name = "help",
      .function = cli_help,
      .summary = "explain vfpool, or one verb",
      .details = "Without a verb, lists all of them.\n",
      .example = "vfpool help acquire\n",
      .operand = "VERB",
      .joins_operand = TRUE,
  },
  {},
};

const CliOption cli_global_options[] = {
  { "root", "DIR", "use DIR in place of / for every path: for tests and saved trees" },
  { "verbose", NULL, "also say what was done, not only what needs attention" },
  { "help", NULL, "show help and exit" },
  { "version", NULL, "show the version and exit" },
  {},
};

const CliVerb *
cli_find_verb (const char *name) {
  for (const CliVerb *verb = cli_verbs; verb->name; verb++)
    if (strcmp (verb->name, name) == 0)
      return verb;
  return NULL;
}
