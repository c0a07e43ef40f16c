# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the Proxmox cases share: a node made of folders, with the pools `lan` (three VFs of the first PF) and `wan` (its
# fourth), free VFs on the kernel's own driver, mappings of the same names, and pve-model for PVE itself.

readonly pf=0000:01:00.0 netdev=enp1s0
# shellcheck disable=SC2034 # the cases use them
readonly vf0=0000:01:10.0 vf1=0000:01:10.2 vf2=0000:01:10.4 vf3=0000:01:10.6
readonly hook=/usr/libexec/vfpool/pve-hookscript
readonly mapping=/etc/pve/mapping/pci.cfg reservations=/run/qemu-server/pci-id-reservations

model() { perl /root/pve-model "$@"; }

# pve_node: makes the node; nothing is leased, nothing parked.
pve_node() {
    local node
    node=$(hostname -s)
    mkdir -p "/etc/pve/nodes/$node" /etc/pve/qemu-server /etc/pve/lxc /etc/pve/mapping /run/qemu-server /var/lib/vz/snippets \
        /etc/vfpool
    ln -sfn "nodes/$node" /etc/pve/local
    cat >/etc/vfpool/vfpool.conf <<CONF
[pf $pf]
numvfs=4
park=host

[pool lan]
members=pf=$pf vfs=0-2
sticky=no
mac=keep

[pool wan]
members=pf=$pf vfs=3
CONF
    install -m 755 /usr/share/vfpool/snippets/vfpool /var/lib/vz/snippets/vfpool
    ip link set "$netdev" up
    vfpool up && udevadm settle --timeout=20
    for pool in lan wan; do
        vfpool pve mapping "$pool" --apply || return
    done
}

# vm VMID LINE...: a VM's configuration, with the hookscript; vm_bare: without.
vm_bare() {
    local vmid=$1
    shift
    printf '%s\n' "name: vm$vmid" "$@" >"/etc/pve/qemu-server/$vmid.conf"
}
vm() {
    local vmid=$1
    shift
    vm_bare "$vmid" "hookscript: local:snippets/vfpool" "$@"
}

# shellcheck disable=SC2120 # the argument is optional
# leased [VMID]: addresses leased to the VM, or to anybody, in one line.
leased() {
    vfpool status --json | jq -r --arg id "${1-}" \
        '[.vfs[] | select(.guest != null and ($id == "" or .guest.id == $id)) | .address] | sort | join(" ")'
}

# reserved_for VMID: addresses in PVE's file for a VM, in one line.
reserved_for() { awk -v id="$1" '$2 == id { print $1 }' "$reservations" | sort | paste -sd ' '; }
# parked: the same for the VM that cannot be.
parked() { reserved_for 1000000000; }
reservation() { awk -v bdf="$1" '$1 == bdf { print $2, $3 }' "$reservations"; }

# groups_of PID: the IOMMU groups that a process holds open, sorted, in one line.
groups_of() {
    find "/proc/$1/fd" -lname '/dev/vfio/[0-9]*' -printf '%l\n' | sed 's|.*/||' | sort -u | paste -sd ' '
}
# groups BDF...: the groups of functions, likewise.
groups() {
    local bdf
    for bdf in "$@"; do iommu_group "$bdf"; done | sort -u | paste -sd ' '
}

drivers() {
    local bdf
    for bdf in "$@"; do vf_driver "$bdf"; done | paste -sd ' '
}
macs() {
    local i
    for i in 0 1 2 3; do vf_mac "$netdev" "$i"; done | paste -sd ' '
}

# all_have_macs: waits until the kernel's driver has made up a MAC for each VF. It may still be at it; and one that was bound while its
# PF was in a reset has none until it is bound once more.
have_macs() { [[ $(macs) != *00:00:00:00:00:00* ]]; }
all_have_macs() {
    local i vf
    wait_for 15 have_macs && return
    for i in 0 1 2 3; do
        [[ $(vf_mac "$netdev" "$i") == 00:00:00:00:00:00 ]] || continue
        vf=$(vf_bdf "$pf" "$i")
        echo "$vf" >/sys/bus/pci/drivers/igbvf/unbind
        echo "$vf" >/sys/bus/pci/drivers/igbvf/bind
    done
    wait_for 45 have_macs
}

# has_published TEXT: whether that is what this node lets the others know of its leases: "BDF=VMID", in one line.
has_published() {
    [[ $(jq -r '[.vfs[] | .address + "=" + .guest.id] | sort | join(" ")' "/etc/pve/nodes/$(hostname -s)/vfpool.json" 2>&1) == "$1" ]]
}
