"""Programs that nobody here wrote, on a real bypass mount with a healer at work, in both cache modes: fio with
verification, SQLite, git, rsync, tar and stress-ng's file system stressors. After each group everything must be healed
and both bricks equal. A stressor that fails on ext4 as well is no failure. With --cluster the same bodies run on replica 2
volumes of a real glusterd through its own mount, through ours and through ours with bypass, and are reported side by side:
what GlusterFS's mount passes ours has to pass.
"""
import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import Cluster, inside_own_namespaces  # noqa: E402
from testbed import REPOSITORY, Complaint, Testbed, TestbedError, check_scratch, differing, wait_until  # noqa: E402

CACHE_MODES = ("write-through", "writeback-cache")


def run(*command, directory=None, text=None, timeout=180, allowed=(0,), environment=None):
    """Runs a program to its end and returns what it said; everything but an allowed exit code is a complaint."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", **(environment or {})}
    process = subprocess.Popen(command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, env=environment, start_new_session=True)
    try:
        said = process.communicate(text.encode() if text else b"", timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise Complaint("%s was not ready after %d s" % (" ".join(command[:6]), timeout))
    said = said.decode(errors="backslashreplace")
    if process.returncode not in allowed:
        raise Complaint("%s ended with %d: %s" % (" ".join(command[:6]), process.returncode, said.strip()[-1500:]))
    return said


class Fio:
    """Every block carries its checksum; fio reads all of them back and compares."""
    name = "fio"

    def __init__(self, is_short):
        self.bytes = (12 if is_short else 96) << 20

    def programs(self, folder):
        psync = ["--ioengine=psync"]
        return [
            ("random 4 KiB writes, buffered, 3 jobs, fsync every 16", lambda: self.fio(
                folder, "random", *psync, "--rw=randwrite", "--bs=4k", "--numjobs=3", "--fsync=16", share=8)),
            ("sequential 128 KiB writes, buffered, 3 jobs", lambda: self.fio(
                folder, "sequential", *psync, "--rw=write", "--bs=128k", "--numjobs=3", "--end_fsync=1")),
            ("random 4 KiB writes, O_DIRECT, 2 jobs, 8 in flight", lambda: self.fio(
                folder, "direct", "--ioengine=libaio", "--iodepth=8", "--direct=1", "--rw=randwrite", "--bs=4k", "--numjobs=2")),
            ("sequential 1 MiB writes, O_DIRECT", lambda: self.fio(
                folder, "direct-sequential", *psync, "--direct=1", "--rw=write", "--bs=1m")),
            ("reads and writes of 512 bytes to 64 KiB, any alignment", lambda: self.fio(
                folder, "mixed", *psync, "--rw=randrw", "--bsrange=512-64k", "--bs_unaligned", "--numjobs=2", "--fdatasync=8")),
            ("random writes through mmap", lambda: self.fio(
                folder, "mmap", "--ioengine=mmap", "--rw=randwrite", "--bs=4k", "--fsync=64")),
            ("one file written by two jobs, half each", lambda: self.fio(
                folder, "shared", *psync, "--filename=shared.0.0", "--rw=randwrite", "--bs=8k", "--numjobs=2",
                "--offset_increment=%d" % self.bytes)),
        ]

    def fio(self, folder, name, *arguments, share=1):
        run("fio", "--name=" + name, "--directory=" + folder, "--size=%d" % (self.bytes // share), "--verify=crc32c",
            "--do_verify=1", "--verify_fatal=1", "--verify_state_save=0", "--verify_dump=0", "--group_reporting", *arguments,
            directory=folder, timeout=600)


class SQLite:
    """The sqlite3 command as a user has it, with several of its processes on one database."""
    name = "SQLite"
    full = 1500

    def __init__(self, is_short):
        self.transactions = 120 if is_short else self.full

    def programs(self, folder):
        return [
            ("journal_mode delete", lambda: self.transact(folder, "delete")),
            ("journal_mode truncate", lambda: self.transact(folder, "truncate")),
            ("journal_mode wal", lambda: self.transact(folder, "wal")),
            ("wal, three processes at once", lambda: self.several(folder)),
        ]

    def sql(self, path, text, timeout=300):
        return run("sqlite3", "-bail", path, text=".timeout 60000\n" + text, timeout=timeout).strip()

    def transact(self, folder, mode):
        path = os.path.join(folder, "%s.db" % mode)
        self.sql(path, "pragma journal_mode=%s; create table t (id integer primary key, a int, b text); create index i on t (a);" % mode)
        inserts = "".join(
            "begin immediate; insert into t (a, b) select %d, hex(randomblob(abs(random() %% 300))) from "
            "(with recursive n(x) as (select 1 union all select x + 1 from n where x < 20) select x from n); "
            "update t set a = a + 1 where id %% 11 = %d; %s;\n" % (number, number % 11, "rollback" if number % 10 == 9 else "commit")
            for number in range(self.transactions))
        self.sql(path, "pragma journal_mode=%s; pragma synchronous=full;\n" % mode + inserts)
        self.sql(path, "delete from t where id % 5 = 0; vacuum;")
        committed = self.transactions - self.transactions // 10
        self.expect(path, "select count(*) from t;", str(committed * 20 - committed * 20 // 5))

    def several(self, folder):
        path = os.path.join(folder, "several.db")
        self.sql(path, "pragma journal_mode=wal; create table t (who int, n int);")
        complaints = []

        def work(who):
            try:
                self.sql(path, "".join("begin immediate; insert into t values (%d, %d); commit;\n" % (who, n)
                                       for n in range(self.transactions)))
            except Complaint as complaint:
                complaints.append(complaint)
        threads = [threading.Thread(target=work, args=(who,)) for who in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if complaints:
            raise complaints[0]
        self.expect(path, "select count(*), count(distinct n) from t;", "%d|%d" % (3 * self.transactions, self.transactions))

    def expect(self, path, query, answer):
        said = self.sql(path, query)
        if said != answer:
            raise Complaint("%s: %s says %s, not %s" % (os.path.basename(path), query, said, answer))
        said = self.sql(path, "pragma integrity_check;")
        if said != "ok":
            raise Complaint("%s: the integrity check says %s" % (os.path.basename(path), said))


class Git:
    """A repository of this project's own sources: written, packed, checked, cloned."""
    name = "git"
    settings = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b",
                "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "gc.auto",
                "GIT_CONFIG_VALUE_0": "0", "GIT_CONFIG_KEY_1": "safe.directory", "GIT_CONFIG_VALUE_1": "*"}

    def __init__(self, is_short):
        # A part of the tree is enough where time is short.
        self.parts = ("Sources/HealEngine", "Sources/HealProtocol", "docs") if is_short else ("Sources", "Tests", "docs", "scripts")
        self.commits = 6 if is_short else 40

    def programs(self, folder):
        return [
            ("init, add, commits", lambda: self.commit(folder)),
            ("branch, merge, checkout, stash", lambda: self.branch(folder)),
            ("gc, fsck", lambda: self.collect(folder)),
            ("clone, compare", lambda: self.clone(folder)),
        ]

    def git(self, folder, *arguments):
        return run("git", *arguments, directory=folder, environment=self.settings)

    def commit(self, folder):
        work = os.path.join(folder, "work")
        os.mkdir(work)
        self.git(work, "init", "-q", "-b", "main")
        for part in self.parts:
            shutil.copytree(os.path.join(REPOSITORY, part), os.path.join(work, part), symlinks=True,
                            ignore=shutil.ignore_patterns("__pycache__"))
        self.git(work, "add", "-A")
        self.git(work, "commit", "-q", "-m", "all")
        for number in range(self.commits):
            with open(os.path.join(work, "log"), "a") as file:
                file.write("line %d\n" % number)
            self.git(work, "commit", "-q", "-a" if number else "--allow-empty", "-m", "change %d" % number)
            self.git(work, "add", "log")
        self.git(work, "commit", "-q", "--allow-empty", "-m", "last")
        self.clean(work)

    def clean(self, work):
        said = self.git(work, "status", "--porcelain")
        if said:
            raise Complaint("git status: " + said[:500])

    def branch(self, folder):
        work = os.path.join(folder, "work")
        self.git(work, "checkout", "-q", "-b", "side", "HEAD~2")
        self.git(work, "mv", self.parts[-1], "moved")
        self.git(work, "commit", "-q", "-m", "moved")
        self.git(work, "checkout", "-q", "main")
        self.git(work, "merge", "-q", "--no-edit", "side")
        with open(os.path.join(work, "log"), "a") as file:
            file.write("stashed\n")
        self.git(work, "stash")
        self.git(work, "stash", "pop")
        self.git(work, "checkout", "-q", "--", "log")
        self.clean(work)

    def collect(self, folder):
        work = os.path.join(folder, "work")
        self.git(work, "fsck", "--full", "--strict", "--no-dangling")
        self.git(work, "gc", "-q", "--prune=now")
        self.git(work, "fsck", "--full", "--strict", "--no-dangling")
        self.git(work, "repack", "-q", "-a", "-d", "-f", "--write-bitmap-index")
        self.git(work, "fsck", "--full", "--strict", "--no-dangling")

    def clone(self, folder):
        work = os.path.join(folder, "work")
        self.git(folder, "clone", "-q", "--no-hardlinks", "work", "copied")
        self.git(folder, "clone", "-q", "--local", "work", "linked")
        for copy in ("copied", "linked"):
            self.git(os.path.join(folder, copy), "fsck", "--full", "--no-dangling")
            run("diff", "-r", "--no-dereference", "--exclude=.git", work, os.path.join(folder, copy))


