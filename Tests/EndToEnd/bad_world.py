"""A world that goes wrong under a running volume: a full brick, a damaged journal, garbage on the sockets, a second healer.
What cannot go on says so in one sentence that names the brick or the file; what can, goes on; nothing is lost.
"""
import argparse
import errno
import os
import random
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from testbed import Complaint, LoopFileSystem, Testbed, TestbedError, expect, wait_until  # noqa: E402

MIB = 1 << 20


class World:
    """A testbed, one of whose bricks may be a small file system of its own."""

    def __init__(self, release, small=None, small_bytes=96 * MIB):
        self.testbed, self.mounted = Testbed(release=release), []
        if small is not None:
            brick = self.testbed.bricks[small]
            system = LoopFileSystem(os.path.join(self.testbed.folder, "small.img"), brick, small_bytes, "-m", "0")
            try:
                system.mount()
                os.rmdir(os.path.join(brick, "lost+found"))
                self.mounted.append(brick)
            except subprocess.CalledProcessError:  # bricks are compared within one kind of file system
                for number, brick in enumerate(self.testbed.bricks):
                    size = small_bytes if number == small else 4 * small_bytes
                    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % size, "none", brick], check=True)
                    self.mounted.append(brick)

    def path(self, name):
        return os.path.join(self.testbed.mount_point, name)

    def start(self, healer=True):
        if healer:
            self.testbed.start_healer()
        self.testbed.start_mount()

    def volfile_text(self):
        with open(self.testbed.volfile) as file:
            return file.read()

    def change_volfile(self, text):
        with open(self.testbed.volfile, "w") as file:
            file.write(text)

    def fill(self, brick):
        """Takes all the space of a brick's file system, as somebody else's files would. Answers how to give it back."""
        filler = os.path.join(self.testbed.bricks[brick], ".glusterfs", "filler")
        with open(filler, "wb", buffering=0) as file:
            for size in (MIB, 4096):
                try:
                    while True:
                        file.write(b"f" * size)
                except OSError as error:
                    expect(error.errno == errno.ENOSPC, "filling the brick says %s" % error)
        return lambda: os.unlink(filler)

    def log(self, name):
        with open(os.path.join(self.testbed.folder, name), errors="replace") as file:
            return file.read()

    def write(self, name, size, seed, at=0):
        with open(self.path(name), "r+b" if os.path.exists(self.path(name)) else "wb") as file:
            file.seek(at)
            file.write(random.Random(seed).randbytes(size))
            file.flush()
            os.fsync(file.fileno())

    def healed_and_equal(self):
        self.testbed.wait_clean(60)
        differences = self.testbed.compare_bricks()
        expect(not differences, "the bricks differ: %s" % "; ".join(differences[:3]))
        for process, name in ((self.testbed.mount_process, "volmount"), (self.testbed.healer_process, "healer")):
            self.testbed.died(process, name)

    def clear(self, keep):
        self.testbed.stop(keep=True)
        for point in self.mounted:
            subprocess.run(["umount", point], capture_output=True)
        if not keep:
            Testbed.stop(self.testbed)


def a_full_target_brick(release):
    world = World(release, small=0)
    yield world
    world.start()
    world.write("old", MIB, 1)
    world.healed_and_equal()
    free = world.fill(0)
    try:
        world.write("old", 8 * MIB, 2, at=MIB)
        raise Complaint("a full brick took 8 MiB more")
    except OSError as error:
        expect(error.errno == errno.ENOSPC, "writing says \"%s\" instead of ENOSPC" % error.strerror)
    with open(world.path("old"), "rb") as file:
        expect(file.read(MIB) == random.Random(1).randbytes(MIB), "what was there before is not what is read now")
    free()
    world.write("old", 2 * MIB, 3, at=512 * 1024)
    world.write("new", MIB, 4)
    world.healed_and_equal()
    with open(world.path("old"), "rb") as file:
        expect(file.read(512 * 1024) == random.Random(1).randbytes(MIB)[:512 * 1024], "the beginning of the file is lost")
        expect(file.read(2 * MIB) == random.Random(3).randbytes(2 * MIB), "what was written after space was made is lost")


