# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a test script in the bench is written with:
#
#     . "$BENCH_DIR/lib.sh"
#     check "the PF takes four VFs" set_numvfs 0000:01:00.0 4
#     is "its first VF has no driver" "$(vf_driver 0000:01:10.0)" none
#     done_testing
#
# A test prints one line, `ok N - WHAT`, `not ok N - WHAT` or `ok N - WHAT # SKIP WHY`, and after a failure what was
# seen, on lines that start with `#`. Nothing here stops the script: a test that failed is counted, and the rest still
# tells something. A script that dies before done_testing has failed, whatever it had counted.

bench_tests=0
bench_failures=0

# Counts of the script's runs before a reboot; see reboot_host.
readonly bench_counts=/var/lib/vfpool-bench/counts
if [[ -r $bench_counts ]]; then
    read -r bench_tests bench_failures <"$bench_counts"
fi

# ok WHAT / not_ok WHAT [DETAIL]: states a result.
ok() {
    bench_tests=$((bench_tests + 1))
    echo "ok $bench_tests - $1"
}

not_ok() {
    bench_tests=$((bench_tests + 1))
    bench_failures=$((bench_failures + 1))
    echo "not ok $bench_tests - $1"
    if [[ -n ${2-} ]]; then
        note "$2"
    fi
    return 0
}

# note TEXT: says something that is no result; each line of TEXT gets a `#`.
note() {
    local line
    while IFS= read -r line || [[ -n $line ]]; do
        printf '# %s\n' "$line"
    done <<<"$1"
}

# skip WHAT WHY: a test that cannot be made here.
skip() {
    bench_tests=$((bench_tests + 1))
    echo "ok $bench_tests - $1 # SKIP $2"
}

# check WHAT COMMAND...: the command succeeds. Its output is shown if it does not.
check() {
    local what=$1 output rc=0
    shift
    output=$("$@" 2>&1) || rc=$?
    if ((rc == 0)); then
        ok "$what"
    else
        not_ok "$what" "$(printf '%s\nexit status %d of: %s' "$output" "$rc" "$*")"
    fi
}

# check_fails WHAT COMMAND...: the command fails, by an exit status and not by a signal.
check_fails() {
    local what=$1 output rc=0
    shift
    output=$("$@" 2>&1) || rc=$?
    if ((rc > 0 && rc < 126)); then
        ok "$what"
    else
        not_ok "$what" "$(printf '%s\nexit status %d of: %s' "$output" "$rc" "$*")"
    fi
}

# is WHAT GOT WANTED: two texts are equal.
is() {
    if [[ $2 == "$3" ]]; then
        ok "$1"
    else
        not_ok "$1" "$(printf 'got:    %s\nwanted: %s' "$2" "$3")"
    fi
}

# like WHAT GOT REGEX / unlike WHAT GOT REGEX: a text matches, or does not, an extended regular expression.
like() {
    if [[ $2 =~ $3 ]]; then
        ok "$1"
    else
        not_ok "$1" "$(printf 'got:       %s\nunlike:    %s' "$2" "$3")"
    fi
}

unlike() {
    if [[ $2 =~ $3 ]]; then
        not_ok "$1" "$(printf 'got:       %s\nbut not:   %s' "$2" "$3")"
    else
        ok "$1"
    fi
}

# exits WHAT STATUS COMMAND...: the command ends with this status; its stdout is left in $out, its stderr in $err.
exits() {
    local what=$1 wanted=$2 rc=0
    shift 2
    # shellcheck disable=SC2034 # the cases use it
    out=$("$@" 2>/tmp/err) || rc=$?
    err=$(</tmp/err)
    is "$what" "$rc" "$wanted"
    [[ -z $err ]] || note "$err"
}

# says REGEX: the last message of exits did, in one line.
says() {
    like "  says so" "$err" "$1"
    is "  in one line" "$(wc -l <<<"$err")" 1
}

# done_testing: the last line of a script. Exits 0 if tests were made and none failed.
done_testing() {
    echo "1..$bench_tests"
    ((bench_tests > 0 && bench_failures == 0)) || exit 1
    exit 0
}

# wait_for SECONDS COMMAND...: tries the command until it succeeds; false if it has not within that time.
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
}

# reboot_host / crash_host: ends this run of the script, and the machine comes up again with the disk as it is: shut down in
# good order, or reset under everybody's feet. The script is started again with $BENCH_BOOT one higher. For scripts that are
# run with --reboots (a case: `# reboots: yes`).
reboot_host() {
    echo "$bench_tests $bench_failures" >"$bench_counts"
    # Give what was printed the time to leave.
    sleep 0.5
    systemctl reboot
    sleep infinity
}

crash_host() {
    echo "$bench_tests $bench_failures" >"$bench_counts"
    sleep 0.5
    sync
    echo b >/proc/sysrq-trigger
    sleep infinity
}

