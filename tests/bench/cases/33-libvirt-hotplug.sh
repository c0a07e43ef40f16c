# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# VFs of a pool that virsh plugs into a running guest, or pulls out of it: the ledger follows, at once while the agent runs and
# when it comes back; what is pulled out is parked as configured; nothing is taken from another guest. `vfpool attach` and
# `vfpool detach` do the same beside the agent, and leave nothing wrong when they are killed.
#
# timeout: 900

# shellcheck disable=SC2317  # functions are called through check and wait_for
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:01:00.0 a=0000:01:10.0 b=0000:01:10.2 c=0000:01:10.4
mkdir -p /etc/vfpool
printf '[pf %s]\nnumvfs=3\n[pool lan]\nmembers=pf=%s\n' "$pf" "$pf" >/etc/vfpool/vfpool.conf

uuid() { echo "00000000-0000-4000-8000-00000000330$1"; }

# A guest that has no operating system lets go of what was plugged in only where its slots are PCI Express's own: before 6.1
# they are.
define() {
    guest_xml "hp$1" "$(uuid "$1")" "${2-}" "${3-}" | sed "s/machine='q35'/machine='pc-q35-6.0'/" >"/tmp/hp$1.xml"
    virsh -q define "/tmp/hp$1.xml"
}

# state BDF: how it stands in the ledger, and whose it is.
state() {
    vfpool status --json | jq -r --arg vf "$1" \
        '.vfs[] | select(.address == $vf) | [.state, .guest.name // empty, .slot // empty] | join(" ")'
}
state_is() { [[ $(state "$1") == "$2" ]]; }
# parked BDF: free, and on the driver that free VFs wait on.
parked() { state_is "$1" free && [[ $(vf_driver "$1") == vfio-pci ]]; }
plug() { hostdev_xml "$2" '' "${3:-no}" >"/tmp/$2.xml" && virsh -q attach-device "hp$1" "/tmp/$2.xml" --live; }
unplug() { virsh -q detach-device "hp$1" "/tmp/$2.xml" --live; }
agent_says() { journalctl -u vfpool-agent.service --no-pager -o cat | grep -q "$1"; }

check "vfpool up" vfpool up
define 1
define 2 "<v:request xmlns:v='urn:vfpool:domain:1'><v:slot name='net0' pool='lan'/></v:request>"
check "a guest starts that asks for nothing" virsh -q start hp1
check "one starts that asks for a pool" virsh -q start hp2
check "its VF is attached" wait_for 30 eval 'virsh dumpxml hp2 | grep -q ua-vfpool-net0'
is "it is the first" "$(state "$a")" "active hp2 net0"

# --- Plugged in and pulled out while the agent looks ----------------------------------------------------------------

