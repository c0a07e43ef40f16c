# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Proxmox VMs from start to stop: which VFs they get, that PVE gives these and no others, and that all is as before.
#
# topology: default
# timeout: 900
# copy: tests/bench/pve-lib.sh:/root/pve-lib.sh
# copy: tests/bench/pve-model:/root/pve-model

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../pve-lib.sh
. /root/pve-lib.sh

is "without a configuration the hookscript says nothing" "$("$hook" 101 pre-start 2>&1)" ""
check "a node with two pools" pve_node
check "all VFs have a MAC" all_have_macs
macs_before=$(macs)
is "free VFs are on the kernel's driver" "$(drivers "$vf0" "$vf1" "$vf2" "$vf3")" "igbvf igbvf igbvf igbvf"
is "the mapping that was printed lists the pool" "$(sed -n '/^lan$/,/^$/s/.*path=\([^,]*\),.*/\1/p' "$mapping" | paste -sd ' ')" \
    "$vf0 $vf1 $vf2"

vm_bare 100 "hostpci0: mapping=lan,pcie=1"
vm 101 "hostpci0: mapping=lan,pcie=1" "hostpci1: mapping=lan" "[snapshot]" "hostpci2: mapping=lan"
vm 102 "hostpci0: mapping=lan"
vm 103 "hostpci0: mapping=lan"
vm 104 "hostpci0: ${vf1#0000:},rombar=0" "hostpci3: mapping=wan"
vm 105 "hostpci0: 0000:01:10,pcie=1"
vm 106 "memory: 64"
vm 107 "hostpci0: mapping=wan" "hostpci1: mapping=lan"

check "park: all free VFs" "$hook" park
is "... are nobody's" "$(parked)" "$vf0 $vf1 $vf2 $vf3"
output=$(model choose 100 2>&1)
like "a VM without the hookscript gets none" "$output" "could not find a free device for 'hostpci0'"

output=$(model start 101 2>&1)
is "a VM with two slots starts" "$?" 0
note "$output"
like "... its task log names the first VF" "$output" "vfpool: hostpci0: $vf0 of pool lan"
like "... and the second" "$output" "vfpool: hostpci1: $vf1 of pool lan"
is "... they are leased to it" "$(leased 101)" "$vf0 $vf1"
is "... Proxmox VE chose these" "$(tail -n 2 <<<"$output" | paste -sd ' ')" "hostpci0 $vf0 hostpci1 $vf1"
is "... and its QEMU has them" "$(groups_of "$(cat /run/qemu-server/101.pid)")" "$(groups "$vf0" "$vf1")"
is "... on vfio-pci" "$(drivers "$vf0" "$vf1" "$vf2")" "vfio-pci vfio-pci igbvf"
is "... reserved for it as long as it runs" "$(reservation "$vf0")" "101 pid:$(cat /run/qemu-server/101.pid)"
is "the others stay nobody's" "$(parked)" "$vf2 $vf3"

output=$(model start 102 2>&1)
is "a second VM starts" "$?" 0
is "... with the third VF" "$(leased 102)" "$vf2"
like "... which Proxmox VE chose" "$output" "hostpci0 $vf2\$"

output=$(model start 103 2>&1)
check_fails "a third VM is refused" test $? = 0
note "$output"
like "... with a reason for each VF" "$output" "$vf0.*$vf1.*$vf2"
is "... and holds nothing" "$(leased 103)$(reserved_for 103)" ""

check "the second VM stops" model stop 102
is "... its VF is nobody's again" "$(parked)" "$vf2 $vf3"
is "... on the kernel's driver" "$(vf_driver "$vf2")" igbvf
is "... and the first VM's are not touched" "$(leased) $(reserved_for 101)" "$vf0 $vf1 $vf0 $vf1"

kill -9 "$(cat /run/qemu-server/101.pid)"
check "the first VM's QEMU is killed, its post-stop runs" model cleanup 101
is "... all VFs are nobody's" "$(parked)" "$vf0 $vf1 $vf2 $vf3"
is "... on the kernel's driver" "$(drivers "$vf0" "$vf1" "$vf2" "$vf3")" "igbvf igbvf igbvf igbvf"
is "... none leased" "$(leased)" ""
is "... with the MACs they had" "$(macs)" "$macs_before"
check "post-stop once more does no harm" "$hook" 101 post-stop

first=$("$hook" 101 pre-start)
second=$("$hook" 101 pre-start)
is "pre-start twice in a row gives the same" "$second" "$first"
is "... and no more" "$(leased)" "$vf0 $vf1"
is "post-start and pre-stop say nothing" "$("$hook" 101 post-start 2>&1; "$hook" 101 pre-stop 2>&1)" ""
check "a phase that does not exist yet is passed over" "$hook" 101 pre-migrate
check "the VM starts after that" model start 101
check "... and stops" model stop 101

output=$(model start 104 2>&1)
is "a VM that asks for an address, and for another pool, starts" "$?" 0
note "$output"
is "... with that VF and the other pool's" "$(leased 104)" "$vf1 $vf3"
is "... which its QEMU has" "$(groups_of "$(cat /run/qemu-server/104.pid)")" "$(groups "$vf1" "$vf3")"
check "... and stops" model stop 104

output=$(model start 105 2>&1)
is "a VM that asks for all functions of a slot starts" "$?" 0
note "$output"
is "... with all of them" "$(leased 105)" "$vf0 $vf1 $vf2 $vf3"
check "... and stops" model stop 105

output=$(model start 106 2>&1)
is "a VM that wants no VF gets no word" "$output" ""
check "... and stops" model stop 106

check "two VMs at a time, slots in two pools" model start 107
check "... the other one" model start 102
is "... each has its own" "$(leased 107) | $(leased 102)" "$vf0 $vf3 | $vf1"
check "... stop" model stop 102
check "... stop" model stop 107

# Eight starts at once for three VFs, of which each hookscript and each choice of Proxmox VE is a process of its own.
for vmid in 201 202 203 204 205 206 207 208; do
    vm "$vmid" "hostpci0: mapping=lan"
    (model start "$vmid" >"/tmp/$vmid.out" 2>&1 && echo "$vmid" >"/tmp/$vmid.started") &
done
wait
started=$(cat /tmp/2*.started)
is "of eight starts at once three succeed" "$(wc -l <<<"$started")" 3
is "... with three VFs" "$(leased)" "$vf0 $vf1 $vf2"
for vmid in $started; do
    is "... VM $vmid has the one it leased" "$(groups_of "$(cat "/run/qemu-server/$vmid.pid")")" "$(groups "$(leased "$vmid")")"
    check "... and stops" model stop "$vmid"
done

is "at the end all VFs are nobody's" "$(parked)" "$vf0 $vf1 $vf2 $vf3"
is "... on the kernel's driver" "$(drivers "$vf0" "$vf1" "$vf2" "$vf3")" "igbvf igbvf igbvf igbvf"
is "... with the MACs they had" "$(macs)" "$macs_before"
is "... and nothing is leased" "$(leased)" ""

done_testing
