import TranslatorCore

/// Record marking: a record is fragments, each behind a u32 whose top bit says "last" and whose other bits are the
/// fragment's length. Source: RFC 5531 §11. We send one fragment per record, as genuine peers do.
public enum Record {
    public static let markBytes = 4
    static let lastFragment: UInt32 = 1 << 31
    /// Bytes of one fragment.
    public static let fragmentBytesMax = Int(UInt32.max >> 1)

    /// A record's bytes up to its payload, the mark included. `payloadBytes` of file content are to be sent right
    /// behind them, from where they lie: without length, without padding.
    public static func encode(
        payloadBytes: Int = 0, capacity: Int = 512, _ write: (inout XDRWriter) -> Void
    ) -> [UInt8] {
        precondition(payloadBytes >= 0)
        var xdr = XDRWriter(capacity: capacity)
        xdr.write(UInt32(0))
        write(&xdr)
        let fragment = xdr.count - markBytes + payloadBytes
        precondition(fragment <= fragmentBytesMax, "a fragment has at most 2^31 - 1 bytes")
        xdr.overwrite(at: 0, with: lastFragment | UInt32(fragment))
        return xdr.bytes
    }

    /// A call.
    public static func encode(
        _ call: CallHeader, payloadBytes: Int = 0, arguments: (inout XDRWriter) -> Void = { _ in }
    ) -> [UInt8] {
        encode(payloadBytes: payloadBytes) { xdr in
            call.write(to: &xdr)
            arguments(&xdr)
        }
    }

    /// A reply. Results belong to `success` only.
    public static func encode(
        _ reply: ReplyHeader, payloadBytes: Int = 0, results: (inout XDRWriter) -> Void = { _ in }
    ) -> [UInt8] {
        encode(payloadBytes: payloadBytes) { xdr in
            reply.write(to: &xdr)
            if reply.outcome == .success { results(&xdr) }
        }
    }
}
