import TranslatorCore

/// STAT 1: gfid, xdata. FSTAT 25: gfid, i64 fd, xdata.
public struct StatArguments: TargetedArguments {
    public typealias Result = IattResult
    public static let fops = (byInode: Fop.stat, byFd: Fop.fstat)
    public var target = RemoteTarget.none
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.target(&target)
        try xdr.part(&xdata)
    }
}

/// READLINK 2: gfid, u32 size, xdata.
public struct ReadlinkArguments: OneFopArguments {
    public typealias Result = ReadlinkResult
    public static let fop = Fop.readlink
    public var gfid = Gfid.none
    /// The longest target that is wanted, bytes.
    public var size: UInt32 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&gfid, "gfid")
        try xdr.integer(&size, "size")
        try xdr.part(&xdata)
    }
}

/// OPEN 11: gfid, u32 flags, xdata.
public struct OpenArguments: OneFopArguments {
    public typealias Result = OpenResult
    public static let fop = Fop.open
    public var gfid = Gfid.none
    /// Linux x86-64 O_*, without O_CREAT and O_EXCL.
    public var flags: UInt32 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&gfid, "gfid")
        try xdr.integer(&flags, "flags")
        try xdr.part(&xdata)
    }
}

/// READ 12: gfid, i64 fd, u64 offset, u32 size, u32 flag, xdata.
public struct ReadArguments: OneFopArguments {
    public typealias Result = ReadResult
    public static let fop = Fop.readv
    public var fd = RemoteFd()
    public var offset: UInt64 = 0
    public var size: UInt32 = 0
    /// The open flags as they are now.
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

/// STATFS 14: gfid, xdata.
public struct StatfsArguments: OneFopArguments {
    public typealias Result = StatfsResult
    public static let fop = Fop.statfs
    public var gfid = Gfid.none
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&gfid, "gfid")
        try xdr.part(&xdata)
    }
}

/// GETXATTR 18: gfid, u32 named, string name, xdata. FGETXATTR 35: i64 fd behind the gfid.
public struct GetxattrArguments: TargetedArguments {
    public typealias Result = DictResult
    public static let fops = (byInode: Fop.getxattr, byFd: Fop.fgetxattr)
    public var target = RemoteTarget.none
    /// 1 for one name; 0, with an empty name, for all.
    public var named: UInt32 = 0
    public var name = ""
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.target(&target)
        try xdr.integer(&named, "namelen")
        try xdr.xattrName(&name, "name")
        try xdr.part(&xdata)
    }
}

/// ACCESS 22: gfid, u32 mask as in access(2), xdata.
public struct AccessArguments: OneFopArguments {
    public typealias Result = CommonResult
    public static let fop = Fop.access
    public var gfid = Gfid.none
    public var mask: UInt32 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&gfid, "gfid")
        try xdr.integer(&mask, "mask")
        try xdr.part(&xdata)
    }
}

/// RCHECKSUM 37: gfid, i64 fd, u64 offset, u32 length, u32 flags, xdata.
public struct RchecksumArguments: OneFopArguments {
    public typealias Result = RchecksumResult
    public static let fop = Fop.rchecksum
    public var fd = RemoteFd()
    public var offset: UInt64 = 0
    /// Bytes.
    public var length: UInt32 = 0
    /// 0.
    public var flags: UInt32 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&fd)
        try xdr.integer(&offset, "offset")
        try xdr.integer(&length, "len")
        try xdr.integer(&flags, "flags")
        try xdr.part(&xdata)
    }
}

/// SEEK 48: gfid, i64 fd, u64 offset, i32 what, xdata.
public struct SeekArguments: OneFopArguments {
    public typealias Result = SeekResult
    public static let fop = Fop.seek
    public var fd = RemoteFd()
    public var offset: UInt64 = 0
    /// 0 data, 1 hole.
    public var what: Int32 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&fd)
        try xdr.integer(&offset, "offset")
        try xdr.integer(&what, "what")
        try xdr.part(&xdata)
    }
}
