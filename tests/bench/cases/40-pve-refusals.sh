# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What Proxmox operators get wrong, and what goes wrong by itself: a start is refused with a sentence that helps, and
# nothing is left behind.
#
# topology: default
# copy: tests/bench/pve-lib.sh:/root/pve-lib.sh
# copy: tests/bench/pve-model:/root/pve-model

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../pve-lib.sh
. /root/pve-lib.sh

check "a node with two pools" pve_node
check "... all parked" "$hook" park
cp "$mapping" /tmp/mapping
vm 101 "hostpci0: mapping=lan,pcie=1"

# refused WHAT REGEX STATUS [OPTION...]: VM 101's pre-start fails like this and leaves all as it was.
refused() {
    local what=$1 regex=$2 status=$3 output rc=0
    shift 3
    output=$("$hook" "$@" 101 pre-start 2>&1) || rc=$?
    note "$output"
    like "$what" "$output" "$regex"
    is "... exit status" "$rc" "$status"
    is "... one line" "$(wc -l <<<"$output")" 1
    is "... nothing is leased" "$(leased)" ""
    is "... all VFs are nobody's" "$(parked)" "$vf0 $vf1 $vf2 $vf3"
    is "... on the kernel's driver" "$(drivers "$vf0" "$vf1" "$vf2" "$vf3")" "igbvf igbvf igbvf igbvf"
}

rm "$mapping"
refused "no mapping" "mapping lan, .* has no line for node .*vfpool pve mapping lan --apply" 78

sed "s/,node=[^,]*/,node=elsewhere/" /tmp/mapping >"$mapping"
refused "a mapping for another node only" "has no line for node" 78

sed "/path=$vf1/s/iommugroup=[0-9]*/iommugroup=999/" /tmp/mapping >"$mapping"
refused "a line that differs from the hardware" "line 3: .*iommugroup is 999 there.*write there instead: map id=" 78

{ sed '/^$/d;/^wan$/,$d' /tmp/mapping && sed -n "/path=$vf3/p" /tmp/mapping; } >"$mapping"
refused "a line that is not in the pool" "line 5: $vf3 is in the mapping lan but not in the vfpool pool" 78

sed "/path=$vf0/d" /tmp/mapping >"$mapping"
refused "the leased VF is not listed" "does not list $vf0, .*vfpool pve mapping lan --apply" 78

cp /tmp/mapping "$mapping"
refused "a reservation file that cannot be written" "/proc/nowhere" 71 --run-dir /proc/nowhere

(
    exec 9>>"$reservations.lock"
    flock 9
    sleep 14
) &
refused "a lock that somebody keeps" "held the lock $reservations.lock for 10 seconds" 75
wait

vm 101 "hostpci0: mapping=lan" "hostpci1: $vf0"
refused "an address that Proxmox VE would give to an earlier slot" "would give $vf0 to an earlier entry than hostpci1" 78

vm 101 "hostpci0: mapping=lan"
echo "[pool broken]" >>/etc/vfpool/vfpool.conf
output=$("$hook" 101 pre-start 2>&1)
is "a broken configuration refuses the start" "$?" 78
note "$output"
vm 102 "memory: 64"
check "... but not of a VM without hostpci" "$hook" 102 pre-start
sed -i '/pool broken/d' /etc/vfpool/vfpool.conf

printf 'name: crlf\r\nhostpci0: mapping=lan,pcie=1\r\nhookscript: local:snippets/vfpool\r\n[PENDING]\r\nhostpci1: mapping=lan\r\n' \
    >/etc/pve/qemu-server/101.conf
is "CRLF and pending changes" "$("$hook" 101 pre-start)" "vfpool: hostpci0: $vf0 of pool lan"
check "... given back" "$hook" 101 post-stop

vm 101 "hostpci0: mapping=lan"
sed -i "s/^$vf0 .*/$vf0 300 time:9999999998/" "$reservations"
output=$("$hook" 101 pre-start 2>&1)
check_fails "a VF that Proxmox VE gave to another VM meanwhile" test $? = 0
like "... is named, with that VM" "$output" "$vf0 is leased to VM 101, but .* for VM 300, which is being started"
is "... nothing stays leased" "$(leased)" ""
is "... and the other VM keeps it" "$(reservation "$vf0")" "300 time:9999999998"
sed -i '/ 300 /d' "$reservations"

printf '# somebody was here\nnot a line\n' >>"$reservations"
check "foreign lines" "$hook" 101 pre-start
check "... and back" "$hook" 101 post-stop
is "... are kept" "$(grep -c -x -e '# somebody was here' -e 'not a line' "$reservations")" 2

check_fails "a VM that does not exist" "$hook" 999 pre-start
touch /etc/pve/lxc/110.conf
is "a container gets no word" "$("$hook" 110 pre-start 2>&1)$("$hook" 110 post-stop 2>&1)" ""
for arguments in "" "101" "101 pre-start more" "x1 pre-start" "007 pre-start" "--frob 101 pre-start"; do
    # shellcheck disable=SC2086 # words
    "$hook" $arguments 2>/dev/null
    is "usage: '$arguments'" "$?" 64
done
check "help" "$hook" --help
is "at the end nothing is leased" "$(leased)" ""

done_testing
