# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A libvirt guest whose XML names a VF by address: the hook leases and binds it before libvirt looks, with managed='no',
# managed='yes' and as <interface type='hostdev'>; two guests cannot have the same one; a device in no pool is libvirt's.
#
# timeout: 900

# shellcheck disable=SC2317  # functions are called through check and wait_for
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:01:00.0 vf=0000:01:10.0
mkdir -p /etc/vfpool
cat >/etc/vfpool/vfpool.conf <<END
[pf $pf]
numvfs=4
park=host
[pool lan]
members=pf=$pf vfs=0-1
END

uuid() { echo "00000000-0000-4000-8000-00000000000$1"; }

define() {
    guest_xml "g$1" "$(uuid "$1")" "" "$2" >"/tmp/g$1.xml"
    virsh -q define "/tmp/g$1.xml"
}

# interface_xml BDF MANAGED MAC VLAN
interface_xml() {
    local domain bus slot function
    IFS=:. read -r domain bus slot function <<<"$1"
    cat <<END
<interface type='hostdev' managed='$2'>
  <mac address='$3'/>
  <source><address type='pci' domain='0x$domain' bus='0x$bus' slot='0x$slot' function='0x$function'/></source>
  <vlan><tag id='$4'/></vlan>
  <rom bar='off'/>
</interface>
END
}

held_by() {
    vfpool status --json | jq -r --arg id "$(uuid "$1")" \
        '[.vfs[] | select(.guest.id? == $id and .state == "active") | .address] | join(" ")'
}
qemu_has() { find "/proc/$(guest_pid "g$1")/fd" -lname "/dev/vfio/$(iommu_group "$2")" | grep -q .; }
is_free() { [[ -z $(vfpool status --json | jq -r '.vfs[] | select(.pool != null and .state != "free") | .address') ]]; }
is_off() { [[ $(guest_state "$1") == "shut off" ]]; }
show() {
    ip -j -d link show dev enp1s0 | jq -c '.[0].vfinfo_list[]'
    for i in 0 1 2 3; do vf_driver "$(vf_bdf "$pf" "$i")"; done
}

# libvirt sets the MAC of an interface only while its PF is up; igbvf, too, can tell its PF the MAC that it made up for a
# VF without one only then, so what is compared must not be from before.
ip link set enp1s0 up
check "vfpool up" vfpool up
udevadm settle
is "a free VF is on the host's driver" "$(vf_driver "$vf")" igbvf
before=$(show)

for managed in no yes; do
    define 1 "$(hostdev_xml "$vf" "" "$managed")"
    check "managed='$managed': the guest starts" virsh -q start g1
    is "managed='$managed': it holds the VF" "$(held_by 1)" "$vf"
    is "managed='$managed': the VF is on vfio-pci" "$(vf_driver "$vf")" vfio-pci
    check "managed='$managed': QEMU has its group open" qemu_has 1 "$vf"
    like "managed='$managed': the lease is named after the address" "$(vfpool status --json)" hostdev-0000-01-10-0
    if [[ $managed == no ]]; then
        define 2 "$(hostdev_xml "$vf")"
        refusal=$(virsh start g2 2>&1)
        is "a second guest cannot have it" "$?" 1
        like "... and is told who has it" "$refusal" "g1"
        note "$refusal"
    fi
    virsh -q destroy g1
    check "managed='$managed': stopped, all VFs are free" wait_for 10 is_free
    is "managed='$managed': attributes and drivers are as they were" "$(show)" "$before"
done

# The same guest again and again: libvirt does not look twice at what it was told is unmanaged.
define 1 "$(hostdev_xml "$vf")"
for round in 1 2 3; do
    check "round $round: it starts" virsh -q start g1
    check "round $round: QEMU has the group open" qemu_has 1 "$vf"
    kill -9 "$(guest_pid g1)"
    check "round $round: killed, all VFs are free" wait_for 20 is_free
    wait_for 10 is_off g1
done
is "attributes and drivers are as they were" "$(show)" "$before"

for managed in no yes; do
    define 3 "$(interface_xml "$vf" "$managed" 52:54:00:00:bb:03 42)"
    check "interface, managed='$managed': the guest starts" virsh -q start g3
    is "interface, managed='$managed': it holds the VF" "$(held_by 3)" "$vf"
    is "interface, managed='$managed': its MAC is set" "$(vf_mac enp1s0 0)" 52:54:00:00:bb:03
    like "interface, managed='$managed': its VLAN is set" "$(vf_info enp1s0 0)" '"vlan": ?42'
    check "interface, managed='$managed': QEMU has its group open" qemu_has 3 "$vf"
    virsh -q destroy g3
    check "interface, managed='$managed': stopped, all VFs are free" wait_for 10 is_free
    is "interface, managed='$managed': attributes and drivers are as they were" "$(show)" "$before"
done

# A VF that is in no pool: vfpool looks away, libvirt does what it does without vfpool.
define 4 "$(hostdev_xml 0000:01:10.4 "" yes)"
check "a VF in no pool is libvirt's to hand out" virsh -q start g4
is "... and is leased to nobody" "$(held_by 4)" ""
virsh -q destroy g4
check "all VFs are free" wait_for 10 is_free
done_testing
