# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A libvirt guest that asks for a pool: it gets a VF when it starts, plugged in by the agent, and gives it back however it
# ends; an empty pool refuses it with the reason; MAC and VLAN are set while it runs and put back after.
#
# timeout: 900

# shellcheck disable=SC2317  # functions are called through check and wait_for
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:01:00.0 hook=/etc/libvirt/hooks/qemu.d/vfpool
mkdir -p /etc/vfpool
cat >/etc/vfpool/vfpool.conf <<END
[pf $pf]
numvfs=4
[pf 0000:03:00.0]
numvfs=2
[pool lan]
members=pf=$pf vfs=0-1
[pool disk]
members=pf=0000:03:00.0
END

uuid() { echo "00000000-0000-4000-8000-00000000000$1"; }

request() { echo "<v:request xmlns:v='urn:vfpool:domain:1'>$1</v:request>"; }

# define N SLOTS [DEVICES]: defines the guest gN with these slots.
define() {
    guest_xml "g$1" "$(uuid "$1")" "$(request "$2")" "${3-}" >"/tmp/g$1.xml"
    virsh -q define "/tmp/g$1.xml"
}

# held_by N: the addresses of the VFs that guest N has an active lease of.
held_by() {
    vfpool status --json | jq -r --arg id "$(uuid "$1")" \
        '[.vfs[] | select(.guest.id? == $id and .state == "active") | .address] | join(" ")'
}

# attached N SLOT: the host address of the device that the agent plugged in for a slot.
attached() {
    virsh dumpxml "g$1" | grep -B 4 "ua-vfpool-$2'" |
        sed -nE "s/.*<address domain='0x(.*)' bus='0x(.*)' slot='0x(.*)' function='0x(.)'.*/\1:\2:\3.\4/p"
}
is_attached() { [[ -n $(attached "$1" "$2") ]]; }

# qemu_has N BDF: the guest's QEMU has the VF's group open.
qemu_has() { find "/proc/$(guest_pid "g$1")/fd" -lname "/dev/vfio/$(iommu_group "$2")" | grep -q .; }

is_free() { [[ -z $(vfpool status --json | jq -r '.vfs[] | select(.pool != null and .state != "free") | .address') ]]; }
# show: what the kernel knows of the VFs, to compare before and after.
show() {
    ip -j -d link show dev enp1s0 | jq -c '.[0].vfinfo_list[]'
    for vf in "/sys/bus/pci/devices/$pf"/virtfn* /sys/bus/pci/devices/0000:03:00.0/virtfn*; do
        echo "$(basename "$(readlink "$vf")") $(vf_driver "$(basename "$(readlink "$vf")")")"
    done
}

check "the agent runs" systemctl is-active vfpool-agent.service
check "vfpool up" vfpool up
check "all VFs are free" is_free
before=$(show)

# --- One, two, and none left ----------------------------------------------------------------------------------------

define 1 "<v:slot name='net0' pool='lan' mac='52:54:00:00:aa:01' vlan='101'/>"
define 2 "<v:slot name='net0' pool='lan' mac='52:54:00:00:aa:02'/>"
define 3 "<v:slot name='net0' pool='lan'/>"

check "the first guest starts" virsh -q start g1
is "it holds the first VF" "$(held_by 1)" 0000:01:10.0
is "its MAC is set on the PF" "$(vf_mac enp1s0 0)" 52:54:00:00:aa:01
like "its VLAN is set on the PF" "$(vf_info enp1s0 0)" '"vlan": ?101'
check "the agent attaches the VF" wait_for 30 is_attached 1 net0
is "... this very VF" "$(attached 1 net0)" 0000:01:10.0
check "QEMU has its group open" qemu_has 1 0000:01:10.0

check "the second guest starts" virsh -q start g2
is "it holds another VF" "$(held_by 2)" 0000:01:10.2
check "the agent attaches it" wait_for 30 is_attached 2 net0
check "QEMU has its group open" qemu_has 2 0000:01:10.2

refusal=$(virsh start g3 2>&1)
is "the third is refused" "$?" 1
like "... with the pool's name" "$refusal" "lan"
like "... and who holds its VFs" "$refusal" "g1"
note "$refusal"
is "it does not run" "$(guest_state g3)" "shut off"
is "it holds nothing" "$(held_by 3)" ""
is "the others still hold theirs" "$(held_by 1) $(held_by 2)" "0000:01:10.0 0000:01:10.2"

# --- However it ends ------------------------------------------------------------------------------------------------

virsh -q destroy g1
holds_nothing() { [[ -z $(held_by "$1") ]]; }
check "destroyed, the first holds nothing" wait_for 10 holds_nothing 1
kill -9 "$(guest_pid g2)"
check "killed, the second holds nothing" wait_for 20 is_free
is "attributes and drivers are as they were" "$(show)" "$before"

