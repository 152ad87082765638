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

    def two_replicas_on_one_directory(self, testbed):
        link = os.path.join(testbed.folder, "link")
        os.symlink(testbed.bricks[0], link)
        return ["bad.vol:", "demo-posix-0", "demo-posix-1", testbed.bricks[0]], replaced(testbed, testbed.bricks[1], link)

    def a_brick_of_another_volume(self, testbed):
        foreign = os.path.join(testbed.folder, "foreign")
        os.makedirs(os.path.join(foreign, ".glusterfs"))
        os.setxattr(testbed.bricks[0], "trusted.glusterfs.volume-id", bytes(range(16, 32)))
        os.mkdir(os.path.join(testbed.bricks[0], ".glusterfs"))
        os.setxattr(foreign, "trusted.glusterfs.volume-id", bytes(range(16)))
        text = replaced(testbed, testbed.bricks[1], foreign)
        return ["bad.vol:", foreign, "volume"], text

    def a_brick_on_a_read_only_file_system(self, testbed):
        brick = testbed.bricks[1]
        subprocess.run(["mount", "--bind", brick, brick], check=True)
        testbed.bound = [brick]
        subprocess.run(["mount", "-o", "remount,ro,bind", brick], check=True)
        return ["demo.vol:", brick, "read-only"], testbed.volfile

    def a_volfile_that_is_not_there(self, testbed):
        return ["nowhere.vol"], os.path.join(testbed.folder, "nowhere.vol")


def command_lines(testbed):
    """(what, command, what it says must contain): mistakes that need no bad volfile."""
    volmount, healer = (os.path.join(testbed.binaries, name) for name in ("volmount", "healer"))
    volfile, runtime, point = testbed.volfile, testbed.runtime, testbed.mount_point
    mount = [volmount, "--foreground", "--volfile", volfile, "-o", "runtime-dir=" + runtime]
    heal = [healer, "--volfile", volfile, "--runtime-dir", runtime]
    file, long = os.path.join(testbed.folder, "file"), os.path.join(testbed.folder, "l" * 90)
    open(file, "w").close()
    # Users other than root may not come through a folder that mkdtemp made.
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    no_fuse = ["unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount -t tmpfs none /dev && exec "$@"', "sh"]
    return [
        ("volmount: nothing", [volmount], ["--volfile", "--help"]),
        ("volmount: no volfile", [volmount, point], ["--volfile", "--help"]),
        ("volmount: no directory", [volmount, "--volfile", volfile], ["dir", "--help"]),
        ("volmount: an unknown flag", [volmount, "--volfil", volfile, point], ["volfil", "--help"]),
        ("volmount: one word too many", [*mount, point, "more"], ["more", "--help"]),
        ("volmount: an unknown mount option", [*mount, "-o", "cache-mod=x", point], ["cache-mod", "cache-mode"]),
        ("volmount: a value that a mount option cannot have", [*mount, "-o", "cache-mode=x", point], ["cache-mode", "write-through"]),
        ("volmount: a mount point that is missing", [*mount, point + "-gone"], [point + "-gone", "make the directory"]),
        ("volmount: a mount point that is a file", [*mount, file], [file, "not a directory"]),
        ("volmount: no /dev/fuse", no_fuse + [*mount, point], ["/dev/fuse", "modprobe fuse"]),
        ("volmount: not root", nobody + [*mount, point], [testbed.bricks[0], "run as root"]),
        ("volmount: a log file that cannot be", [*mount, "-o", "log-file=/nowhere/log", point], ["/nowhere/log"]),
        ("volmount: a runtime folder that is a file", [volmount, "-f", "--volfile", volfile, "-o", "runtime-dir=" + file, point], [file]),
        ("volmount: a runtime folder with too long a name", [volmount, "-f", "--volfile", volfile, "-o", "runtime-dir=" + long, point], ["107"]),
        ("healer: nothing", [healer], ["--volfile", "--help"]),
        ("healer: an unknown flag", [*heal, "--runtime"], ["--runtime", "--help"]),
        ("healer: an unknown option", [*heal, "-o", "heal-timeot=5"], ["heal-timeot", "heal-timeout"]),
        ("healer: an unknown log level", [*heal, "--log-level", "loud"], ["loud"]),
        ("healer: not root", nobody + heal, [testbed.bricks[0], "run as root"]),
        ("healer: a log file that cannot be", [*heal, "--log-file", "/nowhere/log"], ["/nowhere/log"]),
        ("healer: a runtime folder that is a file", [healer, "--volfile", volfile, "--runtime-dir", file], [file]),
        ("healer: a runtime folder with too long a name", [healer, "--volfile", volfile, "--runtime-dir", long], ["107"]),
    ]


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
            for path in getattr(testbed, "bound", ()):
                subprocess.run(["umount", path], capture_output=True)
            testbed.stop()
    testbed = Testbed(release=not arguments.debug_build)
    try:
        os.chmod(testbed.folder, 0o755)
        for what, command, expected in command_lines(testbed):
            complaint = says_one_sentence(command, expected)
            passed, failed = (passed, failed + 1) if complaint else (passed + 1, failed)
            print("%s: %s%s" % ("failed" if complaint else "ok", what, ": " + complaint if complaint else ""))
    finally:
        testbed.stop()
    print("bad-input: %d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
