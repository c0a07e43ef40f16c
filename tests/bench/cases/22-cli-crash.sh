# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# timeout: 1500
#
# Death and refusal at every step: acquire and release are run again and again, and killed (or answered with an error) at
# their first, second, third ... system call that changes anything, until there is no further one. After each, reconcile must
# bring ledger and kernel together: nothing half done, driver, MAC and VLAN as they were, and the VF to be had again.
set -u
# shellcheck source=tests/bench/lib.sh
. "$BENCH_DIR/lib.sh"

nic=0000:01:00.0 netdev=enp1s0
# Writes to sysfs and the ledger, netlink requests, and what SQLite does to files. Reads and closes change nothing.
calls=write,pwrite64,sendmsg,sendto,fsync,fdatasync,ftruncate,rename,unlink,mkdir
mac=52:54:00:00:00:99

mkdir -p /etc/vfpool
cat >/etc/vfpool/vfpool.conf <<END
[pf $nic]
numvfs=1
park=host
[pool lan]
members=pf=$nic
END
ip link set $netdev up
check "up" vfpool up
udevadm settle
vf=$(vf_bdf $nic 0)

acquire=(vfpool acquire --guest manual/doomed --pool lan --mac "$mac" --vlan 7)
release=(vfpool release --guest manual/doomed)
state() { vfpool status --json | jq -r --arg a "$vf" '.vfs[] | select(.address == $a) | .state'; }
seen() {
    echo "$(vf_driver "$vf") $(cat "/sys/bus/pci/devices/$vf/driver_override")" \
        "$(vf_info $netdev 0 | jq -c '[.address, .vlan_list]')"
}

# The first lease makes the MAC that igbvf made up one that stays: what is compared must be from after that.
"${acquire[@]}" >/dev/null && "${release[@]}"
udevadm settle
before=$(seen)
note "before: $before"

# settle WHAT: reconciles, and counts what is not right.
settle() {
    local now
    vfpool reconcile 2>"$HOME/reconcile.err" || {
        lost=$((lost + 1))
        note "$1: reconcile: $(<"$HOME/reconcile.err")"
    }
    now=$(state)
    case $now in
    free) ;;
    active)
        # It was done but for the last word: a lease like any other.
        [[ $(vf_driver "$vf") == vfio-pci && $(vf_mac $netdev 0) == "$mac" ]] || {
            unrestored=$((unrestored + 1))
            note "$1: active, but $(seen)"
        }
        "${release[@]}" || lost=$((lost + 1))
        ;;
    *)
        lost=$((lost + 1))
        note "$1: the VF is $now"
        ;;
    esac
    now=$(seen)
    [[ $now == "$before" ]] || {
        unrestored=$((unrestored + 1))
        note "$1: $now"
    }
}

# list_calls COMMAND...: the calls that an undisturbed run makes, by name and number: "write 1", "pwrite64 1", "write 2" ...
# strace counts each system call by itself, so that is how a point is named.
list_calls() {
    strace -qq -o "$HOME/calls" -e trace="$calls" "$@" >/dev/null
    awk -F'(' '{ print $1, ++n[$1] }' "$HOME/calls"
}

# sweep WHAT INJECTION HELD COMMAND...: runs COMMAND once for each call that it makes, with the injection at that call. HELD:
# the VF is held before each run.
sweep() {
    local what=$1 injection=$2 held=$3 name n rc points=0 lost=0 unrestored=0 mute=0
    shift 3
    [[ $held == no ]] || "${acquire[@]}" >/dev/null
    list_calls "$@" >"$HOME/points"
    [[ $held == yes ]] || "${release[@]}"
    while read -r name n <&3; do
        [[ $held == no ]] || "${acquire[@]}" >/dev/null || lost=$((lost + 1))
        rc=0
        # The subshell takes what bash says of a killed child.
        (strace -qq -o /dev/null -e trace="$name" -e inject="$name:$injection:when=$n" "$@" \
            >"$HOME/out" 2>"$HOME/err" || exit $?) 2>/dev/null || rc=$?
        points=$((points + 1))
        if [[ $injection == error=* ]] && ((rc != 0)) && [[ ! -s $HOME/err ]]; then
            mute=$((mute + 1))
            note "$what at $name $n: exit $rc without a word"
        fi
        # 128 + SIGABRT or SIGSEGV
        if ((rc == 134 || rc == 139)); then
            lost=$((lost + 1))
            note "$what at $name $n: it crashed ($rc)"
        fi
        settle "$what at $name $n (exit $rc)"
    done 3<"$HOME/points"
    note "$what: $points points, $lost lost, $unrestored not restored; $(cut -d' ' -f1 "$HOME/points" | sort | uniq -c | paste -sd' ')"
    is "$what: more than twenty points were tried" "$((points > 20))" 1
    is "$what: writes to sysfs are among them" "$(($(grep -c '^write ' "$HOME/points") > 2))" 1
    is "$what: nothing is lost or half done" $lost 0
    is "$what: all is put back" $unrestored 0
    is "$what: no error without a word" $mute 0
}

sweep "acquire killed" signal=KILL no "${acquire[@]}"
sweep "release killed" signal=KILL yes "${release[@]}"
sweep "acquire with EIO" error=EIO no "${acquire[@]}"
sweep "release with EIO" error=EIO yes "${release[@]}"
is "the VF is free at the end" "$(state)" free

# --- A VF that cannot be put back, however often it is tried ---

"${acquire[@]}" >/dev/null
strace -qq -o /dev/null -e trace=sendmsg -e inject=sendmsg:error=EIO:when=1+ "${release[@]}" 2>"$HOME/err"
is "a PF that refuses for good: 71" $? 71
like "... told with what comes of it" "$(<"$HOME/err")" "$vf could not be put back and is quarantined"
is "... and shown" "$(state)" quarantined
check "reconcile leaves it to the operator" vfpool reconcile
is "... as it is" "$(state)" quarantined
like "nobody gets it" "$(vfpool acquire --guest manual/other --pool lan 2>&1; echo $?)" "$vf is quarantined \\(.*69\$"
check "the operator has looked" vfpool release --quarantined "$vf"
is "it is free" "$(state)" free
is "and as it was" "$(seen)" "$before"
check "and can be had" "${acquire[@]}"
check "and given back" "${release[@]}"
done_testing
