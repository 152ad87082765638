import CPosix
import Glibc

/// Seconds since 1970 and nanoseconds within the second.
public struct Timestamp: Hashable, Sendable, Comparable {
    public var seconds: Int64
    public var nanoseconds: UInt32

    public init(seconds: Int64, nanoseconds: UInt32) { (self.seconds, self.nanoseconds) = (seconds, nanoseconds) }

    public static let zero = Timestamp(seconds: 0, nanoseconds: 0)

    public static func < (a: Timestamp, b: Timestamp) -> Bool {
        (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds)
    }
}

/// What kind of object an inode is. Raw values are the `S_IFMT` part of `st_mode` (inode(7)).
public enum FileType: UInt32, Sendable {
    case unknown = 0
    case fifo = 0o010000, characterDevice = 0o020000, directory = 0o040000, blockDevice = 0o060000
    case regular = 0o100000, symlink = 0o120000, socket = 0o140000

    /// `mode` is a full st_mode.
    public init(mode: UInt32) { self = FileType(rawValue: mode & 0o170000) ?? .unknown }

    /// Linux `DT_*` (readdir(3)).
    public var directoryEntryType: UInt32 { rawValue >> 12 }
}

/// The attributes of one inode, as a brick reports them. Source: GlusterFS `iatt.h`, wire layout in gluster-wire.md
/// §2.2.
public struct Iatt: Equatable, Sendable {
    public var gfid = Gfid.none
    /// A full st_mode: type and permissions.
    public var mode: UInt32 = 0
    /// Client's count: the brick's own handle link is subtracted.
    public var nlink: UInt32 = 0
    public var uid: UInt32 = 0
    public var gid: UInt32 = 0
    /// Linux dev_t.
    public var rdev: UInt64 = 0
    /// Bytes.
    public var size: UInt64 = 0
    public var blockSize: UInt32 = 4096
    /// In units of 512 bytes.
    public var blocks: UInt64 = 0
    public var atime = Timestamp.zero, mtime = Timestamp.zero, ctime = Timestamp.zero
    /// Of the underlying file system, for people and for statedumps only.
    public var dev: UInt64 = 0

    public init() {}

    public var type: FileType { FileType(mode: mode) }
    public var permissions: UInt32 { mode & 0o7777 }
    public var inodeNumber: UInt64 { gfid == .root ? 1 : gfid.low }
    public var isDirectory: Bool { type == .directory }
    public var isRegular: Bool { type == .regular }
}

/// Which attributes a setattr changes. Bits: gluster-wire.md §7, "SETATTR valid".
public struct AttributeMask: OptionSet, Sendable, Hashable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }
    public static let mode = AttributeMask(rawValue: 1), uid = AttributeMask(rawValue: 2)
    public static let gid = AttributeMask(rawValue: 4)
    public static let atime = AttributeMask(rawValue: 0x10), mtime = AttributeMask(rawValue: 0x20)
    public static let ctime = AttributeMask(rawValue: 0x40)
    /// What a healer restores after it wrote: 0x70.
    public static let times: AttributeMask = [.atime, .mtime, .ctime]
}

/// Attributes of an inode (or of a directory) before and after a change to it.
public struct PrePostIatt: Equatable, Sendable {
    public var pre: Iatt, post: Iatt
    public init(pre: Iatt, post: Iatt) { (self.pre, self.post) = (pre, post) }
}

/// What statfs(2) says of the file system below, 11 words on the wire (gluster-wire.md §2.3).
public struct FileSystemStatus: Equatable, Sendable {
    public var blockSize: UInt64 = 0, fragmentSize: UInt64 = 0
    public var blocks: UInt64 = 0, blocksFree: UInt64 = 0, blocksAvailable: UInt64 = 0
    public var files: UInt64 = 0, filesFree: UInt64 = 0, filesAvailable: UInt64 = 0
    public var fileSystemID: UInt64 = 0, flags: UInt64 = 0, nameBytesMax: UInt64 = 255
    public init() {}
}
