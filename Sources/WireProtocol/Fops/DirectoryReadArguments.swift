import TranslatorCore

/// LOOKUP 27: gfid, gfid parent, u32 flags, string name, xdata.
/// With a name the brick goes by parent and name, without one by gfid.
public struct LookupArguments: OneFopArguments {
    public typealias Result = TwoIattResult
    public static let fop = Fop.lookup
    public var gfid = Gfid.none
    public var parent = Gfid.none
    /// 0.
    public var flags: UInt32 = 0
    public var name = EntryName("")
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&gfid, "gfid")
        try xdr.gfid(&parent, "pargfid")
        try xdr.integer(&flags, "flags")
        try xdr.name(&name, "bname")
        try xdr.part(&xdata)
    }
}

/// OPENDIR 20: gfid, xdata.
public struct OpendirArguments: OneFopArguments {
    public typealias Result = OpenResult
    public static let fop = Fop.opendir
    public var gfid = Gfid.none
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&gfid, "gfid")
        try xdr.part(&xdata)
    }
}

/// READDIR 28: gfid, i64 fd, u64 offset, u32 size, xdata.
public struct ReaddirArguments: OneFopArguments {
    public typealias Result = ReaddirResult
    public static let fop = Fop.readdir
    public var fd = RemoteFd()
    /// The last entry's cookie; 0 to start.
    public var offset: UInt64 = 0
    /// About how many bytes of reply.
    public var size: UInt32 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&fd)
        try xdr.integer(&offset, "offset")
        try xdr.integer(&size, "size")
        try xdr.part(&xdata)
    }
}

/// READDIRP 40: the same as READDIR. `xdata` has names of xattrs that each entry is to have in its dict.
public struct ReaddirpArguments: OneFopArguments {
    public typealias Result = ReaddirpResult
    public static let fop = Fop.readdirp
    public var fd = RemoteFd()
    public var offset: UInt64 = 0
    public var size: UInt32 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&fd)
        try xdr.integer(&offset, "offset")
        try xdr.integer(&size, "size")
        try xdr.part(&xdata)
    }
}

/// FSYNCDIR 21: gfid, i64 fd, i32 datasync, xdata.
public struct FsyncdirArguments: OneFopArguments {
    public typealias Result = CommonResult
    public static let fop = Fop.fsyncdir
    public var fd = RemoteFd()
    public var dataOnly: Int32 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&fd)
        try xdr.integer(&dataOnly, "datasync")
        try xdr.part(&xdata)
    }
}
