"""Heals between local bricks, each beside what does the same without a healer: a C loop that copies exactly the dirty
ranges ("floor"), or `cp` with an fsync of the copy. A heal's time and bytes are the healer's own (`healctl status --json`,
history). Rounds are interleaved, medians are compared.
"""
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(REPOSITORY, "Tests", "EndToEnd"))
from testbed import Testbed  # noqa: E402

MIB = 1 << 20
RANGES = 1000
FLOOR = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* floor SOURCE SINK LIST BYTES: copies BYTES at each offset of LIST, then fsync of both files, as a heal does. */
int main(int argc, char **argv) {
    int source = open(argv[1], O_RDONLY), sink = open(argv[2], O_WRONLY), bytes = atoi(argv[4]);
    FILE *list = fopen(argv[3], "r");
    char *buffer = malloc(bytes);
    long long at;
    if (source < 0 || sink < 0 || !list) return 1;
    while (fscanf(list, "%lld", &at) == 1)
        if (pread(source, buffer, bytes, at) != bytes || pwrite(sink, buffer, bytes, at) != bytes) return 2;
    return fsync(source) || fsync(sink);
}
"""


def cpu_seconds(pid):
    """User and system time of a process so far, from its stat file."""
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Floor:
    def __init__(self, folder):
        self.program, source = os.path.join(folder, "floor"), os.path.join(folder, "floor.c")
        with open(source, "w") as file:
            file.write(FLOOR)
        subprocess.run(["gcc", "-O2", "-o", self.program, source], check=True)
        self.list = os.path.join(folder, "offsets")

    def run(self, source, sink, offsets, size):
        with open(self.list, "w") as file:
            file.write("".join("%d\n" % at for at in offsets))
        began = time.perf_counter()
        subprocess.run([self.program, source, sink, self.list, str(size)], check=True)
        return time.perf_counter() - began


def copy(source, sink):
    """Seconds, and seconds of processor time, of `cp` and an fsync of the copy."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(["cp", source, sink], check=True)
    subprocess.run(["sync", sink], check=True)
    took, after = time.perf_counter() - began, os.times()
    spent = after.children_user - before.children_user + after.children_system - before.children_system
    return took, spent


def heals(testbed):
    """What the healer has finished and remembers; the newest last."""
    return testbed.status()["volumes"][0]["history"]


class Healing:
    """A volume whose healer is paused while a file is changed, so that one heal has all the work."""

    def __init__(self, folder):
        self.testbed = Testbed(scratch=folder)
        self.testbed.start_healer()
        self.testbed.start_mount()

    def path(self, name):
        return os.path.join(self.testbed.mount_point, name)

    def pause_and(self, change, name):
        """Stops the healer's queue, then has the file opened, changed, synced and closed."""
        self.testbed.healctl("queue", "pause")
        fd = os.open(self.path(name), os.O_RDWR | os.O_CREAT, 0o644)
        change(fd)
        os.fsync(fd)
        os.close(fd)

    def changed(self, change, name):
        """The finished heal of what `change` does to the open file, with the processor time it took."""
        self.pause_and(change, name)
        # The last close ends the epoch; its marks are taken back within moments.
        time.sleep(0.5)
        return self.resumed()

    def resumed(self):
        testbed = self.testbed
        before, spent = {heal["finished"] for heal in heals(testbed)}, cpu_seconds(testbed.healer_process.pid)
        testbed.healctl("queue", "resume")
        testbed.wait_clean()
        new = [heal for heal in heals(testbed) if heal["finished"] not in before]
        return {
            "took": sum(heal["took_seconds"] for heal in new), "moved": sum(heal["bytes_moved"] for heal in new),
            "methods": sorted({heal["method"] for heal in new}), "heals": len(new),
            "cpu": cpu_seconds(testbed.healer_process.pid) - spent,
        }

    def unexplained(self, change, name):
        """As `changed`, but with the writer dead and its journal lost: nobody knows which bytes differ."""
        testbed = self.testbed
        self.pause_and(change, name)
        testbed.kill_healer()
        testbed.kill_mount()
        testbed.lose_journals()
        testbed.start_healer()  # still paused: that outlives a restart
        answer = self.resumed()
        testbed.start_mount()
        return answer

    def stop(self):
        self.testbed.stop()


def fill(fd, mebibytes, block=os.urandom(4 * MIB)):
    for position in range(0, mebibytes, 4):
        os.pwrite(fd, block[:min(4, mebibytes - position) * MIB], position * MIB)


