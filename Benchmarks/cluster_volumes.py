"""Two-brick volumes of a real glusterd, through the genuine mount and through ours: 4 KiB random writes in both cache modes;
then heals of the same bricks by our healer and by glustershd, with the bytes that went to each brick.
"""
import json
import os
import statistics
import subprocess
import sys
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(REPOSITORY, "Tests", "EndToEnd"))
import mounts  # noqa: E402
from cluster import Cluster  # noqa: E402
from heals import MIB, fill, scattered_blocks  # noqa: E402
from testbed import wait_until  # noqa: E402

CACHE_MODES = ("write-through", "writeback-cache")
JOBS = ("4k-randwrite-1", "4k-randwrite-4")


class Genuine:
    """GlusterFS's own mount as a user has it: its write-behind and the kernel's cache of reads are on."""
    name = "GlusterFS"
    options = ()

    def __init__(self, cluster, cache_mode):
        self.volume = cluster.volume(self.name.lower().replace(" ", "-").replace("+", "and"), "replica 2", 2)
        self.path = self.mount(cache_mode)

    def mount(self, cache_mode):
        return self.volume.mount_genuine(*self.options)

    def settle(self):
        pass


class GenuineWriteback(Genuine):
    """The same with the kernel's writeback cache, which ours has in that mode; GlusterFS has it off by default."""
    name = "GlusterFS wb"
    options = ("kernel-writeback-cache=yes",)


class Replicate(Genuine):
    name = "replicate"

    def mount(self, cache_mode):
        return self.volume.mount_ours("cache-mode=" + cache_mode, *self.options)


class Bypass(Replicate):
    """`-o bypass` and the healer at work; data goes through the brick's process."""
    name = "bypass"

    def mount(self, cache_mode):
        self.volume.set("cluster.self-heal-daemon", "off")
        self.volume.start_healer()
        direct = ("direct=off",) if has_direct(self.volume.cluster) else ()
        return self.volume.mount_ours("cache-mode=" + cache_mode, "bypass", "target=%s-client-0" % self.volume.name, *direct)

    def settle(self):
        self.volume.wait_clean(120)


class Direct(Bypass):
    """`-o bypass` as it is by default where the brick is of this machine: data goes to the brick's own files."""
    name = "bypass+direct"

    def mount(self, cache_mode):
        if not has_direct(self.volume.cluster):
            raise RuntimeError("volmount has no -o direct")
        self.volume.set("cluster.self-heal-daemon", "off")
        self.volume.start_healer()
        return self.volume.mount_ours("cache-mode=" + cache_mode, "bypass", "target=%s-client-0" % self.volume.name)


class Embedded(mounts.Bypass):
    name = "embedded"

    def __init__(self, cluster, cache_mode):
        super().__init__(cluster.folder, cache_mode == "writeback-cache")


def has_direct(cluster):
    said = subprocess.run([os.path.join(cluster.binaries, "volmount"), "--help"], capture_output=True, text=True).stdout
    return "  direct=" in said


def writes(rounds, milliseconds, cache_mode, report):
    cluster, systems = Cluster(), []
    try:
        for kind in (Genuine, GenuineWriteback, Replicate, Bypass, Direct, Embedded):
            if kind is GenuineWriteback and cache_mode != "writeback-cache":
                continue
            try:
                systems.append(kind(cluster, cache_mode))
            except RuntimeError as error:
                print("left out: %s: %s" % (kind.name, error))
        medians = mounts.measure(systems, JOBS, rounds, milliseconds)
    finally:
        for system in systems:
            if isinstance(system, Embedded):
                system.stop()
        cluster.stop()
    names = [system.name for system in systems]
    print("%s, %d rounds, medians of operations per second" % (cache_mode, rounds))
    print("%-16s" % "" + "".join("%15s" % name for name in names))
    for job in JOBS:
        print("%-16s" % job + "".join("%15.0f" % medians[name, job] for name in names))
    for mine, theirs in (("bypass+direct", "GlusterFS"), ("bypass+direct", "GlusterFS wb"), ("bypass+direct", "embedded"),
                         ("bypass", "GlusterFS"), ("bypass", "embedded"), ("replicate", "GlusterFS")):
        if mine in names and theirs in names:
            for job in JOBS:
                report("%s %s: %s / %s" % (cache_mode, job, mine, theirs), medians[mine, job] / medians[theirs, job])


class Wire:
    """Bytes that went over the connections to each brick's address, both ways, by the kernel's count of each socket's."""

    def __init__(self, volume):
        self.hosts = [place.split(":")[0] for place in volume.places]
        self.before = self.count()

    def count(self):
        """{(process's own end, brick's end): bytes}."""
        lines = subprocess.run(["ss", "-Htino", "state", "established"], capture_output=True, text=True, check=True).stdout.splitlines()
        found = {}
        for ends, details in zip(lines[::2], lines[1::2]):
            here, there = ends.split()[2:4]
            words = dict(word.split(":", 1) for word in details.split() if ":" in word)
            found[here, there] = int(words.get("bytes_sent", 0)) + int(words.get("bytes_received", 0))
        return found

    def went(self):
        """Mebibytes to and from each brick since then."""
        after = self.count()
        return [sum(count - self.before.get(ends, 0) for ends, count in after.items() if ends[1].startswith(host + ":")) / MIB
                for host in self.hosts]