def a_full_sink_brick(release):
    world = World(release, small=1)
    yield world
    world.start()
    world.write("file", MIB, 1)
    world.healed_and_equal()
    free = world.fill(1)
    world.write("file", 8 * MIB, 2, at=MIB)  # goes on
    world.write("file", MIB, 3)
    wait_until("healctl to say which brick is full", lambda: "No space left" in world.testbed.healctl("queue").stdout, 30, 0.2)
    said = [line for line in world.testbed.healctl("queue").stdout.splitlines() if "No space left" in line]
    expect(len(said) == 1, "healctl queue says it %d times" % len(said))
    expect("demo-client-1" in said[0] or world.testbed.bricks[1] in said[0], "it does not name the brick: %s" % said[0])
    expect("make" in said[0] or "free" in said[0], "it does not say what to do: %s" % said[0])
    answer = world.testbed.healctl("wait", "--until", "clean", "--timeout", "1s")
    expect(answer.returncode != 0, "healctl wait calls a volume clean whose sink is full")
    free()
    world.healed_and_equal()


def damaged(world, damage):
    """Writes without a healer, kills the mount, damages the dead writer's journal; the healer then heals all."""
    world.start(healer=True)
    world.write("file", 16 * MIB, 1)
    world.healed_and_equal()
    world.testbed.kill_healer()
    order, model = random.Random(5), bytearray(random.Random(1).randbytes(16 * MIB))
    fd = os.open(world.path("file"), os.O_RDWR)
    for _ in range(500):
        at, page = order.randrange(4096) * 4096, order.randbytes(4096)
        os.pwrite(fd, page, at)
        model[at:at + 4096] = page
    os.fsync(fd)
    world.testbed.kill_mount()
    try:
        os.close(fd)
    except OSError:
        pass  # the mount is dead
    folder = os.path.join(world.testbed.bricks[0], ".glusterfs", "bypass")
    segments = [os.path.join(folder, writer, name) for writer in os.listdir(folder) if len(writer) == 36
                for name in sorted(os.listdir(os.path.join(folder, writer))) if name != "lock"]
    expect(segments, "the killed writer left no journal")
    with open(segments[0], "r+b") as file:
        damage(file)
    world.testbed.start_healer()
    world.testbed.start_mount()
    world.healed_and_equal()
    for brick in world.testbed.bricks:
        with open(os.path.join(brick, "file"), "rb") as file:
            expect(file.read() == model, "%s does not have what was written" % brick)
    return segments[0]


def a_journal_with_a_damaged_header(release):
    world = World(release)
    yield world

    def damage(file):
        file.seek(0)
        file.write(bytes(byte ^ 0x5A for byte in file.read(64)) and random.Random(9).randbytes(64))
    segment = damaged(world, damage)
    said = [line for line in world.log("healer.log").splitlines() if segment in line]
    expect(len(said) == 1, "the healer's log says %d times that %s is damaged: %s" % (len(said), segment, said[:3]))
    expect("healed whole" in said[0], "it does not say what follows: %s" % said[0])


def a_journal_with_damaged_records(release):
    world = World(release)
    yield world

    def damage(file):
        order, size = random.Random(7), 300 * 128
        for _ in range(60):
            at = order.randrange(256, size)
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ (1 << order.randrange(8))]))
    damaged(world, damage)


