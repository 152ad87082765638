"""A replicated volume on directories of this machine, with real processes: bricks, `volmount`, `healer`, `healctl`.

Used by the demo and by the end-to-end tests. Nothing here decides what is right; `compare_bricks` says what differs.
"""
import array
import errno
import fcntl
import hashlib
import json
import os
import signal
import shutil
import stat
import struct
import subprocess
import tempfile
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VOLUME = "demo"


class TestbedError(Exception):
    """One sentence for people."""


class Complaint(Exception):
    """What is wrong, for people."""


def expect(claim, sentence):
    if not claim:
        raise Complaint(sentence)


def wait_until(what, condition, seconds=30, pause=0.01):
    """Polls `condition` until it is true; raises with `what` when `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TestbedError("waited %g s in vain for %s" % (seconds, what))
        time.sleep(pause)


def check_scratch(folder, bytes_needed):
    """One sentence for what makes `folder` unfit to hold bricks, or None."""
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if free < bytes_needed:
        return "%s has %d MiB free, %d MiB are needed; set SCRATCH to a folder with more" % (
            folder, free >> 20, bytes_needed >> 20)
    with tempfile.NamedTemporaryFile(dir=folder) as probe:
        try:
            os.setxattr(probe.name, "trusted.bypass-probe", b"1")
        except OSError as error:
            return "%s takes no trusted xattrs (%s); set SCRATCH to a folder on ext4 or xfs, and run as root" % (
                folder, error.strerror)
        os.ftruncate(probe.fileno(), 1 << 20)
        try:
            if os.lseek(probe.fileno(), 0, os.SEEK_HOLE) != 0:
                return "%s does not report holes (SEEK_HOLE); set SCRATCH to a folder on ext4 or xfs" % folder
        except OSError as error:
            return "%s does not know SEEK_HOLE (%s); set SCRATCH to a folder on ext4 or xfs" % (folder, error.strerror)
    return None


def objects_of(brick):
    """Relative paths of everything on a brick, GlusterFS's own folders left out."""
    found = []
    for folder, directories, files in os.walk(brick):
        if folder == brick:
            directories[:] = [name for name in directories if not name.startswith(".glusterfs")]
        found += [os.path.relpath(os.path.join(folder, name), brick) for name in directories + files]
    return sorted(found)


def pending_on(bricks):
    """(brick, path, xattr, counts) of every count of GlusterFS's that is not zero."""
    found = []
    for number, brick in enumerate(bricks):
        for path in ["."] + objects_of(brick):
            for name, value in xattrs_of(os.path.join(brick, path)).items():
                if name.startswith("trusted.afr.") and not name.startswith("trusted.afr.bypass.") and any(value):
                    found.append((number, path, name, struct.unpack(">3i", value)))
    return found


class LoopFileSystem:
    """An ext4 of `size` bytes in the file `image`, for a folder that has to be a file system of its own.

    `mount` raises CalledProcessError where there are no loop devices, as in many containers.
    """

    def __init__(self, image, folder, size, *mkfs_options):
        self.image, self.folder = image, folder
        with open(image, "wb") as file:
            file.truncate(size)
        subprocess.run(["mkfs.ext4", "-q", "-F", *mkfs_options, image], check=True, capture_output=True)

    def mount(self, options=""):
        subprocess.run(["mount", "-o", ",".join(filter(None, ["loop", options])), self.image, self.folder], check=True,
                       capture_output=True)

    def unmount(self):
        subprocess.run(["umount", self.folder], capture_output=True)

    def shut_down(self):
        """Ends it without writing anything more, as xfstests do: EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32)."""
        no_log_flush = 2
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, 0x8004587D, array.array("I", [no_log_flush]))
        finally:
            os.close(descriptor)


