# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The storm with libvirt: libvirt-storm.sh [ROUNDS [GUESTS [SEED]]]. In each round all guests are started at once; half of them
# find a VF each in the pool `wide` (NVMe), the others share half as many of the pool `narrow` (a NIC, with MAC and VLAN), so
# that some are refused. Then they are destroyed at once, or their QEMU is killed. Meanwhile libvirt's daemon and the agent
# are restarted or killed at random moments.

# shellcheck disable=SC2317  # functions are called through check and wait_for
# shellcheck source=tests/bench/lib.sh
. "$BENCH_DIR/lib.sh"

readonly nvme=0000:03:00.0 nic=0000:01:00.0 ledger=/var/lib/vfpool/ledger.db
readonly late_conf=/etc/vfpool/conf.d/late.conf
readonly call_limit=400 # seconds; a start or stop that takes longer has got stuck
rounds=${1:-4} guests=${2:-8} seed=${3:-$((SRANDOM))}
half=$((guests / 2)) few=$(((guests + 3) / 4))
RANDOM=$((seed % 32768))
note "$guests guests, $half VFs in the one pool and $few in the other, $rounds rounds, seed $((seed % 32768))"

mkdir -p /etc/vfpool/conf.d
cat >/etc/vfpool/vfpool.conf <<END
[pf $nvme]
numvfs=$half
[pf $nic]
numvfs=$few
park=host
[pool wide]
members=pf=$nvme
[pool narrow]
members=pf=$nic
END

uuid() { printf '00000000-0000-4000-8000-%012d' "$1"; }

define() {
    local slot="name='d' pool='wide'" mac
    if (($1 > half)); then
        printf -v mac '52:54:00:00:bb:%02x' "$1"
        slot="name='d' pool='narrow' mac='$mac' vlan='$((100 + $1))'"
    fi
    GUEST_PORTS=2 guest_xml "g$1" "$(uuid "$1")" "<v:request xmlns:v='urn:vfpool:domain:1'><v:slot $slot/></v:request>" >"g$1.xml"
    virsh -q define "g$1.xml"
}

# show: what must be the same before and after.
show() {
    ip -j -d link show dev enp1s0 | jq -c '.[0].vfinfo_list[] | [.vf, .address, .vlan_list]'
    for vf in "/sys/bus/pci/devices/$nvme"/virtfn* "/sys/bus/pci/devices/$nic"/virtfn*; do
        echo "$(basename "$(readlink "$vf")") $(vf_driver "$(basename "$(readlink "$vf")")")"
    done
}

# open_groups: `GROUP UUID` for each IOMMU group that a guest's QEMU has open.
open_groups() {
    local file pid n
    for file in /run/libvirt/qemu/g*.pid; do
        pid=$(cat "$file" 2>/dev/null) || continue
        n=${file##*/g}
        find "/proc/$pid/fd" -lname '/dev/vfio/[0-9]*' -printf "%l $(uuid "${n%.pid}")\n" 2>/dev/null
    done | sed 's|^/dev/vfio/||' | sort -u
}

# find_doubles: groups that two guests have open, or a guest that the VF is not leased to.
find_doubles() {
    local open leases
    open=$(open_groups)
    cut -d' ' -f1 <<<"$open" | uniq -d | sed '/^$/d; s/$/ is open in two guests/'
    leases=$(vfpool status --json | jq -r '.vfs[] | select(.guest != null) | "\(.iommu_group) \(.guest.id)"' | sort)
    # What is open and not leased to that very guest.
    comm -23 <(sed '/^$/d' <<<"$open") <(sort -u <<<"$leases") | sed 's/$/ has it open without a lease/'
}

# chaos: disturbs one of the daemons, or none, after a while.
chaos() {
    local pick=$1 delay=$2
    sleep "$delay"
    case $pick in
    0) systemctl restart libvirtd.service ;;
    1) systemctl kill -s KILL --kill-who=main libvirtd.service ;;
    2) systemctl restart vfpool-agent.service ;;
    3) systemctl kill -s KILL vfpool-agent.service ;;
    esac >/dev/null 2>&1
}

# all_at_once COMMAND: COMMAND N for all guests, beside some chaos.
all_at_once() {
    local n pids=()
    chaos $((RANDOM % 6)) "$((RANDOM % 12)).$((RANDOM % 10))" &
    pids+=($!)
    for ((n = 1; n <= guests; n++)); do
        "$1" "$n" $((RANDOM % 4)) &
        pids+=($!)
    done
    wait "${pids[@]}"
}

