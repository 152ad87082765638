"""What a user does with `volmount` and `healer`: "Translator 101" in the foreground, mount(8) and an fstab(5) line through
`mount.volmount`, umount and fusermount3, signals. Runs in a mount namespace of its own, so that the machine's /usr/sbin
and /etc/fstab stay as they are and no mount is left.
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from testbed import REPOSITORY, Complaint, Testbed, TestbedError, expect, wait_until  # noqa: E402


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


def run(*command):
    answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    expect(answer.returncode == 0, "%s ended with %d: %s" % (" ".join(command), answer.returncode, (answer.stdout + answer.stderr).strip()))
    return answer.stdout


def is_mounted(directory):
    return any(line.split()[1] == directory for line in read("/proc/self/mounts").splitlines())


def is_running(number):
    return os.path.exists("/proc/%d/exe" % number) and "State:\tZ" not in read("/proc/%d/status" % number)


class Scene:
    """A folder with the volume of "Translator 101": its own text, with a directory of ours."""

    def __init__(self, binaries):
        self.binaries = binaries
        self.folder = tempfile.mkdtemp(prefix="mounting-")
        self.export, self.mount_point, self.runtime = (os.path.join(self.folder, name) for name in ("export", "mnt", "run"))
        for path in (self.export, self.mount_point, self.runtime):
            os.mkdir(path)
        self.volfile, self.log, self.pid_file = (os.path.join(self.folder, name) for name in ("my.vol", "my.log", "my.pid"))
        text = read(os.path.join(REPOSITORY, "volfiles", "my.vol"))
        expect("/play/export" in text, "volfiles/my.vol has no /play/export")
        with open(self.volfile, "w") as file:
            file.write(text.replace("/play/export", self.export))

    @property
    def options(self):
        return "log-file=%s,pid-file=%s,runtime-dir=%s" % (self.log, self.pid_file, self.runtime)

    def volmount(self, *arguments):
        return run(os.path.join(self.binaries, "volmount"), "--volfile", self.volfile, "-o", self.options, *arguments, self.mount_point)

    @property
    def number(self):
        return int(read(self.pid_file))

    def hello(self, name="file"):
        """Written on the mount, read there and on the brick."""
        with open(os.path.join(self.mount_point, name), "w") as file:
            file.write("hello")
        expect(read(os.path.join(self.mount_point, name)) == "hello", "the mount does not read back what was written")
        expect(read(os.path.join(self.export, name)) == "uryyb", "the brick has %r instead of \"uryyb\"" % read(os.path.join(self.export, name)))

    def ends(self, number):
        wait_until("the process to end", lambda: not is_running(number), 20)
        expect(not is_mounted(self.mount_point), "it is still mounted")
        expect(not os.path.exists(self.pid_file), "the pid file is left")
        expect("unmounted from" in read(self.log), "the log does not say that it was unmounted: %s" % read(self.log)[-500:])

    def clear(self):
        while is_mounted(self.mount_point):
            subprocess.run(["umount", "-l", self.mount_point], capture_output=True)
        if os.path.exists(self.pid_file):
            os.kill(self.number, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


def translator_101(scene):
    output = os.path.join(scene.folder, "output")
    with open(output, "w") as file:
        process = subprocess.Popen(
            [os.path.join(scene.binaries, "volmount"), "--volfile", scene.volfile, "-f", "--debug", "-o", "runtime-dir=" + scene.runtime,
             scene.mount_point], stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_until("the mount", lambda: is_mounted(scene.mount_point) or process.poll() is not None)
        scene.hello()
        path = os.path.join(scene.mount_point, "file")
        os.rename(path, path + "2")
        os.chmod(path + "2", 0o600)
        os.listdir(scene.mount_point)
        os.unlink(path + "2")
        os.mkdir(os.path.join(scene.mount_point, "d"))
        os.rmdir(os.path.join(scene.mount_point, "d"))
        process.send_signal(signal.SIGTERM)
        code = process.wait(20)
        expect(code == 0, "after SIGTERM its exit code is %d: %s" % (code, read(output)[-500:]))
        expect(not is_mounted(scene.mount_point), "after SIGTERM it is still mounted")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    said = read(output)
    for line in ("volume my-posix", "type storage/posix", "volume my-rot13", "type encryption/rot-13", "subvolumes my-posix"):
        count = sum(1 for each in said.splitlines() if each.strip() == line)
        expect(count == 1, "the volfile's line \"%s\" is printed %d times" % (line, count))
    traced = [line.split("-trace: ")[1].split() for line in said.splitlines() if "-trace: " in line]
    traced = [words for words in traced if words[0].isdigit()]
    asked = {(words[0], words[1]) for words in traced if words[2:3] != ["="]}
    answered = {(words[0], words[1]) for words in traced if words[2:3] == ["="]}
    expect(asked == answered, "fops without an answer in the trace: %s" % sorted(asked ^ answered)[:5])
    names = {name for _, name in asked}
    missing = {"create", "writev", "readv", "flush", "lookup", "rename", "setattr", "unlink", "mkdir", "rmdir", "opendir"} - names
    expect(not missing, "not traced: %s" % sorted(missing))


def in_the_background(scene):
    scene.volmount()
    expect(is_mounted(scene.mount_point), "volmount returned before it had mounted")
    scene.hello()
    number = scene.number
    expect(read("/proc/%d/comm" % number) == "volmount\n", "ps and pgrep know it as %s" % read("/proc/%d/comm" % number))
    os.kill(number, signal.SIGTERM)
    scene.ends(number)


def umount(scene):
    scene.volmount()
    scene.hello()
    number = scene.number
    run("umount", scene.mount_point)
    scene.ends(number)


def fusermount3(scene):
    scene.volmount()
    scene.hello()
    number = scene.number
    run("fusermount3", "-u", scene.mount_point)
    scene.ends(number)


def mount_8(scene):
    run("mount", "-t", "volmount", scene.volfile, scene.mount_point, "-o", scene.options + ",noatime,nosuid")
    flags = [line.split()[3] for line in read("/proc/self/mounts").splitlines() if line.split()[1] == scene.mount_point][0]
    expect("nosuid" in flags and "noatime" in flags, "mounted with %s instead of nosuid,noatime" % flags)
    scene.hello()
    number = scene.number
    run("umount", scene.mount_point)
    scene.ends(number)


def fstab_5(scene):
    with open("/etc/fstab", "w") as file:  # this namespace's own
        file.write("%s %s volmount noauto,nofail,_netdev,x-systemd.automount,ro,%s 0 0\n" % (scene.volfile, scene.mount_point, scene.options))
    scene.volmount()
    scene.hello("there")
    number = scene.number
    run("umount", scene.mount_point)
    scene.ends(number)
    run("mount", scene.mount_point)
    expect(read(os.path.join(scene.mount_point, "there")) == "hello", "the file is not what an earlier mount wrote")
    try:
        open(os.path.join(scene.mount_point, "new"), "w")
        raise Complaint("a file was made on a mount with ro")
    except OSError as error:
        expect("Read-only" in error.strerror, "making a file on a mount with ro says %s" % error.strerror)
    number = scene.number
    run("umount", scene.mount_point)
    scene.ends(number)


def flags_of(directory):
    return [line.split()[3].split(",") for line in read("/proc/self/mounts").splitlines() if line.split()[1] == directory][0]


def remount(scene):
    """Read-only and back, by mount(8), whatever it began as; with a line of fstab(5) and without."""
    scene.volmount()
    scene.hello()
    run("mount", "-o", "remount,ro", scene.mount_point)
    expect("ro" in flags_of(scene.mount_point), "remount,ro leaves %s" % flags_of(scene.mount_point))
    expect(read(os.path.join(scene.mount_point, "file")) == "hello", "nothing can be read after remount,ro")
    run("mount", "-o", "remount,rw,nosuid", scene.mount_point)
    expect("nosuid" in flags_of(scene.mount_point), "remount,nosuid leaves %s" % flags_of(scene.mount_point))
    with open(os.path.join(scene.mount_point, "held"), "w"):
        answer = subprocess.run(["mount", "-o", "remount,ro", scene.mount_point], capture_output=True, text=True)
        expect(answer.returncode == 32 and "open for writing" in answer.stderr,
               "remount,ro beside a writer ends with %d: %s" % (answer.returncode, answer.stderr))
    run("umount", scene.mount_point)
    wait_until("the process to end", lambda: not os.path.exists(scene.pid_file), 20)

    with open("/etc/fstab", "w") as file:
        file.write("%s %s volmount noauto,ro,%s 0 0\n" % (scene.volfile, scene.mount_point, scene.options))
    run("mount", scene.mount_point)
    number = scene.number
    run("mount", "-o", "remount,rw", scene.mount_point)
    scene.hello("after")
    expect(scene.number == number, "another process serves it now")
    run("umount", scene.mount_point)
    scene.ends(number)


def what_mount_8_is_told(scene):
    """Exit codes as mount(8) has them, and one sentence."""
    for words, code, part in (
        (["-t", "volmount", scene.volfile, scene.mount_point, "-o", "no-such-option"], 1, "unknown mount option"),
        (["-t", "volmount", scene.volfile, scene.mount_point + "-absent", "-o", scene.options], 32, "make the directory first"),
        (["-t", "volmount", scene.volfile + "-absent", scene.mount_point, "-o", scene.options], 1, "-absent"),
    ):
        answer = subprocess.run(["mount", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        expect(answer.returncode == code and part in answer.stderr, "mount %s ends with %d: %s" % (" ".join(words), answer.returncode, answer.stderr))


def signals(scene):
    scene.volmount()
    number = scene.number
    os.rename(scene.log, scene.log + ".1")
    os.kill(number, signal.SIGHUP)
    wait_until("the log file to be opened anew", lambda: os.path.exists(scene.log), 10)
    os.kill(number, signal.SIGUSR1)
    wait_until("the log's line about a statedump", lambda: "statedump in" in read(scene.log), 10)
    dumps = [name for name in os.listdir(scene.runtime) if ".dump." in name]
    expect(len(dumps) == 1, "statedumps in the runtime directory: %s" % dumps)
    dump = read(os.path.join(scene.runtime, dumps[0]))
    for what in ("[mount/fuse", "my-posix", "my-rot13"):
        expect(what in dump, "the statedump lacks %s" % what)
    scene.hello()
    os.kill(number, signal.SIGINT)
    scene.ends(number)


def the_healers_signals(scene):
    testbed = Testbed(release=scene.binaries.endswith("release"))
    log = os.path.join(testbed.folder, "signals.log")
    try:
        testbed.healer_process = process = subprocess.Popen(
            [os.path.join(scene.binaries, "healer"), "--volfile", testbed.volfile, "--runtime-dir", testbed.runtime, "--log-file", log],
            stdin=subprocess.DEVNULL, stdout=testbed.log("healer.log"), stderr=subprocess.STDOUT)
        wait_until("the healer to answer", lambda: testbed.healctl("status").returncode in (0, 3) or testbed.died(process, "healer"))
        os.rename(log, log + ".1")
        process.send_signal(signal.SIGHUP)
        wait_until("the healer to open its log anew", lambda: os.path.exists(log) and "was read again" in read(log), 10)
        process.send_signal(signal.SIGUSR1)
        wait_until("the healer's statedump", lambda: "statedump in" in read(log), 10)
        path = read(log).split("statedump in ")[1].splitlines()[0]
        expect("demo-posix-0" in read(path), "the statedump lacks demo-posix-0")
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
        expect(code == 0, "after SIGTERM the healer's exit code is %d" % code)
        folder = os.path.dirname(path)
        left = [name for name in os.listdir(folder) if not ".dump." in name]
        expect(not left, "the healer leaves sockets behind: %s" % left)
    finally:
        testbed.stop()


CASES = (translator_101, in_the_background, umount, fusermount3, mount_8, fstab_5, remount, what_mount_8_is_told, signals, the_healers_signals)


def own_namespace(binaries):
    """Starts this script again in a mount namespace whose /usr/sbin has what `make install` puts there and whose fstab is its own."""
    folder = tempfile.mkdtemp(prefix="namespace-")
    try:
        shutil.copytree("/usr/sbin", os.path.join(folder, "sbin"), symlinks=True)
        # What is installed is tried as it is installed.
        subprocess.run(["make", "-s", "-C", REPOSITORY, "install", "BUILD=" + binaries, "PREFIX=%s/usr/local" % folder,
                        "MOUNT_HELPERS=%s/sbin" % folder], check=True)
        open(os.path.join(folder, "fstab"), "w").close()
        script = 'touch /etc/fstab; mount --bind "$1/sbin" /usr/sbin && mount --bind "$1/fstab" /etc/fstab && shift && exec "$@"'
        return subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", folder, sys.executable,
                               os.path.abspath(__file__), "--inside", *sys.argv[1:]]).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--debug-build", action="store_true", help="use the debug build of the commands")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    binaries = os.path.join(REPOSITORY, ".build", "debug" if arguments.debug_build else "release")
    if not arguments.inside:
        sys.exit(own_namespace(binaries))
    passed = failed = 0
    for case in CASES:
        name = case.__name__.strip("_").replace("_", " ")
        scene = Scene(binaries)
        try:
            case(scene)
            passed += 1
            print("ok: %s" % name, flush=True)
        except (Complaint, TestbedError, OSError, subprocess.TimeoutExpired) as complaint:
            failed += 1
            print("FAILED: %s: %s" % (name, complaint), flush=True)
        finally:
            scene.clear()
    print("mounting: %d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
