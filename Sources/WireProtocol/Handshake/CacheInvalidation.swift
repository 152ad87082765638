import TranslatorCore

/// Another client changed what this one may have cached: string gfid in canonical form, u32 event, u32 flags, u32
/// seconds, three old iatts (100 bytes each), opaque<>. Source: GlusterFS `gfs3_cbk_cache_invalidation_req`; bricks
/// send it when `features/upcall` has `cache-invalidation` on.
public struct CacheInvalidation: XDRStructure, Equatable {
    /// What changed, and so is no longer to be believed. Source: GlusterFS `upcall-utils.h`.
    public struct Flags: OptionSet, Sendable, Hashable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let linkCount = Flags(rawValue: 1), mode = Flags(rawValue: 2), owner = Flags(rawValue: 4)
        public static let size = Flags(rawValue: 8), times = Flags(rawValue: 0x10), atime = Flags(rawValue: 0x20)
        public static let permissions = Flags(rawValue: 0x40), rename = Flags(rawValue: 0x80)
        /// The brick forgets the inode.
        public static let forget = Flags(rawValue: 0x100)
        /// The iatt of the parent is a new one.
        public static let parentTimes = Flags(rawValue: 0x200)
        public static let xattrs = Flags(rawValue: 0x400), xattrsRemoved = Flags(rawValue: 0x800)
        public static let lookup = Flags(rawValue: 0x1000), attributes = Flags(rawValue: 0x2000)
    }

    public var gfidText = ""
    /// 1: cache invalidation.
    public var event: UInt32 = 1
    public var flags = Flags()
    /// For how long the brick counts this client among those that have the inode cached.
    public var expirySeconds: UInt32 = 0
    public var iatt = OldIatt(), parent = OldIatt(), oldParent = OldIatt()
    public var extra: [UInt8] = []

    public init() {}
    public init(_ gfid: Gfid, flags: Flags) { (gfidText, self.flags) = (gfid.description, flags) }

    /// Nil where a server wrote something else there.
    public var gfid: Gfid? { Gfid(gfidText) }

    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        var bits = flags.rawValue
        try xdr.text(&gfidText, "gfid")
        try xdr.integer(&event, "event_type")
        try xdr.integer(&bits, "flags")
        try xdr.integer(&expirySeconds, "expire_time_attr")
        try xdr.part(&iatt)
        try xdr.part(&parent)
        try xdr.part(&oldParent)
        try xdr.opaque(&extra, "xdata")
        flags = Flags(rawValue: bits)
    }
}

/// Attributes as GlusterFS 3 had them, 100 bytes: gfid, u64 ino, u64 dev, u32 mode, nlink, uid, gid, u64 rdev, u64
/// size, u32 block size, u64 blocks, u32 atime, nanoseconds, mtime, nanoseconds, ctime, nanoseconds. Source: GlusterFS
/// `gf_iatt`.
public struct OldIatt: XDRStructure, Equatable {
    public var gfid = Gfid.none
    public var inodeNumber: UInt64 = 0, dev: UInt64 = 0
    public var mode: UInt32 = 0, nlink: UInt32 = 0, uid: UInt32 = 0, gid: UInt32 = 0
    public var rdev: UInt64 = 0, size: UInt64 = 0
    public var blockSize: UInt32 = 0
    public var blocks: UInt64 = 0
    public var atime = Time(), mtime = Time(), ctime = Time()
    public init() {}

    /// Seconds since 1970, until 2106, and nanoseconds.
    public struct Time: XDRStructure, Equatable {
        public var seconds: UInt32 = 0, nanoseconds: UInt32 = 0
        public init() {}
        public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
            try xdr.integer(&seconds, "seconds")
            try xdr.integer(&nanoseconds, "nanoseconds")
        }
    }

    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&gfid, "ia_gfid")
        try xdr.integer(&inodeNumber, "ia_ino")
        try xdr.integer(&dev, "ia_dev")
        try xdr.integer(&mode, "mode")
        try xdr.integer(&nlink, "ia_nlink")
        try xdr.integer(&uid, "ia_uid")
        try xdr.integer(&gid, "ia_gid")
        try xdr.integer(&rdev, "ia_rdev")
        try xdr.integer(&size, "ia_size")
        try xdr.integer(&blockSize, "ia_blksize")
        try xdr.integer(&blocks, "ia_blocks")
        try xdr.part(&atime)
        try xdr.part(&mtime)
        try xdr.part(&ctime)
    }
}
