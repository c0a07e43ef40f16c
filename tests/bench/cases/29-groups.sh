# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Devices that are handed out together, because they share an IOMMU group or are functions of one device, and whole PFs with
# their guards. The chipset's SATA and SMBus controllers are two functions of one device, in one group: its port cannot keep
# them apart.
set -u
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly sata=0000:00:1f.2 smbus=0000:00:1f.3 pf=0000:02:00.0
mkdir -p /etc/vfpool
configure() { printf '%s\n' "$@" >/etc/vfpool/vfpool.conf; }
state() { vfpool status --json | jq -r --arg a "$1" '.vfs[] | select(.address == $a) | "\(.state) \(.slot)"'; }
drivers() { echo "$(vf_driver $sata) $(vf_driver $smbus)"; }

is "the two share a group" "$(iommu_group $sata)" "$(iommu_group $smbus)"
note "group: $(group_members $sata); drivers: $(drivers)"

# ---- One by one ----

configure '[pool chips]' "members=address=$sata; address=$smbus"
check "up parks them" vfpool up
is "on vfio-pci" "$(drivers)" "vfio-pci vfio-pci"
is "one is handed out" "$(vfpool acquire --guest manual/a --pool chips)" $sata
vfpool acquire --guest manual/b --pool chips 2>err
is "the other not to another guest: 69" $? 69
like "... says why" "$(<err)" "$smbus shares IOMMU group [0-9]+ with $sata, which is held by manual/a"
is "but to the same" "$(vfpool acquire --guest manual/a --pool chips --slot more)" $smbus
check "given back" vfpool release --guest manual/a

# ---- Together ----

configure '[pool chips]' "members=address=$sata; address=$smbus" shared-groups=together
is "a group is handed out as a whole" "$(vfpool acquire --guest manual/a --pool chips | paste -sd ' ')" "$sata $smbus"
is "... each with a slot of its own" "$(state $sata), $(state $smbus)" "active slot0, active slot0-1"
is "... on vfio-pci" "$(drivers)" "vfio-pci vfio-pci"
is "asked again: the same" "$(vfpool acquire --guest manual/a --pool chips | paste -sd ' ')" "$sata $smbus"
vfpool acquire --guest manual/b --pool chips 2>err
is "nothing is left: 69" $? 69
check "given back" vfpool release --guest manual/a
is "both are free" "$(state $sata), $(state $smbus)" "free null, free null"

bash -c 'strace -f -qq -o /dev/null -e trace=rename,write -e inject=write:signal=KILL:when=20 \
    vfpool acquire --guest manual/killed --pool chips' >/dev/null 2>&1
note "after a kill: $(state $sata), $(state $smbus)"
check "one that was killed half-way is put right" vfpool reconcile
check "and given back" vfpool release --guest manual/killed
is "both are free" "$(state $sata), $(state $smbus)" "free null, free null"

# ---- All functions of a device ----

configure '[pool chips]' "members=address=$sata; address=$smbus"
is "all functions when asked" "$(vfpool acquire --guest manual/a --pool chips --all-functions | paste -sd ' ')" "$sata $smbus"
check "given back" vfpool release --guest manual/a

# ---- A whole PF ----

netdev=$(pf_netdev $pf)
configure '[pool whole]' "members=address=$pf"
check "a PF may be a member" vfpool check
ip addr add 192.0.2.1/24 dev "$netdev"
ip link set "$netdev" up
vfpool acquire --guest manual/a --pool whole 2>err
is "not while the host uses it: 69" $? 69
like "... says for what" "$(<err)" "$pf is used by the host: its interface $netdev"
is "... it is untouched" "$(vf_driver $pf)" igb
ip addr del 192.0.2.1/24 dev "$netdev"
check "VFs are made" set_numvfs $pf 2
vfpool acquire --guest manual/a --pool whole 2>err
is "not while it has VFs: 69" $? 69
like "... says so" "$(<err)" "$pf has 2 VFs of its own"
check "they are gone" set_numvfs $pf 0
is "now it is handed out" "$(vfpool acquire --guest manual/a --pool whole)" $pf
is "... on vfio-pci" "$(vf_driver $pf)" vfio-pci
configure "[pf $pf]" numvfs=2 '[pool whole]' "members=address=$pf"
vfpool up 2>err
is "no VFs are made of it: 78" $? 78
like "... says why" "$(<err)" "vfpool.conf:1: numvfs=2, but $pf lies in the pool 'whole' as a whole"
configure "[pf $pf]" numvfs=2
vfpool up 2>err
is "nor when it left the pool: 69" $? 69
like "... says who has it" "$(<err)" "$pf is active for manual/a; release it first"
is "... it is untouched" "$(vf_driver $pf)" vfio-pci
check "given back" vfpool release --guest manual/a
done_testing
