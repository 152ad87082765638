"""Ours and GlusterFS's own software take over from each other: what a bypass mount leaves pending, glustershd heals; what
GlusterFS's clients leave pending, our healer heals; brick directories of the one are served by the other. On the way
`gluster volume heal VOLUME info` and `healctl info` name the same files.
"""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import run_cases  # noqa: E402
from kill_under_load import FILE_BYTES, Writer  # noqa: E402
from testbed import VOLUME, Testbed, expect, wait_until  # noqa: E402
from trees import bytes_of, expect_both_see, expect_same, make_tree, seen, write  # noqa: E402


def without_genuine_heals(volume):
    """Neither glustershd nor a client's lookup heals: what is pending stays."""
    volume.set("cluster.self-heal-daemon", "off")
    for kind in ("data", "metadata", "entry"):
        volume.set("cluster.%s-self-heal" % kind, "off")


def healed_by_glustershd(volume):
    volume.set("cluster.self-heal-daemon", "on")
    # glusterd refuses while its daemon has not connected to every brick.
    wait_until("glustershd to be told", lambda: volume.cluster.ask("volume", "heal", volume.name).returncode == 0, 30, 0.2)
    wait_until("glustershd to heal all", lambda: volume.heal_info() == ["0", "0"] and not volume.pending(), 60, 0.2)
    volume.expect_equal_bricks(with_holes=False)  # glustershd's holes have a grain of 128 KiB.
    volume.set("cluster.self-heal-daemon", "off")


def expect_agreement(volume, names):
    """A healer of ours is there only to be asked: it heals nothing. With nothing to heal it need not be held, and then
    what a dead writer's journal names is looked at before the volume is called clean.
    """
    volume.start_healer(paused=bool(names))
    volume.expect_same_info(names)
    if not names:
        volume.wait_clean()
    status = volume.healctl("status", "--check")
    expect((status.returncode == 0) == (not names), "%d files are pending, healctl status --check says %d: %s" % (
        len(names), status.returncode, status.stdout))
    volume.stop_healer()


def change(mount, name):
    """Writes into files that are there: an overwritten block, an append, a shorter and a longer file, a punched hole."""
    path = lambda file: os.path.join(mount, name, file)
    with open(path("file-1000001"), "r+b") as file:
        file.seek(123_456)
        file.write(bytes_of("changed " + name, 200_000))
    with open(path("file-4096"), "ab") as file:
        file.write(bytes_of("appended " + name, 10_000))
    os.truncate(path("file-5"), 2)
    os.truncate(path("file-0"), 3 << 20)
    subprocess.run(["fallocate", "--punch-hole", "--offset", str(10 << 20), "--length", "4096", path("holes")], check=True)
    with open(path("holes"), "r+b") as file:
        file.seek(5 << 20)
        file.write(b"z" * 5000)


# The first of these has a second name.
CHANGED = ("file-5", "sub/name-of-5", "file-1000001", "file-4096", "file-0", "holes")


def bypass_is_uninstalled(cluster):
    """No healer of ours ever heals, the mount is gone: a plain volume with counts that glustershd takes off."""
    volume = cluster.volume("unmounted", "replica 2", 2)
    without_genuine_heals(volume)
    ours = volume.mount_ours("bypass", "target=unmounted-client-0")
    make_tree(ours, "tree")
    view = seen(ours, "tree")
    volume.unmount(ours)
    left_to_glusterfs(volume, lambda genuine: expect_same(view, seen(genuine, "tree"), "written by bypass"))
    # Installed again, it meets epochs that somebody else healed.
    ours = volume.mount_ours("bypass", "target=unmounted-client-0")
    change(ours, "tree")
    volume.start_healer()
    view = seen(ours, "tree")
    volume.unmount(ours)
    volume.wait_clean()
    volume.expect_same_info([])
    volume.stop_healer()
    volume.expect_equal_bricks()
    expect_same(view, seen(volume.mount_genuine(), "tree"), "written by bypass again")


