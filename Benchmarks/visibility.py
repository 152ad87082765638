"""When does each kind of reader see what a mount with bypass has written? Milliseconds, on a two-brick volume of a real glusterd.

One program writes a number into a file, closed after each write or kept open; every reader looks again each millisecond,
by a descriptor that it keeps or by opening the file anew, and says when it saw the number. The figures stand in
docs/consistency.md.
"""
import ctypes
import multiprocessing
import os
import statistics
import sys
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(REPOSITORY, "Tests", "EndToEnd"))
from cluster import Cluster  # noqa: E402
from testbed import TestbedError, wait_until  # noqa: E402

NUMBER_BYTES = 8
NAME = "seen"
PAUSE_SECONDS = 1.3  # more than attribute-timeout: a reader's belief is old, the writer's epoch has ended


class OpenFile:
    """Reads by a descriptor that was opened once."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_RDONLY)

    def number(self):
        return int.from_bytes(os.pread(self.descriptor, NUMBER_BYTES, 0), "big")


class OpenedAnew:
    """Opens the file for each look."""

    def __init__(self, path):
        self.path = path

    def number(self):
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            return int.from_bytes(os.pread(descriptor, NUMBER_BYTES, 0), "big")
        finally:
            os.close(descriptor)


class Gfapi:
    """GlusterFS's client library, as QEMU, Samba and NFS-Ganesha use it: opens the file for each look."""

    def __init__(self, volume):
        self.library = ctypes.CDLL("libgfapi.so.0")
        for name in ("glfs_new", "glfs_open"):
            getattr(self.library, name).restype = ctypes.c_void_p
        self.library.glfs_pread.restype = ctypes.c_ssize_t
        self.library.glfs_pread.argtypes = [
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, ctypes.c_int, ctypes.c_void_p]
        self.volume = ctypes.c_void_p(self.library.glfs_new(volume.encode()))
        self.library.glfs_set_volfile_server(self.volume, b"tcp", b"127.1.1.1", 24007)
        self.library.glfs_set_logging(self.volume, b"/dev/null", 0)
        if self.library.glfs_init(self.volume):
            raise TestbedError("gfapi cannot reach the volume %s" % volume)

    def number(self):
        file = ctypes.c_void_p(self.library.glfs_open(self.volume, b"/" + NAME.encode(), os.O_RDONLY))
        if not file:
            return 0
        page = ctypes.create_string_buffer(NUMBER_BYTES)
        self.library.glfs_pread(file, page, NUMBER_BYTES, 0, 0, None)
        self.library.glfs_close(file)
        return int.from_bytes(page.raw, "big")


class Reader(multiprocessing.Process):
    """Looks at the file until it is told to end, and notes when each number was seen first."""

    def __init__(self, name, make, *arguments):
        super().__init__(daemon=True)
        self.label, self.make, self.arguments = name, make, arguments
        self.sought, self.seen_at = multiprocessing.Value("q", 0), multiprocessing.Value("d", 0.0)
        self.seen, self.ended = multiprocessing.Value("q", 0), multiprocessing.Value("b", 0)

    def run(self):
        source = self.make(*self.arguments)
        while not self.ended.value:
            try:
                number = source.number()
            except OSError:
                number = 0
            if number >= self.sought.value > self.seen.value:
                self.seen_at.value = time.monotonic()
                self.seen.value = number
            time.sleep(0.001)


def delays(writer_path, readers, samples, closes):
    """{reader: milliseconds from the write's (or close's) return until it was seen, one for each sample}."""
    found = {reader.label: [] for reader in readers}
    kept = os.open(writer_path, os.O_RDWR)
    start = max(reader.seen.value for reader in readers) + 1
    for number in range(start, start + samples):
        time.sleep(PAUSE_SECONDS)
        for reader in readers:
            reader.sought.value = number
        descriptor = os.open(writer_path, os.O_RDWR) if closes else kept
        os.pwrite(descriptor, number.to_bytes(NUMBER_BYTES, "big"), 0)
        if closes:
            os.close(descriptor)
        written = time.monotonic()
        for reader in readers:
            wait_until(reader.label, lambda: reader.seen.value >= number, 30, 0.002)
            found[reader.label].append(max(0.0, (reader.seen_at.value - written) * 1000))
    os.close(kept)
    return found


def readers_of(volume, writer):
    mounts = {
        "the writing mount": writer,
        "ours with bypass, target brick 1": volume.mount_ours("bypass", "target=%s-client-1" % volume.name, what="other"),
        "ours without bypass": volume.mount_ours(what="plain"),
        "GlusterFS's mount": volume.mount_genuine(),
    }
    with open(os.path.join(writer, NAME), "wb") as file:
        file.write(bytes(4096))
    volume.wait_clean()
    for name, path in mounts.items():
        yield Reader(name + ", kept open", OpenFile, os.path.join(path, NAME))
        yield Reader(name + ", opened anew", OpenedAnew, os.path.join(path, NAME))
    yield Reader("gfapi, opened anew", Gfapi, volume.name)
    yield Reader("the other brick's disk", OpenedAnew, os.path.join(volume.bricks[1], NAME))


def run(samples):
    cluster = Cluster()
    readers = []
    try:
        volume = cluster.volume("visible", "replica 2", 2)
        volume.set("cluster.self-heal-daemon", "off")
        volume.start_healer()
        writer = volume.mount_ours("bypass", "target=%s-client-0" % volume.name, what="writer")
        readers = list(readers_of(volume, writer))
        for reader in readers:
            reader.start()
        figures = {}
        for closes in (False, True):
            print("after %s: milliseconds until seen, median and longest of %d" % ("close" if closes else "write", samples))
            for label, values in delays(os.path.join(writer, NAME), readers, samples, closes).items():
                print("  %-42s %7.0f %7.0f" % (label, statistics.median(values), max(values)), flush=True)
                figures[("close" if closes else "write") + ": " + label] = max(values)
        return figures
    finally:
        for reader in readers:
            reader.ended.value = 1
        for reader in readers:
            if reader.is_alive():
                reader.join(10)
        cluster.stop()
