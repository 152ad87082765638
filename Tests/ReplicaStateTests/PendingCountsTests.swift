import ReplicaState
import Testing
import TranslatorCore

@Suite struct PendingCountsTests {
    private struct File: Decodable {
        struct Value: Decodable { let data, metadata, entry: Int32, hex: String }
        struct Sum: Decodable { let before, delta, after: String }
        let vectors: [Value]
        let add: [Sum]
    }

    @Test func `the bytes are those of a genuine brick, in both directions`() throws {
        for value in try Vectors.decode("afr-xattr.json", as: File.self).vectors {
            let counts = PendingCounts(data: value.data, metadata: value.metadata, entry: value.entry)
            #expect(counts.xattr == Vectors.bytes(hex: value.hex))
            #expect(try PendingCounts(xattr: Vectors.bytes(hex: value.hex)) == counts)
        }
    }

    @Test func `adding works element by element and wraps`() throws {
        for sum in try Vectors.decode("afr-xattr.json", as: File.self).add {
            let before = try PendingCounts(xattr: Vectors.bytes(hex: sum.before))
            let delta = try PendingCounts(xattr: Vectors.bytes(hex: sum.delta))
            #expect((before + delta).xattr == Vectors.bytes(hex: sum.after))
        }
        #expect((PendingCounts(data: .max) + PendingCounts(data: 1)).data == .min)
    }

    @Test func `counts plus their negation are zero, the smallest Int32 included`() {
        for value in [Int32.min, -7, 0, 1, 65_536, .max] {
            let counts = PendingCounts(data: value, metadata: value, entry: value)
            #expect((counts + counts.negated).isZero)
        }
    }

    @Test func `a value of another length is refused`() {
        for length in [0, 4, 11, 13, 24] {
            #expect(throws: CodecError.self) { try PendingCounts(xattr: [UInt8](repeating: 0, count: length)) }
        }
        #expect(throws: Never.self) { try PendingCounts(xattr: nil) }
    }

    @Test(arguments: PendingKind.allCases) func `a kind names one of the three counters, in disk order`(
        kind: PendingKind
    ) {
        var counts = PendingCounts(kind, 5)
        #expect(counts.xattr[kind.rawValue * 4 + 3] == 5)
        #expect(counts.xattr.count { $0 != 0 } == 1)
        counts[kind] += 1
        #expect(counts[kind] == 6)
    }
}
