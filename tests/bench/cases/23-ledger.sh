# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The ledger on a sick host: a file system that is full, one that may only be read, a process that hangs with the lock, a page
# of the file that cannot be read, and the power that fails with nothing synced. What was held stays held, what cannot
# be done is refused with a reason, and all goes on once the host is well.
#
# reboots: yes
# timeout: 900

set -u
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:01:00.0 folder=/var/lib/vfpool ledger=/var/lib/vfpool/ledger.db
readonly hook=/etc/libvirt/hooks/qemu.d/vfpool guest_uuid=11111111-1111-4111-8111-111111111111

# exits WHAT STATUS COMMAND...: leaves stderr in $err
exits() {
    local what=$1 wanted=$2 rc=0
    shift 2
    "$@" >/dev/null 2>/tmp/err || rc=$?
    err=$(</tmp/err)
    is "$what" "$rc" "$wanted"
    [[ -z $err ]] || note "$err"
}

# states: the VFs of the pool, by state: "active 1, free 3".
states() {
    vfpool status --json |
        jq -r '[.vfs[] | select(.pool == "lan") | .state] | group_by(.) | map("\(.[0]) \(length)") | join(", ")'
}
holder() { vfpool status --json | jq -r --arg g "$1" '[.vfs[] | select(.guest.id == $g) | .address] | join(" ")'; }
acquire() { vfpool acquire --guest "manual/$1" --pool lan; }
release() { vfpool release --guest "manual/$1"; }

# fill: not a byte is free below the ledger's folder afterwards.
fill() {
    dd if=/dev/zero of=$folder/filler bs=4096 >/dev/null 2>&1
    dd if=/dev/zero of=$folder/filler2 bs=1 >/dev/null 2>&1
}

if [[ $BENCH_BOOT == 1 ]]; then
    # --- After the power failed ---
    vfpool up
    is "after a power cut nothing is held" "$(states)" "free 4"
    check "... and a VF can be had" acquire again
    is "... the ledger is whole" "$(sqlite3 $ledger 'PRAGMA integrity_check')" ok
    # What was synced long before is there, whatever became of the newest.
    is "... with the history of the boot before" \
        "$(sqlite3 $ledger "SELECT count(*) > 0 FROM history WHERE guest_id = 'early' AND event = 'acquired'")" 1
    note "$(sqlite3 $ledger 'SELECT event, guest_id, detail FROM history ORDER BY id DESC LIMIT 8')"
    done_testing
fi

systemctl stop vfpool-agent 2>/dev/null # it would open the ledger in between
mkdir -p /etc/vfpool
printf '%s\n' "[pf $pf]" numvfs=4 '[pool lan]' "members=pf=$pf" >/etc/vfpool/vfpool.conf
check "up" vfpool up
rm -rf $folder
mkdir -m 700 $folder

# --- A full file system ---

mount -t tmpfs -o size=2m,mode=0700 tmpfs $folder
fill
exits "no room for the first ledger: 71" 71 acquire a
like "  ... says so" "$err" "$folder.*No space left|no space is left for $folder"
is "  ... nothing is held" "$(states)" "free 4"
exits "  ... release has nothing to do, but cannot know: 71" 71 release a
rm $folder/filler*
exits "  ... and with room: 0" 0 acquire a
fill
exits "no room for another lease: 71" 71 acquire b
like "  ... says so" "$err" "no space is left for $ledger; nothing was changed; make room"
is "  ... nothing is held for it" "$(holder b)" ""
is "  ... a's lease is there" "$(states)" "active 1, free 3"
exits "release without room: 71" 71 release a
is "  ... stays as it was" "$(states)" "active 1, free 3"
rm $folder/filler*
exits "  ... and with room: 0" 0 release a
is "  ... all is free" "$(states)" "free 4"
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do acquire "c$i" && release "c$i"; done >/dev/null
acquire late >/dev/null
fill
exits "once the log has grown, release needs no room: 0" 0 release late
is "  ... all is free" "$(states)" "free 4"
umount $folder

# --- May only be read ---

held=$(acquire early)
sync
remount() { mount -o "remount,bind,$1" $folder; }
mount --bind $folder $folder
for files in "log and index" "log alone"; do
    [[ $files != "log alone" ]] || rm -f $ledger-shm
    remount ro
    exits "read-only, with $files: acquire: 77" 77 acquire b
    like "  ... says so" "$err" "Read-only file system"
    exits "  ... release: 77" 77 release early
    is "  ... status shows what there is" "$(holder early)" "$held"
    remount rw
done
guest_xml plain "$guest_uuid" >/tmp/plain.xml
remount ro
"$hook" plain prepare begin - </tmp/plain.xml 2>/tmp/err
is "  ... a guest that asks for nothing starts" "$?" 0
"$hook" plain release end - </tmp/plain.xml 2>/tmp/err
is "  ... and the end of one is no failure" "$?" 0
guest_xml asks "$guest_uuid" '' "$(hostdev_xml "$(vf_bdf "$pf" 3)")" >/tmp/asks.xml
"$hook" asks prepare begin - </tmp/asks.xml 2>/tmp/err
is "  ... one that asks is refused: 77" "$?" 77
like "  ... with the reason" "$(</tmp/err)" "Read-only file system"
remount rw
umount $folder
is "  ... early has its VF still" "$(holder early)" "$held"

# --- A process that hangs with the lock ---

sqlite3 $ledger < <(echo 'BEGIN IMMEDIATE;'; sleep 600) &
stuck=$!
sleep 2
exits "a process that hangs with the lock: 75" 75 acquire b
like "  ... is named" "$err" "process $stuck \(sqlite3\) held $ledger"
is "  ... status does not wait" "$(holder early)" "$held"
kill -9 $stuck
wait $stuck 2>/dev/null
exits "  ... and without it: 0" 0 acquire b
release b

# --- A bad page under the history, while a VF is held ---

sqlite3 $ledger 'PRAGMA wal_checkpoint (TRUNCATE)' >/dev/null
page=$(sqlite3 $ledger "SELECT rootpage FROM sqlite_schema WHERE name = 'history'")
dd if=/dev/urandom of=$ledger bs=4096 count=1 seek=$((page - 1)) conv=notrunc 2>/dev/null
exits "a bad page under the history: acquire: 0" 0 acquire b
like "  ... says so" "$err" "the ledger is damaged .*kept aside as $ledger.unusable-"
is "  ... early has its VF still" "$(holder early)" "$held"
is "  ... and it was not given to b" "$(states)" "active 2, free 2"
exits "  ... both can be given back: 0" 0 release early
exits "  ... both can be given back: 0" 0 release b
is "  ... all is free" "$(states)" "free 4"

# --- The power fails ---

acquire early >/dev/null
is "held before the power fails" "$(states)" "active 1, free 3"
# As crash_host, but with leases that come after the sync.
echo "$bench_tests $bench_failures" >"$bench_counts"
sync
acquire last >/dev/null
release early
echo b >/proc/sysrq-trigger
sleep infinity
