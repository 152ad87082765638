"""The demo on several hosts: a GlusterFS cluster of two bricks, a mount with bypass where the first one is, a healer on a
host of its own, and the second brick's network pulled while files are written.

What a host is, `HostsDemo` does not know: namespaces of one kernel (demo_netns.py) or containers (demo_cluster.py).
"""
import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from workload import PARTS, Report  # noqa: E402
from cluster import brick_processes, sections  # noqa: E402
from testbed import TestbedError, wait_until  # noqa: E402

VOLUME = "demo"
BRICKS = ("brick1", "brick2")
# The mount is where brick1 is: bypass writes to a brick of its own host.
WRITER, HEALER = "writer", "healer"
LISTEN_PORT = 24100
# GlusterFS's default of 42 s is how long a client waits for a server that says nothing.
PING_TIMEOUT = 5


def say(text):
    print("demo: " + text, flush=True)


class Hosts:
    """Commands on hosts. there(name, words): the words that run others there."""

    def run(self, name, *words, text=None, good=(0,)):
        """What a command there prints, which must end with one of these codes."""
        answer = subprocess.run(self.there(name, words), input=text or "", capture_output=True, text=True, timeout=300)
        if answer.returncode not in good:
            raise TestbedError("%s: %s ended with %d: %s" % (name, " ".join(words), answer.returncode, (answer.stdout + answer.stderr).strip()))
        return answer.stdout

    def start(self, name, *words):
        """A process with pipes."""
        return subprocess.Popen(self.there(name, words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                start_new_session=True)

    def write(self, name, path, text):
        """A file for its owner alone."""
        self.run(name, "sh", "-c", "umask 077 && cat > %s" % path, text=text)


class HostsDemo:
    """`hosts` are `Hosts` that have, for the names above:

    start_glusterd(), start_writer(), start_healer(), stop(); cut(name), join(name): the network of a host;
    program(name), workload(*words): words of a command;
    settings, mount_point, plain, brick: paths on the hosts; lag(replica, probes), compare(): as workload.py has them.
    """

    def __init__(self, hosts):
        self.hosts, self.report = hosts, Report()
        self.places = ["%s:%s" % (name, hosts.brick) for name in BRICKS]

    def run(self, probes):
        """Returns the exit code."""
        self.form_volume()
        self.exchange_keys()
        self.hosts.start_healer()
        wait_until("the healer to answer", lambda: self.status(), 60, 0.2)
        self.hosts.start_writer()
        say("%s is mounted with bypass where %s is; the healer hears it at tcp://%s:%d, with CURVE keys" % (
            self.hosts.mount_point, BRICKS[0], BRICKS[0], LISTEN_PORT))
        for part, (_, _, what) in PARTS.items():
            say(what)
            self.report.add_part(part, *(self.work(part, folder) for folder in (self.hosts.mount_point, self.hosts.plain)))
        self.wait_clean("the workload")
        self.pull_the_network()
        self.wait_clean("the network's return")
        say("measuring the lag of %d single writes" % probes)
        self.report.lag = self.hosts.lag("%s-client-1" % VOLUME, probes)
        self.wait_clean("the last write")
        self.expect_agreement(["0", "0"])
        say("comparing the bricks: content, holes, sizes, modes, owners, xattrs")
        seen = self.hosts.compare()
        self.report.show()
        for difference in seen["differences"]:
            say("DIFFERENT: " + difference)
        for brick, path, name, counts in seen["pending"]:
            say("PENDING: %s on %s: %s is %s" % (path, BRICKS[brick], name, counts))
        if seen["differences"] or seen["pending"]:
            return 1
        say("both bricks are equal: %d objects, nothing pending; gluster volume heal %s info: 0 entries, as healctl info" % (
            seen["objects"], VOLUME))
        return 0

    # Setting up, as an operator would.

    def gluster(self, *words):
        return self.hosts.run(BRICKS[0], "gluster", "--mode=script", *words)

    def form_volume(self):
        self.hosts.start_glusterd()
        for name in BRICKS:
            wait_until("glusterd of %s" % name, lambda: answers(self.hosts, name, "gluster", "volume", "list"), 60, 0.2)
        self.gluster("peer", "probe", BRICKS[1])
        wait_until("the peers to know each other", lambda: "Peer in Cluster (Connected)" in self.gluster("peer", "status"), 60, 0.2)
        self.gluster("volume", "create", VOLUME, "replica", "2", *self.places, "force")
        # What heals here is ours alone.
        self.gluster("volume", "set", VOLUME, "cluster.self-heal-daemon", "off", "network.ping-timeout", str(PING_TIMEOUT))
        self.gluster("volume", "start", VOLUME)
        self.wait_for_bricks()
        say("volume %s, replica 2: %s" % (VOLUME, ", ".join(self.places)))

    def wait_for_bricks(self):
        wait_until("the bricks", lambda: set(brick_processes(self.gluster("volume", "status", VOLUME, "--xml"))) >= set(self.places), 60, 0.2)

    def exchange_keys(self):
        """Each makes a pair and learns the other's public key."""
        keys = {name: self.hosts.run(name, *self.hosts.program("healctl"), "keygen", self.hosts.settings + "/key").strip()
                for name in (WRITER, HEALER)}
        self.hosts.write(WRITER, self.hosts.settings + "/healers", keys[HEALER] + "\n")
        self.hosts.write(HEALER, self.hosts.settings + "/writers", "tcp://%s:%d %s\n" % (BRICKS[0], LISTEN_PORT, keys[WRITER]))

    # Looking.

    def healctl(self, *words):
        # 3: the answer is incomplete, because a brick cannot be reached.
        return self.hosts.run(HEALER, *self.hosts.program("healctl"), *words, good=(0, 3))

    def status(self):
        """None while there is no answer."""
        try:
            return json.loads(self.healctl("status", "--json"))
        except TestbedError:
            return None

    def status_line(self):
        """The first line of the view that goes on until somebody interrupts it."""
        return self.hosts.run(HEALER, "timeout", "--signal=INT", "0.3", *self.hosts.program("healctl"), "status", "--watch=1", good=(0, 124, 130))

    def wait_clean(self, what):
        """Tells every second how far the healer is."""
        began, said = time.monotonic(), [0.0]

        def is_clean():
            if time.monotonic() - said[0] >= 1:
                said[0] = time.monotonic()
                print(self.status_line(), end="", flush=True)
            # A healer that has not heard of a write yet knows nothing of it: the bricks do.
            return (answers(self.hosts, HEALER, *self.hosts.program("healctl"), "wait", "--until", "clean", "--timeout", "500ms")
                    and self.entry_counts(self.gluster("volume", "heal", VOLUME, "info")) == ["0", "0"])
        wait_until("everything to be healed", is_clean, 300, 0)
        say("clean %.1f s after %s" % (time.monotonic() - began, what))

    def entry_counts(self, text):
        return [line.split(": ")[1] for line in text.splitlines() if line.startswith("Number of entries")]

    def expect_agreement(self, counts):
        """GlusterFS's own command and ours name the same files, so many on each brick; "-": a brick that cannot be asked."""
        infos = []

        def agree():
            infos[:] = [self.gluster("volume", "heal", VOLUME, "info"), self.healctl("info", "--compat=gluster")]
            return sections(infos[0]) == sections(infos[1]) and self.entry_counts(infos[0]) == counts
        try:
            wait_until("both", agree, 30, 0.5)
        except TestbedError:
            raise TestbedError("%s entries should be pending; gluster volume heal info says\n%s\nhealctl info\n%s" % (
                counts, *(text[:2000] for text in infos)))

    # Working.

    def work(self, part, folder):
        return json.loads(self.hosts.run(WRITER, *self.hosts.workload(part, folder)))

    def pull_the_network(self):
        """Pulls it from the second brick while the image is written, and puts it back."""
        writing = Writing(self.hosts.start(WRITER, *self.hosts.workload("overwrite", self.hosts.mount_point)))
        try:
            writing.wait_for(1000)
            say("pulling the network of %s, while the image is written" % BRICKS[1])
            self.hosts.cut(BRICKS[1])
            before, began = writing.writes, time.monotonic()
            writing.wait_for(before + 5000)
            wait_until("the healer to miss %s" % BRICKS[1], lambda: "cannot be reached" in self.healctl("info"), 60, 0.2)
            writes, took = writing.writes - before, time.monotonic() - began
            say("%s is away, %d writes later; pending:" % (BRICKS[1], writes))
            print(self.healctl("info"), end="", flush=True)
            self.expect_agreement(["1", "-"])
            say("its network is back")
            self.hosts.join(BRICKS[1])
            wait_until("the healer to find %s again" % BRICKS[1], lambda: "cannot be reached" not in self.healctl("info"), 60, 0.2)
        finally:
            longest = writing.end()
        alone = json.loads(self.hosts.run(WRITER, *self.hosts.workload("overwrite-count", self.hosts.plain, str(writes))))
        self.report.add("the same, %s away" % BRICKS[1], writes / took, alone)
        self.report.notes.append(("longest write, network pulled", "%9.1f ms, with a ping-timeout of %d s" % (longest * 1000, PING_TIMEOUT)))


class Writing:
    """A workload that tells how far it is."""

    def __init__(self, process):
        self.process, self.writes, self.longest = process, 0, 0.0
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self):
        for line in self.process.stdout:
            told = json.loads(line)
            self.writes, self.longest = told["writes"], told["longest"]

    def wait_for(self, writes):
        def there():
            if self.process.poll() is not None:
                raise TestbedError("writing ended: %s" % self.process.stderr.read().strip())
            return self.writes >= writes
        wait_until("%d writes" % writes, there, 120)

    def end(self):
        """Returns the longest write's seconds."""
        self.process.stdin.close()
        code = self.process.wait(60)
        self.listener.join(10)
        if code:
            raise TestbedError("writing ended with %d: %s" % (code, self.process.stderr.read().strip()))
        return self.longest


def answers(hosts, name, *words):
    """Whether a command there ends well."""
    try:
        hosts.run(name, *words)
        return True
    except TestbedError:
        return False


def run_demo(make_hosts, probes):
    """Sets up, runs and takes down, whatever happens; (exit code, whether it failed by itself)."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    hosts, code = None, 1
    try:
        hosts = make_hosts()
        code = HostsDemo(hosts).run(probes)
    except KeyboardInterrupt:
        say("interrupted; taking everything down")
        code = 130
    except (TestbedError, OSError, ValueError, sqlite3.Error, subprocess.SubprocessError) as error:
        say("FAILED: %s" % error)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if hosts:
            hosts.stop()
    return code
