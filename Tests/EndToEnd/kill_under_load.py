"""Kill -9 of the mount, of the healer, of both, under load: everything pending is healed afterwards, the replicas are
equal, nothing acknowledged by fsync is lost. While the healer is dead its records are lost; once in a while the journal
is taken away too, so that only the marks are left.

First many files are written at once, all of which exist before the load; then names are changed: files replaced by
rename, made, linked and removed, and the mount is killed in the middle.
"""
import argparse
import os
import random
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from testbed import Testbed, TestbedError  # noqa: E402

FILES, FILE_BYTES, BLOCK = 12, 4 << 20, 4096
VICTIMS = ("mount", "healer", "both", "both, and the journal")
HEALER_DIES, MOUNT_DIES = VICTIMS[1:], (VICTIMS[0], *VICTIMS[2:])


class Writer(threading.Thread):
    """Overwrites blocks of one file and remembers, per block, what fsync acknowledged and what may be there besides."""

    def __init__(self, path, seed):
        super().__init__(daemon=True)
        self.path, self.order = path, random.Random(seed)
        self.acknowledged = {}   # block -> stamp that an fsync covered
        self.maybe = {}          # block -> stamps written after that fsync
        self.stamp, self.operations, self.ended = 0, 0, False

    def run(self):
        try:
            fd = os.open(self.path, os.O_RDWR)
            while not self.ended:
                for _ in range(self.order.randrange(1, 40)):
                    block = self.order.randrange(FILE_BYTES // BLOCK)
                    self.stamp += 1
                    self.maybe.setdefault(block, []).append(self.stamp)
                    os.pwrite(fd, page(self.stamp), block * BLOCK)
                    self.operations += 1
                os.fsync(fd)
                for block, stamps in self.maybe.items():
                    self.acknowledged[block] = stamps[-1]
                self.maybe = {}
            os.close(fd)
        except OSError:
            pass  # the mount was killed: what this thread knows is what it may claim

    def lost(self, brick_path):
        """Sentences about blocks that hold neither what fsync acknowledged nor anything written after it."""
        with open(brick_path, "rb") as file:
            content = file.read()
        for block, stamp in self.acknowledged.items():
            allowed = [stamp] + self.maybe.get(block, [])
            found = int.from_bytes(content[block * BLOCK:block * BLOCK + 8], "big")
            if found not in allowed:
                yield "%s: block %d holds stamp %d, fsync acknowledged %d" % (self.path, block, found, stamp)


def page(stamp):
    return stamp.to_bytes(8, "big") * (BLOCK // 8)


def change_names(folder, numbers, seed, ended):
    """Until the mount is gone or somebody ends it."""
    order, turn = random.Random(seed), 0
    path = lambda *words: os.path.join(folder, *words)
    try:
        while not ended.is_set():
            turn += 1
            for number in numbers:
                name = "name%d" % number
                fd = os.open(path("." + name), os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
                os.write(fd, b"%d of %d\n" % (turn, seed))
                os.close(fd)
                os.rename(path("." + name), path(name))
                # Leftovers of the last kill may be in the way, made or not.
                for change in order.sample((
                        lambda: os.link(path(name), path(name + ".link")), lambda: os.unlink(path(name + ".link")),
                        lambda: os.mkdir(path(name + ".d")), lambda: os.rmdir(path(name + ".d")),
                        lambda: os.symlink(name, path(name + ".to")), lambda: os.unlink(path(name + ".to")),
                        lambda: os.rename(path(name + ".d"), path(name + ".e")), lambda: os.rmdir(path(name + ".e"))), 3):
                    try:
                        change()
                    except (FileExistsError, FileNotFoundError):
                        pass
    except OSError:
        pass  # the mount was killed


def names_round(testbed, seed, seconds):
    folder = os.path.join(testbed.mount_point, "names")
    os.makedirs(folder, exist_ok=True)
    ended = threading.Event()
    threads = [threading.Thread(target=change_names, args=(folder, range(start, 16, 4), seed, ended), daemon=True) for start in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(seconds * (0.3 + random.Random(seed).random() * 0.4))
    testbed.kill_mount()
    ended.set()
    for thread in threads:
        thread.join(60)
    testbed.start_mount()
    complaints, count = [], 0
    for name in sorted(os.listdir(folder)):
        count += 1
        try:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    file.read()
            os.lstat(path)
        except OSError as error:
            complaints.append("%s: %s" % (name, error.strerror))
    testbed.wait_clean(60)
    return count, complaints + testbed.compare_bricks()


def one_round(testbed, victim, seed, seconds):
    order = random.Random(seed)
    writers = [Writer(os.path.join(testbed.mount_point, "file%d" % number), seed * 100 + number) for number in range(FILES)]
    for writer in writers:
        writer.start()
    time.sleep(seconds * (0.5 + order.random()))
    if victim in HEALER_DIES:
        testbed.kill_healer()
    if victim in MOUNT_DIES:
        testbed.kill_mount()
    if victim == "healer":
        time.sleep(seconds / 2)  # writing goes on without a healer
    for writer in writers:
        writer.ended = True
    for writer in writers:
        writer.join(60)
    if victim == "both, and the journal":
        testbed.lose_journals()
    if victim in HEALER_DIES:
        testbed.start_healer()
    if victim in MOUNT_DIES:
        testbed.start_mount()
    testbed.wait_clean(120)
    complaints = testbed.compare_bricks()
    for number, writer in enumerate(writers):
        for brick in testbed.bricks:
            complaints += writer.lost(os.path.join(brick, "file%d" % number))
    return sum(writer.operations for writer in writers), complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8, help="rounds; victims take turns (default 8)")
    parser.add_argument("--names", type=int, default=6, help="rounds in which names are changed (default 6)")
    parser.add_argument("--seconds", type=float, default=1.0, help="about how long each round writes (default 1)")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--debug-build", action="store_true", help="use the debug build of the commands")
    arguments = parser.parse_args()
    print("kill-under-load: seed %d" % arguments.seed, flush=True)
    testbed = Testbed(release=not arguments.debug_build)
    passed = failed = 0
    try:
        testbed.start_healer()
        testbed.start_mount()
        for number in range(FILES):
            with open(os.path.join(testbed.mount_point, "file%d" % number), "wb") as file:
                file.write(bytes(FILE_BYTES))
        testbed.wait_clean(120)
        for number in range(arguments.rounds):
            victim = VICTIMS[number % len(VICTIMS)]
            began = time.monotonic()
            operations, complaints = one_round(testbed, victim, arguments.seed + number, arguments.seconds)
            for complaint in complaints:
                print("  " + complaint)
            passed, failed = (passed, failed + 1) if complaints else (passed + 1, failed)
            print("%s: kill -9 of %s after %d writes: %.1f s in all" % (
                "failed" if complaints else "ok", victim, operations, time.monotonic() - began), flush=True)
        for number in range(arguments.names):
            began = time.monotonic()
            count, complaints = names_round(testbed, arguments.seed + number, arguments.seconds)
            for complaint in complaints:
                print("  " + complaint)
            passed, failed = (passed, failed + 1) if complaints else (passed + 1, failed)
            print("%s: kill -9 of the mount while names change, %d names: %.1f s in all" % (
                "failed" if complaints else "ok", count, time.monotonic() - began), flush=True)
    except TestbedError as error:
        failed += 1
        print("failed: %s" % error)
    finally:
        testbed.stop(keep=failed > 0)
    if failed:
        print("bricks and logs are left in %s" % testbed.folder)
    print("kill-under-load: %d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
