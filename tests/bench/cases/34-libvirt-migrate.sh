# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Migration between two libvirt daemons on one machine, the second in namespaces of its own: with its own name, configuration, state,
# ledger and agent, and a pool of the same name on the other PF. And save and restore.
#
# QEMU moves no igbvf: a guest with one plugged in is refused, and runs on. Of a teaming pair QEMU keeps the VF hidden until a
# driver in the guest asks for it; there is none in a firmware, so such a guest moves with the VF in its XML only: as far as
# libvirt, the hooks and the ledgers are concerned that is a migration of a guest with a host device.
#
# topology: two-igb
# timeout: 900

# shellcheck disable=SC2317  # functions are called through check and wait_for
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly hook=/etc/libvirt/hooks/qemu.d/vfpool dest_uri='qemu+unix:///system?socket=/root/dest/run/libvirt/libvirt-sock'
readonly sockets=/var/tmp/migration calls=/var/tmp/calls

uuid() { echo "00000000-0000-4000-8000-00000000340$1"; }
request() { echo "<v:request xmlns:v='urn:vfpool:domain:1'>$1</v:request>"; }

# configure ROOT PF: a pool of two VFs of PF.
configure() {
    mkdir -p "$1/etc/vfpool"
    printf '[pf %s]\nnumvfs=2\n[pool lan]\nmembers=pf=%s\nsticky=no\n' "$2" "$2" >"$1/etc/vfpool/vfpool.conf"
}

# Each call of a hook, on either host; what libvirt gave to it.
mkdir "$sockets" "$calls"
chmod 777 "$sockets"
cat >/etc/libvirt/hooks/qemu.d/00-calls <<'END'
#!/bin/bash
cat >"/var/tmp/calls/$(ls /var/tmp/calls | wc -l).$(hostname).$1.$2"
END
chmod 755 /etc/libvirt/hooks/qemu.d/00-calls

# --- The other host -------------------------------------------------------------------------------------------------

dest() { nsenter -t "$other_host" -m -u -- "$@"; }
unshare -m -u --propagation private sleep infinity >/dev/null 2>&1 &
readonly other_host=$!
is_apart() { [[ $(readlink "/proc/$other_host/ns/uts") != "$(readlink /proc/self/ns/uts)" ]]; }
wait_for 10 is_apart

# separate FOLDER [COPY]: the other host has its own, empty or as a copy of this one's.
separate() {
    mkdir -p "$1" "/root/dest$1"
    [[ -z ${2-} ]] || cp -a "$1/." "/root/dest$1/"
    chmod --reference="$1" "/root/dest$1"
    dest mount --bind "/root/dest$1" "$1"
}

configure "" 0000:01:00.0
configure /root/dest 0000:02:00.0
for dir in /etc/vfpool /run/libvirt /var/lib/vfpool /var/cache/libvirt /var/log/libvirt; do
    check "the other host has its own $dir" separate "$dir"
done
check "the other host has its own /etc/libvirt" separate /etc/libvirt copy
check "the other host has its own /var/lib/libvirt" separate /var/lib/libvirt copy
echo 'host_uuid = "34343434-3434-4434-8434-343434343434"' >>/root/dest/etc/libvirt/libvirtd.conf
printf 'cgroup_controllers = [ ]\nnamespaces = [ ]\nstdio_handler = "file"\n' >>/root/dest/etc/libvirt/qemu.conf
dest hostname dest
dest /usr/libexec/vfpool/vfpool-agent >/root/dest/agent.log 2>&1 &
readonly other_agent=$!
check "libvirt starts there" dest libvirtd -d -p /run/libvirt/libvirtd.pid
check "... and answers" wait_for 30 dest virsh -q list
check "vfpool up" vfpool up
check "vfpool up, there" dest vfpool up
is "it has VFs of its own" "$(dest vfpool status --json | jq -r '.pools[0].free')" 2

# called GUEST: the steps since the last forget_calls, as HOST:STEP.
called() { find "$calls" -name "*.$1.*" -printf '%f\n' | sort -n | cut -d. -f2,4 | tr .\\n ': ' | sed 's/ $//'; }
forget_calls() { find "$calls" -type f -delete; }

# held_by WHERE N: SLOT=ADDRESS of each VF that guest N has an active lease of; WHERE is `dest` or `env` (here).
held_by() {
    "$1" vfpool status --json | jq -r --arg id "$(uuid "$2")" \
        '[.vfs[] | select(.guest.id? == $id and .state == "active") | "\(.slot)=\(.address)"] | join(" ")'
}
is_free() { [[ -z $("$1" vfpool status --json | jq -r '.vfs[] | select(.pool != null and .state != "free") | .address') ]]; }
holds_nothing() { [[ -z $(held_by "$1" "$2") ]]; }

