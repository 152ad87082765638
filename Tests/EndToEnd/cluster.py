"""A GlusterFS cluster of this machine alone: glusterd and its bricks on addresses of their own, in network, mount and
process namespaces of their own, so that nothing of the machine's is touched, clusters do not meet, and no process is left.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from xml.etree import ElementTree

from testbed import (REPOSITORY, Complaint, TestbedError, check_scratch, differences_between, expect, pending_on,
                     wait_until)

BYTES_NEEDED = 512 << 20


def inside_own_namespaces():
    """Starts this script again in namespaces of its own and ends with its exit code; returns when that has been done.
    Ends with 0 and one line where glusterfs-server is missing.
    """
    if "--inside" in sys.argv:
        return
    missing = what_is_missing()
    if missing:
        print("left out: " + missing)
        sys.exit(0)
    sys.exit(run_in_own_namespaces(sys.argv[1:]))


def what_is_missing():
    """One sentence for what clusters of this machine alone need and it has not, or None."""
    missing = [program for program in ("glusterd", "glusterfsd", "gluster", "unshare", "nsenter", "ip") if not shutil.which(program)]
    return "there is no %s; install glusterfs-server and iproute2" % ", ".join(missing) if missing else None


def run_in_own_namespaces(arguments):
    """Runs this script with --inside in namespaces of its own; its exit code. It is process 1 there: when it ends, so does
    everything it started. Who asks this process to end asks that one.
    """
    unsharing = subprocess.Popen(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", sys.executable,
         os.path.abspath(sys.argv[0]), "--inside", *arguments], start_new_session=True)

    def pass_on(number, _):
        with open("/proc/%d/task/%d/children" % (unsharing.pid, unsharing.pid)) as children:
            for child in children.read().split():
                os.kill(int(child), number)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    return unsharing.wait()


def is_gone(process):
    """Whether a process that was no child of ours has ended. We are process 1 here, and a daemon that ends is ours."""
    try:
        os.waitpid(process, os.WNOHANG)
    except ChildProcessError:
        pass
    return not os.path.exists("/proc/%d" % process)


class Cluster:
    """One glusterd, started, with as many hosts as a volume asks for: 127.1.1.1, 127.1.1.2, ..."""

    def __init__(self, release=True):
        self.release, self.binaries = release, os.path.join(REPOSITORY, ".build", "release" if release else "debug")
        self.folder = tempfile.mkdtemp(prefix="cluster-", dir=os.environ.get("SCRATCH"))
        problem = check_scratch(self.folder, BYTES_NEEDED)
        if problem:
            raise TestbedError(problem)
        self.volumes = []
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        # All of /run: the command line finds glusterd by /run/glusterd.socket, whoever's it is.
        for path in ("/var/lib/glusterd", "/var/log/glusterfs", "/run"):
            os.makedirs(path, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True)
        self.start()

    def start(self):
        self.glusterd = subprocess.Popen(["glusterd", "-N"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("glusterd to answer", lambda: self.ask("volume", "list").returncode == 0, seconds=60, pause=0.2)

    def kill(self):
        self.glusterd.kill()
        self.glusterd.wait()

    @staticmethod
    def ask(*words):
        return subprocess.run(["gluster", "--mode=script", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)

    def gluster(self, *words):
        answer = self.ask(*words)
        if answer.returncode:
            raise TestbedError("gluster %s: %s" % (" ".join(words), (answer.stdout + answer.stderr).strip()))
        return answer.stdout

    def brick_paths(self, name, count):
        return [os.path.join(self.folder, "%s-brick%d" % (name, number)) for number in range(count)]

    def volume(self, name, kind, bricks, started=True):
        """`kind`: the words between the volume's name and its bricks."""
        volume = GlusterVolume(self, name, kind.split(), bricks)
        self.volumes.append(volume)
        if started:
            volume.start()
        return volume

    def stop(self):
        for volume in self.volumes:
            volume.stop()
        self.glusterd.terminate()
        self.glusterd.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


