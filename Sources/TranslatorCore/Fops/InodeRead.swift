/// Asks for attributes: stat(2), fstat(2).
public struct StatRequest: Sendable {
    public let target: FopTarget
    public var xdata: Xdata
    public init(_ target: FopTarget, xdata: Xdata = [:]) { (self.target, self.xdata) = (target, xdata) }
}

/// The attributes now.
public struct StatReply: Sendable {
    public var iatt: Iatt
    public var xdata: Xdata
    public init(iatt: Iatt, xdata: Xdata = [:]) { (self.iatt, self.xdata) = (iatt, xdata) }
}

/// Asks where a symbolic link points.
public struct ReadlinkRequest: Sendable {
    public let inode: Inode
    public var xdata: Xdata
    public init(inode: Inode, xdata: Xdata = [:]) { (self.inode, self.xdata) = (inode, xdata) }
}

/// The link's target, bytes as they were given, and its attributes.
public struct ReadlinkReply: Sendable {
    public var target: [UInt8]
    public var iatt: Iatt
    public init(target: [UInt8], iatt: Iatt) { (self.target, self.iatt) = (target, iatt) }
}

/// `mask` as in access(2). Mounts with kernel permission checks never ask.
public struct AccessRequest: Sendable {
    public let inode: Inode
    public let mask: UInt32
    public var xdata: Xdata
    public init(inode: Inode, mask: UInt32, xdata: Xdata = [:]) {
        (self.inode, self.mask, self.xdata) = (inode, mask, xdata)
    }
}

/// Opens a regular file: each translator hangs its part into `fd.contexts`. `fd.flags` has no O_CREAT and no O_EXCL;
/// O_TRUNC truncates.
public struct OpenRequest: Sendable {
    public let fd: Fd
    public var xdata: Xdata
    public init(fd: Fd, xdata: Xdata = [:]) { (self.fd, self.xdata) = (fd, xdata) }
}

/// Reads up to `bytes` bytes at `offset`: pread(2).
public struct ReadRequest: Sendable {
    public let fd: Fd
    public let offset: UInt64
    public let bytes: Int
    public var xdata: Xdata
    public init(fd: Fd, offset: UInt64, bytes: Int, xdata: Xdata = [:]) {
        (self.fd, self.offset, self.bytes, self.xdata) = (fd, offset, bytes, xdata)
    }
}

/// What was read.
public struct ReadReply: Sendable {
    /// Shorter than asked at the end of the file only.
    public var payload: Payload
    /// True when this read reached the end of the file.
    public var isEndOfFile: Bool
    /// Present when the storage had it at no extra cost (bricks send it).
    public var iatt: Iatt?
    public init(payload: Payload, isEndOfFile: Bool, iatt: Iatt? = nil) {
        (self.payload, self.isEndOfFile, self.iatt) = (payload, isEndOfFile, iatt)
    }
}

/// SEEK_DATA or SEEK_HOLE; raw values are those of GlusterFS's wire.
public enum SeekWhat: Int32, Sendable { case data = 0, hole = 1 }

/// The next data or hole at or after `offset`; ENXIO past the end of the file or, for data, when there is none.
public struct SeekRequest: Sendable {
    public let fd: Fd
    public let offset: UInt64
    public let what: SeekWhat
    public init(fd: Fd, offset: UInt64, what: SeekWhat) { (self.fd, self.offset, self.what) = (fd, offset, what) }
}

/// Checksums of what pread(offset, bytes) returns (gluster-wire.md §12).
public struct RchecksumRequest: Sendable {
    public let fd: Fd
    public let offset: UInt64
    public let bytes: Int
    public var xdata: Xdata
    public init(fd: Fd, offset: UInt64, bytes: Int, xdata: Xdata = [:]) {
        (self.fd, self.offset, self.bytes, self.xdata) = (fd, offset, bytes, xdata)
    }
}

/// Two checksums, as GlusterFS's bricks compute them.
public struct RchecksumReply: Equatable, Sendable {
    /// Adler-32 with both sums started at 0.
    public var weak: UInt32
    /// 32 bytes: SHA-256, or MD5 and 16 zero bytes when `isSHA256` is false.
    public var strong: [UInt8]
    public var isSHA256: Bool
    /// Answered when `XdataKey.checkZeroFilled` was asked.
    public var isAllZero: Bool?
    public init(weak: UInt32, strong: [UInt8], isSHA256: Bool, isAllZero: Bool? = nil) {
        (self.weak, self.strong, self.isSHA256, self.isAllZero) = (weak, strong, isSHA256, isAllZero)
    }
}

/// Asks for the room on the file system that holds `inode`: statfs(2).
public struct StatfsRequest: Sendable {
    public let inode: Inode
    public init(inode: Inode) { self.inode = inode }
}

/// One xattr by name, or all when `name` is nil. ENODATA when the named one does not exist.
public struct GetxattrRequest: Sendable {
    public let target: FopTarget
    public let name: String?
    public var xdata: Xdata
    public init(_ target: FopTarget, name: String? = nil, xdata: Xdata = [:]) {
        (self.target, self.name, self.xdata) = (target, name, xdata)
    }
}

/// The xattr asked for, or all of them.
public struct GetxattrReply: Sendable {
    public var xattrs: Xattrs
    public init(xattrs: Xattrs) { self.xattrs = xattrs }
}