check "virsh plugs in a VF" plug 1 "$b" yes
check "the ledger follows" wait_for 10 state_is "$b" "active hp1 hostdev-0000-01-10-2"
check "the journal has it, by fields" wait_for 10 eval \
    "journalctl -u vfpool-agent.service -o json VFPOOL_VF=$b VFPOOL_GUEST=libvirt/$(uuid 1) VFPOOL_ACTION=follow |
    jq -e 'select(.VFPOOL_POOL == \"lan\" and .VFPOOL_SLOT == \"hostdev-0000-01-10-2\" and .PRIORITY == \"6\"
        and (.VFPOOL_DURATION_US | tonumber) > 0 and (.MESSAGE | test(\"hp1.*plugged in\")))'"
exits "it is nobody else's" 69 vfpool acquire --guest manual/m --pool lan --count 2
check "virsh pulls it out" unplug 1 "$b"
check "the ledger follows, and it is parked" wait_for 20 parked "$b"

ip link set enp1s0 up
interface="<interface type='hostdev' managed='yes'><mac address='52:54:00:33:00:01'/><source><address type='pci'
    domain='0x0000' bus='0x01' slot='0x10' function='0x4'/></source></interface>"
echo "$interface" >"/tmp/$c.xml"
check "an <interface> with a VF is plugged in" virsh -q attach-device hp1 "/tmp/$c.xml" --live
check "the ledger follows" wait_for 10 state_is "$c" "active hp1 hostdev-0000-01-10-4"
check "it is pulled out" unplug 1 "$c"
check "the ledger follows, and it is parked" wait_for 20 parked "$c"
is "with no MAC of a guest" "$(vf_mac enp1s0 2)" 00:00:00:00:00:00

check "what the agent plugged in is pulled out" virsh -q detach-device-alias hp2 ua-vfpool-net0 --live
check "it is released" wait_for 20 parked "$a"
is "the guest runs on" "$(guest_state hp2)" running

# --- vfpool's own attach and detach, beside the agent ------------------------------------------------------------------

# The agent hears of each device that comes and goes, and is at it at the same time.
warnings() { journalctl -u vfpool-agent.service -p warning --no-pager -o cat | wc -l; }
history() { sqlite3 /var/lib/vfpool/ledger.db "SELECT count(*) FROM history WHERE slot = '$1' AND event = '$2'"; }
rounds() {
    local i
    for ((i = 0; i < 3; i++)); do
        vfpool attach "$1" --pool lan --slot "$2" && vfpool detach "$1" "$2" || return
    done
}
before=$(warnings)
rounds hp2 y >/tmp/rounds 2>&1 &
other=$!
check "one guest is given a VF and loses it, three times" rounds hp1 x
wait $other
is "so is another one, meanwhile" $? 0
note "$(</tmp/rounds)"
is "each round was one lease, that has ended" \
    "$(history x acquired) $(history x released) $(history y acquired) $(history y released)" "3 3 3 3"
check "nothing is left of them" wait_for 20 eval "parked $a && parked $b && parked $c"
is "nobody has anything to complain of" "$(warnings)" "$before"

# Killed when it has leased, and has not asked libvirt yet, whose daemon is stopped meanwhile.
lease_of() { sqlite3 /var/lib/vfpool/ledger.db "SELECT state, attached FROM lease WHERE slot = '$1'"; }
lease_is() { [[ $(lease_of "$1") == "$2" ]]; }
has_device() { virsh dumpxml "$1" | grep -q "ua-vfpool-$2'"; }
daemon=$(systemctl show -P MainPID libvirtd.service)
strace -f -qq -o /dev/null -P /var/lib/vfpool/ledger.db-wal -e trace=pwrite64 -e inject=pwrite64:delay_exit=200000 \
    vfpool attach hp1 --pool lan --slot x &
attach=$!
is_leased() { [[ -n $(lease_of "$1") ]]; }
check "an attach has reserved a VF" wait_for 60 is_leased x
kill -STOP "$daemon"
check "... and has it, and waits for libvirt" wait_for 60 lease_is x "active|0"
pkill -KILL -P $attach
wait $attach
kill -CONT "$daemon"
check "killed there, the guest has no device" bash -c '! virsh dumpxml hp1 | grep -q ua-vfpool-x'
check "reconcile" vfpool reconcile
is "leaves its VF to the guest, which lives" "$(lease_of x)" "active|0"
exits "... so that it is nobody else's" 69 vfpool acquire --guest manual/m --pool lan --count 3
systemctl restart vfpool-agent.service
check "the next agent plugs it in" wait_for 30 lease_is x "active|1"
check "... so that the guest has it" has_device hp1 x

# Killed when it has asked, and before it is told: QEMU is stopped meanwhile.
kill -STOP "$(guest_pid hp1)"
strace -f -qq -s 1000 -o /tmp/trace -e trace=write,sendto,sendmsg vfpool attach hp1 --pool lan --slot y &
attach=$!
check "an attach has asked for a VF to be plugged in" wait_for 60 grep -q '<hostdev mode' /tmp/trace
pkill -KILL -P $attach
wait $attach
kill -CONT "$(guest_pid hp1)"
check "killed there, the guest has it all the same" wait_for 30 has_device hp1 y
check "... which the ledger knows" wait_for 20 lease_is y "active|1"
check "both are detached" eval 'vfpool detach hp1 x && vfpool detach hp1 y'
check "nothing is left of them" wait_for 20 eval "parked $a && parked $b && parked $c"

# --- While the agent is away ----------------------------------------------------------------------------------------

virsh -q destroy hp2
check "the guest starts anew" virsh -q start hp2
check "it has its VF again" wait_for 30 eval 'virsh dumpxml hp2 | grep -q ua-vfpool-net0'
was_seen() { [[ $(sqlite3 /var/lib/vfpool/ledger.db "SELECT attached FROM lease WHERE address = '$a'") == 1 ]]; }
check "which was seen" wait_for 10 was_seen
check "virsh plugs in a VF" plug 1 "$b"
check "the ledger follows" wait_for 10 state_is "$b" "active hp1 hostdev-0000-01-10-2"
systemctl stop vfpool-agent.service
check "without the agent one is plugged in" plug 1 "$c"
check "one is pulled out" unplug 1 "$b"
check "and the one of the pool" virsh -q detach-device-alias hp2 ua-vfpool-net0 --live
sleep 1
is "nobody knows of the first" "$(state "$c")" "foreign"
like "but it has a holder" "$(vfpool status --json | jq -r --arg vf "$c" '.vfs[] | select(.address == $vf).reason')" \
    "the QEMU of libvirt/$(uuid 1)"
systemctl start vfpool-agent.service
check "back, the agent finds what was plugged in" wait_for 10 state_is "$c" "active hp1 hostdev-0000-01-10-4"
check "and what was pulled out" wait_for 10 parked "$b"
check "... also what it had plugged in itself" wait_for 10 parked "$a"
sleep 1
check "which it does not plug in again" bash -c '! virsh dumpxml hp2 | grep -q ua-vfpool-net0'

# --- Another's ------------------------------------------------------------------------------------------------------

check "those that are free are leased by hand" vfpool acquire --guest manual/m --pool lan --count 2
leased=$(state "$a")
like "... the first, too" "$leased" "^active slot"
check "virsh plugs it into a guest all the same" plug 1 "$a"
check "the agent tells" wait_for 10 agent_says "hp1.*$a open, which is leased to manual/m"
is "it stays whose it was" "$(state "$a")" "$leased"
check "pulled out" unplug 1 "$a"
sleep 1
is "it is so still" "$(state "$a")" "$leased"

for n in 1 2; do virsh -q destroy "hp$n"; done
vfpool release --guest manual/m
all_free() { parked "$a" && parked "$b" && parked "$c"; }
check "all VFs are free" wait_for 20 all_free
note "$(journalctl -u vfpool-agent.service --no-pager -o cat | tail -n 40)"
done_testing
