"""4 KiB random and 1 MiB sequential I/O, and file creation, on: the plain directory ("local"), libfuse's passthrough_ll
("C FUSE") in the same cache mode, the genuine GlusterFS replica 2 mount, and ours with bypass. Rounds are interleaved;
medians and ratios are printed.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(REPOSITORY, "Tests", "EndToEnd"))
from cluster import Cluster  # noqa: E402
from testbed import Testbed, wait_until  # noqa: E402

FILE_MIB = 256
# name: fio arguments
JOBS = {
    "4k-randwrite-1": "--rw=randwrite --bs=4k --numjobs=1",
    "4k-randwrite-4": "--rw=randwrite --bs=4k --numjobs=4",
    "4k-randread-1": "--rw=randread --bs=4k --numjobs=1",
    "4k-randread-4": "--rw=randread --bs=4k --numjobs=4",
    "4k-fdatasync-1": "--rw=randwrite --bs=4k --numjobs=1 --fdatasync=1",
    "1m-write-1": "--rw=write --bs=1m --numjobs=1",
    "1m-write-4": "--rw=write --bs=1m --numjobs=4",
    "1m-read-1": "--rw=read --bs=1m --numjobs=1",
}


def mounted(path):
    with open("/proc/self/mounts") as mounts:
        return any(line.split()[1] == path for line in mounts)


class Local:
    name = "local"

    def __init__(self, folder, writeback):
        self.path = os.path.join(folder, "local")
        os.mkdir(self.path)

    def settle(self):
        pass

    def stop(self):
        pass


class CFuse:
    name = "C FUSE"

    def __init__(self, folder, writeback):
        source = "/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c"
        if os.path.exists(source + ".gz"):
            subprocess.run("gzip -dc %s.gz > %s/passthrough_ll.c" % (source, folder), shell=True, check=True)
            source = os.path.join(folder, "passthrough_ll.c")
        if not os.path.exists(source):
            raise RuntimeError("libfuse3-dev's examples are not installed")
        program = os.path.join(folder, "passthrough_ll")
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"], capture_output=True, text=True, check=True).stdout.split()
        subprocess.run(["gcc", "-O2", "-Wall", source, "-I/usr/share/doc/libfuse3-dev/examples", "-o", program, *flags], check=True)
        back, self.path = os.path.join(folder, "cfuse-back"), os.path.join(folder, "cfuse")
        os.mkdir(back)
        os.mkdir(self.path)
        # With the writeback cache ours keeps a file's pages from one open to the next, and so must this. It would else write
        # all of them in the open of each job but the first, which fio does not count, while the others write alone.
        options = "source=%s,%s,allow_other,default_permissions" % (back, "writeback,cache=always" if writeback else "cache=auto")
        self.process = subprocess.Popen([program, "-f", "-o", options, self.path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("passthrough_ll", lambda: mounted(self.path))

    def settle(self):
        pass

    def stop(self):
        subprocess.run(["umount", self.path])
        self.process.wait(10)


class GlusterFS:
    name = "GlusterFS"

    def __init__(self, folder, writeback):
        if not shutil.which("glusterd"):
            raise RuntimeError("glusterfs-server is not installed")
        self.cluster = Cluster()
        self.path = self.cluster.volume("bench", "replica 2", 2).mount_genuine()

    def settle(self):
        pass

    def stop(self):
        self.cluster.stop()


class Bypass:
    name = "bypass"

    def __init__(self, folder, writeback):
        self.testbed = Testbed(scratch=folder, mount_options="cache-mode=writeback-cache" if writeback else "")
        self.testbed.start_healer()
        self.testbed.start_mount()
        self.path = self.testbed.mount_point

    def settle(self):
        self.testbed.wait_clean()

    def stop(self):
        self.testbed.stop()


def settle(systems):
    """What earlier jobs left dirty in the kernel's cache, and the healer's work on it, is not the next job's: kernels
    drop a file's pages at an open or keep them, as the mount says, and would charge one system and not the other. The
    plain directory, which comes first, is synced last, and with it what the mounts have written on its file system.
    """
    for system in reversed(systems):
        subprocess.run(["sync", "-f", system.path], check=True)
        system.settle()


def fio(path, arguments, milliseconds):
    command = ["fio", "--name=x", "--filename=%s/file" % path, "--size=%dm" % FILE_MIB, "--ioengine=psync", "--time_based",
               "--runtime=%dms" % milliseconds, "--ramp_time=300ms", "--group_reporting", "--output-format=json",
               "--randrepeat=0", "--fallocate=none", *arguments.split()]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["jobs"][0]
    side = answer["read"] if answer["read"]["io_bytes"] else answer["write"]
    return side["iops"]


def create_files(path, milliseconds):
    """Files created, written with 4 KiB and closed per second."""
    folder = os.path.join(path, "many")
    os.mkdir(folder)
    page, count, began = os.urandom(4096), 0, time.perf_counter()
    while time.perf_counter() - began < milliseconds / 1000:
        fd = os.open(os.path.join(folder, str(count)), os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(fd, page)
        os.close(fd)
        count += 1
    took = time.perf_counter() - began
    shutil.rmtree(folder)
    return count / took


def measure(systems, jobs, rounds, milliseconds):
    """{(system's name, job): median of operations per second}, of interleaved rounds."""
    figures = {(system.name, job): [] for system in systems for job in jobs}
    for system in systems:
        with open(os.path.join(system.path, "file"), "wb") as file:
            for _ in range(FILE_MIB):
                file.write(os.urandom(1 << 20))
            os.fsync(file.fileno())
    for number in range(rounds):
        for job in jobs:
            for system in systems:
                settle(systems)
                work = create_files if job == "create-4k" else (lambda path, ms: fio(path, JOBS[job], ms))
                figures[system.name, job].append(work(system.path, milliseconds))
        print("round %d of %d done" % (number + 1, rounds), file=sys.stderr, flush=True)
    return {key: statistics.median(values) for key, values in figures.items()}


def run(rounds, milliseconds, cache_mode, only=(), without=()):
    """Prints operations per second and ratios; answers {job: {other system: ratio}}."""
    writeback = cache_mode == "writeback-cache"
    folder = tempfile.mkdtemp(prefix="bench-", dir=os.environ.get("SCRATCH"))
    systems = []
    jobs = [name for name in [*JOBS, "create-4k"] if not only or name in only]
    try:
        for kind in (Local, CFuse, GlusterFS, Bypass):
            if kind.name in without:
                continue
            try:
                systems.append(kind(folder, writeback))
            except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
                if kind in (Local, Bypass):
                    raise
                print("left out: %s: %s" % (kind.name, error))
        medians = measure(systems, jobs, rounds, milliseconds)
    finally:
        for system in systems:
            system.stop()
        shutil.rmtree(folder, ignore_errors=True)
    others = [system.name for system in systems if system.name != "bypass"]
    print("%s, %d rounds, medians of operations per second" % (cache_mode, rounds))
    print("%-16s" % "" + "".join("%12s" % system.name for system in systems) + "".join("%12s" % ("/ " + name) for name in others))
    ratios = {}
    for job in jobs:
        ratios[job] = {name: medians["bypass", job] / medians[name, job] for name in others}
        print("%-16s" % job + "".join("%12.0f" % medians[system.name, job] for system in systems)
              + "".join("%12.2f" % ratios[job][name] for name in others))
    return ratios
