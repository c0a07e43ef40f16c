# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# cordon, uncordon and forget by hand: what status shows of them, that they outlive a reboot, a device that vanishes and a
# process that is killed at any step, and that wrong input is answered by a message that says what to do.
#
# reboots: yes
# timeout: 900

set -u
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:01:00.0 other=0000:81:00.0 disk=0000:03:00.0 ledger=/var/lib/vfpool/ledger.db
readonly vf=0000:01:10.0 second=0000:01:10.2

# seen BDF: "STATE CORDONED REASON" of a VF; of a PF without the state
seen() {
    vfpool status --json | jq -r --arg a "$1" \
        '(.vfs + .pfs)[] | select(.address == $a) | "\(.state // "pf") \(.cordoned) \(.cordon_reason)"'
}
# counts: TOTAL/FREE/LEASED/CORDONED of the pool
counts() { vfpool status --json | jq -r '.pools[] | select(.name == "lan") | "\(.total)/\(.free)/\(.leased)/\(.cordoned)"'; }
remembered() { sqlite3 $ledger 'SELECT group_concat(guest_id) FROM (SELECT guest_id FROM assignment ORDER BY guest_id)'; }

if [[ $BENCH_BOOT == 1 ]]; then
    # --- After the reboot ---
    is "status has the cordons before anything else ran" "$(sqlite3 $ledger 'SELECT count(*) FROM cordon')" 2
    check "up" vfpool up
    is "the VF is cordoned still" "$(seen $vf)" "free true it hangs"
    is "... and the PF" "$(seen $other)" "pf true new card"
    is "... nothing else is" "$(counts)" "3/2/0/1"
    is "what guests had is remembered" "$(remembered)" "101,old"
    exits "uncordon: 0" 0 vfpool uncordon $vf
    exits "uncordon: 0" 0 vfpool uncordon $other
    is "all is free again" "$(counts)" "3/3/0/0"
    exits "forget those not seen for long: 0" 0 vfpool forget
    is "  tells how many" "$out" "slots of guests forgotten: 1"
    is "  and forgot them only" "$(remembered)" 101
    exits "forget one: 0" 0 vfpool forget --guest pve-qemu/101
    is "  tells how many" "$out" "slots of guests forgotten: 1"
    is "  nothing is left" "$(remembered)" ""
    done_testing
fi

systemctl stop vfpool-agent 2>/dev/null # it would open the ledger in between
mkdir -p /etc/vfpool
printf '%s\n' "[pf $pf]" numvfs=3 "[pf $other]" numvfs=1 '[pool lan]' "members=pf=$pf" '[vfpool]' remember=30 \
    >/etc/vfpool/vfpool.conf
check "up" vfpool up

# --- A VF ---

exits "cordon a VF: 0" 0 vfpool cordon $vf --reason 'it hangs'
is "  prints nothing" "$out$err" ""
is "  status --json shows it" "$(seen $vf)" "free true it hangs"
is "  ... and no other" "$(seen $second)" "free false null"
is "  ... and does not count it as free" "$(counts)" "3/2/0/1"
table=$(vfpool status)
note "$table"
like "  the table does not call it free" "$table" "$vf  cordoned "
like "  ... tells why" "$table" "cordoned: it hangs"
like "  ... and counts it" "$table" "CORDONED.*lan +3 +2 +0 +0 +0 +1"
exits "cordon it again, for another reason: 0" 0 vfpool cordon 01:10.0 --reason 'it hangs and ^[[2J burns'
is "  the newer reason stays" "$(seen $vf)" "free true it hangs and ^[[2J burns"

# --- A PF, with a VF that is held ---

held=$(vfpool acquire --guest manual/holder --pool lan)
exits "cordon the PF: 0" 0 vfpool cordon $pf
is "  its VFs are" "$(counts)" "3/0/1/2"
is "  who holds one keeps it" "$(seen "$held" | cut -d' ' -f1,2)" "active true"
like "  the table tells both" "$(vfpool status)" "$held  active, cordoned"
exits "release it: 0" 0 vfpool release --guest manual/holder
exits "it is forgotten: 0" 0 vfpool forget --guest manual/holder
is "  it is not free" "$(counts)" "3/0/0/3"
exits "uncordon a VF whose PF is cordoned: 69" 69 vfpool uncordon $second
says "$second is not cordoned by itself, but its PF is: .vfpool uncordon $pf."
exits "uncordon the PF: 0" 0 vfpool uncordon $pf
is "  the VF's own cordon stays" "$(counts)" "3/2/0/1"
exits "uncordon the VF: 0" 0 vfpool uncordon $vf
is "  all is free" "$(counts)" "3/3/0/0"
unlike "  and the table speaks of no cordon" "$(vfpool status)" "[Cc][Oo][Rr][Dd][Oo][Nn]"

# --- Wrong input ---