def plant_tree(folder, files):
    """A tree with everything that copying programs trip over: holes, links, times, modes, owners, xattrs, names."""
    order = random.Random(5)
    os.makedirs(folder)
    place = lambda *parts: os.path.join(os.fsencode(folder), *(p if isinstance(p, bytes) else p.encode() for p in parts))
    for number in range(files):
        parent = place("d%d" % (number % 7), "e%d" % (number % 3))
        os.makedirs(parent, exist_ok=True)
        path = os.path.join(parent, b"file%d" % number)
        with open(path, "wb") as file:
            file.write(order.randbytes(order.choice((0, 1, 100, 4095, 4096, 70_000, 300_000))))
        os.chmod(path, order.choice((0o644, 0o600, 0o755, 0o4755, 0o2750, 0o1666, 0o400)))
        os.chown(path, order.randrange(3) * 1000, order.randrange(3) * 1000)
        os.chmod(path, order.choice((0o644, 0o600, 0o4755, 0o2750, 0o400)))
        os.utime(path, ns=(order.randrange(1 << 60), order.randrange(1 << 60)))
        if number % 5 == 0:
            os.setxattr(path, "user.number", b"%d" % number)
            os.setxattr(path, "user.bytes", order.randbytes(200))
    with open(place("holes"), "wb") as file:
        for at in (1 << 20, 5 << 20, (9 << 20) + 12_345):
            file.seek(at)
            file.write(order.randbytes(100_000))
        file.truncate(16 << 20)
    for name in ("one\ntwo", " leading", "ümläut", "x" * 255, b"\xff\xfe\x80", "-rf", "quo'te\"s"):
        with open(place(name), "wb") as file:
            file.write(b"named")
    os.link(place("holes"), place("d0", "hard"))
    os.link(place("ümläut"), place("d1", "harder"))
    os.symlink("holes", place("soft"))
    os.symlink("nowhere/" + "y" * 300, place("dangling"))
    os.lchown(place("dangling"), 1000, 1000)
    os.mkdir(place("empty"), 0o1777)
    os.mkfifo(place("pipe"), 0o620)
    os.mknod(place("null"), 0o600 | 0o020000, os.makedev(1, 3))
    run("setfacl", "-m", "u:1000:rw,g:1001:r", place("d0", "hard").decode())
    run("setfacl", "-d", "-m", "u:1000:rwx", place("empty").decode())
    # rsync leaves a time alone when only its part below a second differs.
    for number, (parent, directories, names) in enumerate(os.walk(os.fsencode(folder), topdown=False)):
        for path in [os.path.join(parent, name) for name in names] + [parent]:
            os.utime(path, ns=(number << 40, (number << 40) + 123_456_789), follow_symlinks=False)


