#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Death and refusal at every system call: the sweep behind `make crash` and cases/22-cli-crash.sh; runs in the bench.

A command is run once to list the system calls by which it changes anything. Then it is run again for each of them, and
is killed there, or the call fails with an error, once or for good. After each run the world must be whole again: the
kernel's view of each VF and the ledger are looked at, reconcile runs, another guest tries to get all VFs, all is given
back, and the VFs must be as they were before.

stdout has `ok TAB WHAT` or `not ok TAB WHAT` for each sweep, anything else on lines with `#`.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import time

LEDGER = "/var/lib/vfpool"
HOOK = "/etc/libvirt/hooks/qemu.d/vfpool"
NEAR, FAR = "0000:01:00.0", "0000:81:00.0"
DOOMED, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"

# Writes to sysfs and the ledger, netlink requests, and what SQLite and the making of a ledger do to files. Of openat, the
# calls that make a file or open one for writing.
CALLS = ("write pwrite64 sendmsg sendto fsync fdatasync ftruncate fallocate rename renameat renameat2 unlink unlinkat "
         "mkdir mkdirat fchmod fchown openat").split()
OPENS_TO_CHANGE = re.compile(r"O_CREAT|O_WRONLY|O_RDWR")

# A command that takes longer than this hangs. The longest wait by design is 10 s.
LIMIT_S = 120

# The kernel refused; try again; not permitted; a VF that could not be looked at counts as in use.
FITTING_EXITS = (71, 75, 77, 69)


def say(text):
    for line in text.splitlines():
        print("#", line, flush=True)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


Result = collections.namedtuple("Result", "status stderr")


def run(argv, stdin=""):
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return Result(-99, f"did not end within {LIMIT_S} s\n")
    return Result(done.returncode, done.stderr)


def must(argv, stdin=""):
    """For what is not under test at this moment."""
    result = run(argv, stdin)
    if result.status != 0:
        raise Broken(f"{' '.join(argv)}: exit {result.status}: {result.stderr.strip()}")


class Broken(Exception):
    """A command failed that nobody disturbed, or left something behind."""


# ---- The host: two PFs of one kind, as many VFs as the layout says ----


def device(address, name=""):
    return f"/sys/bus/pci/devices/{address}/{name}"


def driver_of(address):
    link = device(address, "driver")
    return os.path.basename(os.readlink(link)) if os.path.islink(link) else "none"


def vfs_of(pf):
    number = int(read(device(pf, "sriov_numvfs")))
    return [os.path.basename(os.readlink(device(pf, f"virtfn{i}"))) for i in range(number)]


def netdev_of(pf):
    return os.listdir(device(pf, "net"))[0]


def set_numvfs(pf, number, autoprobe):
    write(device(pf, "sriov_drivers_autoprobe"), str(int(autoprobe)))
    write(device(pf, "sriov_numvfs"), "0")
    if number:
        write(device(pf, "sriov_numvfs"), str(number))


def move(address, driver):
    if driver_of(address) != "none":
        write(device(address, "driver/unbind"), address)
    write(device(address, "driver_override"), driver)
    write("/sys/bus/pci/drivers_probe", address)


# name -> PFs with their pool and number of VFs. A guest always asks for all VFs, so that each acquire of it is also the
# proof that every VF of the pool can be had.
LAYOUTS = {
    "one pool": {NEAR: ("near", 2)},
    "two pools": {NEAR: ("near", 1), FAR: ("far", 1)},
}


# Driver and driver_override of a free VF.
PARKED = {"vfio": ("vfio-pci", "vfio-pci"), "host": ("igbvf", "(null)"), "none": ("none", "(null)")}


def configuration(layout, park, grace):
    text = f"[vfpool]\nstart-grace={grace}\n"
    for pf, (pool, number) in LAYOUTS[layout].items():
        text += f"[pf {pf}]\nnumvfs={number}\npark={park}\n[pool {pool}]\nmembers=pf={pf}\n"
    return text


def wanted_of(layout):
    """What the doomed guest asks for: pool, MAC, VLAN, one a slot."""
    pools = [pool for pool, number in LAYOUTS[layout].values() for _ in range(number)]
    return [(pool, f"52:54:00:00:00:{90 + i}", 7 + i) for i, pool in enumerate(pools)]