class Testbed:
    """`replicas` bricks under one scratch folder, or the given ones, a mount with bypass to the first, and a healer."""

    def __init__(self, scratch=None, replicas=2, bypass_options=(), mount_options="", release=True, replicate_options=(),
                 bricks=None, volume=VOLUME):
        self.folder = tempfile.mkdtemp(prefix="bypass-", dir=scratch or os.environ.get("SCRATCH"))
        self.volume = volume
        self.bricks = bricks or [os.path.join(self.folder, "brick%d" % i) for i in range(replicas)]
        self.mount_point = os.path.join(self.folder, "mnt")
        # Not below the scratch folder: a socket's path has 107 bytes at most, and two UUIDs are in it.
        self.runtime = tempfile.mkdtemp(prefix="run-")
        self.volfile = os.path.join(self.folder, "%s.vol" % volume)
        self.binaries = os.path.join(REPOSITORY, ".build", "release" if release else "debug")
        self.mount_options = mount_options
        self.mount_process = self.healer_process = None
        for path in self.bricks + [self.mount_point]:
            os.makedirs(path, exist_ok=True)
        with open(self.volfile, "w") as file:
            file.write(self.volfile_text(bypass_options, replicate_options))

    def volfile_text(self, bypass_options, replicate_options):
        parts = []
        for number, brick in enumerate(self.bricks):
            parts.append("volume %s-posix-%d\n    type storage/posix\n    option directory %s\nend-volume" % (self.volume, number, brick))
            parts.append("volume %s-locks-%d\n    type features/locks\n    subvolumes %s-posix-%d\nend-volume" % (self.volume, number, self.volume, number))
            parts.append("volume %s-client-%d\n    type features/index\n    subvolumes %s-locks-%d\nend-volume" % (self.volume, number, self.volume, number))
        children = " ".join("%s-client-%d" % (self.volume, number) for number in range(len(self.bricks)))
        options = "".join("    option %s\n" % option for option in replicate_options)
        parts.append("volume %s-replicate-0\n    type cluster/replicate\n%s    subvolumes %s\nend-volume" % (self.volume, options, children))
        options = "".join("    option %s\n" % option for option in ("target %s-client-0" % self.volume, *bypass_options))
        parts.append("volume %s-bypass\n    type features/bypass\n%s    subvolumes %s-replicate-0\nend-volume" % (self.volume, options, self.volume))
        parts.append("volume %s\n    type debug/io-stats\n    subvolumes %s-bypass\nend-volume" % (self.volume, self.volume))
        return "\n\n".join(parts) + "\n"

    # Processes.

    def log(self, name):
        return open(os.path.join(self.folder, name), "ab")

    def start_mount(self):
        options = ",".join(filter(None, ["runtime-dir=" + self.runtime, self.mount_options]))
        command = [os.path.join(self.binaries, "volmount"), "--foreground", "--volfile", self.volfile, "-o", options]
        self.mount_process = subprocess.Popen(
            command + [self.mount_point], stdin=subprocess.DEVNULL, stdout=self.log("volmount.log"), stderr=subprocess.STDOUT,
            start_new_session=True)
        wait_until("the mount on %s" % self.mount_point, lambda: self.is_mounted() or self.died(self.mount_process, "volmount"))

    def start_healer(self):
        self.healer_process = subprocess.Popen(
            [os.path.join(self.binaries, "healer"), "--volfile", self.volfile, "--runtime-dir", self.runtime],
            stdin=subprocess.DEVNULL, stdout=self.log("healer.log"), stderr=subprocess.STDOUT, start_new_session=True)
        # 3: a healer that was killed left its socket behind; the new one removes it after some seconds.
        wait_until("the healer to answer", lambda: self.healctl("status", "--json").returncode in (0, 3)
                   or self.died(self.healer_process, "healer"))

    def died(self, process, name):
        if process.poll() is None:
            return False
        with open(os.path.join(self.folder, "%s.log" % name), errors="replace") as file:
            raise TestbedError("%s ended with %d: %s" % (name, process.returncode, file.read()[-2000:].strip()))

    def expect_alive(self):
        self.died(self.mount_process, "volmount")
        self.died(self.healer_process, "healer")

    def is_mounted(self):
        with open("/proc/self/mounts") as mounts:
            return any(line.split()[1] == self.mount_point for line in mounts)

    def healctl(self, *arguments, timeout=60):
        return subprocess.run([os.path.join(self.binaries, "healctl"), "--runtime-dir", self.runtime, *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)

    def status(self):
        answer = self.healctl("status", "--json")
        if answer.returncode not in (0, 3):
            raise TestbedError("healctl status: %s" % answer.stderr.strip())
        return json.loads(answer.stdout)

    def wait_clean(self, seconds=120):
        """Returns when healctl says so *and* no brick holds a pending count."""
        answer = self.healctl("wait", "--until", "clean", "--timeout", "%ds" % seconds, timeout=seconds + 30)
        if answer.returncode != 0:
            self.died(self.healer_process, "healer")
            raise TestbedError("healctl wait ended with %d: %s" % (answer.returncode, (answer.stdout + answer.stderr).strip()))
        wait_until("the last marks to go", lambda: not self.pending(), seconds=seconds)

    def kill_mount(self):
        """kill -9, and the dead mount point is taken away as an operator would."""
        self.mount_process.send_signal(signal.SIGKILL)
        self.mount_process.wait()
        subprocess.run(["umount", "-l", self.mount_point], capture_output=True)

    def kill_healer(self):
        self.healer_process.send_signal(signal.SIGKILL)
        self.healer_process.wait()

    def lose_journals(self):
        """Takes away what explains the marks; only while the mount is dead."""
        for brick in self.bricks:
            folder = os.path.join(brick, ".glusterfs", "bypass")
            for name in os.listdir(folder) if os.path.isdir(folder) else []:
                if len(name) == 36:  # a writer's id; the rest is locks
                    shutil.rmtree(os.path.join(folder, name))

    def stop(self, keep=False, before_removal=None):
        """Unmounts, ends what was started here, removes the scratch folder; `before_removal` is called before that."""
        if self.is_mounted():
            for _ in range(50):
                if subprocess.run(["umount", self.mount_point], capture_output=True).returncode == 0:
                    break
                time.sleep(0.1)
            else:
                subprocess.run(["umount", "-l", self.mount_point], capture_output=True)
        for process in (self.mount_process, self.healer_process):
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.runtime, ignore_errors=True)
        if before_removal:
            before_removal()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # What the bricks say.

    def pending(self):
        return pending_on(self.bricks)

    def epochs(self, path, sink=1):
        """(opened, healed) of the file against a sink, as the target's xattr has it."""
        return epochs_of(os.path.join(self.bricks[0], path), "%s-client-%d" % (self.volume, sink))

    def compare_bricks(self, excluded=()):
        return differences_between(self.bricks, excluded)


