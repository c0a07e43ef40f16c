# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vfpool plan says what acquiring will do, touches nothing, and keeps its word: for options, for the XML of a libvirt guest as
# virsh dumpxml prints it, and for a Proxmox VE virtual machine. Refused requests and wrong input, too.
#
# topology: numa
# timeout: 900
# copy: tests/bench/pve-lib.sh:/root/pve-lib.sh
# copy: tests/bench/pve-model:/root/pve-model

set -u
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../pve-lib.sh
. /root/pve-lib.sh

readonly unknown=$pf node0=0000:41:00.0 node1=0000:81:00.0
readonly web_uuid=00000000-0000-4000-8000-000000000001 plain_uuid=00000000-0000-4000-8000-000000000002

systemctl stop vfpool-agent # it would open the ledger in between
mkdir -p /etc/vfpool
{
    printf '[pf %s]\nnumvfs=4\n' $unknown
    printf '[pf %s]\nnumvfs=2\n' $node0 $node1
    printf '[pool lan]\nmembers=pf=%s vfs=0-1; pf=%s; pf=%s\n' $unknown $node0 $node1
} >/etc/vfpool/vfpool.conf

nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
plan=(vfpool plan --guest manual/a --pool lan)

check "up" vfpool up
mv /var/lib/vfpool /root/ledger
exits "without a ledger anybody may plan: 0" 0 "${nobody[@]}" "${plan[@]}"
exits "... root too: 0" 0 "${plan[@]}"
check "... and none was made" test ! -e /var/lib/vfpool
mv /root/ledger /var/lib/vfpool

