# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each documented exit status, provoked for real, and that nothing half done is left behind.
set -u
# shellcheck source=tests/bench/lib.sh
. "$BENCH_DIR/lib.sh"

pf=0000:01:00.0 unsafe=0000:02:00.0 other=0000:81:00.0
ledger=/var/lib/vfpool/ledger.db

# How many VFs are in a state.
count() { vfpool status --json | jq --arg s "$1" '[.vfs[] | select(.pool == "lan" and .state == $s)] | length'; }

nothing_is_leased() { is "  nothing is leased" "$(count free)/$(count active)/$(count reserved)" "3/0/0"; }

systemctl stop vfpool-agent # it would open the ledger in between
mkdir -p /etc/vfpool
cat >/etc/vfpool/vfpool.conf <<EOF
[pf $pf]
numvfs=3
[pf $unsafe]
numvfs=2
[pool lan]
members=pf=$pf
[pool unsafe]
members=pf=$unsafe
EOF
exits "up" 0 vfpool up
acquire=(vfpool acquire --pool lan)

# --- 64, 65 ---

exits "unknown verb: 64" 64 vfpool aquire
like "  what is wrong comes first" "$err" "^vfpool: unknown verb 'aquire': did you mean 'acquire'"
exits "unknown option: 64" 64 "${acquire[@]}" --gest manual/a
exits "missing option: 64" 64 "${acquire[@]}"
exits "no guest: 65" 65 "${acquire[@]}" --guest everybody
exits "no VMID: 65" 65 "${acquire[@]}" --guest pve-qemu/web
exits "no MAC: 65" 65 "${acquire[@]}" --guest manual/a --mac 52:54
exits "multicast MAC: 65" 65 "${acquire[@]}" --guest manual/a --mac 01:00:5e:00:00:01
exits "VLAN too large: 65" 65 "${acquire[@]}" --guest manual/a --vlan 4095
exits "no slot: 65" 65 "${acquire[@]}" --guest manual/a --slot 'a b'
nothing_is_leased

# --- 69 ---

exits "a group without ACS is refused: 69" 69 vfpool acquire --guest manual/a --pool unsafe
like "  with the reason" "$err" "$unsafe|group"
note "$err"
for i in 1 2 3; do
    vfpool acquire --guest manual/g$i --pool lan >/dev/null
done
exits "empty pool: 69" 69 "${acquire[@]}" --guest manual/g4
like "  names who has them" "$err" "manual/g1"
note "$err"
for i in 1 2 3; do
    vfpool release --guest manual/g$i
done
first=$(vf_bdf $pf 0)
vfpool acquire --guest manual/holder --pool lan >/dev/null
exec 9<>"/dev/vfio/$(iommu_group "$first")"
exits "release while the guest has it open: 69" 69 vfpool release --guest manual/holder
like "  says what to do" "$err" "vfpool release --quarantined $first"
exec 9>&-
exits "  and when it has closed it: 0" 0 vfpool release --quarantined "$first"
nothing_is_leased

# --- 71 ---

echo $other >/sys/bus/pci/devices/$other/driver/unbind
printf '%s\n' "[pf $other]" numvfs=2 >/etc/vfpool/vfpool.conf.71
mkdir -p /etc/vfpool/conf.d
mv /etc/vfpool/vfpool.conf.71 /etc/vfpool/conf.d/other.conf
exits "a PF whose driver makes no VFs: 71" 71 vfpool up
like "  names it" "$err" "$other"
note "$err"
rm /etc/vfpool/conf.d/other.conf
echo $other >/sys/bus/pci/drivers_probe

# --- 74 ---

exits "the address cannot be written: 74" 74 bash -c 'vfpool acquire --guest manual/deaf --pool lan >/dev/full'
like "  says that the lease stands" "$err" "$first is leased to manual/deaf"
exits "stdout is closed: 74" 74 bash -c 'vfpool acquire --guest manual/deaf --pool lan >&-'
exits "acquired again it is the same VF" 0 "${acquire[@]}" --guest manual/deaf
is "  " "$out" "$first"
vfpool release --guest manual/deaf
nothing_is_leased

# --- 75 ---

(
    echo 'BEGIN IMMEDIATE;'
    sleep 8
    echo 'ROLLBACK;'
) | sqlite3 $ledger &
sleep 1
exits "the ledger is locked: 75" 75 "${acquire[@]}" --guest manual/late
wait
nothing_is_leased

# --- 77 ---

for verb in "acquire --guest manual/a --pool lan" "release --guest manual/a" reconcile up; do
    # shellcheck disable=SC2086 # words
    exits "not root: ${verb%% *}: 77" 77 setpriv --reuid 65534 --regid 65534 --clear-groups vfpool $verb
    like "  says so" "$err" "root"
done
exits "not root: status: 77" 77 setpriv --reuid 65534 --regid 65534 --clear-groups vfpool status
mount --bind /var/lib/vfpool /var/lib/vfpool
mount -o remount,bind,ro /var/lib/vfpool
exits "the state folder cannot be written: 77" 77 "${acquire[@]}" --guest manual/a
like "  which one" "$err" /var/lib/vfpool
note "$err"
umount /var/lib/vfpool
nothing_is_leased

# --- 78 ---

echo 'colour=blue' >/etc/vfpool/conf.d/bad.conf
exits "a bad file in conf.d: 78" 78 "${acquire[@]}" --guest manual/a
like "  with file and line" "$err" '/etc/vfpool/conf.d/bad.conf:1'
rm /etc/vfpool/conf.d/bad.conf

# --- a ledger that is garbage ---

held=$(vfpool acquire --guest manual/before --pool lan)
exec 9<>"/dev/vfio/$(iommu_group "$held")"
rm -f $ledger-wal $ledger-shm
head -c 20000 /dev/urandom >$ledger
exits "a garbage ledger: acquire still works" 0 "${acquire[@]}" --guest manual/after
unlike "  but does not give out what is open" "$out" "$held"
like "  and says it loudly" "$err" "warning: .*ledger"
note "$err"
is "  the old file is kept aside" "$(find /var/lib/vfpool -name 'ledger.db.unusable-*' -size +19k | wc -l)" 1
unlike "  and what is open is not shown as free" \
    "$(vfpool status --json | jq -r --arg a "$held" '.vfs[] | select(.address == $a) | .state')" free
exec 9>&-
vfpool release --guest manual/after
exits "reconcile afterwards" 0 vfpool reconcile
note "$(vfpool status --json | jq -c '.vfs[] | select(.pool == "lan") | [.address, .state, .reason]')"

done_testing
