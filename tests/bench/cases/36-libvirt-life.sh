# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What can happen to a libvirt guest between its start and its end: a reboot from within, reset, pause, a save that QEMU refuses,
# undefined while it runs, renamed, transient, followed by another of its name, destroyed while it starts, a start that fails when
# QEMU is run already. Nothing leaks in any of them.
#
# timeout: 900

# shellcheck disable=SC2317  # functions are called through check and wait_for
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:01:00.0 a=0000:01:10.0 b=0000:01:10.2
mkdir -p /etc/vfpool
printf '[pf %s]\nnumvfs=3\n[pool lan]\nmembers=pf=%s\n' "$pf" "$pf" >/etc/vfpool/vfpool.conf

uuid() { echo "00000000-0000-4000-8000-00000000360$1"; }
# xml N NAME [DEVICES]: the XML of a guest that asks for a VF of the pool.
xml() {
    guest_xml "$2" "$(uuid "$1")" \
        "<v:request xmlns:v='urn:vfpool:domain:1'><v:slot name='net0' pool='lan' vlan='36'/></v:request>" "${3-}"
}
held_by() {
    vfpool status --json | jq -r --arg id "$(uuid "$1")" \
        '[.vfs[] | select(.guest.id? == $id and .state == "active") | .address] | join(" ")'
}
holds_nothing() { [[ -z $(held_by "$1") ]]; }
is_attached() { virsh dumpxml "$1" | grep -q ua-vfpool-net0; }
is_free() { [[ -z $(vfpool status --json | jq -r '.vfs[] | select(.pool != null and .state != "free") | .address') ]]; }
show() {
    ip -j -d link show dev enp1s0 | jq -c '.[0].vfinfo_list[]'
    for vf in "/sys/bus/pci/devices/$pf"/virtfn*; do vf_driver "$(basename "$(readlink "$vf")")"; done
}
# still WHAT: the first guest goes on with its VF.
still() {
    is "$1: it runs on, with its VF" "$(guest_state lf1) $(guest_pid lf1) $(held_by 1) $(virsh dumpxml lf1 | grep -c ua-vfpool-net0)" \
        "running $qemu $a 1"
}

check "vfpool up" vfpool up
before=$(show)
# The operating system of the first one: it waits for a key (BIOS call 0x16) and reboots by the keyboard's controller (0x64).
printf '%b' '\x31\xc0\xcd\x16\xb0\xfe\xe6\x64\xeb\xfe' >/var/lib/libvirt/images/os.img
truncate -s 1M /var/lib/libvirt/images/os.img
printf '\x55\xaa' | dd of=/var/lib/libvirt/images/os.img bs=1 seek=510 conv=notrunc status=none
xml 1 lf1 "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/var/lib/libvirt/images/os.img'/>
    <target dev='sda' bus='sata'/></disk>" >/tmp/lf1.xml
xml 2 lf2 >/tmp/lf2.xml
virsh -q define /tmp/lf1.xml
virsh -q define /tmp/lf2.xml

# --- While it runs --------------------------------------------------------------------------------------------------

check "a guest starts" virsh -q start lf1
check "its VF is attached" wait_for 30 is_attached lf1
check "another one starts" virsh -q start lf2
check "its VF is attached" wait_for 30 is_attached lf2
is "it is the second" "$(held_by 2)" "$b"
qemu=$(guest_pid lf1)
virsh event lf1 reboot --timeout 120 >/tmp/reboot &
reboots() { virsh -q send-key lf1 KEY_A && grep -q "event 'reboot'" /tmp/reboot; }
check "it reboots by itself" wait_for 90 reboots
still rebooted
check "reset" virsh -q reset lf1
still reset
check "paused" virsh -q suspend lf1
is "... it holds its VF" "$(guest_state lf1) $(held_by 1)" "paused $a"
check "resumed" virsh -q resume lf1
still resumed
refusal=$(virsh managedsave lf1 2>&1)
is "saved: refused" "$?" 1
like "... the message says so" "$refusal" "migrat|assigned|VFIO|vfio"
note "$refusal"
still saved
check "undefined while it runs" virsh -q undefine lf1
still undefined
check "destroyed" virsh -q destroy lf1
check "... it gives back" wait_for 10 holds_nothing 1

# --- Other names ----------------------------------------------------------------------------------------------------

virsh -q destroy lf2
check "all VFs are free" wait_for 10 is_free
check "the other one is renamed" virsh -q domrename lf2 lf2-renamed
check "it starts" virsh -q start lf2-renamed
is "it is known by its UUID, and has the VF that it had" "$(held_by 2)" "$b"
check "... attached" wait_for 30 is_attached lf2-renamed
virsh -q destroy lf2-renamed

xml 3 lf-transient >/tmp/lf3.xml
xml 4 lf-transient >/tmp/lf4.xml
check "a transient guest starts" virsh -q create /tmp/lf3.xml
check "... its VF is attached" wait_for 30 is_attached lf-transient
virsh -q destroy lf-transient
check "one of the same name comes after it" virsh -q create /tmp/lf4.xml
check "... its VF is attached" wait_for 30 is_attached lf-transient
is "the lease is the second one's" "$(held_by 3)|$(held_by 4 | wc -w)" "|1"
virsh -q destroy lf-transient
check "all VFs are free" wait_for 10 is_free

# --- Starts that come to nothing ------------------------------------------------------------------------------------

for delay in 0.3 2; do
    virsh start lf2-renamed >/dev/null 2>&1 &
    sleep "$delay"
    virsh -q destroy lf2-renamed >/dev/null 2>&1
    wait $!
    virsh -q destroy lf2-renamed >/dev/null 2>&1
    check "destroyed $delay s after its start, it has given back" wait_for 20 is_free
done

head -c 1M /dev/urandom >/var/lib/libvirt/images/bad.img
xml 5 lf5 "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
    <source file='/var/lib/libvirt/images/bad.img'/><target dev='sda' bus='sata'/></disk>" >/tmp/lf5.xml
virsh -q define /tmp/lf5.xml
failure=$(virsh start lf5 2>&1)
is "a start fails late" "$?" 1
note "$failure"
is "... after it was leased a VF" \
    "$(sqlite3 /var/lib/vfpool/ledger.db "SELECT count (*) FROM history WHERE event = 'acquired' AND guest_id = '$(uuid 5)'")" 1
check "... which is given back" wait_for 20 is_free
is "attributes and drivers are as they were" "$(show)" "$before"
note "$(journalctl -u vfpool-agent.service --no-pager -o cat | tail -n 40)"
done_testing
