# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What only a real host shows of security: that nothing which a program inherits from its starter directs it, that the hooks
# do all their work with the few capabilities they keep, that others can neither write the configuration nor the ledger
# unnoticed and such a state never stops a guest that asks for nothing, and that the services do their work in their cage.
#
# timeout: 900

# shellcheck disable=SC2317  # functions are called through check and wait_for
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:01:00.0 vf=0000:01:10.0 conf=/etc/vfpool/vfpool.conf
readonly hook=/etc/libvirt/hooks/qemu.d/vfpool hookscript=/usr/libexec/vfpool/pve-hookscript
readonly guest_uuid=00000000-0000-4000-8000-000000000001
# DAC_OVERRIDE, NET_ADMIN, SYS_MODULE, SYS_PTRACE; and for a hook SYS_NICE
readonly few=0000000000891002 agents=0000000000091002

mkdir -p /etc/vfpool
printf '[pf %s]\nnumvfs=2\npark=host\n[pool lan]\nmembers=pf=%s\nsticky=no\n' "$pf" "$pf" >"$conf"
request="<v:request xmlns:v='urn:vfpool:domain:1'><v:slot pool='lan' mac='52:54:00:00:ee:01' vlan='9'/></v:request>"
guest_xml g "$guest_uuid" "$request" >/tmp/g.xml
guest_xml plain 00000000-0000-4000-8000-000000000002 >/tmp/plain.xml
virsh -q define /tmp/g.xml
virsh -q define /tmp/plain.xml
ip link set enp1s0 up
check "vfpool up" systemctl start vfpool.service
is "... in its cage makes the VFs" "$(<"/sys/bus/pci/devices/$pf/sriov_numvfs")" 2
udevadm settle

state() { vfpool status --json | jq -r --arg a "$vf" '.vfs[] | select(.address == $a) | .state'; }

# --- What is inherited ----------------------------------------------------------------------------------------------

# A folder that every variable points to which one of the libraries is known to read, and that nobody may look into. It is
# where the agent, too, could write.
bait=/var/lib/vfpool/bait
mkdir -p "$bait"
printf '<catalog/>' >"$bait/catalog.xml"
hostile=(
    XML_CATALOG_FILES="$bait/catalog.xml" SGML_CATALOG_FILES="$bait/catalog" XML_DEBUG_CATALOG=1
    SQLITE_TMPDIR="$bait" TMPDIR="$bait" TMP="$bait" HOME="$bait" XDG_CONFIG_HOME="$bait" XDG_CACHE_HOME="$bait"
    XDG_DATA_HOME="$bait" XDG_DATA_DIRS="$bait" XDG_CONFIG_DIRS="$bait" XDG_RUNTIME_DIR="$bait"
    GIO_EXTRA_MODULES="$bait" GIO_MODULE_DIR="$bait" G_MESSAGES_DEBUG=all G_DEBUG=fatal-warnings
    LIBVIRT_DEFAULT_URI="test:///default" LIBVIRT_DEBUG=1 LIBVIRT_LOG_OUTPUTS="1:file:$bait/log"
    LIBVIRT_AUTH_FILE="$bait/auth" MODPROBE_OPTIONS="-d $bait" PCILIB_CONFIG="$bait" VFPOOL_ROOT="$bait"
    LOCPATH="$bait" NLSPATH="$bait/%N" LANGUAGE=de CDPATH="$bait" PATH="$bait:$PATH"
)

# inherits COMMAND...: runs it under strace with a hostile environment, bad signal settings and open descriptors.
inherits() {
    env "${hostile[@]}" python3 -c '
import os, signal, sys
for fd in (3, 7, 200):
    os.dup2(os.open(sys.argv[1] + "/catalog.xml", os.O_RDWR), fd, inheritable=True)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGTERM})
