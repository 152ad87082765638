import TranslatorCore

/// How a file is healed.
public enum HealMethod: String, Sendable, CaseIterable {
    /// The recorded ranges and nothing else.
    case range
    /// The whole file, moving only windows whose checksums differ.
    case diff
    /// The whole file.
    case full
    case metadata, entry
}

/// A file whose heal is under way.
public struct ActiveHeal: Equatable, Sendable {
    public var gfid: Gfid
    /// When known; bytes that are not UTF-8 are shown as replacement characters.
    public var path: String?
    /// Names of the replicas it goes to.
    public var sinks: [String]
    public var method: HealMethod
    /// `bytesDone` never exceeds `bytesTotal`, and equals it at the end.
    public var bytesTotal: UInt64, bytesDone: UInt64
    public var rateBytesPerSecond: UInt64
    public var eta: Duration?
    public var worker: String

    public init(
        gfid: Gfid, path: String? = nil, sinks: [String], method: HealMethod, bytesTotal: UInt64, bytesDone: UInt64,
        rateBytesPerSecond: UInt64 = 0, eta: Duration? = nil, worker: String = ""
    ) {
        (self.gfid, self.path, self.sinks, self.method) = (gfid, path, sinks, method)
        (self.bytesTotal, self.bytesDone) = (bytesTotal, bytesDone)
        (self.rateBytesPerSecond, self.eta, self.worker) = (rateBytesPerSecond, eta, worker)
    }
}

/// A file that could not be healed and is left alone until `nextTry`.
public struct QuarantinedFile: Equatable, Sendable {
    public var gfid: Gfid
    public var path: String?
    public var sinks: [String]
    /// One sentence: what failed, and what to do.
    public var reason: String
    public var isSplitBrain: Bool
    public var attempts: Int
    public var since: Timestamp
    /// Nil when only an operator can help.
    public var nextTry: Timestamp?

    public init(
        gfid: Gfid, path: String? = nil, sinks: [String], reason: String, isSplitBrain: Bool = false, attempts: Int,
        since: Timestamp, nextTry: Timestamp?
    ) {
        (self.gfid, self.path, self.sinks, self.reason) = (gfid, path, sinks, reason)
        (self.isSplitBrain, self.attempts, self.since, self.nextTry) = (isSplitBrain, attempts, since, nextTry)
    }
}

/// A heal that has ended well.
public struct FinishedHeal: Equatable, Sendable {
    public var gfid: Gfid
    public var path: String?
    public var sinks: [String]
    public var method: HealMethod
    /// Why this method and no cheaper one, in words.
    public var reason: String
    /// Bytes moved, and bytes found equal.
    public var bytesMoved: UInt64, bytesSkipped: UInt64
    public var took: Duration
    public var finished: Timestamp

    public init(
        gfid: Gfid, path: String? = nil, sinks: [String], method: HealMethod, reason: String = "", bytesMoved: UInt64,
        bytesSkipped: UInt64 = 0, took: Duration, finished: Timestamp
    ) {
        (self.gfid, self.path, self.sinks, self.method, self.reason) = (gfid, path, sinks, method, reason)
        (self.bytesMoved, self.bytesSkipped, self.took, self.finished) = (bytesMoved, bytesSkipped, took, finished)
    }
}

/// A file in the healer's queue: `healctl queue list` and `show`.
public struct QueuedFile: Equatable, Sendable {
    /// Where in the queue it is.
    public enum State: String, Sendable, CaseIterable { case waiting, active, quarantined }

    public var gfid: Gfid
    public var path: String?
    public var state: State
    public var sinks: [String]
    /// Nil until it was inspected.
    public var method: HealMethod?
    /// Recorded and not healed, as far as known.
    public var ranges: Int
    public var bytes: UInt64
    /// When the oldest of it was recorded or found.
    public var since: Timestamp
    /// What it waits for or failed of, in words; empty when it only waits for its turn.
    public var note: String

    public init(
        gfid: Gfid, path: String? = nil, state: State, sinks: [String] = [], method: HealMethod? = nil, ranges: Int = 0,
        bytes: UInt64 = 0, since: Timestamp, note: String = ""
    ) {
        (self.gfid, self.path, self.state, self.sinks, self.method) = (gfid, path, state, sinks, method)
        (self.ranges, self.bytes, self.since, self.note) = (ranges, bytes, since, note)
    }
}

/// What one brick holds pending, in the terms of `gluster volume heal info`.
public struct BrickHealInfo: Equatable, Sendable {
    /// One pending file of the brick.
    public struct Entry: Equatable, Sendable {
        public var gfid: Gfid
        public var path: String?
        public var isSplitBrain: Bool, isHealing: Bool
        /// Why its last heal failed; nil where none did.
        public var failure: String?
        public init(
            gfid: Gfid, path: String? = nil, isSplitBrain: Bool = false, isHealing: Bool = false, failure: String? = nil
        ) {
            (self.gfid, self.path, self.isSplitBrain, self.isHealing) = (gfid, path, isSplitBrain, isHealing)
            self.failure = failure
        }
    }

    /// `host:/directory`.
    public var brick: String
    public var isConnected: Bool
    /// Why its index is not read though it is connected: how many there are, nobody knows then.
    public var blindSpot: BlindSpot?
    /// How many there are in all; `entries` may hold fewer.
    public var total: Int, splitBrain: Int, healing: Int
    public var entries: [Entry]

    /// Whether the figures say anything.
    public var isSeen: Bool { isConnected && blindSpot == nil }

    public init(
        brick: String, isConnected: Bool, blindSpot: BlindSpot? = nil, total: Int, splitBrain: Int = 0,
        healing: Int = 0, entries: [Entry] = []
    ) {
        (self.brick, self.isConnected, self.blindSpot, self.total) = (brick, isConnected, blindSpot, total)
        (self.splitBrain, self.healing, self.entries) = (splitBrain, healing, entries)
    }
}
