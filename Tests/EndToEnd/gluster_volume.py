"""`volmount HOST:/VOLUME` and `healer --volume` on an unmodified GlusterFS: files written through our mount are read
through glusterfs's own and the reverse, bypassed writes are healed until the bricks are equal and glusterfs finds nothing to
heal, and what we cannot serve is refused in one sentence.
"""
import contextlib
import errno
import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import run_cases  # noqa: E402
from testbed import REPOSITORY, expect, objects_of, wait_until, xattrs_of  # noqa: E402
from trees import bytes_of, expect_both_see, expect_same, make_tree, seen, write  # noqa: E402


def both_ways(cluster):
    """What one mount writes the other shows, times to the nanosecond; the bricks are equal without any heal."""
    volume = cluster.volume("plain", "replica 2", 2)
    genuine = volume.mount_genuine()
    ours = volume.mount_ours("attribute-timeout=0", "entry-timeout=0")
    for name, writer, reader in (("by-ours", ours, genuine), ("by-genuine", genuine, ours)):
        make_tree(writer, name)
        expect_both_see(writer, reader, name, "written %s" % name)
    # On each other's files, too.
    for writer, reader, name in ((ours, genuine, "by-genuine"), (genuine, ours, "by-ours")):
        with open(os.path.join(writer, name, "file-4096"), "ab") as file:
            file.write(b"appended")
        os.rename(os.path.join(writer, name, "sub", "deeper"), os.path.join(writer, name, "moved"))
        os.setxattr(os.path.join(writer, name, "file-4096"), "user.colour", b"red")
        expect_both_see(writer, reader, name, "changed %s" % name)
    # What has no name any more is there as long as it is open; the kernel's fstat(2) does not say by which descriptor.
    for mount in (genuine, ours):
        with open(os.path.join(mount, "nameless"), "wb") as file:
            os.unlink(file.name)
            file.write(b"seven..")
            file.flush()
            expect(os.fstat(file.fileno()).st_size == 7, "an open file without a name has another size")
    said = [line for line in volume.said("ours").splitlines() if "performance/md-cache" in line]
    expect(len(said) == 1 and "performance/write-behind" not in said[0], "the notice of what is passed through is %s" % said)
    shown = [line.split() for line in open("/proc/self/mounts") if line.split()[1] == ours][0]
    expect(shown[0] == volume.spec, "df shows %s instead of %s" % (shown[0], volume.spec))
    for mount in (ours, genuine):
        volume.unmount(mount)
    wait_until("delayed post-ops", lambda: not volume.pending())
    volume.expect_equal_bricks()
    layouts = {path: xattrs_of(os.path.join(volume.bricks[0], path)).get("trusted.glusterfs.dht")
               for path in objects_of(volume.bricks[0]) if os.path.isdir(os.path.join(volume.bricks[0], path))}
    expect(len(layouts) >= 6 and len(set(layouts.values())) == 1, "directories' layouts differ: %s" % layouts)


def bypass_and_healer(cluster):
    """Bypassed writes reach one brick, the healer brings them to the other, glusterfs finds nothing to heal."""
    volume = cluster.volume("fast", "replica 2", 2)
    volume.set("cluster.self-heal-daemon", "off")
    ours = volume.mount_ours("bypass", "target=fast-client-0", "epoch-duration=100ms")
    path = os.path.join(ours, "image")
    content = bytearray(bytes_of("image", 8 << 20))
    write(path, content)
    with open(path, "r+b") as file:
        for block in range(0, 2048, 7):
            piece = bytes_of("block %d" % block, 4096)
            content[block * 4096:(block + 1) * 4096] = piece
            file.seek(block * 4096)
            file.write(piece)
    wait_until("the marks of bypassed writes", volume.pending)
    expect(any(entry[1] == "image" for entry in volume.pending()), "the marks are of others: %s" % volume.pending())
    volume.start_healer()
    volume.wait_clean()
    make_tree(ours, "tree")
    volume.wait_clean()
    view = seen(ours, "tree")
    volume.unmount(ours)
    volume.wait_clean()
    volume.stop_healer()
    volume.expect_equal_bricks()
    for brick in volume.bricks:
        with open(os.path.join(brick, "image"), "rb") as file:
            expect(file.read() == content, "%s does not hold what was written" % brick)
    wait_until("glusterfs to find nothing to heal", lambda: volume.heal_info() == ["0", "0"])
    genuine = volume.mount_genuine()
    expect_same(view, seen(genuine, "tree"), "bypassed and healed")


