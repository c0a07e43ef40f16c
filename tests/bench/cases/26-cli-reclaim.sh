# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# timeout: 900
#
# A VF comes back as it was, or it is kept from everybody: every attribute that the PF keeps for it is put back and read
# back, it is reset between two guests, and one that somebody still has open is not touched. Devices that vanish and appear
# are noticed.
set -u
# shellcheck source=tests/bench/lib.sh
. "$BENCH_DIR/lib.sh"

nic=0000:01:00.0 netdev=enp1s0
mkdir -p /etc/vfpool
cat >/etc/vfpool/vfpool.conf <<END
[pf $nic]
numvfs=2
[pool lan]
members=pf=$nic
sticky=no
[vfpool]
release-wait=2
END
ip link set $netdev up
check "up" vfpool up
vf=$(vf_bdf $nic 0)
state() { vfpool status --json | jq -r --arg a "$1" '.vfs[] | select(.address == $a) | .state'; }
reason() { vfpool status --json | jq -r --arg a "$vf" '.vfs[] | select(.address == $a) | .reason'; }
seen() { echo "$(vf_driver "$vf") $(<"/sys/bus/pci/devices/$vf/driver_override") $(vf_info $netdev 0 | jq -cS .)"; }

# --- Attributes ---

# igb takes a rate only while it has its link.
wait_for 20 grep -q 1 "/sys/class/net/$netdev/carrier"
ip link set $netdev vf 0 mac 52:54:00:00:00:07 vlan 5 qos 3 spoofchk off max_tx_rate 100
ip link set $netdev vf 0 trust on
before=$(seen)
note "before: $before"
like "what the operator set is there" "$before" 'spoofchk":false.*trust":true.*vlan":5'
check "acquire" vfpool acquire --guest manual/a --pool lan --mac 52:54:00:00:00:99 --vlan 7
like "the guest's are set" "$(seen)" '52:54:00:00:00:99.*vlan":7'
# Somebody turns knobs for the guest.
ip link set $netdev vf 0 spoofchk on max_tx_rate 50
ip link set $netdev vf 0 trust off
unlike "the knobs are turned" "$(seen)" 'trust":true'
strace -qq -y -o "$HOME/trace" -e trace=write vfpool release --guest manual/a
is "release: exit 0" $? 0
is "everything is as it was" "$(seen)" "$before"
is "the VF was reset, once" "$(grep -c '/reset>, "1", 1) *= 1$' "$HOME/trace")" 1

# --- A reset that fails ---

check "acquire" vfpool acquire --guest manual/a --pool lan
strace -qq -o /dev/null -P "/sys/bus/pci/devices/$vf/reset" -e trace=write -e inject=write:error=ENOTTY \
    vfpool release --guest manual/a 2>"$HOME/err"
is "a VF that cannot be reset: 71" $? 71
like "... told" "$(<"$HOME/err")" "$vf could not be put back and is quarantined: cannot reset $vf: "
is "... quarantined" "$(state "$vf")" quarantined
like "... and why" "$(reason)" "cannot reset"
check "it can be had back" vfpool release --quarantined "$vf"
is "as it was" "$(seen)" "$before"

# --- Somebody has it open ---

hold() {
    python3 -c 'import os, sys, time; os.open(sys.argv[1], os.O_RDWR); print("open", flush=True); time.sleep(600)' \
        "/dev/vfio/$(iommu_group "$1")" >"$HOME/holding" &
    holder=$!
    wait_for 20 grep -q open "$HOME/holding"
}
: >"$HOME/holding"
hold "$vf"
got=$(vfpool acquire --guest manual/a --pool lan 2>&1)
is "what a stranger holds is not handed out" "$got" "$(vf_bdf $nic 1)"
check "that one back" vfpool release --guest manual/a
kill $holder
wait $holder 2>/dev/null
: >"$HOME/holding"

check "acquire" vfpool acquire --guest manual/a --pool lan
hold "$vf"
held=$(seen)
err=$(vfpool release --guest manual/a 2>&1)
is "released while it is open: 69" $? 69
like "... names who" "$err" "quarantined: IOMMU group [0-9]+ was still held open by process $holder \\(python3\\) after 2 s"
is "... untouched" "$(seen)" "$held"
is "... quarantined" "$(state "$vf")" quarantined
like "... shown why" "$(reason)" "process $holder"
check_fails "not before it is closed" vfpool release --quarantined "$vf"
is "... untouched still" "$(seen)" "$held"
kill $holder
wait $holder 2>/dev/null
check "then it comes back" vfpool release --quarantined "$vf"
is "as it was" "$(seen)" "$before"

