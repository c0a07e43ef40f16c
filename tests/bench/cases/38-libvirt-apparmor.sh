# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# With AppArmor on, as Debian ships it: libvirt's daemon, the hook that it runs and the guests are confined, and VFs come and go
# by address, by pool and by hot-plug as without; nothing of it is denied.
#
# timeout: 900
# lsm: apparmor

# shellcheck disable=SC2317  # functions are called through check and wait_for
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:01:00.0 a=0000:01:10.0 b=0000:01:10.2 c=0000:01:10.4
mkdir -p /etc/vfpool
printf '[pf %s]\nnumvfs=3\npark=host\n[pool lan]\nmembers=pf=%s\n' "$pf" "$pf" >/etc/vfpool/vfpool.conf

uuid() { echo "00000000-0000-4000-8000-00000000380$1"; }
profile() { cat "/proc/$1/attr/current"; }
state_is() { [[ $(vfpool status --json | jq -r --arg vf "$1" '.vfs[] | select(.address == $vf).state') == "$2" ]]; }
is_attached() { virsh dumpxml aa1 | grep -q ua-vfpool-net0; }
denied() { journalctl -k --no-pager -o cat | grep 'apparmor="DENIED"'; }

is "AppArmor is on" "$(cat /sys/module/apparmor/parameters/enabled)" Y
is "libvirt's daemon is confined" "$(profile "$(pidof libvirtd)")" "libvirtd (enforce)"
like "what is denied would show" "$(aa-exec -p virt-aa-helper -- cat /etc/shadow 2>&1 && denied; denied)" \
    'profile="virt-aa-helper".*name="/etc/shadow"'
known=$(denied | wc -l)

check "vfpool up" vfpool up
cat >/etc/libvirt/hooks/qemu.d/zz-look <<'END'
#!/bin/sh
# Without another program, which might have a profile of its own, or none.
read -r profile </proc/self/attr/current
[ "$2" != prepare ] || echo "$profile" >/var/log/libvirt/hook-profile
END
chmod 755 /etc/libvirt/hooks/qemu.d/zz-look
guest_xml aa1 "$(uuid 1)" "<v:request xmlns:v='urn:vfpool:domain:1'><v:slot name='net0' pool='lan' mac='52:54:00:38:00:01'
    vlan='38'/></v:request>" "$(hostdev_xml "$b")" >/tmp/aa1.xml
virsh -q define /tmp/aa1.xml
check "a guest with a VF by address and one by pool starts" virsh -q start aa1
is "its QEMU is confined" "$(profile "$(guest_pid aa1)")" "libvirt-$(uuid 1) (enforce)"
is "so was the hook" "$(cat /var/log/libvirt/hook-profile)" "libvirtd (enforce)"
check "the agent attaches the one by pool" wait_for 30 is_attached
is "MAC and VLAN are set" "$(vf_mac enp1s0 0) $(vf_info enp1s0 0 | jq -r '.vlan_list[0].vlan // .vlan')" "52:54:00:38:00:01 38"
hostdev_xml "$c" '' yes >/tmp/hot.xml
check "virsh plugs in a third" virsh -q attach-device aa1 /tmp/hot.xml --live
check "the ledger follows" wait_for 10 state_is "$c" active
systemctl restart libvirtd.service
check "libvirt's daemon is restarted, the agent is there" wait_for 30 eval \
    'systemctl show -P StatusText vfpool-agent.service | grep -q Connected'
check "a guest that holds them is known" bash -c "vfpool --verbose reconcile"
is "... all three" "$(vfpool status --json | jq -r '[.vfs[] | select(.guest.name? == "aa1")] | length')" 3
virsh -q destroy aa1
all_free() { state_is "$a" free && state_is "$b" free && state_is "$c" free; }
check "destroyed, all is given back" wait_for 20 all_free
is "... and parked" "$(vf_driver "$a") $(vf_driver "$b") $(vf_driver "$c")" "igbvf igbvf igbvf"
is "nothing was denied" "$(denied | tail -n "+$((known + 1))")" ""
note "$(journalctl -u vfpool-agent.service --no-pager -o cat | tail -n 20)"
done_testing
