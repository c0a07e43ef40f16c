# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The `vfpool` command from configuration to release, on a NIC: what it says is compared with what the kernel says.
set -u
# shellcheck source=tests/bench/lib.sh
. "$BENCH_DIR/lib.sh"

pf=0000:01:00.0 netdev=enp1s0
sys=/sys/bus/pci/devices/$pf
mac=52:54:00:aa:bb:01

# run COMMAND...: leaves its stdout in $out, stderr in $err, exit status in $rc
run() {
    rc=0
    out=$("$@" 2>/tmp/err) || rc=$?
    err=$(</tmp/err)
}

# exits WHAT STATUS COMMAND...
exits() {
    local what=$1 wanted=$2
    shift 2
    run "$@"
    is "$what" "$rc" "$wanted"
    [[ $rc == "$wanted" ]] || note "$* said: $err"
}

# configure NUMVFS [LINE...]
configure() {
    mkdir -p /etc/vfpool
    printf '%s\n' "[pf $pf]" "numvfs=$1" "[pool lan]" "members=pf=$pf" sticky=no "${@:2}" >/etc/vfpool/vfpool.conf
}

# vf BDF FIELD: a field of a VF in status --json
vf() { vfpool status --json | jq -r --arg a "$1" --arg f "$2" '.vfs[] | select(.address == $a) | .[$f]'; }

# --- Configuration ---

exits "without a configuration: 78" 78 vfpool status
like "  and it says which file is missing" "$err" /etc/vfpool/vfpool.conf
configure 4 'memebrs=pf=0000:01:00.0'
exits "an unknown key: 78" 78 vfpool check
like "  with file and line" "$err" '/etc/vfpool/vfpool.conf:6'
like "  and the nearest key" "$err" "members"
configure 4 '[pool nowhere]' 'members=pf=0000:7f:00.0'
run vfpool check
is "a pool whose PF does not exist is found by check: 78" "$rc" 78
like "  which names it" "$err" 0000:7f:00.0
is "check has changed nothing" "$(<$sys/sriov_numvfs)" 0
configure 4
exits "a good configuration: 0" 0 vfpool check
[[ $rc == 0 ]] || note "$err"

# --- up ---

exits "up makes the VFs" 0 vfpool up
is "  as many as configured" "$(<$sys/sriov_numvfs)" 4
is "  with autoprobe off" "$(<$sys/sriov_drivers_autoprobe)" 0
first=$(vf_bdf $pf 0)
is "  parked on vfio-pci" "$(vf_driver "$first")" vfio-pci
created=$(stat -c %i "/sys/bus/pci/devices/$first")
exits "up again is fine" 0 vfpool up
is "  and keeps the VFs" "$(stat -c %i "/sys/bus/pci/devices/$first")" "$created"
is "status counts them" "$(vfpool status --json | jq -c '.pools[0] | [.name, .total, .free, .leased]')" '["lan",4,4,0]'
like "status for people names the model" "$(vfpool)" '82576 Virtual Function'
like "an unknown pool: 65 and its name" "$(vfpool acquire --guest manual/a --pool wan 2>&1; echo $?)" 'wan.*65$'

# --- acquire and release ---

before=$(vf_info $netdev 0 | jq -c '[.address, .vlan_list]')
exits "acquire" 0 vfpool acquire --guest manual/one --pool lan --slot net0 --mac $mac --vlan 100
is "  prints the address alone" "$out" "$first"
is "  says nothing else" "$err" ""
is "  the kernel has the driver" "$(vf_driver "$first")" vfio-pci
is "  the MAC" "$(vf_mac $netdev 0)" $mac
is "  the VLAN" "$(vf_info $netdev 0 | jq -r '.vlan_list[0].vlan')" 100
is "status shows state, guest, slot, MAC, VLAN" \
    "$(vfpool status --json | jq -c --arg a "$first" '.vfs[] | select(.address == $a) | [.state, .guest, .slot, .mac, .vlan]')" \
    "[\"active\",{\"kind\":\"manual\",\"id\":\"one\",\"name\":null},\"net0\",\"$mac\",100]"
like "  since when" "$(vf "$first" since)" '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$'
is "  and the kernel's own facts" "$(vf "$first" iommu_group) $(vf "$first" driver) $(vf "$first" index)" \
    "$(iommu_group "$first") vfio-pci 0"
run vfpool acquire --guest manual/one --pool lan --slot net0 --mac $mac --vlan 100
is "acquire again gives the same VF" "$rc $out" "0 $first"
run vfpool acquire --guest manual/two --pool lan
is "another guest gets another VF" "$out" "$(vf_bdf $pf 1)"

configure 5
exits "up refuses while VFs are leased: 69" 69 vfpool up
like "  naming who is in the way" "$err" 'manual/one'
is "  and changes nothing" "$(<$sys/sriov_numvfs)" 4
configure 4

exits "release" 0 vfpool release --guest manual/one
is "  puts MAC and VLAN back" "$(vf_info $netdev 0 | jq -c '[.address, .vlan_list]')" "$before"
is "  parks it" "$(vf_driver "$first")" vfio-pci
is "  frees it" "$(vf "$first" state)" free
exits "release again is fine" 0 vfpool release --guest manual/one
exits "release of the other" 0 vfpool release --guest manual/two

# --- somebody else ---

exec 9<>"/dev/vfio/$(iommu_group "$first")"
is "a VF that somebody has open is foreign" "$(vf "$first" state)" foreign
run vfpool acquire --guest manual/three --pool lan
is "  and not given out" "$out" "$(vf_bdf $pf 1)"
vfpool release --guest manual/three
configure 5
exits "up refuses while a group is open: 69" 69 vfpool up
is "  and changes nothing" "$(<$sys/sriov_numvfs)" 4
exec 9>&-
exits "up changes the number when nobody is in the way" 0 vfpool up
is "  as configured" "$(<$sys/sriov_numvfs)" 5

# --- a host driver as the place to wait ---

configure 5
sed -i '/^numvfs/a park=host' /etc/vfpool/vfpool.conf
exits "up parks on the host's driver" 0 vfpool up
is "  igbvf" "$(vf_driver "$first")" igbvf
vfpool acquire --guest manual/four --pool lan >/dev/null
is "acquire takes it from there" "$(vf_driver "$first")" vfio-pci
vfpool release --guest manual/four
is "release puts it back there" "$(vf_driver "$first")" igbvf

done_testing
