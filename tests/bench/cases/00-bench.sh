# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The bench's own promises, seen from inside: the hardware of topologies/default is there at the addresses it gives, and
# behaves as on metal in all that vfpool relies on. If a test here fails, the others tell nothing.
#
# topology: default

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly plain=0000:01:00.0 noacs=0000:02:00.0 nvme=0000:03:00.0 node1=0000:81:00.0

check "libvirt answers" virsh -q version
is "no guest is there" "$(virsh -q list --all)" ""

for pf in "$plain" "$noacs" "$node1"; do
    is "$pf is an igb PF" "$(vf_driver "$pf")" igb
    is "$pf has 7 VFs at most" "$(cat "/sys/bus/pci/devices/$pf/sriov_totalvfs")" 7
done
is "$nvme is an nvme PF" "$(vf_driver "$nvme")" nvme
is "$nvme has 64 VFs at most" "$(cat "/sys/bus/pci/devices/$nvme/sriov_totalvfs")" 64
is "the PFs' interfaces have the names that go with their addresses" \
    "$(pf_netdev "$plain") $(pf_netdev "$noacs") $(pf_netdev "$node1")" "enp1s0 enp2s0 enp129s0"

is "$plain is on no known NUMA node" "$(cat "/sys/bus/pci/devices/$plain/numa_node")" -1
is "$node1 is on NUMA node 1" "$(cat "/sys/bus/pci/devices/$node1/numa_node")" 1
is "the host has two NUMA nodes" "$(cat /sys/devices/system/node/online)" 0-1

check "$plain takes 7 VFs" set_numvfs "$plain" 7
check "$noacs takes 7 VFs" set_numvfs "$noacs" 7
check "$node1 takes 7 VFs" set_numvfs "$node1" 7
check "$nvme takes 64 VFs" set_numvfs "$nvme" 64
is "VFs of $plain begin at 10.0" "$(vf_bdf "$plain" 0)" 0000:01:10.0
is "... and end at 11.4" "$(vf_bdf "$plain" 6)" 0000:01:11.4
is "VFs of $node1 begin at 10.0" "$(vf_bdf "$node1" 0)" 0000:81:10.0
is "VFs of $nvme begin at 00.1" "$(vf_bdf "$nvme" 0)" 0000:03:00.1
is "... and end at 08.0" "$(vf_bdf "$nvme" 63)" 0000:03:08.0

is "a VF of $plain is alone in its IOMMU group" "$(group_members 0000:01:10.0)" 0000:01:10.0
is "a VF of $nvme is alone in its IOMMU group" "$(group_members 0000:03:00.1)" 0000:03:00.1
is "VFs of $noacs share a group with the PF" "$(iommu_group 0000:02:10.0)" "$(iommu_group "$noacs")"
is "... and with each other" "$(iommu_group 0000:02:10.0)" "$(iommu_group 0000:02:11.4)"
is "a VF of $node1 is on NUMA node 1" "$(cat /sys/bus/pci/devices/0000:81:10.0/numa_node)" 1

udevadm settle --timeout=20
is "a new VF has the kernel's own driver" "$(vf_driver 0000:01:10.0)" igbvf
check "the PF sets the MAC of a VF" ip link set dev enp1s0 vf 2 mac 52:54:00:01:02:03
is "... and reads it back" "$(vf_mac enp1s0 2)" 52:54:00:01:02:03

check "vfio-pci loads" modprobe vfio-pci
echo vfio-pci >/sys/bus/pci/devices/0000:01:10.0/driver_override
echo 0000:01:10.0 >/sys/bus/pci/devices/0000:01:10.0/driver/unbind
echo 0000:01:10.0 >/sys/bus/pci/drivers_probe
is "a VF moves to vfio-pci" "$(vf_driver 0000:01:10.0)" vfio-pci
check "... and its group appears" wait_for 5 test -c "/dev/vfio/$(iommu_group 0000:01:10.0)"

guest_xml bench-guest 5ca1ab1e-0000-4000-8000-000000000001 '' "$(hostdev_xml 0000:01:10.0 ua-vf)" >guest.xml
check "libvirt takes a guest with that VF" virsh -q define guest.xml
check "... and starts it" virsh -q start bench-guest
is "... and it runs" "$(guest_state bench-guest)" running
check_fails "a second opener of the VF's group is refused" \
    python3 -c 'import sys; open(sys.argv[1], "r+b", 0)' "/dev/vfio/$(iommu_group 0000:01:10.0)"
check "... and it stops" virsh -q destroy bench-guest

check "VFs go away again" set_numvfs "$plain" 0
is "... all of them" "$(cd /sys/bus/pci/devices && echo 0000:01:*)" "$plain"

done_testing
