# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The verbs of `vfpool` that speak to libvirt: start (the VFs are there before the guest has executed anything, also without an
# agent and beside one), attach and detach while it runs, resolve for transient guests, and request, which edits the guest's
# definition. Each is refused with one sentence where it must be, and killed in the middle where that can be.
#
# timeout: 900

# shellcheck disable=SC2317  # functions are called through check and wait_for
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:01:00.0
mkdir -p /etc/vfpool
printf '[pf %s]\nnumvfs=3\n[pool lan]\nmembers=pf=%s\nsticky=no\n' "$pf" "$pf" >/etc/vfpool/vfpool.conf

uuid() { echo "00000000-0000-4000-8000-00000000000$1"; }
request() { echo "<v:request xmlns:v='urn:vfpool:domain:1'>$1</v:request>"; }
# define N SLOTS [DEVICES]: defines the guest gN with these slots.
define() {
    guest_xml "g$1" "$(uuid "$1")" "${2:+$(request "$2")}" "${3-}" >"/tmp/g$1.xml"
    virsh -q define "/tmp/g$1.xml"
}
# held N: "SLOT ADDRESS" of each lease of guest N, in one line.
held() {
    vfpool status --json | jq -r --arg id "$(uuid "$1")" \
        '[.vfs[] | select(.guest.id? == $id) | "\(.slot) \(.address)"] | sort | join(", ")'
}
is_held() { [[ $(held "$1") == "$2" ]]; }
attached() { virsh dumpxml "$1" | grep -c "ua-vfpool-$2'"; }
is_attached() { (($(attached "$1" "$2") == 1)); }
is_free() { [[ -z $(vfpool status --json | jq -r '.vfs[] | select(.pool != null and .state != "free") | .address') ]]; }
qmp() { virsh -q qemu-monitor-command "$1" "$2"; }
hmp() { virsh -q qemu-monitor-command --hmp "$1" "$2"; }
# has_bars GUEST N: the firmware has given addresses to so many VFs (82576 VF: 8086:10ca).
has_bars() { (($(hmp "$1" 'info pci' | grep -A 6 8086:10ca | grep -c 'BAR0:.*memory at 0x.*[^f]000 ') == $2)); }
event_line() { grep -n "$1" /tmp/events | head -n 1 | cut -d: -f1; }
# comes_before A B: the event A was told, and before the event B.
comes_before() { (($(event_line "$1") < $(event_line "$2"))); }

check "vfpool up" vfpool up
define 1 "<v:slot name='net0' pool='lan' mac='52:54:00:00:33:01'/><v:slot name='net1' pool='lan'/><v:slot name='net2' pool='lan'/>"

# --- start: nobody else attaches, and it is killed in the middle ------------------------------------------------------

systemctl stop vfpool-agent.service
virsh event --all --loop >/tmp/events &
events=$!
vfpool start g1 &
start=$!
grep -q -m 1 "device-added.*ua-vfpool-net0" < <(tail -n +1 -f /tmp/events)
kill -STOP "$start"
is "the guest is paused" "$(virsh -q domstate --reason g1)" "paused (user)"
check "... and has its first VF" is_attached g1 net0
like "QEMU has never run it" "$(qmp g1 '{"execute":"query-status"}')" '"status":"prelaunch"'
like "its processor stands at its first instruction" "$(hmp g1 'info registers')" 'EIP=0000fff0'
kill -9 "$start"
wait "$start"
is "killed there, it leaves the guest paused" "$(guest_state g1)" paused
check "the next start goes on" vfpool start g1
is "the guest runs" "$(guest_state g1)" running
is "each VF is attached once" "$(attached g1 net0) $(attached g1 net1) $(attached g1 net2)" "1 1 1"
check "the devices came before it went on" comes_before "device-added.*ua-vfpool-net2" "lifecycle.*Resumed"
check "its firmware found all of them" wait_for 60 has_bars g1 3
kill "$events"
exits "started again, it is told to run" 69 vfpool start g1
says "g1 runs already"
virsh -q destroy g1
check "all VFs are free" wait_for 20 is_free

# --- start: beside the agent, and refused ------------------------------------------------------------------------------

systemctl start vfpool-agent.service
check "with an agent that attaches too, the guest starts" vfpool start g1
is "... with each VF attached once" "$(attached g1 net0) $(attached g1 net1) $(attached g1 net2)" "1 1 1"
unlike "the agent has nothing to complain of" "$(journalctl -u vfpool-agent.service --no-pager -o cat)" "g1 .*cannot be attached"