def differences_between(bricks, excluded=(), forgiven=()):
    """Sentences about everything in which the other bricks differ from the first; none when they are equal. `forgiven`: how
    sentences begin that are left out.
    """
    differences = []
    first = [path for path in objects_of(bricks[0]) if path not in excluded]
    for brick in bricks[1:]:
        other = [path for path in objects_of(brick) if path not in excluded]
        for path in sorted(set(first) ^ set(other)):
            differences.append("%s: only on %s" % (path, bricks[0] if path in first else brick))
        for path in sorted(set(first) & set(other)):
            differences += ["%s: %s" % (path, what) for what in differing(os.path.join(bricks[0], path), os.path.join(brick, path))
                            if not what.startswith(tuple(forgiven))]
    return differences


def epochs_of(path, replica):
    """(opened, healed) of a file on the bypass target's brick, against another replica by its volume's name."""
    try:
        return struct.unpack(">3i", os.getxattr(path, "trusted.afr.bypass." + replica))[:2]
    except OSError as error:
        if error.errno == errno.ENODATA:
            return (0, 0)
        raise


def xattrs_of(path):
    while True:
        names = os.listxattr(path, follow_symlinks=False)
        try:
            return {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
        except OSError as error:
            # A mount takes its mark off the root some seconds after its last write.
            if error.errno != errno.ENODATA:
                raise


def differing(a, b):
    """In what two objects on bricks differ: content, holes, size, mode, owner, links, xattrs."""
    one, two = os.lstat(a), os.lstat(b)
    for name in ("st_mode", "st_uid", "st_gid", "st_rdev"):
        if getattr(one, name) != getattr(two, name):
            yield "%s is %o on one, %o on the other" % (name, getattr(one, name), getattr(two, name))
    if not stat.S_ISDIR(one.st_mode) and one.st_nlink != two.st_nlink:
        yield "has %d links on one, %d on the other" % (one.st_nlink, two.st_nlink)
    # trusted.afr.* are the replicas' books about each other, one-sided by design.
    books = lambda all: {name: value for name, value in all.items() if not name.startswith("trusted.afr.")}
    if books(xattrs_of(a)) != books(xattrs_of(b)):
        yield "xattrs differ: %s" % sorted(k for k in {**books(xattrs_of(a)), **books(xattrs_of(b))}
                                          if books(xattrs_of(a)).get(k) != books(xattrs_of(b)).get(k))
    if stat.S_ISLNK(one.st_mode) and os.readlink(a) != os.readlink(b):
        yield "points to %s on one, to %s on the other" % (os.readlink(a), os.readlink(b))
    if stat.S_ISREG(one.st_mode) and stat.S_ISREG(two.st_mode):
        if one.st_size != two.st_size:
            yield "is %d bytes on one, %d on the other" % (one.st_size, two.st_size)
        elif digest(a) != digest(b):
            yield "content differs, first at byte %d" % first_difference(a, b)
        elif data_map(a) != data_map(b):
            yield "holes differ: data at %s on one, %s on the other" % only_in_one(data_map(a), data_map(b))
        elif room(a) != room(b):
            yield "room on the disk differs: %s on one, %s on the other" % only_in_one(room(a), room(b))


def only_in_one(a, b):
    """The first pieces of two maps that the other has not."""
    return sorted(set(a) - set(b))[:4], sorted(set(b) - set(a))[:4]


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read()).hexdigest()


