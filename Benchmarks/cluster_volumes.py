"""Two-brick volumes of a real glusterd, through the genuine mount and through ours: 4 KiB random writes in both cache modes;
then heals of the same bricks by our healer and by glustershd, with the bytes that went to each brick.
"""
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
# As where the bricks are of other machines than the healer.
BY_THE_WIRE = ("-o", "direct=off")


class Genuine:
    """GlusterFS's own mount as a user has it: its write-behind and the kernel's cache of reads are on."""
    name = "GlusterFS"
    options = ()

    def __init__(self, cluster, cache_mode):
        self.volume = cluster.volume(self.name.lower().replace(" ", "-").replace("+", "-"), "replica 2", 2)
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
        self.write(change, self.mount_point)
        # Its last close ends the epoch, which is told to the healer.
        time.sleep(0.5)

    def write(self, change, mount_point):
        fd = os.open(os.path.join(mount_point, "image"), os.O_RDWR | os.O_CREAT, 0o644)
        change(fd)
        os.fsync(fd)
        os.close(fd)
        wait_until("the marks", lambda: self.is_pending())
        # What earlier heals left to the disk is not the next one's.
        subprocess.run(["sync", "-f", self.volume.cluster.folder], check=True)

    def change_without_a_brick(self, change):
        """By a genuine client, which leaves marks and nobody who knows what it wrote."""
        path = self.volume.mount_genuine()
        self.volume.kill_brick(1)
        self.write(change, path)
        self.volume.unmount(path)
        self.volume.start("force")

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
        return took, wire.went()

    def by_us_while_mounted(self, change, *options):
        """The writer lives and has told its ranges."""
        self.volume.start_healer(*options, paused=True)
        self.change(change)
        answer = self.timed(lambda: self.volume.healctl("queue", "resume"))
        self.volume.stop_healer()
        return answer

    def by_us(self, change, *options):
        """The writer is gone; a brick of this machine has its journal."""
        self.change(change)
        self.volume.unmount(self.mount_point)
        answer = self.healed_by_us(*options)
        self.mount()
        return answer

    def healed_by_us(self, *options):
        self.volume.start_healer(*options, paused=True)
        answer = self.timed(lambda: self.volume.healctl("queue", "resume"))
        self.volume.stop_healer()
        return answer

    def by_glustershd(self, change):
        self.change(change)
        self.volume.unmount(self.mount_point)
        answer = self.healed_by_glustershd()
        self.mount()
        # What another healer took off, epochs were not counted as healed for: our next heal of the file is of all of it.
        self.by_us_while_mounted(lambda fd: os.pwrite(fd, bytes(4096), 0))
        return answer

    def healed_by_glustershd(self):
        self.volume.set("cluster.self-heal-daemon", "on")
        heal = lambda: self.volume.cluster.ask("volume", "heal", self.volume.name)
        # It begins when its daemon has connected to both bricks, and not before this command is taken.
        answer = self.timed(lambda: wait_until("glustershd to be told", lambda: heal().returncode == 0, 60, 0.01))
        self.volume.set("cluster.self-heal-daemon", "off")
        return answer

    def full_by_us(self, change, *options):
        self.change_without_a_brick(change)
        return self.healed_by_us("-o", "data-self-heal-algorithm=full", *options)

    def full_by_glustershd(self, change):
        self.change_without_a_brick(change)
        return self.healed_by_glustershd()


def heals(rounds, report):
    cluster = Cluster()
    try:
        healing = Healing(cluster, "heals")
        healing.mount()
        healing.by_us_while_mounted(lambda fd: fill(fd, 1024))
        ways = {
            "ours, ranges": healing.by_us_while_mounted, "ours, writer gone": healing.by_us,
            "ours, ranges by the wire": lambda change: healing.by_us_while_mounted(change, *BY_THE_WIRE),
            "glustershd, diff": healing.by_glustershd,
        }
        range_heals = interleaved(ways, rounds, lambda number: scattered_blocks(number)[1])
        show("1,000 x 4 KiB in 1 GiB", range_heals)
        volume = healing.volume
        volume.set("cluster.data-self-heal-algorithm", "full")
        volume.unmount(healing.mount_point)
        ways = {
            "ours, full": healing.full_by_us, "ours, full by the wire": lambda change: healing.full_by_us(change, *BY_THE_WIRE),
            "glustershd, full": healing.full_by_glustershd,
        }
        full_heals = interleaved(ways, rounds, lambda number: lambda fd: fill(fd, 1024))
        show("1 GiB", full_heals)
        for title, found, theirs in (("range heal", range_heals, "glustershd, diff"), ("full heal", full_heals, "glustershd, full")):
            for way, (took, _) in found.items():
                if way != theirs:
                    report("%s: %s / %s" % (title, theirs, way), found[theirs][0] / took)
        differences = volume.differences()
        if differences:
            raise RuntimeError("the bricks differ: %s" % differences[:3])
    finally:
        cluster.stop()


def interleaved(ways, rounds, change):
    """{way: (median seconds, median mebibytes for each brick)}."""
    found = {name: [] for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            found[name].append(way(change(number)))
        print("round %d of %d done" % (number + 1, rounds), file=sys.stderr, flush=True)
    return {name: (statistics.median(took for took, _ in runs), [statistics.median(wire) for wire in zip(*(went for _, went in runs))])
            for name, runs in found.items()}


def show(title, found):
    for name, (took, wire) in found.items():
        print("%-24s %-24s %8.3f s   MiB on the wire: source's brick %8.1f, sink's %8.1f" % (title, name, took, *wire), flush=True)


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