define 2 "<v:slot pool='lan'/>"
exits "a guest that the pool is too small for does not start" 69 vfpool start g2
says "guest g2 was not started: .*lan"
virsh -q destroy g1
check "all VFs are free" wait_for 20 is_free
# Its port holds a bridge, of which the hook cannot tell what it has room for.
GUEST_PORTS=1 define 2 "<v:slot pool='lan'/>" "<controller type='pci' model='pcie-to-pci-bridge'/>"
exits "nor does one whose VF cannot be plugged in" 71 vfpool start g2
says "guest g2 was not started: .*pcie-root-port"
is "it is shut off, and holds nothing" "$(guest_state g2), $(held 2)" "shut off, "
exits "nor one that is not there" 69 vfpool start nobody
says "no guest 'nobody'"

# --- attach and detach, without the agent -------------------------------------------------------------------------------

systemctl stop vfpool-agent.service

GUEST_PORTS=2 define 2
exits "nothing is attached to a guest that is shut off" 69 vfpool attach g2 --pool lan
says "g2 does not run: .vfpool request add."
virsh -q start g2
exits "a VF is attached while it runs" 0 vfpool attach g2 --pool lan --mac 52:54:00:00:33:02 --vlan 33
is "... and its address printed" "$out" 0000:01:10.0
is "the guest has it, in the first free slot" "$(attached g2 slot0) $(held 2)" "1 slot0 0000:01:10.0"
is "with its MAC" "$(vf_mac enp1s0 0)" 52:54:00:00:33:02
exits "the slot is not given twice" 69 vfpool attach g2 --pool lan --slot slot0
says "g2 has a device in slot 'slot0' already .VF 0000:01:10.0."
# What an attach leaves that was killed between its two steps.
vfpool acquire --guest "libvirt/$(uuid 2)" --pool lan --slot db >/dev/null
exits "an attach that was killed is finished by another one" 0 vfpool attach "$(uuid 2)" --pool lan --slot db
is "... with the VF that was leased" "$out $(held 2)" "0000:01:10.2 db 0000:01:10.2, slot0 0000:01:10.0"
exits "a third has no port to be plugged into" 71 vfpool attach g2 --pool lan
says "g2 was not given VF 0000:01:10.4: "
is "... and nothing stays leased for it" "$(held 2)" "db 0000:01:10.2, slot0 0000:01:10.0"
exits "what is no pool is refused" 65 vfpool attach g2 --pool no

exits "a guest that does not let go keeps its VF" 69 vfpool detach g2 slot0 --wait 2
says "g2 has not let go of device ua-vfpool-slot0 within 2 s"
is "... and its lease" "$(held 2)" "db 0000:01:10.2, slot0 0000:01:10.0"

define 3 '' "$(hostdev_xml 0000:01:10.4)"
check "a guest starts that asks for an address" virsh -q start g3
# One device at a time: QEMU has died of a reset that let go of two.
vfpool detach g2 db --wait 60 &
killed=$!
vfpool detach g3 hostdev-0000-01-10-4 --wait 60 &
by_address=$!
sleep 6
kill -9 "$killed"
virsh -q reset g2
virsh -q reset g3
wait "$by_address"
is "one that is reset lets go of what it asked for by address" $? 0
vfpool detach g2 slot0 --wait 60 &
by_pool=$!
sleep 6
virsh -q reset g2
wait "$by_pool"
is "... and of what it was given of a pool" $? 0
is "their leases end, but not that of which the detach was killed" "$(held 2)$(held 3)" "db 0000:01:10.2"
check "that is ended by another detach" vfpool detach g2 db
is "the guest has nothing" "$(held 2)$(virsh dumpxml g2 | grep -c '<hostdev')" 0
exits "nothing is taken that was not given" 69 vfpool detach g2 slot0
says "g2 has no VF that vfpool leased to it"
virsh -q destroy g2
virsh -q destroy g3
check "all VFs are free" wait_for 20 is_free

# --- resolve ------------------------------------------------------------------------------------------------------------

guest_xml t1 x "$(request "<v:slot name='net0' pool='lan' mac='52:54:00:00:33:03'/>")" | sed '/<uuid>/d' >/tmp/t1.xml
guest_xml t2 "$(uuid 9)" >/tmp/t2.xml
exits "XML that asks for nothing comes out as it is" 0 vfpool resolve <"/tmp/t2.xml"
is "... to the letter" "$out" "$(</tmp/t2.xml)"
exits "a domain that asks for a pool is resolved" 0 vfpool resolve </tmp/t1.xml
cat >/tmp/resolved.xml <<<"$out"
uuid=$(sed -n 's|.*<uuid>\(.*\)</uuid>.*|\1|p' /tmp/resolved.xml)
is "... and leased" "$(vfpool status --json | jq -r --arg id "$uuid" '.vfs[] | select(.guest.id? == $id) | .slot')" net0
check "a transient guest is created from it" virsh -q create /tmp/resolved.xml
is "... with its VF, once" "$(attached t1 net0) $(virsh dumpxml t1 | grep -c '<hostdev')" "1 1"
is "... and its MAC" "$(vf_mac enp1s0 0)" 52:54:00:00:33:03
virsh -q destroy t1
check "all VFs are free" wait_for 20 is_free
sed 's/.lan./"no"/' /tmp/t1.xml >/tmp/t3.xml
exits "a pool that is not there is refused" 65 vfpool resolve </tmp/t3.xml
exits "and so is what is no domain" 65 vfpool resolve <<<'<network/>'

