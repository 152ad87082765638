"""The demo on several hosts, each of them a network, mount and UTS namespace of this machine, with a real glusterd and state
of its own, joined by a bridge. Nothing of the machine's network, mounts or GlusterFS is touched.

Exit code 0: both bricks are equal and nothing is pending. Anything else is said in one sentence.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from demo_hosts import BRICKS, HEALER, LISTEN_PORT, VOLUME, WRITER, Hosts, run_demo, say  # noqa: E402
from workload import REPOSITORY, lag, look_at  # noqa: E402
from cluster import run_in_own_namespaces, what_is_missing  # noqa: E402
from testbed import TestbedError, check_scratch, wait_until  # noqa: E402

BYTES_NEEDED = 2 << 30
# $1: its folder; $2: the folder of all; $3: its name. What other hosts have on their disks is not to be seen from it.
HOST = """
set -e
hostname "$3"
mount --bind "$1/disk" /mnt
mount --bind "$1/lib" /var/lib/glusterd
mount --bind "$1/log" /var/log/glusterfs
mount --bind "$2/hosts" /etc/hosts
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs "$2"
mkdir -p -m 700 /run/gluster /run/bypass
ip link set lo up
touch /mnt/.ready
exec sleep infinity
"""


class NamespaceHosts(Hosts):
    """Hosts below one folder; a host's disk is what it has as /mnt."""
    settings, mount_point, plain, brick = "/run/bypass", "/mnt/vm", "/mnt/plain", "/mnt/brick"

    def __init__(self, folder):
        self.folder, self.processes, self.inits = folder, [], {}
        self.names = (*BRICKS, HEALER)
        with open(os.path.join(folder, "hosts"), "w") as file:
            file.write("127.0.0.1 localhost\n")
            file.writelines("10.77.0.%d %s\n" % (number + 1, name) for number, name in enumerate(self.names))
        for path in ("/var/lib/glusterd", "/var/log/glusterfs"):
            os.makedirs(path, exist_ok=True)
        system("ip", "link", "set", "lo", "up")
        system("ip", "link", "add", "hosts", "type", "bridge")
        system("ip", "link", "set", "hosts", "up")
        for number, name in enumerate(self.names):
            self.make(name, "10.77.0.%d/24" % (number + 1))
        self.inits[WRITER] = self.inits[BRICKS[0]]

    def make(self, name, address):
        home = os.path.join(self.folder, name)
        for part in ("disk", "lib", "log"):
            os.makedirs(os.path.join(home, part))
        # With a name of its own, so that it is not hidden with the others'.
        init = subprocess.Popen(["unshare", "--net", "--mount", "--uts", "--ipc", "--propagation", "private", "sh", "-c", HOST, "host",
                                 home, self.folder, name], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)

        def ready():
            if init.poll() is not None:
                raise TestbedError("host %s cannot be made: %s" % (name, init.stderr.read().strip()))
            return os.path.exists(os.path.join(home, "disk", ".ready"))
        wait_until("host %s" % name, ready)
        self.inits[name] = init
        system("ip", "link", "add", "to-" + name, "type", "veth", "peer", "name", "eth0", "netns", str(init.pid))
        system("ip", "link", "set", "to-" + name, "master", "hosts", "up")
        self.run(name, "ip", "address", "add", address, "dev", "eth0")
        self.run(name, "ip", "link", "set", "eth0", "up")
        for path in (self.brick, self.mount_point, self.plain):
            self.run(name, "mkdir", "-p", path)

    def there(self, name, words):
        return ["nsenter", "-t", str(self.inits[name].pid), "--net", "--mount", "--uts", "--ipc", "--", *words]

    def daemon(self, name, log, *words):
        with open(os.path.join(self.folder, name, "log", log), "ab") as file:
            self.processes.append(subprocess.Popen(self.there(name, words), stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                                   start_new_session=True))

    def program(self, name):
        return [os.path.join(REPOSITORY, ".build", "release", name)]

    def workload(self, *words):
        return [sys.executable, os.path.join(REPOSITORY, "scripts", "workload.py"), *words]

    # The roles.

    def start_glusterd(self):
        for name in BRICKS:
            self.daemon(name, "glusterd.out", "glusterd", "-N")

    def start_writer(self):
        options = ["bypass", "listen=tcp://0.0.0.0:%d" % LISTEN_PORT, "curve-key=%s/key" % self.settings, "healer-keys=%s/healers" % self.settings,
                   "log-file=/var/log/glusterfs/volmount.log"]
        self.run(WRITER, *self.program("volmount"), "%s:/%s" % (",".join(BRICKS), VOLUME), "-o", ",".join(options), self.mount_point)

    def start_healer(self):
        self.daemon(HEALER, "healer.log", *self.program("healer"), "--volume", "%s:/%s" % (",".join(BRICKS), VOLUME),
                    "--writers", self.settings + "/writers", "--curve-key", self.settings + "/key")

    def cut(self, name):
        system("ip", "link", "set", "to-" + name, "down")

    def join(self, name):
        system("ip", "link", "set", "to-" + name, "up")

    # From outside, everything can be seen.

    def disk(self, name, path):
        return self.folder + "/" + name + path.replace("/mnt", "/disk")

    def lag(self, replica, probes):
        return lag("/proc/%d/root%s" % (self.inits[WRITER].pid, self.mount_point), self.disk(BRICKS[0], self.brick), replica,
                   self.disk(BRICKS[1], self.brick), probes)

    def compare(self):
        return look_at([self.disk(name, self.brick) for name in BRICKS])

    def stop(self):
        """Unmounts; everything else ends with this process, which is process 1 here."""
        try:
            self.run(WRITER, "sh", "-c", "! mountpoint -q %s || umount %s || umount -l %s" % ((self.mount_point,) * 3))
        except (TestbedError, subprocess.TimeoutExpired) as error:
            say("%s" % error)


def system(*words):
    answer = subprocess.run(words, capture_output=True, text=True)
    if answer.returncode:
        raise TestbedError("%s: %s" % (" ".join(words), answer.stderr.strip()))


def complaint(scratch):
    """One sentence for what this machine lacks, or None."""
    if os.geteuid():
        return "not root: hosts are made of namespaces, and bricks carry trusted xattrs; run this as root"
    if not os.path.exists("/dev/fuse"):
        return "/dev/fuse is missing; load the fuse module (modprobe fuse), or give the container the device"
    for name in ("volmount", "healer", "healctl"):
        if not os.path.exists(os.path.join(REPOSITORY, ".build", "release", name)):
            return "%s is not built; make build" % name
    return what_is_missing() or check_scratch(scratch, BYTES_NEEDED)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--probes", type=int, default=200, help="single writes to measure the lag with (default 200)")
    parser.add_argument("--keep", action="store_true", help="leave bricks and logs in the scratch folder")
    parser.add_argument("--inside", metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        sys.exit(run_demo(lambda: NamespaceHosts(arguments.inside), arguments.probes))
    scratch = os.environ.get("SCRATCH", "/tmp")
    sentence = complaint(scratch)
    if sentence:
        sys.exit("demo: " + sentence)
    folder = tempfile.mkdtemp(prefix="hosts-", dir=scratch)
    code = run_in_own_namespaces([folder, "--probes", str(arguments.probes)])
    if arguments.keep or code not in (0, 130):
        say("bricks and logs are left in %s" % folder)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
