# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The storm on the bench's 64 NVMe VFs: vf-storm.sh [ROUNDS [SEED]]. The driver lies in /root/storm.

# shellcheck source=tests/bench/lib.sh
. "$BENCH_DIR/lib.sh"

readonly pf=0000:03:00.0
rounds=${1:-10} seed=${2:-$(od -An -N4 -tu4 /dev/urandom)}

# The agent knows real guests only, and would take the storm's for ones that libvirt has stopped.
systemctl stop vfpool-agent.service
mkdir -p /etc/vfpool
printf '[pf %s]\nnumvfs=64\n[pool storm]\nmembers=pf=%s\n[vfpool]\nstart-grace=0\n' $pf $pf >/etc/vfpool/vfpool.conf
check "vfpool up makes the VFs" vfpool up

/root/storm --rounds "$rounds" --seed "$((seed))" >out 2>err &
driver=$!
# What it says is shown as it comes, so that a long storm can be followed.
tail -q -n +1 -s 1 --pid="$driver" -f out | sed -u 's|^|# |'
wait "$driver"
rc=$?
[[ ! -s err ]] || note "$(sort err | uniq -c | sort -rn | head -n 60)"

# result NAME: one number of the driver's last line.
result() { tail -n 1 out | tr ' ' '\n' | sed -n "s/^$1=//p"; }

is "$rounds rounds were run" "$(result rounds)" "$rounds"
check "VFs were handed out" test "$(result handed_out)" -gt 0
is "none was handed out twice" "$(result doubled)" 0
is "none was lost" "$(result lost)" 0
is "nobody was refused while there was a VF for each" "$(result refused)" 0
is "nothing failed or crashed" "$(result failed)" 0
is "nothing waited longer than its bound" "$(result overdue)" 0
is "the driver agrees" "$rc" 0
done_testing