def scattered_blocks(number):
    """(offsets, a function that writes a block of 4 KiB at each of them), in a file of 1 GiB; others for another number."""
    chance = random.Random(number)
    offsets = [block * 4096 for block in chance.sample(range(1024 * 256), RANGES)]
    page = chance.randbytes(4096)

    def change(fd):
        for at in offsets:
            os.pwrite(fd, page, at)
    return offsets, change


def scattered(folder, rounds, report):
    """1,000 blocks of 4 KiB in a file of 1 GiB."""
    floor, healing = Floor(folder), Healing(folder)
    try:
        healing.changed(lambda fd: fill(fd, 1024), "image")
        source, sink = (os.path.join(brick, "image") for brick in healing.testbed.bricks)
        plain = os.path.join(folder, "plain")
        shutil.copyfile(source, plain)
        mine, theirs, moved, methods = [], [], [], set()
        for number in range(rounds):
            offsets, change = scattered_blocks(number)
            heal = healing.changed(change, "image")
            mine.append(heal["took"])
            moved.append(heal["moved"])
            methods.update(heal["methods"])
            theirs.append(floor.run(source, plain, offsets, 4096))
        took, least = statistics.median(mine), statistics.median(theirs)
        report("range-heal", "1,000 x 4 KiB in 1 GiB, by %s" % "/".join(sorted(methods)), took, least, "floor")
        report.ratio("range-heal-bytes", "bytes moved / dirty bytes", max(moved) / (RANGES * 4096))
    finally:
        healing.stop()


def whole(folder, rounds, report, name, size, change, label):
    healing = Healing(folder)
    try:
        mine, theirs, spent, theirs_spent, methods = [], [], [], [], set()
        for number in range(rounds):
            file = "file%d" % number
            heal = healing.unexplained(change, file)
            source, sink = (os.path.join(brick, file) for brick in healing.testbed.bricks)
            plain = os.path.join(folder, "plain")
            took, cpu = copy(source, plain)
            if heal["moved"] < size:
                raise RuntimeError("%s: %d bytes moved of %d" % (name, heal["moved"], size))
            mine.append(heal["took"])
            theirs.append(took)
            spent.append(heal["cpu"])
            theirs_spent.append(cpu)
            methods.update(heal["methods"])
            for path in (plain, healing.path(file)):
                os.unlink(path)
        report(name, "%s, by %s" % (label, "/".join(sorted(methods))), statistics.median(mine), statistics.median(theirs), "cp")
        report.ratio(name + "-cpu", "processor time / that of cp", statistics.median(spent) / max(0.01, statistics.median(theirs_spent)))
    finally:
        healing.stop()


def dense(folder, rounds, report):
    whole(folder, rounds, report, "full-heal", 1024 * MIB, lambda fd: fill(fd, 1024), "1 GiB without holes")


def sparse(folder, rounds, report):
    page = os.urandom(64 * 1024)

    def change(fd):
        os.ftruncate(fd, 10 << 30)
        for position in range(256):
            os.pwrite(fd, page, position * (40 << 20))
    whole(folder, rounds, report, "sparse-heal", 16 * MIB, change, "10 GiB with 16 MiB of data")


def lag(folder, rounds, report):
    """From a write's return until its mark says healed and the other brick has the bytes: as `make demo` measures it."""
    sys.path.insert(0, os.path.join(REPOSITORY, "scripts"))
    import workload
    healing = Healing(folder)
    testbed = healing.testbed
    try:
        testbed.healctl("queue", "resume")
        p50, p99 = workload.lag(testbed.mount_point, testbed.bricks[0], testbed.volume + "-client-1", testbed.bricks[1],
                                100 * rounds)
        report.ratio("lag-p50-ms", "lag from write to healed, idle, p50, ms", p50)
        report.ratio("lag-p99-ms", "the same, p99, ms", p99)
    finally:
        healing.stop()


JOBS = {"range-heal": scattered, "full-heal": dense, "sparse-heal": sparse, "lag": lag}


class Report:
    """Prints as it goes and keeps the figures by name."""

    def __init__(self):
        self.figures = {}

    def __call__(self, name, label, mine, theirs, other):
        print("%-18s %-44s %9.3f s   %s %9.3f s   time / %s %6.2f" % (name, label, mine, other, theirs, other, mine / theirs), flush=True)
        self.figures[name] = mine / theirs

    def ratio(self, name, label, value):
        print("%-18s %-44s %9.2f" % (name, label, value), flush=True)
        self.figures[name] = value


def run(rounds, only):
    report = Report()
    for name, job in JOBS.items():
        if only and name not in only:
            continue
        folder = tempfile.mkdtemp(prefix="bench-", dir=os.environ.get("SCRATCH"))
        try:
            job(folder, rounds, report)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return report.figures
