"""README's commands, as they stand there: what it tells people to type works.

The lines of its indented code blocks are run in order by a shell, in a mount namespace of its own, with the paths of the
example replaced by scratch ones. `make demo` and `make test` are not run again from here: that they are what CI runs
is checked instead.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from testbed import REPOSITORY, wait_until  # noqa: E402


def text_of(name):
    with open(os.path.join(REPOSITORY, name)) as file:
        return file.read()


def blocks(text):
    """Fenced blocks whose lines are commands; pictures are not."""
    for block in re.findall(r"^```\n(.*?)^```$", text, re.M | re.S):
        if not re.search(r"[─│┌▼]", block):
            yield [line for line in block.splitlines() if line.strip()]


def check_make(line):
    """A sentence about what is wrong with a `make` line, or None."""
    target = line.split()[1]
    recipe = re.search(r"^%s:.*\n((?:\t.*\n)*)" % re.escape(target), text_of("Makefile"), re.M)
    if not recipe:
        return "the Makefile has no target %s" % target
    if target == "test":
        return None if "make test" in text_of(".ci/run") else ".ci/run does not run make test"
    ran = [word for word in re.findall(r"scripts/[a-z-]+", recipe.group(1))]
    missing = [word for word in ran if word not in text_of("scripts/check") and word != "scripts/setup" and word != "scripts/man"]
    return "scripts/check does not run %s of make %s" % (missing, target) if missing else None


def run_example(lines, folder):
    """Runs a block's lines; a sentence about what is wrong, or None."""
    for name in ("brick-0", "brick-1", "vm"):
        os.makedirs(os.path.join(folder, name))
    with open(os.path.join(folder, "vm.vol"), "w") as file:
        file.write(text_of("volfiles/replica2.vol").replace("/srv/bypass", folder))
    started = []
    try:
        for line in lines:
            line = line.replace("/etc/bypass", folder).replace("/srv/vm", os.path.join(folder, "vm"))
            if line.endswith("&"):
                started.append(subprocess.Popen(["bash", "-c", "exec " + line[:-1]], cwd=REPOSITORY, stdin=subprocess.DEVNULL))
                # The next line may need it.
                wait_until("the healer's socket", lambda: started[-1].poll() is not None or any(
                    name.endswith(".control") for _, _, names in os.walk("/run/volmount") for name in names))
                continue
            answer = subprocess.run(["bash", "-c", line], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
            if answer.returncode != 0:
                return "%s ended with %d: %s" % (line, answer.returncode, (answer.stdout + answer.stderr).strip())
        with open(os.path.join(folder, "vm", "disk"), "w") as file:
            file.write("written through the example")
        copy = os.path.join(folder, "brick-1", "disk")
        wait_until("the other copy", lambda: os.path.exists(copy) and open(copy).read() == "written through the example")
        return None
    finally:
        subprocess.run(["umount", os.path.join(folder, "vm")], capture_output=True)
        for process in started:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def main():
    if "--in-namespace" not in sys.argv:
        os.makedirs("/run/volmount", exist_ok=True)
        os.execvp("unshare", ["unshare", "-m", sys.executable, os.path.abspath(__file__), "--in-namespace"])
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/volmount"], check=True)
    failed = 0
    for lines in blocks(text_of("README.md")):
        makes = [line for line in lines if line.startswith("make ")]
        for line in makes:
            complaint = check_make(line)
            failed += bool(complaint)
            print("%s: %s%s" % ("failed" if complaint else "ok", line, ": " + complaint if complaint else ""))
        others = [line for line in lines if line not in makes]
        # What is about a cluster is run by those that have one: gluster_volume.py and both_ways.py.
        if not others or "db1,db2:/vm" in others[0] or others[0].startswith("gluster "):
            continue
        folder = tempfile.mkdtemp(prefix="readme-", dir=os.environ.get("SCRATCH"))
        try:
            complaint = run_example(others, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        failed += bool(complaint)
        print("%s: %s%s" % ("failed" if complaint else "ok", "; ".join(others), ": " + complaint if complaint else ""))
    print("readme: %s" % ("%d failed" % failed if failed else "its commands work"))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