# --- A guest that lives keeps its VF, whoever asks for it ---

uuid=11111111-1111-4111-8111-111111111111
guest_xml web $uuid '' "$(hostdev_xml "$vf")" >web.xml
check "a guest is defined" virsh -q define web.xml
check "... and started" virsh -q start web
err=$(vfpool release --guest libvirt/$uuid 2>&1)
is "its VF is not taken: 69" $? 69
like "... the message names it" "$err" "held open by process $(guest_pid web) \\(qemu.*\\), the QEMU of libvirt/$uuid \\(web\\)"
is "... it stays its own" "$(state "$vf")" active
is "... and runs" "$(guest_state web)" running
check "it ends" virsh -q destroy web
is_free() { [[ $(state "$vf") = free ]]; }
check "and the VF is free" wait_for 20 is_free
guest_destroy web

# --- A leased VF that somebody gave to the host stays with the host ---

check "acquire" vfpool acquire --guest manual/a --pool lan
echo "$vf" >/sys/bus/pci/drivers/vfio-pci/unbind
echo igbvf >"/sys/bus/pci/devices/$vf/driver_override"
modprobe igbvf
echo "$vf" >/sys/bus/pci/drivers_probe
has_netdev() { compgen -G "/sys/bus/pci/devices/$vf/net/*" >/dev/null; }
check "the host's driver has it" wait_for 20 has_netdev
# udev renames the new interface while this looks up its name.
add_address() { ip addr add 192.0.2.9/24 dev "$(pf_netdev "$vf")" 2>/dev/null; }
check "... and gives it an address" wait_for 20 add_address
like "reconcile tells of it" "$(vfpool reconcile 2>&1)" "$vf is leased to manual/a, but used by the host: .*it is left alone"
is "... and leaves it alone" "$(vf_driver "$vf")" igbvf
err=$(vfpool release --guest manual/a 2>&1)
is "release does not take it: 69" $? 69
like "... says why" "$err" "$vf could not be put back and is quarantined: it is used by the host: "
is "... and leaves it alone" "$(vf_driver "$vf")" igbvf
ip addr flush dev "$(pf_netdev "$vf")"
check "when the host is done, it comes back" vfpool release --quarantined "$vf"
is "as it was" "$(seen)" "$before"

# --- What vanishes and what appears ---

check "reconcile has nothing to say" test -z "$(vfpool reconcile 2>&1)"
check "acquire" vfpool acquire --guest manual/a --pool lan
echo 0 >/sys/bus/pci/devices/$nic/sriov_numvfs
said=$(vfpool reconcile 2>&1)
like "a VF that vanished ends its lease" "$said" "$vf, held by manual/a, is not there any more: its lease ends"
like "... and is missed" "$said" "pool lan lost $vf, $(printf %s '0000:01:10.2'): "
is "... it is told once" "$(vfpool reconcile 2>&1)" ""
is "history knows" "$(sqlite3 /var/lib/vfpool/ledger.db "SELECT event, detail FROM history ORDER BY id DESC LIMIT 1")" \
    "released|the device was gone"
echo 2 >/sys/bus/pci/devices/$nic/sriov_numvfs
like "VFs that appear are told" "$(vfpool reconcile 2>&1)" "pool lan gained $vf, 0000:01:10.2"
check "up parks them" vfpool up

check "acquire" vfpool acquire --guest manual/a --pool lan --mac 52:54:00:00:00:99
echo 0 >/sys/bus/pci/devices/$nic/sriov_numvfs
echo 2 >/sys/bus/pci/devices/$nic/sriov_numvfs
unlike "made anew, the VF is not what its lease says" "$(seen)" 52:54:00:00:00:99
like "reconcile sees to it" "$(vfpool reconcile 2>&1)" "$vf was not as its lease to manual/a says: it was prepared again"
like "... so that it is" "$(seen)" "^vfio-pci .*52:54:00:00:00:99"
check "release" vfpool release --guest manual/a
is "free" "$(state "$vf")" free
done_testing
