# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What `vfpool acquire` costs a starting guest, as a whole process, for a VF on its host driver: beside the floor (starting
# any process, and the three writes that no tool can save) and beside what people use today. Run in the bench, all in one
# run, because only then do the figures compare; the ratio is what counts, the milliseconds are those of an emulated host.
set -euo pipefail
rounds=${1:-21}
pf=0000:01:00.0
vf=0000:01:10.0

cat > /etc/vfpool/vfpool.conf << CONF
[pf $pf]
numvfs=1
park=host
[pool lan]
members=pf=$pf
CONF
modprobe vfio-pci
vfpool up
# So that the way back to igbvf, which is not timed, is one probe for the raw writes too.
echo 1 > "/sys/bus/pci/devices/$pf/sriov_drivers_autoprobe"
driver() { basename "$(readlink "/sys/bus/pci/devices/$vf/driver" || echo none)"; }
[ "$(driver)" = igbvf ] || { echo "perf: $vf is on $(driver), expected igbvf" >&2; exit 1; }

true_us=$(/root/process-time spawn "$rounds" - /bin/true -)
writes_us=$(/root/process-time rebind "$rounds" "$vf")
acquire_us=$(/root/process-time spawn "$rounds" - "vfpool acquire --guest manual/perf --pool lan" "vfpool release --guest manual/perf")
release_us=$(/root/process-time spawn "$rounds" "vfpool acquire --guest manual/perf --pool lan" "vfpool release --guest manual/perf" -)
attributes_us=$(/root/process-time spawn "$rounds" - \
  "vfpool acquire --guest manual/perf --pool lan --mac 52:54:00:12:34:56 --vlan 7" "vfpool release --guest manual/perf")
[ "$(driver)" = igbvf ] || { echo "perf: $vf ended on $(driver), expected igbvf" >&2; exit 1; }
driverctl_us=$(/root/process-time spawn 5 - "driverctl --nosave set-override $vf vfio-pci" "driverctl --nosave unset-override $vf")
nodedev=pci_${vf//[:.]/_}
virsh_us=$(/root/process-time spawn 5 - "virsh -q nodedev-detach $nodedev" "virsh -q nodedev-reattach $nodedev")

# The same with the VF waiting on vfio-pci already: no write is needed.
sed -i s/park=host/park=vfio/ /etc/vfpool/vfpool.conf
vfpool up
parked_us=$(/root/process-time spawn "$rounds" - "vfpool acquire --guest manual/perf --pool lan" "vfpool release --guest manual/perf")

floor_us=$((true_us + writes_us))
row() { awk -v name="$1" -v us="$2" -v floor="$floor_us" 'BEGIN { printf "%-58s %8.1f ms  %5.2f\n", name, us / 1000, us / floor }'; }
echo "whole process, median of $rounds (peers: 5), VF on $(uname -m) bench                 time  x floor"
row "/bin/true" "$true_us"
row "driver_override, unbind, drivers_probe: the writes alone" "$writes_us"
row "floor: start + writes" "$floor_us"
row "vfpool acquire, VF on its host driver" "$acquire_us"
row "vfpool acquire with MAC and VLAN" "$attributes_us"
row "vfpool acquire, VF parked on vfio-pci" "$parked_us"
row "vfpool release" "$release_us"
row "driverctl set-override" "$driverctl_us"
row "virsh nodedev-detach" "$virsh_us"

# What the agent takes of the host's memory when it is connected to libvirt; most of it is libraries, which libvirt's daemon has
# in memory, too: its own share is the proportional one.
agent=$(systemctl show -P MainPID vfpool-agent.service)
awk '/^Rss:/ { rss = $2 } /^Pss:/ { pss = $2 }
  END { printf "vfpool-agent, connected: %.1f MiB resident, its proportional share %.1f MiB\n", rss / 1024, pss / 1024 }' \
  "/proc/$agent/smaps_rollup"
awk -v a="$acquire_us" -v f="$floor_us" 'BEGIN { printf "acquire: %.2f x (start + writes)\n", a / f }'