class Healing:
    """A volume with a file of 1 GiB; each healer in turn meets the same marks on the same bricks."""

    def __init__(self, cluster, name):
        self.volume = cluster.volume(name, "replica 2", 2)
        self.volume.set("cluster.self-heal-daemon", "off")
        for kind in ("data", "metadata", "entry"):
            self.volume.set("cluster.%s-self-heal" % kind, "off")
        self.mount_point = None

    def mount(self):
        self.mount_point = self.volume.mount_ours("bypass", "target=%s-client-0" % self.volume.name)

    def change(self, change):
        fd = os.open(os.path.join(self.mount_point, "image"), os.O_RDWR | os.O_CREAT, 0o644)
        change(fd)
        os.fsync(fd)
        os.close(fd)
        # Its last close ends the epoch, which is told to the healer.
        wait_until("the marks", lambda: self.is_pending())
        time.sleep(0.5)

    def is_pending(self):
        """Cheaper than to look at all bricks' files: there is one."""
        try:
            return any(os.getxattr(os.path.join(self.volume.bricks[0], "image"), "trusted.afr.%s-client-1" % self.volume.name)[:4])
        except OSError:
            return False

    def timed(self, begin):
        wire, began = Wire(self.volume), time.perf_counter()
        begin()
        wait_until("the heal", lambda: not self.is_pending(), 600, 0.002)
        took = time.perf_counter() - began
        return took, wire.went(), self.own_seconds() or took

    def own_seconds(self):
        """What our healer says its heals took, if it is what heals: of a writer that it has never heard, and that may live,
        it waits some seconds before the first.
        """
        if not self.volume.healer:
            return None
        answer = self.volume.healctl("status", "--json")
        return sum(heal["took_seconds"] for heal in json.loads(answer.stdout)["volumes"][0]["history"])

    def by_us_while_mounted(self, change):
        """The writer lives and has told its ranges."""
        self.volume.start_healer(paused=True)
        self.change(change)
        answer = self.timed(lambda: self.volume.healctl("queue", "resume"))
        self.volume.stop_healer()
        return answer

    def by_us(self, change, *options):
        """The writer is gone, and with it what it knew."""
        self.change(change)
        self.volume.unmount(self.mount_point)
        self.volume.start_healer(*options, paused=True)
        answer = self.timed(lambda: self.volume.healctl("queue", "resume"))
        self.volume.stop_healer()
        self.mount()
        return answer

    def by_glustershd(self, change):
        self.change(change)
        self.volume.unmount(self.mount_point)
        self.volume.set("cluster.self-heal-daemon", "on")
        heal = lambda: self.volume.cluster.ask("volume", "heal", self.volume.name)
        # It begins when its daemon has connected to both bricks, and not before this command is taken.
        answer = self.timed(lambda: wait_until("glustershd to be told", lambda: heal().returncode == 0, 60, 0.01))
        self.volume.set("cluster.self-heal-daemon", "off")
        self.mount()
        return answer


def heals(rounds, report):
    cluster = Cluster()
    try:
        healing = Healing(cluster, "heals")
        healing.mount()
        healing.by_us_while_mounted(lambda fd: fill(fd, 1024))
        ways = {
            "ours, ranges": healing.by_us_while_mounted, "ours, whole file compared": healing.by_us, "glustershd, diff": healing.by_glustershd,
        }
        range_heals = interleaved(ways, rounds, lambda number: scattered_blocks(number)[1])
        show("1,000 x 4 KiB in 1 GiB", range_heals)
        volume = healing.volume
        volume.set("cluster.data-self-heal-algorithm", "full")
        ways = {"ours, full": lambda change: healing.by_us(change, "-o", "data-self-heal-algorithm=full"), "glustershd, full": healing.by_glustershd}
        full_heals = interleaved(ways, rounds, lambda number: lambda fd: fill(fd, 1024))
        show("1 GiB", full_heals)
        report("range heal: glustershd / ours", range_heals["glustershd, diff"][0] / range_heals["ours, ranges"][0])
        report("compared heal: glustershd / ours", range_heals["glustershd, diff"][0] / range_heals["ours, whole file compared"][0])
        report("full heal: glustershd / ours", full_heals["glustershd, full"][0] / full_heals["ours, full"][0])
        report("full heal itself: glustershd / ours", full_heals["glustershd, full"][0] / full_heals["ours, full"][2])
        differences = volume.differences()
        if differences:
            raise RuntimeError("the bricks differ: %s" % differences[:3])
    finally:
        cluster.stop()


def interleaved(ways, rounds, change):
    """{way: (median seconds, median mebibytes for each brick, median seconds without the wait for a writer)}."""
    found = {name: [] for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            found[name].append(way(change(number)))
        print("round %d of %d done" % (number + 1, rounds), file=sys.stderr, flush=True)
    return {name: (statistics.median(took for took, _, _ in runs), [statistics.median(wire) for wire in zip(*(went for _, went, _ in runs))],
                   statistics.median(own for _, _, own in runs)) for name, runs in found.items()}


def show(title, found):
    for name, (took, wire, own) in found.items():
        print("%-24s %-28s %8.3f s, the heal itself %8.3f s   MiB on the wire: source's brick %8.1f, sink's %8.1f" % (
            title, name, took, own, *wire), flush=True)


def run(rounds, milliseconds, only=()):
    """Answers {figure: ratio}; higher is better for us."""
    figures = {}

    def report(name, ratio):
        print("%-64s %8.2f" % (name, ratio), flush=True)
        figures[name] = ratio
    for cache_mode in CACHE_MODES:
        if not only or cache_mode in only:
            writes(rounds, milliseconds, cache_mode, report)
    if not only or "heals" in only:
        heals(rounds, report)
    return figures
