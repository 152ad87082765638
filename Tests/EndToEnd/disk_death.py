"""A brick's file system dies, the machine lives: what fsync acknowledged is on every brick afterwards, and healctl says so.

Each brick is an ext4 of its own in a loop device; EXT4_IOC_SHUTDOWN ends one of them, or all, without writing anything
more, and mount and healer die with kill -9. That is no power cut: the boot id stays, page caches of other file systems
stay, and so does every file by which somebody could think that nothing had happened. Nasty moments are made likelier:
the healer has been dead for a while, so that epochs are long; the brick was synced shortly before, so that marks and
data are on the disk and the end of the mapped journal is not.

`--rounds 200` is the long form.
"""
import argparse
import ctypes
import os
import random
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kill_under_load import FILE_BYTES, Writer  # noqa: E402
from testbed import LoopFileSystem, Testbed, TestbedError, wait_until  # noqa: E402

FILES = 4
VICTIMS = ("the target's", "the target's", "the other's", "both")
BRICKS_OF = {"the target's": (0,), "the other's": (1,), "both": (0, 1)}


def sync_file_system(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        ctypes.CDLL(None).syncfs(descriptor)
    finally:
        os.close(descriptor)


class Scene:
    """A testbed whose bricks are file systems of their own, some of which die."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.testbed = Testbed()
        self.systems = []

    def begin(self, seed):
        for number, brick in enumerate(self.testbed.bricks):
            system = LoopFileSystem(os.path.join(self.testbed.folder, "image%d" % number), brick, 192 << 20, "-I", "512")
            system.mount()
            self.systems.append(system)
        self.testbed.start_healer()
        self.testbed.start_mount()
        for number in range(FILES):
            with open(os.path.join(self.testbed.mount_point, "file%d" % number), "wb") as file:
                file.write(bytes(FILE_BYTES))
                os.fsync(file.fileno())
        self.testbed.wait_clean(60)
        return [Writer(os.path.join(self.testbed.mount_point, "file%d" % number), seed * 100 + number) for number in range(FILES)]

    def play(self, writers, victims):
        """Writes with and without a healer, then the end of the file systems of `victims`."""
        if self.chance.random() < 0.7:
            self.testbed.kill_healer()
        for writer in writers:
            writer.start()
        time.sleep(self.chance.uniform(0.3, 2.5))
        if self.chance.random() < 0.8:
            for victim in victims:
                sync_file_system(self.testbed.bricks[victim])
            time.sleep(self.chance.choice([0, 0.02, 0.1, 0.3]))
        for victim in victims:
            self.systems[victim].shut_down()
        self.testbed.kill_mount()
        if self.testbed.healer_process.poll() is None:
            self.testbed.kill_healer()
        for writer in writers:
            writer.ended = True
        for writer in writers:
            writer.join(60)

    def repair(self, victims):
        """What an operator does: the file system is unmounted, which lets it go, and mounted again."""
        for victim in victims:
            folder = self.testbed.bricks[victim]
            wait_until("%s to be unmounted" % folder, lambda: subprocess.run(["umount", folder], capture_output=True).returncode == 0)
            self.systems[victim].mount()
        self.testbed.start_healer()
        self.testbed.start_mount()
        self.testbed.wait_clean(60)

    def end(self, keep):
        self.testbed.stop(keep=keep, before_removal=lambda: [system.unmount() for system in self.systems])


def one_round(seed, victims):
    scene = Scene(seed)
    complaints = ["the round did not end"]
    try:
        writers = scene.begin(seed)
        scene.play(writers, victims)
        scene.repair(victims)
        complaints = [sentence for sentence in scene.testbed.compare_bricks() if " room on the disk " not in sentence]
        for number, writer in enumerate(writers):
            for brick in scene.testbed.bricks:
                complaints += writer.lost(os.path.join(brick, "file%d" % number))
        return sum(len(writer.acknowledged) for writer in writers), complaints
    finally:
        scene.end(keep=bool(complaints))
        if complaints:
            print("images and logs are left in %s" % scene.testbed.folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8, help="file systems that die take turns (default 8)")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    arguments = parser.parse_args()
    print("disk-death: seed %d" % arguments.seed, flush=True)
    failed = 0
    for number in range(arguments.rounds):
        victim, seed = VICTIMS[number % len(VICTIMS)], arguments.seed + number
        began = time.monotonic()
        try:
            blocks, complaints = one_round(seed, BRICKS_OF[victim])
        except (TestbedError, OSError, subprocess.SubprocessError) as error:
            blocks, complaints = 0, [str(error)]
        failed += bool(complaints)
        for complaint in complaints[:5]:
            print("  seed %d: %s" % (seed, complaint))
        print("%s: %s file system died, %d blocks synced: %.1f s" % (
            "FAILED" if complaints else "ok", victim, blocks, time.monotonic() - began), flush=True)
    print("disk-death: %d passed, %d failed" % (arguments.rounds - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
