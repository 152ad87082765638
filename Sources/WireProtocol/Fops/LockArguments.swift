import TranslatorCore

/// INODELK 29: gfid, u32 command, u32 type, flock, string domain, xdata. FINODELK 30: i64 fd behind the gfid.
/// The owner is the credential's; that of the flock, and its pid, are not looked at.
public struct InodelkArguments: TargetedArguments {
    public typealias Result = CommonResult
    public static let fops = (byInode: Fop.inodelk, byFd: Fop.finodelk)
    public var target = RemoteTarget.none
    /// 1 try, 2 wait.
    public var command: UInt32 = 0
    /// 0 read, 1 write, 2 unlock; the flock says the same.
    public var type: UInt32 = 0
    public var flock = WireFlock()
    public var domain = ""
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.target(&target)
        try xdr.integer(&command, "cmd")
        try xdr.integer(&type, "type")
        try xdr.part(&flock)
        try xdr.text(&domain, "volume")
        try xdr.part(&xdata)
    }
}

/// ENTRYLK 31: gfid, u32 command, u32 type, u64 named, string name, string domain, xdata. FENTRYLK 32: i64 fd behind
/// the gfid.
public struct EntrylkArguments: TargetedArguments {
    public typealias Result = CommonResult
    public static let fops = (byInode: Fop.entrylk, byFd: Fop.fentrylk)
    public var target = RemoteTarget.none
    /// 0 wait, 1 unlock, 2 try.
    public var command: UInt32 = 0
    /// 0 read, 1 write; an unlock repeats it.
    public var type: UInt32 = 0
    /// 1; 0, with an empty name, for the whole directory.
    public var named: UInt64 = 0
    public var name = EntryName("")
    public var domain = ""
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.target(&target)
        try xdr.integer(&command, "cmd")
        try xdr.integer(&type, "type")
        try xdr.integer(&named, "namelen")
        try xdr.name(&name, "name")
        try xdr.text(&domain, "volume")
        try xdr.part(&xdata)
    }
}

/// LK 26: gfid, i64 fd, u32 command, u32 type, flock, xdata.
public struct LkArguments: OneFopArguments {
    public typealias Result = LkResult
    public static let fop = Fop.lk
    public var fd = RemoteFd()
    /// 0 get, 1 set, 2 set and wait.
    public var command: UInt32 = 0
    /// 0 read, 1 write, 2 unlock; the flock says the same.
    public var type: UInt32 = 0
    public var flock = WireFlock()
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&fd)
        try xdr.integer(&command, "cmd")
        try xdr.integer(&type, "type")
        try xdr.part(&flock)
        try xdr.part(&xdata)
    }
}
