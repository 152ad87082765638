import TranslatorCore

/// Extra arguments and xattrs as they travel. Source: GlusterFS `gfx_dict`; gluster-wire.md §2.1.
///
///     0   bytes that follow byte 12    4   0 when there are no pairs
///     4   count                        4   signed; −1: no dict at all
///     8   pairs                        4   the same; 0 for no dict
///     12  per pair: key as opaque<>, a NUL at its end counted; type 4; value
///
/// Keeps the order of pairs and all that a peer said, so that it is encoded to the bytes it came from.
public struct WireDict: Equatable, Sendable {
    /// One key and its value. Keys are bytes, because xattr names need not be UTF-8; no NUL at the end.
    public struct Pair: Equatable, Sendable {
        public var key: [UInt8]
        public var value: Value
        public init(_ key: [UInt8], _ value: Value) { (self.key, self.value) = (key, value) }
        /// `key` may be the text of an xattr's name.
        public init(_ key: String, _ value: Value) { (self.key, self.value) = (XattrText.bytes(key), value) }
    }

    /// A value of one of the nine types.
    public enum Value: Equatable, Sendable {
        /// 1, STR_OLD: as it came, NUL included.
        case oldString([UInt8])
        /// 2 and 3: 8 bytes.
        case int(Int64), uint(UInt64)
        /// 4: IEEE 754 binary64, 8 bytes.
        case double(Double)
        /// 5, STR: the NUL at its end counts on the wire and is not in here.
        case string([UInt8])
        /// 6, PTR: every xattr's value.
        case bytes([UInt8])
        /// 7, GFUUID.
        case gfid(Gfid)
        /// 8.
        indirect case iatt(WireIatt)
        /// 9: three times, 36 bytes.
        indirect case mdata(WireMdata)
    }

    /// Nil for "no dict", which peers treat like an empty one.
    public var pairs: [Pair]?

    public init(pairs: [Pair]? = nil) { self.pairs = pairs }
    public static let none = WireDict()
    public static let empty = WireDict(pairs: [])

    public var isEmpty: Bool { pairs?.isEmpty ?? true }
    public subscript(key: String) -> Value? { pairs?.first { $0.key.elementsEqual(key.utf8) }?.value }

    public mutating func append(_ key: String, _ value: Value) { pairs = (pairs ?? []) + [Pair(key, value)] }
}

/// The times of "consistent time", as MDATA carries them: i64 atime, mtime, ctime, then u32 nanoseconds of each.
public struct WireMdata: XDRStructure, Equatable {
    public var atime = Timestamp.zero, mtime = Timestamp.zero, ctime = Timestamp.zero
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.seconds(&atime, "mdata atime")
        try xdr.seconds(&mtime, "mdata mtime")
        try xdr.seconds(&ctime, "mdata ctime")
        try xdr.nanoseconds(&atime, "mdata atime_nsec")
        try xdr.nanoseconds(&mtime, "mdata mtime_nsec")
        try xdr.nanoseconds(&ctime, "mdata ctime_nsec")
    }
}

extension WireDict: XDRCodable {
    static let headBytes = 12

    public init(from xdr: inout XDRReader) throws(CodecError) {
        let start = xdr.position
        let bytes = Int(try xdr.read("dict size") as UInt32)
        let count = Int(try xdr.read("dict count") as Int32)
        let pairCount = Int(try xdr.read("dict pairs") as UInt32)
        guard count == pairCount || count == -1 && pairCount == 0 else {
            throw xdr.error("dict count", "\(count), but \(pairCount) pairs", at: start)
        }
        guard count >= 0 else {
            guard bytes == 0 else { throw xdr.error("dict size", "\(bytes) bytes of no dict", at: start) }
            self = .none
            return
        }
        // A pair takes 16 bytes at least; a count that the bytes cannot hold reserves nothing.
        guard bytes <= xdr.remaining, pairCount <= bytes / 16 else {
            throw xdr.error(
                "dict size", "\(pairCount) pairs in \(bytes) bytes, \(xdr.remaining) are left", at: start)
        }
        var pairs: [Pair] = []
        pairs.reserveCapacity(pairCount)
        for _ in 0..<pairCount { pairs.append(try Pair(from: &xdr)) }
        guard xdr.position == start + Self.headBytes + bytes else {
            throw xdr.error("dict size", "\(bytes), but its pairs end at byte \(xdr.position)", at: start)
        }
        self.pairs = pairs
    }

    public func write(to xdr: inout XDRWriter) {
        let start = xdr.count
        xdr.write(UInt32(0))
        xdr.write(pairs.map { Int32($0.count) } ?? -1)
        xdr.write(UInt32(pairs?.count ?? 0))
        for pair in pairs ?? [] { pair.write(to: &xdr) }
        xdr.overwrite(at: start, with: UInt32(xdr.count - start - Self.headBytes))
    }
}

extension WireDict.Pair: XDRCodable {
    public init(from xdr: inout XDRReader) throws(CodecError) {
        let start = xdr.position
        let raw = try xdr.opaque("dict key")
        guard let last = raw.last, last == 0 else { throw xdr.error("dict key", "has no NUL at its end", at: start) }
        key = Array(raw.dropLast())
        value = try WireDict.Value(from: &xdr)
    }

    public func write(to xdr: inout XDRWriter) {
        xdr.terminated(key)
        value.write(to: &xdr)
    }
}

extension WireDict.Value: XDRCodable {
    public init(from xdr: inout XDRReader) throws(CodecError) {
        let start = xdr.position
        switch try xdr.read("dict type") as Int32 {
        case 1: self = .oldString(Array(try xdr.opaque("dict STR_OLD")))
        case 2: self = .int(try xdr.read("dict INT"))
        case 3: self = .uint(try xdr.read("dict UINT"))
        case 4: self = .double(Double(bitPattern: try xdr.read("dict DOUBLE")))
        case 5:
            let raw = try xdr.opaque("dict STR")
            guard let last = raw.last, last == 0 else {
                throw xdr.error("dict STR", "has no NUL at its end", at: start)
            }
            self = .string(Array(raw.dropLast()))
        case 6: self = .bytes(Array(try xdr.opaque("dict PTR")))
        case 7: self = .gfid(Gfid(high: try xdr.read("dict GFUUID"), low: try xdr.read("dict GFUUID")))
        case 8: self = .iatt(try WireIatt(from: &xdr))
        case 9: self = .mdata(try WireMdata(from: &xdr))
        case let other: throw xdr.error("dict type", "\(other) is none of 1 to 9", at: start)
        }
    }

    public func write(to xdr: inout XDRWriter) {
        switch self {
        case .oldString(let bytes):
            xdr.write(Int32(1))
            xdr.opaque(bytes)
        case .int(let value):
            xdr.write(Int32(2))
            xdr.write(value)
        case .uint(let value):
            xdr.write(Int32(3))
            xdr.write(value)
        case .double(let value):
            xdr.write(Int32(4))
            xdr.write(value.bitPattern)
        case .string(let bytes):
            xdr.write(Int32(5))
            xdr.terminated(bytes)
        case .bytes(let bytes):
            xdr.write(Int32(6))
            xdr.opaque(bytes)
        case .gfid(var gfid):
            xdr.write(Int32(7))
            xdr.gfid(&gfid, "dict GFUUID")
        case .iatt(let iatt):
            xdr.write(Int32(8))
            iatt.write(to: &xdr)
        case .mdata(let mdata):
            xdr.write(Int32(9))
            mdata.write(to: &xdr)
        }
    }
}