def compare_trees(one, other):
    """Complains of the first things in which two trees differ, times included."""
    def objects(root):
        return {os.path.relpath(os.path.join(folder, name), root) for folder, directories, files in os.walk(root)
                for name in directories + files}
    differences = ["%r: only in one" % path for path in sorted(objects(one) ^ objects(other))]
    for path in sorted(objects(one) & objects(other)):
        a, b = os.path.join(one, path), os.path.join(other, path)
        # What room a file takes on the disk, no mount can tell: the kernel's FUSE has no FIEMAP.
        differences += ["%r: %s" % (path, what) for what in differing(a, b) if not what.startswith("room on the disk")]
        if os.lstat(a).st_mtime_ns != os.lstat(b).st_mtime_ns:
            differences.append("%r: other time of change" % path)
    if differences:
        raise Complaint("; ".join(differences[:5]))


class Copying:
    """A tree planted outside goes onto the mount and comes back."""

    def __init__(self, is_short):
        self.files = 60 if is_short else 600

    def planted(self, folder):
        source = os.path.join(os.path.dirname(os.path.dirname(folder)), "planted-" + self.name)
        if not os.path.isdir(source):
            plant_tree(source, self.files)
        return source


class Rsync(Copying):
    name = "rsync"
    flags = ("-aHAX", "--sparse")

    def programs(self, folder):
        there = os.path.join(folder, "there")
        return [
            ("onto the mount, checksums compared", lambda: self.copy(self.planted(folder) + "/", there + "/")),
            ("changes, in place and by rename", lambda: self.change(folder, there)),
            ("from one folder of the mount to another", lambda: self.copy(there + "/", os.path.join(folder, "again") + "/")),
            ("back from the mount", lambda: self.back(folder, there)),
        ]

    def copy(self, source, target, *more):
        run("rsync", *self.flags, *more, "--delete", source, target)
        said = run("rsync", "-aHAXnc", "--itemize-changes", "--delete", source, target)
        if said:
            raise Complaint("rsync -c still finds: " + said[:500])

    def change(self, folder, there):
        source = self.planted(folder)
        for number in range(0, self.files, 4):
            path = os.path.join(source, "d%d" % (number % 7), "e%d" % (number % 3), "file%d" % number)
            with open(path, "r+b") as file:
                file.seek(number * 31)
                file.write(b"changed" * 700)
        os.unlink(os.path.join(source, "soft"))
        os.utime(source, ns=(1 << 59, 1 << 59))
        run("rsync", "-aHAX", "--inplace", "--no-whole-file", "--delete", source + "/", there + "/")
        self.copy(source + "/", there + "/", "--no-whole-file")

    def back(self, folder, there):
        back = self.planted(folder) + "-back"
        self.copy(there + "/", back + "/")
        compare_trees(self.planted(folder), back)


