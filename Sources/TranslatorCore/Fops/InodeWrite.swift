/// Writes `payload` at `offset`: pwrite(2). With O_APPEND in the fd's flags storage ignores the offset.
public struct WriteRequest: Sendable {
    public let fd: Fd
    public let offset: UInt64
    public let payload: Payload
    /// Open flags that hold for this write: O_SYNC or O_DSYNC make it durable, O_DIRECT is a wish.
    public let flags: OpenFlags
    public var xdata: Xdata
    public init(fd: Fd, offset: UInt64, payload: Payload, flags: OpenFlags? = nil, xdata: Xdata = [:]) {
        (self.fd, self.offset, self.payload) = (fd, offset, payload)
        (self.flags, self.xdata) = (flags ?? fd.flags, xdata)
    }

    public func replacing(payload: Payload) -> WriteRequest {
        WriteRequest(fd: fd, offset: offset, payload: payload, flags: flags, xdata: xdata)
    }
    public func replacing(offset: UInt64) -> WriteRequest {
        WriteRequest(fd: fd, offset: offset, payload: payload, flags: flags, xdata: xdata)
    }
}

/// How much was written.
public struct WriteReply: Sendable {
    /// Less than asked only when a brick ran out of room or hit a limit in the middle.
    public var bytes: Int
    /// Where storage had them at no extra cost (bricks send them); a caller that needs them stats.
    public var attributes: PrePostIatt?
    public var xdata: Xdata
    public init(bytes: Int, attributes: PrePostIatt? = nil, xdata: Xdata = [:]) {
        (self.bytes, self.attributes, self.xdata) = (bytes, attributes, xdata)
    }
}

/// Answer to truncate, fsync, setattr, fallocate, discard and zerofill.
public struct AttributesReply: Sendable {
    public var attributes: PrePostIatt
    public var xdata: Xdata
    public init(attributes: PrePostIatt, xdata: Xdata = [:]) { (self.attributes, self.xdata) = (attributes, xdata) }
}

/// Sets the size: truncate(2), ftruncate(2).
public struct TruncateRequest: Sendable {
    public let target: FopTarget
    public let size: UInt64
    public var xdata: Xdata
    public init(_ target: FopTarget, size: UInt64, xdata: Xdata = [:]) {
        (self.target, self.size, self.xdata) = (target, size, xdata)
    }
}

/// Allocates a range, and lengthens the file unless `keepsSize`: fallocate(2).
public struct FallocateRequest: Sendable {
    public let fd: Fd
    public let offset: UInt64, bytes: UInt64
    public let keepsSize: Bool
    public var xdata: Xdata
    public init(fd: Fd, offset: UInt64, bytes: UInt64, keepsSize: Bool, xdata: Xdata = [:]) {
        (self.fd, self.offset, self.bytes, self.keepsSize, self.xdata) = (fd, offset, bytes, keepsSize, xdata)
    }
}

/// Punches a hole; the size stays.
public struct DiscardRequest: Sendable {
    public let fd: Fd
    public let offset: UInt64, bytes: UInt64
    public var xdata: Xdata
    public init(fd: Fd, offset: UInt64, bytes: UInt64, xdata: Xdata = [:]) {
        (self.fd, self.offset, self.bytes, self.xdata) = (fd, offset, bytes, xdata)
    }
}

/// Makes a range read as zeros and keeps it allocated. Lengthens the file where the range ends behind it, unless
/// `keepsSize` (not on GlusterFS's wire: there ZEROFILL always lengthens).
public struct ZerofillRequest: Sendable {
    public let fd: Fd
    public let offset: UInt64, bytes: UInt64
    public let keepsSize: Bool
    public var xdata: Xdata
    public init(fd: Fd, offset: UInt64, bytes: UInt64, keepsSize: Bool = false, xdata: Xdata = [:]) {
        (self.fd, self.offset, self.bytes, self.keepsSize, self.xdata) = (fd, offset, bytes, keepsSize, xdata)
    }
}

/// As copy_file_range(2): from one open file to another (or the same, ranges not overlapping), inside the volume.
public struct CopyFileRangeRequest: Sendable {
    public let source: Fd, sourceOffset: UInt64
    public let sink: Fd, sinkOffset: UInt64
    public let bytes: UInt64
    public var xdata: Xdata
    public init(source: Fd, sourceOffset: UInt64, sink: Fd, sinkOffset: UInt64, bytes: UInt64, xdata: Xdata = [:]) {
        (self.source, self.sourceOffset, self.sink, self.sinkOffset) = (source, sourceOffset, sink, sinkOffset)
        (self.bytes, self.xdata) = (bytes, xdata)
    }
}

