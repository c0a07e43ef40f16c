# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# libvirt's daemon and the agent come and go while a guest runs: the guest lives on with its VF, the lease stays, the
# agent connects again and still does its work; what was missed while it was away is made up for.
#
# timeout: 900

# shellcheck disable=SC2317  # functions are called through check and wait_for
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:01:00.0 hook=/etc/libvirt/hooks/qemu.d/vfpool vf=0000:01:10.0
mkdir -p /etc/vfpool
printf '[pf %s]\nnumvfs=2\n[pool lan]\nmembers=pf=%s\nsticky=no\n' "$pf" "$pf" >/etc/vfpool/vfpool.conf

uuid() { echo "00000000-0000-4000-8000-00000000000$1"; }
define() {
    guest_xml "g$1" "$(uuid "$1")" \
        "<v:request xmlns:v='urn:vfpool:domain:1'><v:slot name='net0' pool='lan' mac='52:54:00:00:dd:0$1'/></v:request>" \
        >"/tmp/g$1.xml"
    virsh -q define "/tmp/g$1.xml"
}
held_by() {
    vfpool status --json | jq -r --arg id "$(uuid "$1")" \
        '[.vfs[] | select(.guest.id? == $id and .state == "active") | .address] | join(" ")'
}
is_attached() { virsh dumpxml "g$1" | grep -q "ua-vfpool-net0"; }
is_free() { [[ -z $(vfpool status --json | jq -r '.vfs[] | select(.pool != null and .state != "free") | .address') ]]; }
agent_said() { journalctl -u vfpool-agent.service --no-pager -o cat | grep -c "$1"; }
said_times() { (($(agent_said "$1") >= $2)); }
agent_pid() { systemctl show -P MainPID vfpool-agent.service; }

check "vfpool up" vfpool up
define 1
define 2
check "the guest starts" virsh -q start g1
check "its VF is attached" wait_for 30 is_attached 1
qemu=$(guest_pid g1)
agent=$(agent_pid)
connects=$(agent_said "connected to libvirt")

# --- The daemon is restarted ----------------------------------------------------------------------------------------

check "libvirtd is restarted" systemctl restart libvirtd.service
check "the agent connects again" wait_for 30 said_times "connected to libvirt" $((connects + 1))
is "the guest lives on" "$(guest_state g1) $(guest_pid g1)" "running $qemu"
is "it still holds its VF" "$(held_by 1)" "$vf"
is "the agent is the same process" "$(agent_pid)" "$agent"
is "the VF is attached once" "$(virsh dumpxml g1 | grep -c ua-vfpool-net0)" 1

check "a guest that starts then" virsh -q start g2
check "... gets its VF attached" wait_for 30 is_attached 2
virsh -q destroy g2

# The hook is away: only the agent can give back, on the connection that it made anew.
mv "$hook" /root/hook
printf '#!/bin/sh\nexit 0\n' >"$hook"
chmod 755 "$hook"
virsh -q destroy g1
check "stopped, the VF is released by the agent" wait_for 20 is_free
mv /root/hook "$hook"

# --- The daemon is killed while a guest runs, and the guest while there is no daemon ------------------------------------

check "the guest starts" virsh -q start g1
check "its VF is attached" wait_for 30 is_attached 1
systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket
systemctl kill -s KILL --kill-who=main libvirtd.service
sleep 1
systemctl stop libvirtd.service
kill -9 "$(guest_pid g1)"
sleep 2
systemctl start libvirtd.socket libvirtd.service
check "what nobody told is found out" wait_for 30 is_free

# --- The agent is away ----------------------------------------------------------------------------------------------

systemctl kill -s KILL vfpool-agent.service
agent_lives() { [[ $(agent_pid) -gt 0 ]] && systemctl is-active vfpool-agent.service; }
check "killed, it is started again" wait_for 20 agent_lives
systemctl stop vfpool-agent.service
refusal=$(virsh start g2 2>&1)
is "without the agent a guest is refused" "$?" 1
like "... with the reason" "$refusal" "vfpool-agent.service does not run"
is "... and holds nothing" "$(held_by 2)" ""
systemctl start vfpool-agent.service
agent=$(agent_pid)
kill -STOP "$agent"
check "a guest starts while the agent hangs" virsh -q start g2
is "... and holds its VF" "$(held_by 2)" "$vf"
kill -KILL "$agent"
check "the next agent makes up for it" wait_for 30 is_attached 2
virsh -q destroy g2
check "all VFs are free" wait_for 10 is_free

# --- Both start at once, and a guest with them ----------------------------------------------------------------------

virsh -q autostart g2
systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd.service vfpool-agent.service
rm -f /run/libvirt/qemu/autostarted
systemctl --no-block start libvirtd.service vfpool-agent.service
check "a guest that libvirt starts by itself runs, with its VF" wait_for 60 is_attached 2
virsh -q destroy g2
check "all VFs are free" wait_for 10 is_free
note "$(journalctl -u vfpool-agent.service --no-pager -o cat | tail -n 40)"
done_testing
