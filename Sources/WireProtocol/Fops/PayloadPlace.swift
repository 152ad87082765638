import TranslatorCore

/// Where file content begins in a record, told from its first bytes: the answer that `RecordReader.next` asks for.
extension HeadExtent {
    /// Of a reply. Only READ's have payload, and only the caller knows by its xid what a reply answers. A brick may
    /// send more than was asked: the caller compares before it makes a buffer.
    public static func reply(
        _ record: UnsafeRawBufferPointer, isRead: (_ xid: UInt32) -> Bool
    ) throws(CodecError) -> HeadExtent {
        guard record.count >= 12 else { return .needs(12) }
        guard word(record, 4) == 1, word(record, 8) == 0, isRead(word(record, 0)) else { return .whole }
        // Verifier: flavor, length, bytes; accept status.
        guard record.count >= 20 else { return .needs(20) }
        guard let verifier = padded(record, 16) else { return .whole }
        let results = 20 + verifier + 4
        guard record.count >= results else { return .needs(results) }
        guard word(record, results - 4) == 0 else { return .whole }
        return dictEnd(record, at: results + 8 + WireIatt.encodedBytes + 4)
    }

    /// Of a call. Only the fop WRITE has payload.
    public static func call(_ record: UnsafeRawBufferPointer) throws(CodecError) -> HeadExtent {
        guard record.count >= 24 else { return .needs(24) }
        let program = RPCProgram(number: word(record, 12), version: word(record, 16))
        guard word(record, 4) == 0, program == .fop, word(record, 20) == UInt32(Fop.writev.rawValue) else {
            return .whole
        }
        var position = 24
        for _ in ["credential", "verifier"] {
            guard record.count >= position + 8 else { return .needs(position + 8) }
            guard let bytes = padded(record, position + 4) else { return .whole }
            position += 8 + bytes
        }
        return dictEnd(record, at: position + 40)
    }

    /// Behind the dict at `position`, which ends the head.
    private static func dictEnd(_ record: UnsafeRawBufferPointer, at position: Int) -> HeadExtent {
        guard record.count >= position + 4 else { return .needs(position + 4) }
        return .bytes(position + WireDict.headBytes + Int(word(record, position)))
    }

    private static func word(_ record: UnsafeRawBufferPointer, _ position: Int) -> UInt32 {
        UInt32(bigEndian: record.loadUnaligned(fromByteOffset: position, as: UInt32.self))
    }

    /// The length at `position`, padding included; nil for one that no auth has: who decodes the record refuses it.
    private static func padded(_ record: UnsafeRawBufferPointer, _ position: Int) -> Int? {
        let length = Int(word(record, position))
        return length <= OpaqueAuth.bytesMax ? (length + 3) & ~3 : nil
    }
}
