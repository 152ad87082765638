import TranslatorCore

/// WRITE 13: gfid, i64 fd, u64 offset, u32 size, u32 flag, xdata; then the payload up to the record's end, without
/// length and padding, which is not part of this.
public struct WriteArguments: OneFopArguments {
    public typealias Result = TwoIattResult
    public static let fop = Fop.writev
    public var fd = RemoteFd()
    public var offset: UInt64 = 0
    /// Bytes of payload. Bricks go by what is left in the record.
    public var size: UInt32 = 0
    /// The open flags that hold for this write; O_SYNC and O_DSYNC make it durable.
    public var flag: UInt32 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&fd)
        try xdr.integer(&offset, "offset")
        try xdr.integer(&size, "size")
        try xdr.integer(&flag, "flag")
        try xdr.part(&xdata)
    }
}

/// TRUNCATE 10: gfid, u64 offset, xdata. FTRUNCATE 24: i64 fd behind the gfid.
public struct TruncateArguments: TargetedArguments {
    public typealias Result = TwoIattResult
    public static let fops = (byInode: Fop.truncate, byFd: Fop.ftruncate)
    public var target = RemoteTarget.none
    public var size: UInt64 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.target(&target)
        try xdr.integer(&size, "offset")
        try xdr.part(&xdata)
    }
}

/// FLUSH 15: gfid, i64 fd, xdata. RELEASE 41 and RELEASEDIR 42 are the same.
public struct FlushArguments: FopArguments {
    public typealias Result = CommonResult
    public let fop: Fop
    public var fd = RemoteFd()
    public var xdata = WireDict.none
    public init(_ fop: Fop) { self.fop = fop }
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&fd)
        try xdr.part(&xdata)
    }
}

/// FSYNC 16: gfid, i64 fd, u32 datasync, xdata.
public struct FsyncArguments: OneFopArguments {
    public typealias Result = TwoIattResult
    public static let fop = Fop.fsync
    public var fd = RemoteFd()
    public var dataOnly: UInt32 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&fd)
        try xdr.integer(&dataOnly, "datasync")
        try xdr.part(&xdata)
    }
}

/// SETXATTR 17: gfid, u32 flags (1 create, 2 replace), dict, xdata. FSETXATTR 36: i64 fd behind the gfid.
/// Values as PTR: a brick stores the NUL of a STR.
public struct SetxattrArguments: TargetedArguments {
    public typealias Result = CommonResult
    public static let fops = (byInode: Fop.setxattr, byFd: Fop.fsetxattr)
    public var target = RemoteTarget.none
    public var flags: UInt32 = 0
    public var dict = WireDict.none
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.target(&target)
        try xdr.integer(&flags, "flags")
        try xdr.part(&dict)
        try xdr.part(&xdata)
    }
}

/// REMOVEXATTR 19: gfid, string name, xdata. FREMOVEXATTR 43: i64 fd behind the gfid.
public struct RemovexattrArguments: TargetedArguments {
    public typealias Result = CommonResult
    public static let fops = (byInode: Fop.removexattr, byFd: Fop.fremovexattr)
    public var target = RemoteTarget.none
    /// Empty: the keys of `xdata` are the names.
    public var name = ""
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.target(&target)
        try xdr.xattrName(&name, "name")
        try xdr.part(&xdata)
    }
}

/// XATTROP 33: gfid, u32 operation, dict, xdata. FXATTROP 34: i64 fd behind the gfid.
public struct XattropArguments: TargetedArguments {
    public typealias Result = DictResult
    public static let fops = (byInode: Fop.xattrop, byFd: Fop.fxattrop)
    public var target = RemoteTarget.none
    /// `XattropRequest.Operation`.
    public var operation: UInt32 = 0
    public var dict = WireDict.none
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.target(&target)
        try xdr.integer(&operation, "xattrop flags")
        try xdr.part(&dict)
        try xdr.part(&xdata)
    }
}

/// SETATTR 38: gfid, iatt, i32 valid, xdata. FSETATTR 39: i64 fd behind the gfid.
public struct SetattrArguments: TargetedArguments {
    public typealias Result = TwoIattResult
    public static let fops = (byInode: Fop.setattr, byFd: Fop.fsetattr)
    public var target = RemoteTarget.none
    public var iatt = WireIatt()
    /// `AttributeMask`.
    public var valid: Int32 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.target(&target)
        try xdr.part(&iatt)
        try xdr.integer(&valid, "valid")
        try xdr.part(&xdata)
    }
}

/// FALLOCATE 44: gfid, i64 fd, u32 keep size, u64 offset, u64 length, xdata.
public struct FallocateArguments: OneFopArguments {
    public typealias Result = TwoIattResult
    public static let fop = Fop.fallocate
    public var fd = RemoteFd()
    /// Not 0: the size stays. No mode of fallocate(2).
    public var keepsSize: UInt32 = 0
    public var offset: UInt64 = 0
    /// Bytes.
    public var length: UInt64 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&fd)
        try xdr.integer(&keepsSize, "flags")
        try xdr.integer(&offset, "offset")
        try xdr.integer(&length, "size")
        try xdr.part(&xdata)
    }
}

/// DISCARD 45 and ZEROFILL 46: gfid, i64 fd, u64 offset, u64 length, xdata.
public struct DiscardArguments: FopArguments {
    public typealias Result = TwoIattResult
    public let fop: Fop
    public var fd = RemoteFd()
    public var offset: UInt64 = 0
    /// Bytes.
    public var length: UInt64 = 0
    public var xdata = WireDict.none
    public init(_ fop: Fop) { self.fop = fop }
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&fd)
        try xdr.integer(&offset, "offset")
        try xdr.integer(&length, "size")
        try xdr.part(&xdata)
    }
}

/// IPC 47: i32 operation, xdata.
public struct IpcArguments: OneFopArguments {
    public typealias Result = CommonResult
    public static let fop = Fop.ipc
    public var operation: Int32 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.integer(&operation, "op")
        try xdr.part(&xdata)
    }
}

/// COPY_FILE_RANGE 56: gfid source, gfid sink, i64 fd of each, u64 offset in each, u32 size, u32 flag, xdata.
public struct CopyFileRangeArguments: OneFopArguments {
    public typealias Result = ThreeIattResult
    public static let fop = Fop.copyFileRange
    public var source = Gfid.none
    public var sink = Gfid.none
    public var sourceFd: Int64 = 0
    public var sinkFd: Int64 = 0
    public var sourceOffset: UInt64 = 0
    public var sinkOffset: UInt64 = 0
    public var size: UInt32 = 0
    /// 0.
    public var flag: UInt32 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&source, "gfid_in")
        try xdr.gfid(&sink, "gfid_out")
        try xdr.integer(&sourceFd, "fd_in")
        try xdr.integer(&sinkFd, "fd_out")
        try xdr.integer(&sourceOffset, "off_in")
        try xdr.integer(&sinkOffset, "off_out")
        try xdr.integer(&size, "size")
        try xdr.integer(&flag, "flag")
        try xdr.part(&xdata)
    }
}
