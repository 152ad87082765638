import Checksums
import TranslatorCore

/// The bytes of a record, the same on the wire and in the journal; all integers big-endian.
///
///     0   volume id        16   } together the topic that a healer
///     16  gfid             16   } subscribes to by prefix
///     32  format version    1   1
///     33  kind              1   1 range, 2 close, 3 heartbeat, 4 wanted, 16 opening, 17 opened, 18 blind
///     34  flags             1   bit 0: the count of a close is exact
///     35  zero              1
///     36  replica set       2
///     38  target            2
///     40  generation        4   signed
///     44  zero              4
///     48  writer id        16
///     64  boot id          16
///     80  sequence          8
///     88  first             8   range: offset; close: number of range records; heartbeat: 256
///     96  second            8   range: length
///     104 zero             16
///     120 XXH3             8   of all bytes before it
///
/// A heartbeat has its 256 sequences, 8 bytes each, between byte 120 and the checksum: 2,176 bytes in all. Whoever
/// changes the layout changes the version, and leaves the first 33 bytes as they are.
///
/// A message on the wire is a heartbeat, or 1 to 16 other records of one gfid, one after the other: a message costs
/// several times what a record does.
extension WriteRecord {
    public static let formatVersion: UInt8 = 1
    /// Every kind but a heartbeat has this size, which is also that of a journal's slot.
    public static let encodedBytes = 128
    public static let heartbeatBytes = encodedBytes + 8 * sequenceCount
    /// Records of one message: fewer bytes than a heartbeat, which tells the two apart.
    public static let messageRecordsMax = 16
    /// One sequence for each first byte of a gfid.
    public static let sequenceCount = 256
    /// No writer counts further, so that readers may add to a sequence.
    public static let sequenceMax = UInt64(Int64.max)
    /// The part that is the ZeroMQ topic.
    public static let topicBytes = 32

    private enum Code {
        static let range: UInt8 = 1, close: UInt8 = 2, heartbeat: UInt8 = 3, wanted: UInt8 = 4
        static let opening: UInt8 = 16, opened: UInt8 = 17, blind: UInt8 = 18
    }
    private static let exactFlag: UInt8 = 1

    /// How many bytes this record takes.
    public var byteCount: Int {
        if case .heartbeat = kind { Self.heartbeatBytes } else { Self.encodedBytes }
    }

    /// Stores a record of any kind but heartbeat at `slot`, which has 128 writable bytes. Allocates nothing: it runs
    /// before every write. The checksum is stored last, so that a slot is invalid until it is whole.
    public func store(at slot: UnsafeMutableRawPointer) {
        let (code, flags, first, second) = parts
        precondition(code != Code.heartbeat)
        storeHead(at: slot, code: code, flags: flags, first: first, second: second)
        let checksum = Checksums.xxh3(UnsafeRawBufferPointer(start: slot, count: Self.encodedBytes - 8))
        Self.store(checksum, at: slot + Self.encodedBytes - 8)
    }

    /// The record's bytes, of any kind.
    public var encoded: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            count = byteCount
            let start = UnsafeMutableRawPointer(buffer.baseAddress!)
            guard case .heartbeat(let sequences) = kind else { return store(at: start) }
            precondition(sequences.count == Self.sequenceCount)
            storeHead(at: start, code: Code.heartbeat, flags: 0, first: UInt64(Self.sequenceCount), second: 0)
            for (position, sequence) in sequences.enumerated() { Self.store(sequence, at: start + 120 + 8 * position) }
            let checksum = Checksums.xxh3(UnsafeRawBufferPointer(start: start, count: count - 8))
            Self.store(checksum, at: start + count - 8)
        }
    }

    private var parts: (code: UInt8, flags: UInt8, first: UInt64, second: UInt64) {
        switch kind {
        case .range(let offset, let bytes): (Code.range, 0, offset, bytes)
        case .close(let records, let isExact): (Code.close, isExact ? Self.exactFlag : 0, records, 0)
        case .heartbeat: (Code.heartbeat, 0, 0, 0)
        case .wanted: (Code.wanted, 0, 0, 0)
        case .opening: (Code.opening, 0, 0, 0)
        case .opened: (Code.opened, 0, 0, 0)
        case .blind: (Code.blind, 0, 0, 0)
        }
    }

    private func storeHead(at slot: UnsafeMutableRawPointer, code: UInt8, flags: UInt8, first: UInt64, second: UInt64) {
        Self.store(volume, at: slot)
        Self.store(gfid, at: slot + 16)
        slot.storeBytes(of: Self.formatVersion, toByteOffset: 32, as: UInt8.self)
        slot.storeBytes(of: code, toByteOffset: 33, as: UInt8.self)
        slot.storeBytes(of: flags, toByteOffset: 34, as: UInt8.self)
        slot.storeBytes(of: 0, toByteOffset: 35, as: UInt8.self)
        Self.store(replicaSet, at: slot + 36)
        Self.store(target, at: slot + 38)
        Self.store(generation, at: slot + 40)
        Self.store(UInt32(0), at: slot + 44)
        Self.store(writer, at: slot + 48)
        Self.store(boot, at: slot + 64)
        Self.store(sequence, at: slot + 80)
        Self.store(first, at: slot + 88)
        Self.store(second, at: slot + 96)
        Self.store(UInt64(0), at: slot + 104)
        Self.store(UInt64(0), at: slot + 112)
    }

    private static func store<Value: FixedWidthInteger & BitwiseCopyable>(
        _ value: Value, at place: UnsafeMutableRawPointer
    ) {
        place.storeBytes(of: value.bigEndian, as: Value.self)
    }
    private static func store(_ gfid: Gfid, at place: UnsafeMutableRawPointer) {
        store(gfid.high, at: place)
        store(gfid.low, at: place + 8)
    }
}

