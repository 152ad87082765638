import TranslatorCore

/// One copy of a volume, as `healctl status` lists it.
public struct CopyStatus: Equatable, Sendable {
    /// How a copy stands to the others.
    public enum State: String, Sendable, CaseIterable {
        /// Others are healed from it.
        case source
        case clean, healing
        /// Something is pending against it and nothing moves.
        case behind
        /// Its brick is not reached.
        case down
        /// A heal to it failed; see the quarantine.
        case failed
        case unknown
    }

    /// The replica's name in the volfile.
    public var name: String
    /// The host of its brick; empty for a directory on this machine.
    public var host: String
    /// The brick's directory.
    public var brick: String
    public var state: State
    /// Bytes that it lacks, as far as is known.
    public var behindBytes: UInt64
    public var lag: Duration
    public var rateBytesPerSecond: UInt64
    /// Files with a pending count against it.
    public var pending: PendingFiles
    public var splitBrain: Int
    public var failed: Int
    public var lastClean: Timestamp?

    public init(
        name: String, host: String = "", brick: String = "", state: State, behindBytes: UInt64 = 0,
        lag: Duration = .zero, rateBytesPerSecond: UInt64 = 0, pending: PendingFiles = PendingFiles(),
        splitBrain: Int = 0, failed: Int = 0, lastClean: Timestamp? = nil
    ) {
        (self.name, self.host, self.brick, self.state) = (name, host, brick, state)
        (self.behindBytes, self.lag, self.rateBytesPerSecond) = (behindBytes, lag, rateBytesPerSecond)
        (self.pending, self.splitBrain, self.failed, self.lastClean) = (pending, splitBrain, failed, lastClean)
    }
}

/// How many files have a count of each kind.
public struct PendingFiles: Equatable, Sendable {
    public var data: Int, metadata: Int, entry: Int
    public init(data: Int = 0, metadata: Int = 0, entry: Int = 0) {
        (self.data, self.metadata, self.entry) = (data, metadata, entry)
    }
}
