import TranslatorCore

/// All that a healer knows of one volume at one moment: what `healctl status` shows. The healer's observer fills it
/// from memory, without a lock on any file (FEATURES C2, C3).
public struct HealStatus: Equatable, Sendable {
    /// The volume in one word; the worst that holds.
    public enum State: String, Sendable, CaseIterable {
        /// Every copy is equal and nothing is recorded that is not healed.
        case clean
        /// Only what was written within the last moments is not healed yet; nothing is wrong.
        case inFlight = "in-flight"
        /// Files are being healed.
        case healing
        /// Heals wait: the healer is paused, or a copy is away.
        case behind
        /// The backlog grows faster than it is healed.
        case losingGround = "losing-ground"
        /// Some files could not be healed and are quarantined.
        case failed
        /// Some files have no source.
        case splitBrain = "split-brain"
        /// The healer has not looked yet, or there is something that it cannot see (`unseen`).
        case unknown
    }

    /// What the estimate is worth. Only `good` comes with one.
    public enum EtaQuality: String, Sendable, CaseIterable {
        case good, unknown, paused
        case losingGround = "losing-ground"
    }

    /// How writes reach the copies at present.
    public enum WriteMode: String, Sendable, CaseIterable {
        /// Bypass: to the target only, healed later.
        case local
        /// To all copies, by replicate.
        case replicated
        /// No writer is known.
        case none
    }

    /// The volume's name as its volfile or glusterd has it.
    public var volume: String
    public var volumeID: Gfid
    public var state: State
    public var writes: WriteMode
    /// The replica that bypass writers write to, if any is known.
    public var target: String?
    /// Age of the oldest record that is not healed; zero when there is none.
    public var lag: Duration
    /// The writers' `max-lag`, if known.
    public var lagLimit: Duration?
    public var backlog: Backlog
    /// Healed bytes a second, exponentially weighted.
    public var rateBytesPerSecond: UInt64
    public var limitBytesPerSecond: UInt64?
    /// Of the burst that is being healed: 0...1, and 1 when nothing is left. Never falls within a burst.
    public var fractionDone: Double
    public var eta: Duration?
    public var etaQuality: EtaQuality
    /// In volfile order.
    public var copies: [CopyStatus]
    /// What is being healed now.
    public var active: [ActiveHeal]
    public var quarantine: [QuarantinedFile]
    /// The newest last; a few dozen at most.
    public var history: [FinishedHeal]
    /// Bypass writers of this volume that live.
    public var writers: [WriterStatus]
    /// What keeps the healer from knowing whether all is clean.
    public var unseen: [BlindSpot]
    public var counters: HealCounters
    public var isPaused: Bool
    /// Set when something else takes our marks off: a sentence that says what, and how to turn it off.
    public var foreignHealer: String?
    /// When everything was last clean.
    public var lastClean: Timestamp?
    /// Which healer says so.
    public var healer: Gfid
    /// When it took these figures.
    public var time: Timestamp

    public init(
        volume: String, volumeID: Gfid, state: State, writes: WriteMode = .none, target: String? = nil,
        lag: Duration = .zero, lagLimit: Duration? = nil, backlog: Backlog = Backlog(), rateBytesPerSecond: UInt64 = 0,
        limitBytesPerSecond: UInt64? = nil, fractionDone: Double = 1, eta: Duration? = nil,
        etaQuality: EtaQuality = .unknown, copies: [CopyStatus] = [], active: [ActiveHeal] = [],
        quarantine: [QuarantinedFile] = [], history: [FinishedHeal] = [], writers: [WriterStatus] = [],
        unseen: [BlindSpot] = [], counters: HealCounters = HealCounters(), isPaused: Bool = false,
        foreignHealer: String? = nil, lastClean: Timestamp? = nil, healer: Gfid, time: Timestamp
    ) {
        self.unseen = unseen
        (self.volume, self.volumeID, self.state, self.writes, self.target) = (volume, volumeID, state, writes, target)
        (self.lag, self.lagLimit, self.backlog) = (lag, lagLimit, backlog)
        (self.rateBytesPerSecond, self.limitBytesPerSecond) = (rateBytesPerSecond, limitBytesPerSecond)
        (self.fractionDone, self.eta, self.etaQuality) = (fractionDone, eta, etaQuality)
        (self.copies, self.active, self.quarantine, self.history) = (copies, active, quarantine, history)
        (self.writers, self.counters, self.isPaused) = (writers, counters, isPaused)
        (self.foreignHealer, self.lastClean, self.healer, self.time) = (foreignHealer, lastClean, healer, time)
    }
}

/// What is recorded or pending and not healed.
public struct Backlog: Equatable, Sendable {
    public var files: Int, ranges: Int
    public var bytes: UInt64

    public init(files: Int = 0, ranges: Int = 0, bytes: UInt64 = 0) {
        (self.files, self.ranges, self.bytes) = (files, ranges, bytes)
    }
    public var isEmpty: Bool { files == 0 && ranges == 0 && bytes == 0 }
}

/// A bypass writer that lives.
public struct WriterStatus: Equatable, Sendable {
    public var writer: Gfid
    /// The name of the replica it writes to.
    public var target: String
    /// Since its last message.
    public var fresh: Duration

    public init(writer: Gfid, target: String, fresh: Duration) {
        (self.writer, self.target, self.fresh) = (writer, target, fresh)
    }
}

/// Counts since the healer's start (FEATURES C7).
public struct HealCounters: Equatable, Sendable {
    public var recordsReceived = 0, recordsLost = 0, recordsDuplicate = 0, recordGaps = 0
    /// Messages to the healer that were no records.
    public var recordsRefused = 0
    public var healsStarted = 0, healsCompleted = 0, healsFailed = 0
    /// Bytes moved by each method, and bytes found equal and not moved.
    public var healedBytes: [HealMethod: UInt64] = [:]
    public var skippedBytes: UInt64 = 0

    public init() {}
}