extension WriteRecord {
    /// Reads the records of a message and calls `body` with each; with nil for one that is none. Answers how many there
    /// were; a message that is of no length that any writer of ours sends counts as one that is none.
    public static func forEach(inMessage bytes: UnsafeRawBufferPointer, _ body: (WriteRecord?) -> Void) -> Int {
        guard bytes.count.isMultiple(of: encodedBytes), 1...messageRecordsMax ~= bytes.count / encodedBytes else {
            body(try? WriteRecord(decoding: bytes))
            return 1
        }
        for start in stride(from: 0, to: bytes.count, by: encodedBytes) {
            body(try? WriteRecord(decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<start + encodedBytes])))
        }
        return bytes.count / encodedBytes
    }

    /// Reads a record that fills `bytes` exactly. Throws for a wrong size, checksum, version or kind, for a range that
    /// ends beyond 2^63 − 1, and for anything else that no writer of ours stores.
    public init(decoding bytes: UnsafeRawBufferPointer) throws(CodecError) {
        guard bytes.count == Self.encodedBytes || bytes.count == Self.heartbeatBytes else {
            throw CodecError(
                "a write record has \(Self.encodedBytes) or \(Self.heartbeatBytes) bytes, not \(bytes.count)")
        }
        let body = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - 8)])
        let checksum = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self))
        guard Checksums.xxh3(body) == checksum else { throw CodecError("a write record's checksum does not match") }
        var reader = ByteReader(body)
        try self.init(checked: &reader)
    }

    /// As above, from an array.
    public init(decoding bytes: [UInt8]) throws(CodecError) {
        let result = bytes.withUnsafeBytes { raw -> Result<WriteRecord, CodecError> in
            do throws(CodecError) { return .success(try WriteRecord(decoding: raw)) } catch { return .failure(error) }
        }
        self = try result.get()
    }

    private init(checked bytes: inout ByteReader) throws(CodecError) {
        let volume = try bytes.gfid(), gfid = try bytes.gfid()
        let version = try bytes.uint8(), code = try bytes.uint8(), flags = try bytes.uint8()
        guard version == Self.formatVersion else {
            throw CodecError("a write record has format version \(version); this program reads \(Self.formatVersion)")
        }
        let zero = UInt64(try bytes.uint8())
        let replicaSet = try bytes.uint16(), target = try bytes.uint16(), generation = try bytes.int32()
        let zeroWord = UInt64(try bytes.uint32())
        let writer = try bytes.gfid(), boot = try bytes.gfid()
        let sequence = try bytes.uint64(), first = try bytes.uint64(), second = try bytes.uint64()
        let zeros = try bytes.uint64() | bytes.uint64()
        let unused = code == Code.close ? flags & ~Self.exactFlag : flags
        guard zero | zeroWord | zeros | UInt64(unused) == 0 else {
            throw CodecError("a write record has bits set that format version \(version) does not know")
        }
        guard bytes.isAtEnd == (code != Code.heartbeat) else {
            throw CodecError("a write record of kind \(code) has the wrong size")
        }
        let kind = try Self.kind(code, flags: flags, first: first, second: second, sequences: &bytes)
        if code < Code.heartbeat, sequence == 0 { throw CodecError("a write record has no sequence") }
        guard sequence <= Self.sequenceMax else { throw CodecError("a write record has sequence \(sequence)") }
        self.init(
            volume: volume, replicaSet: replicaSet, target: target, writer: writer, boot: boot, gfid: gfid,
            generation: generation, sequence: sequence, kind: kind)
    }

    private static func kind(
        _ code: UInt8, flags: UInt8, first: UInt64, second: UInt64, sequences bytes: inout ByteReader
    )
        throws(CodecError) -> Kind
    {
        switch code {
        case Code.range:
            let (end, overflow) = first.addingReportingOverflow(second)
            guard !overflow, end <= UInt64(Int64.max) else {
                throw CodecError("a write record's range, \(second) bytes at \(first), ends beyond any file")
            }
            return .range(offset: first, bytes: second)
        case Code.close where second == 0: return .close(records: first, isExact: flags & exactFlag != 0)
        case Code.heartbeat where first == UInt64(sequenceCount) && second == 0:
            var sequences: [UInt64] = []
            sequences.reserveCapacity(sequenceCount)
            for _ in 0..<sequenceCount {
                let sequence = try bytes.uint64()
                guard sequence <= sequenceMax else { throw CodecError("a heartbeat has sequence \(sequence)") }
                sequences.append(sequence)
            }
            return .heartbeat(sequences: sequences)
        case Code.wanted where first | second == 0: return .wanted
        case Code.opening where first | second == 0: return .opening
        case Code.opened where first | second == 0: return .opened
        case Code.blind where first | second == 0: return .blind
        default:
            throw CodecError("a write record has kind \(code) with numbers \(first) and \(second), which means nothing")
        }
    }
}
