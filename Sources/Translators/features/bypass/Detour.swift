import TranslatorCore

/// Why data fops of an inode go through replicate for a while.
enum Detour: Int, CaseIterable, Sendable {
    /// No open file of this mount stands behind the fop, so there is no lease to work under.
    case notOpen
    /// Nobody journals and publishes: no observer, or it has no room.
    case noJournal
    /// `bypass-rules`, sizes or owners say so.
    case ruledOut
    /// Another mount holds the lease.
    case leaseRefused
    /// A replica accuses the target, or a transaction was left half-way.
    case targetAccused
    /// Somebody heals this file, and it may be towards the target.
    case healing
    /// The target is down, or a replica does not have the file.
    case unreachable
    /// A lock, the mark or its fsync failed.
    case failed
    /// The target's inode has no room for the marks: xattrs of its user fill it.
    case noRoom
    /// Somebody else wants the whole file.
    case contention
    /// 2^14 epochs of this file are not healed, or its counters are used up.
    case tooManyEpochs
    /// The oldest epoch of this file that is not healed is older than `max-lag`.
    case lag
    /// More is recorded and not healed than `max-backlog`.
    case backlog
    /// `fsync` is quorum or all, and a replica is down.
    case degraded
    /// The graph is going down.
    case stopping

    /// Whether `over-limit block` makes writes wait for its end.
    var isOverLimit: Bool { self == .lag || self == .backlog }

    /// The word for status, statedumps and metrics.
    var name: String {
        switch self {
        case .notOpen: "not-open"
        case .noJournal: "no-journal"
        case .ruledOut: "ruled-out"
        case .leaseRefused: "lease-refused"
        case .targetAccused: "target-accused"
        case .healing: "healing"
        case .unreachable: "unreachable"
        case .failed: "failed"
        case .noRoom: "no-room"
        case .contention: "contention"
        case .tooManyEpochs: "too-many-epochs"
        case .lag: "max-lag"
        case .backlog: "max-backlog"
        case .degraded: "degraded"
        case .stopping: "stopping"
        }
    }
}

/// Why an epoch was closed without a successor.
enum CloseReason: Int, CaseIterable, Sendable {
    case idle, lastClose, contention, tooManyEpochs, lag, backlog
    /// A replica that holds a lock of ours went down.
    case lockLost
    /// A replica came back that does not hold the lease yet.
    case replicaReturned
    case rollFailed
    /// An open with O_TRUNC goes through replicate.
    case truncatedAtOpen
    case stopping

    /// Whether the lease goes too.
    var dropsLease: Bool {
        switch self {
        case .lockLost, .replicaReturned, .rollFailed, .stopping: true
        case .idle, .lastClose, .contention, .tooManyEpochs, .lag, .backlog, .truncatedAtOpen: false
        }
    }

    /// Where data fops go afterwards; nil: the next one opens an epoch again.
    var detour: Detour? {
        switch self {
        case .contention: .contention
        case .tooManyEpochs: .tooManyEpochs
        case .lag: .lag
        case .backlog: .backlog
        case .rollFailed: .failed
        case .stopping: .stopping
        case .idle, .lastClose, .lockLost, .replicaReturned, .truncatedAtOpen: nil
        }
    }

    var name: String {
        switch self {
        case .idle: "idle"
        case .lastClose: "last-close"
        case .contention: "contention"
        case .tooManyEpochs: "too-many-epochs"
        case .lag: "max-lag"
        case .backlog: "max-backlog"
        case .lockLost: "lock-lost"
        case .replicaReturned: "replica-returned"
        case .rollFailed: "roll-failed"
        case .truncatedAtOpen: "truncated-at-open"
        case .stopping: "stopping"
        }
    }
}