def bypass_is_killed(cluster):
    """As before, but the mount dies of kill -9 while it is written to."""
    volume = cluster.volume("killed", "replica 2", 2)
    without_genuine_heals(volume)
    ours = volume.mount_ours("bypass", "target=killed-client-0")
    names = ["file%d" % number for number in range(4)]
    writers = [Writer(os.path.join(ours, name), number) for number, name in enumerate(names)]
    for name in names:
        write(os.path.join(ours, name), bytes(FILE_BYTES))
    for writer in writers:
        writer.start()
    wait_until("writes to be acknowledged", lambda: all(len(writer.acknowledged) > 100 for writer in writers))
    volume.kill_mount(ours)
    for writer in writers:
        writer.ended = True
        writer.join(60)
    wait_until("all files to be pending", lambda: volume.pending_names() == ["/" + name for name in names])
    left_to_glusterfs(volume, lambda genuine: expect_nothing_lost(writers, genuine))
    for brick in volume.bricks:
        expect_nothing_lost(writers, brick)


def expect_nothing_lost(writers, folder):
    lost = [sentence for writer in writers for sentence in writer.lost(os.path.join(folder, os.path.basename(writer.path)))]
    expect(not lost, "; ".join(lost[:3]))


def left_to_glusterfs(volume, check):
    """`check` looks at a genuine mount: while all is pending, and when it is healed with either brick alone."""
    names = volume.pending_names()
    expect(names, "nothing is pending")
    expect(all(number == 0 for number, *_ in volume.pending()), "counts are on the other brick: %s" % volume.pending())
    expect_agreement(volume, names)
    genuine = volume.mount_genuine()
    check(genuine)
    volume.unmount(genuine)
    healed_by_glustershd(volume)
    expect_agreement(volume, [])
    genuine = volume.mount_genuine()
    check(genuine)
    volume.kill_brick(0)
    check(genuine)
    volume.unmount(genuine)
    volume.start("force")


def genuine_clients_leave_data(cluster):
    """A brick misses what a genuine client writes, first the second brick, then the first one; our healer heals both."""
    volume = cluster.volume("theirs", "replica 2", 2)
    without_genuine_heals(volume)
    volume.start_healer(paused=True)
    for missing in (1, 0):
        name = "without-%d" % missing
        # Of its own: a mount that has lost a brick looks for it every few seconds, and goes on without it meanwhile.
        genuine = volume.mount_genuine()
        make_tree(genuine, name)
        wait_until("delayed post-ops", lambda: not volume.pending())
        volume.kill_brick(missing)
        change(genuine, name)
        view = seen(genuine, name)
        wait_until("the marks", lambda: volume.pending_names() == sorted("/%s/%s" % (name, file) for file in CHANGED))
        expect(volume.healctl("status", "--check").returncode not in (0, 4), "healctl calls a volume clean that misses a brick")
        expect(volume.healctl("wait", "--until", "clean", "--timeout", "200ms").returncode == 124, "healctl waits for no brick that is away")
        volume.start("force")
        volume.expect_same_info(["/%s/%s" % (name, file) for file in CHANGED])
        volume.healctl("queue", "resume")
        volume.wait_clean()
        volume.expect_same_info([])
        volume.healctl("queue", "pause")
        volume.expect_equal_bricks()
        expect_same(view, seen(genuine, name), "after the heal, %s" % name)
        volume.unmount(genuine)
    volume.stop_healer()


def a_genuine_client_dies(cluster):
    """Killed between its pre-op and its post-op, it leaves files dirty on both bricks, which may differ or not."""
    volume = cluster.volume("dirty", "replica 2", 2)
    without_genuine_heals(volume)
    genuine = volume.mount_genuine()
    names = ["file%d" % number for number in range(4)]
    for name in names:
        write(os.path.join(genuine, name), bytes(FILE_BYTES))
    writers = [Writer(os.path.join(genuine, name), number) for number, name in enumerate(names)]
    for writer in writers:
        writer.start()
    wait_until("writes to be acknowledged", lambda: all(len(writer.acknowledged) > 100 for writer in writers), 60)
    volume.kill_genuine(genuine)
    for writer in writers:
        writer.ended = True
        writer.join(60)
    left = volume.pending_names()
    expect(left, "the killed client left nothing dirty")
    expect(all(key == "trusted.afr.dirty" for *_, key, _ in volume.pending()), "more than dirty is left: %s" % volume.pending())
    expect_agreement(volume, left)
    volume.start_healer()
    volume.wait_clean()
    volume.expect_same_info([])
    volume.stop_healer()
    volume.expect_equal_bricks()
    for brick in volume.bricks:
        expect_nothing_lost(writers, brick)


