import RangeMapping
import TranslatorCore

/// One stretch of a file: locked, read, compared and written as a unit.
/// Source: GlusterFS `afr.c`, data-self-heal-window-size: blocks of 128 KiB, 1...1024, default 8 (here: in flight).
struct HealWindow: Equatable, Sendable {
    static let bytesMax: UInt64 = 128 * 1024
    static let inFlightMin = 1, inFlightMax = 1024, inFlightDefault = 8

    /// A multiple of `bytesMax`.
    let offset: UInt64
    /// What to copy of it, exactly; ascending.
    let pieces: [ByteRange]

    init(offset: UInt64, pieces: [ByteRange]) {
        precondition(offset.isMultiple(of: Self.bytesMax))
        precondition(!pieces.isEmpty)
        precondition(pieces.first!.start >= offset)
        precondition(pieces.last!.end <= offset + Self.bytesMax)
        (self.offset, self.pieces) = (offset, pieces)
    }

    var bytes: UInt64 { pieces.reduce(0) { $0 + $1.count } }
    /// What is locked for it: the whole stretch, because holes are punched in whole blocks.
    var lockRange: LockRange { LockRange(start: offset, length: Self.bytesMax) }
}

/// Cuts ranges into windows, in ascending order. A value: it neither reads nor locks.
struct HealWindows: Sendable {
    private let ranges: ByteRanges
    private var at: UInt64 = 0

    init(_ ranges: ByteRanges) { self.ranges = ranges }

    /// The first stretch not handed out yet; nil at the end.
    var next: ByteRange? { ranges.first(atOrBehind: at) }

    /// Leaves out everything before `offset`.
    mutating func skip(to offset: UInt64) { at = max(at, offset) }

    /// The window around `next`.
    mutating func take() -> HealWindow? {
        guard let next else { return nil }
        let offset = next.start & ~(HealWindow.bytesMax - 1)
        let end = offset + HealWindow.bytesMax
        defer { at = end }
        return HealWindow(offset: offset, pieces: ranges.intersection(ByteRange(start: next.start, end: end)).ranges)
    }
}
