import CPosix
import Glibc

extension ConformanceBody {
    private static let user: uid_t = 12345, other: uid_t = 23456

    static let attributes: [ConformanceBody] = [
        ConformanceBody("modes and the umask") { p in
            for mask: mode_t in [0, 0o022, 0o027, 0o077, 0o777] {
                umask(mask)
                let suffix = String(mask, radix: 8)
                close(p.open("f\(suffix)", O_CREAT | O_WRONLY, 0o7777))
                p.stat("f\(suffix)")
                p.call("mkdir", mkdir("d\(suffix)", 0o7777))
                p.stat("d\(suffix)")
                p.call("mkfifo", mknod("p\(suffix)", S_IFIFO | 0o666, 0))
                p.stat("p\(suffix)")
                p.call("symlink", symlink("x", "s\(suffix)"))
                p.stat("s\(suffix)")
            }
        },
        ConformanceBody("device nodes and sockets") { p in
            umask(0)
            p.call("null", mknod("null", S_IFCHR | 0o666, dev_t(cposix_makedev(1, 3))))
            p.stat("null")
            p.call("large numbers", mknod("large", S_IFBLK | 0o600, dev_t(cposix_makedev(300, 70000))))
            p.stat("large")
            p.call("regular", mknod("regular", S_IFREG | 0o640, 0))
            p.stat("regular")
            p.call("socket", mknod("socket", S_IFSOCK | 0o600, 0))
            p.stat("socket")
            let descriptor = p.open("null", O_RDWR)
            p.write(descriptor, "gone")
            p.read(descriptor, 10, at: 0)
            close(descriptor)
        },
        ConformanceBody("chmod and chown") { p in
            p.create("f")
            mkdir("d", 0o755)
            for mode: mode_t in [0, 0o644, 0o4755, 0o2755, 0o2745, 0o6777, 0o1777, 0o7777] {
                p.call("chmod f \(String(mode, radix: 8))", chmod("f", mode))
                p.call("chmod d \(String(mode, radix: 8))", chmod("d", mode))
                p.stat("f")
                p.stat("d")
                p.call("chown f", chown("f", 7, 8))
                p.call("chown d", chown("d", 7, 8))
                p.stat("f")
                p.stat("d")
            }
            p.call("only group", chown("f", uid_t.max, 9))
            p.call("only user", chown("f", 10, gid_t.max))
            p.stat("f")
            p.call("nothing", chown("f", uid_t.max, gid_t.max))
            p.stat("f")
        },
        ConformanceBody("chmod and chown by users") { p in
            chmod(".", 0o777)
            p.create("f")
            chown("f", user, user)
            p.asUser(other) {
                p.call("foreign chmod", chmod("f", 0o777))
                p.call("foreign chown", chown("f", other, other))
                p.call(
                    "foreign utimes",
                    utimensat(AT_FDCWD, "f", [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)], 0))
                p.call("foreign touch", utimensat(AT_FDCWD, "f", nil, 0))
            }
            p.asUser(user, groups: [777]) {
                p.call("chmod", chmod("f", 0o6755))
                p.stat("f")
                p.call("chown away", chown("f", other, gid_t.max))
                p.call("own group", chown("f", uid_t.max, 777))
                p.stat("f")
                p.call("foreign group", chown("f", uid_t.max, 888))
                p.call("setgid of own group", chmod("f", 0o2755))
                p.stat("f")
            }
            chown("f", user, 999)
            p.asUser(user) {
                p.call("setgid of foreign group", chmod("f", 0o2755))
                p.stat("f")
            }
        },
        ConformanceBody("set-group-ID directories") { p in
            mkdir("d", 0o755)
            chown("d", 0, 4321)
            chmod("d", 0o2777)
            p.create("d/f", mode: 0o644)
            p.stat("d/f")
            p.call("mkdir", mkdir("d/sub", 0o755))
            p.stat("d/sub")
            symlink("x", "d/s")
            p.stat("d/s")
            mknod("d/fifo", S_IFIFO | 0o644, 0)
            p.stat("d/fifo")
            p.asUser(user) {
                p.create("d/byuser", mode: 0o2775)
                p.stat("d/byuser")
                p.call("mkdir", mkdir("d/sub/deep", 0o755))
                p.call("mkdir", mkdir("d/subuser", 0o755))
                p.stat("d/subuser")
            }
            p.asUser(user, groups: [4321]) {
                p.create("d/bymember", mode: 0o2775)
                p.stat("d/bymember")
            }
        },
        ConformanceBody("sticky directories") { p in
            mkdir("t", 0o777)
            chmod("t", 0o1777)
            p.asUser(user) {
                p.create("t/mine", "x")
                mkdir("t/mydir", 0o777)
            }
            p.asUser(other) {
                p.call("foreign unlink", unlink("t/mine"))
                p.call("foreign rename", rename("t/mine", "t/stolen"))
                p.call("foreign rmdir", rmdir("t/mydir"))
                p.create("t/theirs")
                p.call("rename over", rename("t/theirs", "t/mine"))
            }
            p.asUser(user) {
                p.call("own rename", rename("t/mine", "t/mine2"))
                p.call("own unlink", unlink("t/mine2"))
            }
            p.list("t")
        },
        ConformanceBody("permissions") { p in
            mkdir("closed", 0o700)
            p.create("closed/f", "secret")
            mkdir("listonly", 0o744)
            p.create("listonly/f")
            mkdir("searchonly", 0o711)
            p.create("searchonly/f", "found")
            p.create("r", "read", mode: 0o644)
            p.create("none", "x", mode: 0o600)
            p.create("group", "for the group", mode: 0o640)
            chown("group", 0, 5555)
            p.asUser(user) {
                p.content("closed/f")
                p.list("listonly")
                p.stat("listonly/f")
                p.list("searchonly")
                p.content("searchonly/f")
                p.content("r")
                _ = p.open("r", O_WRONLY)
                _ = p.open("r", O_RDWR | O_TRUNC)
                p.content("none")
                p.content("group")
                p.call("access r", access("r", R_OK))
                p.call("access w", access("r", W_OK))
                p.call("access x", access("r", X_OK))
                p.call("mkdir", mkdir("closed/x", 0o777))
                p.create("made")
                p.call("truncate", truncate("r", 1))
                p.call("unlink", unlink("r"))
            }
            p.asUser(user, groups: [5555]) { p.content("group") }
            p.asUser(user, 5555) { p.content("group") }
            p.create("owner", "o", mode: 0o077)
            chown("owner", user, user)
            p.asUser(user) { p.content("owner") }
            p.content("owner")
            chmod(".", 0o777)
            p.asUser(user) {
                p.create("zero", "z", mode: 0)
                p.content("zero")
                let descriptor = p.open("zero2", O_CREAT | O_RDWR, 0)
                p.write(descriptor, "still writable")
                p.read(descriptor, 20, at: 0)
                close(descriptor)
                p.stat("zero2")
            }
        },
        ConformanceBody("set-user-ID bits go when others write") { p in
            chmod(".", 0o777)
            func victim(_ name: String, _ mode: mode_t) {
                close(cposix_open(name, O_CREAT | O_WRONLY, 0o666))
                chown(name, 7, 8)
                chmod(name, mode)
            }
            for mode: mode_t in [0o6777, 0o4666, 0o2676, 0o2766, 0o2677] {
                for (what, change) in [
                    (
                        "write",
                        { (p: Probe, name: String) in
                            let descriptor = p.open(name, O_WRONLY)
                            p.write(descriptor, "x")
                            close(descriptor)
                        }
                    ),
                    ("truncate", { p, name in p.call("truncate", truncate(name, 3)) }),
                    ("open truncating", { p, name in close(p.open(name, O_WRONLY | O_TRUNC)) }),
                    (
                        "fallocate",
                        { p, name in
                            let descriptor = p.open(name, O_WRONLY)
                            p.call("fallocate", fallocate(descriptor, 0, 0, 4096))
                            close(descriptor)
                        }
                    ),
                ] as [(String, (Probe, String) -> Void)] {
                    let name = "\(what.split(separator: " ")[0])\(String(mode, radix: 8))\(what.count)"
                    victim(name, mode)
                    p.asUser(user) { change(p, name) }
                    p.stat(name)
                    victim("root" + name, mode)
                    change(p, "root" + name)
                    p.stat("root" + name)
                }
            }
        },
        ConformanceBody("times that are set") { p in
            p.create("f")
            func set(_ what: String, _ atime: timespec, _ mtime: timespec, _ path: String = "f", _ flags: Int32 = 0) {
                p.call(what, utimensat(AT_FDCWD, path, [atime, mtime], flags))
            }
            func show(_ path: String) {
                let status = p.status(path)
                p.note(
                    "\(path) atime \(status.st_atim.tv_sec).\(status.st_atim.tv_nsec) mtime \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
                )
            }
            let omit = timespec(tv_sec: 0, tv_nsec: cposix_utime_omit())
            set(
                "both", timespec(tv_sec: 1_000_000_007, tv_nsec: 123_456_789),
                timespec(tv_sec: 2_000_000_009, tv_nsec: 987_654_321))
            show("f")
            set("mtime only", omit, timespec(tv_sec: 5, tv_nsec: 6))
            show("f")
            set("atime only", timespec(tv_sec: 7, tv_nsec: 8), omit)
            show("f")
            set("neither", omit, omit)
            show("f")
            set("before 1970", timespec(tv_sec: -10, tv_nsec: 5), timespec(tv_sec: -20, tv_nsec: 6))
            show("f")
            set("far", timespec(tv_sec: 8_000_000_000, tv_nsec: 0), timespec(tv_sec: 8_000_000_001, tv_nsec: 1))
            show("f")
            symlink("f", "s")
            set("symlink", timespec(tv_sec: 11, tv_nsec: 0), timespec(tv_sec: 12, tv_nsec: 0), "s", AT_SYMLINK_NOFOLLOW)
            show("s")
            show("f")
            mkdir("d", 0o755)
            set("directory", timespec(tv_sec: 13, tv_nsec: 1), timespec(tv_sec: 14, tv_nsec: 2), "d")
            show("d")
            let before = time(nil)
            p.call("now", utimensat(AT_FDCWD, "f", nil, 0))
            let now = p.status("f").st_mtim.tv_sec
            p.note("now is now \(now >= before - 1 && now <= time(nil) + 1)")
        },
        ConformanceBody("which operation changes which time") { p in
            func times(_ path: String) -> (m: timespec, c: timespec) {
                (p.status(path).st_mtim, p.status(path).st_ctim)
            }
            func later(_ a: timespec, _ b: timespec) -> Bool { (b.tv_sec, b.tv_nsec) > (a.tv_sec, a.tv_nsec) }
            func changes(_ what: String, of path: String, _ body: () -> Void) {
                // Past the grain of the kernel's clock, and past what the kernel remembers of attributes.
                usleep(20_000)
                let before = times(path)
                usleep(20_000)
                body()
                let after = times(path)
                p.note("\(what): mtime \(later(before.m, after.m)) ctime \(later(before.c, after.c))")
            }
            mkdir("d", 0o755)
            p.create("f", "x")
            let descriptor = p.open("f", O_RDWR)
            changes("create in directory", of: "d") { close(cposix_open("d/a", O_CREAT | O_WRONLY, 0o644)) }
            changes("rename in directory", of: "d") { rename("d/a", "d/b") }
            changes("link into directory", of: "d") { link("f", "d/l") }
            changes("unlink in directory", of: "d") { unlink("d/b") }
            changes("link of file", of: "f") { link("f", "g") }
            changes("unlink of other name", of: "f") { unlink("g") }
            changes("chmod", of: "f") { chmod("f", 0o600) }
            changes("chown", of: "f") { chown("f", 1, 1) }
            changes("write", of: "f") { _ = pwrite(descriptor, "y", 1, 0) }
            changes("empty write", of: "f") { _ = pwrite(descriptor, "y", 0, 0) }
            changes("truncate to other size", of: "f") { ftruncate(descriptor, 100) }
            changes("rename of file", of: "f") {
                rename("f", "h")
                rename("h", "f")
            }
            changes("setxattr", of: "f") { setxattr("f", "user.x", "1", 1, 0) }
            changes("read", of: "f") {
                var byte: UInt8 = 0
                _ = pread(descriptor, &byte, 1, 0)
            }
            changes("fsync", of: "f") { fsync(descriptor) }
            close(descriptor)
        },
        ConformanceBody("statfs") { p in
            var status = statvfs()
            p.call("statvfs", statvfs(".", &status))
            p.note("block \(status.f_bsize) fragment \(status.f_frsize) name \(status.f_namemax)")
            p.note(
                "sane \(status.f_blocks > 0 && status.f_bfree <= status.f_blocks && status.f_bavail <= status.f_bfree)")
        },
    ]
}
