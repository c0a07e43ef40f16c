# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short form of the storm with libvirt; tests/storm/README.md tells what it proves. `make storm` runs the long one.
#
# timeout: 2400
# copy: tests/storm/libvirt-storm.sh

# shellcheck source=/dev/null
. /root/libvirt-storm.sh 2 8
