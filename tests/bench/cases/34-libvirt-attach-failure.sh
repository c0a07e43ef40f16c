# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What becomes of a guest that its VF cannot be plugged into, as its pool says: it is kept, tried again, or shut down; the status
# shows what is wrong until it is mended; and the pair that a VF is to make with a virtio interface (teaming).
#
# timeout: 900

# shellcheck disable=SC2317  # functions are called through check and wait_for
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:01:00.0
mkdir -p /etc/vfpool
cat >/etc/vfpool/vfpool.conf <<END
[pf $pf]
numvfs=4
[pool keep]
members=pf=$pf vfs=0
[pool retry]
members=pf=$pf vfs=1
on-attach-failure=retry
[pool team]
members=pf=$pf vfs=3
[pool shutdown]
members=pf=$pf vfs=2
on-attach-failure=shutdown
END

uuid() { echo "00000000-0000-4000-8000-00000000340$1"; }

# define N SLOT-ATTRIBUTES [DEVICES]
define() {
    guest_xml "af$1" "$(uuid "$1")" "<v:request xmlns:v='urn:vfpool:domain:1'><v:slot name='net0' $2/></v:request>" \
        "${3-}" >"/tmp/af$1.xml"
    virsh -q define "/tmp/af$1.xml"
}
is_attached() { virsh dumpxml "af$1" | grep -q "ua-vfpool-net0"; }
reason() { vfpool status --json | jq -r --arg id "$(uuid "$1")" '.vfs[] | select(.guest.id? == $id) | .reason'; }
reason_is() { [[ $(reason "$1") == "$2" ]]; }
has_reason() { [[ $(reason "$1") == "it could not be attached: "* ]]; }
holds_nothing() { [[ -z $(reason "$1") ]]; }
# What comes before it listens, it does not count: PM1_EN says that it does.
listens() { virsh qemu-monitor-command af3 --hmp 'i /xh 0x602' | grep -q 0x0100; }
is_off() { [[ $(guest_state "af$1") == "shut off" ]]; }
# said REGEX: how often the agent said it.
said() { journalctl -u vfpool-agent.service --no-pager -o cat | grep -cE "$1"; }
said_times() { (($(said "$1") >= $2)); }

# Something that does as an operating system does when the power button is pressed, but listens to the third time only: 16-bit
# code in a boot sector that has the button reported (PM1_EN, port 0x602), waits for it and clears it (PM1_STS, 0x600), three
# times, and switches off (PM1_CNT, 0x604).
printf '%b' '\xfb\xba\x02\x06\xb8\x00\x01\xef\xb9\x03\x00\xf4\xba\x00\x06\xed\xf6\xc4\x01\x74\xf6' \
    '\xb8\x00\x01\xef\xe2\xf0\xba\x04\x06\xb8\x00\x20\xef\xf4\xeb\xfd' >/var/lib/libvirt/images/os.img
truncate -s 1M /var/lib/libvirt/images/os.img
printf '\x55\xaa' | dd of=/var/lib/libvirt/images/os.img bs=1 seek=510 conv=notrunc status=none

check "vfpool up" vfpool up
define 1 "pool='keep'"
define 2 "pool='retry'"
define 3 "pool='shutdown'" "<disk type='file' device='disk'><driver name='qemu' type='raw'/>
    <source file='/var/lib/libvirt/images/os.img'/><target dev='sda' bus='sata'/></disk>"
define 4 "pool='team' teaming='ua-net0'" "<interface type='user'><mac address='52:54:00:34:00:04'/><model type='virtio'/>
    <teaming type='persistent'/><alias name='ua-net0'/></interface>"

# --- Somebody has the VFs of the first three open -----------------------------------------------------------------------

# The agent is there, as the hook wants it, but does nothing until somebody else has the VFs.
systemctl kill -s STOP vfpool-agent.service
for n in 1 2 3 4; do check "guest $n starts" virsh -q start "af$n"; done
check "the third is up" wait_for 60 listens
exec {first}<>"/dev/vfio/$(iommu_group "$(vf_bdf $pf 0)")" {second}<>"/dev/vfio/$(iommu_group "$(vf_bdf $pf 1)")" \
    {third}<>"/dev/vfio/$(iommu_group "$(vf_bdf $pf 2)")"
systemctl kill -s CONT vfpool-agent.service
check "the first is kept, and its status says why" wait_for 30 has_reason 1
like "... what libvirt says, and what to do" "$(reason 1)" "libvirt says: .*; when the reason is mended, restart"
check "the second is tried again" wait_for 30 has_reason 2
like "... which its status says" "$(reason 2)" "it is tried again until it works"
check "the third is asked to shut down three times" wait_for 90 said_times "guest af3 was asked to shut down" 3
exec {third}>&- # what the release waits for
check "... when it listens" wait_for 60 is_off 3
check "its VF is free" wait_for 20 holds_nothing 3
check "the fourth has its VF" wait_for 30 is_attached 4
like "... as the transient part of the pair" "$(virsh dumpxml af4 | sed -n '/<hostdev/,/<.hostdev/p')" \
    "<teaming type='transient' persistent='ua-net0'/>"
is "nothing is told twice" "$(said "af1 runs without VF") $(said "af2 runs without VF") $(said "af3 runs without VF")" "1 1 1"
is "the journal has it by fields" \
    "$(journalctl -u vfpool-agent.service -o json VFPOOL_ACTION=shutdown "VFPOOL_GUEST=libvirt/$(uuid 3)" | head -n 1 | jq -r .PRIORITY)" 6

# --- It is mended ---------------------------------------------------------------------------------------------------

exec {first}>&- {second}>&-
check "let go, the second is attached" wait_for 90 is_attached 2
check "... and nothing is wrong any more" wait_for 10 reason_is 2 null
check "the first is as before" has_reason 1
systemctl restart vfpool-agent.service
check "until the agent is restarted" wait_for 30 is_attached 1
check "... and nothing is wrong any more" wait_for 10 reason_is 1 null

for n in 1 2 4; do virsh -q destroy "af$n"; done
is_free() { [[ -z $(vfpool status --json | jq -r '.vfs[] | select(.pool != null and .state != "free") | .address') ]]; }
check "all VFs are free" wait_for 20 is_free
note "$(journalctl -u vfpool-agent.service --no-pager -o cat | tail -n 40)"
done_testing