exits "no address: 64" 64 vfpool cordon
like "  tells the right usage" "$err" "'cordon' needs ADDRESS.*usage: vfpool cordon"
exits "no PCI address: 65" 65 vfpool cordon eth0
says "'eth0' is no PCI address: expected DOMAIN:BUS:DEVICE.FUNCTION"
exits "no such device: 69" 69 vfpool cordon 0000:77:00.0
says "there is no PCI device 0000:77:00.0 on this host"
exits "a device that vfpool never hands out: 69" 69 vfpool cordon $disk
says "$disk lies in no pool"
exits "not cordoned: 69" 69 vfpool uncordon $vf
says "$vf is not cordoned: see .vfpool status."
exits "days that are none: 65" 65 vfpool forget --days soon
says "--days 'soon' is no number of days: expected a number from 0"
exits "no guest: 65" 65 vfpool forget --guest everybody
says "everybody"
exits "a guest and days: 64" 64 vfpool forget --guest manual/a --days 3
for verb in "cordon $vf" "uncordon $vf" forget; do
    # shellcheck disable=SC2086 # words
    exits "not root: ${verb%% *}: 77" 77 setpriv --reuid 65534 --regid 65534 --clear-groups vfpool $verb
    says root
done
is "nothing came of all that" "$(counts) $(sqlite3 $ledger 'SELECT count(*) FROM cordon')" "3/3/0/0 0"

# --- A device that is gone ---

check "cordon the last VF" vfpool cordon 0000:01:10.4
check "all VFs are gone" set_numvfs $pf 0
exits "a cordoned VF that is gone can be uncordoned: 0" 0 vfpool uncordon 0000:01:10.4
exits "  once: 69" 69 vfpool uncordon 0000:01:10.4
says "there is no PCI device"
check "the VFs are back" vfpool up
is "  and free" "$(counts)" "3/3/0/0"

# --- Forgetting ---

day=86400000000
now=$(date +%s)000000
sqlite3 $ledger "INSERT INTO assignment (guest_kind, guest_id, slot, pool, address, seen) VALUES
  ('manual', 'old', 's', 'lan', '$vf', $now - 31 * $day), ('pve-qemu', '101', 's', 'lan', '$vf', $now - 29 * $day),
  ('manual', 'now', 's', 'lan', '$vf', $now), ('manual', 'held', 'slot0', 'lan', '$vf', 0)"
vfpool acquire --guest manual/held --pool lan >/dev/null
exits "forget a guest that holds a VF: 69" 69 vfpool forget --guest manual/held
says "manual/held holds $vf, so nothing of it was forgotten"
exits "forget a guest: 0" 0 vfpool forget --guest manual/now
is "  tells of how many slots" "$out" "slots of guests forgotten: 1"
exits "  once more there is nothing: 0" 0 vfpool forget --guest manual/now
is "  which is told" "$out" "slots of guests forgotten: 0"
exits "forget what is very old: 0" 0 vfpool forget --days 10000
is "  what is held stays" "$(remembered)" "101,held,old"
exits "the count cannot be written: 74" 74 bash -c 'vfpool forget --days 10000 >/dev/full'
vfpool release --guest manual/held
is "its guest was seen when it gave it back" \
    "$(sqlite3 $ledger "SELECT seen >= $now FROM assignment WHERE guest_id = 'held'")" 1
exits "and now it can be forgotten: 0" 0 vfpool forget --guest manual/held

# --- kill -9 at each step ---

# killed COMMAND...: runs the command again and again, killed at its 1st, 2nd ... change of a file, until it gets through; after
# each, the ledger must be whole and status must answer. Sets $deaths.
killed() {
    local step rc before changes=write,pwrite64,ftruncate,fsync,fdatasync,unlink
    deaths=0
    for ((step = 1; step < 200; step++)); do
        before="$(counts) $(remembered)"
        # In a shell of its own, which tells of the death to nobody.
        rc=$( (strace -f -qq -o /dev/null -e "trace=$changes" -e "inject=$changes:signal=KILL:when=$step" "$@" \
            >/dev/null 2>&1) 2>/dev/null && echo 0 || echo 1)
        [[ $(sqlite3 $ledger 'PRAGMA integrity_check') == ok && $(counts) =~ ^3/[23]/0/[01]$ ]] ||
            not_ok "whole after death $step of $*" "$(vfpool status 2>&1)"
        [[ $rc != 0 ]] || return 0
        deaths=$((deaths + 1))
        # What was done in spite of it is done again by the last one, but for uncordon, which would find nothing to do.
        [[ "$(counts) $(remembered)" == "$before" ]] || return 0
    done
}
killed vfpool cordon $vf --reason why
like "cordon killed at each step: done or not done" "$deaths $(seen $vf)" "^([3-9]|1[0-9]+) free (true why|false null)$"
check "  and once more it is done" vfpool cordon $vf --reason why
is "  " "$(seen $vf)" "free true why"
killed vfpool uncordon $vf
like "uncordon killed at each step: done or not done" "$deaths $(counts)" "^([3-9]|1[0-9]+) 3/[23]/0/[01]$"
vfpool uncordon $vf 2>/dev/null
is "  and once more it is done" "$(counts)" "3/3/0/0"
sqlite3 $ledger "INSERT INTO assignment (guest_kind, guest_id, slot, pool, address, seen) VALUES
  ('manual', 'a', 's', 'lan', '$vf', 5), ('manual', 'a', 't', 'lan', '$vf', 5)"
killed vfpool forget --guest manual/a
like "forget killed at each step: all or nothing" "$deaths $(remembered)" "^([3-9]|1[0-9]+) 101,(a,a,)?old$"
vfpool forget --guest manual/a >/dev/null
is "what nobody named is remembered" "$(remembered)" "101,old"

# --- Over a reboot ---

check "cordon a VF" vfpool cordon $vf --reason 'it hangs'
check "cordon a PF that is configured, but has no pool" vfpool cordon $other --reason 'new card'
reboot_host