def garbage_on_every_socket(release):
    world = World(release)
    yield world
    python = next((each for each in (sys.executable, "/usr/bin/python3")
                   if subprocess.run([each, "-c", "import zmq"], capture_output=True).returncode == 0), None)
    expect(python, "no python3 here has zmq; install python3-zmq")
    world.start()
    world.write("file", 4 * MIB, 1)
    folder = os.path.join(world.testbed.runtime, next(name for name in os.listdir(world.testbed.runtime) if len(name) == 36))
    process = subprocess.Popen([python, os.path.join(os.path.dirname(os.path.abspath(__file__)), "garbage.py"), folder, "3"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    number = 0
    while process.poll() is None:  # genuine records between the garbage
        number += 1
        world.write("file", 4096, number, at=number % 1024 * 4096)
        expect(number < 100_000, "the sender of garbage does not end")
    said = process.stdout.read()
    expect(process.returncode == 0 and "nobody listens" not in said, "the sender of garbage: %s" % said.strip())
    world.healed_and_equal()
    status = world.testbed.status()
    expect(status_number(status, "records_refused") > 100, "only %s messages are counted as refused" % status_number(status, "records_refused"))
    said = [line for line in world.log("healer.log").splitlines() if "no record of this version" in line]
    expect(len(said) == 1, "the healer's log says it %d times" % len(said))
    for name in ("healer.log", "volmount.log"):
        lines = world.log(name).splitlines()
        expect(len(lines) < 200, "%s has %d lines, the last is %s" % (name, len(lines), lines[-1]))
    world.write("file", MIB, 77, at=3 * MIB)
    world.healed_and_equal()


def status_number(status, name):
    """A number somewhere in a status."""
    if isinstance(status, dict):
        return next((found for found in [status.get(name)] + [status_number(value, name) for value in status.values()]
                     if isinstance(found, int)), None)
    if isinstance(status, list):
        return next((found for found in (status_number(value, name) for value in status) if found is not None), None)
    return None


def a_second_healer(release):
    world = World(release)
    yield world
    world.start()
    world.write("file", 4 * MIB, 1)
    second = subprocess.Popen([os.path.join(world.testbed.binaries, "healer"), "--volfile", world.testbed.volfile, "--runtime-dir",
                               world.testbed.runtime], stdin=subprocess.DEVNULL, stdout=world.testbed.log("second.log"), stderr=subprocess.STDOUT)
    try:
        wait_until("the second healer", lambda: "heals demo" in world.log("second.log") or second.poll() is not None)
        for number in range(200):
            world.write("file", 4096, number, at=number * 7 % 1024 * 4096)
        wait_until("the last marks to go", lambda: not world.testbed.pending(), 60)
        expect(second.poll() is None, "the second healer ended: %s" % world.log("second.log")[-300:])
    finally:
        second.send_signal(signal.SIGTERM)
        second.wait(30)
    world.write("file", MIB, 5, at=MIB)
    world.healed_and_equal()


def a_brick_whose_file_system_is_not_mounted(release):
    world = World(release)
    yield world
    world.start()
    world.write("file", 4 * MIB, 1)
    world.healed_and_equal()
    world.testbed.stop(keep=True)
    os.makedirs(world.testbed.runtime, exist_ok=True)
    brick = world.testbed.bricks[1]
    os.rename(brick, brick + "-unmounted")
    os.mkdir(brick)
    world.start()
    for log in ("volmount.log", "healer.log"):
        expect(brick in world.log(log) and "--create" in world.log(log), "%s does not name brick and remedy" % log)
    world.write("file", MIB, 2, at=MIB)
    expect(not os.listdir(brick) and not os.listxattr(brick), "the mount point was written to")
    os.rmdir(brick)
    os.rename(brick + "-unmounted", brick)
    wait_until("the mount to take it up", lambda: "is there, and is taken up" in world.log("volmount.log"))
    world.write("file", MIB, 3, at=2 * MIB)
    world.healed_and_equal()


def expect_unknown(world, place):
    """Status, check, wait and info say that they cannot tell, and name `place` and a remedy."""
    wait_until("the state to be unknown", lambda: world.testbed.status()["volumes"][0]["state"] == "unknown", 10, 0.1)
    spot = world.testbed.status()["volumes"][0]["unseen"][0]
    expect(place in spot["where"] and spot["reason"] and spot["remedy"], "it is not said what is not seen: %s" % spot)
    text, check = world.testbed.healctl("status"), world.testbed.healctl("status", "--check")
    expect(place in text.stdout and spot["remedy"] in text.stdout, "status says %s" % text.stdout)
    expect((text.returncode, check.returncode) == (3, 3), "status and --check end with %d, %d" % (text.returncode, check.returncode))
    wait = world.testbed.healctl("wait", "--until", "clean", "--timeout", "1s")
    expect(wait.returncode == 124 and place in wait.stderr and "clean" not in wait.stderr, "wait ends with %d: %s" % (wait.returncode, wait.stderr))


def an_index_that_cannot_be_read(release):
    world = World(release)
    yield world
    world.start()
    world.write("file", MIB, 1)
    world.healed_and_equal()
    brick = world.testbed.bricks[1]
    index = os.path.join(brick, ".glusterfs", "indices", "xattrop")
    os.rename(index, index + ".away")
    open(index, "w").close()
    expect_unknown(world, brick)
    info = world.testbed.healctl("info")
    expect(info.returncode == 3 and "%s  unknown: " % brick in info.stdout, "info says %s" % info.stdout)
    os.unlink(index)
    os.rename(index + ".away", index)
    world.healed_and_equal()


def a_graph_without_an_index(release):
    world = World(release)
    yield world
    text = world.volfile_text()
    cut = text.index("volume demo-locks-1")
    without = text[:cut] + text[cut:].replace("demo-locks-1", "demo-client-1", 1).replace(
        "volume demo-client-1\n    type features/index\n    subvolumes demo-locks-1\nend-volume", "", 1)
    world.change_volfile(without)
    world.testbed.start_healer()
    expect_unknown(world, world.testbed.bricks[1])
    world.change_volfile(text)
    world.testbed.kill_healer()
    world.start()
    world.healed_and_equal()


def a_volume_that_became_one_it_cannot_serve(release):
    world = World(release)
    yield world
    world.start()
    world.healed_and_equal()
    text = world.volfile_text()
    for change in (lambda: text.replace("cluster/replicate", "cluster/unheard-of"), lambda: text.replace("demo-", "other-")):
        world.change_volfile(change())
        world.testbed.healer_process.send_signal(signal.SIGHUP)
        expect_unknown(world, world.testbed.volfile)
        world.change_volfile(text)
        world.testbed.healer_process.send_signal(signal.SIGHUP)
        world.healed_and_equal()


def a_volume_whose_parts_were_renamed(release):
    world = World(release)
    yield world
    world.start()
    world.write("file", MIB, 1)
    world.healed_and_equal()
    world.testbed.kill_healer()
    world.write("file", 4096, 2)
    subprocess.run(["umount", world.testbed.mount_point], check=True)
    world.testbed.mount_process.wait()
    marks = world.testbed.pending()
    expect(marks, "nothing is pending")
    text = world.volfile_text()
    world.change_volfile(text.replace("demo-", "new-"))
    world.testbed.start_healer()
    wait_until("the old mark to be told", lambda: world.testbed.status()["volumes"][0]["state"] == "failed", 20, 0.1)
    told = world.testbed.healctl("status").stdout
    expect("trusted.afr.demo-client-1" in told and "setfattr -x" in told, "status says %s" % told)
    expect("trusted.afr.demo-client-1" in world.testbed.healctl("info").stdout, "info does not tell the old mark")
    expect(world.testbed.healctl("wait", "--until", "clean", "--timeout", "1s").returncode == 124, "the volume is called clean")
    expect(world.testbed.pending() == marks, "marks were changed: %s" % world.testbed.pending())
    world.testbed.kill_healer()
    world.change_volfile(text)
    world.start()
    world.healed_and_equal()


def a_bypass_target_that_is_lost(release):
    world = World(release)
    yield world
    testbed = world.testbed
    testbed.start_mount()
    world.write("file", MIB, 1)
    testbed.kill_mount()
    target = testbed.bricks[0]
    os.rename(target, target + "-lost")
    try:
        testbed.start_mount()
        raise Complaint("a mount took what the other brick has for all there is")
    except TestbedError as refusal:
        expect(target in str(refusal) and "on-missing-target" in str(refusal), "the refusal does not name brick and remedy: %s" % refusal)
    testbed.mount_options = "on-missing-target=read-only"
    testbed.start_mount()
    expect(os.path.exists(world.path("file")), "the other brick's names cannot be seen")
    try:
        open(world.path("new"), "w").close()
        raise Complaint("the copies that are left were changed")
    except OSError as error:
        expect(error.errno == errno.EROFS, "a change says %s" % error)
    testbed.kill_mount()
    os.rename(target + "-lost", target)
    testbed.mount_options = ""
    world.start()
    world.healed_and_equal()
    wait_until("the marks on the roots to go", lambda: not any(
        name.startswith("trusted.bypass.ahead.") for brick in testbed.bricks for name in os.listxattr(brick)), 30)


CASES = (a_full_target_brick, a_full_sink_brick, a_journal_with_a_damaged_header, a_journal_with_damaged_records,
         garbage_on_every_socket, a_second_healer, a_brick_whose_file_system_is_not_mounted,
         an_index_that_cannot_be_read, a_graph_without_an_index,
         a_volume_that_became_one_it_cannot_serve, a_volume_whose_parts_were_renamed, a_bypass_target_that_is_lost)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--debug-build", action="store_true", help="use the debug build of the commands")
    parser.add_argument("--only", help="only cases whose name contains this")
    arguments = parser.parse_args()
    passed = failed = 0
    for case in CASES:
        name = case.__name__.replace("_", " ")
        if arguments.only and arguments.only not in name:
            continue
        steps, is_bad, world = case(not arguments.debug_build), False, None
        try:
            world = next(steps)
            next(steps, None)
            print("ok: %s" % name, flush=True)
        except (Complaint, TestbedError, OSError, subprocess.SubprocessError) as complaint:
            is_bad = True
            print("FAILED: %s: %s" % (name, complaint), flush=True)
        finally:
            if world:
                world.clear(keep=is_bad)
                if is_bad:
                    print("bricks and logs are left in %s" % world.testbed.folder)
        passed, failed = (passed, failed + 1) if is_bad else (passed + 1, failed)
    print("bad-world: %d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
