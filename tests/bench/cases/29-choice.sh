# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The right VF on real hardware: guests of libvirt get VFs of the node that their XML names, bonded VFs lie apart, a guest gets
# its VF and its MAC again, also after a reboot, and what is cordoned, reserved or over the quota is not handed out.
#
# topology: numa
# reboots: yes
# timeout: 900
set -u
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly unknown=0000:01:00.0 node0=0000:41:00.0 node1=0000:81:00.0
readonly ids=33333333-3333-4333-8333-33333333333
readonly ns='xmlns:vfpool="urn:vfpool:domain:1"'

# pf_of WORD...: the PFs of addresses
pf_of() { for vf; do basename "$(readlink "/sys/bus/pci/devices/$vf/physfn")"; done | paste -sd ' '; }
# of GUEST: the addresses that a guest holds, by slot
of() { vfpool status --json | jq -r --arg g "$1" '[.vfs[] | select(.guest.id == $g)] | sort_by(.slot)[] | .address' | paste -sd ' '; }
mac_of() { vfpool status --json | jq -r --arg g "$1" '[.vfs[] | select(.guest.id == $g)] | sort_by(.slot)[] | .mac' | paste -sd ' '; }
# kernel_mac BDF: the MAC that the PF keeps for a VF
kernel_mac() {
    local pf index
    pf=$(pf_of "$1")
    for ((index = 0; index < 7; index++)); do
        [[ $(vf_bdf "$pf" $index) != "$1" ]] || vf_mac "$(pf_netdev "$pf")" $index
    done
}

