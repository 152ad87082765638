"""Two mounts of one volume: what a writeback cache keeps out, what it lets in, and that its death frees the volume."""
import argparse
import errno
import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bad_input import says_one_sentence  # noqa: E402
from sharing import expect_close_to_open, expect_no_update_lost, expect_replaced_while_read  # noqa: E402
from testbed import Complaint, Testbed, wait_until  # noqa: E402


class SecondMount:
    """Another `volmount` of the testbed's volume, on a directory of its own."""

    def __init__(self, testbed, options):
        self.directory = os.path.join(testbed.folder, "second")
        os.makedirs(self.directory, exist_ok=True)
        self.command = [os.path.join(testbed.binaries, "volmount"), "--foreground", "--volfile", testbed.volfile,
                        "-o", "runtime-dir=" + testbed.runtime, *options, self.directory]
        self.process = None
        self.testbed = testbed

    def refusal(self, expected):
        return says_one_sentence(self.command, expected)

    def remount(self):
        """For writing. The exit code, and what was said."""
        answer = subprocess.run([self.command[0], "--volfile", self.testbed.volfile, "-o", "remount,rw", self.directory],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        return answer.returncode, answer.stderr.strip()

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.testbed.log("second.log"),
                                        stderr=subprocess.STDOUT, start_new_session=True)
        wait_until("the second mount", lambda: os.path.ismount(self.directory) or self.testbed.died(self.process, "second"))
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)


def write_error(path):
    """The name of the error that writing to `path` meets, or None."""
    try:
        with open(path, "w") as file:
            file.write("x")
    except OSError as error:
        return errno.errorcode[error.errno]
    return None


def scenes(release):
    writeback, write_through = ["-o", "cache-mode=writeback-cache"], ["-o", "cache-mode=write-through"]

    testbed = Testbed(release=release, mount_options="cache-mode=writeback-cache")
    try:
        testbed.start_mount()
        with open(os.path.join(testbed.mount_point, "file"), "w") as file:
            file.write("first")
            os.fsync(file.fileno())
        named = ["demo-replicate-0", "process %d" % testbed.mount_process.pid, testbed.mount_point, "unmount"]
        yield "a second writeback mount is refused", SecondMount(testbed, writeback).refusal(named)
        yield "a write-through mount beside it is refused", SecondMount(testbed, write_through).refusal(named + ["-o ro"])
        for name, options in (("told to yield", ["-o", "beside-writeback=read-only"]), ("mounted read-only", ["-o", "ro", *writeback])):
            with SecondMount(testbed, options) as second:
                with open(os.path.join(second.directory, "file")) as file:
                    yield "a mount that was %s reads" % name, None if file.read() == "first" else "it reads something else"
                error = write_error(os.path.join(second.directory, "other"))
                yield "a mount that was %s writes nothing" % name, None if error == "EROFS" else "writing met %s" % error
                code, said = second.remount()
                yield "a mount that was %s is not remounted for writing" % name, (
                    None if code == 1 and "stays read-only" in said and len(said.splitlines()) == 1 else "it ends with %d: %s" % (code, said))
                subprocess.run(["mount", "-i", "-o", "remount,rw", second.directory], capture_output=True)
                error = write_error(os.path.join(second.directory, "other"))
                yield "a mount that was %s writes nothing after a remount" % name, None if error == "EROFS" else "writing met %s" % error
        testbed.kill_mount()
        with SecondMount(testbed, writeback) as second:
            error = write_error(os.path.join(second.directory, "other"))
            yield "after kill -9 of the first the second has the volume", error
        with SecondMount(testbed, ["-o", "ro"]) as second:
            answer = second.remount()
            error = write_error(os.path.join(second.directory, "other")) if answer == (0, "") else "remounting ends with %d: %s" % answer
            yield "a mount that was read-only and alone is remounted for writing", error
            named = ["demo-replicate-0", "process %d" % second.process.pid, second.directory, "unmount"]
            third = SecondMount(testbed, writeback)
            third.command[-1] = testbed.mount_point
            yield "and keeps out whom a writer keeps out", third.refusal(named)
    finally:
        testbed.stop()

    testbed = Testbed(release=release)
    try:
        testbed.start_mount()
        named = ["demo-replicate-0", "process %d" % testbed.mount_process.pid, testbed.mount_point, "unmount"]
        yield "a writeback mount beside one that writes through is refused", SecondMount(testbed, writeback).refusal(named)
        with SecondMount(testbed, write_through) as second:
            error = write_error(os.path.join(second.directory, "file")) or write_error(os.path.join(testbed.mount_point, "file"))
            yield "two mounts that write through both write", error
            yield from sharing(testbed, second)
    finally:
        testbed.stop()


def sharing(testbed, second):
    mounts = (testbed.mount_point, second.directory)
    testbed.start_healer()
    for promise, check in (("what one mount closed the other reads when it opens", lambda: expect_close_to_open(*mounts)),
                           ("a counter that both increment under a lock loses nothing", lambda: expect_no_update_lost(mounts, 300)),
                           ("a file that is replaced while it is read is read to its end", lambda: expect_replaced_while_read(*mounts, 300)),
                           ("the same on one mount", lambda: expect_replaced_while_read(mounts[0], mounts[0], 300))):
        try:
            check()
            yield promise, None
        except Complaint as complaint:
            yield promise, str(complaint)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--debug-build", action="store_true", help="use the debug build of the commands")
    arguments = parser.parse_args()
    passed = failed = 0
    for name, complaint in scenes(release=not arguments.debug_build):
        passed, failed = (passed, failed + 1) if complaint else (passed + 1, failed)
        print("%s: %s%s" % ("failed" if complaint else "ok", name, ": " + complaint if complaint else ""))
    print("two-mounts: %d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
