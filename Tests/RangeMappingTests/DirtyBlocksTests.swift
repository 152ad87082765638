import RangeMapping
import Testing

@Suite struct DirtyBlocksTests {
    static let block = DirtyBlocks.blockBytes

    static func model(_ dirty: DirtyBlocks) -> Set<UInt64> {
        Set(dirty.ranges.ranges.flatMap { stride(from: $0.start / block, to: $0.end / block, by: 1) })
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `inserting, uniting and taking agree with a set of blocks`(seed: UInt64) {
        var numbers = SeededNumbers(seed: seed)
        let limit = DirtyBlocks.pageBytes * 7
        func grown(_ numbers: inout SeededNumbers) -> (DirtyBlocks, Set<UInt64>) {
            var (dirty, blocks) = (DirtyBlocks(), Set<UInt64>())
            for _ in 0..<Int.random(in: 0...25, using: &numbers) {
                let small = Bool.random(using: &numbers)
                let start = UInt64.random(in: 0..<limit, using: &numbers)
                let range = ByteRange(
                    start: start,
                    end: start + UInt64.random(in: 1...(small ? 9000 : DirtyBlocks.pageBytes * 3), using: &numbers))
                dirty.insert(range)
                blocks.formUnion(range.start / Self.block...(range.end - 1) / Self.block)
            }
            return (dirty, blocks)
        }
        var (dirty, blocks) = grown(&numbers)
        #expect(Self.model(dirty) == blocks, "seed \(seed)")
        #expect(dirty.blockCount == UInt64(blocks.count) && dirty.isEmpty == blocks.isEmpty, "seed \(seed)")
        for block in 0..<(limit / Self.block + 100) {
            #expect(dirty.contains(block * Self.block + 1) == blocks.contains(block), "seed \(seed), block \(block)")
        }
        let (other, otherBlocks) = grown(&numbers)
        dirty.formUnion(other)
        #expect(Self.model(dirty) == blocks.union(otherBlocks), "seed \(seed)")
        let taken = dirty.take()
        #expect(dirty.isEmpty && dirty.byteCount == 0 && Self.model(taken) == blocks.union(otherBlocks), "seed \(seed)")
    }

    @Test func `a write of one byte dirties one block, one across a border two`() {
        var dirty = DirtyBlocks()
        dirty.insert(ByteRange(start: 4095, end: 4096))
        #expect(dirty.byteCount == 4096)
        dirty.insert(ByteRange(start: 128 * 1024 - 1, end: 128 * 1024 + 1))
        #expect(dirty.ranges.ranges.map(\.start) == [0, 124 * 1024])
        #expect(dirty.ranges.ranges.map(\.count) == [4096, 8192])
    }

    @Test func `a range of a tebibyte is one run, not eight million bits`() {
        var dirty = DirtyBlocks()
        dirty.insert(ByteRange(start: 1, end: 1 << 40))
        dirty.insert(ByteRange(start: 5000, end: 9000))
        #expect(dirty.ranges.ranges == [ByteRange(start: 0, end: 1 << 40)])
    }
}
