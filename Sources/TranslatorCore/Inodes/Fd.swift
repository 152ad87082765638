import CPosix
import Glibc

/// Flags of open(2), Linux x86-64 values, as they travel in OPEN, CREATE and WRITE.
public struct OpenFlags: OptionSet, Sendable, Hashable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }
    public static let writeOnly = OpenFlags(rawValue: 1), readWrite = OpenFlags(rawValue: 2)
    public static let create = OpenFlags(rawValue: 0o100), exclusive = OpenFlags(rawValue: 0o200)
    public static let truncate = OpenFlags(rawValue: 0o1000), append = OpenFlags(rawValue: 0o2000)
    public static let dsync = OpenFlags(rawValue: 0o10000), sync = OpenFlags(rawValue: 0o4010000)
    public static let direct = OpenFlags(rawValue: 0o40000), directory = OpenFlags(rawValue: 0o200000)
    public static let noFollow = OpenFlags(rawValue: 0o400000), noAtime = OpenFlags(rawValue: 0o1000000)

    public var accessMode: Int32 { rawValue & 3 }
    public var canRead: Bool { accessMode != 1 }
    public var canWrite: Bool { accessMode != 0 }
}

/// One open file or directory. The opener makes it and winds it down with `open`, `create` or `opendir`; each
/// translator hangs what it needs into `contexts` (a descriptor, a remote number). Released exactly once, by `release`
/// or `releasedir`.
public final class Fd: Sendable {
    public let inode: Inode
    public let flags: OpenFlags
    /// An anonymous fd was never opened: translators reach the file by its gfid. GlusterFS: fd −2.
    public let isAnonymous: Bool
    public let contexts = ContextSlots()

    public init(inode: Inode, flags: OpenFlags) {
        (self.inode, self.flags, isAnonymous) = (inode, flags, false)
    }

    private init(anonymous inode: Inode) {
        (self.inode, flags, isAnonymous) = (inode, .readWrite, true)
    }

    /// For READ, WRITE, FSTAT, FSYNC, locks, xattrops… by gfid, with no open before and no release after.
    public static func anonymous(_ inode: Inode) -> Fd { Fd(anonymous: inode) }
}
