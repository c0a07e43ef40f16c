# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# timeout: 900
#
# Many at once, and sudden death: 16 processes acquire from a pool of 8, 6 times (or as many as the argument says); then acquire is
# killed at every stage.
set -u
# shellcheck source=tests/bench/lib.sh
. "$BENCH_DIR/lib.sh"

pf=0000:03:00.0 nic=0000:01:00.0 netdev=enp1s0
rounds=${1:-6} at_once=16 size=8
work=$(mktemp -d)

mkdir -p /etc/vfpool
cat >/etc/vfpool/vfpool.conf <<EOF
[pf $pf]
numvfs=$size
[pf $nic]
numvfs=2
park=host
[pool disks]
members=pf=$pf
[pool lan]
members=pf=$nic
EOF
check "up" vfpool up

# How many VFs of a pool are in a state.
count() {
    vfpool status --json | jq --arg p "$1" --arg s "$2" '[.vfs[] | select(.pool == $p and .state == $s)] | length'
}

# --- 16 for 8 ---

for ((round = 1; round <= rounds; round++)); do
    pids=()
    rm -f "$work"/*
    for ((i = 0; i < at_once; i++)); do
        (
            vfpool acquire --guest "manual/g$i" --pool disks >"$work/out$i" 2>"$work/err$i"
            echo $? >"$work/rc$i"
        ) &
        pids+=($!)
    done
    wait "${pids[@]}"
    got=$(cat "$work"/rc* | sort | uniq -c | awk '{ printf "%s%d exit %s", sep, $1, $2; sep = ", " }')
    is "round $round: exactly $size get one, the others exit 69" "$got" "8 exit 0, 8 exit 69"
    is "  all different" "$(cat "$work"/out* | sort -u | wc -l)" $size
    [[ $got == "8 exit 0, 8 exit 69" ]] || note "$(cat "$work"/err* | sort | uniq -c)"
    for ((i = 0; i < at_once; i++)); do
        vfpool release --guest "manual/g$i" || not_ok "release of manual/g$i"
    done
done
is "all are free at the end" "$(count disks free)" $size

# --- kill -9 ---

first=$(vf_bdf $nic 0)
before="$(vf_driver "$first") $(vf_info $netdev 0 | jq -c '[.address, .vlan_list]')"
mac=52:54:00:00:00:99 killed=0 finished=0 bad=0 stages=30
doomed=(vfpool acquire --guest manual/doomed --pool lan --mac "$mac" --vlan 7)
whole=$(ms "${doomed[@]}" 2>/dev/null)
vfpool release --guest manual/doomed
for ((stage = 0; stage < stages; stage++)); do
    # from before main() to after the end, however fast the machine is
    delay=$((whole * 12 * stage / (10 * stages)))
    "${doomed[@]}" >/dev/null 2>&1 &
    pid=$!
    sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
    if kill -9 $pid 2>/dev/null; then killed=$((killed + 1)); else finished=$((finished + 1)); fi
    wait $pid 2>/dev/null
    vfpool reconcile || not_ok "reconcile after stage $stage"
    half=$(($(count lan reserved) + $(count lan releasing) + $(count lan quarantined)))
    [[ $half == 0 ]] || bad=$((bad + 1))
    # What was finished before the kill is a lease like any other.
    vfpool release --guest manual/doomed || not_ok "release after stage $stage"
    after="$(vf_driver "$first") $(vf_info $netdev 0 | jq -c '[.address, .vlan_list]')"
    [[ $after == "$before" && $(count lan free) == 2 ]] || {
        bad=$((bad + 1))
        note "stage $stage: $after"
    }
done
note "an acquire takes $whole ms; $killed killed, $finished had finished"
is "a killed acquire leaves nothing half done after reconcile" $bad 0
is "  and was really killed in several stages" "$((killed >= 5))" 1

done_testing
