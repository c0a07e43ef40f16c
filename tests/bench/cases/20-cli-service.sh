# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vfpool.service, and what `make install` puts where: what systemd makes of it on a real host.
set -u
# shellcheck source=tests/bench/lib.sh
. "$BENCH_DIR/lib.sh"

pf=0000:01:00.0
sys=/sys/bus/pci/devices/$pf

configure() {
    mkdir -p /etc/vfpool
    printf '%s\n' "[pf $pf]" "numvfs=$1" '[pool lan]' "members=pf=$pf" >/etc/vfpool/vfpool.conf
}

is "the unit is enabled" "$(systemctl is-enabled vfpool)" enabled
is "  without a configuration it is passed over, not failed" \
    "$(systemctl show -P ActiveState -P ConditionResult vfpool | paste -sd ' ')" "inactive no"
like "libvirtd waits for it" "$(systemctl show -P After libvirtd.service)" '(^| )vfpool.service( |$)'
unlike "no unit is part of an ordering cycle" "$(journalctl -b --no-pager | grep -i 'ordering cycle')" cycle
check "systemd finds no fault in the units" systemd-analyze verify --man=no vfpool.service vfpool-agent.service vfpool-pve.service
check "vfio-pci is loaded at boot" grep -qx vfio-pci /usr/lib/modules-load.d/vfpool.conf
is "  and is there" "$(basename /sys/bus/pci/drivers/vfio-pci)/$(test -d /sys/bus/pci/drivers/vfio-pci && echo yes)" vfio-pci/yes
is "no configuration is installed, only a sample" "$(cd /etc/vfpool && echo *)" vfpool.conf.sample
check "the hook is executable" test -x /etc/libvirt/hooks/qemu.d/vfpool
check "  and lets a guest through that asks for nothing" bash -c \
    '. "$BENCH_DIR/lib.sh"; guest_xml a 11111111-2222-3333-4444-555555555555 |
     /etc/libvirt/hooks/qemu.d/vfpool a prepare begin -'
cp /etc/vfpool/vfpool.conf.sample /etc/vfpool/vfpool.conf
check "the sample is a configuration that fits this host" vfpool check

configure 3
check "with a configuration it starts" systemctl start vfpool
is "  and makes the VFs" "$(<$sys/sriov_numvfs)" 3
is "  and stays" "$(systemctl is-active vfpool)" active

vfpool acquire --guest manual/yesterday --pool lan >/dev/null
configure 4
check_fails "it fails while a lease is in the way" systemctl restart vfpool
like "  and the journal says which" "$(journalctl -u vfpool --no-pager)" 'manual/yesterday'
is "  and nothing was changed" "$(<$sys/sriov_numvfs)" 3
check "(the lease becomes one of another boot)" sqlite3 /var/lib/vfpool/ledger.db "UPDATE lease SET boot_id = 'another'"
check "leases of another boot are in nobody's way" systemctl restart vfpool
is "  the VFs are made" "$(<$sys/sriov_numvfs)" 4
is "  all are free" "$(vfpool status --json | jq -c '.pools[0] | [.total, .free]')" '[4,4]'

# --- the library as others build against it ---

is "pkg-config file" "$(grep -c '^Libs: -L\${libdir} -lvfpool$' /usr/lib/*/pkgconfig/libvfpool.pc)" 1
check "header and link are there" bash -c \
    'test -e /usr/include/vfpool.h && test "$(readlink /usr/lib/*/libvfpool.so)" = libvfpool.so.0'

done_testing
