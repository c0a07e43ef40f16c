# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A pool as a Proxmox mapping: written beside what is there, looked at when the hardware changes, mended; Proxmox's own rules applied
# to it by the model. What a VM's notes ask for is on the VF that Proxmox gives to that slot; and the other nodes are told.
#
# topology: default
# timeout: 900
# copy: tests/bench/pve-lib.sh:/root/pve-lib.sh
# copy: tests/bench/pve-model:/root/pve-model

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../pve-lib.sh
. /root/pve-lib.sh

check "a node with two pools" pve_node
exits "the mapping agrees with the hardware: 0" 0 vfpool check
others='# the switch is in rack 7
gpu
	description by hand
	map id=10de:2684,iommugroup=40,node=elsewhere,path=0000:41:00.0
	mdev 1

lan
	map description=east,id=8086:10ca,iommugroup=3,node=elsewhere,path=0000:01:10.0
'
printf '%s' "$others" >"$mapping"
exits "a mapping without lines of this node is told: 0" 0 vfpool check
like "  and how it gets them" "$err" "mapping lan, .* has no line for node .*vfpool pve mapping lan --apply.*mapping wan"
exits "apply: 0" 0 vfpool pve mapping lan --apply
is "  keeps all that was there" "$(head -c "${#others}" "$mapping")" "${others%$'\n'}"
is "  and adds what it prints" "$(tail -c +$((${#others} + 1)) "$mapping")" "$(vfpool pve mapping lan | tail -n +2)"
before=$(stat -c %i "$mapping")
exits "apply again: 0" 0 vfpool pve mapping lan --apply
like "  has nothing to do" "$out" "lists the 3 devices .* already"
is "  and writes nothing" "$(stat -c %i "$mapping")" "$before"
exits "the other pool's: 0" 0 vfpool pve mapping wan --apply
exits "all agree: 0" 0 vfpool check
is "  and nothing is said" "$err" ""
vm_bare 100 "hostpci0: mapping=lan"
vm 101 "hostpci0: $vf0"
sed -i 's/local:/nas:/' /etc/pve/qemu-server/101.conf
exits "VMs without the hookscript, or with one that is not there, are told of: 0" 0 vfpool check
like "  and how they get it" "$err" 'VM 100 asks for pooled VFs, but has no hookscript, .*"qm set 100 --hookscript local:snippets/vfpool"'
like "  and what is wrong" "$err" "VM 101 .* its hookscript nas:snippets/vfpool cannot be relied on: there is no storage nas "
rm /etc/pve/qemu-server/100.conf
check "park" "$hook" park
vm 101 "hostpci0: mapping=lan"
check "a VM starts with it" model start 101
check "... and stops" model stop 101

# Proxmox gives the VFs in the order of these lines, vfpool chooses by address: each slot must get its own all the same.
cp "$mapping" /tmp/mapping
first="node=$(hostname -s),path=$vf0"
awk -v first="$first" -v last="node=$(hostname -s),path=$vf2" \
    'index($0, first) { line = $0; next } { print } index($0, last) { print line }' /tmp/mapping >"$mapping"
is "(the first VF is listed last)" "$(grep -o "node=$(hostname -s),path=[^,]*" "$mapping" | sed 's/.*=//' | paste -sd ' ')" \
    "$vf1 $vf2 $vf0 $vf3"
vm 102 "hostpci0: mapping=lan,driver=keep" "hostpci1: mapping=lan"
sed -i '1i #**Router**\n#vfpool%3A hostpci0 mac=52%3A54%3A00%3A00%3A0a%3A01 vlan=10\n#<!-- vfpool: hostpci1 mac=52:54:00:00:0a:02 vlan=11 -->' \
    /etc/pve/qemu-server/102.conf
rm -f /run/vfpool/published
output=$(model start 102 2>&1)
is "a VM with notes starts" "$?" 0
note "$output"
like "  hostpci0 is told with its MAC and VLAN" "$output" "vfpool: hostpci0: $vf1 of pool lan, MAC 52:54:00:00:0a:01, VLAN 10"
like "  and hostpci1" "$output" "vfpool: hostpci1: $vf0 of pool lan, MAC 52:54:00:00:0a:02, VLAN 11"
own=$vf1 other=$vf0
is "  Proxmox gave each slot the VF that is told" "$(tail -n 2 <<<"$output" | paste -sd ' ')" "hostpci0 $own hostpci1 $other"
index_of() { local i; for i in 0 1 2 3; do [[ $(vf_bdf "$pf" $i) != "$1" ]] || echo "$i"; done; }
is "  whose PF has hostpci0's MAC for it" "$(vf_mac "$netdev" "$(index_of "$own")")" 52:54:00:00:0a:01
is "  and hostpci1's" "$(vf_mac "$netdev" "$(index_of "$other")")" 52:54:00:00:0a:02
is "  and VLAN" "$(vf_info "$netdev" "$(index_of "$other")" | jq '[.. | .vlan? // empty] | first')" 11
check "the others are told" wait_for 20 has_published "$(printf '%s=102\n' "$own" "$other" | sort | paste -sd ' ')"
exits "status of the cluster: 0" 0 vfpool status --cluster
like "  shows the node" "$out" "$(hostname -s) .* lan +3 +1 +2 .*$own +lan +active +pve-qemu/102"
cp /etc/pve/qemu-server/102.conf /etc/pve/qemu-server/103.conf
output=$("$hook" 103 pre-start 2>&1)
like "a clone with the same notes is warned of" "$output" "notes of VM 103 ask for the MAC 52:54:00:00:0a:01 for hostpci0, and so do those of VM 102"
"$hook" 103 post-stop
rm /etc/pve/qemu-server/103.conf
rm -f /run/vfpool/published
check "the VM stops" model stop 102
check "  and the others are told that, too" wait_for 20 has_published ""
sed -i 's/vlan=10/vlna=10/' /etc/pve/qemu-server/102.conf
output=$(model start 102 2>&1)
check_fails "a misspelt note refuses the start" test $? = 0
like "  with VM, line and what was meant" "$output" 'vfpool: VM 102: line 2 of its notes: unknown key "vlna": did you mean "vlan"'
cp /tmp/mapping "$mapping"

# The third VF goes: what is listed is not there any more.
sed -i 's/^numvfs=4/numvfs=2/; s/^members=.* vfs=0-2/members=pf='"$pf"' vfs=0-1/; /^\[pool wan\]/,$d' /etc/vfpool/vfpool.conf
check "two VFs go" vfpool up
output=$(model start 101 2>&1)
check_fails "the VM does not start" test $? = 0
exits "check: 78" 78 vfpool check
like "  with the line" "$err" "line 11: Proxmox VE will not start a VM with the mapping lan because of $vf2, there is no such device"
exits "apply mends it: 0" 0 vfpool pve mapping lan --apply
exits "check: 0" 0 vfpool check
check "the VM starts" model start 101
check "... and stops" model stop 101
is "what is another node's is as it was" "$(head -c "${#others}" "$mapping")" "${others%$'\n'}"

exits "a pool that is none: 69" 69 vfpool pve mapping wan --apply
sed -i "/path=$vf1/d" "$mapping"
mv /etc/pve/local /root/local
touch /etc/pve/local && chmod 444 /etc/pve/local
exits "no quorum: 73" 73 vfpool pve mapping lan --apply
like "  in a sentence" "$err" "^vfpool: /etc/pve is read-only because this node has no quorum: .*$"
rm /etc/pve/local && mv /root/local /etc/pve/local
mkdir -p /etc/pve/priv/lock/file-mapping_pci_cfg
(
    # pmxcfs, for a lock that is old enough: removes it when it is asked to
    until [ "$(stat -c %Y /etc/pve/priv/lock/file-mapping_pci_cfg)" = 0 ]; do sleep 0.1; done
    rmdir /etc/pve/priv/lock/file-mapping_pci_cfg
) &
exits "a lock that was left over is asked for: 0" 0 vfpool pve mapping lan --apply
wait
is "no lock is left" "$(ls /etc/pve/priv/lock)" ""
is "nor anything else" "$(ls /etc/pve/mapping)" "pci.cfg"

done_testing