# ms COMMAND...: runs it, its output going to stderr, and prints the milliseconds it took.
ms() {
    local before rc=0
    before=$(date +%s%N)
    "$@" >&2 || rc=$?
    echo $((($(date +%s%N) - before) / 1000000))
    return "$rc"
}

# --- PCI ------------------------------------------------------------------------------------------------------------

# vf_driver BDF: the driver a function is bound to, or `none`.
vf_driver() {
    local link=/sys/bus/pci/devices/$1/driver
    if [[ -L $link ]]; then
        basename "$(readlink "$link")"
    else
        echo none
    fi
}

# set_numvfs PF N: creates N VFs, through 0 as the kernel wants it. VFs of a NIC get the kernel's own driver. Those of an nvme
# get none: QEMU's have no queues until somebody assigns them, the nvme driver fails on each, and has been seen to hang.
set_numvfs() {
    local dir=/sys/bus/pci/devices/$1
    [[ $(<"$dir/sriov_numvfs") == 0 ]] || echo 0 >"$dir/sriov_numvfs" || return
    if [[ $(vf_driver "$1") == nvme ]]; then
        echo 0 >"$dir/sriov_drivers_autoprobe" || return
    fi
    [[ $2 == 0 ]] || echo "$2" >"$dir/sriov_numvfs"
}

# vf_bdf PF INDEX: the address of a VF, counted from 0.
vf_bdf() { basename "$(readlink "/sys/bus/pci/devices/$1/virtfn$2")"; }

# iommu_group BDF: the number of its group.
iommu_group() { basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")"; }

# group_members BDF: all functions in its group, in one line.
group_members() { (cd "/sys/bus/pci/devices/$1/iommu_group/devices" && echo *); }

# pf_netdev BDF: the network interface of a function.
pf_netdev() { (cd "/sys/bus/pci/devices/$1/net" && echo *); }

# vf_info NETDEV INDEX [FIELD]: what the PF's driver says about a VF, as JSON; or one field of it.
vf_info() {
    ip -j -d link show dev "$1" |
        jq -r --argjson vf "$2" --arg field "${3-}" \
            '.[0].vfinfo_list[] | select(.vf == $vf) | if $field == "" then . else .[$field] end'
}

# vf_mac NETDEV INDEX: the MAC that the PF's driver has for a VF.
vf_mac() { vf_info "$1" "$2" address; }

# --- Guests ---------------------------------------------------------------------------------------------------------

# guest_xml NAME UUID [METADATA [DEVICES]]: prints the XML of the smallest guest that libvirt runs here: firmware, no
# disk, and free root ports for what is plugged in later. METADATA and DEVICES are XML, or files that hold it.
guest_xml() {
    local name=$1 uuid=$2 metadata=${3-} devices=${4-} ports='' i
    [[ ! -f $metadata ]] || metadata=$(<"$metadata")
    [[ ! -f $devices ]] || devices=$(<"$devices")
    for ((i = 1; i <= ${GUEST_PORTS:-6}; i++)); do
        ports+="    <controller type='pci' index='$i' model='pcie-root-port'/>"$'\n'
    done
    cat <<EOF
<domain type='qemu'>
  <name>$name</name>
  <uuid>$uuid</uuid>
  <metadata>$metadata</metadata>
  <memory unit='MiB'>${GUEST_MIB:-64}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
  </os>
  <features><acpi/></features>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='pci' index='0' model='pcie-root'/>
$ports    <controller type='usb' index='0' model='none'/>
    <memballoon model='none'/>
$devices
  </devices>
</domain>
EOF
}

# hostdev_xml BDF [ALIAS [MANAGED]]: the XML of a function passed through.
hostdev_xml() {
    local domain bus slot function alias=
    [[ -z ${2-} ]] || alias="<alias name='$2'/>"
    IFS=:. read -r domain bus slot function <<<"$1"
    cat <<EOF
<hostdev mode='subsystem' type='pci' managed='${3:-no}'>
  <source><address domain='0x$domain' bus='0x$bus' slot='0x$slot' function='0x$function'/></source>
  $alias
  <rom bar='off'/>
</hostdev>
EOF
}

# guest_state NAME: running, shut off, paused ..., or `none`.
guest_state() { virsh -q domstate "$1" 2>/dev/null | head -n 1 || echo none; }

# guest_pid NAME: the process of a running guest.
guest_pid() { cat "/run/libvirt/qemu/$1.pid"; }

# guest_destroy NAME: no such guest afterwards, whatever there was before.
guest_destroy() {
    virsh -q destroy "$1" >/dev/null 2>&1 || true
    virsh -q undefine --nvram "$1" >/dev/null 2>&1 || true
}
