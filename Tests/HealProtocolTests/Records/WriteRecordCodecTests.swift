import Checksums
import HealProtocol
import Testing
import TranslatorCore

@Suite struct WriteRecordCodecTests {
    static func record(_ kind: WriteRecord.Kind, generation: Int32 = 7, sequence: UInt64 = 42) -> WriteRecord {
        WriteRecord(
            volume: Gfid("11111111-2222-4333-8444-555555555555")!, replicaSet: 1, target: 2,
            writer: Gfid("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")!,
            boot: Gfid("0b00710d-0000-4000-8000-00000000b007")!,
            gfid: Gfid("25312cdb-0000-4000-8000-000000000070")!, generation: generation, sequence: sequence, kind: kind)
    }

    static let head =
        "11111111222243338444555555555555" + "25312cdb000040008000000000000070"  // volume, gfid
    static let identity =
        "aaaaaaaabbbb4ccc8dddeeeeeeeeeeee" + "0b00710d00004000800000000000b007"  // writer, boot

    /// The golden bytes: kind, flags, then sequence, first and second as they must stand for ever.
    static let golden: [(WriteRecord, String)] = [
        (
            record(.range(offset: 0x1000, bytes: 0x2000)),
            head + "01010000" + "00010002" + "00000007" + "00000000" + identity
                + "000000000000002a" + "0000000000001000" + "0000000000002000" + String(repeating: "0", count: 32)
                + "3a58f6c586df5982"
        ),
        (
            record(.close(records: 3, isExact: true)),
            head + "01020100" + "00010002" + "00000007" + "00000000" + identity
                + "000000000000002a" + "0000000000000003" + "0000000000000000" + String(repeating: "0", count: 32)
                + "14730709c3a985a9"
        ),
        (
            record(.opened, generation: -2, sequence: 0),
            head + "01110000" + "00010002" + "fffffffe" + "00000000" + identity
                + "0000000000000000" + "0000000000000000" + "0000000000000000" + String(repeating: "0", count: 32)
                + "232c860b562ab8ba"
        ),
    ]

    @Test func `records have the bytes they always had`() throws {
        for (record, hex) in Self.golden {
            #expect(record.encoded.hex == hex)
            #expect(try WriteRecord(decoding: record.encoded) == record)
        }
    }

    @Test func `a heartbeat carries 256 sequences in 2,176 bytes`() throws {
        let heartbeat = Self.record(.heartbeat(sequences: (0..<256).map { UInt64($0) * 3 }), sequence: 0)
        let bytes = heartbeat.encoded
        #expect(bytes.count == 2_176)
        #expect(Array(bytes[33..<34]) == [3])
        #expect(Array(bytes[120 + 8 * 255..<120 + 8 * 256]) == [0, 0, 0, 0, 0, 0, 0x02, 0xFD])
        #expect(try WriteRecord(decoding: bytes) == heartbeat)
    }

    @Test(arguments: [
        WriteRecord.Kind.opening, .opened, .blind, .wanted, .close(records: .max, isExact: false),
        .range(offset: 0, bytes: 0), .range(offset: UInt64(Int64.max), bytes: 0),
    ]) func `every kind reads back`(kind: WriteRecord.Kind) throws {
        let record = Self.record(kind)
        #expect(try WriteRecord(decoding: record.encoded) == record)
    }

    private static func records(inMessage bytes: [UInt8]) -> (heard: [WriteRecord?], count: Int) {
        var heard: [WriteRecord?] = []
        let count = bytes.withUnsafeBytes { WriteRecord.forEach(inMessage: $0) { heard.append($0) } }
        return (heard, count)
    }

    @Test func `a message is one to sixteen records, and a damaged one among them is the only one that is lost`() {
        let records = (1...16).map { Self.record(.range(offset: UInt64($0) << 12, bytes: 4096), sequence: UInt64($0)) }
        for count in [1, 2, 16] {
            let (heard, told) = Self.records(inMessage: records[..<count].flatMap(\.encoded))
            #expect(heard == Array(records[..<count]))
            #expect(told == count)
        }
        var damaged = records.flatMap(\.encoded)
        damaged[5 * WriteRecord.encodedBytes + 90] ^= 1
        var expected: [WriteRecord?] = records
        expected[5] = nil
        #expect(Self.records(inMessage: damaged).heard == expected)
    }

