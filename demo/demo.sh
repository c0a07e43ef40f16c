# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The main job, shown: guests get a free VF when they start and give it back when they stop, under libvirt and as Proxmox VE
# calls it. Each step says what it shows, then the command, then its real output. It runs in the bench, a virtual machine that
# is a host with SR-IOV functions; a step that does not come out as said ends the demo with an error.
set -euo pipefail
# shellcheck source=../tests/bench/lib.sh
. "$BENCH_DIR/lib.sh"

pf=0000:01:00.0
vf0=0000:01:10.0
vf1=0000:01:10.2

step() { printf '\n== %s\n' "$*"; }
run() {
  printf '# %s\n' "$*"
  "$@"
}
die() {
  printf 'demo: this should not have happened: %s\n' "$*" >&2
  exit 1
}
uuid_of() { printf '11111111-1111-4111-8111-00000000000%s' "$1"; }
define_guest() { # NUMBER, options of `request add`
  guest_xml "vm$1" "$(uuid_of "$1")" > "/tmp/vm$1.xml"
  virsh -q define "/tmp/vm$1.xml"
  run vfpool request add "vm$1" --pool lan --slot net0 "${@:2}"
}
attached() { virsh dumpxml "$1" | grep -q "alias name='ua-vfpool-net0'"; }
all_free() { ! vfpool status --json | jq -e '.vfs[] | select(.state != "free")' > /dev/null; }
attributes() {
  ip -j link show dev enp1s0 | jq -c '.[0].vfinfo_list'
  for vf in $vf0 $vf1; do printf '%s %s\n' "$vf" "$(vf_driver "$vf")"; done
}

step "The host: a NIC that can have VFs, and two pools: 'lan' of two VFs of it, 'disk' of an NVMe controller's."
cat > /etc/vfpool/vfpool.conf << CONF
[pf $pf]
numvfs=2
park=host

[pf 0000:03:00.0]
numvfs=4

[pool lan]
members=pf=$pf

[pool disk]
members=pf=0000:03:00.0
CONF
run cat /etc/vfpool/vfpool.conf
run ip link set enp1s0 up
run vfpool up
run vfpool check
run vfpool status
# udev gives a new interface a MAC of its own, which the PF shows, too.
udevadm settle
before=$(attributes)

step "A libvirt guest asks for a VF of pool 'lan' in its <metadata>, with a MAC and a VLAN. No address is written anywhere."
define_guest 1 --mac 52:54:00:aa:00:01 --vlan 100
run virsh dumpxml vm1 | grep -A2 'vfpool:request xmlns'
run virsh start vm1
run vfpool status

step "The hook leased and prepared it before QEMU started; the agent plugged it in. libvirt and QEMU have it ..."
wait_for 30 attached vm1 || die "vm1 got no device"
virsh dumpxml vm1 | grep -B6 "ua-vfpool-net0"
run virsh qemu-monitor-command --hmp vm1 info pci | grep -B1 -A1 -i '8086:10ca' || die "QEMU of vm1 has no such device"

step "... and the kernel says the same: driver vfio-pci, the group held by this QEMU, MAC and VLAN set through the PF."
run readlink "/sys/bus/pci/devices/$vf0/driver"
group=$(iommu_group "$vf0")
printf '# ls -l /proc/%s/fd | grep vfio\n' "$(guest_pid vm1)"
find "/proc/$(guest_pid vm1)/fd" -lname '/dev/vfio/*' -printf '%f -> %l\n'
find "/proc/$(guest_pid vm1)/fd" -lname "/dev/vfio/$group" | grep -q . || die "QEMU of vm1 does not hold group $group"
ip link show dev enp1s0 | grep 'vf 0'

step "A second guest gets another VF."
define_guest 2
run virsh start vm2
wait_for 30 attached vm2 || die "vm2 got no device"
run vfpool status

step "A third finds the pool empty: it is refused, and told why."
define_guest 3
printf '# virsh start vm3\n'
if virsh start vm3 2>&1; then die "vm3 started without a VF"; fi

step "The guests stop, the second by kill -9 of its QEMU: every VF is free again, with the attributes and drivers it had."
run virsh destroy vm1
run kill -9 "$(guest_pid vm2)"
wait_for 30 all_free || die "a VF was not given back"
run vfpool status
diff <(printf '%s\n' "$before") <(attributes) || die "something is not as it was"
attributes

step "Proxmox VE: the hookscript leads PVE's own choice to the VF it leased. A small model stands in for PVE here."
mkdir -p /etc/pve/qemu-server /etc/pve/mapping /run/qemu-server /var/lib/vz/snippets
install -m 755 /usr/share/vfpool/snippets/vfpool /var/lib/vz/snippets/vfpool
mkdir -p "/etc/pve/nodes/$(hostname -s)" && ln -sfn "nodes/$(hostname -s)" /etc/pve/local
run vfpool pve mapping lan --apply
printf '%s\n' "name: web" "hookscript: local:snippets/vfpool" "hostpci0: mapping=lan" > /etc/pve/qemu-server/101.conf
run cat /etc/pve/qemu-server/101.conf
step "qm start 101: pre-start leases, PVE reserves and starts QEMU, post-start."
run perl /root/pve-model start 101
run vfpool status
run cat /run/qemu-server/pci-id-reservations
step "qm stop 101: pre-stop, QEMU ends, post-stop gives back and keeps the pool closed to VMs without a lease."
run perl /root/pve-model stop 101
run cat /run/qemu-server/pci-id-reservations

step "In the end nobody holds anything, and all is as it was."
wait_for 10 all_free || die "a VF was not given back"
run vfpool status
diff <(printf '%s\n' "$before") <(attributes) || die "something is not as it was"
echo
echo "vfpool demo: done"
