import CPosix
import Glibc

extension ConformanceBody {
    private static let user: uid_t = 12345

    private static func set(_ p: Probe, _ path: String, _ name: String, _ value: [UInt8], _ flags: Int32 = 0) {
        p.call("set \(name) of \(path), \(value.count) bytes", lsetxattr(path, name, value, value.count, flags))
    }
    private static func get(_ p: Probe, _ path: String, _ name: String, room: Int = 70_000) {
        var value = [UInt8](repeating: 0, count: room)
        let count = lgetxattr(path, name, &value, room)
        p.call("get \(name) of \(path)", count)
        if count > 0, room > 0 { p.note("  \(Probe.digest(value[..<count]))") }
    }
    private static func list(_ p: Probe, _ path: String, room: Int = 70_000) {
        var names = [CChar](repeating: 0, count: room)
        let count = llistxattr(path, &names, room)
        if count < 0 { return p.note("list \(path) = \(errno)") }
        let bytes = names[..<count].map { UInt8(bitPattern: $0) }
        let texts = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        // The plain directory has none of the brick's own, and the mount must not show them.
        p.note("list \(path) = \(texts.sorted())")
    }
    private static func remove(_ p: Probe, _ path: String, _ name: String) {
        p.call("remove \(name) of \(path)", lremovexattr(path, name))
    }

    /// system.posix_acl_*: version 2, then (tag, permissions, id).
    private static func acl(_ entries: [(UInt16, UInt16, UInt32)]) -> [UInt8] {
        var bytes: [UInt8] = [2, 0, 0, 0]
        for (tag, permissions, id) in entries {
            bytes += [UInt8(tag & 255), UInt8(tag >> 8), UInt8(permissions), 0]
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) }
        }
        return bytes
    }
    private static let none = UInt32.max

    static let xattrs: [ConformanceBody] = [
        ConformanceBody("extended attributes") { p in
            p.create("f")
            mkdir("d", 0o755)
            symlink("f", "s")
            for path in ["f", "d"] {
                list(p, path)
                get(p, path, "user.none")
                set(p, path, "user.a", Array("value".utf8))
                set(p, path, "user.a", Array("again".utf8), 1)
                set(p, path, "user.a", Array("changed".utf8), 2)
                set(p, path, "user.b", [], 2)
                set(p, path, "user.empty", [])
                get(p, path, "user.a")
                get(p, path, "user.a", room: 0)
                get(p, path, "user.a", room: 3)
                get(p, path, "user.empty")
                list(p, path)
                list(p, path, room: 5)
                set(p, path, "trusted.mine", [0, 1, 2, 255])
                get(p, path, "trusted.mine")
                set(p, path, "security.mine", [7])
                set(p, path, "system.nothing", [7])
                set(p, path, "nonamespace", [7])
                set(p, path, "user." + String(repeating: "n", count: 250), [1])
                set(p, path, "user." + String(repeating: "n", count: 251), [1])
                get(p, path, "system.nothing")
                get(p, path, "nonamespace")
                remove(p, path, "user.a")
                remove(p, path, "user.a")
                list(p, path)
            }
            set(p, "s", "user.link", [1])
            set(p, "s", "trusted.link", [1])
            list(p, "s")
            set(p, "nowhere", "user.x", [1])
            get(p, "f", "user.x\u{e9}")
            set(p, "f", "user.x\u{e9}", [1])
            get(p, "f", "user.x\u{e9}")
        },
        ConformanceBody("extended attributes by users") { p in
            p.create("f", mode: 0o644)
            set(p, "f", "trusted.t", [1])
            set(p, "f", "user.u", [1])
            p.asUser(user) {
                list(p, "f")
                get(p, "f", "trusted.t")
                set(p, "f", "trusted.t", [2])
                remove(p, "f", "trusted.t")
                get(p, "f", "user.u")
                set(p, "f", "user.u", [2])
                set(p, "f", "security.s", [2])
            }
            chmod("f", 0o600)
            p.asUser(user) { get(p, "f", "user.u") }
            chown("f", user, user)
            p.asUser(user) { set(p, "f", "user.mine", [3]) }
            get(p, "f", "user.mine")
        },
        ConformanceBody("access control lists") { p in
            p.create("f", "for one", mode: 0o640)
            let one = acl([(1, 6, none), (2, 4, UInt32(user)), (4, 0, none), (0x10, 4, none), (0x20, 0, none)])
            p.asUser(user) { p.content("f") }
            set(p, "f", "system.posix_acl_access", one)
            p.stat("f")
            get(p, "f", "system.posix_acl_access")
            list(p, "f")
            p.asUser(user) {
                p.content("f")
                _ = p.open("f", O_WRONLY)
            }
            p.call("chmod", chmod("f", 0o600))
            get(p, "f", "system.posix_acl_access")
            p.asUser(user) { p.content("f") }
            p.call("chmod", chmod("f", 0o664))
            get(p, "f", "system.posix_acl_access")
            p.asUser(user) { p.content("f") }
            remove(p, "f", "system.posix_acl_access")
            get(p, "f", "system.posix_acl_access")
            p.stat("f")
            set(p, "f", "system.posix_acl_access", [1, 2, 3])
            set(p, "f", "system.posix_acl_default", one)
            p.asUser(user) { set(p, "f", "system.posix_acl_access", one) }
        },
        ConformanceBody("default access control lists") { p in
            mkdir("d", 0o755)
            let inherited = acl([(1, 7, none), (2, 7, UInt32(user)), (4, 5, none), (0x10, 7, none), (0x20, 0, none)])
            set(p, "d", "system.posix_acl_default", inherited)
            get(p, "d", "system.posix_acl_default")
            p.stat("d")
            umask(0o077)
            close(p.open("d/f", O_CREAT | O_RDWR, 0o666))
            p.stat("d/f")
            get(p, "d/f", "system.posix_acl_access")
            p.call("mkdir", mkdir("d/sub", 0o777))
            p.stat("d/sub")
            get(p, "d/sub", "system.posix_acl_access")
            get(p, "d/sub", "system.posix_acl_default")
            p.call("mkfifo", mkfifo("d/fifo", 0o644))
            p.stat("d/fifo")
            get(p, "d/fifo", "system.posix_acl_access")
            symlink("x", "d/link")
            get(p, "d/link", "system.posix_acl_access")
            p.asUser(user) { close(p.open("d/f", O_RDWR)) }
            let plain = acl([(1, 7, none), (4, 5, none), (0x20, 5, none)])
            mkdir("e", 0o755)
            set(p, "e", "system.posix_acl_default", plain)
            close(p.open("e/f", O_CREAT | O_RDWR, 0o666))
            p.stat("e/f")
            get(p, "e/f", "system.posix_acl_access")
            remove(p, "d", "system.posix_acl_default")
            close(p.open("d/without", O_CREAT | O_RDWR, 0o666))
            p.stat("d/without")
        },
        ConformanceBody("capabilities go with a write") { p in
            p.create("f", mode: 0o755)
            // Version 2, cap_net_raw, effective.
            let capability: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            set(p, "f", "security.capability", capability)
            get(p, "f", "security.capability")
            let descriptor = p.open("f", O_WRONLY)
            p.write(descriptor, "x")
            close(descriptor)
            get(p, "f", "security.capability")
            set(p, "f", "security.capability", capability)
            p.call("chown", chown("f", 1, 1))
            get(p, "f", "security.capability")
        },
    ]
}