# virsh_timed ARG...: a call that the daemon's end breaks off is no failure here, one that does not come back is.
virsh_timed() {
    timeout "$call_limit" virsh -q "$@" >/dev/null 2>>virsh.log
    [[ $? == 124 ]] || return 0
    echo "virsh $*" >>stuck
    # What there is to see of it is shown once.
    [[ ! -e seen ]] || return 0
    {
        # shellcheck disable=SC2009  # the whole tree is looked at
        ps -eo pid,ppid,etimes,stat,wchan:20,args --forest | grep -E 'virsh|libvirt|vfpool|qemu' | cut -c1-150
        vfpool status
        journalctl --no-pager -o short-monotonic -u libvirtd -u vfpool-agent -n 40
    } >seen 2>&1
}

start_one() { virsh_timed start "g$1"; }

# Every fourth time the QEMU is killed instead.
stop_one() {
    local pid
    if [[ $2 == 0 ]] && pid=$(guest_pid "g$1" 2>/dev/null); then
        kill -9 "$pid" 2>/dev/null
    else
        virsh_timed destroy "g$1"
    fi
}

daemon_answers() { timeout 20 virsh -q list >/dev/null 2>&1; }
agent_runs() { systemctl -q is-active vfpool-agent.service; }

# all_off: whoever still runs is destroyed; true when nobody does.
all_off() {
    local name
    daemon_answers || { systemctl start libvirtd.service; return 1; }
    for name in $(timeout 20 virsh -q list --name); do
        virsh_timed destroy "$name"
    done
    [[ -z $(timeout 20 virsh -q list --name) ]] && ! compgen -G '/run/libvirt/qemu/g*.pid' >/dev/null
}

not_free() { vfpool status --json | jq -r '.vfs[] | select(.pool != null and .state != "free") | "\(.address) \(.state) \(.guest.id) \(.reason)"'; }

doubled=0 lost=0
# tally COUNTER TEXT: counts the lines of TEXT, and shows them.
tally() {
    [[ -n $2 ]] || return 0
    note "round $round: $1: $2"
    printf -v "$1" %d $(($1 + $(wc -l <<<"$2")))
}

check "vfpool up" vfpool up
for ((n = 1; n <= guests; n++)); do define "$n"; done
before=$(show)
: >stuck
off=0 reconciles=0 changed=0 ended=0 began=$SECONDS
for ((round = 1; round <= rounds; round++)); do
    all_at_once start_one
    tally doubled "$(find_doubles)"
    sleep $((RANDOM % 4))
    tally doubled "$(find_doubles)"
    all_at_once stop_one
    wait_for 120 all_off || { off=$((off + 1)); note "round $round: some did not stop: $(virsh -q list 2>&1)"; }
    # Everybody is gone for good, so nobody has to be given the time to appear.
    printf '[vfpool]\nstart-grace=0\n' >$late_conf
    said=$(vfpool reconcile 2>&1) || { reconciles=$((reconciles + 1)); note "round $round: reconcile: $said"; }
    rm $late_conf
    tally lost "$(not_free)"
    [[ $(show) == "$before" ]] || { changed=$((changed + 1)); note "$(diff <(echo "$before") <(show))"; }
    wait_for 60 agent_runs || systemctl restart vfpool-agent.service
    ended=$((ended + 1))
    note "round $round of $rounds: $((SECONDS - began)) s since the first began"
done

handed_out=$(sqlite3 $ledger "SELECT count (*) FROM history WHERE event = 'acquired'")
is "$rounds rounds were run" "$ended" "$rounds"
check "VFs were handed out" test "$handed_out" -gt 0
is "none was handed out twice" "$doubled" 0
is "none was lost" "$lost" 0
is "reconcile succeeded each time" "$reconciles" 0
is "no call got stuck" "$(sort stuck | uniq -c)" ""
[[ ! -e seen ]] || note "$(<seen)"
is "all guests could be stopped" "$off" 0
is "attributes and drivers were as before after each round" "$changed" 0
check "some guests were refused" grep -q "pool 'narrow' has no free VF" virsh.log
note "$(sed -E 's/g[0-9]+|[0-9a-f:.-]{8,}/../g; s/^(.{160}).*/\1/' virsh.log | sort | uniq -c | sort -rn | head -n 15)"
note "rounds=$ended handed_out=$handed_out doubled=$doubled lost=$lost"
done_testing
