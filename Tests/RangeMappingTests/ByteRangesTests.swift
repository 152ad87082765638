import RangeMapping
import Testing

/// A small generator with a seed that a failing test prints (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
    mutating func range(below limit: UInt64) -> ByteRange {
        let start = UInt64.random(in: 0..<limit - 1, using: &self)
        return ByteRange(start: start, end: UInt64.random(in: start + 1...min(limit, start + limit / 6), using: &self))
    }
}

@Suite struct ByteRangesTests {
    static func model(_ set: ByteRanges) -> Set<UInt64> { Set(set.ranges.flatMap { $0.start..<$0.end }) }

    static func expectNormal(_ set: ByteRanges, _ seed: UInt64) {
        for (left, right) in zip(set.ranges, set.ranges.dropFirst()) {
            #expect(left.end < right.start, "seed \(seed): \(left) and \(right) overlap or touch")
        }
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `inserting, uniting and cutting agree with a set of bytes`(seed: UInt64) {
        // Goal: the interval set is a set. Method: the same operations on a Set<UInt64>.
        var numbers = SeededNumbers(seed: seed)
        var (set, bytes) = (ByteRanges(), Set<UInt64>())
        var all: [ByteRange] = []
        for _ in 0..<Int.random(in: 1...40, using: &numbers) {
            let range = numbers.range(below: 300)
            all.append(range)
            set.insert(range)
            bytes.formUnion(range.start..<range.end)
            Self.expectNormal(set, seed)
            #expect(Self.model(set) == bytes, "seed \(seed)")
        }
        #expect(ByteRanges(all.shuffled(using: &numbers)) == set, "seed \(seed): the order of insertion shows")
        #expect(set.byteCount == UInt64(bytes.count) && set.end == bytes.max()! + 1)

        let cut = numbers.range(below: 300)
        #expect(Self.model(set.intersection(cut)) == bytes.filter { $0 >= cut.start && $0 < cut.end }, "seed \(seed)")
        #expect(set.intersects(cut) == !set.intersection(cut).isEmpty)
        for offset in 0..<310 as Range<UInt64> {
            #expect(set.contains(offset) == bytes.contains(offset), "seed \(seed), byte \(offset)")
            #expect(
                set.first(atOrBehind: offset)?.start == bytes.filter { $0 >= offset }.min(),
                "seed \(seed), byte \(offset)")
        }

        var united = ByteRanges((0..<5).map { _ in numbers.range(below: 300) })
        let other = Self.model(united)
        united.formUnion(set)
        #expect(Self.model(united) == bytes.union(other), "seed \(seed)")
        Self.expectNormal(united, seed)
    }

    @Test func `split at multiples, every byte is in one piece, and none crosses one`() {
        for (start, end) in [(5, 6), (0, 8), (3, 21), (8, 16), (7, 8)] as [(UInt64, UInt64)] {
            let pieces = Array(ByteRange(start: start, end: end).split(atMultiplesOf: 8))
            #expect(pieces.flatMap { Array($0.start..<$0.end) } == Array(start..<end))
            #expect(pieces.allSatisfy { $0.count > 0 && $0.start / 8 == ($0.end - 1) / 8 }, "\(pieces)")
        }
        let top = Array(ByteRange(start: .max - 9, end: .max).split(atMultiplesOf: 8))
        #expect(top.last?.end == .max && top.reduce(0) { $0 + $1.count } == 9)
    }

    @Test func `neighbours become one range`() {
        var set = ByteRanges(ByteRange(start: 0, end: 4096))
        set.insert(ByteRange(start: 8192, end: 12288))
        set.insert(ByteRange(start: 4096, end: 8192))
        #expect(set.ranges == [ByteRange(start: 0, end: 12288)])
    }

    @Test func `a range to the end of everything does not overflow`() {
        #expect(ByteRange(offset: .max - 1, bytes: 100)?.end == .max)
        #expect(ByteRange(offset: 5, bytes: 0) == nil)
        #expect(
            ByteRange(start: 5000, end: .max - 3).expanded(toMultiplesOf: 4096) == ByteRange(start: 4096, end: .max))
    }
}
