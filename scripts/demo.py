"""Bypass writes on two local bricks, healed within milliseconds: a real workload, a comparison of both bricks, figures.

Exit code 0: both bricks are equal and nothing is pending. Anything else is said in one sentence.
"""
import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from workload import PARTS, Report, lag  # noqa: E402
from testbed import VOLUME, Testbed, TestbedError, check_scratch, objects_of  # noqa: E402


def say(text):
    print("demo: " + text, flush=True)


def watch(testbed):
    """The live view: the terminal's own when there is one, else plain lines."""
    command = [os.path.join(testbed.binaries, "healctl"), "--runtime-dir", testbed.runtime, "status", "--watch=1"]
    viewer = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def end():
        viewer.send_signal(signal.SIGINT)
        viewer.wait()
    return end


def run(testbed, arguments):
    say("two bricks in %s" % testbed.folder)
    testbed.start_healer()
    testbed.start_mount()
    say("healer runs, %s is mounted with bypass" % testbed.mount_point)
    plain = os.path.join(testbed.folder, "plain")
    os.mkdir(plain)
    report = Report()

    def compare(part):
        work, _, what = PARTS[part]
        say(what)
        report.add_part(part, work(testbed.mount_point), work(plain))

    compare("tree")
    compare("database")
    ends = watch(testbed)
    try:
        compare("image")
        say("waiting for clean")
        began = time.perf_counter()
        testbed.wait_clean()
        say("clean %.1f s after the last write" % (time.perf_counter() - began))
    finally:
        ends()
    say("measuring the lag of %d single writes" % arguments.probes)
    report.lag = lag(testbed.mount_point, testbed.bricks[0], "%s-client-1" % VOLUME, testbed.bricks[1], arguments.probes)
    testbed.wait_clean()
    say("comparing the bricks: content, holes, sizes, modes, owners, xattrs")
    differences = testbed.compare_bricks()
    report.show()
    if differences:
        for difference in differences:
            say("DIFFERENT: " + difference)
        return 1
    say("both bricks are equal: %d objects, nothing pending" % len(objects_of(testbed.bricks[0])))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--probes", type=int, default=200, help="single writes to measure the lag with (default 200)")
    parser.add_argument("--keep", action="store_true", help="leave bricks and logs in the scratch folder")
    arguments = parser.parse_args()
    complaint = check_scratch(os.environ.get("SCRATCH", "/tmp"), 2 << 30)
    if complaint:
        sys.exit("demo: " + complaint)
    testbed = Testbed(scratch=os.environ.get("SCRATCH", "/tmp"))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    code = 1
    try:
        code = run(testbed, arguments)
    except KeyboardInterrupt:
        say("interrupted; unmounting and cleaning up")
        code = 130
    except (TestbedError, OSError, sqlite3.Error, subprocess.CalledProcessError) as error:
        say("FAILED: %s" % error)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        testbed.stop(keep=arguments.keep or code == 1)
        if code == 1:
            say("bricks and logs are left in %s" % testbed.folder)
    sys.exit(code)


if __name__ == "__main__":
    main()