/// How many bytes were copied: fewer at the source's end.
public struct CopyFileRangeReply: Sendable {
    public var bytes: UInt64
    public init(bytes: UInt64) { self.bytes = bytes }
}

/// At every close(2) of a descriptor: drops the POSIX locks of `frame.lockOwner` on the inode.
public struct FlushRequest: Sendable {
    public let fd: Fd
    public var xdata: Xdata
    public init(fd: Fd, xdata: Xdata = [:]) { (self.fd, self.xdata) = (fd, xdata) }
}

/// Makes the file durable: fsync(2), or fdatasync(2) with `dataOnly`.
public struct FsyncRequest: Sendable {
    public let fd: Fd
    public let dataOnly: Bool
    public var xdata: Xdata
    public init(fd: Fd, dataOnly: Bool, xdata: Xdata = [:]) {
        (self.fd, self.dataOnly, self.xdata) = (fd, dataOnly, xdata)
    }
}

/// Changes mode, owner or times. With `ctime` alone it records what a write records and changes nothing else: mtime and
/// ctime move to the frame's time where a brick keeps times of its own, and never back. (A genuine brick answers one of
/// nothing at all with chown(-1, -1), by which the kernel takes set-ID bits and file capabilities off.)
public struct SetattrRequest: Sendable {
    public let target: FopTarget
    /// Only the fields that `valid` names count. Times are real times: "now" was resolved by the mount.
    public let iatt: Iatt
    public let valid: AttributeMask
    public var xdata: Xdata
    public init(_ target: FopTarget, iatt: Iatt, valid: AttributeMask, xdata: Xdata = [:]) {
        (self.target, self.iatt, self.valid, self.xdata) = (target, iatt, valid, xdata)
    }
}

/// Sets every one of `xattrs`: setxattr(2).
public struct SetxattrRequest: Sendable {
    /// XATTR_CREATE: EEXIST where there is one; XATTR_REPLACE: ENODATA where there is none.
    public enum Mode: UInt32, Sendable { case createOrReplace = 0, create = 1, replace = 2 }
    public let target: FopTarget
    public let xattrs: Xattrs
    public let mode: Mode
    public var xdata: Xdata
    public init(_ target: FopTarget, xattrs: Xattrs, mode: Mode = .createOrReplace, xdata: Xdata = [:]) {
        (self.target, self.xattrs, self.mode, self.xdata) = (target, xattrs, mode, xdata)
    }
}

/// Removes every one of `names`; ENODATA for one that does not exist when it is the only one.
public struct RemovexattrRequest: Sendable {
    public let target: FopTarget
    public let names: [String]
    public var xdata: Xdata
    public init(_ target: FopTarget, names: [String], xdata: Xdata = [:]) {
        (self.target, self.names, self.xdata) = (target, names, xdata)
    }
}

/// Answer to fops that return nothing but that they were done.
public struct DoneReply: Sendable {
    public var xdata: Xdata
    public init(xdata: Xdata = [:]) { self.xdata = xdata }
}

/// Reads, changes and writes xattrs in one step under the brick's lock on the inode (gluster-wire.md §10).
public struct XattropRequest: Sendable {
    /// What becomes of stored values; raw values are those of GlusterFS's wire.
    public enum Operation: UInt32, Sendable {
        /// Adds big-endian Int32s, element by element.
        case addArray = 0
        /// Adds big-endian Int64s.
        case addArray64 = 1
        /// Replaces; the reply has the old values.
        case getAndSet = 4
        /// The value is deltas and then defaults; a default is added where the stored element is 0.
        case addArrayWithDefault = 5, addArray64WithDefault = 6
    }
    public let target: FopTarget
    public let operation: Operation
    /// An all-zero delta writes nothing and makes no xattr: a pure read.
    public let values: Xattrs
    public var xdata: Xdata
    /// Set by a caller that holds the brick's xattrop lock of this inode already (`LocalBrick.withXattropLock`).
    public var lock: XattropLock?
    public init(_ target: FopTarget, operation: Operation = .addArray, values: Xattrs, xdata: Xdata = [:]) {
        (self.target, self.operation, self.values, self.xdata) = (target, operation, values, xdata)
    }
}

/// New values (old ones for `getAndSet`), for every name that was asked.
public struct XattropReply: Sendable {
    public var values: Xattrs
    public var xdata: Xdata
    public init(values: Xattrs, xdata: Xdata = [:]) { (self.values, self.xdata) = (values, xdata) }
}

/// Asks translators below for something that is no file operation.
public struct IpcRequest: Sendable {
    public let operation: Int32
    public var xdata: Xdata
    public init(operation: Int32, xdata: Xdata = [:]) { (self.operation, self.xdata) = (operation, xdata) }
}