def domain(uuid, addresses, wanted=None):
    """A guest that asks by address: for one that asks for a pool somebody would have to be there to plug it in."""
    devices = ""
    for i, address in enumerate(addresses):
        number, bus, slot, function = re.split("[:.]", address)
        source = (f'<source><address type="pci" domain="0x{number}" bus="0x{bus}" slot="0x{slot}" function="0x{function}"/>'
                  '</source>')
        if wanted:
            _, mac, vlan = wanted[i]
            devices += (f'<interface type="hostdev"><mac address="{mac}"/>{source}<vlan><tag id="{vlan}"/></vlan>'
                        '</interface>')
        else:
            devices += f'<hostdev type="pci">{source}</hostdev>'
    return f'<domain type="qemu"><name>guest</name><uuid>{uuid}</uuid><devices>{devices}</devices></domain>'


# ---- Looking ----

# state, owner (kind/id or None): of the ledger. kernel: driver, driver_override and all that the PF's driver says of it.
Vf = collections.namedtuple("Vf", "state owner kernel")


def look(pfs):
    """All VFs there are on @pfs, by address."""
    done = subprocess.run(["vfpool", "status", "--json"], capture_output=True, text=True, timeout=LIMIT_S, check=True)
    rows = {}
    for row in json.loads(done.stdout)["vfs"]:
        rows.setdefault(row["address"], []).append(row)
    vfs = {}
    for pf in pfs:
        shown = subprocess.run(["ip", "-j", "-d", "link", "show", "dev", netdev_of(pf)], capture_output=True, text=True,
                               timeout=LIMIT_S, check=True)
        infos = {info.pop("vf"): info for info in json.loads(shown.stdout)[0].get("vfinfo_list", [])}
        for index, address in enumerate(vfs_of(pf)):
            kernel = {name: value for name, value in infos[index].items() if name != "stats"}
            kernel["driver"] = driver_of(address)
            kernel["driver_override"] = read(device(address, "driver_override"))
            found = rows.get(address, [])
            guest = found[0]["guest"] if len(found) == 1 else None
            vfs[address] = Vf(found[0]["state"] if len(found) == 1 else f"shown {len(found)} times",
                              f"{guest['kind']}/{guest['id']}" if guest else None, kernel)
    return vfs


def differences(before, now):
    return ", ".join(f"{name} was {before.get(name)}, is {now.get(name)}"
                     for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name))


# ---- The world of a sweep: a configuration, its VFs as they are when nobody has them, and the two guests ----


class World:
    # How VFs are when somebody set them up by hand: nothing of it may get lost on the way to a guest and back.
    BY_HAND = (["mac", "52:54:00:aa:00:01", "vlan", "5", "qos", "3", "spoofchk", "off", "trust", "on"],
               ["mac", "52:54:00:aa:00:02"])

    current = None

    def __init__(self, layout, park):
        self.layout, self.park = layout, park
        self.pfs = list(LAYOUTS[layout])
        self.wanted = wanted_of(layout)
        self.before = {}

    def configure(self, grace=3600):
        os.makedirs("/etc/vfpool", exist_ok=True)
        write("/etc/vfpool/vfpool.conf", configuration(self.layout, self.park, grace))

    def ensure(self):
        self.configure()
        if World.current is not self or look(self.pfs) != self.before:
            self.build()

    def build(self):
        """From nothing: also the way out when a point has left a mess."""
        World.current = None
        must(["rm", "-rf", LEDGER])
        for pf in (NEAR, FAR):
            set_numvfs(pf, 0, autoprobe=True)
            subprocess.run(["ip", "link", "set", netdev_of(pf), "up"], check=True)
        self.configure()
        must(["vfpool", "up"])
        by_hand = iter(self.BY_HAND)
        for pf in self.pfs:
            for index, _ in enumerate(vfs_of(pf)):
                subprocess.run(["ip", "link", "set", netdev_of(pf), "vf", str(index), *next(by_hand)], check=True)
        subprocess.run(["udevadm", "settle"], check=True)
        self.before = look(self.pfs)
        # An undisturbed run must do it, or all comparisons would be with something wrong.
        parked = {(vf.kernel["driver"], vf.kernel["driver_override"]) for vf in self.before.values()}
        if parked != {PARKED[self.park]}:
            raise Broken(f"VFs that are parked as {self.park} have driver and driver_override {parked}")
        self.acquire()
        self.release()
        now = look(self.pfs)
        if now != self.before:
            raise Broken("a VF that nobody disturbed is not restored: " + "; ".join(
                f"{address}: {differences(vf.kernel, now[address].kernel)}" for address, vf in self.before.items()))
        World.current = self

    def acquire_argv(self):
        return [HOOK, "guest", "prepare", "begin", "-"]

    def addresses(self):
        return sorted(self.before)

    def domain(self):
        return domain(DOOMED, self.addresses(), self.wanted)

    def acquire(self):
        must(self.acquire_argv(), self.domain())

    def acquire_by_other(self):
        return run(self.acquire_argv(), domain(OTHER, self.addresses()))

    @staticmethod
    def release(uuid=DOOMED):
        must(["vfpool", "release", "--guest", f"libvirt/{uuid}"])


