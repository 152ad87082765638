import TranslatorCore

/// "Replay writer W, first gfid byte b, from sequence s": what a healer asks a living writer for after a gap (DESIGN
/// §3.2).
///
///     0  magic 4 "BYPR" · 4 version 2 · 6 byte 1 · 7 zero 1 · 8 writer id 16 · 24 from 8 · 32 number 8
public struct ReplayRequest: Equatable, Sendable {
    public static let magic: UInt32 = 0x4259_5052
    public static let version: UInt16 = 1

    public var writer: Gfid
    public var byte: UInt8
    /// The first sequence wanted.
    public var from: UInt64
    /// The asker's number for it; the reply has the same.
    public var number: UInt64

    public init(writer: Gfid, byte: UInt8, from: UInt64, number: UInt64) {
        (self.writer, self.byte, self.from, self.number) = (writer, byte, from, number)
    }

    public var encoded: [UInt8] {
        var bytes = ByteWriter(capacity: 40)
        bytes.uint32(Self.magic)
        bytes.uint16(Self.version)
        bytes.uint8(byte)
        bytes.uint8(0)
        bytes.gfid(writer)
        bytes.uint64(from)
        bytes.uint64(number)
        return bytes.bytes
    }

    public init(decoding bytes: [UInt8]) throws(CodecError) {
        self = try ByteReader.decode(bytes) { reader throws(CodecError) in
            guard try reader.uint32() == Self.magic, try reader.uint16() == Self.version else {
                throw CodecError("not a replay request of version \(Self.version)")
            }
            let byte = try reader.uint8()
            guard try reader.uint8() == 0 else { throw CodecError("a replay request has unknown bits set") }
            return ReplayRequest(
                writer: try reader.gfid(), byte: byte, from: try reader.uint64(), number: try reader.uint64())
        }
    }
}

/// The answer: records by ascending sequence, and how far they can be believed to be all.
///
///     0  magic 4 "BYPA" · 4 version 2 · 6 byte 1 · 7 flags 1 (bit 0: more) · 8 writer id 16 · 24 number 8
///     32 gone through 8 · 40 through 8 · 48 count 4 · 52 zero 4 · 56 count records of 128 bytes
public struct ReplayReply: Equatable, Sendable {
    public static let magic: UInt32 = 0x4259_5041
    public static let version: UInt16 = 1
    /// One message holds no more: a megabyte.
    public static let recordsMax = 8_192

    public var writer: Gfid
    public var byte: UInt8
    public var number: UInt64
    /// *Gone*: the writer cannot tell any more what was numbered up to here. 0 when nothing that was asked for is gone.
    public var goneThrough: UInt64
    /// Every record numbered after `goneThrough` and up to here is in this reply.
    public var through: UInt64
    /// There are more records: ask again from the sequence after the last one's.
    public var hasMore: Bool
    public var records: [WriteRecord]

    public init(
        writer: Gfid, byte: UInt8, number: UInt64, goneThrough: UInt64, through: UInt64, hasMore: Bool,
        records: [WriteRecord]
    ) {
        precondition(records.count <= Self.recordsMax)
        (self.writer, self.byte, self.number, self.goneThrough) = (writer, byte, number, goneThrough)
        (self.through, self.hasMore, self.records) = (through, hasMore, records)
    }

    public var encoded: [UInt8] {
        var bytes = ByteWriter(capacity: 56 + records.count * WriteRecord.encodedBytes)
        bytes.uint32(Self.magic)
        bytes.uint16(Self.version)
        bytes.uint8(byte)
        bytes.uint8(hasMore ? 1 : 0)
        bytes.gfid(writer)
        bytes.uint64(number)
        bytes.uint64(goneThrough)
        bytes.uint64(through)
        bytes.uint32(UInt32(records.count))
        bytes.uint32(0)
        for record in records { bytes.append(record.encoded) }
        return bytes.bytes
    }

    public init(decoding bytes: [UInt8]) throws(CodecError) {
        self = try ByteReader.decode(bytes) { reader throws(CodecError) in try ReplayReply(from: &reader) }
    }

    private init(from bytes: inout ByteReader) throws(CodecError) {
        guard try bytes.uint32() == Self.magic, try bytes.uint16() == Self.version else {
            throw CodecError("not a replay reply of version \(Self.version)")
        }
        let byte = try bytes.uint8(), flags = try bytes.uint8()
        let writer = try bytes.gfid(), number = try bytes.uint64()
        let goneThrough = try bytes.uint64(), through = try bytes.uint64()
        let count = Int(try bytes.uint32())
        guard flags <= 1, try bytes.uint32() == 0 else { throw CodecError("a replay reply has unknown bits set") }
        guard count <= Self.recordsMax else { throw CodecError("a replay reply claims \(count) records") }
        var records: [WriteRecord] = []
        records.reserveCapacity(min(count, bytes.remaining / WriteRecord.encodedBytes))
        for _ in 0..<count {
            let record = try WriteRecord(decoding: bytes.slice(WriteRecord.encodedBytes, "replayed record"))
            guard record.writer == writer, record.gfid.firstByte == byte, record.isPublished else {
                throw CodecError("a replay reply holds a record that was not asked for")
            }
            records.append(record)
        }
        self.init(
            writer: writer, byte: byte, number: number, goneThrough: goneThrough, through: through, hasMore: flags == 1,
            records: records)
    }
}

extension WriteRecord {
    /// Whether it is counted by a sequence: ranges and closes.
    public var isPublished: Bool {
        switch kind {
        case .range, .close: true
        case .heartbeat, .wanted, .opening, .opened, .blind: false
        }
    }
}
