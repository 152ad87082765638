"""What the demos do on a mount and beside it on a plain directory, how they look at what came of it, and their report.

On a host of its own the same work is a command: `workload.py PART ARGUMENTS`, which answers in lines of JSON.
"""
import argparse
import hashlib
import io
import json
import os
import random
import select
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(REPOSITORY, "Tests", "EndToEnd"))
sys.dont_write_bytecode = True
from testbed import TestbedError, differences_between, epochs_of, objects_of, pending_on, wait_until  # noqa: E402

MIB = 1 << 20
IMAGE_BYTES = 256 * MIB


def source_tree():
    """This repository's own files as one tar, and the checksum of each."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True) if shutil.which("git") else None
    if listing and listing.returncode == 0:
        paths = [os.fsdecode(p) for p in listing.stdout.split(b"\0") if p]
    else:  # not a git checkout: everything but what builds made
        paths = [os.path.relpath(os.path.join(folder, name), REPOSITORY) for folder, directories, files in os.walk(REPOSITORY)
                 for name in files if not any(part.startswith(".build") for part in folder.split(os.sep))]
    sums, archive = {}, io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in paths:
            whole = os.path.join(REPOSITORY, path)
            if os.path.isfile(whole) and not os.path.islink(whole):
                tar.add(whole, path)
                with open(whole, "rb") as file:
                    sums[path] = hashlib.sha256(file.read()).hexdigest()
    return archive.getvalue(), sums


def unpack_tree(folder, archive, sums):
    """Unpacks the tree and checks what the file system gives back; returns seconds spent on writing."""
    target = os.path.join(folder, "tree")
    began = time.perf_counter()
    os.mkdir(target)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(target)
    took = time.perf_counter() - began
    for path, expected in sums.items():
        with open(os.path.join(target, path), "rb") as file:
            if hashlib.sha256(file.read()).hexdigest() != expected:
                raise TestbedError("tree/%s read back differs from what was unpacked" % path)
    return took


def database(folder):
    """A SQLite database with 4,000 rows in 80 transactions, updated, vacuumed and checked."""
    began = time.perf_counter()
    connection = sqlite3.connect(os.path.join(folder, "ledger.db"))
    connection.execute("create table entry (id integer primary key, account integer, amount integer, note text)")
    order = random.Random(1)
    for batch in range(80):
        with connection:
            connection.executemany("insert into entry (account, amount, note) values (?, ?, ?)",
                                   [(order.randrange(100), order.randrange(10_000), "x" * order.randrange(200)) for _ in range(50)])
    with connection:
        connection.execute("update entry set amount = amount + 1 where account < 50")
        connection.execute("delete from entry where id % 7 = 0")
    connection.execute("vacuum")
    took = time.perf_counter() - began
    answer = connection.execute("pragma integrity_check").fetchone()[0]
    connection.close()
    if answer != "ok":
        raise TestbedError("ledger.db: SQLite's integrity check says: %s" % answer)
    return took


def disk_image(folder, reserves=True):
    """A 256 MiB image as a guest leaves it; returns (seconds for the sequential part, for the 4 KiB writes, their number).
    `reserves`: room, too, that is allocated and reads as zeros because it was never written.
    """
    order = random.Random(2)
    block = order.randbytes(MIB)
    fd = os.open(os.path.join(folder, "disk.img"), os.O_RDWR | os.O_CREAT, 0o640)
    began = time.perf_counter()
    for at in range(0, IMAGE_BYTES, MIB):
        os.pwrite(fd, block, at)
    os.fsync(fd)
    sequential = time.perf_counter() - began
    pages = [order.randbytes(4096) for _ in range(16)]
    places = [order.randrange(IMAGE_BYTES // 4096) * 4096 for _ in range(20_000)]
    began = time.perf_counter()
    for number, at in enumerate(places):
        os.pwrite(fd, pages[number & 15], at)
    scattered = time.perf_counter() - began
    os.fsync(fd)
    fallocate = lambda *arguments: subprocess.run(["fallocate", *arguments, os.path.join(folder, "disk.img")], check=True)
    for hole in range(8):
        fallocate("--punch-hole", "--offset", str((hole * 29 + 3) * MIB), "--length", str(MIB))
    os.ftruncate(fd, IMAGE_BYTES - 5 * MIB - 777)
    os.ftruncate(fd, IMAGE_BYTES + 3 * MIB)
    if reserves:
        fallocate("--offset", str(IMAGE_BYTES + 4 * MIB), "--length", str(2 * MIB))
        fallocate("--zero-range", "--offset", str(10 * MIB), "--length", str(MIB))
    os.fsync(fd)
    os.close(fd)
    return sequential, scattered, len(places)


def overwrite(folder, goes_on):
    """4 KiB writes at random places of the image, until `goes_on` says no: it is told the writes so far and the longest.

    Nothing else is changed: no name, no size.
    """
    order = random.Random(3)
    pages = [order.randbytes(4096) for _ in range(16)]
    fd = os.open(os.path.join(folder, "disk.img"), os.O_RDWR)
    writes, longest, now = 0, 0.0, time.perf_counter()
    while goes_on(writes, longest):
        os.pwrite(fd, pages[writes & 15], order.randrange(IMAGE_BYTES // 4096) * 4096)
        before, now = now, time.perf_counter()
        writes, longest = writes + 1, max(longest, now - before)
    os.fsync(fd)
    os.close(fd)


def overwritten_per_second(folder, count):
    """How fast `count` of these writes are."""
    began = time.perf_counter()
    overwrite(folder, lambda writes, _: writes < count)
    return count / (time.perf_counter() - began)


def lag(mount_point, brick, replica, copy, probes):
    """Milliseconds, (median, 99th percentile), from a write's return to the moment at which the mark on `brick` says that
    the `replica` of this name is healed. `copy` is its brick, which must have the bytes by then; None where it cannot
    be seen from here.
    """
    name, found = "probe", []
    fd = os.open(os.path.join(mount_point, name), os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, bytes(MIB), 0)
    marked = os.path.join(brick, name)
    for number in range(probes):
        page = number.to_bytes(4, "big") * 1024
        at = (number * 7919 % 256) * 4096
        os.pwrite(fd, page, at)
        returned = time.perf_counter()
        opened = epochs_of(marked, replica)[0]

        def healed():
            if epochs_of(marked, replica)[1] < opened:
                return False
            if not copy:
                return True
            with open(os.path.join(copy, name), "rb") as other:
                other.seek(at)
                return other.read(4096) == page
        wait_until("probe %d to be healed" % number, healed, seconds=30, pause=0.0005)
        found.append((time.perf_counter() - returned) * 1000)
        time.sleep(random.Random(number).random() / 50)
    os.close(fd)
    found.sort()
    return found[len(found) // 2], found[min(len(found) - 1, len(found) * 99 // 100)]


def look_at(bricks):
    """What a volume's bricks are like: in what they differ, how much there is, what is pending."""
    return {"differences": differences_between(bricks, forgiven=["room on the disk"]), "objects": len(objects_of(bricks[0])),
            "pending": pending_on(bricks)}