# ---- What is swept: how a command's start is arranged, and what it is ----


class Sweep:
    """A command and where it starts from. @may_leave: the states that a VF may be in after reconcile."""
    command = ""
    may_leave = ("free", "active")
    all_or_none = False

    worlds = {}

    def __init__(self, layout, park):
        self.world = self.worlds.setdefault((layout, park), World(layout, park))
        self.name = f"{type(self).__doc__}, {layout}, park={park}"

    def arrange(self):
        pass

    def begin(self):
        self.world.ensure()

    def end(self):
        """Ends what an undisturbed run of the command leaves."""
        self.world.release()

    def argv(self):
        raise NotImplementedError

    def stdin(self):
        return ""


class Acquire(Sweep):
    """acquire"""
    command = "acquire"
    all_or_none = True

    def argv(self):
        return self.world.acquire_argv()

    def stdin(self):
        return self.world.domain()


class AcquireFirst(Acquire):
    """acquire without a ledger"""

    def arrange(self):
        must(["rm", "-rf", LEDGER])


KEPT = "/root/ledger"


def keep_ledger():
    must(["rm", "-rf", KEPT])
    must(["cp", "-a", LEDGER, KEPT])


def bring_ledger():
    """As it was kept; the VFs have to be brought to what it says by other means."""
    must(["rm", "-rf", LEDGER])
    must(["cp", "-a", KEPT, LEDGER])


class AcquireFolding(Acquire):
    """acquire that folds the ledger's log"""

    def begin(self):
        super().begin()
        # Until the ledger as it was kept is one that the next acquire folds, which is when the database itself is written.
        for _ in range(100):
            keep_ledger()
            before = os.stat(f"{LEDGER}/ledger.db").st_mtime_ns
            self.world.acquire()
            is_folded = os.stat(f"{LEDGER}/ledger.db").st_mtime_ns != before
            self.world.release()
            if is_folded:
                return
        raise Broken("no acquire folds the ledger's log")

    def arrange(self):
        bring_ledger()


class Release(Sweep):
    """release"""
    command = "release"

    def arrange(self):
        self.world.acquire()

    def argv(self):
        return ["vfpool", "release", "--guest", f"libvirt/{DOOMED}"]


class ReleaseQuarantined(Sweep):
    """release of a quarantined VF"""
    command = "release"
    may_leave = ("free", "quarantined")

    def arrange(self):
        self.world.acquire()
        inject("sendmsg", "error=EIO:when=1+", ["vfpool", "release", "--guest", f"libvirt/{DOOMED}"], "")

    def argv(self):
        return ["vfpool", "release", "--quarantined", self.quarantined()[0]]

    def quarantined(self):
        return list(self.world.before)

    def end(self):
        for address in self.quarantined()[1:]:
            must(["vfpool", "release", "--quarantined", address])


class Reconcile(Sweep):
    command = "reconcile"

    def argv(self):
        return ["vfpool", "reconcile"]