class Tar(Copying):
    name = "tar"
    flags = ("--numeric-owner", "--xattrs", "--xattrs-include=user.*", "--acls", "--sparse")

    def programs(self, folder):
        archive, there = os.path.join(folder, "tree.tar"), os.path.join(folder, "there")
        return [
            ("create an archive on the mount", lambda: run(
                "tar", "-C", self.planted(folder), *self.flags, "-cf", archive, ".")),
            ("extract on the mount, compare", lambda: self.extract(folder, archive, there)),
            ("create from the mount, extract outside", lambda: self.back(folder, there)),
        ]

    def extract(self, folder, archive, there):
        os.mkdir(there)
        run("tar", "-C", there, *self.flags, "-xpf", archive)
        run("tar", "-C", there, *self.flags, "--compare", "-f", archive)
        compare_trees(self.planted(folder), there)

    def back(self, folder, there):
        back = self.planted(folder) + "-back"
        archive = back + ".tar"
        os.mkdir(back)
        run("tar", "-C", there, *self.flags, "-cf", archive, ".")
        run("tar", "-C", back, *self.flags, "-xpf", archive)
        compare_trees(self.planted(folder), back)


class StressNG:
    """Each stressor by itself, two of its workers, its own verification on; one that complains is asked again on ext4."""
    name = "stress-ng"
    # These do not work in the folder that they are given; and the kernel's FUSE has no FS_IOC_FIEMAP to offer.
    elsewhere = ("bind-mount", "binderfs", "eventfd", "ioprio", "procfs", "dup", "fanotify", "fiemap")
    # Not of the class, but they work in it all the same.
    also = ("aio", "aiol", "msync", "readahead", "revio", "seek", "sendfile", "splice")
    sizes = ("--hdd-bytes", "32m", "--fallocate-bytes", "32m", "--iomix-bytes", "16m", "--copy-file-bytes", "128m",
             "--sync-file-bytes", "16m", "--readahead-bytes", "16m")

    def __init__(self, is_short):
        self.seconds = 1 if is_short else 10

    def stressors(self):
        said = run("stress-ng", "--class", "filesystem?", allowed=(0, 1))
        listed = said.rsplit("stressors:", 1)[-1].split()
        if "rename" not in listed:
            raise Complaint("stress-ng lists no stressors of the class filesystem: " + said[:300])
        return sorted(set(listed) - set(self.elsewhere) | set(self.also))

    def programs(self, folder):
        return [(stressor, lambda stressor=stressor: self.stress(folder, stressor)) for stressor in self.stressors()]

    def stress(self, folder, stressor):
        complaint = self.complaint(folder, stressor)
        if complaint is None:
            return None
        plain = os.path.join(os.path.dirname(os.path.dirname(folder)), "plain")
        os.makedirs(plain, exist_ok=True)
        same = self.complaint(plain, stressor)
        if same is None or same[0] != complaint[0]:
            raise Complaint("%s; on ext4: %s" % (complaint[1], same[1] if same else "passes"))
        return "as on ext4: " + complaint[1].splitlines()[0]

    def complaint(self, folder, stressor):
        """(kind, sentence) unless it passes. Stressors run as they do for a user, in a folder of their own."""
        folder = tempfile.mkdtemp(prefix=stressor + "-", dir=folder)
        # What the kernel remembers of an earlier stressor's killed workers is told once, by the next syncfs(2).
        run("sync", "-f", folder, allowed=(0, 1))
        command = ["stress-ng", "--" + stressor, "2", "--timeout", "%ds" % self.seconds, "--verify", "--temp-path", folder]
        try:
            said = run(*command, *self.sizes, directory=folder, timeout=self.seconds + 60)
        except Complaint as complaint:
            if "Usage" in str(complaint) or "out of range" in str(complaint):
                raise
            kind = "hangs" if "not ready" in str(complaint) else "fails"
            bad = [line for line in str(complaint).splitlines() if " fail: " in line or "error:" in line]
            return kind, "; ".join(bad[:4]) or str(complaint)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        bad = [line for line in said.splitlines() if " fail: " in line or "skipp" in line]
        if not bad:
            return None
        return ("fails" if " fail: " in said else "skips"), "; ".join(bad)[:500]