def brick_processes(status):
    """{HOST:/DIRECTORY: process} of the bricks that take connections, in what `volume status --xml` says."""
    return {"%s:%s" % (node.findtext("hostname"), node.findtext("path")): int(node.findtext("pid"))
            for node in ElementTree.fromstring(status).iter("node")
            if node.findtext("status") == "1" and node.findtext("port").isdigit()}


class GlusterVolume:
    """A volume with its brick directories, and mounts of it, ours and genuine ones."""

    def __init__(self, cluster, name, kind, brick_count):
        self.cluster, self.name = cluster, name
        self.bricks = cluster.brick_paths(name, brick_count)
        self.mounts, self.healer, self.runtime = [], None, os.path.join("/run", "bypass-" + name)
        self.places = ["127.1.1.%d:%s" % (number + 1, brick) for number, brick in enumerate(self.bricks)]
        cluster.gluster("volume", "create", name, *kind, *self.places, "force")

    @property
    def spec(self):
        return "127.1.1.1:/" + self.name

    def start(self, *words):
        """Returns when all bricks take connections: a mount that comes earlier is refused."""
        self.cluster.gluster("volume", "start", self.name, *words)
        wait_until("the bricks of %s" % self.name, lambda: all(self.brick_process(number) for number in range(len(self.bricks))), 60, 0.1)

    def brick_process(self, number):
        """The process of a brick that takes connections, as glusterd knows it; None while there is none."""
        return brick_processes(self.cluster.gluster("volume", "status", self.name, "--xml")).get(self.places[number])

    def kill_brick(self, number):
        process = self.brick_process(number)
        os.kill(process, signal.SIGKILL)
        # glusterd takes one that nobody has waited for as running.
        wait_until("a brick's end", lambda: is_gone(process))
        wait_until("glusterd to notice that a brick is gone", lambda: not self.brick_process(number), 30, 0.1)

    def volume_id(self):
        information = ElementTree.fromstring(self.cluster.gluster("volume", "info", self.name, "--xml"))
        return information.findtext(".//volume/id")

    def replace_brick(self, number):
        """An empty brick on another host, and in another directory, takes the place of one."""
        old, path = self.places[number], os.path.join(self.cluster.folder, "%s-replaced%d" % (self.name, number))
        place = "127.1.2.%d:%s" % (number + 1, path)
        self.cluster.gluster("volume", "replace-brick", self.name, old, place, "commit", "force")
        self.bricks[number], self.places[number] = path, place

    def add_brick(self, replicas):
        """One more replica of everything."""
        number = len(self.bricks)
        path = os.path.join(self.cluster.folder, "%s-brick%d" % (self.name, number))
        place = "127.1.1.%d:%s" % (number + 1, path)
        self.cluster.gluster("volume", "add-brick", self.name, "replica", str(replicas), place, "force")
        self.bricks.append(path)
        self.places.append(place)

    def set(self, option, value):
        self.cluster.gluster("volume", "set", self.name, option, value)

    def log(self, what):
        return os.path.join(self.cluster.folder, "%s-%s.log" % (self.name, what))

    def new_mount_point(self, what):
        path = os.path.join(self.cluster.folder, "%s-%s" % (self.name, what))
        os.makedirs(path, exist_ok=True)
        return path

    def volmount(self, *options, what="ours", spec=None):
        """Tries to mount ours; (mount point, the command's answer)."""
        path = self.new_mount_point(what)
        words = ["log-file=" + self.log(what), "pid-file=%s.pid" % path, "runtime-dir=" + self.runtime, *options]
        answer = subprocess.run([os.path.join(self.cluster.binaries, "volmount"), spec or self.spec, "-o", ",".join(words), path],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        if answer.returncode == 0:
            self.mounts.append(path)
        return path, answer

    def mount_ours(self, *options, what="ours", spec=None):
        path, answer = self.volmount(*options, what=what, spec=spec)
        if answer.returncode:
            raise TestbedError("volmount ended with %d: %s" % (answer.returncode, answer.stderr.strip()))
        return path

    def mount_genuine(self, *options, what="genuine"):
        path = self.new_mount_point(what)
        words = ["log-file=" + self.log(what), *options]
        # "Started" is said before the bricks take connections.
        wait_until("the genuine mount", lambda: subprocess.run(
            ["mount", "-t", "glusterfs", "-o", ",".join(words), self.spec, path], capture_output=True, timeout=60).returncode == 0, 60, 0.5)
        self.mounts.append(path)
        return path

    def kill_genuine(self, path):
        """kill -9 of the client behind a genuine mount."""
        for number in filter(str.isdigit, os.listdir("/proc")):
            with open("/proc/%s/cmdline" % number, "rb") as file:
                words = file.read().split(b"\0")
            if words[0].endswith(b"glusterfs") and os.fsencode(path) in words:
                os.kill(int(number), signal.SIGKILL)
                wait_until("the client's end", lambda: is_gone(int(number)))
                break
        else:
            raise TestbedError("no process is behind %s" % path)
        subprocess.run(["umount", "-l", path], check=True)
        self.mounts.remove(path)

    def unmount(self, path):
        """Returns when the process behind it has ended, too."""
        pid_file = path + ".pid"
        number = int(open(pid_file).read()) if os.path.exists(pid_file) else None
        wait_until("umount %s" % path, lambda: subprocess.run(["umount", path], capture_output=True).returncode == 0, 20, 0.1)
        self.mounts.remove(path)
        if number:
            wait_until("the mount's process to end", lambda: is_gone(number), 30)

    def kill_mount(self, path):
        """kill -9 of ours; what is left of the mount goes too, as an operator would have it."""
        with open(path + ".pid") as file:
            number = int(file.read())
        os.kill(number, signal.SIGKILL)
        wait_until("the mount's process to end", lambda: is_gone(number), 30)
        subprocess.run(["umount", "-l", path], check=True)
        self.mounts.remove(path)

    # The healer.

    def start_healer(self, *options, paused=False):
        pause_file = os.path.join(self.runtime, self.volume_id(), "healer.paused")
        if paused:
            os.makedirs(os.path.dirname(pause_file), mode=0o700, exist_ok=True)
            open(pause_file, "w").close()
        elif os.path.exists(pause_file):
            os.unlink(pause_file)
        with open(self.log("healer"), "ab") as log:
            self.healer = subprocess.Popen(
                [os.path.join(self.cluster.binaries, "healer"), "--volume", self.spec, "--runtime-dir", self.runtime, *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        wait_until("the healer to answer", lambda: self.healctl("status", "--json").returncode in (0, 3) or self.died())

    def died(self):
        if self.healer.poll() is not None:
            raise TestbedError("the healer ended with %d: %s" % (self.healer.returncode, self.said("healer")[-2000:]))

    def healctl(self, *words):
        return subprocess.run([os.path.join(self.cluster.binaries, "healctl"), "--runtime-dir", self.runtime, *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)

    def wait_clean(self, seconds=60):
        answer = self.healctl("wait", "--until", "clean", "--timeout", "%ds" % seconds)
        if answer.returncode:
            self.died()
            raise TestbedError("healctl wait ended with %d: %s; its queue: %s; pending: %s; the healer's log: %s" % (
                answer.returncode, (answer.stdout + answer.stderr).strip(), self.healctl("queue").stdout.strip(), self.pending(),
                self.said("healer")[-2000:]))
        wait_until("the last marks to go", lambda: not self.pending(), seconds)

    def stop_healer(self):
        if self.healer and self.healer.poll() is None:
            self.healer.send_signal(signal.SIGTERM)
            self.healer.wait(30)
        self.healer = None

    def finished_heals(self, name):
        """What the healer did for a file, from its start on, oldest first."""
        gfid = str(uuid.UUID(bytes=os.getxattr(os.path.join(self.bricks[0], name), "trusted.gfid")))
        status = json.loads(self.healctl("status", "--json").stdout)
        return [heal for volume in status["volumes"] for heal in volume["history"] if heal["gfid"] == gfid]

    # What there is to see.

    def said(self, what):
        with open(self.log(what), errors="replace") as file:
            return file.read()

    def heal_info(self):
        """Number of entries for each brick, as glusterfs's own command counts them."""
        lines = self.cluster.gluster("volume", "heal", self.name, "info").splitlines()
        return [line.split(":")[1].strip() for line in lines if line.startswith("Number of entries")]

    def expect_same_info(self, names):
        """glusterfs's heal info and ours name the same entries of the same bricks: `names` (of several names of one file,
        any), each under the bricks that have counts of it.
        """
        theirs = lambda: sections(self.cluster.gluster("volume", "heal", self.name, "info"))
        ours = lambda: sections(self.healctl("info", "--compat=gluster").stdout)
        listed = lambda info: {(place, self.gfid(line.strip())) for place, lines in info.items() for line in lines if line[0] in "/<"}
        counted = lambda: {("Brick " + self.places[number], self.gfid("/" + path)) for number, path, _, _ in self.pending()}
        try:
            wait_until("both", lambda: ours() == theirs() and listed(ours()) == counted()
                       and {gfid for _, gfid in counted()} == set(map(self.gfid, names)), 20, 0.2)
        except TestbedError:
            raise Complaint("%s are pending, glusterfs says %s, healctl %s" % (sorted(names) or "none", theirs(), ours()))

    def gfid(self, name):
        """Of what has this path in the volume, or is called <gfid:GFID>, as by a brick that has not looked up its parent yet."""
        if name.startswith("<gfid:"):
            return uuid.UUID(name[6:-1]).bytes
        for brick in self.bricks:
            if os.path.lexists(brick + name):
                return os.getxattr(brick + name, "trusted.gfid", follow_symlinks=False)
        raise Complaint("no brick has %s" % name)

    def pending(self):
        return pending_on(self.bricks)

    def pending_names(self):
        return sorted({"/" + path for _, path, _, _ in self.pending()})

    def expect_equal_bricks(self, with_holes=True):
        differences = self.differences(with_holes=with_holes)
        expect(not differences, "the bricks differ: %s" % "; ".join(differences[:5]))
        left = self.pending()
        expect(not left, "counts are left: %s" % left[:5])

    def differences(self, bricks=None, with_holes=True):
        """Sentences about everything in which bricks differ from the first of them. `with_holes`: holes are the same, too."""
        return differences_between(bricks or self.bricks, forgiven=() if with_holes else ("holes", "room on the disk"))

    def stop(self):
        for path in self.mounts:
            subprocess.run(["umount", "-l", path], capture_output=True)
        self.stop_healer()
        self.cluster.ask("volume", "stop", self.name, "force")


def sections(info):
    """{"Brick HOST:/DIRECTORY": the other lines, sorted} of a heal info."""
    return {section.splitlines()[0]: sorted(section.splitlines()[1:]) for section in info.strip().split("\n\n") if section}


def run_cases(title, cases, short=()):
    """The `main` of a script of cases: functions of a cluster, each of which makes its own volumes; ends the process. With
    --short, where there is such a form, the cases are `short`.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--debug-build", action="store_true", help="use the debug build of the commands")
    parser.add_argument("--only", metavar="CASE", help="run this case alone")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    if short:
        parser.add_argument("--short", action="store_true", help="in a minute, as in CI")
    arguments = parser.parse_args()
    inside_own_namespaces()
    if short and arguments.short:
        cases = short
    passed = failed = 0
    cluster = Cluster(release=not arguments.debug_build)
    try:
        for case in cases:
            if arguments.only not in (None, case.__name__):
                continue
            began = time.monotonic()
            try:
                case(cluster)
                passed += 1
                print("ok: %s (%.1f s)" % (case.__name__.replace("_", " "), time.monotonic() - began), flush=True)
            except (Complaint, TestbedError, OSError, subprocess.SubprocessError) as complaint:
                failed += 1
                print("FAILED: %s: %s" % (case.__name__.replace("_", " "), complaint), flush=True)
    finally:
        cluster.stop()
    print("%s: %d passed, %d failed" % (title, passed, failed))
    sys.exit(1 if failed or not passed else 0)