# devices WHERE GUEST: ALIAS=ADDRESS of its host devices.
devices() {
    "$1" virsh dumpxml "$2" | sed -n '/<hostdev/,/<\/hostdev/p' | tr -d '\n' |
        grep -oE "<address domain='[^>]*>[^/]*</source>.*<alias name='[^']*'" |
        sed -E "s/<address domain='0x(.*)' bus='0x(..)' slot='0x(..)' function='0x(.)'.*<alias name='(.*)'/\5=\1:\2:\3.\4/"
}
has_device() { [[ -n $(devices "$1" "$2") ]]; }
has_none() { ! has_device "$1" "$2"; }

# migrate GUEST [SOCKET]: what virsh says is left in $said, its status in $rc.
migrate() {
    said=$(virsh migrate --live "$1" "$dest_uri" --migrateuri "unix://${2:-$sockets/$1}" 2>&1)
    rc=$?
    note "$said"
}
# refused WHAT REGEX: the last migrate was, with the reason.
refused() {
    is "$1: is refused" "$rc" 1
    like "... with the reason" "$said" "$2"
}

# --- By pool: detached, moved, and plugged in again -----------------------------------------------------------------

guest_xml m1 "$(uuid 1)" "$(request "<v:slot name='net0' pool='lan' mac='52:54:00:00:34:01' vlan='34'/>")" >/tmp/m1.xml
virsh -q define /tmp/m1.xml
check "a guest starts" virsh -q start m1
check "its VF is plugged in" wait_for 30 has_device env m1
forget_calls
migrate m1
refused "moving it with its VF" "VFIO migration is not supported"
is "... before the other host was asked" "$(called m1)" ""
said=$(virsh managedsave m1 2>&1)
rc=$?
refused "saving it with its VF" "VFIO migration is not supported"
is "it runs on" "$(guest_state m1)" running
is "... with its VF" "$(held_by env 1) $(devices env m1)" "net0=0000:01:10.0 ua-vfpool-net0=0000:01:10.0"

check "the VF is asked for" virsh -q detach-device-alias m1 ua-vfpool-net0 --live
virsh -q reset m1
check "... and let go at the guest's reset" wait_for 30 has_none env m1

check "all VFs of the other host are taken" dest vfpool acquire --guest manual/other --pool lan --count 2
forget_calls
migrate m1
refused "moving it to a host without a free VF" "pool 'lan' has no free VF"
is "... by the hook there" "$(called m1)" "dest:migrate dest:prepare dest:stopped dest:release"
is "it runs on" "$(guest_state m1)" running
is "it holds nothing there" "$(held_by dest 1)" ""
dest vfpool release --guest manual/other

forget_calls
migrate m1
is "moving it" "$rc" 0
is "it runs there" "$(dest virsh -q domstate m1) $(guest_state m1)" "running shut off"
is "it holds a VF of that host's pool" "$(held_by dest 1)" net0=0000:02:10.0
check "... which is plugged in" wait_for 30 has_device dest m1
is "... and has its MAC and VLAN" "$(vf_mac enp2s0 0) $(vf_info enp2s0 0 vlan_list | jq -r '.[0].vlan // empty')" "52:54:00:00:34:01 34"
check "nothing is held where it was" wait_for 20 holds_nothing env 1
note "$(called m1)"
dest virsh -q destroy m1
check "destroyed, all VFs are free there" wait_for 20 is_free dest

# --- With a device in its XML ---------------------------------------------------------------------------------------

# pair BDF ALIAS: a virtio interface and the VF that stands in for it.
pair() {
    local domain bus slot function
    IFS=:. read -r domain bus slot function <<<"$1"
    cat <<END
<interface type='user'><mac address='52:54:00:00:34:02'/><model type='virtio'/><teaming type='persistent'/>
  <alias name='ua-net'/></interface>
<hostdev mode='subsystem' type='pci' managed='no'>
  <source><address domain='0x$domain' bus='0x$bus' slot='0x$slot' function='0x$function'/></source>
  <teaming type='transient' persistent='ua-net'/>$2
</hostdev>
END
}

guest_xml m2 "$(uuid 2)" "$(request "<v:slot name='net0' pool='lan' mac='52:54:00:00:34:02' teaming='ua-net'/>")" \
    "$(pair 0000:01:10.2 "<alias name='ua-vfpool-net0'/>")" >/tmp/m2.xml
