import RangeMapping
import Testing

@testable import HealEngine

@Suite struct HealWindowsTests {
    @Test(arguments: 0..<200 as Range<UInt64>)
    func `windows hold every byte of the ranges once, aligned and in order`(seed: UInt64) {
        var numbers = SeededNumbers(seed: seed)
        let ranges = ByteRanges(
            (0..<Int.random(in: 1...20, using: &numbers)).map { _ in
                let start = UInt64.random(in: 0..<2_000_000, using: &numbers)
                return ByteRange(start: start, end: start + UInt64.random(in: 1...400_000, using: &numbers))
            })
        let length = HealWindow.bytesMax << UInt64.random(in: 0...3, using: &numbers)
        var windows = HealWindows(ranges, length: length)
        var pieces: [ByteRange] = []
        var last: UInt64?
        while let window = windows.take() {
            #expect(window.offset.isMultiple(of: length), "seed \(seed)")
            #expect(last.map { $0 < window.offset } ?? true, "seed \(seed)")
            last = window.offset
            pieces += window.pieces
        }
        #expect(ByteRanges(pieces) == ranges, "seed \(seed)")
        #expect(pieces.reduce(0) { $0 + $1.count } == ranges.byteCount, "seed \(seed)")
    }

    @Test func `what is skipped is not handed out`() {
        var windows = HealWindows(ByteRanges(ByteRange(start: 100, end: 1_000_000)))
        windows.skip(to: 300_000)
        #expect(windows.take()?.pieces == [ByteRange(start: 300_000, end: 393_216)])
    }
}