def first_difference(a, b):
    with open(a, "rb") as one, open(b, "rb") as two:
        at = 0
        while True:
            x, y = one.read(1 << 20), two.read(1 << 20)
            if x != y:
                return at + next((i for i, (p, q) in enumerate(zip(x, y)) if p != q), min(len(x), len(y)))
            if not x:
                return -1
            at += len(x)


def data_map(path):
    """[(start, end)] of the data of a file, as SEEK_DATA and SEEK_HOLE have it once it is on disk."""
    found = []
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        # Pages in memory over an unwritten extent count as data: ask the disk.
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        at = 0
        while True:
            try:
                start = os.lseek(fd, at, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return found
                raise
            at = os.lseek(fd, start, os.SEEK_HOLE)
            found.append((start, at))
    finally:
        os.close(fd)


def room(path):
    """[(start, end)] of what is allocated to a file, written or not, behind its end too: FIEMAP, after a sync."""
    found = []
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        at, count = 0, 256
        while True:
            # linux/fiemap.h: start, length, flags, mapped, count, reserved; then 56 bytes an extent.
            answer = bytearray(struct.pack("=QQLLLL", at, (1 << 64) - 1 - at, 0, 0, count, 0) + bytes(56 * count))
            fcntl.ioctl(fd, 0xC020660B, answer)
            mapped = struct.unpack_from("=L", answer, 20)[0]
            for number in range(mapped):
                start, _, length = struct.unpack_from("=QQQ", answer, 32 + 56 * number)
                if found and found[-1][1] == start:
                    found[-1] = (found[-1][0], start + length)
                else:
                    found.append((start, start + length))
            if mapped < count:
                return found
            at = found[-1][1]
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.ENOTTY):
            return found
        raise
    finally:
        os.close(fd)