GROUPS = (Fio, SQLite, Git, Rsync, Tar, StressNG)


class Conformance:
    def __init__(self, arguments):
        self.arguments, self.passed, self.failed = arguments, 0, 0
        self.results = {}  # (mode, name): the complaint or None

    def report(self, mode, name, complaint=None, remark=None, seconds=None):
        self.results[mode, name] = complaint
        if complaint:
            self.failed += 1
            print("FAILED: %s: %s: %s" % (mode, name, complaint), flush=True)
        else:
            self.passed += 1
            print("ok: %s: %s%s%s" % (mode, name, " (%s)" % remark if remark else "",
                                      ", %.1f s" % seconds if seconds is not None else ""), flush=True)

    def run_group(self, testbed, mode, group):
        folder = os.path.join(testbed.mount_point, group.name)
        os.mkdir(folder)
        for name, program in group.programs(folder):
            if self.arguments.only and self.arguments.only not in "%s %s" % (group.name, name):
                continue
            began = time.monotonic()
            try:
                remark = program()
                self.report(mode, "%s: %s" % (group.name, name), None, remark if group.name == StressNG.name else None,
                            time.monotonic() - began)
            except (Complaint, OSError) as complaint:
                self.report(mode, "%s: %s" % (group.name, name), str(complaint))
        self.compare(testbed, mode, group.name + ": healed, bricks equal")
        shutil.rmtree(folder)
        self.compare(testbed, mode, group.name + ": removed everywhere")

    def compare(self, testbed, mode, name):
        began = time.monotonic()
        try:
            testbed.wait_clean(180)
            differences = testbed.compare_bricks()
            self.report(mode, name, "; ".join(differences[:5]), None, time.monotonic() - began)
        except TestbedError as error:
            self.report(mode, name, "%s; pending: %s" % (error, testbed.pending()[:5]))

    def run_groups(self, testbed, mode):
        for group in GROUPS:
            if not self.arguments.group or group.name in self.arguments.group:
                self.run_group(testbed, mode, group(self.arguments.short))
                testbed.expect_alive()

    def run_mode(self, mode):
        options = "cache-mode=" + mode + (",log-level=debug" if self.arguments.debug_log else "")
        testbed = Testbed(release=not self.arguments.debug_build, mount_options=options)
        before = self.failed
        try:
            testbed.start_healer()
            testbed.start_mount()
            self.run_groups(testbed, mode)
        except (TestbedError, Complaint, OSError) as error:
            self.report(mode, "the run", str(error))
        finally:
            testbed.stop(keep=self.failed > before)
            if self.failed > before:
                print("bricks and logs are left in %s" % testbed.folder)