# --- request ------------------------------------------------------------------------------------------------------------

check "a guest is made to ask" vfpool request add g2 --pool lan --mac 52:54:00:00:33:04 --vlan 5
exits "... once more, for a slot of a name" 0 vfpool request add g2 --pool lan --slot db
is "both are shown" "$(vfpool request list g2 --json | jq -c '[.guest.name, (.slots[] | [.slot, .pool, .mac, .vlan])]')" \
    '["g2",["slot0","lan","52:54:00:00:33:04",5],["db","lan",null,null]]'
note "$(vfpool request list g2)"
exits "a slot is not asked for twice" 65 vfpool request add g2 --pool lan --slot db
exits "a bad MAC is refused" 65 vfpool request add g2 --pool lan --mac 52:54
exits "so is a pool that is not there" 65 vfpool request add g2 --pool no
says "pool 'no' is not configured"
check "one is taken out" vfpool request remove g2 slot0
exits "... once" 69 vfpool request remove g2 slot0
says "g2: it asks for no slot 'slot0'"
# A lease whose guest never came takes the last VF.
check "a domain is resolved that is never made" eval 'vfpool resolve </tmp/t1.xml >/dev/null'
check "the others are leased" vfpool acquire --guest manual/m --pool lan --count 2
exits "while it may still be made, nobody gets its VF" 69 vfpool start g2
says "pool 'lan' has no free VF"
mkdir -p /etc/vfpool/conf.d
printf '[vfpool]\nstart-grace=0\n' >/etc/vfpool/conf.d/grace.conf
check "then the guest starts" vfpool start g2
rm /etc/vfpool/conf.d/grace.conf
vfpool release --guest manual/m
is "... with what is left" "$(attached g2 db) $(held 2)" "1 db 0000:01:10.0"
exits "while it runs it can be made to ask for another one" 0 vfpool request add g2 --pool lan
like "... at its next start" "$err" "g2 runs and has this VF from its next start on"
is "... not now" "$(held 2)" "db 0000:01:10.0"
virsh -q destroy g2
check "all VFs are free" wait_for 20 is_free

# --- A pair with a virtio interface -------------------------------------------------------------------------------------

define 4 '' "<interface type='user'><mac address='52:54:00:00:33:06'/><model type='virtio'/><teaming type='persistent'/>
    <alias name='ua-net0'/></interface>"
pair="<teaming type='transient' persistent='ua-net0'/>"
hostdev_of() { virsh dumpxml "$1" | sed -n '/<hostdev/,/<.hostdev/p'; }
exits "a guest cannot ask for a pair with an interface that it has not" 65 \
    vfpool request add g4 --pool lan --teaming ua-net7
says "teaming='ua-net7': expected the alias of an interface of this domain"
check "it can with one that it has" vfpool request add g4 --pool lan --slot net0 --mac 52:54:00:00:33:06 --teaming ua-net0
is "... which is shown" "$(vfpool request list g4 --json | jq -c '.slots[0] | [.slot, .mac, .teaming]')" \
    '["net0","52:54:00:00:33:06","ua-net0"]'
check "the guest starts" vfpool start g4
like "libvirt knows its VF as the transient half" "$(hostdev_of g4)" "$pair"
virsh -q destroy g4
virsh dumpxml g4 --inactive | sed 's/<name>g4/<name>t4/; /<uuid>/d' >/tmp/t4.xml
virsh -q undefine g4
exits "resolved, it has the VF's device" 0 vfpool resolve </tmp/t4.xml
cat >/tmp/resolved.xml <<<"$out"
like "... as the transient half" "$(sed -n '/<hostdev/,/<.hostdev/p' /tmp/resolved.xml)" "${pair//\'/.}"
check "libvirt takes it" virsh -q create /tmp/resolved.xml
is "... with one device" "$(attached t4 net0) $(virsh dumpxml t4 | grep -c '<hostdev')" "1 1"
like "... that is one half still" "$(hostdev_of t4)" "$pair"
virsh -q destroy t4
check "all VFs are free" wait_for 20 is_free

systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd.service
exits "without libvirt it is told that it cannot be reached" 69 vfpool start g2
says "libvirt cannot be reached at qemu:///system"
done_testing
