# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# timeout: 2400
# copy: tests/bench/crash.py:/root/crash.py
#
# Death and refusal at every step: acquire, release, reconcile and up are killed, or refused by the kernel, at each of their
# system calls that change anything; crash.py tells how, and what is looked at after each. Here it does every sixth point at which
# acquire, release and reconcile are killed in one configuration, and some of all others: which ones changes from run to
# run. The offset that is printed is the argument that brings the same ones again. `make crash` (tests/bench/crash) passes
# options of crash.py instead, and has all of them.
set -u
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

every=1200
case ${1-} in
--*) options=("$@") ;;
*)
    offset=${1:-$((RANDOM % every))}
    options=(--bounded --every "$every" --offset "$offset")
    note "offset $offset"
    ;;
esac

while IFS=$'\t' read -r verdict what; do
    case $verdict in
    ok) ok "$what" ;;
    "not ok") not_ok "$what" ;;
    *) echo "$verdict${what:+ $what}" ;;
    esac
    last=$verdict
done < <(python3 "$HOME/crash.py" "${options[@]}" || echo "# crash.py died: exit $?")
like "the sweep came to its end, and all was well" "$last" \
    '^# crash: [1-9][0-9]* points, 0 doubled, 0 lost, 0 not restored$'
[[ ${1-} != --* ]] || done_testing

# --- A VF that cannot be put back, however often it is tried ---

nic=0000:01:00.0
mac=52:54:00:00:00:99
cat >/etc/vfpool/vfpool.conf <<END
[pf $nic]
numvfs=1
park=host
[pool lan]
members=pf=$nic
END
check "up" vfpool up
udevadm settle
vf=$(vf_bdf $nic 0)
acquire=(vfpool acquire --guest manual/doomed --pool lan --mac "$mac" --vlan 7)
release=(vfpool release --guest manual/doomed)
state() { vfpool status --json | jq -r --arg a "$vf" '.vfs[] | select(.address == $a) | .state'; }
seen() {
    echo "$(vf_driver "$vf") $(cat "/sys/bus/pci/devices/$vf/driver_override")" \
        "$(vf_info "$(pf_netdev $nic)" 0 | jq -c '[.address, .vlan_list]')"
}

# The first lease makes the MAC that igbvf made up one that stays: what is compared must be from after that.
"${acquire[@]}" >/dev/null && "${release[@]}"
udevadm settle
before=$(seen)
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
