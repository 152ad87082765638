"""Files that several mounts of a cluster's volume use at once, ours and glusterfs's own: nobody waits long for a turn, however
long a bypass writer keeps a file open.
"""
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import run_cases  # noqa: E402
from sharing import expect_close_to_open, expect_no_update_lost, expect_replaced_while_read  # noqa: E402
from testbed import expect, wait_until  # noqa: E402
from trees import write  # noqa: E402

# What is done to the file PATH, for which whoever does it locks something or removes an inode.
TURNS = {
    "unlink": "os.unlink(PATH)",
    "rename over": "os.rename(PATH + '.new', PATH)",
    "truncate": "os.truncate(PATH, 100)",
    "open with O_TRUNC": "os.close(os.open(PATH, os.O_WRONLY | os.O_TRUNC))",
    "chmod": "os.chmod(PATH, 0o600)",
    "write and fsync": "fd = os.open(PATH, os.O_WRONLY); os.pwrite(fd, b'theirs', 0); os.fsync(fd)",
}
TURN = "import os, sys, time; PATH = sys.argv[1]; began = time.monotonic(); %s; print(time.monotonic() - began)"


class Turn:
    """A process that does one thing to a file of a mount; it may hang there, so this one does not do it itself."""

    def __init__(self, what, path):
        self.process = subprocess.Popen([sys.executable, "-c", TURN % TURNS[what], path], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def seconds(self):
        """It took; None: it has not ended within 10 s."""
        try:
            said, complaint = self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            return None
        expect(self.process.returncode == 0, "it failed: %s" % complaint.strip().splitlines()[-1:])
        return float(said)


@contextlib.contextmanager
def writing(path, busily, longest=None):
    """The file is open, and an epoch with it; `busily`: it is written all the time. Its writer hears of no error. `longest[0]`
    becomes the seconds of the longest of its writes.
    """
    fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    ending, errors = threading.Event(), []

    def write_on():
        try:
            while not ending.is_set():
                began = time.monotonic()
                os.pwrite(fd, b"ours", 4096)
                if longest:
                    longest[0] = max(longest[0], time.monotonic() - began)
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=write_on)
    try:
        os.pwrite(fd, b"first", 0)
        if busily:
            thread.start()
            time.sleep(0.1)
        yield fd
        os.pwrite(fd, b"last", 8192)
        expect(os.pread(fd, 4, 8192) == b"last", "the writer does not read what it wrote")
        os.fsync(fd)
    finally:
        ending.set()
        if busily:
            thread.join()
        os.close(fd)
    expect(not errors, "the writer met %s" % errors)


def turns_beside_a_bypass_writer(cluster):
    """Each of those things ends within a second, by whichever mount it is done, beside a writer that rests or writes on."""
    volume = cluster.volume("turns", "replica 2", 2)
    volume.set("cluster.self-heal-daemon", "off")
    options = ("bypass", "target=turns-client-0")
    writer = volume.mount_ours(*options, what="writer")
    mounts = {"glusterfs's mount": volume.mount_genuine(), "another of ours": volume.mount_ours(*options, what="other")}
    number = 0
    for busily in (False, True):
        for whose, mount in mounts.items():
            for what in TURNS:
                number += 1
                name = "file-%d" % number
                if what == "rename over":
                    write(os.path.join(mount, name + ".new"), b"new")
                with writing(os.path.join(writer, name), busily):
                    seconds = Turn(what, os.path.join(mount, name)).seconds()
                expect(seconds is not None and seconds < 1, "%s by %s, beside a %s writer: %s s" % (
                    what, whose, "busy" if busily else "resting", seconds))


