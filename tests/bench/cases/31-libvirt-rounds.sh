# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# 6 starts and stops (or as many as the argument says), three guests in turn, every third of them killed: no VF is lost, all
# attributes and drivers are as they were, and nobody holds anything at the end.
#
# timeout: 1200

# shellcheck disable=SC2317  # functions are called through check and wait_for
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:01:00.0 rounds=${1:-6}
mkdir -p /etc/vfpool
printf '[pf %s]\nnumvfs=4\n[pool lan]\nmembers=pf=%s\n' "$pf" "$pf" >/etc/vfpool/vfpool.conf

uuid() { echo "00000000-0000-4000-8000-00000000000$1"; }
held_by() {
    vfpool status --json | jq -r --arg id "$(uuid "$1")" \
        '[.vfs[] | select(.guest.id? == $id and .state == "active") | .address] | join(" ")'
}
is_attached() { virsh dumpxml "g$1" | grep -q "ua-vfpool-net0"; }
is_free() { [[ $(vfpool status --json | jq '[.vfs[] | select(.pool == "lan" and .state == "free")] | length') == 4 ]]; }
is_off() { [[ $(guest_state "g$1") == "shut off" ]]; }
show() {
    ip -j -d link show dev enp1s0 | jq -c '.[0].vfinfo_list[]'
    for i in 0 1 2 3; do vf_driver "$(vf_bdf "$pf" "$i")"; done
}

check "vfpool up" vfpool up
for n in 1 2 3; do
    guest_xml "g$n" "$(uuid "$n")" \
        "<v:request xmlns:v='urn:vfpool:domain:1'><v:slot name='net0' pool='lan' mac='52:54:00:00:ee:0$n' vlan='10$n'/></v:request>" \
        >"/tmp/g$n.xml"
    virsh -q define "/tmp/g$n.xml"
done
before=$(show)

# round R: one start and one stop of the guest whose turn it is; says what went wrong.
round() {
    local n=$(($1 % 3 + 1))
    virsh -q start "g$n" || return
    [[ -n $(held_by "$n") ]] || { echo "g$n holds nothing"; return 1; }
    wait_for 30 is_attached "$n" || { echo "g$n: not attached"; return 1; }
    if (($1 % 3 == 2)); then
        kill -9 "$(guest_pid "g$n")"
    else
        virsh -q destroy "g$n"
    fi
    wait_for 20 is_off "$n" || { echo "g$n did not stop"; return 1; }
    wait_for 20 is_free || { echo "g$n: not all free"; vfpool status; return 1; }
}

failed=0
began=$SECONDS
for ((r = 0; r < rounds; r++)); do
    said=$(round "$r" 2>&1) || { failed=$((failed + 1)); note "round $r: $said"; }
done
is "$rounds rounds, none failed" "$failed" 0
note "$rounds starts and stops in $((SECONDS - began)) s"
check "all VFs are free" is_free
is "no VF is quarantined" "$(vfpool status --json | jq '[.vfs[] | select(.state == "quarantined")] | length')" 0
is "attributes and drivers are as they were" "$(show)" "$before"
check "reconcile finds nothing to do" vfpool reconcile
is "the agent never died" "$(systemctl show -P NRestarts vfpool-agent.service)" 0
done_testing
