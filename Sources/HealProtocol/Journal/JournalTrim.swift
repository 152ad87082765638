import TranslatorCore

/// Which segments of a journal are still needed. Decides, never deletes. One for a living writer's own journal, one for
/// each dead writer's that a healer looks after.
public struct JournalTrim: Sendable {
    /// For each segment, the newest generation in it of each file that is not healed that far.
    private var unhealed: [UInt64: [Gfid: Int32]] = [:]

    public init() {}

    public var segments: [UInt64] { unhealed.keys.sorted() }
    public var isEmpty: Bool { unhealed.isEmpty }

    /// Every file that a segment still waits for, with the newest generation of it.
    public var unhealedFiles: [Gfid: Int32] {
        unhealed.values.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: max) }
    }

    /// Takes in a segment that will not change any more. True if nobody needs it.
    public mutating func add(segment number: UInt64, newest: [Gfid: Int32]) -> Bool {
        if newest.isEmpty { return true }
        unhealed[number] = newest
        return false
    }

    /// Every sink has healed `gfid` through `generation`: returns the segments that nobody needs any more, oldest first.
    public mutating func healed(_ gfid: Gfid, through generation: Int32) -> [UInt64] {
        var done: [UInt64] = []
        for number in unhealed.keys {
            guard let newest = unhealed[number]![gfid], newest <= generation else { continue }
            unhealed[number]![gfid] = nil
            if unhealed[number]!.isEmpty { done.append(number) }
        }
        for number in done { unhealed[number] = nil }
        return done.sorted()
    }

    /// The journal has grown beyond its limit: gives up the oldest segment. What it explained is then a whole-file heal.
    public mutating func giveUpOldest() -> UInt64? {
        guard let oldest = unhealed.keys.min() else { return nil }
        unhealed[oldest] = nil
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
