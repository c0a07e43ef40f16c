# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Proxmox VE's containers with real LXC: the VF's network interface in the container, and back on the host as it was, however the
# container ends; and a VF on vfio-pci for a program in the container.
#
# topology: default
# timeout: 900
# copy: tests/bench/pve-lib.sh:/root/pve-lib.sh

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../pve-lib.sh
. /root/pve-lib.sh

# The pool `far` waits on vfio-pci, `lan` on the kernel's driver.
readonly far_pf=0000:81:00.0 far0=0000:81:10.0 far1=0000:81:10.2
mkdir -p /etc/vfpool/conf.d
cat >/etc/vfpool/conf.d/far.conf <<CONF
[pf $far_pf]
numvfs=2
park=vfio
[pool far]
members=pf=$far_pf
sticky=no
[vfpool]
start-grace=0
release-wait=5
CONF
ip link set enp129s0 up
check "a node with three pools" pve_node
check "all VFs have a MAC" all_have_macs
macs_before=$(macs)

mkdir -p /srv/rootfs/{bin,proc,sys,dev,tmp}
cp /bin/busybox /srv/rootfs/bin/
cat >/srv/rootfs/init <<'INIT'
#!/bin/busybox sh
trap 'exit 0' TERM PWR INT
while :; do /bin/busybox sleep 1 & wait $!; done
INIT
chmod 755 /srv/rootfs/init
cp -a /srv/rootfs /srv/rootfs-unprivileged
chown -R 100000:100000 /srv/rootfs-unprivileged

# What PVE's own hook of LXC does at the end. After a reboot from inside, the unit is started once more, with a new configuration
# and without a word to the hookscript.
cat >/root/post-stop <<HOOK
#!/bin/sh
[ "\$LXC_TARGET" = reboot ] || exec $hook "\$LXC_NAME" post-stop >>/tmp/post-stop.log 2>&1
cp "/root/generated-\$LXC_NAME" "/var/lib/lxc/\$LXC_NAME/config"
touch "/var/lib/lxc/\$LXC_NAME/reboot"
exit 1
HOOK
cat >/root/reboot-trigger <<'TRIGGER'
#!/bin/sh
rm "/var/lib/lxc/$1/reboot" 2>/dev/null || exit 0
exec systemctl --no-block restart "pve-container@$1"
TRIGGER
chmod 755 /root/post-stop /root/reboot-trigger
cat >/etc/systemd/system/pve-container@.service <<'UNIT'
[Service]
Type=simple
Delegate=yes
KillMode=mixed
ExecStart=/usr/bin/lxc-start -F -n %i
ExecStopPost=/root/reboot-trigger %i
UNIT
systemctl daemon-reload

