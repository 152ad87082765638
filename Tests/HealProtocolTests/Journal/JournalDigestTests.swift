import Checksums
import HealProtocol
import Testing
import TranslatorCore

@Suite struct JournalDigestTests {
    static let gfid = Gfid("25312cdb-0000-4000-8000-000000000070")!

    func record(_ kind: WriteRecord.Kind, _ generation: Int32, sequence: UInt64 = 0, gfid: Gfid = gfid) -> WriteRecord {
        var record = WriteRecordCodecTests.record(kind, generation: generation, sequence: sequence)
        record.gfid = gfid
        return record
    }
    func range(_ generation: Int32, sequence: UInt64) -> WriteRecord {
        record(.range(offset: sequence * 4096, bytes: 4096), generation, sequence: sequence)
    }
    /// Which generations of `slots`, each with its segment's number, are complete.
    func complete(_ slots: [(UInt64, WriteRecord)], dead: Bool = true, unreadable: [UInt64] = []) -> [Int32] {
        var digest = JournalDigest(of: Self.gfid)
        for (segment, record) in slots { digest.add(record, segment: segment) }
        for segment in unreadable { digest.addUnreadable(segment: segment) }
        return digest.epochs(isWriterDead: dead).filter(\.isComplete).map(\.generation)
    }

    @Test func `a dead writer's journal explains an epoch that it saw opened, with or without a close`() {
        #expect(complete([(1, record(.opened, 5)), (1, range(5, sequence: 1))]) == [5])
        #expect(complete([(1, record(.opened, 5))]) == [5])
    }

    @Test func `a living writer's journal explains only what its close counts`() {
        let open = [(UInt64(1), record(.opened, 5)), (1, range(5, sequence: 1))]
        #expect(complete(open, dead: false) == [])
        #expect(complete(open + [(1, record(.close(records: 1, isExact: true), 5, sequence: 2))], dead: false) == [5])
        #expect(complete(open + [(1, record(.close(records: 2, isExact: true), 5, sequence: 2))], dead: false) == [])
        #expect(complete(open + [(1, record(.close(records: 1, isExact: false), 5, sequence: 2))], dead: false) == [])
    }

    @Test func `opening without opened explains nothing`() {
        #expect(complete([(1, record(.opening, 0)), (1, range(5, sequence: 1))]) == [])
    }

    @Test func `blind at or before the epoch takes the explanation away, after it does not`() {
        let slots = [(UInt64(1), record(.opened, 5)), (1, range(5, sequence: 1))]
        #expect(complete(slots + [(1, record(.blind, 5, gfid: .none))]) == [])
        #expect(complete(slots + [(2, record(.blind, 4, gfid: .none))]) == [])
        #expect(complete(slots + [(2, record(.blind, 6, gfid: .none))]) == [5])
    }

    @Test func `a later segment lifts blindness for epochs opened in it`() {
        let blind = (UInt64(1), record(.blind, 3, gfid: .none))
        #expect(complete([blind, (2, record(.opened, 5)), (2, range(5, sequence: 9))]) == [5])
        #expect(complete([blind, (1, record(.opened, 5)), (2, range(5, sequence: 9))]) == [])
    }

    @Test func `an exact close explains an epoch even where the journal was blind later`() {
        let slots = [
            (UInt64(1), record(.opened, 5)), (1, range(5, sequence: 1)),
            (1, record(.close(records: 1, isExact: true), 5, sequence: 2)), (1, record(.blind, 0, gfid: .none)),
        ]
        #expect(complete(slots) == [5])
    }

    @Test func `a close that counts more than is there, or is not exact, overrules a dead writer's journal`() {
        let slots = [(UInt64(1), record(.opened, 5)), (1, range(5, sequence: 1))]
        #expect(complete(slots + [(2, record(.close(records: 2, isExact: true), 5, sequence: 3))]) == [])
        #expect(complete(slots + [(2, record(.close(records: 1, isExact: false), 5, sequence: 3))]) == [])
    }

    @Test func `an unreadable segment takes away what was opened in it or before`() {
        let slots = [(UInt64(1), record(.opened, 5)), (3, record(.opened, 6))]
        #expect(complete(slots, unreadable: [2]) == [6])
    }

    @Test func `a record that stands twice counts once, and other files' records not at all`() {
        let other = Gfid("25000000-0000-4000-8000-000000000001")!
        let slots = [
            (UInt64(1), record(.opened, 5)), (1, range(5, sequence: 1)), (2, range(5, sequence: 1)),
            (1, record(.range(offset: 0, bytes: 1), 5, sequence: 7, gfid: other)),
            (2, record(.close(records: 2, isExact: true), 5, sequence: 2)),
        ]
        #expect(complete(slots, dead: false) == [])
    }
}

