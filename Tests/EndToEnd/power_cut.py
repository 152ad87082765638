"""The power goes while files are written: what of a file is on disk has its mark on disk.

The marks of new files are not synced one by one (the file system's journal keeps them before the data), nor are those
of a file that is written all the time (an older one is on disk), so it is the file system that is cut off here: each
brick is an ext4 of its own in a loop device, and EXT4_IOC_SHUTDOWN ends it without writing anything more, as xfstests
do. The mount and the healer die with kill -9 at the same moment. Then the journals of the file systems are replayed by
mounting them again, and every file whose copies differ must be marked on one of them.

In every other round names are what changes: files are replaced by rename, some with an fsync of their directory. Every name
that the bricks have with different files afterwards must be listed by healctl once it was looked up, and healctl's way out
must work; a replacement whose directory was synced is not lost.

The boot is the same all the while, so a healer that starts then finds journals of this boot that may lack their ends. It
must not believe them: what it makes of the marked files is equal copies.
"""
import argparse
import os
import random
import subprocess
import sys
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from testbed import LoopFileSystem, Testbed, TestbedError, wait_until  # noqa: E402

PENDING = "trusted.afr."


class Bricks:
    """Every brick on an ext4 of its own, so that all can be cut off at once."""

    def __init__(self, testbed):
        self.systems = [LoopFileSystem(os.path.join(testbed.folder, "image%d" % number), brick, 192 << 20, "-I", "512")
                        for number, brick in enumerate(testbed.bricks)]

    def mount(self):
        for system in self.systems:
            # A short commit interval: more transactions, and more places for the cut.
            system.mount("commit=1")

    def unmount(self):
        for system in self.systems:
            system.unmount()

    def cut(self):
        for system in self.systems:
            system.shut_down()


def copies(brick):
    """gfid -> path of every regular file in the brick, by its handle: its names may have got lost on the way."""
    found = {}
    for top, folders, files in os.walk(os.path.join(brick, ".glusterfs")):
        folders[:] = [name for name in folders if len(name) == 2]
        for name in files:
            path = os.path.join(top, name)
            if len(name) == 36 and os.path.isfile(path) and not os.path.islink(path):
                found[name] = path
    return found


def is_marked(path):
    """Whether this copy accuses another one's data, or is dirty."""
    for key in os.listxattr(path):
        if key.startswith(PENDING) and not key.startswith(PENDING + "bypass"):
            if os.getxattr(path, key)[:4] != bytes(4):
                return True
    return False


def differences(bricks):
    """How many files both bricks have, which of them with different bytes, and of which of these neither copy says so."""
    ours, theirs = (copies(brick) for brick in bricks)
    both = sorted(set(ours) & set(theirs))
    differing, unmarked = [], []
    for name in both:
        with open(ours[name], "rb") as a, open(theirs[name], "rb") as b:
            if a.read() != b.read():
                differing.append(name)
                if not (is_marked(ours[name]) or is_marked(theirs[name])):
                    unmarked.append(name)
    return len(both), differing, unmarked


def write_until_the_end(mount_point, seed):
    """New files of all sizes, some synced: in a process of its own, because the cut leaves it with errors."""
    child = os.fork()
    if child:
        return child
    chance = random.Random(seed)
    try:
        # One file of old blocks that stays open and is written all the time: epoch rolls to epoch.
        with open(os.path.join(mount_point, "image"), "wb") as file:
            file.write(bytes(1 << 20))
            os.fsync(file.fileno())
        image = os.open(os.path.join(mount_point, "image"), os.O_RDWR)
        number = 0
        while True:
            for _ in range(8):
                os.pwrite(image, chance.randbytes(4096), chance.randrange(256) * 4096)
            path = os.path.join(mount_point, "file%d" % number)
            number += 1
            with open(path, "wb", buffering=0) as file:
                for _ in range(chance.randint(1, 3)):
                    file.write(chance.randbytes(chance.choice([100, 4096, 20000, 100000])))
                    if chance.random() < 0.2:
                        file.seek(chance.choice([0, 4096, 65536]))
                if chance.random() < 0.1:
                    os.fsync(file.fileno())
            if number > 40 and chance.random() < 0.2:
                os.unlink(os.path.join(mount_point, "file%d" % chance.randrange(number - 30)))
    except OSError:
        pass
    finally:
        os._exit(0)


NAMES = 12


def replace_until_the_end(mount_point, seed, ledger):
    """Replaces files by rename and notes in `ledger`, by name, the last number that an fsync of the directory covered."""
    child = os.fork()
    if child:
        return child
    chance, number = random.Random(seed), 0
    try:
        folder = os.path.join(mount_point, "names")
        os.mkdir(folder)
        top = os.open(folder, os.O_RDONLY)
        notes = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        while True:
            number += 1
            name = "name%d" % chance.randrange(NAMES)
            with open(os.path.join(folder, "." + name), "w") as file:
                file.write("%d" % number)
                file.flush()
                os.fsync(file.fileno())
            os.rename(os.path.join(folder, "." + name), os.path.join(folder, name))
            if chance.random() < 0.2:
                os.fsync(top)
                os.write(notes, b"%s %d\n" % (name.encode(), number))
    except OSError:
        pass
    finally:
        os._exit(0)


def synced_names(ledger):
    """name -> the lowest number that it may have."""
    found = {}
    if os.path.exists(ledger):
        with open(ledger) as notes:
            for line in notes:
                name, number = line.split()
                found[name] = int(number)
    return found


