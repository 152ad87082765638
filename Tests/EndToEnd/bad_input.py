"""Bad input meets one clear sentence that names the file, line or brick, an exit code that is not 0, and loses nothing."""
import argparse
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from testbed import Testbed  # noqa: E402


def replaced(testbed, old, new):
    """The testbed's volfile with one piece of text replaced, as a file of its own."""
    with open(testbed.volfile) as file:
        text = file.read()
    assert old in text, old
    path = os.path.join(testbed.folder, "bad.vol")
    with open(path, "w") as file:
        file.write(text.replace(old, new, 1))
    return path


class Cases:
    """Each returns (what it says must contain, volfile)."""

    def a_line_that_is_no_volfile(self, testbed):
        return ["bad.vol:3"], replaced(testbed, "    option directory", "    optoin directory")

    def an_unknown_option(self, testbed):
        return ["bad.vol:", "fsynk", "fsync"], replaced(testbed, "option target", "option fsynk all\n    option target")

    def a_value_that_an_option_cannot_have(self, testbed):
        return ["bad.vol:", "fsync", "everywhere"], replaced(testbed, "option target", "option fsync everywhere\n    option target")

    def an_unknown_type(self, testbed):
        return ["bad.vol:", "features/bypas", "features/bypass"], replaced(testbed, "features/bypass", "features/bypas")

    def an_unknown_subvolume(self, testbed):
        return ["bad.vol:", "demo-replicate-O", "demo-replicate-0"], replaced(testbed, "subvolumes demo-replicate-0", "subvolumes demo-replicate-O")

    def an_ambiguous_target(self, testbed):
        return ["bad.vol:", "demo-client-0", "demo-client-1"], replaced(testbed, "option target demo-client-0", "option target auto")

    def a_target_that_is_no_replica(self, testbed):
        return ["bad.vol:", "demo-client-7"], replaced(testbed, "option target demo-client-0", "option target demo-client-7")

    def a_brick_that_is_missing(self, testbed):
        return ["bad.vol:", testbed.bricks[1] + "-gone"], replaced(testbed, testbed.bricks[1], testbed.bricks[1] + "-gone")

    def a_brick_of_another_volume(self, testbed):
        foreign = os.path.join(testbed.folder, "foreign")
        os.makedirs(os.path.join(foreign, ".glusterfs"))
        os.setxattr(testbed.bricks[0], "trusted.glusterfs.volume-id", bytes(range(16, 32)))
        os.mkdir(os.path.join(testbed.bricks[0], ".glusterfs"))
        os.setxattr(foreign, "trusted.glusterfs.volume-id", bytes(range(16)))
        text = replaced(testbed, testbed.bricks[1], foreign)
        return ["bad.vol:", foreign, "volume"], text

    def a_volfile_that_is_not_there(self, testbed):
        return ["nowhere.vol"], os.path.join(testbed.folder, "nowhere.vol")


def says_one_sentence(command, expected):
    """What is wrong with how `command` refuses, or None."""
    try:
        answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        return "it runs on instead of refusing"
    # Lines of the log that only inform are no complaint: "[2026-11-24 23:39:16.528] I …".
    said = [line for line in (answer.stdout + answer.stderr).splitlines() if line.strip() and "] I " not in line[:30]]
    if answer.returncode == 0:
        return "exit code 0"
    if answer.returncode < 0:
        return "it was ended by signal %d" % -answer.returncode
    if len(said) != 1:
        return "%d lines instead of one sentence: %s" % (len(said), said[:5])
    missing = [word for word in expected if word not in said[0]]
    return "the sentence lacks %s: %s" % (missing, said[0]) if missing else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--debug-build", action="store_true", help="use the debug build of the commands")
    arguments = parser.parse_args()
    passed = failed = 0
    for name in [name for name in dir(Cases) if not name.startswith("_")]:
        testbed = Testbed(release=not arguments.debug_build)
        try:
            expected, volfile = getattr(Cases(), name)(testbed)
            for command, rest in (("volmount", ["--foreground", "-o", "runtime-dir=" + testbed.runtime, testbed.mount_point]),
                                  ("healer", ["--runtime-dir", testbed.runtime])):
                if command == "healer" and "target" in name or command == "healer" and "fsync" in " ".join(expected):
                    continue  # the healer does not load what stands above replicate
                complaint = says_one_sentence(
                    [os.path.join(testbed.binaries, command), "--volfile", volfile, *rest], expected)
                passed, failed = (passed, failed + 1) if complaint else (passed + 1, failed)
                print("%s: %s: %s%s" % ("failed" if complaint else "ok", command, name.replace("_", " "), ": " + complaint if complaint else ""))
        finally:
            testbed.stop()
    print("bad-input: %d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
