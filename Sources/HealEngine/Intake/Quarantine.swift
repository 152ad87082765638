import TranslatorCore

/// Files whose heal failed, each with its reason and its next try: 1, 2, 4… seconds later, `retryMax` at most. A value;
/// the schedule keeps the time.
struct Quarantine: Sendable {
    struct Entry: Sendable {
        var error: HealError
        var sinks: [String]
        var attempts: Int
        let since: Timestamp
        var nextTry: Timestamp
    }
    /// Beyond it reasons of further files are not kept; their marks are.
    static let entriesMax = 10_000

    private(set) var entries: [Gfid: Entry] = [:]
    let retryMin: Duration, retryMax: Duration

    init(retryMin: Duration, retryMax: Duration) {
        precondition(retryMin > .zero && retryMin <= retryMax)
        (self.retryMin, self.retryMax) = (retryMin, retryMax)
    }

    /// How long to leave the file alone. `wall` is the time for people.
    mutating func failed(_ gfid: Gfid, _ error: HealError, sinks: [String], wall: Timestamp) -> Duration {
        let attempts = (entries[gfid]?.attempts ?? 0) + 1
        let pause = BackOff.pause(attempts, from: retryMin, to: retryMax)
        if entries[gfid] != nil || entries.count < Self.entriesMax {
            entries[gfid] = Entry(
                error: error, sinks: sinks, attempts: attempts, since: entries[gfid]?.since ?? wall,
                nextTry: wall.later(by: pause))
        }
        return pause
    }

    /// It was healed, is gone, or waits for something else.
    mutating func released(_ gfid: Gfid) { entries[gfid] = nil }
}

/// Pauses that double.
enum BackOff {
    /// After failure number `attempts`, from 1.
    static func pause(_ attempts: Int, from first: Duration, to last: Duration) -> Duration {
        precondition(attempts >= 1)
        var pause = first
        for _ in 1..<min(attempts, 40) where pause < last { pause = pause * 2 }
        return min(pause, last)
    }
}

extension Timestamp {
    func later(by duration: Duration) -> Timestamp {
        let total = Int64(nanoseconds) + duration.wholeNanoseconds
        return Timestamp(seconds: seconds + total / 1_000_000_000, nanoseconds: UInt32(total % 1_000_000_000))
    }
}