check "now the third starts" virsh -q start g3
check "... and gets its VF" wait_for 30 is_attached 3 net0
virsh -q destroy g3
check "all VFs are free" wait_for 10 is_free

# The hook does not run any more: the agent hears of the stop and gives back.
virsh -q start g1
wait_for 30 is_attached 1 net0
mv "$hook" /root/hook
printf '#!/bin/sh\nexit 0\n' >"$hook"
chmod 755 "$hook"
virsh -q destroy g1
check "without the hook the agent releases" wait_for 20 is_free
mv /root/hook "$hook"
is "attributes and drivers are as they were" "$(show)" "$before"

# --- Other ways to ask ----------------------------------------------------------------------------------------------

check "a transient guest starts" virsh -q create /tmp/g2.xml
check "... and gets its VF" wait_for 30 is_attached 2 net0
virsh -q destroy g2
check "... and gives it back" wait_for 10 is_free

define 4 "<v:slot pool='lan'/><v:slot name='d' pool='disk'/>"
check "a guest with a NIC and an NVMe function starts" virsh -q start g4
check "both are attached" wait_for 40 eval 'is_attached 4 slot0 && is_attached 4 d'
is "the NVMe one is from its pool" "$(attached 4 d)" 0000:03:00.1
check "QEMU has its group open" qemu_has 4 0000:03:00.1
virsh -q destroy g4
check "all VFs are free" wait_for 10 is_free

guest_xml g5 "$(uuid 5)" >/tmp/g5.xml
virsh -q define /tmp/g5.xml
check "a request set by virsh metadata" virsh -q metadata g5 urn:vfpool:domain:1 --config --key vfpool \
    --set '<request><slot name="net0" pool="lan"/></request>'
check "... starts" virsh -q start g5
check "... and is served" wait_for 30 is_attached 5 net0
virsh -q destroy g5
check "all VFs are free" wait_for 10 is_free

# --- What could not be attached -------------------------------------------------------------------------------------

# refused WHAT GUEST REGEX: it does not start, is told why, and holds nothing.
refused() {
    local rc
    refusal=$(virsh start "g$2" 2>&1)
    rc=$?
    is "$1 is refused" "$rc" 1
    like "... with the reason" "$refusal" "$3"
    note "$refusal"
    is "... and holds nothing" "$(held_by "$2")" ""
}

GUEST_PORTS=0 define 6 "<v:slot name='net0' pool='lan'/>"
refused "a guest without a root port" 6 \
    "'g6' has 0 free .* for the 1 .* 1 too few: add that many lines <controller type='pci' model='pcie-root-port'/> to its <devices>"
sed "s|<devices>|&<controller type='pci' model='pcie-root-port'/>|" /tmp/g6.xml >/tmp/g6-more.xml
virsh -q define /tmp/g6-more.xml
check "with that line it starts" virsh -q start g6
check "... and gets its VF" wait_for 30 is_attached 6 net0
virsh -q destroy g6
# A disk takes one of the two.
GUEST_PORTS=2 define 7 "<v:slot name='a' pool='lan'/><v:slot name='b' pool='lan'/>" \
    "<interface type='user'><model type='virtio'/></interface>"
refused "a guest with a port too few" 7 "'g7' has 1 free .* for the 2 .* 1 too few"
out=$(virsh create <(GUEST_PORTS=0 guest_xml g8 "$(uuid 8)" "$(request "<v:slot pool='lan'/>")") 2>&1)
like "a transient one, too" "$out" "'g8' has 0 free"
guest_xml g9 "$(uuid 9)" "$(request "<v:slot pool='lan'/>")" |
    sed -e "s/machine='q35'/machine='pc'/" -e "/controller type='pci'/d" >/tmp/g9.xml
check "a guest of the older machine has room" virsh -q create /tmp/g9.xml
check "... and gets its VF" wait_for 30 is_attached 9 slot0
virsh -q destroy g9
check "all VFs are free" wait_for 10 is_free
is "attributes and drivers are as they were" "$(show)" "$before"

check "the agent stops cleanly" systemctl stop vfpool-agent.service
is "... by itself" "$(systemctl show -P Result vfpool-agent.service)" success
refused "without it a guest that asks for a pool" 1 "vfpool-agent.service does not run; start it \\(systemctl"
define 1 "" "$(hostdev_xml 0000:01:10.0)"
check "... and one that asks for an address is not" virsh -q start g1
virsh -q destroy g1
note "$(journalctl -u vfpool-agent.service --no-pager -o cat | tail -n 30)"
done_testing
