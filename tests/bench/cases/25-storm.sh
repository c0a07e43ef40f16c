# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short form of the storm on 64 VFs; tests/storm/README.md tells what it proves. `make storm` runs the long one.
#
# timeout: 1200
# copy: tests/storm/vf-storm.sh
# copy: build/storm

# shellcheck source=/dev/null
. /root/vf-storm.sh 4
