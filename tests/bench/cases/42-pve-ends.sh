# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Proxmox VMs that end, or never start, without the hookscript's post-stop: the service gives back and parks, by itself and soon; and
# it takes nothing from who runs. And a VM that Proxmox VE gave another VF than planned. And a node that is fenced: reset with VMs that
# run, of which another node takes one over.
#
# topology: default
# timeout: 900
# reboots: yes
# copy: tests/bench/pve-lib.sh:/root/pve-lib.sh
# copy: tests/bench/pve-model:/root/pve-model

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../pve-lib.sh
. /root/pve-lib.sh

readonly free_vfs="$vf0 $vf1 $vf2 $vf3" grace=15
journal() { journalctl -b --no-pager -o cat -u vfpool-pve; }
qemu_of() { cat "/run/qemu-server/$1.pid"; }
# Nothing is leased, all is parked, on the kernel's own driver.
is_all_free() { [[ -z $(leased) && $(parked) == "$free_vfs" && $(drivers "$vf0" "$vf1" "$vf2" "$vf3") == "igbvf igbvf igbvf igbvf" ]]; }
is_gone() { [[ -z $(leased "$1") ]]; }
comes_back() {
    check "$1" wait_for 30 is_all_free
    is_all_free || note "$(vfpool status; cat "$reservations"; journal | tail)"
}

if ((BENCH_BOOT > 0)); then
    check "after the reset the service is there" wait_for 60 systemctl -q is-active vfpool-pve.service
    comes_back "... nothing is leased, and all VFs are parked before anybody asks"
    output=$(model choose 100 2>&1)
    like "... a VM without the hookscript gets none" "$output" "could not find a free device for 'hostpci0'"
    output=$(model start 102 2>&1)
    like "the VM that another node took over is none of this one's" "$output" "no such VM .*102"
    check "the VM that stayed starts" model start 101
    is "... with the VF it leased" "$(groups_of "$(qemu_of 101)")" "$(groups "$(leased 101)")"
    check "... which the other nodes are told of" wait_for 30 has_published "$(leased 101)=101"
    check "... and stops" model stop 101
    is_all_free || not_ok "... all is free again"
    done_testing
fi

check "a node with two pools" pve_node
printf '[vfpool]\nstart-grace=%d\nrelease-wait=5\n' "$grace" >>/etc/vfpool/vfpool.conf
ln -s /bin/true /usr/sbin/qm
for vmid in 101 102 103 104; do vm "$vmid" "hostpci0: mapping=lan"; done
vm_bare 100 "hostpci0: mapping=lan"
check "the service starts" systemctl start vfpool-pve.service
is "... after it all free VFs are nobody's" "$(parked)" "$free_vfs"
check "... and the other nodes see that this one is there" wait_for 20 has_published ""

# --- Killed, hibernated, migrated, deleted, without its hookscript ---

check "a VM starts" model start 101
check "... and another" model start 102
kill -9 "$(qemu_of 101)"
check "QEMU is killed, and nobody cleans up: its VF comes back" wait_for 20 is_gone 101
check "... parked" wait_for 10 test -z "$(reserved_for 101)"
is "... on the kernel's driver" "$(vf_driver "$vf0")" igbvf
is "... the other VM keeps its VF" "$(leased 102) $(reserved_for 102)" "$vf1 $vf1"
mkdir -p /etc/pve/nodes/elsewhere/qemu-server
mv /etc/pve/qemu-server/102.conf /etc/pve/nodes/elsewhere/qemu-server/
kill "$(qemu_of 102)"
comes_back "a VM that migrated away leaves its VF here"
mv /etc/pve/nodes/elsewhere/qemu-server/102.conf /etc/pve/qemu-server/

check "a VM starts again" model start 101
mv /var/lib/vz/snippets/vfpool /root/snippet
output=$(model stop 101 2>&1)
like "it stops while its hookscript's storage is not there" "$output" "script 'local:snippets/vfpool' does not exist"
comes_back "... its VF comes back all the same"
output=$(model start 101 2>&1)
like "... and it is not started then" "$output" "hookscript error for 101 on pre-start: script 'local:snippets/vfpool' does not exist"
is_all_free || not_ok "... nothing is leased"
mv /root/snippet /var/lib/vz/snippets/vfpool

# --- Started again at once ---

check "a VM starts" model start 101
kill -9 "$(qemu_of 101)"
check "... is killed, and started again at once" model start 101
sleep 2
is "... it has the VF that it leased" "$(groups_of "$(qemu_of 101)")" "$(groups "$(leased 101)")"
is "... reserved for it" "$(reserved_for 101)" "$(leased 101)"
systemctl kill -s KILL vfpool-pve.service
check "the service is killed and comes back" wait_for 20 systemctl -q is-active vfpool-pve.service
sleep 1
is "... and leaves the VM alone" "$(groups_of "$(qemu_of 101)")" "$(groups "$(leased 101)")"
rm /run/qemu-server/101.pid
sleep 1
is "... also when somebody removes its PID file" "$(leased 101 | wc -w)" 1
kill -9 "$(pgrep -f qemu-server/101.pid)"
comes_back "... until it ends"

