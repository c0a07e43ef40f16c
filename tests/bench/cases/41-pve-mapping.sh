# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A pool as a Proxmox mapping: written beside what is there, looked at when the hardware changes, mended; and Proxmox's own rules
# applied to it by the model.
#
# topology: default
# timeout: 300
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
check "park" "$hook" park
vm 101 "hostpci0: mapping=lan"
check "a VM starts with it" model start 101
check "... and stops" model stop 101

# The third VF goes: what is listed is not there any more.
sed -i 's/^numvfs=4/numvfs=2/; s/^members=.* vfs=0-2/members=pf='"$pf"' vfs=0-1/; /^\[pool wan\]/,$d' /etc/vfpool/vfpool.conf
check "two VFs go" vfpool up
output=$(model start 101 2>&1)
check_fails "the VM does not start" test $? = 0
exits "check: 78" 78 vfpool check
like "  with the line" "$err" "line 12: Proxmox VE will not start a VM with the mapping lan because of $vf2, there is no such device"
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