def read_number(path):
    """None where the name cannot be read."""
    try:
        with open(path) as file:
            return int(file.read() or -1)
    except OSError:
        return None


def gfid_of(brick, name):
    try:
        return os.getxattr(os.path.join(brick, "names", name), "trusted.gfid")
    except OSError:
        return None


def numbers_of(testbed, gfid):
    """What the bricks' copies of a file hold."""
    text = str(uuid.UUID(bytes=gfid))
    return [read_number(os.path.join(brick, ".glusterfs", text[:2], text[2:4], text)) for brick in testbed.bricks]


def entry_blame(testbed):
    """For each brick, whether its copy of the folder says that another one lacks names; dirty alone accuses nobody."""
    keys = ["trusted.afr.%s-client-%d" % (testbed.volume, number) for number in range(len(testbed.bricks))]
    def blames(brick, number):
        folder = os.path.join(brick, "names")
        held = os.listxattr(folder) if os.path.isdir(folder) else []
        return any(os.getxattr(folder, key)[8:12] != bytes(4) for other, key in enumerate(keys) if other != number and key in held)
    return [blames(brick, number) for number, brick in enumerate(testbed.bricks)]


def settle_names(testbed, ledger):
    """Everything that differs is told, decided, and then nothing is lost; answers how many names were decided."""
    names = ["name%d" % number for number in range(NAMES)]
    found = {name: [gfid_of(brick, name) for brick in testbed.bricks] for name in names}
    split = [name for name in names if None not in found[name] and len(set(found[name])) > 1]
    # The bricks are not cut off at the very same moment: the later one may say that the other lacks names. Then it is right.
    blame = entry_blame(testbed)
    right = blame.index(True) if blame.count(True) == 1 else None
    testbed.start_mount()
    testbed.start_healer()
    folder = os.path.join(testbed.mount_point, "names")
    for name in names:
        number = read_number(os.path.join(folder, name))
        if name in split and number is not None and (right is None or number not in numbers_of(testbed, found[name][right])):
            raise TestbedError("%s was read although the bricks have different files there" % name)
    listed = lambda: testbed.healctl("split-brain", "list").stdout
    if split:
        wait_until("healctl to list %s" % " ".join(split), lambda: all("resolve names/%s " % name in listed() for name in split), 60)
    for name in split:
        # The newer one: its replacement was later.
        newer = max(range(2), key=lambda brick: os.stat(os.path.join(testbed.bricks[brick], "names", name)).st_ctime_ns)
        answer = testbed.healctl("split-brain", "resolve", "names/" + name, "--source", "%s-client-%d" % (testbed.volume, newer))
        if answer.returncode:
            raise TestbedError("resolve of %s: %s" % (name, answer.stderr))
    for name, lowest in synced_names(ledger).items():
        wait_until("%s to be read" % name, lambda: read_number(os.path.join(folder, name)) is not None, 30)
        number = read_number(os.path.join(folder, name))
        if number < lowest:
            raise TestbedError("%s has number %d, the directory was synced with %d" % (name, number, lowest))
    return len(split)


def cut_off(begin, seconds, look):
    """Lets the child that `begin(testbed)` answers write for `seconds`, cuts the power, and answers what `look(testbed)` says."""
    testbed = Testbed()
    bricks, child = None, 0
    try:
        bricks = Bricks(testbed)
        bricks.mount()
        testbed.start_healer()
        testbed.start_mount()
        child = begin(testbed)
        time.sleep(seconds)
        bricks.cut()
        testbed.kill_mount()
        testbed.kill_healer()
        os.waitpid(child, 0)
        child = 0
        bricks.unmount()
        bricks.mount()
        return look(testbed)
    finally:
        if child:
            os.kill(child, 9)
            os.waitpid(child, 0)
        testbed.stop(before_removal=bricks.unmount if bricks else None)


def names_round(seed):
    ledger = lambda testbed: os.path.join(testbed.folder, "ledger")
    return cut_off(lambda testbed: replace_until_the_end(testbed.mount_point, seed, ledger(testbed)),
                   random.Random(seed).uniform(1, 4), lambda testbed: settle_names(testbed, ledger(testbed)))


def one_round(seed):
    def look(testbed):
        count, _, bad = differences(testbed.bricks)
        if bad:
            raise TestbedError("of %d files, these differ without a mark: %s" % (count, " ".join(bad[:5])))
        testbed.start_healer()
        wait_until("equal copies", lambda: not differences(testbed.bricks)[1], seconds=60, pause=0.5)
        return count
    return cut_off(lambda testbed: write_until_the_end(testbed.mount_point, seed), random.Random(seed).uniform(0.5, 3), look)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    arguments = parser.parse_args()
    print("power-cut: seed %d" % arguments.seed, flush=True)
    failed = 0
    for number in range(arguments.rounds):
        try:
            began = time.monotonic()
            if number % 2:
                what = "%d names decided" % names_round(arguments.seed + number)
            else:
                what = "cut after %d files" % one_round(arguments.seed + number)
            print("ok: %s, %.1f s in all" % (what, time.monotonic() - began), flush=True)
        except (TestbedError, OSError, subprocess.CalledProcessError) as error:
            failed += 1
            print("FAILED: seed %d: %s" % (arguments.seed + number, error), flush=True)
    print("power-cut: %d passed, %d failed" % (arguments.rounds - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