# --- Starts that fail ---

for round in {1..10}; do
    "$hook" $((round % 4 + 101)) pre-start >/dev/null && model drop $((round % 4 + 101))
done
comes_back "ten starts in a row that Proxmox VE breaks off after pre-start leave nothing"
check "pre-start, and nothing more comes" "$hook" 101 pre-start
check "a hookscript that was killed after it leased" vfpool acquire --guest pve-qemu/103 --pool lan
sleep 1
is "... within the start-grace both keep it" "$(leased)" "$vf0 $vf1"
check "a guest that no hookscript is called for" vfpool acquire --guest manual/x --pool wan
tells_of_x() { grep -q "\"$vf3\".*\"id\":\"x\"" "/etc/pve/nodes/$(hostname -s)/vfpool.json"; }
check "... the other nodes are told of it" wait_for 30 tells_of_x
check "... it gives back" vfpool release --guest manual/x
comes_back "... then both are taken back"

# --- Many at once ---

for vmid in 101 102 103 104; do
    (model start "$vmid" >"/tmp/$vmid.out" 2>&1 && echo "$vmid" >"/tmp/$vmid.started") &
done
wait
started=$(cat /tmp/1*.started)
is "of four starts at once three succeed" "$(wc -l <<<"$started")" 3
output=$(model choose 100 2>&1)
like "a VM without the hookscript gets none" "$output" "could not find a free device for 'hostpci0'"
for vmid in $started; do
    is "VM $vmid has the VF it leased" "$(groups_of "$(qemu_of "$vmid")")" "$(groups "$(leased "$vmid")")"
done
for vmid in $started; do kill -9 "$(qemu_of "$vmid")"; done
comes_back "all are killed at once: all VFs come back"
output=$(model choose 100 2>&1)
like "... and a VM without the hookscript still gets none" "$output" "could not find a free device for 'hostpci0'"

# --- The folder, and quiet ---

rm -rf /run/qemu-server
comes_back "Proxmox VE's folder is removed: all is parked anew"
pid=$(systemctl show -P MainPID vfpool-pve.service)
# What it has begun it may end.
is_quiet() {
    timeout 3 strace -f -qq -o /tmp/quiet -p "$pid"
    ! grep -vE 'poll|restart_syscall|detached' /tmp/quiet >/tmp/not-quiet
}
check "when nothing happens it does nothing" wait_for 30 is_quiet
note "$(head /tmp/not-quiet)"
unlike "nothing that it did was refused by its cage" "$(journal)" 'Operation not permitted|Read-only file system|Permission denied'
note "$(journal | tail -n 40)"
systemctl stop vfpool-pve.service

# --- Not what was planned ---

# A hookscript after which the VM's lease says one VF and Proxmox VE's file another.
cat >/var/lib/vz/snippets/meddler <<SCRIPT
#!/bin/sh
$hook "\$@" || exit
[ "\$2" = pre-start ] || exit 0
sed -i -e '/^$vf0 /s/ .*/ 1000000000 time:9999999999/' -e '/^$vf2 /s/ .*/ 101 time:9999999998/' $reservations
echo vfio-pci >/sys/bus/pci/devices/$vf2/driver_override
echo $vf2 >/sys/bus/pci/devices/$vf2/driver/unbind
echo $vf2 >/sys/bus/pci/drivers_probe
SCRIPT
chmod 755 /var/lib/vz/snippets/meddler
sed -i s/vfpool/meddler/ /etc/pve/qemu-server/101.conf
output=$(model start 101 2>&1)
is "a VM that Proxmox VE gives another VF starts" "$?" 0
note "$output"
like "... the task log says so" "$output" "vfpool: Proxmox VE took $vf2 in place of $vf0: leased to the VM as it is"
is "... the ledger follows" "$(leased)" "$vf2"
is "... the VF that was planned is back" "$(vf_driver "$vf0")" igbvf
is "... and parked" "$(parked)" "$vf0 $vf1 $vf3"
check "... it stops" model stop 101
is "... and all is as before" "$(leased) $(parked)" " $free_vfs"

# --- Fenced ---

sed -i s/meddler/vfpool/ /etc/pve/qemu-server/101.conf
check "the services come with the node" systemctl -q enable vfpool.service vfpool-pve.service
systemctl start vfpool-pve.service
for vmid in 101 102; do check "VM $vmid runs" model start "$vmid"; done
is "... both have a VF" "$(leased | wc -w)" 2
mv /etc/pve/qemu-server/102.conf /etc/pve/nodes/elsewhere/qemu-server/
crash_host
