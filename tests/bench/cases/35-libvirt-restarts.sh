# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The agent and libvirt's daemon come in any order: the agent is there before the daemon, finds its socket as soon as it appears,
# libvirtd's or virtqemud's, and has the ledger right then; nothing wakes it up while nothing happens. Then
# the host goes down with guests that run, once without notice and once in good order, and everybody starts anew.
#
# timeout: 900
# reboots: yes

# shellcheck disable=SC2317  # functions are called through check and wait_for
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:01:00.0 vf=0000:01:10.0
mkdir -p /etc/vfpool
printf '[pf %s]\nnumvfs=2\n[pool lan]\nmembers=pf=%s\n' "$pf" "$pf" >/etc/vfpool/vfpool.conf

readonly sockets="libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket"
request="<v:request xmlns:v='urn:vfpool:domain:1'><v:slot name='net0' pool='lan'/></v:request>"
state() { vfpool status --json | jq -r --arg vf "$vf" '.vfs[] | select(.address == $vf).state'; }
state_is() { [[ $(state) == "$1" ]]; }
leases() { vfpool status --json | jq -r '[.vfs[] | select(.guest) | "\(.guest.name) \(.slot) \(.state)"] | join(", ")'; }
holds_none() { [[ -z $(leases) ]]; }
has_vf() { virsh dumpxml "$1" | grep -q ua-vfpool-net0; }
says() { systemctl show -P StatusText vfpool-agent.service | grep -q "$1"; }
# wakeups: how often the agent's threads have gone on after waiting.
wakeups() {
    cat "/proc/$(systemctl show -P MainPID vfpool-agent.service)"/task/*/status |
        awk '/^voluntary_ctxt_switches/ { n += $2 } END { print n }'
}

if ((BENCH_BOOT > 0)); then
    if ((BENCH_BOOT == 1)); then how="a crash"; else how="a reboot in good order"; fi
    # Both guests are gone, and so are their leases.
    check "after $how of the host the agent is there" wait_for 30 says "Connected"
    check "... a guest that libvirt starts with the host has a VF" wait_for 30 has_vf rs2
    is "... its only one, and nobody else has any" "$(leases)" "rs2 net0 active"
    is "... leased in this boot" "$(sqlite3 /var/lib/vfpool/ledger.db "SELECT boot_id FROM lease")" \
        "$(</proc/sys/kernel/random/boot_id)"
    check "... another guest starts" virsh -q start rs1
    check "... and has its VF" wait_for 30 has_vf rs1
    ((BENCH_BOOT > 1)) || reboot_host
    virsh -q destroy rs2
    virsh -q destroy rs1
    check "stopped, they hold none" wait_for 20 holds_none
    check "... and the VF is free" wait_for 10 state_is free
    done_testing
fi

check "vfpool up" vfpool up
guest_xml rs1 00000000-0000-4000-8000-000000003501 "$request" >/tmp/rs1.xml
virsh -q define /tmp/rs1.xml
sed 's/rs1/rs2/; s/3501/3502/' /tmp/rs1.xml >/tmp/rs2.xml
virsh -q define /tmp/rs2.xml
# The daemon sends keep-alive messages of its own.
echo 'keepalive_interval = -1' >>/etc/libvirt/libvirtd.conf
systemctl restart libvirtd.service
check "the guest starts" virsh -q start rs1
check "its VF is attached" wait_for 30 has_vf rs1

# --- The agent is there first ---------------------------------------------------------------------------------------

# shellcheck disable=SC2086  # several
systemctl stop $sockets libvirtd.service
kill -9 "$(guest_pid rs1)"
systemctl restart vfpool-agent.service
check "without a daemon the agent is there" systemctl is-active vfpool-agent.service
check "... and waits" wait_for 10 says "connecting when its socket appears"
is "nobody knows that the guest has died" "$(state)" active
# The pauses between its own tries have grown beyond what is waited for now: the last was after 31 s, the next is after 63 s.
sleep 32
systemctl start libvirtd.service
check "when the daemon answers, the agent is connected" wait_for 25 says "Connected"
began=$SECONDS
check "... and the ledger is right" wait_for 30 state_is free
note "$((SECONDS - began)) s after it was connected"

# --- virtqemud's socket ---------------------------------------------------------------------------------------------

# Debian has one daemon for all; here it answers at virtqemud's place, by a relay.
# shellcheck disable=SC2086  # several
systemctl stop $sockets libvirtd.service
systemctl restart vfpool-agent.service
check "the agent waits again" wait_for 10 says "connecting when its socket appears"
mkdir -p /etc/systemd/system/libvirtd.socket.d
printf '[Socket]\nListenStream=\nListenStream=/run/elsewhere-sock\n' >/etc/systemd/system/libvirtd.socket.d/elsewhere.conf
systemctl daemon-reload
systemctl start libvirtd.socket
sleep 1
check "a socket elsewhere is nobody's to it" says "connecting when its socket appears"
socat UNIX-LISTEN:/run/libvirt/virtqemud-sock,fork UNIX-CONNECT:/run/elsewhere-sock &
relay=$!
check "virtqemud's is found" wait_for 10 says "Connected"
check "... and spoken to" bash -c 'ss -xp | grep -q virtqemud-sock'
kill $relay
rm -rf /run/libvirt/virtqemud-sock /etc/systemd/system/libvirtd.socket.d
# shellcheck disable=SC2086  # several
systemctl stop $sockets libvirtd.service
systemctl daemon-reload
systemctl start libvirtd.service
check "back to libvirtd's" wait_for 10 says "Connected"

# --- Nothing happens ------------------------------------------------------------------------------------------------

check "the guest starts" virsh -q start rs1
check "its VF is attached" wait_for 30 has_vf rs1
sleep 2
before=$(wakeups)
sleep 30
is "in 30 s of nothing the agent has not woken up" "$(($(wakeups) - before))" 0
note "$(grep -h Rss "/proc/$(systemctl show -P MainPID vfpool-agent.service)/status")"

# --- The host goes down with two guests that run, of which libvirt starts one with the host ---------------------------

virsh -q autostart rs2
check "another guest starts" virsh -q start rs2
check "its VF is attached" wait_for 30 has_vf rs2
is "each has one" "$(leases)" "rs1 net0 active, rs2 net0 active"
# The services begin again with the host, and find what is left.
note "$(journalctl -u vfpool-agent.service --no-pager -o cat | tail -n 40)"
crash_host