# ct VMID NOTE...: a container's configuration, its notes as PVE stores them.
ct() {
    local vmid=$1 note
    shift
    for note in "$@"; do echo "#${note//:/%3A}"; done >"/etc/pve/lxc/$vmid.conf"
    printf '%s\n' "hostname: ct$vmid" "hookscript: local:snippets/vfpool" >>"/etc/pve/lxc/$vmid.conf"
}
# generate VMID [unprivileged]: what PVE writes for LXC at each start.
generate() {
    mkdir -p "/var/lib/lxc/$1"
    cat >"/var/lib/lxc/$1/config" <<CONFIG
lxc.arch = amd64
lxc.apparmor.profile = unconfined
lxc.mount.auto = proc:mixed sys:mixed
lxc.uts.name = ct$1
lxc.rootfs.path = dir:/srv/rootfs${2:+-$2}
lxc.init.cmd = /init
lxc.hook.post-stop = /root/post-stop
lxc.cgroup2.devices.deny = a
lxc.cgroup2.devices.allow = c *:* m
lxc.cgroup2.devices.allow = c 1:* rwm
lxc.cgroup2.devices.allow = c 5:* rwm
lxc.cgroup2.devices.allow = c 136:* rwm
lxc.net.0.type = empty
CONFIG
    [[ -z ${2-} ]] || printf '%s\n' "lxc.idmap = u 0 100000 65536" "lxc.idmap = g 0 100000 65536" >>"/var/lib/lxc/$1/config"
    cp "/var/lib/lxc/$1/config" "/root/generated-$1"
}
# start VMID [unprivileged]: as PVE does; what the task log would say is left in $log.
start() {
    generate "$@"
    log=$("$hook" "$1" pre-start 2>&1) || return
    systemctl reset-failed "pve-container@$1" 2>/dev/null
    systemctl start "pve-container@$1" && lxc-wait -n "$1" -s RUNNING -t 30 && return
    journalctl -n 30 -u "pve-container@$1"
    return 1
}
run_in() {
    local vmid=$1
    shift
    lxc-attach -n "$vmid" -- /bin/busybox "$@"
}
# link_in VMID: its eth1; that a link needs a moment to come up is not looked at.
link_in() { run_in "$1" ip link show eth1 | sed 's/NO-CARRIER,//; s/,LOWER_UP//'; }
init_pid() { lxc-info -n "$1" -p -H; }
nothing_leased() { [[ -z $(leased) ]]; }
has_no_lines() { ! grep -q vfpool "/var/lib/lxc/$1/config"; }
host_netdev() { ls "/sys/bus/pci/devices/$1/net"; }
# lan_is_back: all VFs of the first PF are as they were.
lan_is_back() {
    is "... all interfaces are back, with their names" \
        "$(for vf in "$vf0" "$vf1" "$vf2" "$vf3"; do host_netdev "$vf"; done | paste -sd ' ')" \
        "enp1s0v0 enp1s0v1 enp1s0v2 enp1s0v3"
    like "... down, without an address, with the MTU they had" "$(ip -o link show enp1s0v0)" '<BROADCAST,MULTICAST> mtu 1500'
    is "... really none" "$(ip -o addr show enp1s0v0)" ""
    is "... with the MACs they had" "$(macs)" "$macs_before"
    is "... without a VLAN" "$(vlan_of "$netdev" 0)" 0
}
vlan_of() { vf_info "$1" "$2" | jq -r '[.vlan_list[]?.vlan] | first // 0'; }

# --- The interface in the container -----------------------------------------------------------------------------------

ct 101 "Notes of ours." "vfpool: net1 pool=lan name=eth1 mac=52:54:00:aa:00:01 vlan=100 mtu=1400"
start 101
is "a container starts" "$?" 0
note "$log"
is "... the task log says what it got" "$log" \
    "vfpool: net1: $vf0 of pool lan, MAC 52:54:00:aa:00:01, VLAN 100, as eth1"
link=$(link_in 101)
like "... its interface is there, up, with its MTU" "$link" 'eth1: <[A-Z,_]*UP[A-Z,_]*> mtu 1400'
like "... and its MAC" "$link" 'link/ether 52:54:00:aa:00:01'
is "... the PF has the MAC" "$(vf_mac "$netdev" 0)" 52:54:00:aa:00:01
is "... and the VLAN" "$(vlan_of "$netdev" 0)" 100
is "... the host has no interface of it" "$(host_netdev "$vf0")" ""
is "... which is on the kernel's driver" "$(vf_driver "$vf0")" igbvf
is "... and leased to it" "$(leased 101)" "$vf0"

check "reconcile leaves it alone" vfpool reconcile
exits "up leaves it alone" 0 vfpool up
unlike "... and says nothing of it" "$err" "$vf0"
exits "nobody can take it away" 69 vfpool release --guest pve-lxc/101
says "$vf0 was not put back: its network interface was still in another network namespace after 5 s"
exits "and nobody else gets it" 69 vfpool acquire --guest manual/a --pool lan --count 3
check_fails "pre-start of a container that runs is refused" "$hook" 101 pre-start
is "... it has its interface still" "$(link_in 101)" "$link"
is "... and its lease" "$(leased)" "$vf0"