os.umask(0)
os.execvp("strace", ["strace", "-qq", "-f", "-y", "-o", "/tmp/trace"] + sys.argv[2:])' "$bait" "$@"
}
# The loader looks for no file there, so what is left are the program's own calls. dup2 and the like name descriptors by path.
baited() { grep -E '(open|openat|stat|access|newfstatat|mkdir|unlink|execve|connect|readlink)[a-z0-9]*\(' /tmp/trace | grep "$bait" |
    grep -v '^[0-9]* *execve("/[^"]*", .*' ; }

for step in "prepare begin" "release end"; do
    # shellcheck disable=SC2086  # two words
    said=$(inherits "$hook" g $step - </tmp/g.xml 2>&1)
    is "hook, $step: done in a hostile environment" "$?" 0
    is "... without a word" "$said" ""
    is "... nothing is looked for where it points" "$(baited)" ""
    like "... inherited descriptors are closed first" "$(grep -n 'close_range(3, 4294967295' /tmp/trace | head -n 1)" close_range
    note "$(wc -l </tmp/trace) system calls"
done
is "... and nothing was written there" "$(ls "$bait")" catalog.xml

said=$(inherits vfpool acquire --guest manual/env --pool lan 2>&1)
is "vfpool: done in a hostile environment" "$said" "$vf"
is "... nothing is looked for where it points" "$(baited)" ""
check "... and given back" vfpool release --guest manual/env

mkdir -p /run/systemd/system/vfpool-agent.service.d
{
    echo '[Service]'
    printf 'Environment="%s"\n' "${hostile[@]}"
} >/run/systemd/system/vfpool-agent.service.d/hostile.conf
systemctl daemon-reload
check "the agent starts in a hostile environment" systemctl restart vfpool-agent.service
agent_said() { journalctl -u vfpool-agent.service --no-pager -o cat | grep -q "$1"; }
check "... and connects to the system's libvirt" wait_for 30 agent_said 'connected to libvirt (qemu:///system)'
check "... and attaches" virsh -q start g
is_attached() { virsh dumpxml g | grep -q ua-vfpool-slot0; }
check "... what a guest asked for" wait_for 30 is_attached
is "... nothing was written where it points" "$(ls "$bait")" catalog.xml
rm /run/systemd/system/vfpool-agent.service.d/hostile.conf
systemctl daemon-reload
systemctl restart vfpool-agent.service

# --- Few capabilities -------------------------------------------------------------------------------------------------

# The guest runs: QEMU is another user's process, and has its group open. Who looks must see that.
is "QEMU is not root's" "$(stat -c %U "/proc/$(guest_pid g)")" libvirt-qemu
virsh -q destroy g

# status_of COMMAND...: /proc/PID/status of a hook while it waits for its standard input, or of a hookscript for its lock.
mkfifo /tmp/fifo
"$hook" g prepare begin - </tmp/fifo &
hook_pid=$!
exec 8>/tmp/fifo
waits() { grep -q '^State:.*S' "/proc/$1/status" && grep -q "^CapEff:.*$few" "/proc/$1/status"; }
check "hook: keeps five capabilities" wait_for 10 waits "$hook_pid"
status=$(<"/proc/$hook_pid/status")
for set in Inh:0000000000000000 "Prm:$few" "Eff:$few" "Bnd:$few" Amb:0000000000000000; do
    like "... ${set%%:*}" "$status" "Cap${set%%:*}:[[:space:]]*${set#*:}"
done
like "... and can get no new ones" "$status" "NoNewPrivs:[[:space:]]*1"
like "... umask" "$status" "Umask:[[:space:]]*0077"
is "... its folder" "$(readlink "/proc/$hook_pid/cwd")" /
is "... its descriptors" "$(cd "/proc/$hook_pid/fd" && echo *)" "0 1 2"
cat /tmp/g.xml >&8
exec 8>&-
wait "$hook_pid"
is "... and prepares a VF with these" "$?" 0
is "... which is the guest's" "$(state)" active
is "... on vfio-pci" "$(vf_driver "$vf")" vfio-pci
is "... with its MAC" "$(vf_mac enp1s0 0)" 52:54:00:00:ee:01