class ReconcileDied(Reconcile):
    """Somebody was killed at a request to the network driver while the VFs were all prepared; what the ledger says at
    that moment is kept, so that each point can begin there without anybody being killed again."""

    def begin(self):
        super().begin()
        self.leave()
        keep_ledger()
        must(["vfpool", "reconcile"])
        self.world.release()

    def leave(self):
        raise NotImplementedError

    def kill(self, number, argv, stdin, wanted):
        result = inject("sendmsg", f"signal=KILL:when={number}", argv, stdin)
        states = {vf.state for vf in look(self.world.pfs).values()}
        if result.status != -9 or wanted not in states:
            raise Broken(f"cannot arrange a lease that is {wanted}: exit {result.status}, the VFs are {states}")

    def arrange(self):
        self.world.acquire()
        bring_ledger()


class ReconcileReserved(ReconcileDied):
    """reconcile after an acquire died"""
    may_leave = ("free",)

    def leave(self):
        calls = list_calls(self.world.acquire_argv(), self.world.domain())
        self.world.release()
        last = max(number for name, number in calls if name == "sendmsg")
        self.kill(last, self.world.acquire_argv(), self.world.domain(), "reserved")


class ReconcileReleasing(ReconcileDied):
    """reconcile after a release died"""

    def leave(self):
        self.world.acquire()
        self.kill(1, ["vfpool", "release", "--guest", f"libvirt/{DOOMED}"], "", "releasing")


class ReconcileGone(Reconcile):
    """reconcile of a guest that is gone"""
    may_leave = ("free",)

    def begin(self):
        super().begin()
        self.world.configure(grace=0)

    def arrange(self):
        self.world.acquire()


class Up(Sweep):
    """What the VFs are like that `up` makes anew is the kernel's matter, but not their number and drivers."""
    command = "up"
    may_leave = ("free",)

    def argv(self):
        return ["vfpool", "up"]


class UpMaking(Up):
    """up that makes VFs"""

    def arrange(self):
        for pf in self.world.pfs:
            set_numvfs(pf, 0, autoprobe=True)


class UpRemaking(Up):
    """up that changes the number of VFs"""

    def arrange(self):
        for pf in self.world.pfs:
            set_numvfs(pf, 1, autoprobe=False)


class UpParking(Up):
    """up that parks VFs"""

    def arrange(self):
        """The VFs wait as they would have before somebody changed the configuration."""
        for address in self.world.before:
            if self.world.park == "vfio":
                move(address, "igbvf")
                write(device(address, "driver_override"), "\n")
            else:
                move(address, "vfio-pci")


SWEEPS = [
    # The bounded run has every sixth point at which these are killed.
    Acquire("one pool", "vfio"),
    Release("one pool", "vfio"),
    ReconcileReserved("one pool", "vfio"),
    # The rest differs by the way through the code. Those that share a world stand together.
    AcquireFirst("one pool", "vfio"),
    AcquireFolding("one pool", "vfio"),
    UpRemaking("one pool", "vfio"),
    UpParking("one pool", "vfio"),
    Acquire("two pools", "vfio"),
    Release("two pools", "vfio"),
    ReconcileReleasing("two pools", "vfio"),
    ReconcileGone("two pools", "vfio"),
    UpMaking("two pools", "vfio"),
    Acquire("one pool", "host"),
    Release("one pool", "host"),
    ReleaseQuarantined("one pool", "host"),
    ReconcileReserved("one pool", "host"),
    ReconcileReleasing("one pool", "host"),
    ReconcileGone("one pool", "host"),
    UpMaking("one pool", "host"),
    UpParking("one pool", "host"),
    Acquire("one pool", "none"),
    Release("one pool", "none"),
]
DENSE_IN_BOUNDED_RUN = 3

# ---- How it is disturbed ----

Mode = collections.namedtuple("Mode", "name injection is_error is_sticky")
MODES = ([Mode("killed", "signal=KILL:when={}", False, False)]
         + [Mode(error, f"error={error}:when={{}}", True, False) for error in ("EIO", "ENOSPC", "EBUSY", "EACCES")]
         + [Mode(f"{error} for good", f"error={error}:when={{}}+", True, True) for error in ("EIO", "ENOSPC")])

