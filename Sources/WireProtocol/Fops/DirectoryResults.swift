import TranslatorCore

/// CREATE's: status, xdata, iatt of the file, i64 fd, iatts of the parent before and after.
public struct CreateResult: FopResult {
    public var status = FopStatus()
    public var xdata = WireDict.none
    public var iatt = WireIatt()
    public var fd: Int64 = 0
    public var parentPre = WireIatt(), parentPost = WireIatt()
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&xdata)
        try xdr.part(&iatt)
        try xdr.integer(&fd, "fd")
        try xdr.part(&parentPre)
        try xdr.part(&parentPost)
    }
}

/// RENAME's: status, xdata, iatts of the object, of the old parent before and after, of the new one.
public struct RenameResult: FopResult {
    public var status = FopStatus()
    public var xdata = WireDict.none
    public var iatt = WireIatt()
    public var oldParentPre = WireIatt(), oldParentPost = WireIatt()
    public var newParentPre = WireIatt(), newParentPost = WireIatt()
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&xdata)
        try xdr.part(&iatt)
        try xdr.part(&oldParentPre)
        try xdr.part(&oldParentPost)
        try xdr.part(&newParentPre)
        try xdr.part(&newParentPost)
    }
}

/// One name of READDIR: u64 d_ino, u64 d_off, u32 d_len, u32 d_type, string name.
public struct WireEntry: XDRStructure, Equatable {
    public var inodeNumber: UInt64 = 0
    /// The cookie that continues behind this entry.
    public var nextOffset: UInt64 = 0
    /// Not to be believed: the name has a length of its own.
    public var length: UInt32 = 0
    /// Linux DT_*.
    public var type: UInt32 = 0
    public var name = EntryName("")
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.integer(&inodeNumber, "d_ino")
        try xdr.integer(&nextOffset, "d_off")
        try xdr.integer(&length, "d_len")
        try xdr.integer(&type, "d_type")
        try xdr.name(&name, "name")
    }
}

/// One name of READDIRP: an entry, iatt, dict.
public struct WireEntryPlus: XDRStructure, Equatable {
    public var entry = WireEntry()
    /// With a zero gfid where the brick could not say.
    public var iatt = WireIatt()
    public var dict = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&entry)
        try xdr.part(&iatt)
        try xdr.part(&dict)
    }
}

/// READDIR's: status, xdata, a chain of entries. `opRet` is their number.
public struct ReaddirResult: FopResult {
    public var status = FopStatus()
    public var xdata = WireDict.none
    public var entries: [WireEntry] = []
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&xdata)
        try xdr.chain(&entries, "entries")
    }
}

/// READDIRP's: status, xdata, a chain of entries with attributes.
public struct ReaddirpResult: FopResult {
    public var status = FopStatus()
    public var xdata = WireDict.none
    public var entries: [WireEntryPlus] = []
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&xdata)
        try xdr.chain(&entries, "entries")
    }
}