# A VFIO group that another user's process holds: opened neither by its owner's rights nor seen without CAP_SYS_PTRACE.
group=/dev/vfio/$(iommu_group "$vf")
chown libvirt-qemu: "$group"
setpriv --reuid libvirt-qemu --regid libvirt-qemu --clear-groups sleep 300 8<>"$group" &
holder=$!
wait_for 10 test -e "/proc/$holder/fd/8"
said=$("$hook" g release end - </tmp/g.xml 2>&1)
like "hook: sees whose process has a group open" "$said" "held open by process $holder"
is "... and leaves it alone" "$(vf_driver "$vf")" vfio-pci
kill "$holder"
wait "$holder" 2>/dev/null
check "... it is given back when it is closed" vfpool release --quarantined "$vf"
is "... free" "$(state)" free

# A module that is not there is loaded with these capabilities, too.
mv /usr/lib/modules-load.d/vfpool.conf /root/
check "(vfio-pci is unloaded)" modprobe -r vfio-pci
check "hook: loads vfio-pci when it is not there" "$hook" g prepare begin - </tmp/g.xml
is "... and binds to it" "$(vf_driver "$vf")" vfio-pci
check "... gives back" "$hook" g release end - </tmp/g.xml
mv /root/vfpool.conf /usr/lib/modules-load.d/
systemctl restart vfpool-agent.service

mkdir -p /etc/pve/qemu-server /etc/pve/mapping
"$hookscript" mapping lan >/etc/pve/mapping/pci.cfg
printf 'hostpci0: mapping=lan\n' >/etc/pve/qemu-server/101.conf
(
    umask 077
    "$hookscript" park
)
check "... parked by its service, too" bash -c 'ln -s /bin/true /usr/sbin/qm && systemctl start vfpool-pve.service &&
    systemctl is-active vfpool-pve.service'
is "hookscript: Proxmox VE's files have the modes that it gives them" "$(stat -c %a /run/qemu-server \
    /run/qemu-server/pci-id-reservations /run/qemu-server/pci-id-reservations.lock | paste -sd ' ')" "755 644 644"
said=$(inherits "$hookscript" 101 pre-start 2>&1)
is "hookscript: done in a hostile environment" "$?" 0
is "... nothing is looked for where it points" "$(baited)" ""
is "... the VF is the VM's" "$(state)" active
like "... with few capabilities" "$(grep capset /tmp/trace)" 'permitted=1<<CAP_DAC_OVERRIDE\|1<<CAP_NET_ADMIN\|1<<CAP_SYS_MODULE\|1<<CAP_SYS_PTRACE\|1<<CAP_SYS_NICE'
check "... and given back" "$hookscript" 101 post-stop
"$hookscript" --root etc 101 pre-start 2>/dev/null
is "... a folder that is relative to nobody knows what is refused" "$?" 64
is "... free" "$(state)" free
systemctl stop vfpool-pve.service
rm -rf /etc/pve

# --- Files that others can write ------------------------------------------------------------------------------------

# refused WHAT REGEX: g does not start, the plain guest does, a running guest's release and reconnect are no failures.
refused() {
    local said rc
    said=$(virsh start g 2>&1)
    rc=$?
    is "$1: a guest that asks for a VF is refused" "$rc" 1
    like "... in words that help" "$said" "$2"
    note "$said"
    [[ $rc != 0 ]] || virsh -q destroy g
    check "... one that asks for nothing starts" virsh -q start plain
    virsh -q destroy plain
    for step in "reconnect begin" "stopped end" "release end"; do
        # shellcheck disable=SC2086  # two words
        "$hook" g $step - </tmp/g.xml >/dev/null 2>&1
        is "... the hook's '$step' does not fail" "$?" 0
    done
}

chmod 0664 "$conf"
refused "a configuration that a group may write" "chmod go-w $conf"
is "... exit status of a command" "$(vfpool check >/dev/null 2>&1; echo $?)" 78
chmod 0644 "$conf"
chmod 0777 /etc/vfpool
refused "its folder open to all" "chmod go-w /etc/vfpool"
chmod 0755 /etc/vfpool
chown nobody "$conf"
refused "a configuration of nobody" "chown root $conf"
chown root "$conf"

