"""What two mounts of one volume promise each other: whoever opens or locks a file sees what was written before a close or an
unlock, and a file that is replaced while it is read is read to its end.
"""
import os
import struct
import subprocess
import sys
import threading

from testbed import expect

COUNT = """
import fcntl, os, struct, sys
lock, unlock = (fcntl.flock, fcntl.LOCK_UN) if sys.argv[2] == "flock" else (fcntl.lockf, fcntl.LOCK_UN)
fd = os.open(sys.argv[1], os.O_RDWR)
for _ in range(int(sys.argv[3])):
    lock(fd, fcntl.LOCK_EX)
    number, = struct.unpack("<q", os.pread(fd, 8, 0))
    os.pwrite(fd, struct.pack("<q", number + 1), 0)
    lock(fd, unlock)
"""


def expect_close_to_open(writer, reader, rounds=8):
    """The reader has looked at each file a moment before the writer changes it, by length in every other round."""
    for number in range(rounds):
        name = "closed-%d" % number
        before = b"old" * 1000
        with open(os.path.join(writer, name), "wb") as file:
            file.write(before)
        for turn in range(2):
            with open(os.path.join(reader, name), "rb") as file:
                expect(file.read() == before, "%s: what was closed in turn %d is not what is read" % (name, turn))
            os.stat(os.path.join(reader, name))
            before = (b"new" if turn == 0 else b"longer") * 1000
            with open(os.path.join(writer, name), "r+b") as file:
                file.write(before)
        with open(os.path.join(reader, name), "rb") as file:
            expect(file.read() == before, "%s: what was closed last is not what is read" % name)


def expect_no_update_lost(mounts, turns):
    """A counter under a lock that a process on each mount takes."""
    for kind in ("flock", "fcntl"):
        with open(os.path.join(mounts[0], "counter-" + kind), "wb") as file:
            file.write(struct.pack("<q", 0))
        counters = [subprocess.Popen([sys.executable, "-c", COUNT, os.path.join(mount, "counter-" + kind), kind, str(turns)])
                    for mount in mounts]
        try:
            expect(all(counter.wait(120) == 0 for counter in counters), "a counter under %s failed" % kind)
        finally:
            for counter in counters:
                counter.kill()
        for mount in mounts:
            with open(os.path.join(mount, "counter-" + kind), "rb") as file:
                number, = struct.unpack("<q", file.read())
            expect(number == turns * len(mounts), "under %s %d of %d updates are there" % (kind, number, turns * len(mounts)))


def expect_replaced_while_read(writer, reader, replacements):
    """Readers open and read a name that is replaced all the time by files just written: each reads one of them, whole."""
    path, ending, complaints, reads = os.path.join(reader, "replaced"), threading.Event(), [], [0]

    def replace(number):
        with open(os.path.join(writer, "replacement"), "wb") as file:
            file.write(b"%06d" % number * 500)
        os.rename(os.path.join(writer, "replacement"), os.path.join(writer, "replaced"))

    def read_on():
        while not ending.is_set():
            try:
                with open(path, "rb") as file:
                    content = file.read()
                if content != content[:6] * 500:
                    complaints.append("%d bytes, not one content" % len(content))
                reads[0] += 1
            except OSError as error:
                complaints.append(str(error))

    replace(0)
    threads = [threading.Thread(target=read_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(replacements):
            replace(number)
    finally:
        ending.set()
        for thread in threads:
            thread.join()
    # (On glusterfs's own mount 366 of 6,500 opens fail with ESTALE, and most where another mount replaces the file.)
    expect(not complaints, "%d of %d opens met %s" % (len(complaints), reads[0] + len(complaints), complaints[:3]))
