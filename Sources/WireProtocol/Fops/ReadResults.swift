import TranslatorCore

/// READLINK's: status, xdata, iatt, string path. `opRet` is the path's length.
public struct ReadlinkResult: FopResult {
    public var status = FopStatus()
    public var xdata = WireDict.none
    public var iatt = WireIatt()
    public var path: [UInt8] = []
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&xdata)
        try xdr.part(&iatt)
        try xdr.opaque(&path, "path")
    }
}

/// READ's: status, iatt, u32 size, xdata; then the payload up to the record's end, without length and padding, which
/// is not part of this. `opRet` and `size` are its bytes. The only result where xdata does not follow the status.
public struct ReadResult: FopResult {
    public var status = FopStatus()
    public var iatt = WireIatt()
    public var size: UInt32 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&iatt)
        try xdr.integer(&size, "size")
        try xdr.part(&xdata)
    }
}

/// STATFS's: status, xdata, 11 × u64.
public struct StatfsResult: FopResult {
    public var status = FopStatus()
    public var xdata = WireDict.none
    public var room = FileSystemStatus()
    public init() { room.nameBytesMax = 0 }
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&xdata)
        try xdr.integer(&room.blockSize, "bsize")
        try xdr.integer(&room.fragmentSize, "frsize")
        try xdr.integer(&room.blocks, "blocks")
        try xdr.integer(&room.blocksFree, "bfree")
        try xdr.integer(&room.blocksAvailable, "bavail")
        try xdr.integer(&room.files, "files")
        try xdr.integer(&room.filesFree, "ffree")
        try xdr.integer(&room.filesAvailable, "favail")
        try xdr.integer(&room.fileSystemID, "fsid")
        try xdr.integer(&room.flags, "flag")
        try xdr.integer(&room.nameBytesMax, "namemax")
    }
}

/// RCHECKSUM's: status, xdata, u32 flags, u32 weak, opaque<> strong of 32 bytes.
public struct RchecksumResult: FopResult {
    public static let strongBytes = 32

    public var status = FopStatus()
    public var xdata = WireDict.none
    /// 1 whichever checksum `strong` is: its xdata says it.
    public var flags: UInt32 = 0
    public var weak: UInt32 = 0
    public var strong: [UInt8] = []
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&xdata)
        try xdr.integer(&flags, "flags")
        try xdr.integer(&weak, "weak_checksum")
        try xdr.opaque(&strong, "strong_checksum")
    }
}

/// SEEK's: status, xdata, u64 offset.
public struct SeekResult: FopResult {
    public var status = FopStatus()
    public var xdata = WireDict.none
    public var offset: UInt64 = 0
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&xdata)
        try xdr.integer(&offset, "offset")
    }
}
