"""A name under which the bricks have different files, as a power cut can leave it: every mount's look-up tells it, healctl
lists it and brings both contents to all bricks, rm and rename over it work.
"""
import argparse
import os
import subprocess
import sys
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from testbed import Testbed, TestbedError, wait_until  # noqa: E402


def handle(brick, gfid):
    text = str(uuid.UUID(bytes=gfid))
    return os.path.join(brick, ".glusterfs", text[:2], text[2:4], text)


def split(brick, name, content):
    """Puts another file under the name on one brick: other gfid, other content."""
    path, gfid = os.path.join(brick, name), uuid.uuid4().bytes
    recorded = {key: os.getxattr(path, key) for key in os.listxattr(path) if key.startswith("trusted.gfid2path.")}
    os.unlink(handle(brick, os.getxattr(path, "trusted.gfid")))
    os.unlink(path)
    with open(path, "w") as file:
        file.write(content)
    for key, value in {**recorded, "trusted.gfid": gfid}.items():
        os.setxattr(path, key, value)
    os.makedirs(os.path.dirname(handle(brick, gfid)), mode=0o700, exist_ok=True)
    os.link(path, handle(brick, gfid))


def check(claim, holds):
    if not holds:
        raise TestbedError("not so: " + claim)


def read(path):
    with open(path) as file:
        return file.read()


def fails_to_read(path):
    try:
        read(path)
        return False
    except OSError:
        return True


def run(testbed):
    names = ["kept", "discarded", "removed", "replaced"]
    testbed.start_healer()
    testbed.start_mount()
    folder = os.path.join(testbed.mount_point, "d")
    os.mkdir(folder)
    for name in names:
        with open(os.path.join(folder, name), "w") as file:
            file.write("one " + name)
    testbed.wait_clean(60)
    testbed.kill_mount()
    for name in names:
        split(testbed.bricks[1], "d/" + name, "other " + name)
    testbed.start_mount()
    check("nobody reads either as if it were right", all(fails_to_read(os.path.join(folder, name)) for name in names))
    wait_until("healctl to say split-brain", lambda: testbed.status()["volumes"][0]["state"] == "split-brain", seconds=60)
    listed = testbed.healctl("split-brain", "list").stdout
    check("all names are listed with what to do, not\n%s" % listed, all("split-brain resolve d/%s --source" % name in listed for name in names))
    replicas = ["%s-client-%d" % (testbed.volume, number) for number in range(2)]
    check("both replicas are listed", all(replica in listed for replica in replicas))

    os.unlink(os.path.join(folder, "removed"))
    with open(os.path.join(folder, "new"), "w") as file:
        file.write("new")
    os.rename(os.path.join(folder, "new"), os.path.join(folder, "replaced"))
    for name, source, more in (("kept", replicas[1], []), ("discarded", replicas[0], ["--discard"])):
        answer = testbed.healctl("split-brain", "resolve", "d/" + name, "--source", source, *more)
        check("resolve of %s: %s" % (name, answer.stderr), answer.returncode == 0)
    testbed.wait_clean(60)
    check("nothing is listed any more", "no split-brain" in testbed.healctl("split-brain", "list").stdout)
    # What the kernel still remembers of the names.
    subprocess.run(["umount", testbed.mount_point], check=True)
    testbed.mount_process.wait(30)
    testbed.start_mount()
    content = {name: read(os.path.join(folder, name)) for name in os.listdir(folder)}
    aside = [name for name in content if name.startswith("kept.split-brain-")]
    check("the other content has a name: %s" % content, len(aside) == 1 and content[aside[0]] == "one kept")
    check("what was asked for is there: %s" % content, content["kept"] == "other kept" and content["discarded"] == "one discarded"
          and content["replaced"] == "new" and len(content) == 4)
    differences = testbed.compare_bricks()
    check("the bricks are equal: %s" % differences, not differences)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--debug-build", action="store_true", help="use the debug build of the commands")
    arguments = parser.parse_args()
    testbed, failed = Testbed(release=not arguments.debug_build), True
    try:
        run(testbed)
        failed = False
        print("ok: names of different files are told, and there is a way out")
    except (TestbedError, OSError, subprocess.SubprocessError) as error:
        print("failed: %s" % error)
        if failed:
            print(testbed.healctl("status").stdout)
    finally:
        testbed.stop(keep=failed)
    if failed:
        print("bricks and logs are left in %s" % testbed.folder)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
