import TranslatorCore

/// What `healctl` asks of a healer.
public enum ControlRequest: Equatable, Sendable {
    /// Answered by `.status`.
    case status
    /// Answered by `.info`; with at most `entriesMax` entries for each brick.
    case info(entriesMax: Int)
    /// Answered by `.queue`, the oldest first, with at most `filesMax` files.
    case queue(filesMax: Int)
    /// Answered by `.queue` with that file or none.
    case queued(FileReference)
    /// Answered by `.done`. Heals under way end first; pausing outlives a restart.
    case pause
    case resume
    /// Reads the bricks' indices. Answered by `.done` when that is done: whatever anybody marked before is in the next
    /// status.
    case look
    /// Takes this file, or all if nil, out of quarantine. Answered by `.done`.
    case retry(FileReference?)
    /// Heals the file now. With `waits`, the answer comes when it has been healed or has failed.
    case heal(FileReference, waits: Bool)
    /// Answered by `.splitBrains`.
    case splitBrains
    /// Keeps what this replica has under a name on which the replicas differ; a path from the volume's root. What the
    /// others have gets names beside it, or is discarded. Answered by `.done`.
    case keep(path: String, replica: String, discards: Bool)
}

/// A file as a person names it.
public enum FileReference: Equatable, Sendable {
    case gfid(Gfid)
    /// From the volume's root, with or without a leading slash.
    case path(String)
}

extension FileReference: CustomStringConvertible {
    public var description: String {
        switch self {
        case .gfid(let gfid): "<gfid:\(gfid)>"
        case .path(let path): path
        }
    }
}

/// What a healer answers.
public enum ControlReply: Equatable, Sendable {
    case status(HealStatus)
    case info([BrickHealInfo])
    /// `total` counts those that were left out too.
    case queue([QueuedFile], total: Int)
    /// One sentence for the person who asked.
    case done(String)
    /// Healed: what was moved. Nil when nothing was pending.
    case healed(FinishedHeal?)
    case splitBrains([SplitBrain])
    case failed(ControlFailure)
}

/// Why a healer did not do what it was asked.
public struct ControlFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What kind of failure it is, for exit codes and programs.
    public enum Reason: String, Sendable, CaseIterable {
        case unknownFile = "unknown-file"
        case healFailed = "heal-failed"
        case splitBrain = "split-brain"
        case replicaDown = "replica-down"
        case badRequest = "bad-request"
        case busy
        case stopping
    }
    public var reason: Reason
    /// One sentence that says what is wrong and what to do.
    public var description: String

    public init(_ reason: Reason, _ description: String) { (self.reason, self.description) = (reason, description) }
}
