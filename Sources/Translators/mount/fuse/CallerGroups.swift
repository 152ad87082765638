import Synchronization
import TranslatorCore

/// The supplementary groups of those who ask. The kernel has checked permissions by them, but bricks of GlusterFS
/// check again, and a FUSE request carries no more than uid, gid and thread: the rest is in /proc. Formatting that file
/// takes the kernel some 10 µs, so that what was read is believed for a while, as GlusterFS's `gid-timeout` does; a
/// thread that calls as somebody else is another caller at once.
final class CallerGroups: Sendable {
    private struct Key: Hashable {
        let pid: UInt32, uid: UInt32, gid: UInt32
    }
    private struct Known {
        let groups: [UInt32]
        let end: MonotonicTime
    }

    /// More callers than that within `timeout` are asked for anew; a process that is gone would else stay for ever.
    private static let countMax = 4096

    private let timeout: Duration
    private let known = Mutex<[Key: Known]>([:])

    /// - Parameter timeout: 0 reads them with every request.
    init(timeout: Duration) { self.timeout = timeout }

    /// None for root, whom no brick refuses by mode.
    ///
    /// - Parameter read: The bytes of /proc/PID/status of a thread.
    func of(
        pid: UInt32, uid: UInt32, gid: UInt32, at now: MonotonicTime,
        reading read: (_ pid: UInt32) -> [UInt8]? = CallerGroups.status
    ) -> [UInt32] {
        guard uid != 0 else { return [] }
        let key = Key(pid: pid, uid: uid, gid: gid)
        if let found = known.withLock({ $0[key] }), now < found.end { return found.groups }
        let groups = Self.now(pid: pid, uid: uid, gid: gid, reading: read)
        guard timeout > .zero else { return groups }
        known.withLock {
            if $0.count >= Self.countMax { $0.removeAll(keepingCapacity: true) }
            $0[key] = Known(groups: groups, end: now + timeout)
        }
        return groups
    }

    /// As they are in this moment; none of a thread that is gone.
    static func now(
        pid: UInt32, uid: UInt32, gid: UInt32, reading read: (_ pid: UInt32) -> [UInt8]? = CallerGroups.status
    ) -> [UInt32] {
        read(pid).flatMap { groups(status: $0, uid: uid, gid: gid) } ?? []
    }

    static func status(pid: UInt32) -> [UInt8]? { try? LocalFile.bytes(of: "/proc/\(pid)/status") }

    /// What /proc/PID/status says, if it speaks of the one who asks: a thread of the kernel's NFS server, or a number
    /// that another process has meanwhile, shows somebody else's. Source: proc_pid_status(5): `Uid:` and `Gid:` are
    /// real, effective, saved and of the file system.
    static func groups(status: [UInt8], uid: UInt32, gid: UInt32) -> [UInt32]? {
        var lines: [String: [UInt32]] = [:]
        for line in status.split(separator: UInt8(ascii: "\n")) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let name = String(decoding: line[..<colon], as: UTF8.self)
            guard ["Uid", "Gid", "Groups"].contains(name) else { continue }
            lines[name] = line[(colon + 1)...].split(whereSeparator: {
                $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t")
            })
            .compactMap { UInt32(String(decoding: $0, as: UTF8.self)) }
        }
        guard lines["Uid"]?.last == uid, lines["Gid"]?.last == gid else { return nil }
        return lines["Groups"]
    }
}
