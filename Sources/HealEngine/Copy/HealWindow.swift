import RangeMapping
import TranslatorCore

/// One stretch of a file: locked, read, compared and written as a unit.
/// Source: GlusterFS `afr.c`, data-self-heal-window-size: blocks of 128 KiB, 1...1024, default 8 (here: in flight).
struct HealWindow: Equatable, Sendable {
    static let bytesMax: UInt64 = 128 * 1024
    static let inFlightMin = 1, inFlightMax = 1024, inFlightDefault = 8

    /// A multiple of `length`.
    let offset: UInt64
    /// `bytesMax`, or a multiple of it where everything is copied: then a lock is taken once for several reads and
    /// writes of `bytesMax`.
    let length: UInt64
    /// What to copy of it, exactly; ascending.
    let pieces: [ByteRange]

    init(offset: UInt64, length: UInt64 = bytesMax, pieces: [ByteRange]) {
        precondition(length > 0 && length.isMultiple(of: Self.bytesMax))
        precondition(offset.isMultiple(of: length))
        precondition(!pieces.isEmpty)
        precondition(pieces.first!.start >= offset)
        precondition(pieces.last!.end <= offset + length)
        (self.offset, self.length, self.pieces) = (offset, length, pieces)
    }

    var bytes: UInt64 { pieces.reduce(0) { $0 + $1.count } }
    /// What is locked for it: the whole stretch, because holes are punched in whole blocks.
    var lockRange: LockRange { LockRange(start: offset, length: length) }
}

/// Cuts ranges into windows, in ascending order. A value: it neither reads nor locks.
struct HealWindows: Sendable {
    private let ranges: ByteRanges
    /// Of each window: a power of two, `HealWindow.bytesMax` or more.
    private let length: UInt64
    private var at: UInt64 = 0

    init(_ ranges: ByteRanges, length: UInt64 = HealWindow.bytesMax) {
        precondition(length >= HealWindow.bytesMax && length.nonzeroBitCount == 1)
        (self.ranges, self.length) = (ranges, length)
    }

    /// The first stretch not handed out yet; nil at the end.
    var next: ByteRange? { ranges.first(atOrBehind: at) }

    /// Leaves out everything before `offset`.
    mutating func skip(to offset: UInt64) { at = max(at, offset) }

    /// The window around `next`.
    mutating func take() -> HealWindow? {
        guard let next else { return nil }
        let offset = next.start & ~(length - 1)
        let end = offset + length
        defer { at = end }
        return HealWindow(
            offset: offset, length: length,
            pieces: ranges.intersection(ByteRange(start: next.start, end: end)).ranges)
    }
}