TRACE = "/root/trace"


def strace(options, argv, stdin):
    return run(["strace", "-f", "-qq", "-o", TRACE, *options, *argv], stdin)


# With a filter in the kernel only the calls that are asked for are stopped at; but no signal can be sent from there.
FILTER = "--seccomp-bpf"


def inject(call, injection, argv, stdin):
    return strace([FILTER] * injection.startswith("error") + ["-e", f"trace={call}", "-e", f"inject={call}:{injection}"],
                  argv, stdin)


def was_hit(mode):
    with open(TRACE, encoding="utf-8", errors="replace") as trace:
        return ("(INJECTED)" if mode.is_error else "killed by SIGKILL") in trace.read()


def list_calls(argv, stdin):
    """The calls by which an undisturbed run changes something, as (name, number): strace counts each name by itself."""
    result = strace([FILTER, "-e", "trace=" + ",".join(CALLS)], argv, stdin)
    if result.status != 0:
        raise Broken(f"undisturbed: exit {result.status}: {result.stderr.strip()}")
    calls, counts = [], collections.Counter()
    with open(TRACE, encoding="utf-8", errors="replace") as trace:
        for line in trace:
            found = re.match(r"\d+ +(\w+)\(", line)
            if not found:
                continue
            counts[found[1]] += 1
            if found[1] != "openat" or OPENS_TO_CHANGE.search(line):
                calls.append((found[1], counts[found[1]]))
    return calls


# ---- Judging ----


class Tally(collections.Counter):
    KINDS = ("doubled", "lost", "not restored", "wrongly told")

    def bad(self):
        return sum(self[kind] for kind in self.KINDS)


