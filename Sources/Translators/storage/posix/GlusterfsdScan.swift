import CPosix
import Glibc
import TranslatorCore

/// Finds a genuine brick process that serves a directory. Its locks and ours would not see each other, so the two must
/// not serve one brick at a time (DESIGN §3.3).
///
/// A brick process keeps its export directory open as long as it serves it: so any process whose program is glusterfsd
/// (client mounts and heal daemons are the same program) and that has a descriptor on the very directory, or below its
/// `.glusterfs`, or names it as `--brick-name`, is a server of it. Source: proc(5).
enum GlusterfsdScan {
    /// The server's process id, or nil. What cannot be read (a process that ended meanwhile) is passed over.
    static func server(of brick: String, root: BrickObject) -> Int32? {
        guard let wanted = try? root.status() else { return nil }
        guard let resolved = root.resolvedPath else { return nil }
        for pid in processes() where isGlusterfsd(pid) {
            if names(pid, brick) || names(pid, resolved) || hasOpen(pid, wanted, resolved) { return pid }
        }
        return nil
    }

    private static func processes() -> [Int32] { ((try? LocalFile.names(in: "/proc")) ?? []).compactMap { Int32($0) } }

    private static func isGlusterfsd(_ pid: Int32) -> Bool {
        let program = BrickObject.linkTarget(of: "/proc/\(pid)/exe") ?? ""
        let name = program.split(separator: "/").last ?? ""
        // "glusterfsd (deleted)" after an upgrade.
        return name.hasPrefix("glusterfs")
    }

    private static func names(_ pid: Int32, _ brick: String) -> Bool {
        let arguments = ((try? LocalFile.bytes(of: "/proc/\(pid)/cmdline")) ?? []).split(separator: 0).map {
            String(decoding: $0, as: UTF8.self)
        }
        return zip(arguments, arguments.dropFirst()).contains { $0 == "--brick-name" && $1 == brick }
    }

    private static func hasOpen(_ pid: Int32, _ wanted: stat, _ brick: String) -> Bool {
        for number in (try? LocalFile.names(in: "/proc/\(pid)/fd")) ?? [] {
            let link = "/proc/\(pid)/fd/\(number)"
            var status = stat()
            if stat(link, &status) == 0, status.st_dev == wanted.st_dev, status.st_ino == wanted.st_ino { return true }
            if BrickObject.linkTarget(of: link)?.hasPrefix(brick + "/.glusterfs/") ?? false { return true }
        }
        return false
    }
}

extension BrickObject {
    /// The directory's path as the kernel has it.
    var resolvedPath: String? { Self.linkTarget(of: "/proc/self/fd/\(number)") }

    static func linkTarget(of path: String) -> String? {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { memory, count in
            count = memory.withMemoryRebound(to: CChar.self) { readlink(path, $0.baseAddress!, $0.count) }
            if count < 0 { (count, failed) = (0, true) }
        }
        return failed ? nil : String(decoding: bytes, as: UTF8.self)
    }
}
