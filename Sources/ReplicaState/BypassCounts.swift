import TranslatorCore

/// The value of `trusted.afr.bypass.<subvolume>` on the target: how many epochs were ever opened on this file against
/// that subvolume, and how many of them our healer has healed. 12 bytes, big-endian Int32: opened, healed, 0.
/// Source: DESIGN §3.
public struct BypassCounts: Equatable, Hashable, Sendable {
    /// What one epoch adds to the data count of `trusted.afr.<subvolume>`.
    public static let epochUnit: Int32 = 65_536
    /// Epochs not yet healed at which a writer closes and replicates until healed.
    public static let missingMax: Int32 = 1 << 14

    public var opened: Int32 = 0, healed: Int32 = 0

    public init(opened: Int32 = 0, healed: Int32 = 0) { (self.opened, self.healed) = (opened, healed) }

    public var missing: Int32 { opened - healed }

    /// `trusted.afr.vol-client-1` → `trusted.afr.bypass.vol-client-1`.
    public static func key(for pendingKey: String) -> String {
        precondition(pendingKey.hasPrefix("trusted.afr."))
        return "trusted.afr.bypass." + pendingKey.dropFirst("trusted.afr.".count)
    }

    public init(xattr: [UInt8]?) throws(CodecError) {
        guard let xattr else {
            self.init()
            return
        }
        self = try ByteReader.decode(xattr) { bytes throws(CodecError) in
            let counts = BypassCounts(opened: try bytes.int32(), healed: try bytes.int32())
            _ = try bytes.int32()
            return counts
        }
    }
    public var xattr: [UInt8] {
        var bytes = ByteWriter(capacity: 12)
        bytes.int32s(opened, healed, 0)
        return bytes.bytes
    }
}