@Suite struct JournalTrimTests {
    @Test func `a segment goes when the last of its files is healed far enough`() {
        let a = Gfid(high: 1, low: 1), b = Gfid(high: 2, low: 2)
        var trim = JournalTrim()
        let unneeded = [
            trim.add(segment: 1, newest: [a: 5, b: 2], isBlind: false),
            trim.add(segment: 2, newest: [a: 9], isBlind: false),
        ]
        #expect(unneeded == [[], []])
        let steps = [
            trim.healed(a, through: 4), trim.healed(b, through: 2), trim.healed(a, through: 8),
            trim.healed(a, through: 9),
        ]
        #expect(steps == [[], [], [1], [2]])
        #expect(trim.isEmpty)
    }

    @Test func `what is still needed is named with its newest generation`() {
        let a = Gfid(high: 1, low: 1)
        var trim = JournalTrim()
        _ = trim.add(segment: 1, newest: [a: 5], isBlind: false)
        _ = trim.add(segment: 2, newest: [a: 9], isBlind: false)
        _ = trim.healed(a, through: 6)
        #expect(trim.unhealedFiles == [a: 9])
    }

    @Test func `over the limit the oldest goes first`() {
        var trim = JournalTrim()
        for number: UInt64 in [3, 1, 2] { _ = trim.add(segment: number, newest: [.root: 1], isBlind: false) }
        let givenUp = [trim.giveUpOldest(), trim.giveUpOldest()]
        #expect(givenUp == [1, 2])
        #expect(trim.segments == [3])
    }

    @Test func `a segment that keeps nothing is not needed at all`() {
        var trim = JournalTrim()
        let unneeded = trim.add(segment: 1, newest: [:], isBlind: false)
        #expect(unneeded == [1])
    }

    @Test func `a segment that says blind outlives every older one`() {
        // Goal: an epoch opened in segment 1, written to while segment 2 was blind, never looks complete.
        let a = Gfid(high: 1, low: 1), b = Gfid(high: 2, low: 2)
        var trim = JournalTrim()
        _ = trim.add(segment: 1, newest: [a: 5], isBlind: false)
        _ = trim.add(segment: 2, newest: [b: 1], isBlind: true)
        _ = trim.add(segment: 3, newest: [b: 2], isBlind: false)
        let steps = [trim.healed(b, through: 2), trim.healed(a, through: 5)]
        #expect(steps == [[3], [1, 2]])
    }
}

@Suite struct JournalSegmentHeaderTests {
    private let header = JournalSegmentHeader(
        volume: Gfid("11111111-2222-4333-8444-555555555555")!,
        writer: Gfid("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")!,
        boot: Gfid("0b00710d-0000-4000-8000-00000000b007")!,
        instance: FileSystemInstance(superblock: 0x5566, mount: 0x1_0000_0077), replicaSet: 1, target: 2, number: 3,
        slots: 32_768)

    @Test func `a header has the bytes it always had and survives no damage`() throws {
        let bytes = header.encoded
        #expect(
            bytes.dropLast(8).map { $0 }.hex == "4259504153534a31" + "0002" + "0080" + "00008000"
                + "11111111222243338444555555555555" + "aaaaaaaabbbb4ccc8dddeeeeeeeeeeee"
                + "0b00710d00004000800000000000b007" + "0000000000000003" + "0001" + "0002"
                + "0000000000005566" + "0000000100000077" + String(repeating: "0", count: 56))
        #expect(try JournalSegmentHeader(decoding: bytes) == header)
        for position in bytes.indices {
            var broken = bytes
            broken[position] ^= 1
            #expect(throws: CodecError.self) { try JournalSegmentHeader(decoding: broken) }
        }
    }
    @Test func `a header of version 1 is read as one of an unknown instance`() throws {
        var old = Array(header.encoded.dropLast(8))
        old.replaceSubrange(8..<10, with: [0, 1])
        old.replaceSubrange(76..<92, with: repeatElement(0, count: 16))
        var checksum = ByteWriter(capacity: 8)
        checksum.uint64(old.withUnsafeBytes { Checksums.xxh3($0) })
        var expected = header
        expected.instance = .unknown
        #expect(try JournalSegmentHeader(decoding: old + checksum.bytes) == expected)
    }
}

@Suite struct FileSystemInstanceTests {
    @Test func `an instance is the same by its superblock, else by its mount, else nobody knows`() {
        func compare(_ a: (UInt64, UInt64), _ b: (UInt64, UInt64)) -> FileSystemInstance.Comparison {
            FileSystemInstance(superblock: a.0, mount: a.1).compared(
                with: FileSystemInstance(superblock: b.0, mount: b.1))
        }
        // As in two mount namespaces.
        #expect(compare((7, 1), (7, 2)) == .same)
        #expect(compare((7, 1), (8, 2)) == .other)
        // One of the two cannot see /sys.
        #expect(compare((7, 1), (0, 1)) == .same)
        #expect(compare((7, 1), (0, 2)) == .unknown)
        #expect(compare((0, 0), (0, 0)) == .unknown)
        #expect(compare((7, 0), (0, 0)) == .unknown)
    }
}
