import TranslatorCore

/// Which segments of a journal are still needed. Decides, never deletes. One for a living writer's own journal, one for
/// each dead writer's that a healer looks after.
public struct JournalTrim: Sendable {
    private struct Segment {
        /// The newest generation in it of each file that is not healed that far.
        var unhealed: [Gfid: Int32]
        /// It says *blind*, which matters to epochs that were opened in older segments.
        let isBlind: Bool
    }
    private var needed: [UInt64: Segment] = [:]

    public init() {}

    public var segments: [UInt64] { needed.keys.sorted() }
    public var isEmpty: Bool { needed.isEmpty }

    /// Every file that a segment still waits for, with the newest generation of it.
    public var unhealedFiles: [Gfid: Int32] {
        needed.values.reduce(into: [:]) { $0.merge($1.unhealed, uniquingKeysWith: max) }
    }

    /// Takes in a segment that will not change any more, later than all before. Returns what nobody needs: it, or
    /// nothing.
    public mutating func add(segment number: UInt64, newest: [Gfid: Int32], isBlind: Bool) -> [UInt64] {
        needed[number] = Segment(unhealed: newest, isBlind: isBlind)
        return newest.isEmpty ? takeUnneeded() : []
    }

    /// Every sink has healed `gfid` through `generation`: returns the segments that nobody needs any more, oldest
    /// first.
    public mutating func healed(_ gfid: Gfid, through generation: Int32) -> [UInt64] {
        var isAnyEmpty = false
        for number in needed.keys {
            guard let newest = needed[number]!.unhealed[gfid], newest <= generation else { continue }
            needed[number]!.unhealed[gfid] = nil
            if needed[number]!.unhealed.isEmpty { isAnyEmpty = true }
        }
        return isAnyEmpty ? takeUnneeded() : []
    }

    /// A segment goes when it waits for no file, but one that says *blind* only after all that are older: an epoch that
    /// was opened in one of those would look complete without it.
    private mutating func takeUnneeded() -> [UInt64] {
        var done: [UInt64] = [], isOldest = true
        for number in segments {
            let segment = needed[number]!
            if segment.unhealed.isEmpty, isOldest || !segment.isBlind {
                needed[number] = nil
                done.append(number)
            } else {
                isOldest = false
            }
        }
        return done
    }

    /// The journal has grown beyond its limit: gives up the oldest segment. What it explained is then a whole-file
    /// heal.
    public mutating func giveUpOldest() -> UInt64? {
        guard let oldest = needed.keys.min() else { return nil }
        needed[oldest] = nil
        return oldest
    }
}

extension WriteRecord {
    /// Whether a segment must be kept until this record's epoch is healed. An *opening* explains nothing.
    public var keepsSegment: Bool {
        switch kind {
        case .range, .close, .opened: true
        case .opening, .wanted, .heartbeat, .blind: false
        }
    }
}
