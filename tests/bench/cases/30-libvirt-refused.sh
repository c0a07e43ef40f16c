# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Who may be refused, and who never: a guest that names a pool is refused with a sentence when it cannot be served; a
# guest with emulated devices only starts whatever state vfpool is in. And the hook, called by hand with what libvirt
# would never send.
#
# timeout: 900

# shellcheck disable=SC2317  # functions are called through check and wait_for
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:01:00.0 hook=/etc/libvirt/hooks/qemu.d/vfpool conf=/etc/vfpool/vfpool.conf
readonly guest_uuid=00000000-0000-4000-8000-000000000001

request() { echo "<v:request xmlns:v='urn:vfpool:domain:1'>$1</v:request>"; }

# define METADATA [DEVICES]: the guest g, anew.
define() {
    guest_xml g "$guest_uuid" "$1" "${2-}" >/tmp/g.xml
    virsh -q define /tmp/g.xml
}

good_configuration() {
    mkdir -p /etc/vfpool
    printf '[pf %s]\nnumvfs=2\n[pool lan]\nmembers=pf=%s\n' "$pf" "$pf" >"$conf"
}

# starts WHAT / refused WHAT REGEX: g starts, or is refused in words that match.
starts() {
    check "$1: starts" virsh -q start g
    virsh -q destroy g
}
refused() {
    local said rc
    said=$(virsh start g 2>&1)
    rc=$?
    is "$1: is refused" "$rc" 1
    like "$1: ... and told why" "$said" "$2"
    note "$said"
    [[ $rc != 0 ]] || virsh -q destroy g
}

leases() { vfpool status --json | jq '[.vfs[] | select(.guest != null)] | length'; }

emulated="<interface type='user'><mac address='52:54:00:00:cc:01'/></interface>
<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>"
others="<o:hints xmlns:o='http://example.org/o'><o:slot pool='lan' vlan='junk'/></o:hints>"

# --- Without a configuration ----------------------------------------------------------------------------------------

rm -f "$conf"
define "$others" "$emulated"
starts "emulated devices only, no configuration"
is "... and no file of vfpool was made, but for the agent's lock" "$(ls /var/lib/vfpool 2>/dev/null)" attacher.lock
define "$(request "<v:slot pool='lan'/>")"
refused "a pool, no configuration" "vfpool.conf"

# --- With a good one ------------------------------------------------------------------------------------------------

good_configuration
check "vfpool up" vfpool up
define "$(request "<v:slot pool='wan'/>")"
refused "an unknown pool" "'?wan'?"
define "$(request "<v:slot pool='lan' vlna='7'/>")"
refused "an unknown attribute" "'vlna'.*name, pool, mac, vlan"
define "$(request "<v:slut pool='lan'/>")"
refused "an unknown element" "<v:slut>"
define "$(request "<v:slot pool='lan' vlan='4095'/>")"
refused "a VLAN out of range" "'4095'.*4094"
define "$(request "<v:slot pool='lan' mac='03:00:00:00:00:01'/>")"
refused "a multicast MAC" "03:00:00:00:00:01"
define "$(request "<v:slot name='a' pool='lan'/><v:slot name='b' pool='lan'/><v:slot name='c' pool='lan'/>")"
refused "three of a pool of two" "lan"
is "nobody holds anything" "$(leases)" 0

# --- With a broken one ----------------------------------------------------------------------------------------------

echo 'junk' >"$conf"
define "$others" "$emulated"
starts "emulated devices only, broken configuration"
define "$(request "<v:slot pool='lan'/>")"
refused "a pool, broken configuration" "vfpool.conf"
good_configuration
systemctl stop vfpool-agent.service
rm -rf /var/lib/vfpool
touch /var/lib/vfpool
define "$others" "$emulated"
starts "emulated devices only, no folder for the ledger"
define "" "$(hostdev_xml 0000:01:10.0)"
refused "an address, no folder for the ledger" "/var/lib/vfpool"
define "$(request "<v:slot pool='lan'/>")"
refused "a pool, no folder for the ledger, and so no agent" "vfpool-agent.service"
rm -f /var/lib/vfpool
check "the agent starts without libvirt" bash -c 'systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket \
    libvirtd.service && systemctl start vfpool-agent.service && systemctl is-active vfpool-agent.service'
like "a second agent is none" "$(/usr/libexec/vfpool/vfpool-agent 2>&1)" "another vfpool-agent runs already"
systemctl start libvirtd.socket libvirtd.service

# --- The hook by hand -----------------------------------------------------------------------------------------------

# hook_says WHAT STATUS REGEX OPERATION SUB-OPERATION < XML: its exit status, its stderr; stdout stays empty.
hook_says() {
    local out err rc
    out=$("$hook" g "$4" "$5" - 2>/tmp/err)
    rc=$?
    err=$(</tmp/err)
    is "$1: exit status" "$rc" "$2"
    like "$1: what it says" "$err" "$3"
    is "$1: nothing on stdout" "$out" ""
}

virsh dumpxml g >/tmp/good.xml
hook_says "nothing on stdin" 65 "empty" prepare begin </dev/null
# A shell of its own closes it: here, the next pipe that is made would take its place.
said=$(bash -c 'exec "$0" g prepare begin - <&-' "$hook" 2>&1)
is "stdin closed: exit status" "$?" 65
like "stdin closed: what it says" "$said" "standard input"
echo "<domain><name>" >/tmp/x
hook_says "half an XML" 65 "not well-formed" prepare begin </tmp/x
hook_says "half an XML at the release" 0 "not well-formed" release end </tmp/x
(
    echo '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    echo "<domain><name>&c;</name></domain>"
) >/tmp/x
hook_says "an entity bomb" 65 "document type" prepare begin </tmp/x
head -c 10485760 /dev/zero | tr '\0' ' ' >/tmp/x
hook_says "10 MiB" 65 "larger than" prepare begin </tmp/x
hook_says "10 MiB at the release" 0 "larger than" release end </tmp/x
for step in "start begin" "started begin" "stopped end" "reconnect begin" "attach begin" \
    "prepare end" "release begin" "no-such thing"; do
    # shellcheck disable=SC2086  # two words
    hook_says "$step" 0 '^$' $step </tmp/x
done
"$hook" >/dev/null 2>/tmp/err
is "no arguments at all" "$?" 64
hook_says "migrate begin, 10 MiB" 65 "larger than" migrate begin </tmp/x
hook_says "restore begin, 10 MiB" 65 "larger than" restore begin </tmp/x
is "nobody holds anything" "$(leases)" 0

for device in '' "$(hostdev_xml 0000:01:10.0)"; do
    guest_xml g "$guest_uuid" "" "$device" >/tmp/x
    hook_says "migrate begin, nothing to change" 0 '^$' migrate begin </tmp/x
    "$hook" g release end - </tmp/x
done
hook_says "prepare, for real" 0 '^$' prepare begin </tmp/good.xml
hook_says "prepare, again" 0 '^$' prepare begin </tmp/good.xml
is "one VF is leased" "$(leases)" 1
hook_says "release" 0 '^$' release end </tmp/good.xml
hook_says "release, again" 0 '^$' release end </tmp/good.xml
is "nobody holds anything" "$(leases)" 0

# The metadata is changed for the worse while the guest runs: its UUID is enough to give back.
hook_says "prepare" 0 '^$' prepare begin </tmp/good.xml
sed "s/pool='lan'/pul='lan'/" /tmp/good.xml >/tmp/x
hook_says "release with spoilt metadata" 0 '^$' release end </tmp/x
is "nobody holds anything" "$(leases)" 0
done_testing