first_pid=$(init_pid 101)
run_in 101 reboot -f
has_rebooted() { [[ -n $(init_pid 101) && $(init_pid 101) != "$first_pid" ]]; }
check "it reboots from inside" wait_for 30 has_rebooted
again=$(link_in 101)
is "... and has its interface again" "${again#*:}" "${link#*:}"
is "... with the VLAN" "$(vlan_of "$netdev" 0)" 100
is "... leased to it" "$(leased 101)" "$vf0"
run_in 101 ip addr add 192.0.2.1/24 dev eth1
run_in 101 ip link set eth1 promisc on mtu 1300
check "the container is stopped" lxc-stop -n 101 -k
check "... its VF is given back" wait_for 30 nothing_leased
lan_is_back
is "... post-stop had nothing to say" "$(cat /tmp/post-stop.log)" ""
check "... LXC's configuration has no line of it" has_no_lines 101

# --- Several, unprivileged, killed --------------------------------------------------------------------------------------

ct 102 "- vfpool: net1 pool=lan name=eth1" "vfpool: net2 pool=far name=eth2 vlan=7"
start 102 unprivileged
is "an unprivileged container with two slots starts" "$?" 0
note "$log"
like "... with both interfaces" "$(run_in 102 ip link)" 'eth1: .*eth2: '
is "... leased to it" "$(leased 102)" "$vf0 $far0"
is "... one from vfio-pci" "$(drivers "$far0")" igbvf
kill -9 "$(init_pid 102)"
check "its first process is killed: all is given back" wait_for 30 nothing_leased
lan_is_back
is "... the other one waits on vfio-pci again" "$(vf_driver "$far0")" vfio-pci
is "... without a VLAN" "$(vlan_of enp129s0 0)" 0

start 102 unprivileged
is "it starts once more" "$?" 0
kill -9 "$(ps -o ppid= -p "$(init_pid 102)")"
check "LXC's process is killed, and with it the container: all is given back" wait_for 30 nothing_leased
lan_is_back

# Without its unit, so that nobody sees the end.
generate 102 unprivileged
check "it is to start in another way" "$hook" 102 pre-start
check "... and starts" lxc-start -n 102
pid=$(init_pid 102)
kill -9 "$(ps -o ppid= -p "$pid")"
is_gone() { [[ ! -d /proc/$pid ]]; }
check "LXC's process is killed, nobody tells" wait_for 30 is_gone
is "... the VFs are leased still" "$(leased)" "$vf0 $far0"
exits "... reconcile takes them back" 0 vfpool reconcile
check "... all of them" nothing_leased
lan_is_back
is "... the other one waits on vfio-pci again" "$(vf_driver "$far0")" vfio-pci

# --- All or none, twice --------------------------------------------------------------------------------------------------

ct 104 "vfpool: a pool=lan" "vfpool: b pool=lan" "vfpool: c pool=lan" "vfpool: d pool=lan"
generate 104
cp /var/lib/lxc/104/config /tmp/before
exits "four slots where three VFs are: refused" 69 "$hook" 104 pre-start
check_fails "... by the unit, too" systemctl start pve-container@104
check "... LXC's configuration is as it was" cmp /tmp/before /var/lib/lxc/104/config
check "... nothing is leased" nothing_leased
# One that fails late.
ct 104 "vfpool: a pool=lan"
mount --bind /var/lib/lxc/104 /var/lib/lxc/104
mount -o remount,bind,ro /var/lib/lxc/104
check_fails "a configuration that cannot be written: refused" "$hook" 104 pre-start
umount /var/lib/lxc/104
check "... what was leased is given back" nothing_leased
check "... LXC's configuration is as it was" cmp /tmp/before /var/lib/lxc/104/config
ct 104 "vfpool: a pool=lan" "vfpool: b pool=lan"
first=$("$hook" 104 pre-start) && cp /var/lib/lxc/104/config /tmp/once
second=$("$hook" 104 pre-start)
is "pre-start twice gives the same" "$second" "$first"
check "... and the same lines" diff /tmp/once /var/lib/lxc/104/config
check "post-stop without a start" "$hook" 104 post-stop
check "... gives all back" nothing_leased
check "... and leaves the configuration as it was" cmp /tmp/before /var/lib/lxc/104/config
lan_is_back

