import TranslatorCore

/// What one replica says another has missed: the value of `trusted.afr.<subvolume>`, and of `trusted.afr.dirty`.
/// 12 bytes, three big-endian Int32: data, metadata, entry. Source: GlusterFS `afr.h`, "xattr format".
public struct PendingCounts: Equatable, Hashable, Sendable {
    public static let encodedBytes = 12
    public static let dirtyKey = "trusted.afr.dirty"
    public static let zero = PendingCounts()

    public var data: Int32 = 0, metadata: Int32 = 0, entry: Int32 = 0

    public init(data: Int32 = 0, metadata: Int32 = 0, entry: Int32 = 0) {
        (self.data, self.metadata, self.entry) = (data, metadata, entry)
    }

    public var isZero: Bool { self == .zero }
    /// The delta that takes these counts off again.
    public var negated: PendingCounts { PendingCounts(data: 0 &- data, metadata: 0 &- metadata, entry: 0 &- entry) }
}

extension PendingCounts {
    public init(from bytes: inout ByteReader) throws(CodecError) {
        self.init(data: try bytes.int32(), metadata: try bytes.int32(), entry: try bytes.int32())
    }
    public func write(to bytes: inout ByteWriter) { bytes.int32s(data, metadata, entry) }

    /// Reads an xattr's value; an absent one is zero.
    public init(xattr: [UInt8]?) throws(CodecError) {
        guard let xattr else {
            self = .zero
            return
        }
        self = try ByteReader.decode(xattr) { bytes throws(CodecError) in try PendingCounts(from: &bytes) }
    }
    public var xattr: [UInt8] {
        var bytes = ByteWriter(capacity: Self.encodedBytes)
        write(to: &bytes)
        return bytes.bytes
    }
}