class Point:
    """One run with one injection, and what became of it. Each kind of badness counts once."""

    def __init__(self, sweep, mode, call, number):
        self.sweep, self.world, self.mode, self.call, self.number = sweep, sweep.world, mode, call, number
        self.found = collections.OrderedDict()
        self.hit = False
        self.result = None

    def bad(self, kind, text):
        self.found.setdefault(kind, []).append(text)

    def run(self):
        self.sweep.arrange()
        self.result = inject(self.call, self.mode.injection.format(self.number), self.sweep.argv(), self.sweep.stdin())
        self.hit = was_hit(self.mode)
        if self.mode.is_error:
            self.judge_words()
            if not self.mode.is_sticky:
                self.judge_at_once()
        self.step("reconcile", ["vfpool", "reconcile"])
        self.judge_settled()
        self.judge_end()

    def step(self, what, argv, stdin=""):
        result = run(argv, stdin)
        if result.status != 0:
            self.bad("lost", f"{what}: exit {result.status}: {result.stderr.strip()}")

    def judge_words(self):
        status, lines = self.result.status, self.result.stderr.splitlines()
        errors = [line for line in lines if not line.startswith("vfpool: warning: ")]
        if status == 0 and errors:
            self.bad("wrongly told", "exit 0 with an error: " + errors[0])
        if status == 0:
            return
        if status not in FITTING_EXITS:
            self.bad("wrongly told", f"exit {status}: {' / '.join(lines)}")
        # When no more writes are possible there is no way to say so.
        if self.mode.is_sticky and self.call == "write":
            return
        if len(errors) != 1 or not errors[0].startswith("vfpool: "):
            self.bad("wrongly told", f"exit {status} with {len(errors)} error lines: {' / '.join(lines)}")

    def judge_at_once(self):
        """After one error a command must have cleaned up by itself, or have got over it."""
        states = {vf.state for vf in look(self.world.pfs).values()}
        allowed = {"free", "active"}
        if self.sweep.command == "acquire":
            allowed = {"active"} if self.result.status == 0 else {"free"}
        elif self.result.status != 0:
            # What it has begun stays begun: the next release or reconcile goes on.
            allowed |= {"releasing", "reserved"} | set(self.sweep.may_leave)
        elif self.sweep.command in ("release", "up"):
            allowed = {"free"} | ({"quarantined"} & set(self.sweep.may_leave))
        if not states <= allowed:
            self.bad("lost", f"before reconcile the VFs are {states}")
        # A VF whose group cannot be opened counts as somebody's, and is left alone with a warning.
        if self.result.status == 0 and self.sweep.command == "up" and "is not parked" not in self.result.stderr:
            self.judge_parking("exit 0")

    def judge_parking(self, when):
        for pf, (_, number) in LAYOUTS[self.world.layout].items():
            if len(vfs_of(pf)) != number:
                self.bad("lost", f"{when}: {pf} has {len(vfs_of(pf))} VFs, not {number}")
        for address, before in self.world.before.items():
            if os.path.exists(device(address)) and driver_of(address) != before.kernel["driver"]:
                self.bad("not restored", f"{when}: {address} is on {driver_of(address)}")

    def judge_active(self, address, vf):
        # VFs are given out in the order of their addresses, slot by slot.
        _, mac, vlan = self.world.wanted[sorted(self.world.before).index(address)]
        wanted = dict(self.world.before[address].kernel, driver="vfio-pci", driver_override="vfio-pci", address=mac,
                      vlan_list=[{"vlan": vlan, "qos": 0}])
        now = dict(vf.kernel)
        now["vlan_list"] = [{"vlan": entry.get("vlan"), "qos": entry.get("qos", 0)} for entry in now["vlan_list"]]
        if now != wanted:
            self.bad("not restored", f"{address} is active, but: {differences(wanted, now)}")

    def judge_free(self, address, vf):
        before = self.world.before.get(address)
        if self.sweep.command == "up":
            was_there = isinstance(self.sweep, UpParking)
            if vf.kernel["driver"] == "vfio-pci" and self.world.park != "vfio" and not was_there:
                self.bad("not restored", f"{address} is free, but on vfio-pci")
        elif before and vf.kernel != before.kernel:
            self.bad("not restored", f"{address} is free, but: {differences(before.kernel, vf.kernel)}")

    def judge_settled(self):
        """Kernel and ledger after reconcile."""
        now = look(self.world.pfs)
        states = collections.Counter(vf.state for vf in now.values())
        may_leave = self.sweep.may_leave + (("quarantined",) if self.mode.is_sticky else ())
        for address, vf in now.items():
            if vf.state not in may_leave:
                self.bad("lost", f"{address} is {vf.state} after reconcile")
            elif vf.state == "active":
                self.judge_active(address, vf)
                if vf.owner != f"libvirt/{DOOMED}":
                    self.bad("doubled", f"{address} is said to be {vf.owner}'s")
            elif vf.state == "free":
                self.judge_free(address, vf)
        if self.sweep.command != "up" and now.keys() != self.world.before.keys():
            self.bad("lost", f"the VFs are {sorted(now)}")
        if self.sweep.all_or_none and states["active"] not in (0, len(now)):
            self.bad("lost", f"{states['active']} of {len(now)} VFs are the guest's")
        for address, vf in now.items():
            if vf.state == "quarantined":
                self.step("release --quarantined", ["vfpool", "release", "--quarantined", address])
        if self.sweep.command == "up":
            self.step("up", ["vfpool", "up"])
            self.judge_parking("after another up")
        self.judge_other(states["active"])

    def judge_other(self, held):
        """Another guest gets all VFs, or (while one is the doomed guest's) none."""
        result = self.world.acquire_by_other()
        if held and result.status == 0:
            self.bad("doubled", f"another guest got all VFs while {held} of them are held")
        elif not held and result.status != 0:
            self.bad("lost", f"another guest does not get all VFs: exit {result.status}: {result.stderr.strip()}")
        for uuid in [DOOMED] * bool(held) + [OTHER] * (result.status == 0):
            self.step("release", ["vfpool", "release", "--guest", f"libvirt/{uuid}"])

    def judge_end(self):
        now = look(self.world.pfs)
        for address, before in self.world.before.items():
            vf = now.get(address)
            if not vf or vf.state != "free":
                self.bad("lost", f"{address} is {vf.state if vf else 'gone'} at the end")
            elif self.sweep.command != "up" and vf.kernel != before.kernel:
                self.bad("not restored", f"{address} at the end: {differences(before.kernel, vf.kernel)}")
            elif vf.kernel["driver"] != before.kernel["driver"] or (
                    vf.kernel["driver_override"] != before.kernel["driver_override"]):
                self.bad("not restored", f"{address} at the end: {differences(before.kernel, vf.kernel)}")

    def tell(self):
        for kind, texts in self.found.items():
            say(f"{self.sweep.name}: {self.mode.name} at {self.call} {self.number} (exit {self.result.status}): {kind}: "
                + "; ".join(texts))
        if self.found and self.result.stderr:
            say("    it said: " + " / ".join(self.result.stderr.splitlines()))