def dump_of(volume, what="ours"):
    """A mount's statedump."""
    path = volume.new_mount_point(what) + ".pid"
    process = int(open(path).read())
    known = set(os.listdir(volume.runtime))
    os.kill(process, signal.SIGUSR1)
    fresh = lambda: [name for name in set(os.listdir(volume.runtime)) - known if name.startswith("volmount.%d.dump." % process)]
    wait_until("the statedump", lambda: fresh() and os.path.getsize(os.path.join(volume.runtime, fresh()[0])))
    with open(os.path.join(volume.runtime, fresh()[0])) as file:
        return file.read()


def journals(brick):
    """Of writers, on this brick."""
    folder = os.path.join(brick, ".glusterfs", "bypass")
    return [name for name in os.listdir(folder) if len(name) == 36] if os.path.isdir(folder) else []


def in_the_bricks_directory(cluster):
    """With bypass the target's data is written in its brick's directory, and explained by a journal there: what a mount
    wrote before its end by kill -9 is healed by ranges. direct=off writes through the brick's process.
    """
    volume = cluster.volume("near", "replica 2", 2)
    volume.set("cluster.self-heal-daemon", "off")
    options = ("bypass", "target=near-client-0")
    ours = volume.mount_ours(*options, "direct=off")
    write(os.path.join(ours, "file"), b"through the process")
    expect("performance/direct" not in dump_of(volume), "direct=off is direct all the same")
    expect(not journals(volume.bricks[0]), "there is a journal on a brick that only its process opens")
    volume.unmount(ours)

    ours = volume.mount_ours(*options)
    path = os.path.join(ours, "image")
    content = bytearray(bytes_of("near", 32 << 20))
    write(path, content)
    volume.start_healer()
    volume.wait_clean()
    section = dump_of(volume).split("[performance/direct.near-client-0]")[1].split("\n\n")[0].splitlines()
    expect("state.direct=true" in section and "state.opened-by-wire=0" in section, "the statedump says %s" % section)
    expect(len(journals(volume.bricks[0])) == 1 and not journals(volume.bricks[1]), "journals are not on the target alone")
    genuine = volume.mount_genuine()
    # Nobody hears the records of what follows.
    volume.stop_healer()
    file = os.open(path, os.O_RDWR)
    for block in (3, 1000, 8191):
        content[block * 4096:(block + 1) * 4096] = bytes_of("block %d" % block, 4096)
        os.pwrite(file, bytes_of("block %d" % block, 4096), block * 4096)
    os.fsync(file)
    times = os.stat(path).st_mtime_ns
    volume.kill_mount(ours)
    with contextlib.suppress(OSError):
        os.close(file)
    volume.start_healer()
    volume.wait_clean()
    heals = volume.finished_heals("image")
    moved = sum(heal["bytes_moved"] + heal["bytes_skipped"] for heal in heals)
    expect(heals and moved <= 64 << 10, "after kill -9 %d bytes were looked at: %s" % (moved, heals))
    volume.stop_healer()
    volume.expect_equal_bricks()
    with open(os.path.join(genuine, "image"), "rb") as file:
        expect(file.read() == content, "glusterfs's mount reads something else")
    expect(os.stat(os.path.join(genuine, "image")).st_mtime_ns == times, "the time of the last write is lost")
    wait_until("glusterfs to find nothing to heal", lambda: volume.heal_info() == ["0", "0"])