def a_file_that_its_writers_host_removes_too(cluster):
    """As a daemon does with its pid file: the other host's removal is under way when the writer's own begins."""
    volume = cluster.volume("pids", "replica 2", 2)
    options = ("bypass", "target=pids-client-0")
    writer = volume.mount_ours(*options, what="writer")
    other = volume.mount_genuine()
    with writing(os.path.join(writer, "daemon.pid"), False):
        theirs = subprocess.Popen(["rm", "-f", os.path.join(other, "daemon.pid")])
        ours = subprocess.Popen(["rm", "-f", os.path.join(writer, "daemon.pid")])
        for whose, process in (("the other host's", theirs), ("its own", ours)):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                expect(False, "%s rm hangs" % whose)
    expect(not any(os.path.exists(os.path.join(brick, "daemon.pid")) for brick in volume.bricks), "it is still there")


def what_is_closed_or_unlocked_is_seen(cluster):
    """Between two mounts with bypass, each to its own brick, and one without; the healer runs."""
    volume = cluster.volume("seen", "replica 2", 2)
    volume.set("cluster.self-heal-daemon", "off")
    first = volume.mount_ours("bypass", "target=seen-client-0", what="first")
    second = volume.mount_ours("bypass", "target=seen-client-1", what="second")
    plain = volume.mount_ours(what="plain")
    volume.start_healer()
    for reader in (second, plain):
        expect_close_to_open(first, reader)
    expect_no_update_lost((first, second, plain), 100)
    expect_replaced_while_read(first, first, 150)
    expect_replaced_while_read(first, second, 150)


def a_heal_by_glusterfs_beside_a_bypass_writer(cluster):
    """Its daemon copies what a brick missed while it was away, although a bypass writer has the file open again, which waits for
    none of it long.
    """
    volume = cluster.volume("daemon", "replica 2", 2)
    writer = volume.mount_ours("bypass", "target=daemon-client-0", what="writer")
    genuine = volume.mount_genuine()
    missed = b"missed" * 100000
    for busily in (False, True):
        name = "file-%s" % busily
        write(os.path.join(genuine, name), bytes(4 << 20))
        volume.kill_brick(1)
        wait_until("the brick's absence to be noted", lambda: "daemon-client-1" in volume.said("writer"), 20, 0.1)
        with open(os.path.join(genuine, name), "r+b") as file:
            file.seek(1 << 20)
            file.write(missed)
        volume.start("force")
        longest = [0.0]
        with writing(os.path.join(writer, name), busily, longest):
            def is_there():
                with open(os.path.join(volume.bricks[1], name), "rb") as file:
                    file.seek(1 << 20)
                    return file.read(len(missed)) == missed

            def asked():
                volume.cluster.ask("volume", "heal", volume.name)
                return is_there()

            wait_until("glusterfs to heal beside a %s writer" % ("busy" if busily else "resting"), asked, 20, 0.2)
        expect(longest[0] < 1, "a write beside the heal took %.2f s" % longest[0])


def an_fsync_of_all_beside_a_writer_through_replicate(cluster):
    """It needs no pause of the other host's writer, which has the file dirty at nearly every moment."""
    volume = cluster.volume("beside", "replica 2", 2)
    volume.set("cluster.self-heal-daemon", "off")
    syncer = volume.mount_ours("bypass", "target=beside-client-0", "fsync=all", what="syncer")
    mounts = {"glusterfs's mount": volume.mount_genuine(), "ours without bypass": volume.mount_ours(what="plain")}
    volume.start_healer()
    for number, (whose, mount) in enumerate(mounts.items()):
        name = "file-%d" % number
        with writing(os.path.join(mount, name), True), open(os.path.join(syncer, name), "r+b", buffering=0) as file:
            for _ in range(5):
                began = time.monotonic()
                os.fsync(file.fileno())
                seconds = time.monotonic() - began
                expect(seconds < 1, "fsync=all beside %s: %.2f s" % (whose, seconds))


CASES = (an_fsync_of_all_beside_a_writer_through_replicate, turns_beside_a_bypass_writer, a_heal_by_glusterfs_beside_a_bypass_writer,
         a_file_that_its_writers_host_removes_too, what_is_closed_or_unlocked_is_seen)


if __name__ == "__main__":
    run_cases("files of several mounts", CASES)
