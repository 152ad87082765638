import TranslatorCore

/// The older dict, which travels inside an `opaque<>` of SETVOLUME, GETSPEC and the like; all integers big-endian.
/// Source: GlusterFS `dict_serialize`; gluster-wire.md §2.4.
///
///     0   pairs         4   signed
///     4   per pair: key length 4, without its NUL; value length 4; key; NUL; value
///
/// No padding. Values are text with a NUL, which their length counts; numbers are decimal text.
public struct SerializedDict: Equatable, Sendable {
    /// One key and its value, bytes as they came.
    public struct Pair: Equatable, Sendable {
        public var key: [UInt8], value: [UInt8]
        public init(key: [UInt8], value: [UInt8]) { (self.key, self.value) = (key, value) }
        public init(_ key: String, _ text: String) { self.init(key: Array(key.utf8), value: Array(text.utf8) + [0]) }
    }

    public var pairs: [Pair]
    public init(_ pairs: [Pair] = []) { self.pairs = pairs }

    /// The text at `key`, without its NUL; nil where there is no such key.
    public subscript(key: String) -> String? {
        guard let value = pairs.first(where: { $0.key.elementsEqual(key.utf8) })?.value else { return nil }
        return String(decoding: value.last == 0 ? value.dropLast() : value[...], as: UTF8.self)
    }

    public mutating func append(_ key: String, _ text: String) { pairs.append(Pair(key, text)) }

    /// Two lengths and a NUL.
    private static let pairBytesMin = 9

    /// Reads a dict that fills `bytes`; no bytes at all are an empty one.
    public init(decoding bytes: [UInt8]) throws(CodecError) {
        guard !bytes.isEmpty else { self.init(); return }
        self = try XDRReader.whole(bytes, as: "serialized dict") { xdr throws(CodecError) in
            try SerializedDict(from: &xdr)
        }
    }

    private init(from xdr: inout XDRReader) throws(CodecError) {
        let count = Int(try xdr.read("pairs") as Int32)
        guard count >= 0, count <= xdr.remaining / Self.pairBytesMin else {
            throw xdr.error("pairs", "\(count) pairs, \(xdr.remaining) bytes are left", at: 0)
        }
        pairs = []
        pairs.reserveCapacity(count)
        for _ in 0..<count {
            let start = xdr.position
            let keyBytes = Int(try xdr.read("key length") as Int32),
                valueBytes = Int(try xdr.read("value length") as Int32)
            guard keyBytes >= 0, valueBytes >= 0, keyBytes + valueBytes < xdr.remaining else {
                throw xdr.error(
                    "key length", "key of \(keyBytes) and value of \(valueBytes) bytes, \(xdr.remaining) are left",
                    at: start)
            }
            let key = Array(try xdr.raw(keyBytes, "key"))
            guard try xdr.read("key's NUL") as UInt8 == 0 else {
                throw xdr.error("key", "has no NUL at its end", at: start + 8)
            }
            pairs.append(Pair(key: key, value: Array(try xdr.raw(valueBytes, "value"))))
        }
    }

    public var encoded: [UInt8] {
        var bytes = ByteWriter(capacity: 256)
        bytes.int32(Int32(pairs.count))
        for pair in pairs {
            bytes.int32s(Int32(pair.key.count), Int32(pair.value.count))
            bytes.append(pair.key)
            bytes.uint8(0)
            bytes.append(pair.value)
        }
        return bytes.bytes
    }
}
