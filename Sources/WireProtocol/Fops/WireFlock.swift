import TranslatorCore

/// A byte-range lock: u32 type, u32 whence, u64 start, u64 length (0: to infinity), u32 pid, opaque<> owner.
/// Source: GlusterFS `gf_proto_flock`; gluster-wire.md §2.3.
public struct WireFlock: XDRStructure, Equatable {
    /// 0 read, 1 write, 2 unlock.
    public var type: UInt32 = 0
    /// 0: `start` counts from the file's beginning. Nothing else is sent.
    public var whence: UInt32 = 0
    public var start: UInt64 = 0, length: UInt64 = 0
    public var pid: UInt32 = 0
    public var owner: [UInt8] = []

    /// Type of an unlock.
    static let unlock: UInt32 = 2

    public init() {}
    public init(type: UInt32, range: LockRange, pid: Int32 = 0, owner: [UInt8] = []) {
        (self.type, start, length) = (type, range.start, range.length)
        (self.pid, self.owner) = (UInt32(bitPattern: pid), owner)
    }

    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.integer(&type, "flock type")
        try xdr.integer(&whence, "flock whence")
        try xdr.integer(&start, "flock start")
        try xdr.integer(&length, "flock len")
        try xdr.integer(&pid, "flock pid")
        try xdr.opaque(&owner, "flock lk_owner")
    }

    /// EINVAL where bricks say it: start or length beyond 2^63, an end beyond 2^64, or another whence.
    func range() throws(FopError) -> LockRange {
        guard whence == 0, start < 1 << 63, length < 1 << 63 else { throw .invalid }
        return LockRange(start: start, length: length)
    }
}

/// LK's: status, xdata, flock: the lock in the way, or the one that was asked.
public struct LkResult: FopResult {
    public var status = FopStatus()
    public var xdata = WireDict.none
    public var flock = WireFlock()
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&xdata)
        try xdr.part(&flock)
    }
}