# --- vfio-pci in the container ---------------------------------------------------------------------------------------------

ct 103 "vfpool: dpdk0 pool=far driver=vfio vlan=9"
start 103
is "a container that asks for vfio-pci starts" "$?" 0
note "$log"
group=$(iommu_group "$far0")
is "... it can open the group" "$(run_in 103 sh -c ": <>/dev/vfio/$group && : <>/dev/vfio/vfio && echo yes" 2>&1)" yes
other=$(iommu_group "$far1")
mknod "/proc/$(init_pid 103)/root/tmp/other" c "$((0x$(stat -c %t "/dev/vfio/$other")))" "$((0x$(stat -c %T "/dev/vfio/$other")))"
like "... and no other one" "$(run_in 103 sh -c ': <>/tmp/other' 2>&1)" 'Operation not permitted'
is "... the PF has the VLAN" "$(vlan_of enp129s0 0)" 9
check "reconcile leaves it alone" vfpool reconcile
exits "nobody can take it away though it is not open" 69 vfpool release --guest pve-lxc/103
says "$far0 was not put back: the container was still running after 5 s"
run_in 103 sh -c "exec 3<>/dev/vfio/$group; exec sleep 1000" &
opens() { [[ -n $(find /proc/[0-9]*/fd -lname "/dev/vfio/$group" 2>/dev/null) ]]; }
check "a program in it opens the group" wait_for 20 opens
rm -f /var/lib/vfpool/ledger.db-*
echo "no ledger" >/var/lib/vfpool/ledger.db
exits "the ledger is lost" 0 vfpool reconcile
like "... and the lease of the container written anew" "$err" "$far0 is held by pve-lxc/103"
is "... to it" "$(leased 103)" "$far0"
check "the container is stopped" lxc-stop -n 103 -k
check "... its VF is given back" wait_for 30 nothing_leased
wait
is "... without a VLAN" "$(vlan_of enp129s0 0)" 0

ct 105 "vfpool: dpdk0 pool=far driver=vfio"
start 105 unprivileged
is "an unprivileged container that asks for vfio-pci starts" "$?" 0
like "... and is warned of" "$log" "container 105 is unprivileged: it can open the VFIO group only if"
group=$(iommu_group "$(leased 105)")
like "... it cannot open the group" "$(run_in 105 sh -c ": <>/dev/vfio/$group" 2>&1)" 'Permission denied'
chown 100000 "/dev/vfio/$group"
is "... until the host lets it" "$(run_in 105 sh -c ": <>/dev/vfio/$group && echo yes" 2>&1)" yes
check "... it is stopped" lxc-stop -n 105 -k
check "... its VF is given back" wait_for 30 nothing_leased

# --- An interface that somebody moved ---------------------------------------------------------------------------------------

ip netns add other
ip link set enp1s0v1 netns other
is "a free VF whose interface is elsewhere is foreign" \
    "$(vfpool status --json | jq -r --arg a "$vf1" '.vfs[] | select(.address == $a) | .state, .reason' | paste -sd ' ')" \
    "foreign its network interface is in another network namespace"
exits "... is handed out to nobody" 69 vfpool acquire --guest manual/a --pool lan --count 3
like "... for that reason" "$err" "$vf1 is used by the host: its network interface is in another network namespace"
check "... and up leaves it alone" vfpool up
is "... it is there still" "$(ip -n other -br link show enp1s0v1 | awk '{ print $1 }')" enp1s0v1
ip netns del other
check "... free again when it is back" wait_for 20 test -d "/sys/bus/pci/devices/$vf1/net/enp1s0v1"
exits "... and handed out" 0 vfpool acquire --guest manual/a --pool lan --count 3
check "... and given back" vfpool release --guest manual/a

done_testing
