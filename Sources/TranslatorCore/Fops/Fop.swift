/// Every file operation, with the number it has on GlusterFS's wire (program 1298437, version 400; gluster-wire.md §6).
///
/// In Swift a fop that exists by path and by fd (stat/fstat, …) is one method whose request names a `FopTarget`;
/// traces, counters and the wire keep GlusterFS's two names.
public enum Fop: Int, Sendable, CaseIterable {
    case stat = 1, readlink, mknod, mkdir, unlink, rmdir, symlink, rename, link, truncate, open, readv, writev, statfs
    case flush, fsync, setxattr, getxattr, removexattr, opendir, fsyncdir, access, create, ftruncate, fstat, lk, lookup
    case readdir, inodelk, finodelk, entrylk, fentrylk, xattrop, fxattrop, fgetxattr, fsetxattr, rchecksum, setattr
    case fsetattr, readdirp, release, releasedir, fremovexattr, fallocate, discard, zerofill, ipc, seek
    case copyFileRange = 56

    public var name: String { self == .copyFileRange ? "copy_file_range" : "\(self)" }

    /// By its name on the wire: `writev`, `copy_file_range`.
    public init?(name: String) {
        guard let fop = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = fop
    }

    /// GlusterFS's name for this fop on that target: `fstat` for a stat by fd.
    public func on(_ target: FopTarget) -> Fop {
        guard case .fd = target else { return self }
        return switch self {
        case .stat: .fstat
        case .truncate: .ftruncate
        case .setxattr: .fsetxattr
        case .getxattr: .fgetxattr
        case .removexattr: .fremovexattr
        case .inodelk: .finodelk
        case .entrylk: .fentrylk
        case .xattrop: .fxattrop
        case .setattr: .fsetattr
        default: self
        }
    }

    /// The fop by gfid that this one is by fd: `stat` for `fstat`; itself for all others.
    public var byInode: Fop {
        switch self {
        case .fstat: .stat
        case .ftruncate: .truncate
        case .fsetxattr: .setxattr
        case .fgetxattr: .getxattr
        case .fremovexattr: .removexattr
        case .finodelk: .inodelk
        case .fentrylk: .entrylk
        case .fxattrop: .xattrop
        case .fsetattr: .setattr
        default: self
        }
    }
}

/// What a fop works on: an inode by its gfid, or an open file.
public enum FopTarget: Sendable {
    case inode(Inode)
    case fd(Fd)

    @inlinable public var inode: Inode {
        switch self {
        case .inode(let inode): inode
        case .fd(let fd): fd.inode
        }
    }

    @inlinable public var fd: Fd? {
        if case .fd(let fd) = self { fd } else { nil }
    }
}

/// Values of extended attributes by name, in no order.
public typealias Xattrs = [String: [UInt8]]

/// Extra arguments of a request or reply that only some translators understand: GlusterFS's `xdata` dict. Keys are
/// listed in gluster-wire.md §8. Empty ones cost nothing.
public typealias Xdata = [String: XdataValue]

/// Types of a dict's values (gluster-wire.md §2.1).
public enum XdataValue: Equatable, Sendable {
    case int(Int64), uint(UInt64), double(Double)
    case string(String)
    /// PTR: the type of every xattr value.
    case bytes([UInt8])
    case gfid(Gfid)
    indirect case iatt(Iatt)
    indirect case mdata(atime: Timestamp, mtime: Timestamp, ctime: Timestamp)

    public var integer: Int64? {
        switch self {
        case .int(let value): value
        case .uint(let value): Int64(clamping: value)
        default: nil
        }
    }
    public var bytes: [UInt8]? { if case .bytes(let bytes) = self { bytes } else { nil } }
    public var string: String? { if case .string(let text) = self { text } else { nil } }
}

/// Keys of xdata that we ask or answer ourselves. Source: gluster-wire.md §8.
public enum XdataKey {
    public static let listXattr = "list-xattr"
    public static let content = "glusterfs.content"
    public static let openFdCount = "glusterfs.open-fd-count"
    /// A look-up has `trusted.gfid2path.*` of what it finds brought in line with the names that lead there: whoever
    /// made or removed one may have died between the two. Our own; other bricks pass it over.
    public static let mendPaths = "bypass.mend-paths"
    /// In LOOKUP, STAT and OPEN, answered with a number that differs after every later change to the inode, to its
    /// xattrs too; no answer where that cannot be promised. Our own; other bricks pass it over.
    public static let changeStamp = "bypass.change-stamp"
    /// A look-up by name waits for whoever is changing the name at this moment. Our own, and goes no further down than
    /// to `cluster/replicate`.
    public static let settledName = "bypass.settled-name"
    public static let inodelkDomainCount = "glusterfs.inodelk-dom-count"
    public static let inodelkCount = "glusterfs.inodelk-count"
    public static let linkCount = "link-count"
    /// In a lookup by name: the gfid to give to an object that has none.
    public static let gfidRequest = "gfid-req"
    /// In a lookup by name: an object without a gfid is answered with a zero one.
    public static let gfidlessLookup = "gfidless-lookup"
    public static let internalFop = "glusterfs-internal-fop"
    public static let xattropEntryCreate = "glusterfs.xattrop-entry-create"
    public static let xattropEntryDelete = "glusterfs.xattrop-entry-delete"
    public static let xattropPurgeIndex = "glusterfs.xattrop-purge-index"
    public static let checkZeroFilled = "check-zero-filled"
}