class Runner:
    """All points of all sweeps and modes in one order, of which every K-th is run, beginning with one of the first K."""

    def __init__(self, every, offset, dense):
        self.every, self.offset, self.dense = every, offset, dense
        self.next = 0
        self.total = Tally()
        self.by_command = collections.defaultdict(Tally)

    def is_due(self, sweep_number, mode):
        number, self.next = self.next, self.next + 1
        is_of_bounded_run = sweep_number < self.dense and not mode.is_error and number % 6 == self.offset % 6
        return number % self.every == self.offset or is_of_bounded_run

    def try_point(self, point, tally):
        began = time.monotonic()
        try:
            point.run()
        except (Broken, subprocess.SubprocessError, OSError) as error:
            point.result = point.result or Result(0, "")
            point.bad("lost", f"cannot go on: {error}")
        point.tell()
        tally["points"] += 1
        tally["fell"] += bool(point.found)
        tally["missed"] += not point.hit
        tally["ms"] += int((time.monotonic() - began) * 1000)
        for kind in point.found:
            tally[kind] += 1
        if point.found:
            point.world.build()
            point.sweep.begin()

    def sweep(self, number, sweep):
        sweep.begin()
        sweep.arrange()
        calls = list_calls(sweep.argv(), sweep.stdin())
        sweep.end()
        for mode in MODES:
            tally = Tally()
            for call, count in calls:
                if self.is_due(number, mode):
                    self.try_point(Point(sweep, mode, call, count), tally)
            if tally["points"]:
                self.total.update(tally)
                self.by_command[f"{sweep.command} {'killed' if not mode.is_error else 'refused'}"].update(tally)
                print(f"{'not ok' if tally.bad() else 'ok'}\t{sweep.name}: {mode.name}: "
                      f"{tally['points']} of {len(calls)} points, {tally['fell']} fell, {tally['missed']} not reached, "
                      f"{tally['ms'] // tally['points']} ms each", flush=True)

    def run(self, sweeps):
        for number, sweep in enumerate(sweeps):
            try:
                self.sweep(number, sweep)
            except (Broken, subprocess.SubprocessError, OSError) as error:
                self.total["lost"] += 1
                print(f"not ok\t{sweep.name}: {error}", flush=True)
        for command, tally in sorted(self.by_command.items()):
            say(f"{command}: {tally['points']} points tried, {tally['fell']} fell")
        total = self.total
        say(f"wrongly told: {total['wrongly told']}")
        say(f"crash: {total['points']} points, {total['doubled']} doubled, {total['lost']} lost, "
            f"{total['not restored']} not restored")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="run every K-th point")
    parser.add_argument("--offset", type=int, default=0, help="beginning with this one, from 0")
    parser.add_argument("--bounded", action="store_true", help="every sixth point at which the first sweeps are killed, too")
    parser.add_argument("--only", default="", help="only sweeps whose name matches this regular expression")
    arguments = parser.parse_args()
    # Nobody else may reconcile meanwhile.
    subprocess.run(["systemctl", "stop", "vfpool-agent.service", "vfpool-pve.service"], check=False,
                   stderr=subprocess.DEVNULL)
    sweeps = [sweep for sweep in SWEEPS if re.search(arguments.only, sweep.name)]
    Runner(arguments.every, arguments.offset, DENSE_IN_BOUNDED_RUN if arguments.bounded else 0).run(sweeps)


if __name__ == "__main__":
    sys.exit(main())