configure() {
    {
        for pf in $unknown $node0 $node1; do printf '[pf %s]\nnumvfs=4\n' "$pf"; done
        printf '[pool lan]\nmembers=pf=%s; pf=%s; pf=%s\n' $unknown $node0 $node1
        (($# == 0)) || printf '%s\n' "$@"
    } >/etc/vfpool/vfpool.conf
}
mkdir -p /etc/vfpool

if [[ $BENCH_BOOT == 1 ]]; then
    read -r vf mac <"$HOME/before"
    check "up after the reboot" vfpool up
    is "the guest gets its VF again" "$(vfpool acquire --guest manual/sticky --pool lan)" "$vf"
    is "... and its MAC" "$(mac_of sticky)" "$mac"
    is "... which the kernel has, too" "$(kernel_mac "$vf")" "$mac"
    check "a cordon is still there" bash -c "vfpool status --json | jq -e '.pfs[] | select(.address == \"$node1\") | .cordoned'"
    done_testing
fi

configure
check "check" vfpool check
check "up" vfpool up

# ---- NUMA: the guest's XML names its node ----

# guest N EXTRA-XML SLOTS [ATTRIBUTES]: defines guest gN, which asks for SLOTS; EXTRA-XML goes before <os>
guest() {
    local slots='' s
    for s in $3; do slots+="<vfpool:slot name='$s' pool='lan'/>"; done
    guest_xml "g$1" "$ids$1" "<vfpool:request $ns ${4-}>$slots</vfpool:request>" |
        sed "s|<os>|$2<os>|; s|<vcpu>1</vcpu>|${5:-<vcpu>1</vcpu>}|" >"g$1.xml"
    virsh -q define "g$1.xml"
}

check "a guest with its memory on node 1" guest 1 "<numatune><memory mode='strict' nodeset='1'/></numatune>" net0
check "... starts" virsh -q start g1
is "... and has a VF of node 1" "$(pf_of $(of ${ids}1))" $node1
mac=$(mac_of ${ids}1)
like "... with a MAC that was made for it" "$mac" '^.[26ae]:..:..:..:..:..$'
is "... which the kernel has, too" "$(kernel_mac "$(of ${ids}1)")" "$mac"

check "a guest pinned to processor 0" guest 2 '' 'net0 net1' '' "<vcpu cpuset='0'>1</vcpu>"
check "... starts" virsh -q start g2
is "... and has both VFs of node 0" "$(pf_of $(of ${ids}2))" "$node0 $node0"

check "a guest that pins its vCPU" guest 3 "<cputune><vcpupin vcpu='0' cpuset='1'/></cputune>" 'net0 net1' \
    'anti-affinity="pf" numa="required"'
virsh -q start g3 2>err
is "two VFs apart on the one PF of its node: it does not start" $? 1
like "... the refusal names node and PF" "$(<err)" "is on NUMA node 0, and the guest needs node 1 \(numa=required\)"
is "... and nothing is held" "$(of ${ids}3)" ""
check "when NUMA is only preferred" guest 3 "<cputune><vcpupin vcpu='0' cpuset='1'/></cputune>" 'net0 net1' \
    'anti-affinity="pf"'
check "... it starts" virsh -q start g3
is "... with VFs on two PFs, the first choice on its node" "$(pf_of $(of ${ids}3) | tr ' ' '\n' | sort | paste -sd ' ')" \
    "$unknown $node1"
for n in 1 2 3; do guest_destroy g$n; done
is "all are given back" "$(vfpool status --json | jq '.pools[0].leased')" 0
is "... with no MAC left on them" "$(kernel_mac "$(vf_bdf $node1 0)")" 00:00:00:00:00:00

# ---- By hand: spread, pack, several at once ----

is "three at once lie on three PFs" "$(pf_of $(vfpool acquire --guest manual/three --pool lan --count 3))" \
    "$unknown $node0 $node1"
is "another one packs them" \
    "$(pf_of $(vfpool acquire --guest manual/packed --pool lan --count 2 --placement pack) | tr ' ' '\n' | sort -u | wc -l)" 1
vfpool acquire --guest manual/greedy --pool lan --count 8 2>err
is "eight of seven: refused as a whole" $? 69
is "... in one line" "$(wc -l <err)" 1
is "... and nothing is held" "$(of greedy)" ""
check "released" vfpool release --guest manual/three
check "released" vfpool release --guest manual/packed

# ---- Quota, reservations, cordon ----

configure quota=2 "reserve=guest=manual/vip count=2; guest=manual/vip2 address=$(vf_bdf $node0 0)"
check "two are within the quota" vfpool acquire --guest manual/a --pool lan --count 2
vfpool acquire --guest manual/a --pool lan --slot more 2>err
is "a third is not: 69" $? 69
like "... says so" "$(<err)" "would have 3 VFs of pool 'lan', whose quota is 2"
check "the reserved VF goes to its guest" test "$(vfpool acquire --guest manual/vip2 --pool lan)" = "$(vf_bdf $node0 0)"
check "others take" vfpool acquire --guest manual/b --pool lan --count 2
check "... what" vfpool acquire --guest manual/c --pool lan --count 2
check "... is left" vfpool acquire --guest manual/d --pool lan --count 2
check "... but one" vfpool acquire --guest manual/e --pool lan
vfpool acquire --guest manual/f --pool lan 2>err
is "two are kept: 69" $? 69
like "... for whom" "$(<err)" "is kept: of the pool's free VFs 2 are reserved for manual/vip"
check "who gets them" vfpool acquire --guest manual/vip --pool lan --count 2
for guest in a b c d e vip vip2; do vfpool release --guest manual/$guest; done

configure
check "a PF is cordoned" vfpool cordon $node1 --reason "bad cable"
vfpool acquire --guest manual/g --pool lan --numa required --nodes 1 2>err
is "nothing of it is handed out: 69" $? 69
like "... says why" "$(<err)" "is of the PF $node1, which is cordoned \(bad cable\)"

# ---- The same VF and the same MAC ----

check "what all the others had is forgotten" vfpool forget --days 0
vf=$(vfpool acquire --guest manual/sticky --pool lan)
mac=$(mac_of sticky)
check "another takes one" vfpool acquire --guest manual/h --pool lan
check "the first gives its back" vfpool release --guest manual/sticky
other=$(vfpool acquire --guest manual/i --pool lan)
check "what it had is left for it" test "$other" != "$vf"
is "it gets its VF again" "$(vfpool acquire --guest manual/sticky --pool lan)" "$vf"
is "... with its MAC" "$(mac_of sticky)" "$mac"
check "given back" vfpool release --guest manual/sticky
check "somebody takes that very MAC" ip link add dummy9 address "$mac" type dummy
vfpool forget --guest manual/sticky
check "after it was forgotten" vfpool acquire --guest manual/sticky --pool lan
check "... it gets another MAC" test "$(mac_of sticky)" != "$mac"
ip link del dummy9
err=$(vfpool acquire --guest manual/j --pool lan --mac "$(mac_of sticky)" 2>&1 >/dev/null)
like "a MAC that another guest has is warned of" "$err" "which manual/sticky has in its slot slot0"
echo "$(of sticky) $(mac_of sticky)" >"$HOME/before"
sync
reboot_host