class Report:
    """Rows of (what, on the mount, on the directory, ratio), all of them the more the better, and the lag."""

    def __init__(self):
        self.rows, self.notes, self.lag = [], [], None

    def add(self, name, on_mount, on_plain):
        self.rows.append((name, on_mount, on_plain, on_mount / on_plain))

    def add_part(self, part, on_mount, on_plain):
        """What the part of the workload returned, here and there."""
        for (name, mine), (_, theirs) in zip(PARTS[part][1](on_mount), PARTS[part][1](on_plain)):
            self.add(name, mine, theirs)

    def show(self):
        print()
        print("  %-32s %12s %12s %8s" % ("", "mount", "directory", "ratio"))
        for row in self.rows:
            print("  %-32s %12.0f %12.0f %8.2f" % row)
        print("  %-32s %9.1f ms p50 %6.1f ms p99" % ("lag from write to healed", *self.lag))
        for name, value in self.notes:
            print("  %-32s %s" % (name, value))
        print(flush=True)


def tree_part(folder):
    archive, sums = source_tree()
    return len(sums), unpack_tree(folder, archive, sums)


# Of each part: the work in a folder, the figures in what it returns, what to tell of it.
PARTS = {
    "tree": (tree_part, lambda done: [("source tree, files/s", done[0] / done[1])], "a source tree"),
    "database": (database, lambda took: [("SQLite, transactions/s", 83 / took)], "a SQLite database"),
    "image": (disk_image, lambda done: [("image, 1 MiB sequential, MiB/s", IMAGE_BYTES / MIB / done[0]),
                                        ("image, 4 KiB random, writes/s", done[2] / done[1])],
              "a disk image of %d MiB" % (IMAGE_BYTES // MIB)),
}


def tell(answer):
    print(json.dumps(answer), flush=True)


def overwrite_aloud(folder):
    """Tells how far it is every 100 ms, until standard input ends."""
    said = [0.0]

    def goes_on(writes, longest):
        now = time.monotonic()
        if now - said[0] > 0.1:
            said[0] = now
            tell({"writes": writes, "longest": longest})
            return not select.select([sys.stdin], [], [], 0)[0]
        return True
    overwrite(folder, goes_on)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for part, (_, _, what) in PARTS.items():
        commands.add_parser(part, help=what).add_argument("folder")
    commands.add_parser("overwrite", help="writes to the image until standard input ends").add_argument("folder")
    speed = commands.add_parser("overwrite-count", help="how fast that many of these writes are")
    speed.add_argument("folder")
    speed.add_argument("count", type=int)
    probing = commands.add_parser("lag", help="from a write to healed")
    for name in ("mount_point", "brick", "replica"):
        probing.add_argument(name)
    probing.add_argument("probes", type=int)
    probing.add_argument("--copy")
    comparing = commands.add_parser("compare", help="bricks with the first of them")
    comparing.add_argument("bricks", nargs="+")
    arguments = parser.parse_args()
    if arguments.command in PARTS:
        # Over the wire such room shows as data or as a hole, as its host's memory has it: no brick's holes are wrong then.
        work = PARTS[arguments.command][0]
        tell(work(arguments.folder, reserves=False) if work is disk_image else work(arguments.folder))
    elif arguments.command == "overwrite":
        overwrite_aloud(arguments.folder)
    elif arguments.command == "overwrite-count":
        tell(overwritten_per_second(arguments.folder, arguments.count))
    elif arguments.command == "lag":
        tell(lag(arguments.mount_point, arguments.brick, arguments.replica, arguments.copy, arguments.probes))
    else:
        tell(look_at(arguments.bricks))


if __name__ == "__main__":
    try:
        main()
    except (TestbedError, OSError, sqlite3.Error, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
