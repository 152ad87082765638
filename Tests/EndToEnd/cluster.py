"""A GlusterFS cluster of this machine alone: glusterd and its bricks on addresses of their own, in network, mount and
process namespaces of their own, so that nothing of the machine's is touched, clusters do not meet, and no process is left.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

from testbed import REPOSITORY, TestbedError, check_scratch, differing, objects_of, pending_on, wait_until

BYTES_NEEDED = 512 << 20


def inside_own_namespaces():
    """Starts this script again in namespaces of its own and ends with its exit code; returns when that has been done.
    Ends with 0 and one line where glusterfs-server is missing.
    """
    if "--inside" in sys.argv:
        return
    missing = [program for program in ("glusterd", "glusterfsd", "gluster", "unshare", "ip") if not shutil.which(program)]
    if missing:
        print("left out: there is no %s; install glusterfs-server and iproute2" % ", ".join(missing))
        sys.exit(0)
    script = os.path.abspath(sys.argv[0])
    sys.exit(subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--propagation", "private", sys.executable, script, "--inside",
                             *sys.argv[1:]]).returncode)


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
        self.binaries = os.path.join(REPOSITORY, ".build", "release" if release else "debug")
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


class GlusterVolume:
    """A volume with its brick directories, and mounts of it, ours and genuine ones."""

    def __init__(self, cluster, name, kind, brick_count):
        self.cluster, self.name = cluster, name
        self.bricks = [os.path.join(cluster.folder, "%s-brick%d" % (name, number)) for number in range(brick_count)]
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
        status = ElementTree.fromstring(self.cluster.gluster("volume", "status", self.name, "--xml"))
        for node in status.iter("node"):
            if node.findtext("path") == self.bricks[number] and node.findtext("status") == "1" and node.findtext("port").isdigit():
                return int(node.findtext("pid"))
        return None

    def kill_brick(self, number):
        process = self.brick_process(number)
        os.kill(process, signal.SIGKILL)
        # glusterd takes one that nobody has waited for as running.
        wait_until("a brick's end", lambda: is_gone(process))
        wait_until("glusterd to notice that a brick is gone", lambda: not self.brick_process(number), 30, 0.1)

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

    def unmount(self, path):
        """Returns when the process behind it has ended, too."""
        pid_file = path + ".pid"
        number = int(open(pid_file).read()) if os.path.exists(pid_file) else None
        wait_until("umount %s" % path, lambda: subprocess.run(["umount", path], capture_output=True).returncode == 0, 20, 0.1)
        self.mounts.remove(path)
        if number:
            wait_until("the mount's process to end", lambda: is_gone(number), 30)

    # The healer.

    def start_healer(self, *options):
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
            raise TestbedError("healctl wait ended with %d: %s; the healer's log: %s" % (
                answer.returncode, (answer.stdout + answer.stderr).strip(), self.said("healer")[-2000:]))
        wait_until("the last marks to go", lambda: not self.pending(), seconds)

    def stop_healer(self):
        if self.healer and self.healer.poll() is None:
            self.healer.send_signal(signal.SIGTERM)
            self.healer.wait(30)
        self.healer = None

    # What there is to see.

    def said(self, what):
        with open(self.log(what), errors="replace") as file:
            return file.read()

    def heal_info(self):
        """Number of entries for each brick, as glusterfs's own command counts them."""
        lines = self.cluster.gluster("volume", "heal", self.name, "info").splitlines()
        return [line.split(":")[1].strip() for line in lines if line.startswith("Number of entries")]

    def pending(self):
        return pending_on(self.bricks)

    def differences(self, bricks=None):
        """Sentences about everything in which bricks differ from the first of them."""
        first, *others = bricks or self.bricks
        found = []
        for other in others:
            here, there = objects_of(first), objects_of(other)
            found += ["%s is on one brick only" % path for path in sorted(set(here) ^ set(there))]
            for path in sorted(set(here) & set(there)):
                found += ["%s %s" % (path, what) for what in differing(os.path.join(first, path), os.path.join(other, path))]
        return found

    def stop(self):
        for path in self.mounts:
            subprocess.run(["umount", "-l", path], capture_output=True)
        self.stop_healer()
        self.cluster.ask("volume", "stop", self.name, "force")