# traces: all that a plan might leave: the ledger's files with their times, devices, drivers, MACs and VLANs. In SQLite's
# shared memory (-shm) each reader notes that it reads, status too; nothing of the ledger is in it.
traces() {
    local device port
    find /var/lib/vfpool /run/vfpool /etc/vfpool /run/qemu-server -type f ! -name '*-shm' -printf '%p %T@ %s\n' 2>/dev/null | sort
    find /var/lib/vfpool -type f ! -name '*-shm' -exec sha256sum {} + | sort
    for device in /sys/bus/pci/devices/*; do
        echo "$device $(readlink "$device/driver") $(cat "$device/driver_override" "$device/sriov_numvfs" 2>/dev/null | paste -sd ' ')"
    done
    for port in $(pf_netdev $unknown) $(pf_netdev $node0) $(pf_netdev $node1); do
        ip -j -d link show dev "$port" | jq -c '.[0] | [.address, .vfinfo_list]'
    done
}
# planned: the addresses in the last JSON, in one line.
planned() { jq -r '[.slots[].functions[]] | join(" ")' <<<"$out"; }
# all: the addresses in the last text, those with reasons too.
all() { grep -oE '^(-> )?[0-9a-f]{4}:[0-9a-f:.]+' <<<"$out" | sed 's/^-> //' | sort | paste -sd ' '; }

# --- By options -----------------------------------------------------------------------------------------------------

udevadm settle --timeout=20
before=$(traces)
exits "plan for options: 0" 0 "${plan[@]}" --nodes 1
note "$out"
like "  tells the wish" "$out" "slot slot0: pool lan, numa=preferred .node 1., placement=spread, anti-affinity=none"
like "  and the answer" "$out" "-> 0000:81:10.0, MAC ..:..:..:..:..:.. .its address is the lowest"
like "  and why not the others" "$out" "0000:41:10.0  $node0 +0  is on NUMA node 0; the guest is on node 1"
is "  names each VF of the pool once" "$(all)" \
    "0000:01:10.0 0000:01:10.2 0000:41:10.0 0000:41:10.2 0000:81:10.0 0000:81:10.2"
exits "plan as JSON: 0" 0 "${plan[@]}" --nodes 1 --json
is "  the same" "$(planned)" 0000:81:10.0
mac=$(jq -r '.slots[0].mac' <<<"$out")
is "  with every VF" "$(jq '.slots[0].vfs | length' <<<"$out")" 6
exits "plan for two, on other nodes: 0" 0 "${plan[@]}" --count 2 --nodes 0 --numa required --json
is "  both on that node" "$(planned)" "0000:41:10.0 0000:41:10.2"
exits "plan what cannot be: 69" 69 "${plan[@]}" --count 3 --nodes 0 --numa required
says "pool lan|pool .lan"
note "$out"
like "  and shows it all the same" "$out" "would be refused.*slot slot0-2: .*-> none.*0000:81:10.0 .*is on NUMA node 1"
exits "... as JSON: 69" 69 "${plan[@]}" --count 3 --nodes 0 --numa required --json
is "  with the sentence" "vfpool: $(jq -r .refusal <<<"$out")" "$err"
is "nothing was touched" "$(traces)" "$before"

is "acquire does what was planned" "$(vfpool acquire --guest manual/a --pool lan --nodes 1)" 0000:81:10.0
is "... with that MAC" "$(vf_mac "$(pf_netdev $node1)" 0)" "$mac"
exits "plan for who has it already: 0" 0 "${plan[@]}" --nodes 1
like "  it is kept" "$out" "-> 0000:81:10.0, MAC $mac .kept."
exits "plan for another: 0" 0 vfpool plan --guest manual/b --pool lan --nodes 1
like "  says who has it" "$out" "0000:81:10.0 .*manual/a"
vfpool cordon 0000:81:10.2 --reason 'it hangs'
exits "plan past a cordon: 0" 0 vfpool plan --guest manual/b --pool lan --nodes 1
like "  says so" "$out" "0000:81:10.2 .*cordoned.*it hangs"
vfpool uncordon 0000:81:10.2
vfpool release --guest manual/a

# --- A libvirt guest ------------------------------------------------------------------------------------------------

guest_xml web $web_uuid "<v:request xmlns:v='urn:vfpool:domain:1' anti-affinity='pf'><v:slot name='net0' pool='lan'/></v:request>" \
    "$(hostdev_xml 0000:81:10.2)" |
    sed "s|<vcpu>|<numatune><memory mode='preferred' nodeset='1'/></numatune>&|" >/tmp/web.xml
check "a guest is defined" virsh -q define /tmp/web.xml
guest_xml plain $plain_uuid >/tmp/plain.xml
check "... and one without a wish" virsh -q define /tmp/plain.xml
virsh dumpxml web >/tmp/dumped.xml
chmod 644 /tmp/dumped.xml

before=$(traces)
exits "plan for a domain: 0" 0 vfpool plan --domain /tmp/dumped.xml
note "$out"
like "  tells who" "$out" "^guest libvirt/$web_uuid .web."
like "  the slot by pool, with the node of the XML" "$out" "slot net0: pool lan, numa=preferred .node 1., .*anti-affinity=pf"
like "  the slot by address" "$out" "slot hostdev-0000-81-10-2: .*-> 0000:81:10.2.*asks for this address"
exits "plan for a domain on standard input: 0" 0 bash -c 'virsh dumpxml web | vfpool plan --domain - --json'
wanted=$(planned)
like "  the same" "$wanted" "^0000:(01|41):1[01].. 0000:81:10.2$"
exits "a domain that asks for nothing: 0" 0 vfpool plan --domain /tmp/plain.xml
is "  is told so" "$out$err" "this guest asks for nothing that vfpool serves"
exits "... as JSON: 0" 0 vfpool plan --domain /tmp/plain.xml --json
is "  no slots" "$(jq -c '[.guest, .slots]' <<<"$out")" '[null,[]]'
is "nothing was touched" "$(traces)" "$before"

systemctl start vfpool-agent # without it the guest would be refused
check "the guest starts" virsh -q start web
held=$(vfpool status --json | jq -r --arg id $web_uuid '[.vfs[] | select(.guest.id? == $id)] | sort_by(.slot == "net0" | not) | map(.address) | join(" ")')
is "... with what was planned" "$held" "$wanted"
exits "plan for a guest that runs: 0" 0 bash -c 'virsh dumpxml web | vfpool plan --domain -'
is "  keeps both" "$(grep -c '(kept)$' <<<"$out")" 2
virsh -q destroy web
systemctl stop vfpool-agent
libvirt_hook=/etc/libvirt/hooks/qemu.d/vfpool
exits "the hook keeps its contract: 64" 64 bash -c "$libvirt_hook plans </tmp/dumped.xml"
exits "... whatever stands behind: 64" 64 bash -c "$libvirt_hook plan prepare </tmp/dumped.xml"
exits "... also for a guest of that name: 0" 0 bash -c "$libvirt_hook plan started begin - </tmp/dumped.xml"
is "  which prints nothing" "$out$err" ""

# --- Wrong input ----------------------------------------------------------------------------------------------------

before=$(traces)
exits "no guest: 64" 64 vfpool plan --pool lan
like "  says what is missing" "$err" "'plan' needs one of --guest KIND/ID, --domain FILE and --vmid VMID"
exits "two guests: 64" 64 vfpool plan --domain /tmp/dumped.xml --vmid 101
like "  says so" "$err" "name two guests"
exits "a domain and a pool: 64" 64 vfpool plan --domain /tmp/dumped.xml --pool lan
like "  says so" "$err" "--pool does not go with --domain"
exits "a domain and a root: 64" 64 vfpool --root /tmp plan --domain /tmp/dumped.xml
like "  says so" "$err" "--root does not go with --domain"
exits "no such option: 64" 64 "${plan[@]}" --node 1
like "  says which it could be" "$err" "did you mean --nodes"
exits "a node that is none: 65" 65 "${plan[@]}" --nodes x
says "'x' is no list"
exits "no such pool: 65" 65 vfpool plan --guest manual/a --pool nosuch
says nosuch
exits "a file that is missing: 69" 69 vfpool plan --domain /tmp/missing.xml
says "cannot read /tmp/missing.xml: No such file"
exits "a folder: 65" 65 vfpool plan --domain /tmp
says "Is a directory"
exits "a file of another kind: 65" 65 vfpool plan --domain /etc/passwd
says "not well-formed"
exits "an empty one: 65" 65 vfpool plan --domain /dev/null
says "it is empty"
head -c 9000000 /dev/zero | tr '\0' ' ' >/tmp/large.xml
exits "one that is too large: 65" 65 vfpool plan --domain /tmp/large.xml
says "larger than 8 MiB"
exits "no VMID: 65" 65 vfpool plan --vmid web
says "no VMID"
exits "no such VM: 69" 69 vfpool plan --vmid 4711
says "/etc/pve/qemu-server/4711.conf"
exits "nowhere to write it: 74" 74 bash -c 'vfpool plan --domain /tmp/dumped.xml >/dev/full'
mv /usr/libexec/vfpool/pve-hookscript /root/
exits "the Proxmox part is not installed: 69" 69 vfpool plan --vmid 101
says "/usr/libexec/vfpool/pve-hookscript is not there, which reads a Proxmox VE virtual machine's configuration"
mv /root/pve-hookscript /usr/libexec/vfpool/
chmod 600 /tmp/dumped.xml
exits "a file that may not be read: 77" 77 "${nobody[@]}" vfpool plan --domain /tmp/dumped.xml
says "cannot read /tmp/dumped.xml: Permission denied"
exits "a ledger that may not be read: 77" 77 "${nobody[@]}" "${plan[@]}"
chmod 644 /tmp/dumped.xml
exits "... nor by the program that reads a domain: 77" 77 "${nobody[@]}" vfpool plan --domain /tmp/dumped.xml
is "nothing was touched" "$(traces)" "$before"

# --- A saved tree, by whoever owns it -------------------------------------------------------------------------------

mkdir -p /tmp/tree/etc /tmp/tree/proc/sys/kernel/random
cp -r /etc/vfpool /tmp/tree/etc/
cp /proc/sys/kernel/random/boot_id /tmp/tree/proc/sys/kernel/random/
ln -s /sys /tmp/tree/sys
chown -R 65534:65534 /tmp/tree
exits "no root is needed where the files can be read: 0" 0 "${nobody[@]}" vfpool --root /tmp/tree plan --guest manual/a --pool lan
like "  and the plan is one" "$out" "-> 0000:[0-9a-f]{2}:10.0"

# --- A Proxmox VE virtual machine -----------------------------------------------------------------------------------

check "a node with two pools" pve_node
vm 101 "hostpci0: mapping=lan,pcie=1" "hostpci1: mapping=wan" "affinity: 1"
vm 102 "hostpci0: mapping=wan"
vm 103 "memory: 64"
check "park" /usr/libexec/vfpool/pve-hookscript park

before=$(traces)
exits "plan for a VM: 0" 0 vfpool plan --vmid 101
note "$out"
like "  tells who and what" "$out" "^guest pve-qemu/101 .vm101.*slot hostpci0: pool lan, numa=preferred .node 1.*slot hostpci1: pool wan"
exits "... as JSON: 0" 0 vfpool plan --vmid 101 --json
wanted=$(planned)
like "  both are of their pools" "$wanted" "^($vf0|$vf1|$vf2) $vf3$"
exits "with a root of its own: 0" 0 vfpool --root /.. plan --vmid 101 --json
is "  the same" "$(planned)" "$wanted"
exits "a VM that asks for nothing: 0" 0 vfpool plan --vmid 103
is "  is told so" "$out$err" "this guest asks for nothing that vfpool serves"
is "nothing was touched" "$(traces)" "$before"
output=$(model start 101 2>&1)
is "the VM starts" "$?" 0
is "... with what was planned" "$(leased 101)" "$wanted"
exits "plan for a VM that would be refused: 69" 69 vfpool plan --vmid 102
says "$vf3"
like "  and shows it all the same" "$out" "slot hostpci0: pool wan.*-> none.*$vf3 .*pve-qemu/101"
check "the VM stops" model stop 101
lacks=${wanted%% *}
sed -i "/path=$lacks,/d" "$mapping"
exits "a mapping that lacks the VF: 78" 78 vfpool plan --vmid 101
says "does not list $lacks"
like "  after the plan" "$out" "-> $lacks"

done_testing