class MountedVolume:
    """A replica 2 volume of a glusterd and one mount of it, with what Conformance asks of a testbed."""

    def __init__(self, cluster, name, mount):
        self.volume = cluster.volume(name, "replica 2", 2)
        # In a folder of its own: bodies put beside the mount what they compare it with.
        self.mount_point = mount(self.volume, "beside/mnt")

    def wait_clean(self, seconds):
        if self.volume.healer:
            self.volume.wait_clean(seconds)
        wait_until("the last marks to go", lambda: not self.volume.pending(), seconds, 0.1)

    def compare_bricks(self):
        return self.volume.differences()

    def pending(self):
        return self.volume.pending()

    def expect_alive(self):
        if self.volume.healer:
            self.volume.died()
        os.statvfs(self.mount_point)


def mount_with_bypass(volume, what):
    volume.set("cluster.self-heal-daemon", "off")
    volume.start_healer()
    return volume.mount_ours("bypass", "target=%s-client-0" % volume.name, what=what)


MOUNTS = {"genuine": lambda volume, what: volume.mount_genuine("acl", what=what), "ours": lambda volume, what: volume.mount_ours(what=what),
          "bypass": mount_with_bypass}


def side_by_side(arguments):
    """Ends the process: 1 when a mount of ours fails what the genuine one passes."""
    SQLite.full = 300  # glusterfs's mount does some ten transactions a second
    conformance, cluster = Conformance(arguments), Cluster(release=not arguments.debug_build)
    try:
        for mode, mount in MOUNTS.items():
            if arguments.mount and mode not in arguments.mount:
                continue
            try:
                conformance.run_groups(MountedVolume(cluster, mode, mount), mode)
            except (TestbedError, Complaint, OSError) as error:
                conformance.report(mode, "the run", str(error))
    finally:
        cluster.stop()
    results, behind = conformance.results, 0
    print("%-64s %-8s %-8s %s" % ("", *MOUNTS))
    for name in dict.fromkeys(name for _, name in results):
        words = {mode: "-" if (mode, name) not in results else "FAILED" if results[mode, name] else "ok" for mode in MOUNTS}
        is_behind = words["genuine"] != "FAILED" and "FAILED" in words.values()
        behind += is_behind
        print("%-64s %-8s %-8s %-8s%s" % (name, *words.values(), "  <" if is_behind else ""))
    print("conformance of a cluster's volume: %d that GlusterFS's mount passes and one of ours does not" % behind)
    sys.exit(1 if behind else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="about two minutes for each cache mode, as in CI")
    parser.add_argument("--mode", action="append", choices=CACHE_MODES, help="only this cache mode")
    parser.add_argument("--group", action="append", choices=[group.name for group in GROUPS], help="only these programs")
    parser.add_argument("--only", help="only programs whose name contains this")
    parser.add_argument("--debug-build", action="store_true", help="use the debug build of the commands")
    parser.add_argument("--debug-log", action="store_true", help="volmount logs at level debug")
    parser.add_argument("--cluster", action="store_true", help="on volumes of a real glusterd, side by side with its own mount")
    parser.add_argument("--mount", action="append", choices=MOUNTS, help="with --cluster: only this mount")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cluster:
        inside_own_namespaces()
        side_by_side(arguments)
    complaint = check_scratch(os.environ.get("SCRATCH", "/tmp"), 1 << 30)
    if complaint:
        sys.exit("conformance: " + complaint)
    conformance = Conformance(arguments)
    for mode in arguments.mode or CACHE_MODES:
        conformance.run_mode(mode)
    print("conformance: %d passed, %d failed" % (conformance.passed, conformance.failed))
    sys.exit(1 if conformance.failed else 0)


if __name__ == "__main__":
    main()
