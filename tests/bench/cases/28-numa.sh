# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A host with two NUMA nodes on two sockets: the hardware of topologies/numa is what it says, and vfpool shows of it what
# the kernel knows, "unknown" included.
#
# topology: numa

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly unknown=0000:01:00.0 node0=0000:41:00.0 node1=0000:81:00.0

# ---- The hardware ----

is "the host has two NUMA nodes" "$(cat /sys/devices/system/node/online)" 0-1
for node in 0 1; do
    is "node $node has processor $node" "$(cat /sys/devices/system/node/node$node/cpulist)" "$node"
    is "... of socket $node" "$(cat /sys/devices/system/cpu/cpu$node/topology/physical_package_id)" "$node"
done

# pf BDF NODE PORT: a PF, the node that the kernel gives it and its VFs, and the root port that it hangs on.
pf() {
    local pf=$1 node=$2 port=$3
    is "$pf is an igb PF" "$(vf_driver "$pf")" igb
    is "... on node $node" "$(cat "/sys/bus/pci/devices/$pf/numa_node")" "$node"
    is "... below the root port $port" "$(readlink -f "/sys/bus/pci/devices/$pf")" \
        "/sys/devices/pci${port%:*}/$port/$pf"
    check "... and takes 7 VFs" set_numvfs "$pf" 7
    is "... on node $node, too" "$(cat "/sys/bus/pci/devices/$(vf_bdf "$pf" 6)/numa_node")" "$node"
}

pf "$unknown" -1 0000:00:10.0
pf "$node0" 0 0000:40:00.0
pf "$node1" 1 0000:80:00.0

# ---- What vfpool shows of it ----

mkdir -p /etc/vfpool
for pf in "$unknown" "$node0" "$node1"; do
    printf '[pool p%s]\nmembers=pf=%s\n' "$(pf_netdev "$pf")" "$pf"
done >/etc/vfpool/vfpool.conf
check "vfpool takes a pool of each PF" vfpool check
is "status shows the PFs' nodes" "$(vfpool status --json | jq -c '[.pfs[] | {(.address): .numa_node}] | add')" \
    "{\"$unknown\":-1,\"$node0\":0,\"$node1\":1}"
is "... and those of the VFs" "$(vfpool status --json | jq -c '[.vfs[] | {pf, numa_node}] | unique')" \
    "[{\"pf\":\"$unknown\",\"numa_node\":-1},{\"pf\":\"$node0\",\"numa_node\":0},{\"pf\":\"$node1\",\"numa_node\":1}]"

done_testing