mv /var/lib/vfpool/ledger.db-wal /root/wal
ln -s /etc/passwd /var/lib/vfpool/ledger.db-wal
passwd=$(sha256sum /etc/passwd)
refused "a ledger with a log that leads elsewhere" "ledger.db-wal is a symbolic link"
is "... exit status of a command" "$(vfpool acquire --guest manual/x --pool lan >/dev/null 2>&1; echo $?)" 77
rm /var/lib/vfpool/ledger.db-wal
ln /etc/passwd /var/lib/vfpool/ledger.db-wal
refused "a ledger with another program's file as log" "ledger.db-wal has 2 names"
is "... which was not written to" "$(sha256sum /etc/passwd)" "$passwd"
mv -f /root/wal /var/lib/vfpool/ledger.db-wal
chmod g+w /var/lib
refused "a ledger below a folder that a group may write" "chmod go-w /var/lib"
chmod g-w /var/lib
check "all mended, it starts" virsh -q start g
virsh -q destroy g

# --- Names ------------------------------------------------------------------------------------------------------------

# A process may call itself anything, and has a group open that nobody leased it.
modprobe vfio-pci
vfpool acquire --guest manual/holder --pool lan >/dev/null
python3 -c '
import os, sys, time
open("/proc/self/comm", "wb").write(b"\xff\x1b[2J\n<0>\xe2\x80\xae")
fd = os.open(sys.argv[1], os.O_RDWR)
time.sleep(300)' "$group" &
holder=$!
has_it() { find "/proc/$holder/fd" -lname "$group" | grep -q .; }
wait_for 10 has_it
said=$(vfpool release --guest manual/holder 2>&1)
like "a process with a nasty name is told of" "$said" "held open by process $holder"
is "... in one line" "$(wc -l <<<"$said")" 1
is "... of harmless characters" "$(LC_ALL=C grep -c '[[:cntrl:]]' <<<"$said")" 0
sqlite3 /var/lib/vfpool/ledger.db "DELETE FROM lease"
for form in "" --json; do
    # shellcheck disable=SC2086  # a word or none
    said=$(vfpool status $form 2>&1)
    is "status $form shows it" "$?" 0
    like "... " "$said" "held open by process $holder"
    is "... in harmless characters" "$(LC_ALL=C grep -c '[[:cntrl:]]' <<<"$said")" 0
    unlike "... without a complaint of GLib's" "$said" CRITICAL
done
check "... and JSON it is" jq -e . <<<"$said"
kill "$holder"

# --- The services' cage ---------------------------------------------------------------------------------------------

for unit in vfpool-agent vfpool vfpool-pve; do
    note "$(systemd-analyze security --no-pager "$unit.service" 2>/dev/null | tail -n 1)"
done
exposure() { systemd-analyze security --no-pager "$1.service" 2>/dev/null | sed -nE 's/.*: ([0-9]+)\.([0-9]) .*/\1\2/p'; }
# What is left is what the work is: root, VFIO, modules, netlink, other processes.
is "the agent's exposure is 3.0 at most" "$(($(exposure vfpool-agent) <= 30))" 1
is "that of vfpool.service 3.5" "$(($(exposure vfpool) <= 35))" 1
is "that of vfpool-pve.service 3.5" "$(($(exposure vfpool-pve) <= 35))" 1
pid=$(systemctl show -P MainPID vfpool-agent.service)
like "the agent has four capabilities" "$(<"/proc/$pid/status")" "CapEff:[[:space:]]*$agents"
like "... and a filter on its calls" "$(<"/proc/$pid/status")" "Seccomp:[[:space:]]*2"
unlike "nothing that a service did was refused by its cage" "$(journalctl -b --no-pager -u vfpool -u vfpool-agent)" \
    'Operation not permitted|Read-only file system'
note "$(journalctl -b --no-pager -o cat -u vfpool-agent | tail -n 20)"
done_testing
