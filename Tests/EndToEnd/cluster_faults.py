"""Bricks killed, paused, cut off, reset and replaced, and glusterd restarted, while a mount of ours writes a volume of a
real glusterd and while our healer heals it: no write that returned is lost, no call waits longer than
network.ping-timeout allows, and neither healctl nor glusterfs calls a volume clean in which something is pending.
"""
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import is_gone, run_cases  # noqa: E402
from kill_under_load import BLOCK, FILE_BYTES, Writer, page  # noqa: E402
from testbed import Complaint, TestbedError, expect, objects_of, wait_until  # noqa: E402
from trees import write  # noqa: E402

PING_TIMEOUT = 2
# A call may meet a brick that is silent, and then, on the way to the other one, its own connection's loss; machines that
# run tests are busy.
LONGEST_CALL = 2 * PING_TIMEOUT + 2
FILES = 4
BIG_BYTES = 192 << 20


class PatientWriter(Writer):
    """Goes on after errors. What returned is acknowledged, what failed may be there or not; the longest call is kept."""

    def __init__(self, path, seed):
        super().__init__(path, seed)
        self.longest, self.errors = 0, []

    def run(self):
        fd = None
        while not self.ended:
            block = self.order.randrange(FILE_BYTES // BLOCK)
            self.stamp += 1
            began = time.monotonic()
            try:
                if fd is None:
                    fd = os.open(self.path, os.O_RDWR)
                os.pwrite(fd, page(self.stamp), block * BLOCK)
                self.acknowledged[block] = self.stamp
                self.maybe.pop(block, None)
                self.operations += 1
            except OSError as error:
                self.maybe.setdefault(block, []).append(self.stamp)
                self.errors.append(error)
                if fd is not None:
                    self.close(fd)
                fd = None
                time.sleep(0.05)
            self.longest = max(self.longest, time.monotonic() - began)
        if fd is not None:
            self.close(fd)

    @staticmethod
    def close(fd):
        try:
            os.close(fd)
        except OSError:
            pass  # the descriptor is gone all the same


class Load:
    """Some files that are written all the time, one thread for each."""

    def __init__(self, mount, seed):
        self.writers = [PatientWriter(os.path.join(mount, "file%d" % number), seed * 100 + number) for number in range(FILES)]
        for writer in self.writers:
            if not os.path.exists(writer.path):
                write(writer.path, bytes(FILE_BYTES))

    def start(self):
        for writer in self.writers:
            writer.start()
        self.goes_on()

    def goes_on(self, seconds=30):
        """Returns when each file has taken some more writes."""
        before = [writer.operations for writer in self.writers]
        wait_until("writes to go on (errors: %s)" % [writer.errors[-1:] for writer in self.writers], lambda: all(
            writer.operations > count + 10 for writer, count in zip(self.writers, before)), seconds)

    def stop(self):
        for writer in self.writers:
            writer.ended = True
        for writer in self.writers:
            writer.join(LONGEST_CALL)
            expect(not writer.is_alive(), "a write to %s hangs" % writer.path)

    def check(self, volume, may_fail):
        longest = max(writer.longest for writer in self.writers)
        expect(longest < LONGEST_CALL, "a write took %.1f s, network.ping-timeout is %d s" % (longest, PING_TIMEOUT))
        errors = [error for writer in self.writers for error in writer.errors]
        if not may_fail:
            expect(not errors, "%d writes failed: %s" % (len(errors), errors[:1]))
        unknown = [error for error in errors if error.errno not in (errno.EIO, errno.ENOTCONN, errno.EROFS)]
        expect(not unknown, "a write failed with %s" % unknown[:1])
        for brick in volume.bricks:
            lost = [sentence for writer in self.writers for sentence in writer.lost(os.path.join(brick, os.path.basename(writer.path)))]
            expect(not lost, "on %s: %s" % (brick, "; ".join(lost[:3])))
        return "%d writes, %d failed, the longest took %.1f s" % (
            sum(writer.operations for writer in self.writers), len(errors), longest)


# Faults: what begins one, what ends it. Number 0 is the brick that bypass writes to.

class Killed:
    def __init__(self, volume, number):
        self.volume, self.number = volume, number

    def begin(self):
        self.volume.kill_brick(self.number)

    def end(self):
        self.volume.start("force")


class Paused:
    """Longer than the mount waits for an answer: it takes the brick as lost, and the brick knows nothing of it. That of
    GlusterFS 10.3 may crash when it goes on, over calls of connections that have ended: then it is started again.
    """

    def __init__(self, volume, number):
        self.volume, self.number = volume, number

    def begin(self):
        self.process = self.volume.brick_process(self.number)
        os.kill(self.process, signal.SIGSTOP)
        time.sleep(PING_TIMEOUT + 1)

    def end(self):
        os.kill(self.process, signal.SIGCONT)
        try:
            wait_until("a crash, when its clients come back", lambda: is_gone(self.process), 5, 0.1)
        except TestbedError:
            return
        print("  (glusterfsd has crashed; it is started again)", flush=True)
        self.volume.start("force")


class CutOff:
    """Nothing reaches the brick's address any more, and nobody is told."""

    def __init__(self, volume, number):
        self.host = volume.places[number].split(":")[0]

    def route(self, verb):
        subprocess.run(["ip", "route", verb, "table", "local", "blackhole", self.host], check=True)

    def begin(self):
        self.route("add")
        time.sleep(PING_TIMEOUT + 1)

    def end(self):
        self.route("del")


class GlusterdRestarted:
    def __init__(self, volume, number):
        self.cluster = volume.cluster

    def begin(self):
        self.cluster.kill()

    def end(self):
        self.cluster.start()


class Reset:
    """The brick's disk is replaced by an empty one: GlusterFS's reset-brick. Its daemon makes the names anew, which ours
    leaves to it.
    """

    def __init__(self, volume, number):
        self.volume, self.number = volume, number

    def begin(self):
        self.volume.set("cluster.self-heal-daemon", "on")
        self.volume.cluster.gluster("volume", "reset-brick", self.volume.name, self.volume.places[self.number], "start")

    def end(self):
        place = self.volume.places[self.number]
        shutil.rmtree(self.volume.bricks[self.number])
        os.mkdir(self.volume.bricks[self.number])
        self.volume.cluster.gluster("volume", "reset-brick", self.volume.name, place, place, "commit", "force")
        make_names_anew(self.volume, self.number)


class Replaced:
    """An empty brick of another host takes the brick's place, GlusterFS's replace-brick: the mount and our healer go on
    with it, whatever they had open on the one before.
    """

    def __init__(self, volume, number):
        self.volume, self.number = volume, number

    def begin(self):
        self.volume.set("cluster.self-heal-daemon", "on")
        self.volume.replace_brick(self.number)

    def end(self):
        make_names_anew(self.volume, self.number)


def make_names_anew(volume, number):
    """GlusterFS's daemon, which is on, makes the names on an empty brick, and is off then."""
    wait_until("the brick", lambda: volume.brick_process(number), 60, 0.1)
    wait_until("glustershd to be told", lambda: volume.cluster.ask("volume", "heal", volume.name, "full").returncode == 0, 60, 0.2)
    wait_until("all names", lambda: objects_of(volume.bricks[0]) == objects_of(volume.bricks[1]), 60, 0.1)
    # Of marks that its daemon makes on its way nobody tells our healer, which looks at the indices every ten minutes.
    wait_until("glustershd to heal what nobody writes", lambda: not [
        path for _, path, key, counts in volume.pending() if counts[1] or counts[2] or not path.startswith("file")], 120, 0.1)
    volume.set("cluster.self-heal-daemon", "off")


class Scene:
    """One volume, our mount of it and our healer, which meet one fault after the other."""

    def __init__(self, cluster, name, *options):
        self.volume = cluster.volume(name, "replica 2", 2)
        self.volume.set("cluster.self-heal-daemon", "off")
        self.volume.set("network.ping-timeout", str(PING_TIMEOUT))
        self.volume.start_healer()
        self.mount = self.volume.mount_ours(*(option % name if "%" in option else option for option in options))
        self.seed = 0
        self.write_big()

    def write_big(self):
        """Answers the MiB that all of it now consists of."""
        stripe = page(self.seed + 1) * 256
        with open(os.path.join(self.mount, "big"), "wb" if self.seed == 0 else "r+b") as file:
            for _ in range(BIG_BYTES // len(stripe)):
                file.write(stripe)
        return stripe

    def settle(self):
        self.volume.wait_clean(120)
        self.volume.expect_same_info([])
        self.volume.expect_equal_bricks()

    def new_load(self):
        self.seed += 1
        return Load(self.mount, self.seed)

    def expect_true_states(self):
        """While a brick is away, what is pending keeps every tool from saying that all is well."""
        volume = self.volume
        wait_until("something to be pending", volume.pending, 10)
        # One that begins anew, with other bricks than before, is away for a tenth of a second.
        wait_until("the healer to answer", lambda: volume.healctl("status", "--check").returncode != 4, 10)
        answer = volume.healctl("status", "--check")
        expect(answer.returncode not in (0, 4), "healctl status --check ends with %d: %s" % (answer.returncode, answer.stdout))
        answer = volume.healctl("wait", "--until", "clean", "--timeout", "200ms")
        expect(answer.returncode == 124, "healctl wait ends with %d, and %s is pending" % (answer.returncode, volume.pending()[:2]))

    def while_writing(self, fault, may_fail=False, leaves_pending=True):
        """The fault comes and goes while files are written."""
        load = self.new_load()
        load.start()
        try:
            fault.begin()
            if leaves_pending:
                self.expect_true_states()
            if not may_fail:
                load.goes_on()
            fault.end()
            load.goes_on(60)
        finally:
            load.stop()
        self.settle()
        return load.check(self.volume, may_fail)

    def while_healing(self, fault):
        """The fault comes when a heal is under way; nobody writes meanwhile."""
        volume = self.volume
        self.seed += 1
        expect(volume.healctl("queue", "pause").returncode == 0, "the healer cannot be paused")
        stripe = self.write_big()
        volume.healctl("queue", "resume")
        wait_until("a heal to be under way", lambda: self.bytes_done() > 0)
        fault.begin()
        if volume.pending():
            self.expect_true_states()
        fault.end()
        self.settle()
        for brick in volume.bricks:
            with open(os.path.join(brick, "big"), "rb") as file:
                for number in range(BIG_BYTES // len(stripe)):
                    expect(file.read(len(stripe)) == stripe, "%s: big is not what was written, in MiB %d" % (brick, number))

    def bytes_done(self):
        status = json.loads(self.volume.healctl("status", "--json").stdout)["volumes"][0]
        return sum(heal["bytes_done"] for heal in status["active"])


def met(steps):
    """Runs (what to say, the step) one after the other; the first that fails says which it was."""
    for what, step in steps:
        began = time.monotonic()
        try:
            remark = step()
        except (Complaint, TestbedError, OSError, subprocess.SubprocessError) as error:
            raise TestbedError("%s: %s" % (what, error))
        print("  %s: %.1f s%s" % (what, time.monotonic() - began, ", " + remark if remark else ""), flush=True)


def bypass_meets_everything(cluster):
    scene = Scene(cluster, "bypassed", "bypass", "target=%s-client-0")
    volume = scene.volume
    met((
        ("writing, the sink is killed", lambda: scene.while_writing(Killed(volume, 1))),
        ("writing, the sink is paused", lambda: scene.while_writing(Paused(volume, 1))),
        ("writing, the sink is cut off", lambda: scene.while_writing(CutOff(volume, 1))),
        ("writing, the target is killed", lambda: scene.while_writing(Killed(volume, 0), may_fail=True)),
        ("writing, the target is paused", lambda: scene.while_writing(Paused(volume, 0), may_fail=True)),
        ("writing, the target is cut off", lambda: scene.while_writing(CutOff(volume, 0), may_fail=True)),
        ("writing, glusterd is restarted", lambda: scene.while_writing(GlusterdRestarted(volume, 0), leaves_pending=False)),
        ("writing, the sink is reset", lambda: scene.while_writing(Reset(volume, 1))),
        ("writing, the sink is replaced", lambda: scene.while_writing(Replaced(volume, 1))),
        ("healing, the sink is killed", lambda: scene.while_healing(Killed(volume, 1))),
        ("healing, the sink is paused", lambda: scene.while_healing(Paused(volume, 1))),
        ("healing, the sink is cut off", lambda: scene.while_healing(CutOff(volume, 1))),
        ("healing, the source is killed", lambda: scene.while_healing(Killed(volume, 0))),
        ("healing, the source is paused", lambda: scene.while_healing(Paused(volume, 0))),
        ("healing, the source is cut off", lambda: scene.while_healing(CutOff(volume, 0))),
        ("healing, glusterd is restarted", lambda: scene.while_healing(GlusterdRestarted(volume, 0))),
        ("healing, the sink is reset", lambda: scene.while_healing(Reset(volume, 1))),
    ))


def replicate_meets_everything(cluster):
    scene = Scene(cluster, "replicated")
    volume = scene.volume
    met((
        ("writing, a brick is killed", lambda: scene.while_writing(Killed(volume, 1))),
        ("writing, the first brick is killed", lambda: scene.while_writing(Killed(volume, 0))),
        ("writing, a brick is paused", lambda: scene.while_writing(Paused(volume, 1))),
        ("writing, a brick is cut off", lambda: scene.while_writing(CutOff(volume, 0))),
        ("writing, glusterd is restarted", lambda: scene.while_writing(GlusterdRestarted(volume, 0), leaves_pending=False)),
        ("writing, a brick is reset", lambda: scene.while_writing(Reset(volume, 1))),
        ("writing, a brick is replaced", lambda: scene.while_writing(Replaced(volume, 1))),
    ))


def replaced(cluster):
    """With bypass and without; alone, because it takes long on a machine that runs tests."""
    for name, options in (("moved", ("bypass", "target=%s-client-0")), ("moved2", ())):
        scene = Scene(cluster, name, *options)
        met(((name, lambda: scene.while_writing(Replaced(scene.volume, 1))),))


def three_faults(cluster):
    scene = Scene(cluster, "short", "bypass", "target=%s-client-0")
    volume = scene.volume
    met((
        ("writing, the target is killed", lambda: scene.while_writing(Killed(volume, 0), may_fail=True)),
        ("writing, the sink is paused", lambda: scene.while_writing(Paused(volume, 1))),
        ("healing, the sink is cut off", lambda: scene.while_healing(CutOff(volume, 1))),
    ))


if __name__ == "__main__":
    run_cases("cluster faults", (bypass_meets_everything, replicate_meets_everything, replaced), short=(three_faults,))