virsh -q define /tmp/m2.xml
check "a guest with a device of a slot starts" virsh -q start m2
is "... and holds it as that slot" "$(held_by env 2)" net0=0000:01:10.2
is "its MAC is the slot's" "$(vf_mac enp1s0 1)" 52:54:00:00:34:02

check "all VFs of the other host are taken" dest vfpool acquire --guest manual/other --pool lan --count 2
forget_calls
migrate m2
refused "moving it to a host without a free VF" "pool 'lan' has no free VF"
is "... before anything else was done there" "$(called m2)" dest:migrate
is "it runs on with its VF" "$(guest_state m2) $(held_by env 2)" "running net0=0000:01:10.2"
is "it holds nothing there" "$(held_by dest 2)" ""
dest vfpool release --guest manual/other

forget_calls
migrate m2 /var/tmp/no-such-folder/m2
is "moving it by a way that QEMU does not find" "$rc" 1
is "... fails after the VF was leased" "$(called m2)" "dest:migrate dest:prepare dest:start dest:stopped dest:release"
is "it runs on with its VF" "$(guest_state m2) $(held_by env 2)" "running net0=0000:01:10.2"
check "all VFs are free there" wait_for 20 is_free dest

forget_calls
migrate m2
is "moving it" "$rc" 0
is "the device is one of that host's" "$(devices dest m2)" ua-vfpool-net0=0000:02:10.0
is "... and leased as the slot" "$(held_by dest 2)" net0=0000:02:10.0
is "... with its MAC" "$(vf_mac enp2s0 0)" 52:54:00:00:34:02
check "nothing is held where it was" wait_for 20 holds_nothing env 2
is "the hook saw the other address first" "$(grep -c "bus='0x01' slot='0x10' function='0x2'" "$calls"/*.dest.m2.migrate)" 1
note "$(called m2)"
dest virsh -q destroy m2
check "destroyed, all VFs are free there" wait_for 20 is_free dest

# --- Saved and restored ---------------------------------------------------------------------------------------------

guest_xml m3 "$(uuid 3)" "" "$(pair 0000:01:10.0 "")" >/tmp/m3.xml
virsh -q define /tmp/m3.xml
check "a guest with a device by address starts" virsh -q start m3
is "... and holds it" "$(held_by env 3)" hostdev-0000-01-10-0=0000:01:10.0
check "it is saved" virsh -q save m3 /tmp/m3.saved
check "... and holds nothing" wait_for 20 is_free env
check "it is restored" virsh -q restore /tmp/m3.saved
is "... with the VF that it had" "$(held_by env 3)" hostdev-0000-01-10-0=0000:01:10.0
check "it is saved" virsh -q save m3 /tmp/m3.saved
check "its VF is given to another" vfpool acquire --guest manual/other --pool lan
check "it is restored" virsh -q restore /tmp/m3.saved
is "... with another VF" "$(held_by env 3) $(devices env m3)" \
    "hostdev-0000-01-10-0=0000:01:10.2 ua-vfpool-hostdev-0000-01-10-0=0000:01:10.2"
virsh -q destroy m3
check "it holds nothing" wait_for 20 holds_nothing env 3
check "the other VF is given away, too" vfpool acquire --guest manual/third --pool lan
said=$(virsh restore /tmp/m3.saved 2>&1)
rc=$?
refused "restoring it without a free VF" "pool 'lan' has no free VF"
is "it holds nothing" "$(held_by env 3)" ""
vfpool release --guest manual/other
vfpool release --guest manual/third

# --- The hook by hand -----------------------------------------------------------------------------------------------

saved_xml=$(virsh save-image-dumpxml /tmp/m3.saved)
out=$("$hook" m3 restore begin - <<<"$saved_xml")
is "nothing is printed when nothing is to be changed" "$out" ""
is "... and the VF is leased" "$(held_by env 3)" hostdev-0000-01-10-0=0000:01:10.0
"$hook" m3 release end - <<<"$saved_xml"
out=$(guest_xml plain "$(uuid 9)" "" | "$hook" plain migrate begin - 2>&1)
is "nor for a guest that asks for nothing" "$? $out" "0 "
check "all VFs are free" is_free env
check "... and there" is_free dest
note "$(cat /root/dest/agent.log)"
note "$(journalctl -u vfpool-agent.service --no-pager -o cat | tail -n 20)"
kill "$(</root/dest/run/libvirt/libvirtd.pid)" "$other_agent"
done_testing