    @Test func `a message of as many bytes as a heartbeat is one, and other lengths are one thing that is no record`() {
        let heartbeat = Self.record(.heartbeat(sequences: (0..<256).map { UInt64($0) }), sequence: 0)
        #expect(Self.records(inMessage: heartbeat.encoded).heard == [heartbeat])
        let record = Self.record(.wanted).encoded
        for bytes in [[], Array(record[..<127]), record + [0], (0..<17).flatMap { _ in record }] {
            let (heard, count) = Self.records(inMessage: bytes)
            #expect(heard == [nil])
            #expect(count == 1)
        }
    }

    @Test func `one flipped bit anywhere is refused`() {
        let bytes = Self.record(.range(offset: 4096, bytes: 512)).encoded
        for bit in 0..<bytes.count * 8 {
            var broken = bytes
            broken[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: CodecError.self) { try WriteRecord(decoding: broken) }
        }
    }

    @Test func `a well-sealed record that no writer stores is refused with a reason`() {
        let changes: [(String, (inout [UInt8]) -> Void)] = [
            ("format version 2", { $0[32] = 2 }),
            ("kind 99", { $0[33] = 99 }),
            ("bits set", { $0[34] = 1 }),
            ("bits set", { $0[110] = 1 }),
            ("beyond any file", { $0[88] = 0x80 }),
            ("beyond any file", { $0.replaceSubrange(88..<104, with: repeatElement(0xFF, count: 16)) }),
            ("no sequence", { $0.replaceSubrange(80..<88, with: repeatElement(0, count: 8)) }),
            ("wrong size", { $0[33] = 3 }),
            ("accepted", { _ in }),
        ]
        for (reason, change) in changes {
            var bytes = Self.record(.range(offset: 4096, bytes: 512)).encoded
            change(&bytes)
            bytes.seal()
            #expect(refusal(of: bytes).contains(reason))
        }
    }

    func refusal(of bytes: [UInt8]) -> String {
        do {
            _ = try WriteRecord(decoding: bytes)
            return "accepted"
        } catch { return error.description }
    }

    @Test func `an empty slot is not a record`() {
        #expect(throws: CodecError.self) { try WriteRecord(decoding: [UInt8](repeating: 0, count: 128)) }
        #expect(throws: CodecError.self) { try WriteRecord(decoding: []) }
    }

    @Test func `random bytes never trap, and what reads back is what was written`() {
        // Half of the inputs are noise, half are records with noise in a few places, sealed again: those reach every
        // check.
        let seed: UInt64 = 20_260_112
        var random = SplitMix64(state: seed)
        var accepted = 0
        for round in 0..<20_000 {
            var bytes: [UInt8]
            if round.isMultiple(of: 2) {
                bytes = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                    UInt8.random(in: .min ... .max, using: &random)
                }
            } else {
                bytes = Self.record(.range(offset: 1, bytes: 1)).encoded
                for _ in 0..<Int.random(in: 0...3, using: &random) {
                    bytes[Int.random(in: 32..<120, using: &random)] = UInt8.random(in: 0...20, using: &random)
                }
                bytes.seal()
            }
            guard let record = try? WriteRecord(decoding: bytes) else { continue }
            accepted += 1
            #expect(record.encoded == bytes, "seed \(seed), round \(round)")
        }
        #expect(accepted > 1_000, "the noise never passed: the fuzzer reaches nothing")
    }
}

/// A seeded generator, so that a failure can be run again.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

extension [UInt8] {
    var hex: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }

    /// Puts the right checksum at the end.
    mutating func seal() {
        let checksum = withUnsafeBytes { Checksums.xxh3(UnsafeRawBufferPointer(rebasing: $0.dropLast(8))) }
        Swift.withUnsafeBytes(of: checksum.bigEndian) { replaceSubrange(count - 8..<count, with: $0) }
    }
}
