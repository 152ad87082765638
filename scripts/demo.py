"""Bypass writes on two local bricks, healed within milliseconds: a real workload, a comparison of both bricks, figures.

Exit code 0: both bricks are equal and nothing is pending. Anything else is said in one sentence.
"""
import argparse
import hashlib
import io
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(REPOSITORY, "Tests", "EndToEnd"))
sys.dont_write_bytecode = True
from testbed import Testbed, TestbedError, check_scratch, objects_of, wait_until  # noqa: E402

MIB = 1 << 20
IMAGE_BYTES = 256 * MIB


def say(text):
    print("demo: " + text, flush=True)


def source_tree():
    """This repository's own files as one tar, and the checksum of each."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True)
    if listing.returncode == 0:
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


def disk_image(folder):
    """A 256 MiB image as a guest leaves it; returns (seconds for the sequential part, for the 4 KiB writes, their number)."""
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
    fallocate("--offset", str(IMAGE_BYTES + 4 * MIB), "--length", str(2 * MIB))
    fallocate("--zero-range", "--offset", str(10 * MIB), "--length", str(MIB))
    os.fsync(fd)
    os.close(fd)
    return sequential, scattered, len(places)


def lag(testbed, probes):
    """Milliseconds from a write's return to the moment at which the mark says healed and the other brick has the bytes."""
    path, found = "probe", []
    fd = os.open(os.path.join(testbed.mount_point, path), os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, bytes(MIB), 0)
    copy = os.path.join(testbed.bricks[1], path)
    for number in range(probes):
        page = number.to_bytes(4, "big") * 1024
        at = (number * 7919 % 256) * 4096
        os.pwrite(fd, page, at)
        returned = time.perf_counter()
        opened = testbed.epochs(path)[0]

        def healed():
            if testbed.epochs(path)[1] < opened:
                return False
            with open(copy, "rb") as other:
                other.seek(at)
                return other.read(4096) == page
        wait_until("probe %d to be healed" % number, healed, seconds=30, pause=0.0005)
        found.append((time.perf_counter() - returned) * 1000)
        time.sleep(random.Random(number).random() / 50)
    os.close(fd)
    found.sort()
    return found[len(found) // 2], found[min(len(found) - 1, len(found) * 99 // 100)]


def watch(testbed):
    """The live view: the terminal's own when there is one, else plain lines."""
    command = [os.path.join(testbed.binaries, "healctl"), "--runtime-dir", testbed.runtime, "status", "--watch=1"]
    viewer = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def end():
        viewer.send_signal(signal.SIGINT)
        viewer.wait()
    return end


def run(testbed, arguments):
    say("two bricks in %s" % testbed.folder)
    testbed.start_healer()
    testbed.start_mount()
    say("healer runs, %s is mounted with bypass" % testbed.mount_point)
    plain = os.path.join(testbed.folder, "plain")
    os.mkdir(plain)
    archive, sums = source_tree()
    rows = []

    def compare(name, amount, work):
        on_mount, on_plain = work(testbed.mount_point), work(plain)
        rows.append((name, amount / on_mount, amount / on_plain, on_plain / on_mount))

    say("a source tree: %d files" % len(sums))
    compare("source tree, files/s", len(sums), lambda folder: unpack_tree(folder, archive, sums))
    say("a SQLite database")
    compare("SQLite, transactions/s", 83, database)
    say("a disk image of %d MiB" % (IMAGE_BYTES // MIB))
    ends = watch(testbed)
    try:
        sequential, scattered, writes = disk_image(testbed.mount_point)
        plain_sequential, plain_scattered, _ = disk_image(plain)
        rows.append(("image, 1 MiB sequential, MiB/s", 256 / sequential, 256 / plain_sequential, plain_sequential / sequential))
        rows.append(("image, 4 KiB random, writes/s", writes / scattered, writes / plain_scattered, plain_scattered / scattered))
        say("waiting for clean")
        began = time.perf_counter()
        testbed.wait_clean()
        say("clean %.1f s after the last write" % (time.perf_counter() - began))
    finally:
        ends()
    say("measuring the lag of %d single writes" % arguments.probes)
    p50, p99 = lag(testbed, arguments.probes)
    testbed.wait_clean()
    say("comparing the bricks: content, holes, sizes, modes, owners, xattrs")
    differences = testbed.compare_bricks()
    print()
    print("  %-32s %12s %12s %8s" % ("", "mount", "directory", "ratio"))
    for name, mine, theirs, ratio in rows:
        print("  %-32s %12.0f %12.0f %8.2f" % (name, mine, theirs, ratio))
    print("  %-32s %9.1f ms p50 %6.1f ms p99" % ("lag from write to healed", p50, p99))
    print()
    if differences:
        for difference in differences:
            say("DIFFERENT: " + difference)
        return 1
    say("both bricks are equal: %d objects, nothing pending" % len(objects_of(testbed.bricks[0])))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--probes", type=int, default=200, help="single writes to measure the lag with (default 200)")
    parser.add_argument("--keep", action="store_true", help="leave bricks and logs in the scratch folder")
    arguments = parser.parse_args()
    complaint = check_scratch(os.environ.get("SCRATCH", "/tmp"), 2 << 30)
    if complaint:
        sys.exit("demo: " + complaint)
    testbed = Testbed(scratch=os.environ.get("SCRATCH", "/tmp"))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    code = 1
    try:
        code = run(testbed, arguments)
    except KeyboardInterrupt:
        say("interrupted; unmounting and cleaning up")
        code = 130
    except (TestbedError, OSError, sqlite3.Error, subprocess.CalledProcessError) as error:
        say("FAILED: %s" % error)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        testbed.stop(keep=arguments.keep or code == 1)
        if code == 1:
            say("bricks and logs are left in %s" % testbed.folder)
    sys.exit(code)


if __name__ == "__main__":
    main()
