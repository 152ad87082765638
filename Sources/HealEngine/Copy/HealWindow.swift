import RangeMapping
import TranslatorCore

/// What one lock covers: pieces of a file that lie close together or far apart, copied one after the other.
///
/// GlusterFS locks 128 KiB at a time (`afr.c`, data-self-heal-window-size: 1…1024 blocks of 128 KiB, default 8). Here a
/// window is bounded by how long it is held, by bytes and by pieces, and not by how far apart these are: 4 KiB written
/// here and there would else cost more in locks than in copying.
struct HealWindow: Equatable, Sendable {
    /// Of one read and one write.
    static let blockBytes: UInt64 = 128 * 1024
    static let bytesMax = 8 * blockBytes
    static let piecesMax = 32
    static let inFlightMin = 1, inFlightMax = 1024, inFlightDefault = 8

    /// What to copy, exactly; ascending, none across a multiple of `bytesMax`. No other window has bytes in the 4 KiB
    /// blocks that these touch: holes are punched in whole blocks.
    let pieces: [ByteRange]

    init(pieces: [ByteRange]) {
        precondition(!pieces.isEmpty)
        self.pieces = pieces
    }

    var bytes: UInt64 { pieces.reduce(0) { $0 + $1.count } }
    /// Whole blocks.
    var lockRange: LockRange {
        let all = ByteRange(start: pieces.first!.start, end: pieces.last!.end).expanded(toMultiplesOf: 4096)
        return LockRange(start: all.start, length: all.count)
    }
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

    /// The next window, which begins with `next`.
    mutating func take() -> HealWindow? {
        var pieces: [ByteRange] = []
        var bytes: UInt64 = 0
        while let piece = nextPiece {
            if let last = pieces.last {
                let isInItsBlock = piece.start / 4096 == (last.end - 1) / 4096
                let fits = pieces.count < HealWindow.piecesMax && bytes + piece.count <= HealWindow.bytesMax
                guard isInItsBlock || fits else { break }
            }
            pieces.append(piece)
            bytes += piece.count
            at = piece.end
        }
        return pieces.isEmpty ? nil : HealWindow(pieces: pieces)
    }

    /// `next`, as far as the next multiple of a window's bytes.
    private var nextPiece: ByteRange? {
        next.map { next in
            let last = next.start | (HealWindow.bytesMax - 1)
            return ByteRange(start: next.start, end: last < next.end ? last + 1 : next.end)
        }
    }
}