def lock(kind, path):
    """A program that holds a lock of the whole file: prints "got" or "refused", and holds it until its input ends."""
    take = {"flock": "fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)", "fcntl": "fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)",
            "ofd": "fcntl.fcntl(file, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))"}[kind]
    program = ("import fcntl, struct, sys\nfile = open(sys.argv[1], 'r+b')\ntry:\n    %s\n    print('got', flush=True)\n"
               "except OSError:\n    print('refused', flush=True)\nsys.stdin.read()" % take)
    process = subprocess.Popen([sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def locks_and_what_files_have(cluster):
    """Locks of every kind exclude each other between our mounts and GlusterFS's; a killed waiter leaves none; what files
    have beside content is the same on both bricks after bypassed writes.
    """
    volume = cluster.volume("kept", "replica 2", 2)
    volume.set("cluster.self-heal-daemon", "off")
    ours, genuine = volume.mount_ours("bypass", "target=kept-client-0"), volume.mount_genuine()
    write(os.path.join(ours, "file"), b"locked")
    wait_until("GlusterFS's mount to see it", lambda: os.path.exists(os.path.join(genuine, "file")))
    for first, second in ((ours, genuine), (genuine, ours)):
        for held in ("flock", "fcntl", "ofd"):
            holder, got = lock(held, os.path.join(first, "file"))
            expect(got == "got", "a lock that nobody holds is refused: %s in %s" % (held, first))
            for asked in ("flock", "fcntl", "ofd"):
                other, got = lock(asked, os.path.join(second, "file"))
                expect(got == "refused", "%s in %s beside %s in %s" % (asked, second, held, first))
                other.communicate("")
            holder.communicate("")
    holder, _ = lock("flock", os.path.join(genuine, "file"))
    waiter = subprocess.Popen(["flock", os.path.join(ours, "file"), "true"])
    wait_until("the waiter", lambda: "request_wait" in open("/proc/%d/wchan" % waiter.pid).read())
    waiter.kill()
    waiter.wait(10)
    holder.communicate("")
    wait_until("the lock", lambda: subprocess.run(["flock", "-n", os.path.join(genuine, "file"), "true"]).returncode == 0)

    volume.start_healer()
    program, name = os.path.join(ours, "program"), b"user.caf\xe9"
    write(program, bytes_of("program", 8192))
    os.chmod(program, 0o6755)
    for capability in (bytes.fromhex("0100000200040000000000000000000000000000"), None):
        with open(program, "r+b") as file:
            file.write(b"z")
        if capability:
            os.setxattr(program, "security.capability", capability)
        volume.wait_clean()
        for brick in volume.bricks:
            found = xattrs_of(os.path.join(brick, "program")).get("security.capability")
            mode = os.stat(os.path.join(brick, "program")).st_mode & 0o7777
            expect(found == capability and mode == 0o6755, "%s has %s, %o" % (brick, found, mode))
    os.setxattr(program.encode(), name, b"1")
    expect(os.getxattr(program.encode(), name) == b"1" and os.fsdecode(name) in os.listxattr(program), "xattr names are not bytes")
    os.mkdir(os.path.join(ours, "many"))
    for number in range(400):
        write(os.path.join(ours, "many", "file-%d" % number), b"")
    with os.scandir(os.path.join(ours, "many")) as entries:
        others = [entry.name for entry in entries if entry.inode() != os.lstat(entry.path).st_ino]
    expect(not others, "readdir has other inode numbers than stat: %s" % others[:3])


def groups_of_callers(cluster):
    """A user may do through our mount what a group besides the first allows, as through GlusterFS's: bricks check by them too."""
    os.chmod(cluster.folder, 0o711)
    volume = cluster.volume("grouped", "replica 2", 2)
    volume.set("cluster.self-heal-daemon", "off")
    mounts = volume.mount_genuine(), volume.mount_ours(), volume.mount_ours("bypass", "target=grouped-client-0", what="bypass")
    for number, mount in enumerate(mounts):
        folder = os.path.join(mount, "group%d" % number)
        os.mkdir(folder)
        os.chown(folder, 0, 54321)
        os.chmod(folder, 0o2770)
        name, renamed = os.path.join(folder, "made"), os.path.join(folder, "renamed")
        for words in (["touch", name], ["chgrp", "54321", name], ["mv", name, renamed], ["cat", renamed], ["ls", folder], ["rm", renamed]):
            answer = subprocess.run(["setpriv", "--reuid", "12345", "--regid", "12345", "--groups", "4,54321", *words], capture_output=True, text=True)
            expect(answer.returncode == 0, "%s of a member of its group: %s" % (" ".join(words), answer.stderr.strip()))


def what_a_brick_has_to_see(cluster):
    """storage.reserve holds for what is written in the brick's directory; with a changelog nothing is written there."""
    volume = cluster.volume("rules", "replica 2", 2)
    volume.set("cluster.self-heal-daemon", "off")
    ours = volume.mount_ours("bypass", "target=rules-client-0")
    path = os.path.join(ours, "file")
    write(path, b"before")

    def full():
        try:
            with open(path, "r+b") as file:
                file.write(bytes_of("full", 65536))
        except OSError as error:
            return error.errno == errno.ENOSPC
        return False
    expect(not full(), "there is no room at first")
    volume.set("storage.reserve", "100")
    wait_until("the reserve to be kept", full)
    volume.set("storage.reserve", "0")
    wait_until("room", lambda: not full())
    volume.set("changelog.changelog", "on")
    wait_until("the line", lambda: "which has to see it: the changelog" in volume.said("ours"))
    expect("state.direct=false" in dump_of(volume), "data goes to the directory all the same")


def the_next_server(cluster):
    """The first host does not answer: the second one is asked. None answers: one sentence with both."""
    volume = cluster.volume("hosts", "replica 2", 2)
    volume.unmount(volume.mount_ours(spec="192.0.2.1,127.1.1.1:/hosts"))
    volume.unmount(volume.mount_ours("backup-volfile-servers=127.1.1.1:127.1.1.2", spec="192.0.2.1:/hosts"))
    refused(volume, "no glusterd answers", "192.0.2.1:24007", "192.0.2.2:24007", spec="192.0.2.1,192.0.2.2:/hosts")
    refused(volume, "knows no volume \"hots\"", spec="127.1.1.1:/hots")


def refused(volume, *parts, options=(), spec=None):
    _, answer = volume.volmount(*options, what="refused", spec=spec)
    said = answer.stderr.strip()
    expect(answer.returncode in (1, 2), "volmount ended with %d: %s" % (answer.returncode, said))
    expect(len(said.splitlines()) == 1, "it says more than a sentence: %s" % said)
    for part in parts:
        expect(part in said, "it does not say \"%s\": %s" % (part, said))


def what_is_refused(cluster):
    """Volumes and targets that we cannot serve meet one sentence that names them."""
    for name, kind, bricks, option, parts in (
        ("spread", "replica 2", 4, None, ("spread-dht", "cluster/distribute", "2 subvolumes")),
        ("coded", "disperse 3 redundancy 1", 3, None, ("coded-disperse-0", "cluster/disperse")),
        ("witness", "replica 3 arbiter 1", 3, None, ("witness-replicate-0", "arbiter")),
        ("pieces", "replica 2", 2, "features.shard", ("pieces-shard", "features/shard")),
    ):
        volume = cluster.volume(name, kind, bricks)
        if option:
            volume.set(option, "on")
        refused(volume, *parts)
    volume = cluster.volume("two-here", "replica 2", 2)
    refused(volume, "target=auto is ambiguous", *("two-here-client-%d (%s)" % pair for pair in enumerate(volume.places)), options=("bypass",))
    refused(volume, "two-here-client-7", options=("bypass", "target=two-here-client-7"))
    refused(volume, "-o fsync is for -o bypass", options=("fsync=all",))
    refused(volume, "-o bypass: ", "fsync", "everywhere", options=("bypass", "target=two-here-client-0", "fsync=everywhere"))
    volume = cluster.volume("asleep", "replica 2", 2, started=False)
    refused(volume, "gluster volume start asleep")


def mount_8(cluster):
    """mount(8) of HOST:/VOLUME with bypass and by a line of fstab(5), through the helper that it looks for itself;
    umount(8) leaves no process.
    """
    volume = cluster.volume("helped", "replica 2", 2)
    volume.set("cluster.self-heal-daemon", "off")
    genuine = volume.mount_genuine()
    path = volume.new_mount_point("ours")
    options = "rw,_netdev,bypass,target=helped-client-0,runtime-dir=%s,log-file=%s,pid-file=%s.pid" % (
        volume.runtime, volume.log("ours"), path)
    volume.start_healer()
    with helper_and_fstab(cluster, "%s %s volmount %s,noauto 0 0\n" % (volume.spec, path, options)):
        for number, words in enumerate((["-t", "volmount", volume.spec, path, "-o", options], [path])):
            answer = subprocess.run(["mount", *words], capture_output=True, text=True, timeout=60)
            expect(answer.returncode == 0, "mount %s: %s" % (" ".join(words), answer.stderr))
            volume.mounts.append(path)
            shown = [line.split()[0] for line in open("/proc/self/mounts") if line.split()[1] == path]
            expect(shown == [volume.spec], "%s is shown as %s" % (path, shown))
            expect("state.direct=true" in dump_of(volume), "its data does not go to the brick's directory")
            write(os.path.join(path, "file%d" % number), b"hello")
            volume.wait_clean()
            with open(os.path.join(genuine, "file%d" % number), "rb") as file:
                expect(file.read() == b"hello", "the genuine mount reads something else")
            # Of this one and of those that it started.
            volume.unmount(path)
            left = processes_of(path)
            expect(not left, "umount leaves %s" % left)
    volume.stop_healer()
    volume.expect_equal_bricks()


@contextlib.contextmanager
def helper_and_fstab(cluster, line):
    """Over /sbin and /etc/fstab as this mount namespace sees them."""
    fstab, upper = (os.path.join(cluster.folder, name) for name in ("fstab", "sbin"))
    with open(fstab, "w") as file:
        file.write(line)
    os.makedirs(upper)
    os.symlink(os.path.join(cluster.binaries, "volmount"), os.path.join(upper, "mount.volmount"))
    folder = os.path.realpath("/sbin")
    subprocess.run(["mount", "--bind", fstab, "/etc/fstab"], check=True)
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", "lowerdir=%s:%s" % (upper, folder), folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder, "/etc/fstab"], check=True)


def processes_of(word):
    """The command lines in which it stands, of processes that live."""
    found = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open("/proc/%s/cmdline" % number, "rb") as file:
            line = file.read().replace(b"\0", b" ").decode(errors="replace")
            if word in line:
                found.append(line)
    return found


def a_volume_that_changes(cluster):
    """New options go into the running graph, other bricks need a new mount and the log says so; glusterd may restart."""
    volume = cluster.volume("living", "replica 2", 2)
    ours = volume.mount_ours("bypass", "target=living-client-0", "attribute-timeout=0")
    said = lambda *parts: any(all(part in line for part in parts) for line in volume.said("ours").splitlines())
    volume.set("cluster.quorum-type", "fixed")
    volume.set("cluster.quorum-count", "2")
    wait_until("the log's line about new options", lambda: said("new options from the cluster", "living-replicate-0.quorum-count"))
    volume.kill_brick(1)
    try:
        wait_until("the mount to notice", lambda: not make(os.path.join(ours, "refused")), 20)
    finally:
        volume.set("cluster.quorum-type", "none")
    wait_until("the option that lets one replica do", lambda: make(os.path.join(ours, "allowed")), 20)
    volume.start("force")
    cluster.kill()
    wait_until("the mount to miss glusterd", lambda: said("no glusterd answers"))
    cluster.start()
    wait_until("the mount to find glusterd again", lambda: said("glusterd answers again"), 60)
    volume.add_brick(3)
    wait_until("the log's line about a new mount", lambda: said(volume.places[2], "does not write to it", "until the volume is mounted anew"))
    # It would miss what is written, and nobody would know.
    expect(not make(os.path.join(ours, "after")), "a file is made that the third brick does not have")
    with open(os.path.join(ours, "allowed"), "rb") as file:
        expect(file.read() == b"made", "it is not read any more")
    volume.unmount(ours)
    ours = volume.mount_ours("bypass", "target=living-client-0", "attribute-timeout=0")
    expect(make(os.path.join(ours, "after")), "mounted anew it takes no files")
    volume.unmount(ours)


def bricks_that_are_replaced(cluster):
    """Though the graph would have another shape, which a mount does not take: it follows a sink that is replaced, and lets
    go of its target for good. glusterfs's daemon gives new bricks their names and files.
    """
    volume = cluster.volume("moving", "replica 2", 2)
    ours = volume.mount_ours("bypass", "target=moving-client-0", "attribute-timeout=0")
    said = lambda word: word in volume.said("ours")

    def whole():
        wait_until("glustershd to be told", lambda: cluster.ask("volume", "heal", volume.name, "full").returncode == 0, 60, 0.2)
        wait_until("both bricks to have all", lambda: objects_of(volume.bricks[0]) == objects_of(volume.bricks[1])
                   and not volume.pending(), 60, 0.2)
    expect(make(os.path.join(ours, "before")), "no file is made")
    volume.set("ctime", "off")
    wait_until("the line about what is not taken", lambda: said("this mount goes on as before until it is mounted anew"))
    volume.replace_brick(1)
    wait_until("the mount to follow", lambda: said("connected to 127.1.2.2"), 60)
    whole()
    old = volume.bricks[0]
    volume.replace_brick(0)
    wait_until("the mount to let go", lambda: said("brick %s: another brick has taken its place" % old), 60)
    expect(make(os.path.join(ours, "after")), "nothing is made on the brick that is left")
    volume.unmount(ours)
    whole()
    genuine = volume.mount_genuine()
    for name in ("before", "after"):
        with open(os.path.join(genuine, name), "rb") as file:
            expect(file.read() == b"made", "%s is lost" % name)
    volume.unmount(genuine)
    volume.expect_equal_bricks()


def make(path):
    """Whether a file can be made."""
    try:
        write(path, b"made")
        return True
    except OSError:
        return False


def a_distributed_volume_is_healed(cluster):
    """What genuine clients leave pending in several replica sets, our healer heals; glusterfs finds nothing then. Before
    and after, healctl names the same entries of the same bricks as glusterfs's own command.
    """
    volume = cluster.volume("wide", "replica 2", 4)
    volume.set("cluster.self-heal-daemon", "off")
    for kind in ("data", "metadata", "entry"):
        volume.set("cluster.%s-self-heal" % kind, "off")
    genuine = volume.mount_genuine()
    names = ["file-%d" % number for number in range(12)]
    for name in names:
        write(os.path.join(genuine, name), bytes_of(name, 300_000))
    volume.start_healer()
    expect(volume.healctl("queue", "pause").returncode == 0, "the healer cannot be paused")
    for number in (1, 3):
        volume.kill_brick(number)
    for name in names:
        with open(os.path.join(genuine, name), "r+b") as file:
            file.seek(100_000)
            file.write(bytes_of("second " + name, 50_000))
    volume.unmount(genuine)
    volume.start("force")
    sets = (volume.bricks[:2], volume.bricks[2:])
    for bricks in sets:
        expect(len(objects_of(bricks[0])) > 0 and volume.differences(bricks), "nothing differs in a replica set: %s" % names)
    volume.expect_same_info(["/" + name for name in names])
    volume.healctl("queue", "resume")
    volume.wait_clean()
    volume.expect_same_info([])
    volume.stop_healer()
    for bricks in sets:
        differences = volume.differences(bricks)
        expect(not differences, "bricks of one set differ: %s" % "; ".join(differences[:5]))
    wait_until("glusterd to find nothing to heal", lambda: volume.heal_info() == ["0"] * 4)


def the_readme_example(cluster):
    """README's lines about a cluster, on a machine that has the first brick and not the second."""
    with open(os.path.join(REPOSITORY, "README.md")) as file:
        lines = [line for line in file.read().splitlines() if "db1,db2:/vm" in line]
    expect([line.split()[0] for line in lines] == [".build/release/volmount", ".build/release/healer"], "README's example is %s" % lines)
    volume = cluster.volume("vm", "replica 2", 2)
    path = volume.new_mount_point("example")
    mounting, healing = [line.replace(".build/release", cluster.binaries).replace("db1,db2", "127.1.1.1,127.1.1.2")
                         .replace("/srv/vm", path).replace("&", "") for line in lines]
    # The other brick's directory is covered: as if it were on another machine.
    there = subprocess.Popen(["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs %s && %s && exec sleep infinity" % (volume.bricks[1], mounting)])
    healer = subprocess.Popen(["sh", "-c", "exec " + healing], stdout=open(volume.log("healer"), "ab"), stderr=subprocess.STDOUT)
    try:
        seen_from_here = "/proc/%d/root%s" % (there.pid, path)
        wait_until("the mount", lambda: os.path.ismount(seen_from_here) or there.poll() is not None)
        expect(there.poll() is None, "README's line ended with %s" % there.returncode)
        write(os.path.join(seen_from_here, "disk"), b"written through the example")
        copy = os.path.join(volume.bricks[1], "disk")
        wait_until("the other copy", lambda: os.path.exists(copy) and open(copy).read() == "written through the example")
        expect(subprocess.run(["nsenter", "-t", str(there.pid), "-m", "umount", path]).returncode == 0, "it cannot be unmounted")
        wait_until("the marks to go", lambda: not volume.pending())
    finally:
        for process in (healer, there):
            process.terminate()
            process.wait(30)


CASES = (both_ways, bypass_and_healer, in_the_bricks_directory, locks_and_what_files_have, groups_of_callers, what_a_brick_has_to_see,
         the_next_server, what_is_refused, mount_8, a_volume_that_changes, bricks_that_are_replaced, a_distributed_volume_is_healed, the_readme_example)


if __name__ == "__main__":
    run_cases("GlusterFS volumes", CASES)
