# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# VFs of a pool in the hands of others: a guest that has one by a libvirt network of host devices, a QEMU started by hand, and
# `virsh nodedev-detach` and `nodedev-reattach`. They show, with their holder, and are never handed out; a VF that was moved to
# another driver is found out and put right.
#
# timeout: 900

# shellcheck disable=SC2317  # functions are called through check and wait_for
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:01:00.0 a=0000:01:10.0 b=0000:01:10.2 c=0000:01:10.4
mkdir -p /etc/vfpool/conf.d
printf '[pf %s]\nnumvfs=3\n[pool lan]\nmembers=pf=%s\n' "$pf" "$pf" >/etc/vfpool/vfpool.conf

readonly id=00000000-0000-4000-8000-000000003701
of() { vfpool status --json | jq -r --arg vf "$1" ".vfs[] | select(.address == \$vf).$2"; }
state_is() { [[ $(of "$1" state) == "$2" ]]; }

check "vfpool up" vfpool up
# So that the host's driver takes a VF that it is given; vfpool keeps it off the VFs that it makes.
echo 1 >"/sys/bus/pci/devices/$pf/sriov_drivers_autoprobe"

# --- A network of host devices ---------------------------------------------------------------------------------------

ip link set enp1s0 up
cat >/tmp/net.xml <<'END'
<network><name>others</name><forward mode='hostdev' managed='yes'>
  <address type='pci' domain='0' bus='0x01' slot='0x10' function='0'/>
</forward></network>
END
virsh -q net-define /tmp/net.xml
virsh -q net-start others
guest_xml ot1 "$id" '' "<interface type='network'><mac address='52:54:00:37:00:01'/><source network='others'/></interface>" \
    >/tmp/ot1.xml
virsh -q define /tmp/ot1.xml
check "a guest with a VF of the network starts" virsh -q start ot1
is "its VF is foreign" "$(of "$a" state)" foreign
like "... with its holder" "$(of "$a" reason)" "held open by process $(guest_pid ot1) .* the QEMU of libvirt/$id"
systemctl restart vfpool-agent.service
check "the agent looks around" wait_for 20 eval \
    'systemctl show -P StatusText vfpool-agent.service | grep -q Connected'
sleep 1
is "... and leaves it what it is" "$(of "$a" state)" foreign

# --- A QEMU started by hand ------------------------------------------------------------------------------------------

qemu-system-x86_64 -M q35 -m 64 -display none -nodefaults -S -device "vfio-pci,host=$b" &
qemu=$!
check "a QEMU by hand has a VF" wait_for 30 state_is "$b" foreign
like "... with its holder" "$(of "$b" reason)" "held open by process $qemu \(qemu-system-x86\)"

is "only the last is handed out" "$(vfpool acquire --guest manual/m --pool lan)" "$c"
exits "then none" 69 vfpool acquire --guest manual/n --pool lan
like "... with who has them" "$err" "$a .*libvirt/$id.*$b .*process $qemu"
kill $qemu
wait $qemu
check "when it has ended, its VF is free" wait_for 10 state_is "$b" free
check "so is that of the guest" virsh -q destroy ot1
check "..." wait_for 10 state_is "$a" free
vfpool release --guest manual/m
printf '[pool one]\nmembers=address=%s\n' "$b" >/etc/vfpool/conf.d/one.conf
sed -i 's/^members=.*/members=pf=0000:01:00.0 vfs=0,2/' /etc/vfpool/vfpool.conf

# --- nodedev-detach and nodedev-reattach -----------------------------------------------------------------------------

check "a free VF is given to the host" virsh -q nodedev-reattach pci_0000_01_10_2
is "... where the status sees it" "$(of "$b" driver) $(of "$b" state)" "igbvf free"
is "it can be had all the same" "$(vfpool acquire --guest manual/m --pool one)" "$b"
is "... on vfio-pci" "$(vf_driver "$b")" vfio-pci
check "the leased one is given to the host" virsh -q nodedev-reattach pci_0000_01_10_2
is "... which takes it" "$(vf_driver "$b")" igbvf
check "reconcile finds out" bash -c 'vfpool --verbose reconcile 2>&1 | grep -q "was prepared again"'
is "... and puts it right" "$(vf_driver "$b") $(of "$b" state)" "vfio-pci active"
check "one is detached that is on vfio-pci" virsh -q nodedev-detach pci_0000_01_10_2
check "given back, it is free" vfpool release --guest manual/m
is "... and parked" "$(vf_driver "$b") $(of "$b" state)" "vfio-pci free"
check "a VF on the host's driver is detached" virsh -q nodedev-detach pci_0000_01_10_0
is "... and free" "$(vf_driver "$a") $(of "$a" state)" "vfio-pci free"
guest_xml ot2 00000000-0000-4000-8000-000000003702 '' "$(hostdev_xml "$a" '' yes)" >/tmp/ot2.xml
virsh -q define /tmp/ot2.xml
check "a guest that asks for it by address starts" virsh -q start ot2
is "... and has it" "$(of "$a" guest.name)" ot2
check "libvirt does not give it to the host then" bash -c '! virsh nodedev-reattach pci_0000_01_10_0'
virsh -q destroy ot2
check "all is free" wait_for 10 state_is "$a" free
is "and parked" "$(vf_driver "$a")" vfio-pci
note "$(journalctl -u vfpool-agent.service --no-pager -o cat | tail -n 20)"
done_testing