def our_bricks_served_by_glusterfs(cluster):
    """Brick directories that storage/posix made become those of a volume of glusterd, with what was pending on them."""
    testbed = Testbed(scratch=cluster.folder, release=cluster.release, bricks=cluster.brick_paths(VOLUME, 2))
    try:
        testbed.start_healer()
        testbed.start_mount()
        make_tree(testbed.mount_point, "healed")
        testbed.wait_clean()
        testbed.kill_healer()
        make_tree(testbed.mount_point, "pending")
        views = {name: seen(testbed.mount_point, name) for name in ("healed", "pending")}
    finally:
        testbed.stop()
    # The name is the one by which counts are called, NAME-client-0; "force" gives the bricks the new volume's id.
    volume = cluster.volume(VOLUME, "replica 2", 2, started=False)
    without_genuine_heals(volume)
    volume.start()
    names = volume.pending_names()
    expect(names and all(name.startswith("/pending/") for name in names), "what is pending is %s" % names)

    def check(genuine):
        for name, view in views.items():
            expect_same(without_times(view), without_times(seen(genuine, name)), "written by ours, %s" % name)
    left_to_glusterfs(volume, check)
    genuine = volume.mount_genuine()
    change(genuine, "healed")
    make_tree(genuine, "theirs")
    ours = volume.mount_ours("attribute-timeout=0", "entry-timeout=0")
    for name in ("healed", "pending", "theirs"):
        expect_both_see(genuine, ours, name, "after a genuine client's changes")
    for mount in (genuine, ours):
        volume.unmount(mount)
    wait_until("delayed post-ops", lambda: not volume.pending())
    volume.expect_equal_bricks(with_holes=False)


def their_bricks_served_by_ours(cluster):
    """Brick directories of a stopped volume are opened by our volfile, and are glusterd's again afterwards."""
    volume = cluster.volume("back", "replica 2", 2)
    without_genuine_heals(volume)
    genuine = volume.mount_genuine()
    make_tree(genuine, "tree")
    make_tree(genuine, "pending")
    view = seen(genuine, "tree")
    wait_until("delayed post-ops", lambda: not volume.pending())
    volume.kill_brick(1)
    change(genuine, "pending")
    volume.unmount(genuine)
    volume.cluster.gluster("volume", "stop", "back")
    testbed = Testbed(scratch=cluster.folder, release=cluster.release, bricks=volume.bricks, volume="back")
    try:
        testbed.start_healer()
        testbed.start_mount()
        testbed.wait_clean()
        volume.expect_equal_bricks()
        expect_same(view, seen(testbed.mount_point, "tree"), "written by a genuine client")
        change(testbed.mount_point, "tree")
        make_tree(testbed.mount_point, "ours")
        testbed.wait_clean()
        views = {name: seen(testbed.mount_point, name) for name in ("tree", "pending", "ours")}
    finally:
        testbed.stop()
    volume.expect_equal_bricks()
    volume.start()
    genuine = volume.mount_genuine()
    for name, view in views.items():
        expect_same(without_times(view), without_times(seen(genuine, name)), "written by ours, %s" % name)
    expect_agreement(volume, [])


def without_times(view):
    """Each brick of ours takes times from its own clock where a volfile has no features/utime."""
    return {path: {key: value for key, value in of.items() if key not in ("atime_ns", "mtime_ns", "ctime_ns")}
            for path, of in view.items()}


CASES = (bypass_is_uninstalled, bypass_is_killed, genuine_clients_leave_data, a_genuine_client_dies, our_bricks_served_by_glusterfs,
         their_bricks_served_by_ours)
SHORT = (bypass_is_killed, genuine_clients_leave_data, our_bricks_served_by_glusterfs, their_bricks_served_by_ours)

if __name__ == "__main__":
    run_cases("both ways", CASES, short=SHORT)
