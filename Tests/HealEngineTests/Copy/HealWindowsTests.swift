import RangeMapping
import Testing
import TranslatorCore

@testable import HealEngine

@Suite struct HealWindowsTests {
    @Test(arguments: 0..<200 as Range<UInt64>)
    func `windows hold every byte of the ranges once, in order, and share no block`(seed: UInt64) {
        var numbers = SeededNumbers(seed: seed)
        let longest = numbers.next() % 2 == 0 ? UInt64(5_000) : 3_000_000
        let ranges = ByteRanges(
            (0..<Int.random(in: 1...200, using: &numbers)).map { _ in
                let start = UInt64.random(in: 0..<20_000_000, using: &numbers)
                return ByteRange(start: start, end: start + UInt64.random(in: 1...longest, using: &numbers))
            })
        var windows = HealWindows(ranges)
        var pieces: [ByteRange] = []
        var locked: UInt64 = 0
        while let window = windows.take() {
            let lock = window.lockRange
            #expect(lock.start >= locked, "seed \(seed)")
            #expect(lock.start <= window.pieces.first!.start, "seed \(seed)")
            locked = lock.start + lock.length
            #expect(locked >= window.pieces.last!.end, "seed \(seed)")
            // What shares the last block comes on top.
            #expect(window.bytes <= 2 * HealWindow.bytesMax, "seed \(seed)")
            pieces += window.pieces
        }
        #expect(ByteRanges(pieces) == ranges, "seed \(seed)")
        #expect(pieces.reduce(0) { $0 + $1.count } == ranges.byteCount, "seed \(seed)")
    }

    @Test func `many small pieces share a lock however far apart, large ones fill it`() {
        let small = (0..<100 as Range<UInt64>).map { ByteRange(start: $0 << 24, end: $0 << 24 + 4096) }
        var windows = HealWindows(ByteRanges(small))
        var counts: [Int] = []
        while let window = windows.take() { counts.append(window.pieces.count) }
        #expect(counts == [32, 32, 32, 4])

        windows = HealWindows(ByteRanges(ByteRange(start: 0, end: 3 << 20)))
        var bytes: [UInt64] = []
        while let window = windows.take() { bytes.append(window.bytes) }
        #expect(bytes == [1 << 20, 1 << 20, 1 << 20])
    }

    @Test func `what is skipped is not handed out`() {
        var windows = HealWindows(ByteRanges(ByteRange(start: 100, end: 1_000_000)))
        windows.skip(to: 300_000)
        #expect(windows.take()?.pieces == [ByteRange(start: 300_000, end: 1_000_000)])
    }
}
