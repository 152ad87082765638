import CFuse
import TranslatorCore

/// How the kernel shall treat an open file. Bits: linux/fuse.h, "Flags returned by the OPEN request".
public struct FuseOpenFlags: OptionSet, Sendable, Hashable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let directIO = FuseOpenFlags(rawValue: 1), keepCache = FuseOpenFlags(rawValue: 2)
    public static let cacheDirectory = FuseOpenFlags(rawValue: 8), noFlush = FuseOpenFlags(rawValue: 32)
    /// Linux 6.9, with a backing file registered before the reply.
    public static let passthrough = FuseOpenFlags(rawValue: 128)
}

extension fuse_open_out {
    public init(handle: UInt64, flags: FuseOpenFlags) { self.init(fh: handle, open_flags: flags.rawValue, padding: 0) }
}

/// The reply to CREATE: an entry and an open file, 144 bytes.
public struct FuseCreateReply: BitwiseCopyable, Sendable {
    public var entry: fuse_entry_out
    public var open: fuse_open_out
    public init(entry: fuse_entry_out, open: fuse_open_out) { (self.entry, self.open) = (entry, open) }
}

/// Source: linux/fuse.h, `struct fuse_open_in`.
public struct FuseOpen: Sendable, Equatable {
    /// As open(2) had them, without O_CREAT, O_EXCL and O_NOCTTY.
    public var flags: OpenFlags
    /// O_TRUNC by someone who may not keep set-user-ID bits.
    public var killsPrivileges: Bool

    init(from bytes: inout ByteReader) throws(CodecError) {
        let open: fuse_open_in = try bytes.structure()
        flags = OpenFlags(rawValue: Int32(bitPattern: open.flags))
        killsPrivileges = open.open_flags & UInt32(FUSE_OPEN_KILL_SUIDGID) != 0
    }
}

/// Source: linux/fuse.h, `struct fuse_create_in`.
public struct FuseCreate: Sendable, Equatable {
    public var name: EntryName
    /// O_CREAT and O_EXCL among them.
    public var flags: OpenFlags
    /// Type and permissions before the umask (the mount asked for `dontMask`).
    public var mode: UInt32, umask: UInt32
    public var killsPrivileges: Bool

    init(from bytes: inout ByteReader) throws(CodecError) {
        let create: fuse_create_in = try bytes.structure()
        flags = OpenFlags(rawValue: Int32(bitPattern: create.flags))
        (mode, umask) = (create.mode, create.umask)
        killsPrivileges = create.open_flags & UInt32(FUSE_OPEN_KILL_SUIDGID) != 0
        name = try bytes.name()
    }
}

/// Source: linux/fuse.h, `struct fuse_release_in`.
public struct FuseRelease: Sendable, Equatable {
    public var handle: UInt64
    /// This open's flock(2) lock, if it has one, goes now.
    public var unlocksFlock: Bool
    public var lockOwner: UInt64

    init(from bytes: inout ByteReader) throws(CodecError) {
        let release: fuse_release_in = try bytes.structure()
        (handle, lockOwner) = (release.fh, release.lock_owner)
        unlocksFlock = release.release_flags & UInt32(FUSE_RELEASE_FLOCK_UNLOCK) != 0
    }
}
