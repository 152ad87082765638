"""A directory tree with one of everything, written through one mount of a volume and looked at through others."""
import hashlib
import os
import stat

from testbed import Complaint, TestbedError, expect, wait_until


def bytes_of(name, count):
    """`count` bytes that no other name has."""
    return (hashlib.sha256(name.encode()).digest() * (count // 32 + 1))[:count]


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def make_tree(mount, name):
    """A directory with one of everything, as a user would make it."""
    top = os.path.join(mount, name)
    os.makedirs(os.path.join(top, "sub", "deeper"))
    for count in (0, 5, 4096, 1_000_001):
        write(os.path.join(top, "file-%d" % count), bytes_of(name, count))
    with open(os.path.join(top, "file-4096"), "r+b") as file:
        file.seek(1000)
        file.write(b"in the middle")
    os.truncate(os.path.join(top, "file-1000001"), 700_000)
    with open(os.path.join(top, "holes"), "wb") as file:
        file.write(b"x")
        file.seek(10 << 20)
        file.write(b"y")
    os.symlink("../file-5", os.path.join(top, "sub", "link"))
    os.link(os.path.join(top, "file-5"), os.path.join(top, "sub", "name-of-5"))
    write(os.path.join(top, "old"), b"renamed")
    os.rename(os.path.join(top, "old"), os.path.join(top, "sub", "new"))
    write(os.path.join(top, "gone"), b"unlinked")
    os.unlink(os.path.join(top, "gone"))
    os.chmod(os.path.join(top, "file-5"), 0o640)
    os.chown(os.path.join(top, "file-4096"), 12, 34)
    os.setxattr(os.path.join(top, "file-4096"), "user.colour", b"blue")
    os.utime(os.path.join(top, "file-0"), ns=(1_000_000_000_123_456_789, 1_100_000_000_987_654_321))
    os.mkfifo(os.path.join(top, "sub", "fifo"), 0o600)


def seen(mount, name):
    """{path: everything that a user can see of it}."""
    found = {}
    for folder, directories, files in os.walk(os.path.join(mount, name)):
        for entry in [".", *directories, *files]:
            path = os.path.join(folder, entry)
            status = os.lstat(path)
            view = {key: getattr(status, "st_" + key) for key in ("mode", "uid", "gid", "nlink", "mtime_ns", "ctime_ns", "atime_ns", "ino")}
            if stat.S_ISREG(status.st_mode):
                view["size"] = status.st_size
                with open(path, "rb") as file:
                    view["content"] = hashlib.sha256(file.read()).hexdigest()
            if stat.S_ISLNK(status.st_mode):
                view["target"] = os.readlink(path)
            view["xattrs"] = {key: os.getxattr(path, key, follow_symlinks=False) for key in os.listxattr(path, follow_symlinks=False)}
            found[os.path.relpath(path, mount)] = view
    return found


def expect_same(one, other, whose):
    expect(set(one) == set(other), "%s: names differ: %s" % (whose, sorted(set(one) ^ set(other))))
    for path in sorted(one):
        different = {key: (one[path].get(key), other[path].get(key)) for key in {**one[path], **other[path]}
                     if one[path].get(key) != other[path].get(key)}
        expect(not different, "%s: %s differs: %s" % (whose, path, different))


def expect_both_see(one, other, name, whose):
    """Two mounts show the same, once what the genuine one caches for a second is old."""
    last = []

    def is_same():
        try:
            expect_same(seen(one, name), seen(other, name), whose)
            return True
        except Complaint as complaint:
            last[:] = [complaint]
    try:
        wait_until("the mounts to agree", is_same, 5, 0.1)
    except TestbedError:
        raise last[0]
